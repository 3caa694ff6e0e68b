"""A merchant's day at its tills: what was redeemed, with number and words, and what was refused; newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from peewee import Tuple, fn

from database import on_sqlite
from models import STANDING, Attempt, Campaign, DayNumber, Figure, Heading, Merchant, Redemption, Rollback
from quanbao.redemption import attempts
from quanbao.redemption.attempts import Verdict

A_PAGE = 40  # redemptions
REFUSALS = 8  # beside them: a guesser of passwords must not push the redemptions off the page
LOOKED_AT = 60  # of the latest refusals, at all branches


@dataclass(frozen=True)
class Row:
    """One try as a till shows it. `number` and `words` of what was redeemed, `reason` of what was refused."""

    at: datetime
    attempt_id: str
    voucher: dict[str, Any]  # as it was described then
    branch: str
    amount: int | None
    at_counter: bool
    redemption: int | None = None  # its id: `rows` goes on below it
    number: int | None = None
    words: str | None = None
    rolled_back: bool = False
    reason: str | None = None


def mark(merchant: Merchant, branches: Sequence[str], day: date) -> tuple:
    """What changes whenever `rows` or `count` may; costs the same however long the day is."""
    given = DayNumber.select(DayNumber.branch_slug, DayNumber.last).where(_there(DayNumber, merchant, branches, day))
    of = Campaign.merchant == merchant
    refused = Figure.select(fn.SUM(Figure.count)).join(Campaign).where(of & (Figure.heading == Heading.REFUSED))
    returned = Campaign.select(fn.SUM(Campaign.rolled_back)).where(of)
    return day, sorted(given.tuples()), refused.scalar(), returned.scalar()


def count(merchant: Merchant, branches: Sequence[str], day: date) -> int:
    """How many redemptions of that day at these branches stand; "" is for those where none was named."""
    return Redemption.select().where(_there(Redemption, merchant, branches, day) & STANDING).count()


def rows(merchant: Merchant, branches: Sequence[str], day: date, before: int = 0) -> list[Row]:
    """A page of the day, newest first; the refusals only at its top. `before` is a redemption's id."""
    redeemed = _redeemed(merchant, branches, day, before or 2**63 - 1)
    refused = [] if before else _refused(merchant, branches, day)
    return sorted(redeemed + refused, key=lambda row: row.at, reverse=True)


def _there(table, merchant: Merchant, branches: Sequence[str], day: date):
    return (table.merchant == merchant) & table.branch_slug.in_(branches) & (table.day == day.isoformat())


def _redeemed(merchant: Merchant, branches: Sequence[str], day: date, before: int) -> list[Row]:
    where = _there(Redemption, merchant, branches, day) & (Redemption.id < before)
    rows = list(Redemption.select().where(where).order_by(Redemption.id.desc()).limit(A_PAGE))
    tries = attempts.verdicts(
        Attempt.consumer.in_({row.consumer_id for row in rows})
        & Attempt.attempt_id.in_([row.attempt_id for row in rows])
    )
    gone = {
        number
        for (number,) in Rollback.select(Rollback.redemption)
        .where(Rollback.redemption.in_([row.id for row in rows]))
        .tuples()
    }
    return [
        _row(
            row.redeemed_at,
            tries[row.consumer_id, row.attempt_id],
            redemption=row.id,
            number=row.number,
            words=row.words,
            rolled_back=row.id in gone,
        )
        for row in rows
    ]


def _refused(merchant: Merchant, branches: Sequence[str], day: date) -> list[Row]:
    """Of the day's last refusals those here, or where no branch was named: it may well have been here."""
    latest = (
        Attempt.select(Attempt.id, Attempt.at, Attempt.consumer, Attempt.attempt_id)
        .where(Attempt.reason.is_null(False), *_of(merchant))
        .order_by(Attempt.merchant.desc(), Attempt.id.desc())
        .limit(LOOKED_AT)
    )
    todays = [attempt for attempt in latest if merchant.day(attempt.at) == day]
    tries = attempts.verdicts(Attempt.id.in_([attempt.id for attempt in todays]))
    found = [_row(attempt.at, tries[attempt.consumer_id, attempt.attempt_id]) for attempt in todays]
    return [row for row in found if not row.branch or row.branch in branches][:REFUSALS]


def _of(merchant: Merchant) -> list:
    """As in `ledger`: PostgreSQL takes the right index where it is told of a range."""
    if on_sqlite():
        return [Attempt.merchant == merchant]
    row = Tuple(Attempt.merchant, Attempt.id)
    return [row > Tuple(merchant.id, 0), row < Tuple(merchant.id, 2**63 - 1)]


def _row(at: datetime, verdict: Verdict, **more: Any) -> Row:
    assert verdict.voucher is not None, "what is stored has both"
    assert verdict.till is not None
    till = verdict.till
    return Row(
        at,
        verdict.attempt_id,
        verdict.voucher,
        till["branch"] or "",
        till["amount"],
        till["counter"],
        reason=verdict.reason,
        **more,
    )
