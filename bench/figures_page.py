"""What a merchant's pages cost for a campaign with 1,000 redemptions, and for one with 1,000,000.

.venv/bin/python bench/figures_page.py [--large 1000000] [--rounds 40]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import urljoin

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' helpers are of no installed package

from config import Settings, from_environment
from database import db, on_sqlite, open_database
from models import Attempt, Campaign, Role
from quanbao.operations import migrate
from quanbao.redemption.redeem import Keys
from tests.support.clock import Clock
from tests.support.factories import World
from tests.support.large_ledgers import fill
from tests.support.page_client import PageClient
from tests.support.programs import Missing
from tests.support.servers import Postgres
from web import create_app

SMALL = 1000
PAGES = {
    "figures": "figures",
    "figures, asked again": "{polled}",
    "attempts": "attempts",
    "attempts, half way": "attempts?before={middle}",
    "redemptions": "attempts?which=redeemed",
    "refusals": "attempts?which=refused",
    "refusals of one kind": "attempts?which=price_changed",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", type=int, default=1_000_000, help="redemptions of the large campaign")
    parser.add_argument("--rounds", type=int, default=40, help="how often each page is asked for")
    wanted = parser.parse_args()
    for engine in (sqlite, postgresql):
        with tempfile.TemporaryDirectory() as folder:
            try:
                with engine(from_environment({"QUANBAO_DATA": folder})) as settings:
                    compare(settings, wanted.large, wanted.rounds)
            except Missing as missing:
                print(f"{missing.what} is missing: {missing.cure}")


@contextmanager
def sqlite(settings: Settings) -> Iterator[Settings]:
    yield settings


@contextmanager
def postgresql(settings: Settings) -> Iterator[Settings]:
    with Postgres() as server:
        yield replace(settings, database_url=server.create("bench"))
        db.close()


def compare(settings: Settings, large: int, rounds: int) -> None:
    """Print a line a page: what it takes with each campaign, and the ratio of the two."""
    clock = Clock("2026-12-01T12:00:00+08:00")
    open_database(settings.database_url, settings.sqlite_file)
    migrate.migrate()
    if not on_sqlite():
        db.execute_sql("SET statement_timeout = 0")  # a million rows in one statement take longer than a till may
    world = World(clock, Keys(password=settings.password_key, receipts=settings.secret_key))
    campaigns = [fill(world, size) for size in (SMALL, large)]
    clock.forward(days=27)
    owner = PageClient(create_app(settings, clock=clock)).sign_in(world.member(role=Role.OWNER))
    print(f"\n{'SQLite' if on_sqlite() else 'PostgreSQL'}: {'ms a page, of':21}{SMALL:>10,}{large:>12,}     ratio")
    for name, page in PAGES.items():
        small, big = measure(owner, [address(owner, campaign, page) for campaign in campaigns], rounds)
        print(f"{name:33}{small * 1000:10.2f}{big * 1000:12.2f}{big / small:10.2f}")


def address(owner: PageClient, campaign: Campaign, page: str) -> str:
    here = f"/merchants/lotus/campaigns/{campaign.slug}/"
    [polled] = [part["hx-get"] for _, part in owner.get(here + "figures").tags if "hx-get" in part]
    newest = Attempt.select().where(Attempt.campaign == campaign).order_by(Attempt.id.desc()).get()
    return urljoin(here, page.format(polled=polled, middle=newest.id - campaign.redeemed // 2))


def measure(owner: PageClient, addresses: list[str], rounds: int) -> list[float]:
    """Seconds a page, the median of each; asked for in turn, so that both meet the same weather."""
    times: list[list[float]] = [[] for _ in addresses]
    for _ in range(rounds):
        for path, taken in zip(addresses, times, strict=True):
            start = perf_counter()
            answer = owner._send("GET", path, {"HX-Request": "true"}, {})
            taken.append(perf_counter() - start)
            assert answer.status_code in (200, 204), answer.status_code
    return [median(taken) for taken in times]


if __name__ == "__main__":
    main()
