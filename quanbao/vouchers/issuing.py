"""Issuing vouchers to consumers: one format, a code each, never with the password [0019]."""

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from peewee import Case, fn

from models import Account, Campaign, Customer, Voucher
from quanbao.messages import events

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # 31 letters that are not taken for one another
LENGTH = 16
BATCH = 1000


def new_code() -> str:
    """79 bits: no voucher is found by trying."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def _row(campaign: Campaign, consumer: int, nth: int, now: datetime) -> dict:
    return {
        "code": new_code(),
        "campaign": campaign.id,
        "consumer": consumer,
        "nth": nth,
        "uses": campaign.uses_per_voucher,
        "uses_left": campaign.uses_per_voucher,
        "issued_at": now,
    }


def issue_once(campaign: Campaign, consumers: Iterable[int], now: datetime, publication: int = 0) -> int:
    """Give each consumer, by id, a voucher unless they had one of this campaign; returns how many are new.

    `publication` is the number of the one that issues, or of the one that made the link: see `counts_as_had`. At most a
    thousand consumers at once, in the caller's transaction; who they are customers of is the caller's matter.
    """
    rows = [_row(campaign, consumer, nth, now) for consumer, nth in _without(campaign, consumers, publication)]
    if not rows:
        return 0
    issued = [row.id for row in Voucher.insert_many(rows).on_conflict_ignore().returning(Voucher.id)]
    events.issued(issued, now)
    Campaign.update(issued=Campaign.issued + len(issued)).where(Campaign.id == campaign.id).execute()
    return len(issued)


def _without(campaign: Campaign, consumers: Iterable[int], publication: int) -> list[tuple[int, int]]:
    """The consumers who had no voucher, in the order of their ids, and the number that the next one of each gets.

    Two that issue at once find the same number, and the unique key lets one of them write it.
    """
    consumers, had = sorted(set(consumers)), Case(None, [(counts_as_had(publication), 1)], 0)
    mine = (Voucher.campaign == campaign.id) & Voucher.consumer.in_(consumers)
    rows = Voucher.select(Voucher.consumer, fn.MAX(Voucher.nth), fn.MAX(had)).where(mine).group_by(Voucher.consumer)
    held = {consumer: (nth, counted) for consumer, nth, counted in rows.tuples()}
    pairs = [(consumer, *held.get(consumer, (0, 0))) for consumer in consumers]
    return [(consumer, nth + 1) for consumer, nth, counted in pairs if not counted]


def counts_as_had(publication: int):
    """As a condition: vouchers that keep this publication from giving their holder another one.

    Those are all but the ones that were revoked before it was made. A publication that goes on after a revocation
    does not give back what was taken from a consumer meanwhile.
    """
    return Voucher.revoked_at.is_null() | (Voucher.revoked_after >= publication)


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
        customers.append(
            {"merchant": campaign.merchant_id, "consumer": consumer.id, "address": consumer.email, "first_seen_at": now}
        )
    for start in range(0, len(rows), BATCH):
        Customer.insert_many(customers[start : start + BATCH]).on_conflict_ignore().execute()
        issued = Voucher.insert_many(rows[start : start + BATCH]).returning(Voucher.id)
        events.issued([row.id for row in issued], now)
    Campaign.update(issued=Campaign.issued + len(rows)).where(Campaign.id == campaign.id).execute()
    return len(rows)


def open_voucher(voucher: Voucher, now: datetime) -> None:
    """Note the first time its holder opened a voucher; in the caller's transaction."""
    first = Voucher.update(opened_at=now).where((Voucher.id == voucher.id) & Voucher.opened_at.is_null())
    if first.execute():
        Campaign.update(opened=Campaign.opened + 1).where(Campaign.id == voucher.campaign_id).execute()
