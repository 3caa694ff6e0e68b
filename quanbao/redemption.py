"""Redeeming a voucher (核销) [0020]-[0023]: the one way in, for every door.

Two doors: the password typed on the phone, or a counter code that a member took. The checks choose the words.
What holds under a race are the conditional updates, the unique keys and the CHECKs of the tables; the locks keep
the words true to one moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from peewee import IntegrityError, InterfaceError, OperationalError

from database import Busy, Changed, Unknown, locked, write_transaction
from models import (
    STANDING,
    Account,
    Attempt,
    Campaign,
    CounterCode,
    Customer,
    DayNumber,
    Guess,
    Heading,
    Merchant,
    Redemption,
    RedemptionPassword,
    Voucher,
)
from quanbao import alarms, announcing, budgets, counter, figures, passwords, receipts, vouchers
from quanbao.checks import Till, Trace, judge
from quanbao.reasons import Reason

COUNTER_CODE = "counter_code"  # the door, where the trace has the password's check otherwise


@dataclass(frozen=True)
class Keys:
    """The secrets that live outside the database."""

    password: str
    receipts: str


@dataclass(frozen=True)
class Try:
    """What the phone sent, or a member at the counter. `till` is none where something of it was malformed.

    By one door or the other: `typed` is the password in ASCII digits, `taken` the code that the member took.
    """

    consumer: Account
    code: str
    attempt_id: str
    typed: str | None
    till: Till | None
    taken: CounterCode | None = None


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


class _Overtaken(Exception):
    """The password was changed, or the reservation lapsed, between reservation and comparison."""


def attempt(
    what: Try, *, clock: Callable[[], datetime], sleep: Callable[[float], None], keys: Keys
) -> Verdict:
    """Judge one try and, if it passes, redeem: voucher, ledger and figures in one stroke.

    A verdict that was stored under this attempt id is given again, whatever happened since. Raises
    Unknown when the database was lost at the commit and cannot be asked what became of the try.
    """
    try:
        if again := stored(what.consumer, what.attempt_id, what.code):
            return again
        voucher = vouchers.held(what.code, what.consumer)
        if voucher is None:
            return Verdict(what.attempt_id, Reason.NOT_FOUND)
        if what.till is None or what.typed is None and what.taken is None:
            return Verdict(what.attempt_id, Reason.MALFORMED)
        if what.taken:
            return _settle_surely(what, voucher, None, clock, keys)
        return _reserve_and_settle(what, voucher, clock, sleep, keys)
    except (Busy, _Overtaken, OperationalError, InterfaceError):
        return Verdict(what.attempt_id, Reason.BUSY, retry_after=1)


def stored(consumer: Account, attempt_id: str, code: str | None = None) -> Verdict | None:
    """The verdict kept under the consumer's own attempt id; malformed if it was for another voucher."""
    row = Attempt.get_or_none((Attempt.consumer == consumer) & (Attempt.attempt_id == attempt_id))
    if row is None:
        return None
    if code is not None and row.verdict["voucher"]["code"] != code:
        return Verdict(attempt_id, Reason.MALFORMED)
    return Verdict(attempt_id, Reason(row.reason) if row.reason else None, **row.verdict)


def _reserve_and_settle(what: Try, voucher: Voucher, clock, sleep, keys: Keys) -> Verdict:
    guess = budgets.reserve(voucher.campaign.password, what.consumer, clock=clock, sleep=sleep)
    if isinstance(guess, budgets.Spent):
        reason = Reason.BUSY if guess.in_flight else Reason.TOO_MANY_ATTEMPTS
        return Verdict(what.attempt_id, reason, vouchers.describe(voucher, clock()),
                       retry_after=guess.retry_after, closed=guess.for_all)
    return _settle_surely(what, voucher, guess, clock, keys)


def _settle_surely(what: Try, voucher: Voucher, guess: Guess | None, clock, keys: Keys) -> Verdict:
    try:
        return write_transaction(partial(_settle, what, voucher.id, guess, clock, keys))
    except Unknown as unknown:
        return _ask_the_database(what, voucher.id, unknown)
    except Busy:
        if guess:
            _give_up(guess)
        raise


def _give_up(guess: Guess) -> None:
    """Nothing was written and nobody told anything: the reservation need not stand until it lapses."""
    try:
        write_transaction(partial(budgets.give_back, guess))
    except (Busy, Unknown, OperationalError, InterfaceError):
        pass  # then it does


def _ask_the_database(what: Try, voucher_id: int, unknown: Unknown) -> Verdict:
    """What became of a try whose commit was not answered: the locks wait until that commit is through."""
    def look() -> Verdict | None:
        lock(voucher_id, what.consumer)
        return stored(what.consumer, what.attempt_id, what.code)

    try:
        return write_transaction(look) or Verdict(what.attempt_id, Reason.BUSY, retry_after=1)
    except (Busy, OperationalError, InterfaceError):
        raise unknown from None


def _settle(what: Try, voucher_id: int, guess: Guess | None, clock, keys: Keys) -> Verdict:
    """One write transaction: lock consumer, customer, voucher, campaign, in this order everywhere."""
    try:
        voucher = lock(voucher_id, what.consumer)
        if again := stored(what.consumer, what.attempt_id, what.code):
            if guess:
                budgets.give_back(guess)
            return again
        now = clock()
        if what.taken and not counter.holds(what.taken, voucher, what.attempt_id, now):
            return Verdict(what.attempt_id, Reason.NOT_FOUND)
        if guess and (wrong := _wrong_password(what, voucher, guess, now, keys)):
            return _keep(what, voucher, now, wrong, [(wrong.value, False)])
        reason, trace = judge(vouchers.case(voucher, now, what.till))
        trace.insert(0, (COUNTER_CODE if what.taken else Reason.PASSWORD_INCORRECT.value, True))
        receipt = None if reason else _redeem(what, voucher, now, keys)
        return _keep(what, voucher, now, reason, trace, receipt)
    except IntegrityError as error:
        raise Changed from error  # a unique key settled a race; judge again what is there now


def _wrong_password(what: Try, voucher: Voucher, guess: Guess, now: datetime, keys: Keys) -> Reason | None:
    """What was reserved is spent on a wrong password, and given back for the right one."""
    password = voucher.campaign.password
    if (password.id, password.version) != (guess.password_id, guess.version) or not budgets.still_holds(guess, now):
        raise _Overtaken
    if passwords.matches(password, what.typed, keys.password):
        budgets.give_back(guess)
        return None
    if not budgets.spend(guess, passwords.tag(password, what.typed, keys.password), now):
        raise _Overtaken
    alarms.sound(voucher.campaign, now)
    return Reason.PASSWORD_INCORRECT


def lock(voucher_id: int, consumer: Account) -> Voucher:
    """The voucher with campaign, merchant and password as they are now; consumer, customer and voucher locked.

    The consumer, because an attempt's id is theirs at every merchant. The campaign, the row that all its
    customers share, is locked last, by the update that counts.
    """
    locked(Account.select(Account.id).where(Account.id == consumer.id)).get()
    merchant = Campaign.select(Campaign.merchant).join(Voucher).where(Voucher.id == voucher_id)
    locked(Customer.select().where((Customer.consumer == consumer) & (Customer.merchant == merchant))).get()
    voucher = locked(Voucher.select().where(Voucher.id == voucher_id)).get()
    voucher.campaign = (
        Campaign.select(Campaign, Merchant, RedemptionPassword)
        .join(Merchant).switch(Campaign).join(RedemptionPassword, on=Campaign.password)
        .where(Campaign.id == voucher.campaign_id).get()
    )
    return voucher


def _redeem(what: Try, voucher: Voucher, now: datetime, keys: Keys) -> dict[str, Any]:
    """Take one use, write the ledger, bring the figures up to date; returns the receipt."""
    campaign, merchant = voucher.campaign, voucher.campaign.merchant
    branch, day = what.till.branch or "", merchant.day(now).isoformat()
    discount = 0 if campaign.is_exchange else campaign.original_price - campaign.offer_price
    first = _is_first(voucher)
    _take_use(voucher, now)
    number = _next_number(merchant, branch, day)
    words = receipts.words(
        keys.receipts, merchant.language, merchant=merchant.id, branch=branch, day=day, number=number
    )
    Redemption.create(
        consumer=what.consumer, attempt_id=what.attempt_id, voucher=voucher, campaign=campaign, merchant=merchant,
        use_number=voucher.use_number, branch_slug=branch, day=day, number=number, words=words,
        amount=what.till.amount, discount=discount, redeemed_at=now,
    )
    figures.count(campaign, {
        Heading.DAY: day, Heading.HOUR: figures.hour(merchant, now), Heading.BRANCH: branch,
    })
    announcing.redeemed(voucher, now)
    _count(campaign, discount, first)
    return {"number": number, "words": words}


def _is_first(voucher: Voucher) -> bool:
    """Whether the consumer has nothing standing of this campaign yet."""
    mine = (Redemption.consumer == voucher.consumer_id) & (Redemption.campaign == voucher.campaign_id)
    return not Redemption.select().where(mine & STANDING).exists()


def _take_use(voucher: Voucher, now: datetime) -> None:
    """Unused becomes used; at the cap the server ends the voucher [0022]."""
    left = voucher.uses_left - 1
    ended_at = None if left else now
    taken = Voucher.update(uses_left=Voucher.uses_left - 1, ended_at=ended_at).where(
        (Voucher.id == voucher.id) & (Voucher.uses_left == voucher.uses_left) & (Voucher.uses_left > 0)
        & Voucher.revoked_at.is_null()
    )
    if taken.execute() != 1:
        raise Changed
    voucher.uses_left, voucher.ended_at = left, ended_at


def _next_number(merchant: Merchant, branch: str, day: str) -> int:
    upsert = DayNumber.insert(merchant=merchant, branch_slug=branch, day=day, last=1).on_conflict(
        conflict_target=[DayNumber.merchant, DayNumber.branch_slug, DayNumber.day],
        update={DayNumber.last: DayNumber.last + 1},
    )
    return list(upsert.returning(DayNumber.last))[0].last


def _count(campaign: Campaign, discount: int, first: bool) -> None:
    """The row that every till of the campaign shares, so last: counted only as it was judged."""
    counted = Campaign.update(
        redeemed=Campaign.redeemed + 1,
        consumers=Campaign.consumers + int(first),
        discount_given=Campaign.discount_given + discount,
    ).where(
        (Campaign.id == campaign.id) & (Campaign.version == campaign.version)
        & (Campaign.redeemed + Campaign.forfeited < Campaign.quantity)
    )
    if counted.execute() != 1:
        raise Changed


def _confirm(campaign: Campaign) -> None:
    """What a refusal says was read bit by bit: it is of one moment where nothing was changed meanwhile."""
    if Campaign.select(Campaign.version).where(Campaign.id == campaign.id).scalar() != campaign.version:
        raise Changed


def _keep(
    what: Try, voucher: Voucher, now: datetime, reason: Reason | None, trace: Trace, receipt: dict | None = None
) -> Verdict:
    """Store the attempt with the verdict that it will always get."""
    answer = {
        "voucher": vouchers.describe(voucher, now),
        "receipt": receipt,
        "redeemed_at": None if reason else vouchers.moment(now),
        "till": {"branch": what.till.branch, "amount": what.till.amount, "counter": what.taken is not None},
    }
    if reason:
        _confirm(voucher.campaign)
        figures.count(voucher.campaign, {Heading.REFUSED: reason})
    Attempt.create(
        consumer=what.consumer, attempt_id=what.attempt_id, voucher=voucher, campaign=voucher.campaign,
        at=now, reason=reason, trace=trace, verdict=answer, merchant=voucher.campaign.merchant,
        member=what.taken.taken_by_id if what.taken else None,
    )
    return Verdict(what.attempt_id, reason, **answer)
