"""Tries at the till, and their verdicts: kept under the id that the phone gave the try, and given again to the same."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from peewee import JOIN, Expression

from models import Account, Attempt, CampaignVersion, CounterCode, Door, Redemption, Voucher
from quanbao.lib.compiled_queries import statement
from quanbao.redemption.checks import CHECKS, TillEntry
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import wallet


@dataclass(frozen=True)
class AttemptRequest:
    """What the phone sent, or a member at the counter. `till` is none where something of it was malformed.

    By one door or the other: `typed` is the password in ASCII digits, `taken` the code that the member took.
    """

    consumer: Account
    code: str
    attempt_id: str
    typed: str | None
    till: TillEntry | None
    taken: CounterCode | None = None

    @property
    def door(self) -> Door:
        return Door.COUNTER_CODE if self.taken else Door.PASSWORD

    @property
    def given_till(self) -> TillEntry:
        """The till of a try that is judged: one that has none is refused before."""
        assert self.till is not None, "redeem.attempt() refuses a try that has none"
        return self.till


@dataclass(frozen=True)
class Verdict:
    """What the phone is told. `reason` is none when redeemed; `retry_after` is in seconds."""

    attempt_id: str
    reason: Reason | None
    voucher: dict[str, Any] | None = None
    receipt: dict[str, Any] | None = None
    redeemed_at: str | None = None
    till: dict[str, Any] | None = None  # what was entered beside the password, for the people to compare
    retry_after: int | None = None
    closed: bool = False  # no try would be taken, whose it may be: the password's budget is spent
    of: Voucher | None = field(default=None, compare=False, repr=False)  # as it was read, of a verdict given just now

    @property
    def redeemed(self) -> bool:
        return self.reason is None


class Kept(NamedTuple):
    """What a verdict is made of, as the tables have it; in the order of `_kept`."""

    consumer: int
    attempt_id: str
    reason: str | None
    at: datetime
    door: str
    branch: str | None
    amount: int | None
    state: str
    uses_left: int
    ended_at: datetime | None
    worth: dict[str, Any] | None
    code: str
    uses: int
    described: dict[str, Any]
    number: int | None
    words: str | None


def stored(consumer: Account, attempt_id: str, code: str | None = None) -> Verdict | None:
    """The verdict kept under the consumer's own attempt id; malformed if it was for another voucher."""
    row = _find.first(consumer.id, attempt_id)
    if row is None:
        return None
    kept = Kept(*row)
    if code is not None and kept.code != code:
        return Verdict(attempt_id, Reason.MALFORMED)
    return verdict(kept)


def verdict(kept: Kept, of: Voucher | None = None) -> Verdict:
    """The verdict as it was given, field by field, whatever was changed since."""
    redeemed = kept.reason is None
    return Verdict(
        kept.attempt_id,
        None if kept.reason is None else Reason(kept.reason),
        describe(kept),
        {"number": kept.number, "words": kept.words} if redeemed else None,
        wallet.moment(kept.at) if redeemed else None,
        {"branch": kept.branch, "amount": kept.amount, "counter": kept.door == Door.COUNTER_CODE},
        of=of,
    )


def describe(kept: Kept) -> wallet.Description:
    """The voucher after the try."""
    ended_at = kept.at if kept.reason is None and not kept.uses_left else kept.ended_at
    own = wallet.of_voucher(kept.code, kept.state, kept.uses, kept.uses_left, ended_at)
    return kept.described | (kept.worth or {}) | own


def other_worth(voucher: Voucher) -> dict[str, Any] | None:
    """What a voucher without a use left shows in place of what is on offer, where that differs."""
    if voucher.uses_left:
        return None
    shown = wallet.describe_worth(wallet.worth_now(voucher))
    return None if shown == wallet.describe_worth(wallet.on_offer(voucher.campaign)) else shown


def verdicts(which: Expression) -> dict[tuple[int, str], Verdict]:
    """The verdicts of some attempts, by consumer and the attempt's id."""
    found = (Kept(*row) for row in _kept().where(which))
    return {(kept.consumer, kept.attempt_id): verdict(kept) for kept in found}


def keep(kept: Kept, **more: Any) -> None:
    """Store an attempt, which will always get the verdict that follows from this; in the caller's transaction."""
    names = ("consumer", "attempt_id", "reason", "at", "door", "amount", "state", "uses_left", "ended_at", "worth")
    _insert(branch_slug=kept.branch, **{name: getattr(kept, name) for name in names}, **more)


def trace(row: Attempt) -> list[list]:
    """The checks that were made and whether each passed; what was redeemed passed all."""
    if row.trace is not None:
        return row.trace
    return [[door_check(Door(row.door)), True], *([reason.value, True] for reason in CHECKS)]


def door_check(door: Door) -> str:
    """The first check in a trace: that of the password, or the door's own name."""
    return Reason.PASSWORD_INCORRECT.value if door is Door.PASSWORD else door.value


# What is asked and written


def _kept():
    columns = (
        *(Attempt.consumer, Attempt.attempt_id, Attempt.reason, Attempt.at, Attempt.door, Attempt.branch_slug),
        *(Attempt.amount, Attempt.state, Attempt.uses_left, Attempt.ended_at, Attempt.worth),
        *(Voucher.code, Voucher.uses, CampaignVersion.described, Redemption.number, Redemption.words),
    )
    its = (Redemption.consumer == Attempt.consumer) & (Redemption.attempt_id == Attempt.attempt_id)
    rows = Attempt.select(*columns).join(Voucher).switch(Attempt).join(CampaignVersion).switch(Attempt)
    return rows.join(Redemption, JOIN.LEFT_OUTER, on=its & (Redemption.line == 1)).tuples()


@statement
def _find(consumer, attempt_id):
    theirs = Account.of_wallet(Attempt.consumer, consumer)
    return _kept().where(theirs & (Attempt.attempt_id == attempt_id))


@statement
def _insert(**columns):
    return Attempt.insert(columns)
