"""Revoking a voucher: its holder is told why, and no till redeems it from that moment on."""

from datetime import datetime
from functools import partial

from peewee import IntegrityError

from database import Changed, write_transaction
from models import Account, Campaign, Member, Poster, Publication, Revocation, Voucher
from quanbao.messages import events
from quanbao.redemption import redeem
from quanbao.redemption.reasons import Revoked, explained
from quanbao.vouchers import posters

STEP = 500  # vouchers in a transaction


class Used(Exception):
    """Every use of the voucher was redeemed: there is nothing left to revoke."""


def find(code: str, by: Member) -> Voucher | None:
    """A voucher of the merchant's, its campaign and holder with it."""
    row = (
        Voucher.select(Voucher, Campaign, Account)
        .join(Campaign)
        .switch(Voucher)
        .join(Account, on=Voucher.consumer)
        .where((Voucher.code == code) & (Campaign.merchant == by.merchant_id))
        .get_or_none()
    )
    if row is not None:
        row.campaign.merchant = by.merchant
    return row


def of_voucher(voucher: Voucher) -> Revocation | None:
    """The revocation of a voucher, the member whose doing it is with it."""
    if voucher.revoked_at is None:
        return None
    return Revocation.select(Revocation, Member).join(Member).where(Revocation.voucher == voucher).get_or_none()


def revoke(voucher: Voucher, by: Member, reason: str, note: str, now: datetime) -> None:
    """Revoke a voucher of the member's merchant; what is revoked already stays as it is.

    Raises Used, or Unexplained where the reason is none of `Revoked` or lacks its note.
    """
    if voucher.revoked_at is None:
        why = explained(Revoked, reason, note)
        write_transaction(partial(_revoke, voucher, by, why, now))


def _revoke(voucher: Voucher, by: Member, why: tuple[str, str], now: datetime) -> None:
    """One write transaction, locked like a redemption: it is before or after one, never beside it."""
    row = redeem.lock_with_holder(voucher.id)
    if row.revoked_at is not None:
        return
    if row.uses_left == 0:
        raise Used
    revoked = Voucher.update(revoked_at=now, revoked_after=Publication.newest()).where(
        (Voucher.id == row.id) & Voucher.revoked_at.is_null() & (Voucher.uses_left == row.uses_left)
    )
    if revoked.execute() != 1:
        raise Changed
    try:
        Revocation.create(voucher=row, member=by, role=by.role, reason=why[0], note=why[1], revoked_at=now)
    except IntegrityError as error:
        raise Changed from error
    events.revoked(row, now)


def revoke_unused(poster: Poster, by: Member, reason: str, note: str, now: datetime) -> int:
    """Revoke all vouchers of a poster that were not used at all, some at a time, and pause it; returns how many.

    Raises Unexplained like `revoke`. A voucher that is redeemed at the same moment stays redeemed.
    """
    why = explained(Revoked, reason, note)
    posters.pause(poster, now)
    revoked = 0
    while some := [number for (number,) in posters.unused(poster).order_by(Voucher.id).limit(STEP).tuples()]:
        revoked += write_transaction(partial(_revoke_unused, some, by, why, now))
    return revoked


def _revoke_unused(some: list[int], by: Member, why: tuple[str, str], now: datetime) -> int:
    """A redemption locks its voucher: this waits for it, and finds it used then."""
    whole = (Voucher.uses_left == Voucher.uses) & Voucher.revoked_at.is_null()
    taken = Voucher.update(revoked_at=now, revoked_after=Publication.newest()).where(Voucher.id.in_(some) & whole)
    numbers = [row.id for row in taken.returning(Voucher.id)]
    if numbers:
        common = {"member": by, "role": by.role, "reason": why[0], "note": why[1], "revoked_at": now}
        Revocation.insert_many([{"voucher": number, **common} for number in numbers]).execute()
        events.all_revoked(numbers, now)
    return len(numbers)
