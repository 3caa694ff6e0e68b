"""A person's own data, erased. The ledger keeps an opaque consumer id."""

from datetime import datetime

from database import locked, write_transaction
from models import (
    NOBODYS,
    Account,
    Campaign,
    Claim,
    Customer,
    CustomerGroup,
    Link,
    Member,
    Merchant,
    Mute,
    Role,
)
from quanbao.people import accounts


class LastOwner(Exception):
    """A merchant would be left without a member who may run it; the text is its name."""


def delete(account: Account, token: str, now: datetime) -> None:
    """Erase address, password, sessions, links, groups and memberships, and what merchants call the person.

    Raises LastOwner, or Overtaken, and erases nothing then. Where it was not proved that the address is the
    account's, what merchants typed before they knew who has it stays: it may be about another person.
    """

    def write() -> None:
        accounts.lock_unchanged(account, token)
        erase(account, now)

    write_transaction(write)


def erase(account: Account, now: datetime) -> None:
    """The same in the caller's transaction, which locked the account."""
    _leave(account, now)
    _forget(account, now)
    accounts.end_all(account)  # subscriptions go with their sessions
    Mute.delete().where(Mute.account == account).execute()
    gone = {"email": None, "password_hash": None, "proved": False, "recovery_hash": None, "deleted_at": now}
    Account.update(gone).where(Account.id == account.id).execute()


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
    """What merchants know. Addresses go first: a customer without one cannot be put into a group."""
    customers = list(Customer.select().where(Customer.consumer == account).order_by(Customer.id))
    Customer.update(address=NOBODYS).where(Customer.consumer == account).execute()
    CustomerGroup.delete().where(CustomerGroup.customer.in_(customers)).execute()
    _erase_claims(Claim.customer.in_(customers))
    for customer in customers:
        theirs = Campaign.select(Campaign.id).where(Campaign.merchant == customer.merchant_id)
        _erase_claims(_open(customer.address) & Claim.campaign.in_(theirs), expires_at=now)
    if account.proved and account.email:
        _erase_claims(_open(account.email) & Claim.campaign.in_(Campaign.select(Campaign.id)), expires_at=now)


def _open(address: str):
    return (Claim.address == address) & Claim.claimed_at.is_null()


def _erase_claims(which, **more) -> None:
    """The links stay counted; what stands for an address in a campaign must differ."""
    for (number,) in list(Claim.select(Claim.id).where(which).order_by(Claim.id).tuples()):
        Claim.update(address=f"deleted-{number}", **more).where(which & (Claim.id == number)).execute()
