"""Claiming: a consumer takes a voucher from a one-time link that the owner sent to their address."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from itertools import islice

from peewee import IntegrityError

from database import Changed, locked, write_transaction
from models import NOBODYS, Account, Campaign, Claim, Customer, Merchant, Voucher
from quanbao import accounts, issuing, publishing

A_READ = 1000  # links


class Standing(StrEnum):
    """What a link is good for, to the person who opens it now."""

    USED = "used"
    ENDED = "ended"  # the shop ended the campaign
    OVER = "over"
    EXPIRED = "expired"  # the link, not the offer
    HELD = "held"  # it is good, but they hold its voucher already
    SOLD_OUT = "sold_out"
    OPEN = "open"


class Spent(Exception):
    """Somebody used the link a moment earlier, or it is good no more, or its offer is sold out."""


def find(token: str) -> Claim | None:
    """The claim of a link, whatever became of it, campaign and merchant with it; changes nothing."""
    return (
        Claim.select(Claim, Campaign, Merchant).join(Campaign).join(Merchant)
        .where(Claim.token_hash == accounts.token_hash(token)).get_or_none()
    )


def standing(found: Claim, consumer: Account | None, now: datetime) -> Standing:
    """What the link is good for, to this consumer, or to a signed-out visitor."""
    campaign = found.campaign
    if found.claimed_at is not None:
        return Standing.USED
    if campaign.is_over(now):
        return Standing.ENDED if campaign.ended_at else Standing.OVER
    if now >= found.expires_at:
        return Standing.EXPIRED
    if consumer and held(found, consumer):
        return Standing.HELD
    return Standing.OPEN if campaign.remaining > 0 else Standing.SOLD_OUT


def held(found: Claim, consumer: Account) -> Voucher | None:
    """The voucher of the link's campaign that the consumer holds already, if the shop did not take it back."""
    mine = (Voucher.campaign == found.campaign_id) & (Voucher.consumer == consumer) & Voucher.revoked_at.is_null()
    return Voucher.select().where(mine).order_by(Voucher.nth).first()


def usable(token: str, now: datetime) -> Claim | None:
    """The claim of a link that may still be used, campaign and merchant with it; changes nothing."""
    found = find(token)
    good = found and found.claimed_at is None and now < found.expires_at and not found.campaign.is_over(now)
    return found if good else None


def claim(found: Claim, consumer: Account, now: datetime) -> Voucher:
    """Use the link up and give the consumer the voucher; raises Spent.

    Who holds one of this campaign already gets that one: one voucher a holder. The consumer becomes a
    customer of the merchant's, known by the address that the link was sent to.
    """
    def take() -> Voucher:
        try:
            return _take(found, consumer, now)
        except IntegrityError as error:
            raise Changed from error

    return write_transaction(take)


def _take(found: Claim, consumer: Account, now: datetime) -> Voucher:
    """In the order of locks everywhere: consumer, customer, voucher, campaign."""
    living = Account.select(Account.id).where((Account.id == consumer.id) & Account.email.is_null(False))
    if locked(living).get_or_none() is None:
        raise Spent  # the account was deleted a moment ago, and its address may not come back
    merchant = found.campaign.merchant_id
    Customer.insert(
        merchant=merchant, consumer=consumer, address=found.address, first_seen_at=now).on_conflict_ignore().execute()
    customer = Customer.get((Customer.merchant == merchant) & (Customer.consumer == consumer))
    if customer.address == NOBODYS:  # separated from another address before
        Customer.update(address=found.address).where(Customer.id == customer.id).execute()
    fresh = (Claim.id == found.id) & Claim.claimed_at.is_null() & (Claim.expires_at > now)
    if Claim.update(claimed_at=now, customer=customer).where(fresh).execute() != 1:
        raise Spent
    campaign = Campaign.get_by_id(found.campaign_id)
    if campaign.is_over(now) or campaign.remaining <= 0:
        raise Spent
    issuing.issue_once(campaign, [consumer.id], now)
    return Voucher.get((Voucher.campaign == campaign) & (Voucher.consumer == consumer) & (Voucher.nth == 1))


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
            token = publishing.token(seed, key)
            if accounts.token_hash(token) == bytes(kept):
                yield number, address, token
        after = some[-1][0]


def _open(campaign: Campaign, now: datetime):
    return (Claim.campaign == campaign) & Claim.claimed_at.is_null() & (Claim.expires_at > now)


def counts(campaign: Campaign, now: datetime) -> tuple[int, int, int]:
    """How many of the campaign's links are open, used, and good no more."""
    links = Claim.select().where(Claim.campaign == campaign)
    used = links.where(Claim.claimed_at.is_null(False)).count()
    still = 0 if campaign.is_over(now) else Claim.select().where(_open(campaign, now)).count()
    return still, used, links.count() - used - still
