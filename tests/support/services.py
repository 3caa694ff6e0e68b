"""The session's own PostgreSQL, Redis and browser, and a loud word about what is not there.

A machine's own servers are never used: they may hold somebody's data, and their settings are not ours.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import NoReturn

import pytest

from tests.support.programs import Missing, browser_executable, firefox_executable, webkit_programs
from tests.support.servers import Pgbouncer, Postgres, Redis

LEFT_OUT = "left out: no "


def leave_out(what: str, cure: str) -> NoReturn:
    """The only way to skip for want of a service: CI may not be green without it, a person must see it."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI leaves nothing out: {cure}", pytrace=False)
    pytest.skip(f"{LEFT_OUT}{what}: {cure}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with _needed(Postgres) as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer(postgres_server: Postgres) -> Iterator[Pgbouncer]:
    """In front of the session's PostgreSQL, as the package is, but in transaction mode."""
    with _needed(partial(Pgbouncer, postgres_server)) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with _needed(Redis) as server:
        yield server


@pytest.fixture(scope="session")
def browser_path() -> str:
    """For playwright's executable_path: its own browser downloads are not needed."""
    return _needed(browser_executable)


@pytest.fixture(scope="session")
def webkit_paths() -> tuple[str, str, str]:
    """Its driver, the browser, and the program that draws its screen."""
    return _needed(webkit_programs)


@pytest.fixture(scope="session")
def firefox_path() -> str:
    return _needed(firefox_executable)


def _needed(find: Callable):
    try:
        return find()
    except Missing as missing:
        reason = missing
    leave_out(reason.what, reason.cure)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter) -> Iterator[None]:
    """Skips are easily overlooked: what a machine lacks is named once more, right above the closing line."""
    yield
    skipped = Counter(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", []))
    left_out = {reason.partition(LEFT_OUT)[2]: count for reason, count in skipped.items() if LEFT_OUT in reason}
    if not left_out:
        return
    terminalreporter.section("LEFT OUT", sep="!", red=True, bold=True)
    for what, count in left_out.items():
        terminalreporter.line(f"{count} tests did not run, no {what}", red=True, bold=True)
    terminalreporter.section("NOT EVERYTHING WAS TESTED", sep="!", red=True, bold=True)
