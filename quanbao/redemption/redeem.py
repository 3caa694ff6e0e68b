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

from database import Busy, Changed, Unknown, write_transaction
from models import (
    Account,
    Campaign,
    CampaignVersion,
    Heading,
    Voucher,
)
from quanbao.campaigns import figures
from quanbao.messages import events
from quanbao.passwords import attack_alerts, guess_limits, redemption_passwords
from quanbao.redemption import attempts, campaign_versions, counter_codes, queries, receipts
from quanbao.redemption.attempts import AttemptRequest, Verdict, stored
from quanbao.redemption.case import case as case_of
from quanbao.redemption.checks import Trace, judge
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import wallet


@dataclass(frozen=True)
class Keys:
    """The secrets that live outside the database."""

    password: str
    receipts: str


def attempt(what: AttemptRequest, *, clock: Callable[[], datetime], keys: Keys) -> Verdict:
    """Judge one try and, if it passes, redeem: voucher, ledger and figures in one stroke.

    A verdict that was stored under this attempt id is given again, whatever happened since. Raises
    Unknown when the database was lost at the commit and cannot be asked what became of the try.
    """
    try:
        if again := stored(what.consumer, what.attempt_id, what.code):
            return again
        voucher = wallet.held(what.code, what.consumer)
        if voucher is None:
            return Verdict(what.attempt_id, Reason.NOT_FOUND)
        if what.till is None or what.typed is None and what.taken is None:
            return Verdict(what.attempt_id, Reason.MALFORMED)
        return _settle_surely(what, voucher.id, clock, keys)
    except (Busy, OperationalError, InterfaceError):
        return Verdict(what.attempt_id, Reason.BUSY, retry_after=1)


def _settle_surely(what: AttemptRequest, voucher_id: int, clock, keys: Keys) -> Verdict:
    """One write transaction; what it answers leaves after its commit."""
    try:
        with guess_limits.uncommitted.one() as comparison:
            return write_transaction(partial(_settle, what, voucher_id, comparison, clock, keys))
    except Unknown as unknown:
        return _ask_the_database(what, voucher_id, unknown)


def _ask_the_database(what: AttemptRequest, voucher_id: int, unknown: Unknown) -> Verdict:
    """What became of a try whose commit was not answered: the locks wait until that commit is through."""

    def look() -> Verdict | None:
        lock(voucher_id, what.consumer)
        return stored(what.consumer, what.attempt_id, what.code)

    try:
        return write_transaction(look) or Verdict(what.attempt_id, Reason.BUSY, retry_after=1)
    except (Busy, OperationalError, InterfaceError):
        raise unknown from None


def _settle(what: AttemptRequest, voucher_id: int, comparison: guess_limits.Comparison, clock, keys: Keys) -> Verdict:
    """One write transaction: lock consumer, customer, voucher, password, campaign, in this order everywhere."""
    comparison.written = False
    try:
        voucher = lock(voucher_id, what.consumer)
        if again := stored(what.consumer, what.attempt_id, what.code):
            return again
        if what.taken is None:
            voucher.campaign.password = guess_limits.lock(voucher.campaign.password_id)
        now = clock()
        if what.taken and not counter_codes.may_redeem(what.taken, voucher, what.attempt_id, now):
            return Verdict(what.attempt_id, Reason.NOT_FOUND)
        if what.typed is not None and (refused := _look_at_password(what, voucher, comparison, now, keys)):
            return refused
        reason, trace = judge(case_of(voucher, now, what.given_till))
        trace.insert(0, (attempts.door_check(what.door), True))
        version = campaign_versions.current(voucher.campaign)
        receipt = None if reason else _redeem(what, voucher, now, keys, version)
        return _keep(what, voucher, now, reason, trace, version, receipt)
    except IntegrityError as error:
        raise Changed from error  # a unique key settled a race; judge again what is there now


def _look_at_password(
    what: AttemptRequest, voucher: Voucher, comparison: guess_limits.Comparison, now: datetime, keys: Keys
) -> Verdict | None:
    """None where the password is right. Where the budget is spent it is not looked at; a wrong one is written."""
    assert what.typed is not None, "only what was typed is compared"
    password, consumer = voucher.campaign.password, what.consumer.id
    if spent := guess_limits.check(password, consumer, now):
        shown = wallet.describe(voucher, now)
        return Verdict(
            what.attempt_id, Reason.TOO_MANY_ATTEMPTS, shown, retry_after=spent.retry_after, closed=spent.for_all
        )
    comparison.make()
    if redemption_passwords.matches(password, what.typed, keys.password):
        return None
    guess_limits.spend(password, consumer, redemption_passwords.tag(password, what.typed, keys.password), now)
    attack_alerts.sound(voucher.campaign, now)
    wrong = Reason.PASSWORD_INCORRECT
    return _keep(what, voucher, now, wrong, [(wrong.value, False)], campaign_versions.current(voucher.campaign))


def lock(voucher_id: int, consumer: Account) -> Voucher:
    """The voucher with campaign, merchant and password as they are now; consumer, customer and voucher locked.

    The consumer, because an attempt's id is theirs at every merchant. The campaign, the row that all its
    customers share, is locked last, by the update that counts.
    """
    [_] = queries.lock_consumer(consumer.id)
    [_] = queries.lock_customer(consumer.id, voucher_id)
    [voucher] = queries.lock_voucher(voucher_id)
    [voucher.campaign] = queries.campaign(voucher.campaign_id)
    return voucher


def _redeem(
    what: AttemptRequest, voucher: Voucher, now: datetime, keys: Keys, version: CampaignVersion
) -> dict[str, Any]:
    """Take one use, write the ledger, bring the figures up to date; returns the receipt."""
    campaign, merchant = voucher.campaign, voucher.campaign.merchant
    branch, day = what.given_till.branch or "", merchant.day(now).isoformat()
    charged = campaign.offer_price or 0  # nothing for what is exchanged
    discount = 0 if campaign.original_price is None else campaign.original_price - charged
    first = not queries.standing(voucher.consumer_id, voucher.campaign_id)
    _take_use(voucher, now)
    number = receipts.next_number(merchant, branch, day)
    words = receipts.words(
        keys.receipts, merchant.language, merchant=merchant.id, branch=branch, day=day, number=number
    )
    queries.insert(
        consumer=what.consumer,
        attempt_id=what.attempt_id,
        voucher=voucher,
        campaign=campaign,
        merchant=merchant,
        use_number=voucher.use_number,
        branch_slug=branch,
        day=day,
        number=number,
        words=words,
        amount=what.given_till.amount,
        discount=discount,
        redeemed_at=now,
        product=campaign.product,
        original_price=campaign.original_price,
        charged=charged,
        campaign_version=version,
        line=1,
        uses=1,
    )
    counted = {Heading.DAY: day, Heading.HOUR: figures.hour(merchant, now), Heading.BRANCH: branch}
    figures.count(campaign, counted)
    events.redeemed(voucher, now)
    _count(campaign, discount, first)
    return {"number": number, "words": words}


def _take_use(voucher: Voucher, now: datetime) -> None:
    """Unused becomes used; at the cap the server ends the voucher [0022]."""
    left = voucher.uses_left - 1
    ended_at = None if left else now
    if queries.use(voucher.id, voucher.uses_left, ended_at) != 1:
        raise Changed
    voucher.uses_left, voucher.ended_at = left, ended_at


def _count(campaign: Campaign, discount: int, first: bool) -> None:
    """The row that every till of the campaign shares, so last: counted only as it was judged."""
    if queries.one_more(campaign.id, campaign.version, int(first), discount) != 1:
        raise Changed


def _confirm(campaign: Campaign) -> None:
    """What a refusal says was read bit by bit: it is of one moment where nothing was changed meanwhile."""
    if queries.version(campaign.id) != [(campaign.version,)]:
        raise Changed


def _keep(
    what: AttemptRequest,
    voucher: Voucher,
    now: datetime,
    reason: Reason | None,
    trace: Trace,
    version: CampaignVersion,
    receipt: dict | None = None,
) -> Verdict:
    """Store the attempt with the verdict that it will always get."""
    campaign, door = voucher.campaign, what.door
    if reason:
        _confirm(campaign)
        figures.count(campaign, {Heading.REFUSED: reason})
    kept = attempts.Kept(
        consumer=what.consumer.id,
        attempt_id=what.attempt_id,
        reason=reason,
        at=now,
        door=door,
        branch=what.given_till.branch,
        amount=what.given_till.amount,
        state=voucher.state(campaign, now),
        uses_left=voucher.uses_left,
        ended_at=voucher.ended_at if reason else None,
        worth=_other_worth(voucher) if reason else None,
        code=voucher.code,
        uses=voucher.uses,
        described=version.described,
        number=receipt["number"] if receipt else None,
        words=receipt["words"] if receipt else None,
    )
    attempts.keep(
        kept,
        voucher=voucher,
        campaign=campaign,
        merchant=campaign.merchant,
        campaign_version=version,
        member=what.taken.taken_by_id if what.taken else None,
        trace=trace if reason else None,
        **_right_password(what, campaign, reason),
    )
    return attempts.verdict(kept)


def _right_password(what: AttemptRequest, campaign: Campaign, reason: Reason | None) -> dict[str, int | None]:
    """The password that was typed, where it was right."""
    if what.typed is None or reason is Reason.PASSWORD_INCORRECT:
        return {"password": None, "password_version": None}
    return {"password": campaign.password_id, "password_version": campaign.password.version}


def _other_worth(voucher: Voucher) -> dict[str, Any] | None:
    """What a voucher without a use left shows in place of what is on offer, where that differs."""
    shown = wallet.describe_worth(wallet.worth_now(voucher))
    return None if shown == wallet.describe_worth(wallet.on_offer(voucher.campaign)) else shown
