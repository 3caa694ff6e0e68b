"""What a try meets, read under its locks in one query, a row for each password that its campaign accepts: voucher,
campaign, merchant, password, budget, and what was said and done before.

The one path where rows are not read as models: that took longer than the database. The models here are filled from
tuples, and have only the columns that a redemption asks for.
"""

from collections.abc import Sequence
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
from quanbao.lib.compiled_queries import by_no_index, statement
from quanbao.passwords import accepting, guess_limits

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
PASSWORD = (
    *(RedemptionPassword.id, RedemptionPassword.version, RedemptionPassword.sealed, RedemptionPassword.kind),
    *(RedemptionPassword.branch_slug, RedemptionPassword.member, RedemptionPassword.ends_at),
)
VERSION = (CampaignVersion.id, CampaignVersion.described)


@dataclass
class Situation:
    """All of one moment. `passwords` are those that the campaign accepts, by id; `settled` where the attempt has a
    verdict; `returning` where the consumer has a standing redemption of the campaign; `subscribed` where a browser of
    theirs receives messages."""

    voucher: Voucher
    version: CampaignVersion | None
    passwords: list[tuple[RedemptionPassword, guess_limits.Tries]]
    settled: bool
    returning: bool
    subscribed: bool


def find(consumer: int, attempt_id: str, code: str) -> tuple[int, bool] | None:
    """The consumer's voucher of this code, by its id, and whether the attempt has a verdict; takes no lock."""
    return _find.first(attempt_id, code, consumer)


def lock(voucher: int, *, password: bool) -> list[int]:
    """Lock consumer, customer, voucher and, where one was typed, the passwords that its campaign accepts; their ids.

    The consumer is the voucher's holder, who may be another one than the caller saw. Raises Changed where it becomes
    another's meanwhile.

    PostgreSQL locks the rows of one statement in the order in which it names the tables, here the passwords by id.
    SQLite's writer is alone.
    """
    if on_sqlite():
        return []
    rows = (_lock_with_passwords if password else _lock)(voucher)
    if not rows:
        raise Changed  # it changed hands while this waited for its holder: there is another one to lock
    return [number for (number,) in rows if number is not None]


def read(voucher: int, attempt_id: str, now: datetime, locked: Sequence[int]) -> Situation:
    """What a try for this voucher meets, after `lock`. Raises Changed where its campaign accepts others by now."""
    rows = _read(voucher, attempt_id, now - guess_limits.DAY, now - guess_limits.MEMORY)
    columns = (VOUCHER, CAMPAIGN, MERCHANT, VERSION)
    parts, end = [], 0
    for names in columns:
        parts.append((names, rows[0][end : end + len(names)]))
        end += len(names)
    found, campaign = _filled(Voucher, *parts[0]), _filled(Campaign, *parts[1])
    found.campaign, campaign.merchant = campaign, _filled(Merchant, *parts[2])
    version = _filled(CampaignVersion, *parts[3])
    settled, returning, subscribed = rows[0][end : end + 3]
    passwords = [_password(row[end + 3 :]) for row in rows]
    if locked and any(row.id not in locked for row, _ in passwords):
        raise Changed
    return Situation(
        found,
        version if version.id else None,
        passwords,
        bool(settled),
        bool(returning),
        bool(subscribed),
    )


def _password(values: tuple) -> tuple[RedemptionPassword, guess_limits.Tries]:
    size = len(PASSWORD)
    return _filled(RedemptionPassword, PASSWORD, values[:size]), guess_limits.Tries(*values[size:])


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
    theirs = Account.of_wallet(Attempt.consumer, Voucher.consumer)
    return Attempt.select(Attempt.id).where(theirs & (Attempt.attempt_id == attempt_id))


@statement
def _lock(voucher):
    return _rows(voucher, Value(None)).for_update("FOR NO KEY UPDATE", of=(Account, Customer, Voucher))


@statement
def _lock_with_passwords(voucher):
    rows = _rows(voucher, RedemptionPassword.id).switch(Campaign).join(RedemptionPassword, on=accepting.accepted())
    rows = rows.order_by(RedemptionPassword.id)
    return rows.for_update("FOR NO KEY UPDATE", of=(Account, Customer, Voucher, RedemptionPassword))


def _rows(voucher, column) -> Any:
    customer = (Customer.consumer == Voucher.consumer) & (Customer.merchant == Campaign.merchant)
    rows = (
        Voucher.select(column)
        .join(Account, on=Voucher.consumer)
        .switch(Voucher)
        .join(Campaign)
        .join(Customer, on=customer)
    )
    return rows.where(Voucher.id == voucher).tuples()


@statement
def _read(voucher, attempt_id, yesterday, remembered):
    version = (CampaignVersion.campaign == Campaign.id) & (CampaignVersion.version == Campaign.version)
    rows = Voucher.select(
        *(*VOUCHER, *CAMPAIGN, *MERCHANT, *VERSION, fn.EXISTS(_settled(attempt_id))),
        fn.EXISTS(_standing()),
        fn.EXISTS(Subscription.select(Subscription.id).where(Subscription.account == Voucher.consumer)),
        *PASSWORD,
        *_tries(yesterday, remembered),
    )
    rows = rows.join(Campaign).join(Merchant).switch(Campaign).join(RedemptionPassword, on=accepting.accepted())
    rows = rows.switch(Campaign).join(CampaignVersion, JOIN.LEFT_OUTER, on=version)
    return rows.where(Voucher.id == voucher).order_by(RedemptionPassword.id).tuples()


def _standing():
    mine = Account.of_wallet(Redemption.consumer, Voucher.consumer) & (by_no_index(Redemption.campaign) == Campaign.id)
    return Redemption.select(Redemption.id).where(mine & STANDING)


def _tries(yesterday, remembered) -> tuple[Any, ...]:
    """The columns of `guess_limits.Tries`."""
    of = (Guess.password == RedemptionPassword.id) & (Guess.version == RedemptionPassword.version)
    totals = Guess.select(Guess.total).order_by(Guess.made_at.desc(), Guess.total.desc()).limit(1)
    own = of & (Guess.consumer == Voucher.consumer) & (Guess.made_at > remembered)
    return (
        Guess.select(fn.MAX(Guess.made_at)).where(of),
        totals.where(of),
        totals.where(of & (Guess.made_at <= yesterday)),
        Guess.select(fn.MAX(Guess.made_at)).where(own),
    )
