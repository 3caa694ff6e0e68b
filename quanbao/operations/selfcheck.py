"""Racing redemptions against a scratch database: does this machine, with this engine, keep the promise?

Each voucher is redeemed by several tills at the same moment, and a campaign by more customers than it has to give
to. With the guards off the same races must do damage, or they would prove nothing.
"""

import secrets
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from urllib.parse import quote

from database import db, open_database
from models import Account, Campaign, Redemption, Voucher
from quanbao.campaigns import figures
from quanbao.operations import bulk_import, migrate, unguarded
from quanbao.redemption import redeem as redemption
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.redeem import AttemptRequest, Keys, Verdict
from quanbao.vouchers import wallet

TILLS = 8  # at once at one voucher
VOUCHERS = 20
QUANTITY, CUSTOMERS = 10, 40
PASSWORD = "482913"
LOOK = 0.1  # seconds; in one process all tills are soon at the same point


class Refused(Exception):
    """There is no scratch database to be had; the text says why."""


def run(database_url: str | None, *, broken: bool, clock: Callable[[], datetime]) -> list[str]:
    """Race on the engine in use and return what went wrong, a line each; the data of the shop is not touched.

    Raises Refused where it would be.
    """
    with _scratch(database_url):
        migrate.migrate()
        keys = Keys(password=secrets.token_hex(32), receipts=secrets.token_hex(32))
        bulk_import.load(_document(clock()), now=clock(), password_key=keys.password)
        if broken:
            unguarded.drop_last_guard()
            unguarded.switch_off(LOOK)
        for voucher in _held("twice"):
            _together([voucher] * TILLS, clock, keys)
        _together(_held("oversold"), clock, keys)
        return [*_damage(), *figures.differences()]


@contextmanager
def _scratch(database_url: str | None) -> Iterator[None]:
    """A database that is gone afterwards: a file, or a schema of its own on the same PostgreSQL."""
    if database_url is None:
        with tempfile.TemporaryDirectory(prefix="quanbao-selfcheck-") as folder:
            open_database(None, Path(folder) / "quanbao.sqlite3")
            yield
            db.close()
        return
    name = f"quanbao_selfcheck_{secrets.token_hex(6)}"
    open_database(database_url, None)
    db.execute_sql(f"CREATE SCHEMA {name}")
    try:
        separator = "&" if "?" in database_url else "?"
        open_database(f"{database_url}{separator}options={quote(f'-c search_path={name}')}", None)
        if db.execute_sql("SELECT current_schema()").fetchone() != (name,):
            raise Refused(
                "selfcheck: a pooler in between drops search_path: name PostgreSQL itself in QUANBAO_DATABASE_URL"
            )
        yield
    finally:
        open_database(database_url, None)
        db.execute_sql(f"DROP SCHEMA {name} CASCADE")
        db.close()


def _document(now: datetime) -> dict:
    customers = [f"customer{number}@selfcheck.example" for number in range(CUSTOMERS)]
    period = {"starts_at": (now - timedelta(days=1)).isoformat(), "ends_at": (now + timedelta(days=1)).isoformat()}
    campaign = {"kind": "gift", "product": "Selfcheck", "place": "Main", "redemption_password": PASSWORD, **period}
    return {
        "merchants": [
            {
                "slug": "selfcheck",
                "name": "Selfcheck",
                "time_zone": "UTC",
                "currency": "EUR",
                "branches": [{"slug": "main", "name": "Main"}],
                "members": [],
                "campaigns": [
                    {"slug": "twice", "quantity": 1000, "publish_to": customers[:VOUCHERS], **campaign},
                    {"slug": "oversold", "quantity": QUANTITY, "publish_to": customers, **campaign},
                ],
            }
        ],
        "consumers": [{"email": email} for email in customers],
    }


def _held(slug: str) -> list[Voucher]:
    rows = Voucher.select(Voucher, Account, Campaign).join(Account, on=Voucher.consumer).switch(Voucher).join(Campaign)
    return list(rows.where(Campaign.slug == slug).order_by(Voucher.id))


def _together(held: list[Voucher], clock: Callable[[], datetime], keys: Keys) -> None:
    """Redeem these vouchers at the same moment, each at a till of its own, until the database takes each try."""
    start = Barrier(len(held))

    def redeem(voucher: Voucher) -> None:
        what = AttemptRequest(voucher.consumer, voucher.code, str(uuid.uuid4()), PASSWORD, TillEntry())
        start.wait()
        try:
            while _is_busy(redemption.attempt(what, clock=clock, keys=keys)):
                time.sleep(0.05)
        finally:
            db.close()

    tills = [Thread(target=redeem, args=(voucher,)) for voucher in held]
    for till in tills:
        till.start()
    for till in tills:
        till.join()


def _is_busy(verdict: Verdict) -> bool:
    return verdict.retry_after is not None


def _damage() -> Iterator[str]:
    for voucher in _held("twice"):
        if (count := len(wallet.redemptions(voucher))) != 1:
            yield f"a voucher good for one use was redeemed {count} times"
    sold = Redemption.select().join(Campaign).where(Campaign.slug == "oversold").count()
    if sold != QUANTITY:
        yield f"a campaign with a quantity of {QUANTITY} was redeemed {sold} times"
