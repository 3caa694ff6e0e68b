"""What one redemption costs, compared with the smallest answer that the application has (`GET /healthz`).

    .venv/bin/python bench/redemption.py [--rounds 300]

Processor time of the whole request in the application, without the HTTP server and without PostgreSQL's own; all
kinds in turn, so that they meet the same weather.
"""

import argparse
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' helpers are of no installed package
sys.path.insert(0, str(Path(__file__).parent))

from figures_page import postgresql, sqlite
from flask import Flask
from werkzeug.test import EnvironBuilder

from config import Settings, from_environment
from database import db, on_sqlite, open_database
from quanbao.operations import migrate
from quanbao.passwords.guess_limits import CONSUMER_FREE
from quanbao.redemption.redeem import Keys
from tests.support.clock import Clock
from tests.support.factories import PASSWORD, WRONG, World
from tests.support.programs import Missing
from tests.support.racing import FORM_HEADERS, Holder, crowd
from web import create_app

TRIVIAL = "GET /healthz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300, help="how often each is asked for")
    rounds = parser.parse_args().rounds
    for engine in (sqlite, postgresql):
        with tempfile.TemporaryDirectory() as folder:
            try:
                with engine(from_environment({"QUANBAO_DATA": folder})) as settings:
                    compare(settings, rounds)
            except Missing as missing:
                print(f"{missing.what} is missing: {missing.cure}")


def compare(settings: Settings, rounds: int) -> None:
    """Print a line a kind of request: what it takes, and how many times as much as the smallest."""
    open_database(settings.database_url, settings.sqlite_file)
    migrate.migrate()
    world = World(
        Clock("2026-12-01T12:00:00+08:00"), Keys(password=settings.password_key, receipts=settings.secret_key)
    )
    app, asked = create_app(settings, clock=world.clock), requests(settings, world, rounds)
    world.clock.forward(seconds=1)  # a session that was used at this very moment would get its cookie anew
    times: dict[str, list[float]] = {kind: [] for kind in asked}
    for _ in range(rounds):
        for kind, ask in asked.items():
            status, environ = ask()
            times[kind].append(spent(app, environ, status))
    smallest = median(times[TRIVIAL])
    print(f"\n{'SQLite' if on_sqlite() else 'PostgreSQL'}: {'ms of the processor':33}{'times the smallest':>20}")
    for kind, taken in times.items():
        print(f"{kind:34}{median(taken) * 1000:10.2f}{median(taken) / smallest:20.1f}")
    db.close()


def requests(settings: Settings, world: World, rounds: int) -> dict[str, Callable[[], tuple[int, dict]]]:
    """By kind: what makes the next request of it, and the status that is to come."""
    fresh = iter(crowd(settings, world, world.campaign(quantity=rounds), rounds))
    guessers, redeemed = _guessers(settings, world, rounds), []

    def redeem() -> tuple[int, dict]:
        redeemed[:] = [next(fresh), str(uuid.uuid4())]
        return 200, post(*redeemed)

    return {
        TRIVIAL: lambda: (200, EnvironBuilder("/healthz").get_environ()),
        "redeemed": redeem,
        "the same attempt again": lambda: (200, post(*redeemed)),
        "its verdict asked for": lambda: (200, get(f"/attempts/{redeemed[1]}", redeemed[0])),
        "refused, redeemed already": lambda: (409, post(redeemed[0], str(uuid.uuid4()))),
        "refused, wrong password": lambda: (403, post(next(guessers), str(uuid.uuid4()), WRONG)),
    }


def _guessers(settings: Settings, world: World, rounds: int) -> Iterator[Holder]:
    """So few of each password, and so few tries of each, that all are compared."""
    each = 18
    for _ in range(0, rounds, each * CONSUMER_FREE):
        people = crowd(settings, world, world.campaign(password=world.make_password()), each)
        for _ in range(CONSUMER_FREE):
            yield from people


def post(holder: Holder, attempt_id: str, password: str = PASSWORD) -> dict:
    return EnvironBuilder(
        f"/vouchers/{holder.code}/redemptions",
        method="POST",
        headers=_headers(holder),
        data={"password": password, "attempt_id": attempt_id},
    ).get_environ()


def get(path: str, holder: Holder) -> dict:
    return EnvironBuilder(path, headers=_headers(holder)).get_environ()


def _headers(holder: Holder) -> dict[str, str]:
    return {name: value for name, value in FORM_HEADERS.items() if name != "Content-Type"} | {"Cookie": holder.cookie}


def spent(app: Flask, environ: dict, expected: int) -> float:
    """Seconds of the processor for the whole answer."""
    heard = []
    began = process_time()
    b"".join(app(environ, lambda status, headers, exc_info=None: heard.append(status)))
    took = process_time() - began
    assert heard[0].startswith(str(expected)), heard
    return took


if __name__ == "__main__":
    main()
