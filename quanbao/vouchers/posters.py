"""Posters: a code on the wall, whose offer a consumer looks at and claims, signed in or not.

The checks choose the words. What is counted is counted by conditional updates of the poster's and the campaign's rows,
the last writes of a claim; that a wallet gets one voucher is a unique key.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

from peewee import IntegrityError, fn

from database import Changed, locked, write_transaction
from models import Account, Campaign, ClaimedBy, Customer, Merchant, Poster, Voucher
from quanbao.campaigns.rules import MOST_VOUCHERS
from quanbao.lib import names
from quanbao.lib.account_lock import Overtaken
from quanbao.lib.validation import is_text
from quanbao.merchants import branches
from quanbao.people import accounts, wallets
from quanbao.vouchers import counter_passes, issuing

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # 31 letters that are not taken for one another
LENGTH = 11  # 54 bits: typed from a poster, and no poster is guessed from another
TYPED = re.compile(r"[0-9a-z]{10,32}", re.ASCII)  # a token that an operator may choose
LONGEST_NAME = 100
A_MINUTE = 30
MOST_A_MINUTE = 10_000
LATE = 5  # minutes that a claim may have waited for the database


class Reason(StrEnum):
    """Why a poster gives nothing now, in the order of the checks."""

    CAMPAIGN_ENDED = "campaign_ended"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    SOLD_OUT = "sold_out"
    POSTER_CLOSED = "poster_closed"  # the shop paused or ended it
    POSTER_LIMIT = "poster_limit"  # today's are taken
    ADDRESS_NEEDED = "address_needed"  # only for accounts with a proved address
    AT_COUNTER = "at_counter"  # only by the code on the shop's own screen, while it is good
    TOO_OFTEN = "too_often"  # this minute's are taken


class Closed(Exception):
    """The poster gives nothing; `retry_after` is in seconds, where waiting helps."""

    def __init__(self, reason: Reason, retry_after: int | None = None):
        super().__init__(reason.value)
        self.reason, self.retry_after = reason, retry_after


class Refused(Exception):
    """A poster cannot be made so: `field` is a field of the form and `code` says why; both may be of the campaign."""

    def __init__(self, field: str, code: str):
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


@dataclass(frozen=True)
class Claimed:
    """What a claim gave: the voucher, whether it is new, and a session's token where it made a wallet."""

    voucher: Voucher
    is_new: bool
    token: str | None = None


# Made and changed by the shop


def new_token() -> str:
    """What stands in a poster's address."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def make(campaign: Campaign, entered: dict[str, Any], now: datetime, token: str | None = None) -> Poster:
    """A poster of a campaign that is not over; a draft is published by it. Raises Refused."""
    values = read(entered)

    def write() -> Poster:
        row = locked(Campaign.select().where(Campaign.id == campaign.id)).get()
        if row.is_over(now):
            raise Refused("", "ended" if row.ended_at else "over")
        if not branches.is_any_open(row, row.branch_slugs):
            raise Refused("", "nowhere")
        poster = Poster.create(campaign=row, token=token or new_token(), created_at=now, **values)
        first = (Campaign.id == row.id) & Campaign.published_at.is_null()
        Campaign.update(published_at=now, version=Campaign.version + 1).where(first).execute()
        return poster

    return write_transaction(write)


def read(entered: dict[str, Any]) -> dict[str, Any]:
    """The columns of what was entered: `name`, `quantity`, `per_day`, `per_minute`, `claimed_by`. Raises Refused."""
    name = names.tidy(entered["name"])
    if not is_text(name, LONGEST_NAME):
        raise Refused("name", "name")
    if entered.get("claimed_by") not in set(ClaimedBy):
        raise Refused("claimed_by", "claimed_by")
    for field, most in (("quantity", MOST_VOUCHERS), ("per_day", MOST_VOUCHERS), ("per_minute", MOST_A_MINUTE)):
        value = entered[field]
        if value is None and field == "per_day":
            continue
        if type(value) is not int or not 1 <= value <= most:
            raise Refused(field, field)
    numbers = {key: entered[key] for key in ("quantity", "per_day", "per_minute", "claimed_by")}
    return numbers | {"name": name, "at_counter": bool(entered.get("at_counter"))}


def of_campaign(campaign: Campaign) -> list[Poster]:
    """The campaign's posters, the latest first; its campaign is set on each."""
    rows = list(Poster.select().where(Poster.campaign == campaign).order_by(Poster.id.desc()))
    for row in rows:
        row.campaign = campaign
    return rows


def pause(poster: Poster, paused_at: datetime | None) -> None:
    """Stop giving, or go on where there is no time; one that was ended stays so."""
    _set(poster, paused_at=paused_at)


def end(poster: Poster, now: datetime) -> None:
    """Stop giving for good."""
    _set(poster, ended_at=now)


def _set(poster: Poster, **columns: datetime | None) -> None:
    mine = (Poster.id == poster.id) & Poster.ended_at.is_null()
    write_transaction(lambda: Poster.update(**columns).where(mine).execute())


def redeemed(poster: Poster) -> int:
    """How many uses of its vouchers are redeemed."""
    return Voucher.select(fn.SUM(Voucher.uses - Voucher.uses_left)).where(Voucher.poster == poster).scalar() or 0


def unused(poster: Poster):
    """As a query: its vouchers that were not used at all, nor revoked."""
    whole = (Voucher.uses_left == Voucher.uses) & Voucher.revoked_at.is_null()
    return Voucher.select(Voucher.id).where((Voucher.poster == poster) & whole)


# Looked at and claimed by consumers


def find(token: str) -> Poster | None:
    """The poster with this token, campaign and merchant with it; changes nothing."""
    rows = Poster.select(Poster, Campaign, Merchant).join(Campaign).join(Merchant)
    return rows.where(Poster.token == token).get_or_none()


def refusal(poster: Poster, person: Account | None, now: datetime, step: int | None = None) -> Closed | None:
    """Why it gives this person nothing now, none where it gives; `person` is none for a signed-out visitor.

    `step` is that of the counter pass that they came with, where it is good.
    """
    campaign = poster.campaign
    minute = _minute(poster, now)
    faults: dict[Reason, bool] = {
        Reason.CAMPAIGN_ENDED: campaign.ended_at is not None,
        Reason.NOT_YET_VALID: now < campaign.starts_at,
        Reason.EXPIRED: now >= campaign.ends_at,
        Reason.SOLD_OUT: poster.left <= 0,
        Reason.POSTER_CLOSED: poster.paused_at is not None or poster.ended_at is not None,
        Reason.POSTER_LIMIT: poster.per_day is not None and _today(poster, now) >= poster.per_day,
        Reason.ADDRESS_NEEDED: poster.claimed_by == ClaimedBy.PROVED
        and not (person and person.email and person.proved),
        Reason.AT_COUNTER: poster.at_counter and (step is None or counter_passes.is_spent(poster, step)),
        Reason.TOO_OFTEN: poster.minute == minute and poster.claimed_this_minute >= poster.per_minute,
    }
    reason = next((reason for reason, is_so in faults.items() if is_so), None)
    wait = ceil((minute + 1) * 60 - now.timestamp()) if reason is Reason.TOO_OFTEN else None
    return Closed(reason, wait) if reason else None


def _minute(poster: Poster, now: datetime) -> int:
    """The minute that a claim counts in: never one before the poster's own, as a claim that waited would begin anew.

    Where the poster's is more than LATE ahead, the clock was set back, and counting begins anew.
    """
    minute = int(now.timestamp()) // 60
    return poster.minute if poster.minute and minute < poster.minute <= minute + LATE else minute


def _day(poster: Poster, now: datetime) -> str:
    """The merchant's day that a claim counts in: the poster's own where that is the next one already.

    Where a clock was set back by a day, today's claims count as that day's; by more, counting begins anew.
    """
    today = poster.campaign.merchant.day(now)
    tomorrow = (today + timedelta(days=1)).isoformat()
    return tomorrow if poster.day == tomorrow else today.isoformat()


def _today(poster: Poster, now: datetime) -> int:
    """How many were claimed on the day that a claim counts in."""
    return poster.claimed_today if poster.day == _day(poster, now) else 0


def had(poster: Poster, person: Account) -> Voucher | None:
    """The voucher that this person's wallet got from the poster: one each."""
    mine = Account.of_wallet(Voucher.issued_to, person.id) & (Voucher.poster == poster)
    return Voucher.select().where(mine).order_by(Voucher.revoked_at.is_null(False), Voucher.id).first()


def claim(poster: Poster, consumer: Account, now: datetime, step: int | None = None) -> Claimed:
    """The poster's voucher for this consumer, or the one that they had from it.

    Raises Closed, and account_lock.Overtaken where the account was deleted or merged into another a moment ago.
    """

    def take() -> Claimed:
        if not accounts.lock_living(consumer):
            raise Overtaken
        return _take(poster, consumer, now, step)

    return _surely(take)


def claim_signed_out(poster: Poster, sent: str, browser: str, now: datetime, step: int | None = None) -> Claimed:
    """The same for a visitor who is not signed in: in a wallet without an address, which it makes.

    `sent` is what the browser sends with its first claim (wallets.open_for); sent again, it gets the same voucher.
    Raises Closed, and makes no wallet then.
    """

    def take() -> Claimed:
        consumer, token = wallets.open_for(sent, now, browser)
        given = _take(poster, consumer, now, step)
        return Claimed(given.voucher, given.is_new, token)

    return _surely(take)


def _surely(take: Callable[[], Claimed]) -> Claimed:
    def write() -> Claimed:
        try:
            return take()
        except IntegrityError as error:
            raise Changed from error  # a unique key or a CHECK settled a race; judge again what is there now

    return write_transaction(write)


def _take(poster: Poster, consumer: Account, now: datetime, step: int | None) -> Claimed:
    """In the order of locks everywhere: the consumer is locked; customer, voucher, and what all claims share, last."""
    if again := had(poster, consumer):
        return Claimed(again, False)
    row = _locked(poster.id)
    if closed := refusal(row, consumer, now, step):
        raise closed
    customer(row.campaign, consumer, now)
    voucher = issuing.issue_from(row, consumer, now)
    if _count(row, now, step) != 1 or issuing.count(row.campaign) != 1:
        raise Changed
    return Claimed(voucher, True)


def _locked(number: int) -> Poster:
    """The poster, locked, with campaign and merchant as they are now."""
    row = locked(Poster.select().where(Poster.id == number)).get()
    row.campaign = Campaign.select(Campaign, Merchant).join(Merchant).where(Campaign.id == row.campaign_id).get()
    return row


def customer(campaign: Campaign, consumer: Account, now: datetime) -> None:
    """Make the consumer a customer, known by a name of our making: no shop learns an address by a poster."""
    name = f"wallet-{new_token()[:8]}"
    Customer.insert(
        merchant=campaign.merchant_id, consumer=consumer, address=name, first_seen_at=now
    ).on_conflict_ignore().execute()


def _count(poster: Poster, now: datetime, step: int | None) -> int:
    """One more in all, today, this minute and by this pass, if it is as it was judged."""
    day, minute = _day(poster, now), _minute(poster, now)
    seen = (Poster.id == poster.id) & (Poster.claimed == poster.claimed)
    return (
        Poster.update(
            claimed=poster.claimed + 1,
            day=day,
            claimed_today=_today(poster, now) + 1,
            minute=minute,
            claimed_this_minute=(poster.claimed_this_minute if poster.minute == minute else 0) + 1,
            **({} if step is None else counter_passes.one_more(poster, step)),
        )
        .where(seen)
        .execute()
    )
