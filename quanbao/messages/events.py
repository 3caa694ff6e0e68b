"""What people are told by web push: rows of the outbox, written in the transactions that they tell of.

Without a subscription nothing is written. The sender judges what is still true, and who does not want it.
"""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any

from peewee import Expression, Field, ModelInsert, Value

from database import locked, on_sqlite, write_transaction
from models import STAFF, Campaign, Delivery, Event, Member, Merchant, News, Subscription, Table, Voucher
from quanbao.lib.arrays import among
from quanbao.lib.compiled_queries import statement

STEP = 1000  # holders in a transaction
REMINDING = time(10)  # by the merchant's wall clock
PATIENCE = timedelta(days=1)  # what could not be told for so long is no news
AHEAD = timedelta(minutes=1)  # further than the clocks of several servers are apart
PRICES = ("original_price", "offer_price")
COLUMNS = (Delivery.event, Delivery.about, Delivery.due_at, Delivery.tries, Delivery.made_at)


def issued(vouchers: Collection[int], now: datetime) -> None:
    """Vouchers are new, by their ids."""
    _write(among(Voucher.id, vouchers), Event.ISSUED, 0, now)


def redeemed(voucher: Voucher, now: datetime) -> None:
    """A use of the voucher was taken."""
    _redeemed(voucher.id, voucher.use_number, now)


@statement
def _redeemed(voucher, use_number, now):
    return _of_vouchers(Voucher.id == voucher, Event.REDEEMED, use_number, now)


def rolled_back(voucher: Voucher, use_number: int, now: datetime) -> None:
    """A redemption was taken back, by the number of its use."""
    _write(Voucher.id == voucher.id, Event.ROLLED_BACK, use_number, now)


def revoked(voucher: Voucher, now: datetime) -> None:
    """The shop took the voucher back."""
    _write(Voucher.id == voucher.id, Event.REVOKED, 0, now)


def all_revoked(vouchers: list[int], now: datetime) -> None:
    """The shop took these vouchers back, by their ids."""
    _write(Voucher.id.in_(vouchers), Event.REVOKED, 0, now)


def under_attack(campaign: Campaign, now: datetime) -> None:
    """Guessers spent the budget of the campaign's password: its merchant's owners and managers are told."""
    able = (Member.merchant == campaign.merchant_id) & Member.role.in_(STAFF) & Member.disabled_at.is_null()
    of = Delivery.campaign, Value(campaign.id)
    _rows(Member, Member.account, able, of, Event.UNDER_ATTACK, campaign.version, now).execute()


def changed(campaign: Campaign, columns: dict[str, Any], now: datetime) -> None:
    """A campaign, as it was, gets these columns: its holders hear what `news` says, and of another end again."""
    if columns["ends_at"] != campaign.ends_at:
        Campaign.update(reminded_at=None).where(Campaign.id == campaign.id).execute()
    if campaign.published_at:
        for event in news(campaign, columns, now):
            _announce(campaign, event, now)


def news(campaign: Campaign, columns: dict[str, Any], now: datetime) -> list[Event]:
    """What a change of these columns is to the holders: all that takes something from them, and any other price.

    Taken is: time in which a voucher was good and is not any more; what was promised in the terms, which no program can
    weigh, so that any other terms count; that a rollback gives the use back. Another picture takes nothing, nor does
    a later end, an earlier start, or a larger quantity.
    """
    found = []
    if any(columns[name] != getattr(campaign, name) for name in PRICES):
        found.append(Event.PRICE_CHANGED)
    if _is_shortened(campaign, columns["starts_at"], columns["ends_at"], now):
        found.append(Event.PERIOD_CHANGED)
    if columns["terms"] != campaign.terms or campaign.rollback_gives_back and not columns["rollback_gives_back"]:
        found.append(Event.TERMS_CHANGED)
    return found


def _is_shortened(campaign: Campaign, starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Whether a part of the period that is still to come is in the new one no more."""
    first = max(campaign.starts_at, now)
    return first < campaign.ends_at and (starts_at > first or ends_at < campaign.ends_at)


def period_changed(campaign: Campaign, now: datetime) -> None:
    """A campaign got another period: where it is published, its holders are told."""
    if campaign.published_at:
        _announce(campaign, Event.PERIOD_CHANGED, now)


def ended(campaign: Campaign, now: datetime) -> None:
    """A campaign was ended early."""
    _announce(campaign, Event.ENDED, now)


def _announce(campaign: Campaign, event: Event, now: datetime) -> None:
    """To all who hold something of it, some at a time; what was under way of the same begins again."""
    fresh = {News.about: campaign.version, News.cursor: 0, News.made_at: now}
    News.insert({News.campaign: campaign.id, News.event: event, **fresh}).on_conflict(
        conflict_target=[News.campaign, News.event], update=fresh
    ).execute()


def _write(which: Expression, event: Event, about: int, now: datetime) -> None:
    _of_vouchers(which, event, about, now).execute()


def _of_vouchers(which: Expression, event: Event, about: int, now: datetime) -> ModelInsert:
    """A row for each browser of each of the vouchers' holders."""
    return _rows(Voucher, Voucher.consumer, which, (Delivery.voucher, Voucher.id), event, about, now)


def _rows(
    table: type[Table], reader: Field, which: Expression, of: tuple[Field, Any], event: Event, about: int, now: datetime
) -> ModelInsert:
    """A row for each browser of each reader; one that is being signed out is left alone."""
    column, subject = of
    moment = Value(now, converter=Delivery.due_at.db_value)
    rows = (
        table.select(Subscription.id, subject, Value(event.value), Value(about), moment, Value(0), moment)
        .join(Subscription, on=Subscription.account == reader)
        .where(which)
    )
    if not on_sqlite():
        rows = rows.for_update("FOR KEY SHARE", of=Subscription)
    return Delivery.insert_from(rows, (Delivery.subscription, column, *COLUMNS)).on_conflict_ignore()


def is_waiting() -> bool:
    """Whether there is news to be told."""
    return News.select().exists()


def spread(now: datetime) -> bool:
    """One step of telling a campaign's holders some news, in a transaction; whether there may be more to do."""
    return write_transaction(lambda: _spread(now))


def _spread(now: datetime) -> bool:
    query = News.select().order_by(News.made_at, News.campaign).limit(1)
    news = (query if on_sqlite() else query.for_update("FOR NO KEY UPDATE SKIP LOCKED")).get_or_none()
    if news is None:
        return False
    of = Voucher.campaign == news.campaign_id
    next_ones = Voucher.select(Voucher.consumer).where(of & (Voucher.consumer > news.cursor)).distinct()
    consumers = [consumer for (consumer,) in next_ones.order_by(Voucher.consumer).limit(STEP).tuples()]
    this = (News.campaign == news.campaign_id) & (News.event == news.event)
    if consumers:
        some = Voucher.consumer.between(consumers[0], consumers[-1])
        good = (Voucher.uses_left > 0) & Voucher.revoked_at.is_null()
        if news.event == Event.ENDS_SOON:  # what its holder put away is nothing that they want to be reminded of
            good &= Voucher.archived_at.is_null()
        _write(of & some & good, Event(news.event), news.about, now)
        News.update(cursor=consumers[-1]).where(this).execute()
    else:
        News.delete().where(this).execute()
    return True


def remind(now: datetime) -> None:
    """Tell, from ten in the morning on the day before a campaign's last, that it ends tomorrow; once."""
    soon = Campaign.ends_at.between(now, now + timedelta(days=3))
    open_ = Campaign.published_at.is_null(False) & Campaign.ended_at.is_null() & Campaign.reminded_at.is_null()
    for campaign in list(Campaign.select(Campaign, Merchant).join(Merchant).where(open_ & soon)):
        if ends_tomorrow(campaign, now) and now.astimezone(campaign.merchant.zone).time() >= REMINDING:
            write_transaction(partial(_remind, campaign.id, now))


def ends_tomorrow(campaign: Campaign, now: datetime) -> bool:
    """Whether the merchant's day after today is the last on which its vouchers are good."""
    last = campaign.merchant.day(campaign.ends_at - timedelta(microseconds=1))
    return campaign.merchant.day(now) + timedelta(days=1) == last


def _remind(number: int, now: datetime) -> None:
    campaign = locked(Campaign.select().where(Campaign.id == number)).get()
    if campaign.reminded_at is None and campaign.ended_at is None:
        Campaign.update(reminded_at=now).where(Campaign.id == number).execute()
        _announce(campaign, Event.ENDS_SOON, now)


def put_right(now: datetime) -> None:
    """What a clock wrote that was ahead and is set back: messages are due now, reminders are still to come."""
    early, reminded = Delivery.made_at > now + AHEAD, Campaign.reminded_at > now + AHEAD
    if Delivery.select().where(early).exists():
        write_transaction(lambda: Delivery.update(made_at=now, due_at=now).where(early).execute())
    if Campaign.select().where(reminded).exists():
        write_transaction(lambda: Campaign.update(reminded_at=None).where(reminded).execute())


def expire(now: datetime) -> None:
    """Give up what could not be told for a day."""
    stale = Delivery.made_at < now - PATIENCE
    if Delivery.select().where(stale).exists():
        write_transaction(lambda: Delivery.delete().where(stale).execute())
