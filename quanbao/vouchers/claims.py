"""Claiming: a consumer takes a voucher from a one-time link that the owner sent to their address."""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice

from peewee import JOIN, IntegrityError

from database import Changed, locked, write_transaction
from models import NOBODYS, Account, Campaign, Claim, Customer, Member, Merchant, Voucher
from quanbao.people import accounts, wallets
from quanbao.vouchers import issuing, publications

A_READ = 1000  # links
LISTED = ("open", "used", "withdrawn", "dead")


class Standing(StrEnum):
    """What a link is good for, to the person who opens it now."""

    USED = "used"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"  # the shop ended the campaign
    OVER = "over"
    EXPIRED = "expired"  # the link, not the offer
    TAKEN_BACK = "taken_back"  # it is good, but not for a consumer whose voucher was revoked after it was made
    HELD = "held"  # it is good, but they hold its voucher already
    SOLD_OUT = "sold_out"
    OPEN = "open"


class Spent(Exception):
    """The link was used a moment earlier, or it is good no more, or its offer is sold out."""


class TakenBack(Exception):
    """The consumer's voucher was revoked after the link was made: the link gives no second one, and stays good."""

    def __init__(self, voucher: Voucher):
        super().__init__(voucher.code)
        self.voucher = voucher


class LinkState(StrEnum):
    """What has become of a claim link; the first that holds."""

    USED = "used"
    WITHDRAWN = "withdrawn"
    OVER = "over"  # its campaign is
    EXPIRED = "expired"
    OPEN = "open"


def state(link: Claim, now: datetime) -> LinkState:
    """What has become of a link, whose campaign is with it."""
    if link.claimed_at is not None:
        return LinkState.USED
    if link.withdrawn_at is not None:
        return LinkState.WITHDRAWN
    if link.campaign.is_over(now):
        return LinkState.OVER
    return LinkState.OPEN if now < link.expires_at else LinkState.EXPIRED


def find(token: str) -> Claim | None:
    """The claim of a link, good or not, campaign and merchant with it; changes nothing."""
    rows = Claim.select(Claim, Campaign, Merchant).join(Campaign).join(Merchant)
    return rows.where(Claim.token_hash == accounts.token_hash(token)).get_or_none()


def usable(token: str, now: datetime) -> Claim | None:
    """The same if the link may still be used."""
    found = find(token)
    return found if found and state(found, now) is LinkState.OPEN else None


def standing(found: Claim, consumer: Account | None, now: datetime) -> Standing:
    """What the link is good for, to this consumer, or to a signed-out visitor."""
    became = state(found, now)
    if became is LinkState.OVER and found.campaign.ended_at is not None:
        return Standing.ENDED
    if became is not LinkState.OPEN:
        return Standing(became.value)
    if consumer and taken_back(found, consumer):
        return Standing.TAKEN_BACK
    if consumer and held(found, consumer):
        return Standing.HELD
    return Standing.OPEN if found.campaign.remaining > 0 else Standing.SOLD_OUT


def held(found: Claim, consumer: Account) -> Voucher | None:
    """The voucher of the link's campaign that the consumer holds already, if the shop did not take it back."""
    mine = (Voucher.campaign == found.campaign_id) & (Voucher.consumer == consumer) & Voucher.revoked_at.is_null()
    return Voucher.select().where(mine).order_by(Voucher.nth).first()


def claim(found: Claim, consumer: Account, now: datetime) -> Voucher:
    """Use the link up and give the consumer the voucher; raises Spent or TakenBack.

    A consumer who holds one of this campaign already gets that one: one voucher a holder. The consumer becomes a
    customer of the merchant's, known by the address that the link was sent to.
    """

    def take() -> Voucher:
        try:
            return _take(found, consumer, now)
        except IntegrityError as error:
            raise Changed from error

    return write_transaction(take)


def claim_signed_out(found: Claim, sent: str, browser: str, now: datetime) -> tuple[Voucher, str]:
    """The same for a visitor who is not signed in: the voucher in a wallet without an address, and its session's token.

    `sent` is what the browser sends with its first claim (wallets.open_for); sent again, it gets the same voucher.
    """

    def take() -> tuple[Voucher, str]:
        try:
            consumer, token = wallets.open_for(sent, now, browser)
            return _claimed_by(found, consumer) or _take(found, consumer, now), token
        except IntegrityError as error:
            raise Changed from error

    return write_transaction(take)


def _claimed_by(found: Claim, consumer: Account) -> Voucher | None:
    link = Claim.get_by_id(found.id)
    return voucher_of(link) if link.customer and link.customer.consumer_id == consumer.id else None


def _take(found: Claim, consumer: Account, now: datetime) -> Voucher:
    """In the order of locks everywhere: consumer, customer, voucher, campaign."""
    if not accounts.lock_living(consumer):
        raise Spent  # the account was deleted a moment ago, and its address may not come back
    customer = _customer(found, consumer, now)
    fresh = (Claim.id == found.id) & Claim.claimed_at.is_null() & Claim.withdrawn_at.is_null()
    if Claim.update(claimed_at=now, customer=customer).where(fresh & (Claim.expires_at > now)).execute() != 1:
        raise Spent
    campaign = Campaign.get_by_id(found.campaign_id)
    if campaign.is_over(now) or campaign.remaining <= 0:
        raise Spent
    issuing.issue_once(campaign, [consumer.id], now, Claim.get_by_id(found.id).publication_id or 0)
    mine = (Voucher.campaign == campaign) & (Voucher.consumer == consumer)
    voucher = Voucher.select().where(mine).order_by(Voucher.revoked_at.is_null(False), Voucher.nth).get()
    if voucher.revoked_at is not None:
        raise TakenBack(voucher)
    return voucher


def _customer(found: Claim, consumer: Account, now: datetime) -> Customer:
    """The consumer as the link's merchant knows them, from now on at least; locked against a separation."""
    merchant = found.campaign.merchant_id
    Customer.insert(
        merchant=merchant, consumer=consumer, address=found.address, first_seen_at=now
    ).on_conflict_ignore().execute()
    mine = (Customer.merchant == merchant) & (Customer.consumer == consumer)
    customer = locked(Customer.select().where(mine)).get()
    if customer.address == NOBODYS:  # separated from another address before
        Customer.update(address=found.address).where(Customer.id == customer.id).execute()
    return customer


def open_links(campaign: Campaign, now: datetime, key: str, *, after: int = 0, most: int = 1000) -> list[tuple]:
    """Links that may be handed out: (id, address, token) in the order of their ids; none once the campaign is over.

    One whose token the key no longer makes is left out: it still works for who has it.
    """
    return list(islice(all_open_links(campaign, now, key, after=after), most))


def all_open_links(campaign: Campaign, now: datetime, key: str, *, after: int = 0) -> Iterator[tuple]:
    """The same, all of them, read a thousand at a time."""
    if campaign.is_over(now):
        return
    rows = Claim.select(Claim.id, Claim.address, Claim.seed, Claim.token_hash).where(_open(campaign, now))
    while some := list(rows.where(Claim.id > after).order_by(Claim.id).limit(A_READ).tuples()):
        for number, address, seed, kept in some:
            token = publications.token(seed, key)
            if accounts.token_hash(token) == bytes(kept):
                yield number, address, token
        after = some[-1][0]


def listed(
    campaign: Campaign, now: datetime, key: str, which: str = "open", *, text: str = "", after: int = 0, most: int = 200
) -> list[Claim]:
    """Links that are open, used, withdrawn or otherwise good no more, in the order of their ids.

    Those whose address has this text in it.

    `token` is set on each: none where the key no longer makes it. No link is open once the campaign is over.
    """
    if which == "open" and campaign.is_over(now):
        return []
    over = Claim.id > 0 if campaign.is_over(now) else Claim.expires_at <= now
    chosen = {
        "used": Claim.claimed_at.is_null(False),
        "withdrawn": Claim.withdrawn_at.is_null(False),
        "dead": Claim.claimed_at.is_null() & Claim.withdrawn_at.is_null() & over,
    }
    mine = chosen.get(which, _open(campaign, now)) & (Claim.campaign == campaign) & (Claim.id > after)
    if text:
        mine &= Claim.address.contains(unicodedata.normalize("NFC", text).casefold())
    rows = list(Claim.select(Claim, Member).join(Member, JOIN.LEFT_OUTER).where(mine).order_by(Claim.id).limit(most))
    for row in rows:
        row.token = token_of(row, key)
    return rows


def token_of(link: Claim, key: str) -> str | None:
    """The token of an open link, to hand it out again; none where it was made under another key."""
    token = publications.token(link.seed, key)
    return token if accounts.token_hash(token) == bytes(link.token_hash) else None


def voucher_of(link: Claim) -> Voucher | None:
    """The voucher that a used link gave, or led to."""
    if link.claimed_at is None or link.customer is None:
        return None
    theirs = (Voucher.campaign == link.campaign_id) & (Voucher.consumer == link.customer.consumer_id)
    rows = Voucher.select().where(theirs & (Voucher.issued_at <= link.claimed_at))
    return rows.order_by(Voucher.revoked_at.is_null(False), Voucher.nth).first()


def taken_back(link: Claim, consumer: Account) -> Voucher | None:
    """The consumer's revoked voucher that keeps this link from giving them another one, if there is one."""
    had = (Voucher.campaign == link.campaign_id) & (Voucher.consumer == consumer)
    rows = Voucher.select().where(had & issuing.counts_as_had(link.publication_id or 0))
    found = rows.order_by(Voucher.revoked_at.is_null(False), Voucher.nth).first()
    return found if found and found.revoked_at is not None else None


def _open(campaign: Campaign, now: datetime):
    fresh = Claim.claimed_at.is_null() & Claim.withdrawn_at.is_null() & (Claim.expires_at > now)
    return (Claim.campaign == campaign) & fresh


def counts(campaign: Campaign, now: datetime) -> tuple[int, int, int]:
    """How many of the campaign's links are open, used, and good no more."""
    links = Claim.select().where(Claim.campaign == campaign)
    used = links.where(Claim.claimed_at.is_null(False)).count()
    still = 0 if campaign.is_over(now) else Claim.select().where(_open(campaign, now)).count()
    return still, used, links.count() - used - still
