"""What an owner changes while a try is judged: the verdict is of one moment, before or after.

The change is made in a thread and connection of its own, right before the nth statement of the try, for every n; in
the long form then at random as well. Where it has to wait for the try's locks, the try goes on. The last test is the
control.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from database import db, on_sqlite, write_transaction
from models import Attempt, Branch, Campaign, Redemption, Voucher
from quanbao.campaigns import editing, entered_values, figures
from quanbao.merchants import branches
from quanbao.operations import unguarded
from quanbao.passwords import redemption_passwords
from quanbao.redemption import attempts, redeem, situation
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import issuing
from quanbao.vouchers.wallet import moment
from tests.proofs import engine, size
from tests.support.crowds import make_customers
from tests.support.factories import PASSWORD, World

pytestmark = [pytest.mark.promise("changed while judged"), pytest.mark.race]

TRIES = size(8, 100)  # of each of the kinds of change, on each engine
OTHER = "750264"
DEADLINE = 30  # seconds until a change is through, or waits for a lock
LATEST = 0.03  # seconds; most tries are through by then
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@dataclass(frozen=True)
class Change:
    """What an owner does, what is tried meanwhile, and the reasons that are right before and after."""

    name: str
    act: Callable[[World, Campaign], Any]
    before: Reason | None = None
    after: Reason | None = None
    typed: str = PASSWORD
    till: dict[str, Any] = field(default_factory=dict)
    sold_out: bool = False


def edit(**entered: Any) -> Callable[[World, Campaign], None]:
    return lambda world, campaign: editing.change(
        campaign, entered_values.document(campaign) | entered, now=world.clock(), password_key=world.keys.password
    )


def raise_quantity(world: World, campaign: Campaign) -> None:
    edit(quantity=campaign.quantity + 1)(world, campaign)


def rotate(world: World, campaign: Campaign) -> None:
    assert redemption_passwords.change(campaign, OTHER, key=world.keys.password, now=world.clock())


def rotate_slowly(world: World, campaign: Campaign) -> None:
    key, now = world.keys.password, world.clock()
    assert redemption_passwords.change(campaign, OTHER, key=key, now=now, overlap=timedelta(hours=1))


def close(world: World, campaign: Campaign) -> None:
    branches.close(Branch.get(Branch.slug == "river"), world.clock())


CHANGES = (
    Change("the price that was shown", edit(offer_price=1500), None, Reason.PRICE_CHANGED, till={"offer_price": 1800}),
    Change("the price", edit(original_price=4000, offer_price=1500)),
    Change("the terms", edit(terms="Not with other offers")),
    Change("the period", edit(ends_at="2026-12-01T06:00"), None, Reason.EXPIRED),
    Change("the end", lambda world, campaign: editing.end(campaign, world.clock()), None, Reason.CAMPAIGN_ENDED),
    Change("the quantity", raise_quantity, Reason.SOLD_OUT, None, sold_out=True),
    Change("the password", rotate, None, Reason.PASSWORD_INCORRECT),
    Change("the password, known before", rotate, Reason.PASSWORD_INCORRECT, None, typed=OTHER),
    Change("the password, with an overlap", rotate_slowly),
    Change("the password, with an overlap, known before", rotate_slowly, Reason.PASSWORD_INCORRECT, typed=OTHER),
    Change("a branch, closed", close, None, Reason.WRONG_BRANCH, till={"branch": "river"}),
    Change(
        "a branch, closed, at another price",
        close,
        Reason.PRICE_CHANGED,
        Reason.WRONG_BRANCH,
        till={"branch": "river", "offer_price": 1},
    ),
    Change(
        "a branch, opened",
        lambda world, campaign: branches.open_(world.merchant, "New", ""),
        Reason.WRONG_BRANCH,
        None,
        till={"branch": "new"},
    ),
)


class Meanwhile:
    """The owner's act, before the nth statement of this thread; `statements` is how many there were."""

    def __init__(self, url: str | None):
        self.me, self.execute, self.statements, self.nth = threading.get_ident(), db.obj.execute_sql, 0, 0
        self.eye = psycopg.connect(url, autocommit=True) if url else None

    def __enter__(self) -> "Meanwhile":
        db.obj.execute_sql = self._execute
        return self

    def __exit__(self, *_) -> None:
        db.obj.execute_sql = self.execute
        if self.eye:
            self.eye.close()

    def at(self, nth: int, act: Callable[[], Any], delay: float = 0) -> None:
        """Have it done before the nth statement from now; right now, and `delay` seconds later, where that is 0."""
        self.statements, self.nth, self.through, self.fault = 0, nth, False, None
        self.thread = threading.Thread(target=self._act, args=(act, delay))
        if nth == 0:
            self.nth = -1
            self.thread.start()

    def done(self) -> None:
        """The try is over: the act too, in a moment."""
        if self.nth > 0:
            self.nth = 0
            self.thread.start()
        self.thread.join(DEADLINE)
        assert self.fault is None, self.fault

    def _act(self, act: Callable[[], Any], delay: float) -> None:
        try:
            time.sleep(delay)
            act()
        except BaseException as fault:
            self.fault = fault
        finally:
            db.close()

    def _execute(self, *statement: Any) -> Any:
        if threading.get_ident() == self.me:
            self.statements += 1
            if self.statements == self.nth:
                self.nth = 0
                self.thread.start()
                self._wait()
                self.through = not self.thread.is_alive()
        return self.execute(*statement)

    def _wait(self) -> None:
        """Until it is through, or waits for a lock of the try's: SQLite has one for all that is written."""
        deadline = time.monotonic() + DEADLINE
        while self.thread.is_alive() and not (db.in_transaction() if on_sqlite() else self._is_blocked()):
            assert time.monotonic() < deadline
            self.thread.join(0.001)

    def _is_blocked(self) -> bool:
        return self.eye.execute(BLOCKED).fetchone()[0] > 0


def pose(world: World, campaign: Campaign, change: Change) -> Campaign:
    """The campaign as it is before each try, under a password of its own that nobody has guessed at."""
    Branch.delete().where(Branch.slug == "new").execute()
    Branch.update(closed_at=None).execute()
    redeemed = Campaign.get_by_id(campaign.id).redeemed
    Campaign.update(
        original_price=3000,
        offer_price=1800,
        terms="",
        ended_at=None,
        ends_at=campaign.ends_at,
        quantity=redeemed if change.sold_out else 10_000,
        password=world.make_password(),
        version=Campaign.version + 1,
    ).where(Campaign.id == campaign.id).execute()
    return Campaign.get_by_id(campaign.id)


def state(campaign: Campaign, reason: Reason | None) -> dict[str, Any]:
    """What a verdict of this moment says."""
    row = Campaign.get_by_id(campaign.id)
    over = reason in (Reason.EXPIRED, Reason.CAMPAIGN_ENDED)
    return {
        "reason": reason,
        "original_price": row.original_price,
        "offer_price": row.offer_price,
        "terms": row.terms,
        "ends_at": moment(row.ends_at),
        "state": "used" if reason is None else "expired" if over else "unused",
        "branches": {slug for (slug,) in Branch.select(Branch.slug).where(Branch.closed_at.is_null()).tuples()},
        "discount": None if reason else row.original_price - row.offer_price,
    }


def said(attempt: Attempt) -> dict[str, Any]:
    """The same, as the stored verdict and the ledger have it."""
    row = Redemption.get_or_none(Redemption.attempt_id == attempt.attempt_id)
    kept = redeem.stored(attempt.consumer, attempt.attempt_id).voucher
    names = ("original_price", "offer_price", "terms", "ends_at", "state")
    failed = [name for name, passed in attempts.trace(attempt) if not passed]
    assert failed == ([attempt.reason] if attempt.reason else []), "the trace tells of another reason"
    return {name: kept[name] for name in names} | {
        "reason": Reason(attempt.reason) if attempt.reason else None,
        "discount": row.discount if row else None,
        "branches": {place["slug"] for place in kept["branches"]},
    }


def mixed(world: World, change: Change, meanwhile: Meanwhile, tries: int) -> list[str]:
    """Verdicts that fit no moment, or one that was over when they were written."""
    campaign = world.campaign(slug=change.name.replace(" ", "-").replace(",", ""), quantity=10_000)
    people = [row.consumer_id for row in make_customers(world, tries)]
    write_transaction(lambda: issuing.issue_once(campaign, people, world.clock()))
    held, points, found = list(Voucher.select().where(Voucher.campaign == campaign).order_by(Voucher.id)), 0, []
    for number, voucher in enumerate(held):
        now, identity = pose(world, campaign, change), str(uuid.uuid4())
        before = state(now, change.before)
        nth = place(number, tries, points)
        meanwhile.at(nth, lambda now=now: change.act(world, now), random.uniform(0, LATEST))
        verdict = world.attempt(voucher, attempt_id=identity, typed=change.typed, **change.till)
        points, overtaken = points or meanwhile.statements, meanwhile.through and verdict.redeemed
        meanwhile.done()
        while verdict.reason is Reason.BUSY:
            verdict = world.attempt(voucher, attempt_id=identity, typed=change.typed, **change.till)
        after, heard = state(now, change.after), said(Attempt.get(Attempt.attempt_id == identity))
        if heard not in ([after] if overtaken else [before, after]):
            found.append(f"{change.name}, before statement {nth} of {points}: {heard}")
    return found


def place(number: int, tries: int, points: int) -> int:
    """Before which statement: never in the first try, which counts them; then each of them, at last at random."""
    if number == 0:
        return 10**6
    if tries - 1 <= points:
        return 1 + (number - 1) * points // (tries - 1)
    return number if number <= points else 0


def test_every_verdict_is_of_one_moment(world, database, proved):
    with Meanwhile(database.database_url) as meanwhile:
        for change in CHANGES:
            assert mixed(world, change, meanwhile, TRIES) == []
    assert list(figures.differences()) == []
    proved(f"{engine()}: {len(CHANGES)} kinds of change × {TRIES:,} tries: none mixed")


def test_control_without_the_version_a_verdict_is_mixed(world, database, monkeypatch):
    """On SQLite a transaction is alone: there its guard has to go as well."""

    def count(campaign: Campaign, discount: int, first: bool) -> None:
        Campaign.update(
            redeemed=Campaign.redeemed + 1,
            consumers=Campaign.consumers + int(first),
            discount_given=Campaign.discount_given + discount,
        ).where(Campaign.id == campaign.id).execute()

    monkeypatch.setattr(redeem, "_count", count)
    monkeypatch.setattr(redeem, "_confirm", lambda campaign: None)
    monkeypatch.setattr(situation, "lock", unguarded._no_lock)  # a password's row is locked, and its change waits
    if on_sqlite():
        monkeypatch.setattr(redeem, "write_transaction", unguarded._write_transaction)
    with Meanwhile(database.database_url) as meanwhile:
        for change in (CHANGES[1], CHANGES[3], CHANGES[6]):
            assert mixed(world, change, meanwhile, 16), change.name
