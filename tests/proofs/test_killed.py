"""Server processes are killed under load, and PostgreSQL is stopped in the middle: what was acknowledged is there."""

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import pytest

from database import db, drop_broken_connection, on_sqlite, open_database
from quanbao.operations import migrate
from tests.operations.test_database_away import Cluster
from tests.proofs import engine, size
from tests.support.factories import World
from tests.support.racing import check, crowd, database_line
from tests.support.servers import Site
from tests.support.tills import Tills

pytestmark = [pytest.mark.promise("survives kill -9"), pytest.mark.race]

KILLS = size(8, 250)  # on each engine
STOPS = size(2, 30)
PROCESSES = 4
PEOPLE, PASSWORDS = 160, 4
LATELY = 5  # seconds
USES = 10_000


@pytest.fixture
def holders(world, database):
    """Of several passwords: of one's tries only a hundred may be under way, and those of a killed process are for a
    minute."""
    campaigns = [
        world.campaign(password=world.make_password(), quantity=1_000_000, uses_per_voucher=USES)
        for _ in range(PASSWORDS)
    ]
    return [holder for campaign in campaigns for holder in crowd(database, world, campaign, PEOPLE // PASSWORDS)]


def test_processes_that_are_killed_lose_nothing_and_are_replaced(world, database, holders, proved):
    killed, taken = 0, []
    with (
        Site(database, world, "named_processes", processes=PROCESSES) as site,
        Tills(site, holders) as tills,
    ):
        while killed < KILLS:
            count, seconds = kill(tills)
            killed += count
            taken.append(seconds)
        tills.__exit__()
        assert tills.again()
    assert_nothing_is_lost(database, world, tills)
    if on_sqlite():
        assert db.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
    proved(f"{engine()}: {killed} kills, {len(tills.receipts):,} acknowledged, 0 lost, replaced after {spread(taken)}")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_control_a_verdict_before_its_commit_is_lost(world, database, holders):
    with (
        Site(database, world, "early_verdict", processes=PROCESSES) as site,
        Tills(site, holders) as tills,
    ):
        for _ in range(40):
            kill(tills)
            if tills.lost():
                break
    assert tills.lost()


def alive(tills: Tills) -> list[int]:
    """Processes that answered a moment ago: the number of one that ended may be another program's by now."""
    lately = time.monotonic() - LATELY
    return [process for process, at in list(tills.heard.items()) if process and at > lately and _is_there(process)]


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def kill(tills: Tills) -> tuple[int, float]:
    """Kill some at random, and leave at least one: how many, and seconds until as many others answer in their place."""
    tills.until(lambda: len(alive(tills)) == PROCESSES, "an answer of each process")
    there, start = alive(tills), time.monotonic()
    doomed = random.sample(there, random.randrange(1, PROCESSES))
    for process in doomed:
        os.kill(process, signal.SIGKILL)
    tills.until(
        lambda: (
            len(
                [
                    process
                    for process, at in list(tills.heard.items())
                    if process and at > start and process not in there
                ]
            )
            == len(doomed)
        ),
        "the replacements",
    )
    return len(doomed), time.monotonic() - start


def spread(seconds: list[float]) -> str:
    return f"{median(seconds):.2f} s (p50), {max(seconds):.2f} s (max)"


def assert_nothing_is_lost(database, world, tills: Tills) -> None:
    assert tills.receipts
    assert tills.lost() == []
    assert tills.said <= {(200, None), (503, "busy"), (503, "unknown"), (503, None)}
    result = check(database, world)
    assert (result.returncode, result.stderr) == (0, database_line(database))


# PostgreSQL itself


@pytest.fixture
def cluster(postgres_server) -> Iterator[Cluster]:
    """One that takes care of what it wrote, as in a shop."""
    with Cluster(fsync="on", full_page_writes="on") as server:
        yield server


@pytest.fixture
def there(cluster, settings):
    url = cluster.create("test")
    open_database(url, None)
    migrate.migrate()
    yield replace(settings, database_url=url)
    drop_broken_connection()
    db.close()


def test_postgresql_that_is_stopped_at_once_loses_nothing(cluster, there, clock, keys, proved):
    world, taken = World(clock, keys), []
    people = crowd(there, world, world.campaign(quantity=1_000_000, uses_per_voucher=USES), PEOPLE)
    db.close()
    with Site(there, world, "named_processes", processes=2) as site, Tills(site, people) as tills:
        for _ in range(STOPS):
            before = len(tills.receipts)
            tills.until(lambda: len(tills.receipts) >= before + 20, "redemptions")  # noqa: B023
            taken.append(stop_and_start(cluster, tills))
        tills.__exit__()
        assert tills.again()
    assert_nothing_is_lost(there, world, tills)
    proved(
        f"postgresql: {STOPS} immediate stops, {len(tills.receipts):,} acknowledged, 0 lost, "
        f"redeemed again after {spread(taken)}"
    )


def stop_and_start(cluster: Cluster, tills: Tills) -> float:
    """Seconds from the start of PostgreSQL to the next redemption; no server process is started again."""
    cluster.go_away("immediate")
    start = time.monotonic()
    cluster.come_back()
    tills.until(lambda: tills.redeemed_at > start, "a redemption")
    return tills.redeemed_at - start
