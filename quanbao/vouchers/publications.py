"""Publishing [0019]: a campaign's vouchers to the consumers whom its owner designates, never with the password.

A publication is a row with a cursor. Each step is one short write transaction, of as many entries as its pace says, so
that tills are not kept waiting; it may be repeated, taken over by another process, or begin again after a
crash: one voucher a holder, one link an address. What was taken back before it was made (a voucher revoked, a link
withdrawn, an address separated) does not count as had; what is taken back later stays so until the next one.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from peewee import Case, Value, chunked, fn

from database import locked, on_sqlite, write_transaction
from models import (
    NOBODYS,
    Audience,
    Campaign,
    Claim,
    Customer,
    CustomerGroup,
    Publication,
    PublicationPart,
    Voucher,
)
from quanbao.lib import arrays
from quanbao.lib.pace import Pace
from quanbao.merchants import branches, groups
from quanbao.people import accounts
from quanbao.people.one_time_links import CLAIM_LINK
from quanbao.vouchers import issuing

STEP = 1000  # entries in a part, and in a step without a pace of its own
SEED = 16  # bytes
LISTED = (Audience.CUSTOMERS, Audience.ADDRESSES)  # entry by entry
LINK = {"address": "text", "nth": "bigint", "seed": "bytea", "token_hash": "bytea"}
MOVING = (
    Publication.cursor,
    Publication.done,
    Publication.total,
    Publication.issued,
    Publication.linked,
    Publication.finished_at,
)


class Refused(Exception):
    """Nothing can be published; `code` is `ended`, `over`, `nowhere`, `nobody` or `too_many`."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def start(
    campaign: Campaign, audience: Audience, entries: list[Any], *, now: datetime, failures: list | None = None
) -> Publication:
    """Begin to publish; nothing is issued yet. Raises Refused.

    `entries` are names of groups, ids of customers, or addresses, as the audience says. Ids that are not of the
    merchant's customers name none; an address that is a customer's now means that customer, not who has it
    later.
    """
    entries = _told_apart(campaign, audience, entries)

    def write() -> Publication:
        row = locked(Campaign.select().where(Campaign.id == campaign.id)).get()
        if row.is_over(now):
            raise Refused("ended" if row.ended_at else "over")
        if not branches.is_any_open(row, row.branch_slugs):
            raise Refused("nowhere")
        last = Customer.select(fn.MAX(Customer.id)).where(Customer.merchant == row.merchant_id).scalar() or 0
        publication = Publication(
            campaign=row,
            audience=audience,
            groups=entries if audience == Audience.GROUPS else [],
            failures=failures or [],
            last_customer=last,
            created_at=now,
        )
        publication.total = len(entries) if audience in LISTED else _customers(publication).count()
        if not publication.total:
            raise Refused("nobody")
        publication.save(force_insert=True)
        if audience in LISTED:
            _keep(publication, entries)
        Campaign.update(published_at=now, version=Campaign.version + 1).where(
            (Campaign.id == row.id) & Campaign.published_at.is_null()
        ).execute()
        return publication

    return write_transaction(write)


def _told_apart(campaign: Campaign, audience: Audience, entries: list[Any]) -> list[Any]:
    """Customers by their ids, addresses that no customer has as they are; read before the write, as it may be long."""
    if audience not in LISTED:
        return groups.of_merchant(campaign.merchant).of_all(entries)
    column = Customer.id if audience == Audience.CUSTOMERS else Customer.address
    apart: dict[Any, None] = {}
    for some in chunked(dict.fromkeys(entries), STEP):
        ids = _of_customers(campaign, column, some, Customer.id)
        apart |= {ids.get(entry, entry): None for entry in some if entry in ids or audience == Audience.ADDRESSES}
    return list(apart)


def _living(campaign: Campaign):
    return Customer.select().where((Customer.merchant == campaign.merchant_id) & (Customer.address != NOBODYS))


def _keep(publication: Publication, entries: list[Any]) -> None:
    parts = [
        {"publication": publication, "nth": nth, "entries": entries[start : start + STEP]}
        for nth, start in enumerate(range(0, len(entries), STEP), 1)
    ]
    for some in chunked(parts, STEP):
        PublicationPart.insert_many(some).execute()


def _customers(publication: Publication):
    """Customers whom `all` or `groups` designate and who have not had their turn, in its order."""
    query = (
        _living(publication.campaign)
        .select(Customer.id, Customer.consumer)
        .where((Customer.id > publication.cursor) & (Customer.id <= publication.last_customer))
    )
    if publication.audience == Audience.GROUPS:
        query = query.where(
            fn.EXISTS(
                CustomerGroup.select().where(
                    (CustomerGroup.customer == Customer.id) & CustomerGroup.name.in_(publication.groups)
                )
            )
        )
    return query.order_by(Customer.id)


def _parts(publication: Publication):
    return PublicationPart.select().where(PublicationPart.publication == publication).order_by(PublicationPart.nth)


def latest(campaign: Campaign, most: int = 20) -> list[Publication]:
    """The campaign's publications, the latest first, without the lines that failed."""
    columns = [field for field in Publication._meta.sorted_fields if field is not Publication.failures]
    rows = Publication.select(*columns).where(Publication.campaign == campaign)
    return list(rows.order_by(Publication.id.desc()).limit(most))


def waiting() -> list[int]:
    """The publications that have not come to their end, the oldest first."""
    rows = Publication.select(Publication.id).where(Publication.finished_at.is_null()).order_by(Publication.id)
    return [number for (number,) in rows.tuples()]


def step(number: int, *, now: datetime, key: str, pace: Pace | None = None) -> bool:
    """One step of a publication, in a transaction; whether there is anything left for another.

    `key` makes the tokens of claim links. Where another process is at it, nothing is done.
    """
    pace = pace or Pace(STEP)
    return pace.write(lambda: _step(number, now, key, pace.size))


def _step(number: int, now: datetime, key: str, size: int) -> bool:
    query = Publication.select().where((Publication.id == number) & Publication.finished_at.is_null())
    publication = (query if on_sqlite() else query.for_update("FOR NO KEY UPDATE SKIP LOCKED")).get_or_none()
    if publication is None:
        return False
    if publication.campaign.is_over(now):
        publication.finished_at = now
        PublicationPart.delete().where(PublicationPart.publication == publication).execute()
    else:
        _give(publication, *_next(publication, size), now, key)
        if not _is_left(publication):
            publication.total, publication.finished_at = publication.done, now
    publication.save(only=MOVING)
    return publication.finished_at is None


def _give(publication: Publication, consumers: set[int], addresses: list[str], now: datetime, key: str) -> None:
    """Vouchers to customers, links to addresses; counted in the publication, which the caller saves."""
    publication.linked += link(publication, addresses, now, key)
    publication.issued += issuing.issue_once(publication.campaign, consumers, now, publication.id)
    publication.done += len(consumers) + len(addresses)


def to_one(campaign: Campaign, address: str, now: datetime, key: str) -> Publication:
    """A whole publication to one address, in the caller's transaction; the campaign is on."""
    publication = Publication.create(campaign=campaign, audience=Audience.ADDRESSES, total=1, created_at=now)
    known = _known(publication, Customer.address, [address])
    _give(publication, {*known.values()}, [address] if not known else [], now, key)
    publication.finished_at = now
    publication.save(only=MOVING)
    return publication


def _is_left(publication: Publication) -> bool:
    """Whether there are customers whose turn is still to come: people come and go meanwhile, so that no count knows."""
    return (_parts if publication.audience in LISTED else _customers)(publication).exists()


def _next(publication: Publication, size: int) -> tuple[set[int], list[str]]:
    """Whose turn it is now: some consumers, and addresses that no customer has yet; of lists, whole parts."""
    if publication.audience not in LISTED:
        rows = arrays.plain_rows(_customers(publication).limit(size))
        publication.cursor = rows[-1][0] if rows else publication.cursor
        return {consumer for _, consumer in rows}, []
    parts = list(_parts(publication).limit(max(1, size // STEP)))
    if not parts:
        return set(), []
    publication.cursor = parts[-1].nth
    PublicationPart.delete().where(  # no address is kept longer than it is needed
        (PublicationPart.publication == publication) & PublicationPart.nth.in_([part.nth for part in parts])
    ).execute()
    entries = [entry for part in parts for entry in part.entries]
    ids = [entry for entry in entries if isinstance(entry, int)]
    addresses = [entry for entry in entries if isinstance(entry, str)]
    known = _known(publication, Customer.address, addresses)  # customers since
    consumers = {*_known(publication, Customer.id, ids).values(), *known.values()}
    return consumers, [address for address in addresses if address not in known]


def _of_customers(campaign: Campaign, column, entries: list, wanted) -> dict[Any, int]:
    """By entry what is wanted of the customer; of several at one address the first. Sorted here: the databases would
    otherwise go through all customers in the order of their ids."""
    rows = _living(campaign).select(Customer.id, column, wanted).where(arrays.among(column, entries))
    return {entry: found for _, entry, found in sorted(arrays.plain_rows(rows), reverse=True)}


def _known(publication: Publication, column, entries: list) -> dict[Any, int]:
    """The consumers among the entries who are the merchant's customers; of several at one address the first."""
    return _of_customers(publication.campaign, column, entries, Customer.consumer)


def link(publication: Publication, addresses: list[str], now: datetime, key: str) -> int:
    """Claim links for addresses that are no customers'; returns how many are new. In the caller's transaction.

    One that was not used yet is good for another thirty days, and stays the same link, unless it was made
    under another key: then it could not be handed out again, and a new one takes its place.
    """
    if not addresses:
        return 0
    mine = (Claim.campaign == publication.campaign_id) & arrays.among(Claim.address, addresses)
    open_ = mine & Claim.claimed_at.is_null() & Claim.withdrawn_at.is_null()
    later = Case(None, [(Claim.publication > publication.id, Claim.publication)], publication.id)
    Claim.update(expires_at=now + CLAIM_LINK, publication=later).where(open_).execute()
    older = [
        number
        for number, seed, kept in Claim.select(Claim.id, Claim.seed, Claim.token_hash).where(open_).tuples()
        if accounts.token_hash(token(seed, key)) != bytes(kept)
    ]
    for number in older:
        Claim.update(made_at=now, **_fresh(key)).where(open_ & (Claim.id == number)).execute()
    return len(older) + _insert_links(publication, _without_link(publication, mine, addresses), now, key)


def _insert_links(publication: Publication, wanted: list[tuple[str, int]], now: datetime, key: str) -> int:
    """A link for each address and number, in one statement; returns how many are new."""
    if not wanted:
        return 0
    made = [_fresh(key) for _ in wanted]
    rows = [(address, nth, one["seed"], one["token_hash"]) for (address, nth), one in zip(wanted, made, strict=True)]
    values = {
        Claim.address: "address",
        Claim.nth: "nth",
        Claim.seed: "seed",
        Claim.token_hash: "token_hash",
        Claim.campaign: Value(publication.campaign_id),
        Claim.publication: Value(publication.id),
        Claim.made_at: Value(now, converter=Claim.made_at.db_value),
        Claim.expires_at: Value(now + CLAIM_LINK, converter=Claim.expires_at.db_value),
    }
    insert = Claim.insert_from(arrays.select(LINK, rows, list(values.values())), list(values))
    return insert.on_conflict_ignore().as_rowcount().execute()


def _without_link(publication: Publication, mine, addresses: list[str]) -> list[tuple[str, int]]:
    """The addresses that had no link, and the number that the next one of each gets.

    A link that was used counts as had while its user's voucher does (issuing.counts_as_had).
    """
    kept = Claim.released_after.is_null() | (Claim.released_after >= publication.id)
    theirs = (
        Voucher.select(Voucher.id)
        .join(Customer, on=Customer.consumer == Voucher.consumer)
        .where(
            (Customer.id == Claim.customer)
            & (Voucher.campaign == publication.campaign_id)
            & issuing.counts_as_had(publication.id)
        )
    )
    had = Case(None, [(kept & (Claim.claimed_at.is_null() | fn.EXISTS(theirs)), 1)], 0)
    rows = Claim.select(Claim.address, fn.MAX(Claim.nth), fn.MAX(had)).where(mine).group_by(Claim.address)
    known = {address: (nth, counted) for address, nth, counted in arrays.plain_rows(rows)}
    pairs = [(address, *known.get(address, (0, 0))) for address in addresses]
    return [(address, nth + 1) for address, nth, counted in pairs if not counted]


def _fresh(key: str) -> dict[str, bytes]:
    seed = secrets.token_bytes(SEED)
    return {"seed": seed, "token_hash": accounts.token_hash(token(seed, key))}


def token(seed: bytes, key: str) -> str:
    """The 128-bit token of a claim link, which the database alone does not tell."""
    digest = hmac.digest(key.encode(), b"quanbao claim link\0" + bytes(seed), hashlib.sha256)
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
