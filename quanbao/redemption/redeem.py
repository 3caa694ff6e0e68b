"""Redeeming a voucher (核销) [0020]-[0023]: the one way in, for every door.

Two doors: the password typed on the phone, or a counter code that a member took. The checks choose the words.
What holds under a race are the conditional updates, the unique keys and the CHECKs of the tables; the locks keep
the words true to one moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

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
from quanbao.redemption import attempts, campaign_versions, counter_codes, queries, receipts, situation
from quanbao.redemption.attempts import AttemptRequest, Verdict, stored
from quanbao.redemption.case import case_at
from quanbao.redemption.checks import Trace, judge
from quanbao.redemption.reasons import Reason


@dataclass(frozen=True)
class Keys:
    """The secrets that live outside the database."""

    password: str
    receipts: str


@dataclass(frozen=True)
class Try:
    """What is asked for, and what it meets."""

    what: AttemptRequest
    met: situation.Situation
    version: CampaignVersion
    now: datetime
    keys: Keys

    @property
    def voucher(self) -> Voucher:
        return self.met.voucher

    @property
    def campaign(self) -> Campaign:
        return self.met.voucher.campaign

    def kept(self, reason: Reason | None, number: int | None = None, words: str | None = None) -> attempts.Kept:
        """What its verdict is made of, by what the voucher is now."""
        voucher = self.voucher
        return attempts.Kept(
            consumer=self.what.consumer.id,
            attempt_id=self.what.attempt_id,
            reason=reason,
            at=self.now,
            door=self.what.door,
            branch=self.what.given_till.branch,
            amount=self.what.given_till.amount,
            state=voucher.state(self.campaign, self.now),
            uses_left=voucher.uses_left,
            ended_at=voucher.ended_at if reason else None,
            worth=attempts.other_worth(voucher) if reason else None,
            code=voucher.code,
            uses=voucher.uses,
            described=self.version.described,
            number=number,
            words=words,
        )


def attempt(what: AttemptRequest, *, clock: Callable[[], datetime], keys: Keys) -> Verdict:
    """Judge one try and, if it passes, redeem: voucher, ledger and figures in one stroke.

    A verdict that was stored under this attempt id is given again, whatever happened since. Raises
    Unknown when the database was lost at the commit and cannot be asked what became of the try.
    """
    try:
        found = situation.find(what.consumer.id, what.attempt_id, what.code)
        if (found is None or found[1]) and (again := stored(what.consumer, what.attempt_id, what.code)):
            return again
        if found is None:
            return Verdict(what.attempt_id, Reason.NOT_FOUND)
        if what.till is None or what.typed is None and what.taken is None:
            return Verdict(what.attempt_id, Reason.MALFORMED)
        return _settle_surely(what, found[0], clock, keys)
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
        password = situation.lock(voucher_id, password=what.typed is not None)
        now = clock()
        met = situation.read(voucher_id, what.attempt_id, now, password)
        if met.settled:
            return _again(what)
        if what.taken and not counter_codes.may_redeem(what.taken, met.voucher, what.attempt_id, now):
            return Verdict(what.attempt_id, Reason.NOT_FOUND)
        version = met.version or campaign_versions.make(met.voucher.campaign)
        return _judge(Try(what, met, version, now, keys), comparison)
    except IntegrityError as error:
        raise Changed from error  # a unique key settled a race; judge again what is there now


def _again(what: AttemptRequest) -> Verdict:
    verdict = stored(what.consumer, what.attempt_id, what.code)
    assert verdict is not None, "the consumer is locked, and the attempt was there"
    return verdict


def _judge(one: Try, comparison: guess_limits.Comparison) -> Verdict:
    if one.what.typed is not None and (refused := _look_at_password(one, comparison)):
        return refused
    reason, trace = judge(case_at(one.voucher, one.now, one.what.given_till, one.version.described["branches"]))
    if reason:
        return _refuse(one, reason, [(attempts.door_check(one.what.door), True), *trace])
    return _redeem(one)


def _look_at_password(one: Try, comparison: guess_limits.Comparison) -> Verdict | None:
    """None where the password is right. Where the budget is spent it is not looked at; a wrong one is written."""
    what, password, now = one.what, one.campaign.password, one.now
    assert what.typed is not None, "only what was typed is compared"
    if spent := guess_limits.check(password, what.consumer.id, one.met.tries, now):
        if one.met.version is None:
            _confirm(one.campaign)  # what was just written of it stays
        return Verdict(
            what.attempt_id,
            Reason.TOO_MANY_ATTEMPTS,
            attempts.describe(one.kept(Reason.TOO_MANY_ATTEMPTS)),
            retry_after=spent.retry_after,
            closed=spent.for_all,
            of=one.voucher,
        )
    comparison.make()
    if redemption_passwords.matches(password, what.typed, one.keys.password):
        return None
    tag = redemption_passwords.tag(password, what.typed, one.keys.password)
    guess_limits.spend(password, what.consumer.id, tag, now)
    attack_alerts.sound(one.campaign, now)
    wrong = Reason.PASSWORD_INCORRECT
    return _refuse(one, wrong, [(wrong.value, False)])


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


def _redeem(one: Try) -> Verdict:
    """Take one use, write the ledger, bring the figures up to date; the row that all tills share comes last."""
    voucher, campaign, now, merchant = one.voucher, one.campaign, one.now, one.campaign.merchant
    branch, day = one.what.given_till.branch or "", merchant.day(now).isoformat()
    charged = campaign.offer_price or 0  # nothing for what is exchanged
    discount = 0 if campaign.original_price is None else campaign.original_price - charged
    _take_use(voucher, now)
    number = receipts.next_number(merchant, branch, day)
    words = receipts.words(
        one.keys.receipts, merchant.language, merchant=merchant.id, branch=branch, day=day, number=number
    )
    queries.insert(
        consumer=one.what.consumer.id,
        attempt_id=one.what.attempt_id,
        voucher=voucher.id,
        campaign=campaign.id,
        merchant=merchant.id,
        use_number=voucher.use_number,
        branch_slug=branch,
        day=day,
        number=number,
        words=words,
        amount=one.what.given_till.amount,
        discount=discount,
        redeemed_at=now,
        product=campaign.product,
        original_price=campaign.original_price,
        charged=charged,
        campaign_version=one.version.id,
        line=1,
        uses=1,
    )
    kept = one.kept(None, number, words)
    _keep(one, kept, None)
    figures.count(campaign, {Heading.DAY: day, Heading.HOUR: figures.hour(merchant, now), Heading.BRANCH: branch})
    if one.met.subscribed:
        events.redeemed(voucher, now)
    _count(campaign, discount, not one.met.returning)
    return attempts.verdict(kept, of=voucher)


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


def _refuse(one: Try, reason: Reason, trace: Trace) -> Verdict:
    _confirm(one.campaign)
    figures.count(one.campaign, {Heading.REFUSED: reason})
    kept = one.kept(reason)
    _keep(one, kept, trace)
    return attempts.verdict(kept, of=one.voucher)


def _confirm(campaign: Campaign) -> None:
    """A refusal is of one moment where nothing was changed since its campaign was read."""
    if queries.version(campaign.id) != [(campaign.version,)]:
        raise Changed


def _keep(one: Try, kept: attempts.Kept, trace: Trace | None) -> None:
    """Store the attempt with all that its verdict follows from, and the password that was right, where one was."""
    known = one.what.typed is not None and kept.reason != Reason.PASSWORD_INCORRECT
    attempts.keep(
        kept,
        voucher=one.voucher.id,
        campaign=one.campaign.id,
        merchant=one.campaign.merchant_id,
        campaign_version=one.version.id,
        member=one.what.taken.taken_by_id if one.what.taken else None,
        password=one.campaign.password.id if known else None,
        password_version=one.campaign.password.version if known else None,
        trace=trace,
    )
