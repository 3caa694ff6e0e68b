"""Redeeming a voucher (核销) [0020]-[0023]: the one way in, for every door.

Two doors: the password typed on the phone, or a counter code that a member took. The checks choose the words.
What holds under a race are the conditional updates, the unique keys and the CHECKs of the tables; the locks keep
the words true to one moment.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from quanbao.redemption import attempts, campaign_versions, comparing, counter_codes, queries, receipts, situation
from quanbao.redemption.attempts import AttemptRequest, Verdict, stored
from quanbao.redemption.case import case_at
from quanbao.redemption.checks import Trace, judge
from quanbao.redemption.comparing import Accepted, Match
from quanbao.redemption.reasons import Reason


@dataclass(frozen=True)
class Keys:
    """The secrets that live outside the database."""

    password: str
    receipts: str


class HandedOver(Exception):
    """The voucher is another consumer's since it was looked at."""


@dataclass(frozen=True)
class Try:
    """What is asked for, and what it meets; `password` is the one that let it pass."""

    what: AttemptRequest
    met: situation.Situation
    version: CampaignVersion
    now: datetime
    keys: Keys
    password: Match | None = None

    @property
    def voucher(self) -> Voucher:
        return self.met.voucher

    @property
    def campaign(self) -> Campaign:
        return self.met.voucher.campaign

    @property
    def branch(self) -> str | None:
        """Where it is booked: as it was sent, else the password's branch, else the only one that the shop has."""
        own = self.password.row.branch_slug if self.password else None
        places = [] if self.campaign.branch_slugs else self.version.described["branches"]
        return self.what.given_till.branch or own or (places[0]["slug"] if len(places) == 1 else None)

    def kept(self, reason: Reason | None, number: int | None = None, words: str | None = None) -> attempts.Kept:
        """What its verdict is made of, by what the voucher is now."""
        voucher = self.voucher
        return attempts.Kept(
            consumer=self.what.consumer.id,
            attempt_id=self.what.attempt_id,
            reason=reason,
            at=self.now,
            door=self.what.door,
            branch=self.branch,
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
    except HandedOver:
        return Verdict(what.attempt_id, Reason.NOT_FOUND)
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
        with suppress(HandedOver):
            lock(voucher_id, what.consumer)
        return stored(what.consumer, what.attempt_id, what.code)

    try:
        return write_transaction(look) or Verdict(what.attempt_id, Reason.BUSY, retry_after=1)
    except (Busy, OperationalError, InterfaceError):
        raise unknown from None


def _settle(what: AttemptRequest, voucher_id: int, comparison: guess_limits.Comparison, clock, keys: Keys) -> Verdict:
    """One write transaction: lock consumer, customer, voucher, passwords by id, campaign, in this order everywhere."""
    comparison.written = False
    try:
        locked = situation.lock(voucher_id, password=what.typed is not None)
        now = clock()
        met = situation.read(voucher_id, what.attempt_id, now, locked)
        if met.settled:
            return _again(what)
        if met.voucher.consumer_id != what.consumer.id:
            raise HandedOver
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
    if one.what.typed is not None:
        looked = _look_at_passwords(one, comparison)
        if isinstance(looked, Verdict):
            return looked
        one = replace(one, password=looked)
    own = one.password.row.branch_slug if one.password else None
    till = replace(one.what.given_till, branch=one.branch)
    reason, trace = judge(case_at(one.voucher, one.now, till, one.version.described["branches"], own))
    if reason:
        return _refuse(one, reason, [(attempts.door_check(one.what.door), True), *trace])
    return _redeem(one)


def _look_at_passwords(one: Try, comparison: guess_limits.Comparison) -> Verdict | Match:
    """The password that was typed. One whose budget is spent is not looked at; a wrong one is written."""
    what, now = one.what, one.now
    assert what.typed is not None, "only what was typed is compared"
    accepted = comparing.accepted(one.campaign, one.met.passwords, now, one.keys.password, what.given_till.branch)
    left, spent = guess_limits.check(accepted, what.consumer.id, now)
    if spent:
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
    comparison.make(sum(len(each.values) for each in left))
    matching = comparing.matching(left, what.typed, what.given_till.branch)
    good = next((match for match in matching if not match.used), None)
    return good or _wrong(one, left, Reason.PASSWORD_USED if matching else Reason.PASSWORD_INCORRECT)


def _wrong(one: Try, compared: Sequence[Accepted], reason: Reason) -> Verdict:
    """What was typed was not right, or was used up before, which costs as much."""
    typed, key = one.what.typed or "", one.keys.password

    def tag(each: Accepted) -> bytes:
        return redemption_passwords.tag(each.row, typed, key, [value.digits for value in each.values])

    guess_limits.spend(compared, one.what.consumer.id, tag, one.now)
    attack_alerts.sound(one.campaign, [each.row for each in compared], one.now)
    return _refuse(one, reason, [(reason.value, False)])


def lock(voucher_id: int, consumer: Account) -> Voucher:
    """The voucher with campaign, merchant and password as they are now; consumer, customer and voucher locked.

    The consumer, because an attempt's id is theirs at every merchant. The campaign, the row that all its
    customers share, is locked last, by the update that counts. Raises HandedOver where the voucher is not theirs.
    """
    [_] = queries.lock_consumer(consumer.id)
    queries.lock_customer(consumer.id, voucher_id)
    [voucher] = queries.lock_voucher(voucher_id)
    if voucher.consumer_id != consumer.id:
        raise HandedOver
    [voucher.campaign] = queries.campaign(voucher.campaign_id)
    return voucher


def lock_with_holder(voucher_id: int, *more: int) -> Voucher:
    """The same with its holder of now; `more` are ids of accounts to lock in the order of ids too."""
    holder = Voucher.select(Voucher.consumer).where(Voucher.id == voucher_id).scalar()
    for number in sorted({holder, *more}):
        [_] = queries.lock_consumer(number)
    try:
        return lock(voucher_id, Account(id=holder))
    except HandedOver:
        raise Changed from None


def _redeem(one: Try) -> Verdict:
    """Take one use, write the ledger, bring the figures up to date; the row that all tills share comes last."""
    voucher, campaign, now, merchant = one.voucher, one.campaign, one.now, one.campaign.merchant
    branch, day = one.branch or "", merchant.day(now).isoformat()
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
    right = one.password
    attempts.keep(
        kept,
        voucher=one.voucher.id,
        campaign=one.campaign.id,
        merchant=one.campaign.merchant_id,
        campaign_version=one.version.id,
        member=one.what.taken.taken_by_id if one.what.taken else right and right.row.member_id,
        password=right and right.row.id,
        password_version=right and right.row.version,
        password_step=right and right.step,
        trace=trace,
    )
