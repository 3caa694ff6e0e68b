"""Publishing [0019]: a campaign's vouchers to the consumers whom its owner designates, never with the password.

A publication is a row with a cursor. Each step is one write transaction of at most a thousand entries, so
that tills are not kept waiting; it may be repeated, taken over by another process, or begin again after a
crash: one voucher a holder, one link an address.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from database import locked, on_sqlite, write_transaction
from models import Audience, Campaign, Claim, Customer, CustomerGroup, Publication, PublicationPart
from quanbao import accounts, issuing

STEP = 1000  # entries in a transaction
CLAIM_LINK = timedelta(days=30)
SEED = 16  # bytes
DELETED = ""  # the address of a customer whose account is gone
LISTED = (Audience.CUSTOMERS, Audience.ADDRESSES)  # entry by entry
MOVING = (Publication.cursor, Publication.done, Publication.issued, Publication.linked, Publication.finished_at)


class Refused(Exception):
    """Nothing can be published; `code` is `over` or `nobody`."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def start(
    campaign: Campaign, audience: Audience, entries: list[Any], *, now: datetime, failures: list | None = None
) -> Publication:
    """Begin to publish; nothing is issued yet. Raises Refused.

    `entries` are names of groups, ids of customers, or addresses, as the audience says.
    """
    def write() -> Publication:
        row = locked(Campaign.select().where(Campaign.id == campaign.id)).get()
        if row.is_over(now):
            raise Refused("over")
        last = Customer.select(fn.MAX(Customer.id)).where(Customer.merchant == row.merchant_id).scalar() or 0
        publication = Publication(
            campaign=row, audience=audience, groups=entries if audience == Audience.GROUPS else [],
            failures=failures or [], last_customer=last, created_at=now)
        publication.total = len(entries) if audience in LISTED else _customers(publication).count()
        if not publication.total:
            raise Refused("nobody")
        publication.save(force_insert=True)
        if audience in LISTED:
            _keep(publication, entries)
        Campaign.update(published_at=now, version=Campaign.version + 1).where(
            (Campaign.id == row.id) & Campaign.published_at.is_null()).execute()
        return publication

    return write_transaction(write)


def _keep(publication: Publication, entries: list[Any]) -> None:
    for nth, start in enumerate(range(0, len(entries), STEP), 1):
        PublicationPart.create(publication=publication, nth=nth, entries=entries[start:start + STEP])


def _customers(publication: Publication):
    """Customers whom `all` or `groups` designate and who have not had their turn, in its order."""
    query = Customer.select(Customer.id, Customer.consumer).where(
        (Customer.merchant == publication.campaign.merchant_id) & (Customer.address != DELETED)
        & (Customer.id > publication.cursor) & (Customer.id <= publication.last_customer))
    if publication.audience == Audience.GROUPS:
        query = query.where(fn.EXISTS(CustomerGroup.select().where(
            (CustomerGroup.customer == Customer.id) & CustomerGroup.name.in_(publication.groups))))
    return query.order_by(Customer.id)


def waiting() -> list[int]:
    """The publications that have not come to their end, the oldest first."""
    rows = Publication.select(Publication.id).where(Publication.finished_at.is_null()).order_by(Publication.id)
    return [number for number, in rows.tuples()]


def step(number: int, *, now: datetime, key: str) -> bool:
    """One step of a publication, in a transaction; whether there is anything left for another.

    `key` makes the tokens of claim links. Where somebody else is at it, nothing is done.
    """
    return write_transaction(lambda: _step(number, now, key))


def _step(number: int, now: datetime, key: str) -> bool:
    query = Publication.select().where((Publication.id == number) & Publication.finished_at.is_null())
    publication = (query if on_sqlite() else query.for_update("FOR NO KEY UPDATE SKIP LOCKED")).get_or_none()
    if publication is None:
        return False
    taken, consumers, addresses = (0, [], []) if publication.campaign.is_over(now) else _next(publication)
    publication.linked += link(publication.campaign, addresses, now, key)
    publication.issued += issuing.issue_once(publication.campaign, consumers, now)
    publication.done += taken
    if taken < STEP or publication.done >= publication.total:
        publication.finished_at = now
    publication.save(only=MOVING)
    return publication.finished_at is None


def _next(publication: Publication) -> tuple[int, Iterable[int], list[str]]:
    """How many entries have their turn now, the consumers among them, and addresses that are nobody's yet."""
    if publication.audience not in LISTED:
        rows = list(_customers(publication).limit(STEP).tuples())
        publication.cursor = rows[-1][0] if rows else publication.cursor
        return len(rows), [consumer for _, consumer in rows], []
    publication.cursor += 1
    part = (PublicationPart.publication == publication) & (PublicationPart.nth == publication.cursor)
    entries = [entry for row in PublicationPart.select().where(part) for entry in row.entries]
    PublicationPart.delete().where(part).execute()  # nobody's address is kept longer than it is needed
    if publication.audience == Audience.CUSTOMERS:
        return len(entries), _known(publication, Customer.id, entries).values(), []
    known = _known(publication, Customer.address, entries)
    return len(entries), known.values(), [address for address in entries if address not in known]


def _known(publication: Publication, column, entries: list) -> dict[Any, int]:
    """The consumers among the entries who are the merchant's customers; of several at one address the first."""
    rows = Customer.select(column, Customer.consumer).where(
        (Customer.merchant == publication.campaign.merchant_id) & (Customer.address != DELETED) & column.in_(entries))
    return dict(rows.order_by(Customer.id.desc()).tuples())


def link(campaign: Campaign, addresses: list[str], now: datetime, key: str) -> int:
    """Claim links for addresses that are no customers'; returns how many are new. In the caller's transaction.

    One that nobody has used yet is good for another thirty days, and stays the same link.
    """
    if not addresses:
        return 0
    seeds = [secrets.token_bytes(SEED) for _ in addresses]
    rows = [{"token_hash": accounts.token_hash(token(seed, key)), "seed": seed, "campaign": campaign.id,
             "address": address, "expires_at": now + CLAIM_LINK}
            for seed, address in zip(seeds, addresses, strict=True)]
    mine = (Claim.campaign == campaign.id) & Claim.address.in_(addresses)
    Claim.update(expires_at=now + CLAIM_LINK).where(mine & Claim.claimed_at.is_null()).execute()
    return len(list(Claim.insert_many(rows).on_conflict_ignore().returning(Claim.id)))


def token(seed: bytes, key: str) -> str:
    """The 128-bit token of a claim link: nobody makes it from the database alone."""
    digest = hmac.digest(key.encode(), b"quanbao claim link\0" + bytes(seed), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
