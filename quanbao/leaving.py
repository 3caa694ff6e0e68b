"""A person's own data: taken along, or erased. The ledger keeps an opaque consumer id."""

from datetime import datetime
from typing import Any

from database import locked, write_transaction
from models import (
    Account,
    Attempt,
    Claim,
    Customer,
    CustomerGroup,
    Link,
    Member,
    Merchant,
    Redemption,
    Role,
    Session,
    Voucher,
)
from quanbao import vouchers


class LastOwner(Exception):
    """A merchant would be left without anybody who may run it; the text is its name."""


def data(account: Account, now: datetime) -> dict[str, Any]:
    """Everything that is kept about a person, for themselves: no secrets, and nobody else's."""
    customers = Customer.select(Customer, Merchant).join(Merchant).where(Customer.consumer == account)
    codes = dict(Voucher.select(Voucher.id, Voucher.code).where(Voucher.consumer == account).tuples())
    moment = vouchers.moment
    return {
        "account": {"email": account.email, "created_at": moment(account.created_at)},
        "sessions": [{"browser": s.browser, "signed_in_at": moment(s.created_at), "last_used_at": moment(s.seen_at)}
                     for s in Session.select().where(Session.account == account)],
        "memberships": [{"merchant": m.merchant.name, "role": m.role} for m in account.memberships],
        "merchants": [{"merchant": c.merchant.name, "known_as": c.address, "since": moment(c.first_seen_at),
                       "groups": sorted(group.name for group in c.groups)} for c in customers],
        "vouchers": vouchers.describe_all(vouchers.wallet(account), now),
        "redemptions": [{"voucher": codes[r.voucher_id], "number": r.number, "words": r.words, "day": r.day,
                         "branch": r.branch_slug, "amount": r.amount, "redeemed_at": moment(r.redeemed_at)}
                        for r in Redemption.select().where(Redemption.consumer == account)],
        "attempts": [{"voucher": codes[a.voucher_id], "at": moment(a.at), "reason": a.reason}
                     for a in Attempt.select().where(Attempt.consumer == account)],
    }


def delete(account: Account, now: datetime) -> None:
    """Erase address, password, sessions, links, groups and memberships; raises LastOwner and erases nothing."""
    def write() -> None:
        locked(Account.select(Account.id).where(Account.id == account.id)).get()
        _leave(account, now)
        mine = Customer.select(Customer.id).where(Customer.consumer == account)
        CustomerGroup.delete().where(CustomerGroup.customer.in_(mine)).execute()
        for claim in Claim.select(Claim.id).where(Claim.customer.in_(mine)):
            Claim.update(address=f"deleted-{claim.id}").where(Claim.id == claim.id).execute()
        Customer.update(address="").where(Customer.consumer == account).execute()
        Session.delete().where(Session.account == account).execute()
        Link.delete().where(Link.account == account).execute()
        Account.update(email=None, password_hash=None, proved=False).where(Account.id == account.id).execute()

    write_transaction(write)


def _leave(account: Account, now: datetime) -> None:
    """Out of every merchant's members, each locked as `members` does."""
    for member in Member.select(Member, Merchant).join(Merchant).where(Member.account == account).order_by(Merchant.id):
        locked(Merchant.select().where(Merchant.id == member.merchant_id)).get()
        others = Member.select().where(
            (Member.merchant == member.merchant_id) & (Member.role == Role.OWNER) & (Member.id != member.id)
            & Member.disabled_at.is_null() & Member.account.is_null(False))
        if member.role == Role.OWNER and member.disabled_at is None and not others.exists():
            raise LastOwner(member.merchant.name)
        Member.update(account=None, address="", disabled_at=now).where(Member.id == member.id).execute()
