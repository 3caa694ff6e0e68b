"""Issuing vouchers to consumers: one format, a code each, never with the password [0019]."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from peewee import Case, Value, fn

from models import NOBODYS, Account, Campaign, Customer, Poster, Voucher
from quanbao.lib import arrays
from quanbao.messages import events

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # 31 letters that are not taken for one another
LENGTH = 16
TOGETHER = 2  # letters that the codes of one call begin with
BATCH = 1000
FAIR = len(ALPHABET) * (256 // len(ALPHABET))  # bytes from here on would make some letters likelier than others
LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
COLUMNS = {"code": "text", "consumer": "bigint", "nth": "bigint"}


def new_code() -> str:
    """79 bits: no voucher is found by trying."""
    return new_codes(1)[0]


def new_codes(count: int) -> list[str]:
    """So many codes, which begin with the same two letters: the index then writes one page for many of them.

    Who knows one of them has still 69 bits to find in each of the others.
    """
    rest, letters = LENGTH - TOGETHER, _random_letters(TOGETHER + count * (LENGTH - TOGETHER))
    return [letters[:TOGETHER] + letters[at : at + rest] for at in range(TOGETHER, len(letters), rest)]


def _random_letters(count: int) -> str:
    """All equally likely, from the system's random bytes."""
    made = b""
    while len(made) < count:
        made += os.urandom(count - len(made) + 16).translate(LETTERS, bytes(range(FAIR, 256)))
    return made[:count].decode()


def _insert(campaign: Campaign, wanted: list[tuple[int, int]], now: datetime, *, ignore: bool) -> Sequence[int]:
    """A voucher for each consumer and number, in this order, in one statement; the ids of those that are new."""
    codes = new_codes(len(wanted))
    rows = [(code, consumer, nth) for code, (consumer, nth) in zip(codes, wanted, strict=True)]
    values = {
        Voucher.code: "code",
        Voucher.campaign: Value(campaign.id),
        Voucher.consumer: "consumer",
        Voucher.issued_to: "consumer",
        Voucher.nth: "nth",
        Voucher.uses: Value(campaign.uses_per_voucher),
        Voucher.uses_left: Value(campaign.uses_per_voucher),
        Voucher.returned: Value(0),
        Voucher.issued_at: Value(now, converter=Voucher.issued_at.db_value),
    }
    insert = Voucher.insert_from(arrays.select(COLUMNS, rows, list(values.values())), list(values))
    insert = insert.on_conflict_ignore() if ignore else insert
    return arrays.inserted(insert, Voucher.id)


def issue_once(campaign: Campaign, consumers: Iterable[int], now: datetime, publication: int = 0) -> int:
    """Give each consumer, by id, a voucher unless they had one of this campaign; returns how many are new.

    `publication` is the number of the one that issues, or of the one that made the link: see `counts_as_had`. In the
    caller's transaction; who they are customers of is the caller's matter.
    """
    wanted = _without(campaign, consumers, publication)
    if not wanted:
        return 0
    issued = _insert(campaign, wanted, now, ignore=True)
    _hand_on(issued)
    events.issued(issued, now)
    Campaign.update(issued=Campaign.issued + len(issued)).where(Campaign.id == campaign.id).execute()
    return len(issued)


def _without(campaign: Campaign, consumers: Iterable[int], publication: int) -> list[tuple[int, int]]:
    """The consumers who had no voucher, in the order of their ids, and the number that the next one of each gets.

    Two that issue at once find the same number, and the unique key lets one of them write it.
    """
    consumers, had = sorted(set(consumers)), Case(None, [(counts_as_had(publication), 1)], 0)
    merged = Account.select(Account.id, Account.merged_into).where(arrays.among(Account.merged_into, consumers))
    owners = dict(arrays.plain_rows(merged))
    mine = (Voucher.campaign == campaign.id) & arrays.among(Voucher.issued_to, sorted([*consumers, *owners]))
    rows = Voucher.select(Voucher.issued_to, fn.MAX(Voucher.nth), fn.MAX(had)).where(mine).group_by(Voucher.issued_to)
    held: dict[int, tuple[int, int]] = {}
    for issued_to, nth, counted in arrays.plain_rows(rows):
        consumer = owners.get(issued_to, issued_to)
        held[consumer] = tuple(map(max, held.get(consumer, (0, 0)), (nth, counted)))
    if not held:
        return [(consumer, 1) for consumer in consumers]
    pairs = [(consumer, *held.get(consumer, (0, 0))) for consumer in consumers]
    return [(consumer, nth + 1) for consumer, nth, counted in pairs if not counted]


def issue_from(poster: Poster, consumer: Account, now: datetime) -> Voucher:
    """One voucher more for a consumer, from a poster; in the caller's transaction, which counts it."""
    campaign = poster.campaign
    mine = (Voucher.campaign == campaign) & (Voucher.issued_to == consumer)
    return Voucher.create(
        code=new_code(),
        campaign=campaign,
        consumer=consumer,
        issued_to=consumer,
        poster=poster,
        nth=(Voucher.select(fn.MAX(Voucher.nth)).where(mine).scalar() or 0) + 1,
        uses=campaign.uses_per_voucher,
        uses_left=campaign.uses_per_voucher,
        issued_at=now,
    )


def count(campaign: Campaign) -> int:
    """Count one more voucher, if the campaign is as it was judged and something remains; returns how many rows."""
    left = Campaign.redeemed + Campaign.forfeited < Campaign.quantity
    same = (Campaign.id == campaign.id) & (Campaign.version == campaign.version)
    return Campaign.update(issued=Campaign.issued + 1).where(same & left).execute()


def _hand_on(issued: Sequence[int]) -> None:
    """What was issued to a wallet that was merged into another account meanwhile is that account's.

    A merge that commits later finds the new vouchers itself: it waits for this transaction, which locks by foreign key.
    """
    rows = Voucher.select(Voucher.id, Account.merged_into).join(Account, on=Voucher.issued_to)
    late = arrays.among(Voucher.id, issued) & Account.merged_into.is_null(False)
    for number, account in list(rows.where(late).tuples()):
        Voucher.update(consumer=account).where(Voucher.id == number).execute()


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
    wanted, customers = [], []
    for consumer in consumers:
        nth[consumer.id] += 1
        wanted.append((consumer.id, already + nth[consumer.id]))
        customers.append(
            {
                "merchant": campaign.merchant_id,
                "consumer": consumer.id,
                "address": consumer.email or NOBODYS,
                "first_seen_at": now,
            }
        )
    for start in range(0, len(wanted), BATCH):
        Customer.insert_many(customers[start : start + BATCH]).on_conflict_ignore().execute()
        events.issued(_insert(campaign, wanted[start : start + BATCH], now, ignore=False), now)
    Campaign.update(issued=Campaign.issued + len(wanted)).where(Campaign.id == campaign.id).execute()
    return len(wanted)


def open_voucher(voucher: Voucher, now: datetime) -> None:
    """Note the first time its holder opened a voucher; in the caller's transaction."""
    first = Voucher.update(opened_at=now).where((Voucher.id == voucher.id) & Voucher.opened_at.is_null())
    if first.execute():
        Campaign.update(opened=Campaign.opened + 1).where(Campaign.id == voucher.campaign_id).execute()
