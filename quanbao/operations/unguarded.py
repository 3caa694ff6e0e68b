"""The guards of a redemption switched off: for `quanbao selfcheck --broken` and the controls of the races alone.

What is left is written as if there were one till: look, then act on what was seen. A pause between the
two lets the others look meanwhile. A race that finds no damage here would find none anywhere.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import TypeVar

from database import db, on_sqlite
from models import Campaign, Redemption, Rollback, Voucher
from quanbao.passwords import guess_limits
from quanbao.redemption import queries, redeem, revocations, rollbacks, situation

T = TypeVar("T")

PAUSE = 0.4  # seconds; longer than a busy machine takes to bring all of a burst to the same point
# The indexes that refuse whatever the code does.
LAST_GUARD = "redemption_voucher_id_use_number"
LAST_GUARD_OF_ROLLBACKS = "rollback_redemption_id"

LOCKS = (queries.lock_consumer, queries.lock_customer, queries.lock_voucher)

look_at_consumer = guess_limits._of_consumer
look_at_rollback = rollbacks.of_redemption


def switch_off(pause: float = PAUSE) -> None:
    """For the rest of this process, which must not be a server that people use; `pause` is in seconds."""
    global PAUSE
    PAUSE = pause
    for module in (redeem, guess_limits, rollbacks, revocations):
        module.write_transaction = _write_transaction  # type: ignore[attr-defined]  # replaced on purpose
    queries.locked = lambda query: query
    situation.lock = _no_lock
    for statement in LOCKS:
        statement.written = {}  # written anew, without a lock
    redeem._take_use, redeem._count = _take_use, count
    rollbacks.of_redemption, rollbacks._give_back, rollbacks._count = _of_rollback, _give_back, _uncount
    guess_limits._of_consumer = _of_consumer  # type: ignore[assignment]  # takes whatever the real one takes


def drop_last_guard(name: str = LAST_GUARD) -> None:
    """Take the index away that would still refuse a second redemption of the same use, or another one."""
    db.execute_sql(f"DROP INDEX {name}")


def _write_transaction(work: Callable[[], T], **_: bool) -> T:
    """No turn and no second try; on SQLite no transaction either.

    A deferred one would be a guard there: its snapshot is refused the write when another transaction wrote since.
    """
    with nullcontext() if on_sqlite() else db.atomic():
        return work()


def _no_lock(voucher: int, *, password: bool) -> list[int]:
    """The rows are read while other tries write them."""
    return []


def _take_use(voucher: Voucher, now: datetime) -> None:
    """The use that was seen is taken, even where another till took it meanwhile."""
    time.sleep(PAUSE)
    voucher.uses_left -= 1
    voucher.ended_at = None if voucher.uses_left else now
    voucher.save(only=[Voucher.uses_left, Voucher.ended_at])


def count(campaign: Campaign, discount: int, first: bool) -> None:
    """One more than was seen, whatever was counted meanwhile."""
    campaign.redeemed += 1
    campaign.consumers += int(first)
    campaign.discount_given += discount
    campaign.save(only=[Campaign.redeemed, Campaign.consumers, Campaign.discount_given])


def _of_rollback(done: Redemption) -> Rollback | None:
    """What was seen is gone by, even where another member takes it back meanwhile."""
    seen = look_at_rollback(done)
    time.sleep(PAUSE)
    return seen


def _give_back(voucher: Voucher) -> None:
    """One more use than was seen, even where another member gave it back meanwhile."""
    time.sleep(PAUSE)
    voucher.uses_left += 1
    voucher.returned += 1
    voucher.ended_at = None
    voucher.save(only=[Voucher.uses_left, Voucher.returned, Voucher.ended_at])


def _uncount(campaign: Campaign, done: Redemption, *, last: bool, forfeited: bool) -> None:
    """One less than was seen, whatever was counted meanwhile."""
    campaign.redeemed -= 1
    campaign.consumers -= int(last)
    campaign.discount_given -= done.discount
    campaign.rolled_back += 1
    campaign.forfeited += int(forfeited)
    campaign.save(
        only=[Campaign.redeemed, Campaign.consumers, Campaign.discount_given, Campaign.rolled_back, Campaign.forfeited]
    )


def _of_consumer(*what) -> guess_limits.Spent | None:
    """The tries that were seen are judged, however many were reserved meanwhile."""
    spent = look_at_consumer(*what)
    time.sleep(PAUSE)
    return spent
