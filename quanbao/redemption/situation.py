"""What a try meets, read under its locks in one query: voucher, campaign, merchant, password, budget, and what was
said and done before.

The one path where rows are not read as models: that took longer than the database. The models here are filled from
tuples, and have only the columns that a redemption asks for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from peewee import JOIN, Field, Value, fn

from database import Changed, on_sqlite
from models import (
    STANDING,
    Account,
    Attempt,
    Campaign,
    CampaignVersion,
    Customer,
    Guess,
    Merchant,
    Redemption,
    RedemptionPassword,
    Subscription,
    Table,
    Voucher,
)
from quanbao.lib.compiled_queries import statement
from quanbao.passwords import guess_limits

T = TypeVar("T", bound=Table)

VOUCHER = (
    *(Voucher.id, Voucher.code, Voucher.campaign, Voucher.consumer, Voucher.uses, Voucher.uses_left),
    *(Voucher.returned, Voucher.revoked_at, Voucher.ended_at),
)
CAMPAIGN = (
    *(Campaign.id, Campaign.merchant, Campaign.kind, Campaign.product, Campaign.original_price, Campaign.offer_price),
    *(Campaign.quantity, Campaign.redeemed, Campaign.forfeited, Campaign.consumers, Campaign.discount_given),
    *(Campaign.starts_at, Campaign.ends_at, Campaign.ended_at, Campaign.version, Campaign.password),
    *(Campaign.per_consumer, Campaign.new_customers_only, Campaign.groups, Campaign.minimum_spend),
    *(Campaign.weekdays, Campaign.hours, Campaign.branch_slugs),
)
MERCHANT = (
    *(Merchant.id, Merchant.slug, Merchant.name, Merchant.time_zone, Merchant.language),
    *(Merchant.currency, Merchant.currency_digits),
)
PASSWORD = (RedemptionPassword.id, RedemptionPassword.version, RedemptionPassword.sealed)
VERSION = (CampaignVersion.id, CampaignVersion.described)


@dataclass
class Situation:
    """All of one moment. `settled` where the attempt has a verdict; `returning` where the consumer has a standing
    redemption of the campaign; `subscribed` where a browser of theirs receives messages."""

    voucher: Voucher
    version: CampaignVersion | None
    tries: guess_limits.Tries
    settled: bool
    returning: bool
    subscribed: bool


def find(consumer: int, attempt_id: str, code: str) -> tuple[int, bool] | None:
    """The consumer's voucher of this code, by its id, and whether the attempt has a verdict; takes no lock."""
    return _find.first(attempt_id, code, consumer)


def lock(voucher: int, *, password: bool) -> int | None:
    """Lock consumer, customer, voucher and, where one was typed, its password, in this order; that password's id.

    PostgreSQL locks the rows of one statement in the order in which it names the tables. SQLite's writer is alone.
    """
    if on_sqlite():
        return None
    [(number,)] = (_lock_with_password if password else _lock)(voucher)
    return number


def read(voucher: int, attempt_id: str, now: datetime, password: int | None) -> Situation:
    """What a try for this voucher meets, after `lock`. Raises Changed where it is of another password by now."""
    [row] = _read(voucher, attempt_id, now - guess_limits.MEMORY)
    parts, end = [], 0
    for columns in (VOUCHER, CAMPAIGN, MERCHANT, PASSWORD, VERSION):
        parts.append((columns, row[end : end + len(columns)]))
        end += len(columns)
    found, campaign = _filled(Voucher, *parts[0]), _filled(Campaign, *parts[1])
    campaign.merchant, campaign.password = _filled(Merchant, *parts[2]), _filled(RedemptionPassword, *parts[3])
    found.campaign = campaign
    if password not in (None, campaign.password.id):
        raise Changed
    version = _filled(CampaignVersion, *parts[4])
    settled, returning, subscribed, *tries = row[end:]
    return Situation(
        found,
        version if version.id else None,
        guess_limits.Tries(*tries),
        bool(settled),
        bool(returning),
        bool(subscribed),
    )


def _filled(table: type[T], columns: tuple[Field, ...], values: tuple) -> T:
    row: Any = table(__no_default__=True)
    row.__data__.update(zip([column.name for column in columns], values, strict=True))
    return row


# What is asked


@statement
def _find(attempt_id, code, consumer):
    mine = (Voucher.code == code) & (Voucher.consumer == consumer)
    return Voucher.select(Voucher.id, fn.EXISTS(_settled(attempt_id))).where(mine).tuples()


def _settled(attempt_id):
    this = (Attempt.consumer == Voucher.consumer) & (Attempt.attempt_id == attempt_id)
    return Attempt.select(Attempt.id).where(this)


@statement
def _lock(voucher):
    return _rows(voucher, Value(None)).for_update("FOR NO KEY UPDATE", of=(Account, Customer, Voucher))


@statement
def _lock_with_password(voucher):
    rows = _rows(voucher, RedemptionPassword.id).switch(Campaign).join(RedemptionPassword, on=Campaign.password)
    return rows.for_update("FOR NO KEY UPDATE", of=(Account, Customer, Voucher, RedemptionPassword))


def _rows(voucher, column) -> Any:
    customer = (Customer.consumer == Voucher.consumer) & (Customer.merchant == Campaign.merchant)
    rows = Voucher.select(column).join(Account).switch(Voucher).join(Campaign).join(Customer, on=customer)
    return rows.where(Voucher.id == voucher).tuples()


@statement
def _read(voucher, attempt_id, remembered):
    version = (CampaignVersion.campaign == Campaign.id) & (CampaignVersion.version == Campaign.version)
    rows = Voucher.select(
        *(*VOUCHER, *CAMPAIGN, *MERCHANT, *PASSWORD, *VERSION, fn.EXISTS(_settled(attempt_id))),
        fn.EXISTS(_standing()),
        fn.EXISTS(Subscription.select(Subscription.id).where(Subscription.account == Voucher.consumer)),
        *_tries(remembered),
    )
    rows = rows.join(Campaign).join(Merchant).switch(Campaign).join(RedemptionPassword, on=Campaign.password)
    rows = rows.switch(Campaign).join(CampaignVersion, JOIN.LEFT_OUTER, on=version)
    return rows.where(Voucher.id == voucher).tuples()


def _standing():
    mine = (Redemption.consumer == Voucher.consumer) & (Redemption.campaign == Campaign.id)
    return Redemption.select(Redemption.id).where(mine & STANDING)


def _tries(remembered) -> tuple[Any, ...]:
    """The columns of `guess_limits.Tries`."""
    of = (Guess.password == RedemptionPassword.id) & (Guess.version == RedemptionPassword.version)
    times = Guess.select(Guess.made_at).where(of & Guess.counted).order_by(Guess.made_at.desc())
    own = of & (Guess.consumer == Voucher.consumer) & (Guess.made_at > remembered)
    return (
        Guess.select(fn.MAX(Guess.made_at)).where(of),
        times.offset(guess_limits.PASSWORD_A_DAY - 1).limit(1),
        Guess.select(fn.MAX(Guess.made_at)).where(own),
    )
