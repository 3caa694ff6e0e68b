"""Revoking a voucher: its holder is told why, and no till redeems it from that moment on."""

from datetime import datetime
from functools import partial

from peewee import IntegrityError

from database import Changed, write_transaction
from models import Account, Campaign, Member, Publication, Revocation, Voucher
from quanbao.messages import events
from quanbao.redemption import redeem
from quanbao.redemption.reasons import Revoked, explained


class Used(Exception):
    """Every use of the voucher was redeemed: there is nothing left to revoke."""


def find(code: str, by: Member) -> Voucher | None:
    """A voucher of the merchant's, its campaign and holder with it."""
    row = (
        Voucher.select(Voucher, Campaign, Account)
        .join(Campaign)
        .switch(Voucher)
        .join(Account)
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
    row = redeem.lock(voucher.id, voucher.consumer)
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
