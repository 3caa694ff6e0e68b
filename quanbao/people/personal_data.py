"""A person's own data: taken along, or erased. The ledger keeps an opaque consumer id."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from database import locked, snapshot, write_transaction
from models import (
    NOBODYS,
    Account,
    Attempt,
    Campaign,
    Claim,
    Customer,
    CustomerGroup,
    Link,
    Member,
    Merchant,
    Mute,
    Revocation,
    Role,
    Rollback,
    Session,
    Voucher,
)
from quanbao.messages.push import subscriptions
from quanbao.people import accounts
from quanbao.vouchers import wallet
from quanbao.vouchers.wallet import moment


class LastOwner(Exception):
    """A merchant would be left without anybody who may run it; the text is its name."""


Say = Callable[[Voucher, datetime], str]


def _code(voucher: Voucher, now: datetime) -> str:
    return voucher.state(voucher.campaign, now).value


def data(account: Account, now: datetime, say: Say = _code) -> dict[str, Any]:
    """Everything that is kept about a person, for themselves: no secrets, and nobody else's.

    `say` gives a voucher's state in the reader's words, as the pages have them.
    """
    with snapshot():
        return {
            "account": {"email": account.email, "proved": account.proved, "created_at": moment(account.created_at)},
            "sessions": [
                {"browser": row.browser, "signed_in_at": moment(row.created_at), "last_used_at": moment(row.seen_at)}
                for row in Session.select().where(Session.account == account).order_by(Session.id)
            ],
            "notifications": {
                "browsers": [
                    {"browser": row.session.browser, "service": row.service, "since": moment(row.created_at)}
                    for row in subscriptions.mine(account)
                ],
                "switched_off": sorted(subscriptions.mutes(account)),
            },
            "memberships": [
                {
                    "merchant": row.merchant.name,
                    "known_as": row.address,
                    "role": row.role,
                    "disabled": row.disabled_at is not None,
                    "branches": [place.slug for place in row.places],
                }
                for row in accounts.memberships(account)
            ],
            **_as_consumer(account, now, say),
        }


def _as_consumer(account: Account, now: datetime, say: Say) -> dict[str, Any]:
    customers = Customer.select(Customer, Merchant).join(Merchant).where(Customer.consumer == account)
    held = wallet.wallet(account)
    codes = {voucher.id: voucher.code for voucher in held}
    past = wallet.redemptions_of(account)
    ledger = sorted((row for rows in past.values() for row in rows), key=attrgetter("id"))
    revoked = Revocation.select().join(Voucher).where(Voucher.consumer == account).order_by(Revocation.id)
    tries = Attempt.select().where(Attempt.consumer == account).order_by(Attempt.id)
    return {
        "merchants": [
            {
                "merchant": row.merchant.name,
                "known_as": row.address,
                "since": moment(row.first_seen_at),
                "groups": sorted(group.name for group in row.groups),
            }
            for row in customers.order_by(Customer.id)
        ],
        "vouchers": [
            {
                **described,
                "state_in_words": say(row, now),
                "revoked_at": moment(row.revoked_at),
                "campaign_ended_at": moment(row.campaign.ended_at),
            }
            for row, described in zip(held, wallet.describe_all(held, now, past), strict=True)
        ],
        "redemptions": [
            {
                "voucher": codes[row.voucher_id],
                "number": row.number,
                "words": row.words,
                "day": row.day,
                "branch": row.branch_slug,
                "amount": row.amount,
                "product": row.product,
                "original_price": row.original_price,
                "charged": row.charged,
                "discount": row.discount,
                "redeemed_at": moment(row.redeemed_at),
                "rolled_back": _why(row.rollback, row.rollback.rolled_back_at) if row.rollback else None,
            }
            for row in ledger
        ],
        "revocations": [{"voucher": codes[row.voucher_id], **_why(row, row.revoked_at)} for row in revoked],
        "attempts": [{"voucher": codes[row.voucher_id], "at": moment(row.at), "reason": row.reason} for row in tries],
    }


def _why(row: Rollback | Revocation, at: datetime) -> dict[str, Any]:
    return {"at": moment(at), "reason": row.reason, "note": row.note}


def delete(account: Account, token: str, now: datetime) -> None:
    """Erase address, password, sessions, links, groups and memberships, and what merchants call the person.

    Raises LastOwner, or Overtaken, and erases nothing then. Where nobody has proved that the address is the
    account's, what merchants typed before they knew who has it stays: it may be about somebody else.
    """

    def write() -> None:
        accounts.hold(account, token)
        _leave(account, now)
        _forget(account, now)
        accounts.end_all(account)  # subscriptions go with their sessions
        Mute.delete().where(Mute.account == account).execute()
        Account.update(email=None, password_hash=None, proved=False).where(Account.id == account.id).execute()

    write_transaction(write)


def _leave(account: Account, now: datetime) -> None:
    """Out of every merchant's members, each locked as `members` does; invitations are withdrawn."""
    mine = Member.account == account
    if account.proved:
        mine |= Member.account.is_null() & (Member.address == account.email)
    merchants = Merchant.select().where(Merchant.id.in_(Member.select(Member.merchant).where(mine)))
    for merchant in list(locked(merchants.order_by(Merchant.id))):
        for member in list(Member.select().where(mine & (Member.merchant == merchant))):
            Link.delete().where(Link.member == member).execute()
            if member.account_id is None:
                Member.delete().where(Member.id == member.id).execute()
            elif _is_last_owner(member):
                raise LastOwner(merchant.name)
            else:
                Member.update(account=None, address="", disabled_at=now).where(Member.id == member.id).execute()


def _is_last_owner(member: Member) -> bool:
    able = Member.disabled_at.is_null() & Member.account.is_null(False)
    owners = Member.select().where((Member.merchant == member.merchant_id) & (Member.role == Role.OWNER) & able)
    return [owner.id for owner in owners] == [member.id]


def _forget(account: Account, now: datetime) -> None:
    """What merchants know. Addresses go first: nobody puts a customer without one into a group."""
    customers = list(Customer.select().where(Customer.consumer == account).order_by(Customer.id))
    Customer.update(address=NOBODYS).where(Customer.consumer == account).execute()
    CustomerGroup.delete().where(CustomerGroup.customer.in_(customers)).execute()
    _erase_claims(Claim.customer.in_(customers))
    for customer in customers:
        theirs = Campaign.select(Campaign.id).where(Campaign.merchant == customer.merchant_id)
        _erase_claims(_open(customer.address) & Claim.campaign.in_(theirs), expires_at=now)
    if account.proved:
        _erase_claims(_open(account.email) & Claim.campaign.in_(Campaign.select(Campaign.id)), expires_at=now)


def _open(address: str):
    return (Claim.address == address) & Claim.claimed_at.is_null()


def _erase_claims(which, **more) -> None:
    """The links stay counted; what stands for an address in a campaign must differ."""
    for (number,) in list(Claim.select(Claim.id).where(which).order_by(Claim.id).tuples()):
        Claim.update(address=f"deleted-{number}", **more).where(which & (Claim.id == number)).execute()
