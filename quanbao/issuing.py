"""Issuing vouchers to consumers: one format, a code each, never with the password [0019]."""

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from models import Account, Campaign, Customer, Voucher
from quanbao import announcing

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # 31 letters that are not taken for one another
LENGTH = 16
BATCH = 1000


def new_code() -> str:
    """79 bits: nobody finds a voucher by trying."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def _row(campaign: Campaign, consumer: int, nth: int, now: datetime) -> dict:
    return {
        "code": new_code(), "campaign": campaign.id, "consumer": consumer, "nth": nth,
        "uses": campaign.uses_per_voucher, "uses_left": campaign.uses_per_voucher, "issued_at": now,
    }


def issue_once(campaign: Campaign, consumers: Iterable[int], now: datetime) -> int:
    """Give each consumer, by id, a voucher unless they hold one of this campaign; returns how many are new.

    At most a thousand at once, in the caller's transaction; who they are customers of is its matter.
    """
    rows = [_row(campaign, consumer, 1, now) for consumer in sorted(set(consumers))]
    if not rows:
        return 0
    issued = [row.id for row in Voucher.insert_many(rows).on_conflict_ignore().returning(Voucher.id)]
    announcing.issued(issued, now)
    Campaign.update(issued=Campaign.issued + len(issued)).where(Campaign.id == campaign.id).execute()
    return len(issued)


def issue(campaign: Campaign, consumers: Iterable[Account], now: datetime, *, already: int = 0) -> int:
    """Give each consumer a voucher, one each time they are named; returns how many.

    `already` is how many of this campaign each of them holds. Runs in the caller's transaction.
    The consumers become customers of the merchant, under the addresses of their accounts.
    """
    nth: Counter = Counter()
    rows, customers = [], []
    for consumer in consumers:
        nth[consumer.id] += 1
        rows.append(_row(campaign, consumer.id, already + nth[consumer.id], now))
        customers.append({"merchant": campaign.merchant_id, "consumer": consumer.id, "address": consumer.email,
                          "first_seen_at": now})
    for start in range(0, len(rows), BATCH):
        Customer.insert_many(customers[start:start + BATCH]).on_conflict_ignore().execute()
        issued = Voucher.insert_many(rows[start:start + BATCH]).returning(Voucher.id)
        announcing.issued([row.id for row in issued], now)
    Campaign.update(issued=Campaign.issued + len(rows)).where(Campaign.id == campaign.id).execute()
    return len(rows)


def open_voucher(voucher: Voucher, now: datetime) -> None:
    """Note the first time its holder opened a voucher; in the caller's transaction."""
    first = Voucher.update(opened_at=now).where((Voucher.id == voucher.id) & Voucher.opened_at.is_null())
    if first.execute():
        Campaign.update(opened=Campaign.opened + 1).where(Campaign.id == voucher.campaign_id).execute()
