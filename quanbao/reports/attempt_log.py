"""What happened at a campaign's tills: redemptions and refused attempts, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from peewee import Field, ModelSelect, Tuple, fn

from database import on_sqlite
from models import Account, Attempt, Campaign, Customer, Member, Redemption, Rollback, Voucher
from quanbao.redemption import attempts
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import wallet

A_PAGE = 50
STEP = 1000
REDEEMED, REFUSED = "redeemed", "refused"


@dataclass(frozen=True)
class Entry:
    """One attempt as its merchant may see it: `customer` is the address that the merchant knows, if any.

    `redemption` is what was redeemed, with product and prices of that moment, `rollback` how that was taken back.
    """

    number: int
    at: datetime
    code: str
    customer: str
    branch: str
    amount: int | None
    reason: str | None
    trace: list
    receipt: dict | None
    redemption: Redemption | None
    rollback: Rollback | None
    member: str  # who redeemed it at the counter, as the merchant knows them; empty for a typed password


def entries(campaign: Campaign, only: str = "", before: int = 0, most: int = A_PAGE) -> list[Entry]:
    """Attempts with an id below `before`; `only` is "redeemed", "refused", or a reason.

    A fixed number of queries, each along an index, whatever was redeemed.
    """
    rows = list(_attempts(campaign, only, before).limit(most))
    holders = _holders({row.consumer_id for row in rows})
    codes = _names(Voucher.id, Voucher.code, Voucher.id.in_([row.voucher_id for row in rows]))
    known = _names(
        Customer.consumer,
        Customer.address,
        (Customer.merchant == campaign.merchant_id) & Customer.consumer.in_(list(holders.values())),
    )
    done = Redemption.attempt_id.in_([row.attempt_id for row in rows if row.reason is None])
    done &= Redemption.consumer.in_([row.consumer_id for row in rows if row.reason is None])
    redeemed = {(row.consumer_id, row.attempt_id): row for row in Redemption.select().where(done)}
    back = wallet.rollbacks(done)
    members = _names(Member.id, Member.address, Member.id.in_([row.member_id for row in rows if row.member_id]))
    known = {consumer: known[holder] for consumer, holder in holders.items() if holder in known}
    return [_entry(row, codes, known, redeemed.get((row.consumer_id, row.attempt_id)), back, members) for row in rows]


def _holders(consumers: set[int]) -> dict[int, int]:
    """The accounts of some consumers: their own, or those that their wallets were merged into."""
    rows = Account.select(Account.id, fn.COALESCE(Account.merged_into, Account.id))
    return dict(rows.where(Account.id.in_(consumers)).tuples())


def _entry(
    row: Attempt, codes: dict, known: dict, redemption: Redemption | None, back: dict[int, Rollback], members: dict
) -> Entry:
    return Entry(
        row.id,
        row.at,
        codes[row.voucher_id],
        known.get(row.consumer_id, ""),
        row.branch_slug or "",
        row.amount,
        row.reason,
        attempts.trace(row),
        {"number": redemption.number, "words": redemption.words} if redemption else None,
        redemption,
        back.get(redemption.id) if redemption else None,
        members.get(row.member_id, ""),
    )


def _attempts(campaign: Campaign, only: str, before: int) -> "ModelSelect[Attempt]":
    """Newest first, each along an index.

    Where PostgreSQL is told which campaign it is, it may walk back through the attempts of all of them: in a
    range, or ordered by a reason that is null, it has the order from the right index alone.
    """
    before = before or 2**63 - 1
    key: list[Field] = [Attempt.campaign]
    start: list[int | str | None] = [campaign.id]
    if only == REDEEMED or only in set(Reason):
        key.append(Attempt.reason)
        start.append(None if only == REDEEMED else only)
    if on_sqlite() or only == REDEEMED:
        mine = [column == value for column, value in zip(key, start, strict=True)] + [Attempt.id < before]
    else:
        row = Tuple(*key, Attempt.id)
        mine = [row > Tuple(*start, 0), row < Tuple(*start, before)]
    if only == REFUSED:
        mine.append(Attempt.reason.is_null(False))
    return Attempt.select().where(*mine).order_by(*(column.desc() for column in (*key, Attempt.id)))


def _names(key, value, where) -> dict:
    return dict(key.model.select(key, value).where(where).tuples())


def all_entries(campaign: Campaign, only: str = "") -> Iterator[Entry]:
    """The same, all of them, a thousand at a time."""
    before = 0
    while some := entries(campaign, only, before, STEP):
        yield from some
        before = some[-1].number
