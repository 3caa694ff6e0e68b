"""Tries at the till, and their verdicts: kept under the id that the phone gave the try, and given again to the same."""

from dataclasses import dataclass
from typing import Any

from models import Account, Attempt, CounterCode
from quanbao.lib.compiled_queries import statement
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.reasons import Reason


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
    closed: bool = False  # nobody's try would be taken: the password's budget is spent

    @property
    def redeemed(self) -> bool:
        return self.reason is None


def stored(consumer: Account, attempt_id: str, code: str | None = None) -> Verdict | None:
    """The verdict kept under the consumer's own attempt id; malformed if it was for another voucher."""
    row = _find.first(consumer.id, attempt_id)
    if row is None:
        return None
    if code is not None and row.verdict["voucher"]["code"] != code:
        return Verdict(attempt_id, Reason.MALFORMED)
    return Verdict(attempt_id, Reason(row.reason) if row.reason else None, **row.verdict)


def keep(verdict: dict[str, Any], **columns: Any) -> Verdict:
    """Store an attempt with the verdict that it will always get; in the caller's transaction."""
    _insert(verdict=verdict, **columns)
    return Verdict(columns["attempt_id"], columns["reason"], **verdict)


# What is asked and written


@statement
def _find(consumer, attempt_id):
    mine = (Attempt.consumer == consumer) & (Attempt.attempt_id == attempt_id)
    return Attempt.select(Attempt.reason, Attempt.verdict).where(mine)


@statement
def _insert(**columns):
    return Attempt.insert(columns)
