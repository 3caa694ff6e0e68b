"""A merchant's members: invited by a one-time link, given a role, disabled. Only owners come here."""

from datetime import datetime
from typing import Any

from database import locked, write_transaction
from models import Account, Branch, Link, Member, MemberBranch, Merchant, Role
from quanbao.lib import merging
from quanbao.people import accounts, one_time_links


class Refused(Exception):
    """It cannot be so; `field` is what stands against it, if it is one, `code` says why."""

    def __init__(self, field: str, code: str):
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


def of_merchant(merchant: Merchant) -> list[Member]:
    """All members, those who may do something first; `places`, a cashier's branches, is set on each."""
    order = (Member.disabled_at.is_null(False), Member.role != Role.OWNER, Member.address)
    rows = list(Member.select().where(Member.merchant == merchant).order_by(*order))
    places: dict[int, list[Branch]] = {}
    for row in (
        MemberBranch.select(MemberBranch, Branch)
        .join(Branch)
        .where(MemberBranch.member.in_([member.id for member in rows]))
        .order_by(Branch.id)
    ):
        places.setdefault(row.member_id, []).append(row.branch)
    for member in rows:
        member.places = places.get(member.id, [])
    return rows


def invite(
    merchant: Merchant, email: str, role: str, branches: list[str], now: datetime, *, by: Member | None = None
) -> tuple[Member, str]:
    """A member who has not joined yet, and the token of the link; raises Refused.

    `by`, here and below, is the owner whose doing it is: refused where they are none any more.

    The same happens whether or not the address has an account.
    """
    try:
        address = accounts.email_address(email)
    except accounts.Refused:
        raise Refused("email", "not_an_address") from None

    def write() -> tuple[Member, str]:
        _lock(merchant, by)
        if Member.select().where((Member.merchant == merchant) & (Member.address == address)).exists():
            raise Refused("email", "member_already")
        member = Member.create(merchant=merchant, address=address, role=_role(role))
        _place(member, branches)
        return member, _new_link(member, now)

    return write_transaction(write)


def invite_again(member: Member, now: datetime, *, by: Member | None = None) -> str:
    """Another link for a member who has not joined; the one before is good no more. Raises Refused."""

    def write() -> str:
        row = _fresh(member, by)
        if row.account_id is not None or row.disabled_at is not None:
            raise Refused("email", "member_already")
        return _new_link(row, now)

    return write_transaction(write)


def _new_link(member: Member, now: datetime) -> str:
    Link.delete().where(Link.member == member).execute()
    return one_time_links.new("join", now, member=member)


def values_of(member: Member) -> dict[str, Any]:
    """What a form of the member is filled with: the role, and the slugs of a cashier's branches."""
    mine = Branch.select(Branch.slug).join(MemberBranch).where(MemberBranch.member == member).order_by(Branch.slug)
    return {"role": member.role, "branches": [slug for (slug,) in mine.tuples()]}


def merged(member: Member, role: str, branches: list[str], shown: merging.Values | None) -> merging.Merged:
    """What was sent, merged with the member as they are now."""
    there = values_of(member)
    sent = {"role": role, "branches": sorted(set(branches))}
    return merging.merge(there if shown is None else shown, sent, there)


def change(
    member: Member, role: str, branches: list[str], *, by: Member | None = None, shown: merging.Values | None = None
) -> None:
    """Another role or other branches; raises Refused for the last owner.

    `shown` is what the sender's form was filled with, and so what they changed; raises merging.Conflict.
    """

    def write() -> None:
        row = _fresh(member, by)
        entered = merged(row, role, branches, shown)
        if entered.conflicts:
            raise merging.Conflict(entered.conflicts)
        _change(row, **entered.values)

    write_transaction(write)


def _change(row: Member, role: str, branches: list[str]) -> None:
    if row.role == Role.OWNER and _role(role) != Role.OWNER:
        _keep_an_owner(row)
    Member.update(role=_role(role)).where(Member.id == row.id).execute()
    row.role = role
    MemberBranch.delete().where(MemberBranch.member == row).execute()
    _place(row, branches)


def disable(member: Member, now: datetime, *, by: Member | None = None) -> None:
    """Take all rights away, at once, and sign their browsers out; an invitation is withdrawn whole.

    Raises Refused for the last owner.
    """

    def write() -> None:
        accounts.lock(member.account_id)
        row = _fresh(member, by)
        Link.delete().where(Link.member == row).execute()
        if row.account_id is None:
            MemberBranch.delete().where(MemberBranch.member == row).execute()
            row.delete_instance()
            return
        if row.role == Role.OWNER and row.disabled_at is None:
            _keep_an_owner(row)
        Member.update(disabled_at=now).where(Member.id == row.id).execute()
        accounts.end_all(row.account_id)

    write_transaction(write)


def enable(member: Member, now: datetime, *, by: Member | None = None) -> None:
    """Give the rights back to a member who had joined."""

    def write() -> None:
        row = _fresh(member, by)
        if row.account is not None:
            Member.update(disabled_at=None).where(Member.id == row.id).execute()
            accounts.shorten_sessions(row.account, now)

    write_transaction(write)


def usable_link(token: str, now: datetime) -> Link | None:
    """The link of an invitation that still stands, member and merchant with it; changes nothing."""
    link = one_time_links.usable("join", token, now)
    member = link and link.member
    return link if member and member.account_id is None and member.disabled_at is None else None


def joined_by(token: str, account: Account) -> Member | None:
    """The membership that this account got by the link, used up since."""
    link = one_time_links.used("join", token)
    member = link and link.member
    return member if member and member.account_id == account.id and member.disabled_at is None else None


def standing_against(link: Link, account: Account) -> str | None:
    """Why this account cannot use the link, as `join` would say it; none where it can."""
    assert link.member is not None, "a link to join is a member's"
    own = Member.get_or_none((Member.merchant == link.member.merchant_id) & (Member.account == account))
    if own is None:
        return None
    return "disabled_here" if own.disabled_at else "works_here"


def join(link: Link, account: Account, now: datetime) -> Member | None:
    """Use the link up and make the account the member; none where another account was first.

    Raises Refused where the account is a member here already, and the link stays good.
    """

    def write() -> Member | None:
        if not accounts.lock_living(account) or account.is_anonymous:
            return None
        assert link.member is not None, "a link to join is a member's"
        _lock(link.member.merchant)
        if code := standing_against(link, account):
            raise Refused("", code)
        free = (Member.id == link.member_id) & Member.account.is_null() & Member.disabled_at.is_null()
        if not one_time_links.use_up(link, now) or not Member.update(account=account).where(free).execute():
            return None
        accounts.shorten_sessions(account, now)
        return Member.get_by_id(link.member_id)

    return write_transaction(write)


def _lock(merchant: Merchant, by: Member | None = None) -> None:
    """Members are changed one after another: two owners could demote each other at once.

    Who was disabled a moment ago, while their request was under way, does nothing more.
    """
    locked(Merchant.select().where(Merchant.id == merchant.id)).get()
    if (
        by
        and not Member.select()
        .where((Member.id == by.id) & (Member.role == Role.OWNER) & Member.disabled_at.is_null())
        .exists()
    ):
        raise Refused("", "no_owner")


def _fresh(member: Member, by: Member | None) -> Member:
    _lock(member.merchant, by)
    row = Member.get_or_none(Member.id == member.id)
    if row is None:
        raise Refused("", "gone")
    return row


def _keep_an_owner(member: Member) -> None:
    others = Member.select().where(
        (Member.merchant == member.merchant_id)
        & (Member.role == Role.OWNER)
        & (Member.id != member.id)
        & Member.disabled_at.is_null()
        & Member.account.is_null(False)
    )
    if not others.exists():
        raise Refused("role", "last_owner")


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise Refused("role", "role") from None


def _place(member: Member, slugs: list[str]) -> None:
    """A cashier has one branch at least, other roles have none."""
    if member.role != Role.CASHIER:
        return
    own = Branch.select().where(Branch.merchant == member.merchant_id)
    rows = [{"member": member.id, "branch": branch.id} for branch in own if branch.slug in slugs]
    if not rows:
        raise Refused("branches", "branches")
    MemberBranch.insert_many(rows).execute()


def places(member: Member) -> list[Branch]:
    """The branches whose till page the member may use, closed ones too: a cashier's own; for other roles, all."""
    rows = Branch.select().where(Branch.merchant == member.merchant_id).order_by(Branch.id)
    if member.role == Role.CASHIER:
        rows = rows.join(MemberBranch).where(MemberBranch.member == member)
    return list(rows)
