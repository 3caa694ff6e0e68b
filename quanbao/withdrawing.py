"""Claim links taken back before anybody used them: withdrawn, or replaced by one for the right address."""

from datetime import datetime
from functools import partial

from database import write_transaction
from models import Campaign, Claim, Member, Publication
from quanbao import accounts, issuing, publishing


class Refused(Exception):
    """Nothing was withdrawn; `code` is `used`, `withdrawn`, `over`, `same` or `not_an_address`."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def withdraw(link: Claim, by: Member, now: datetime) -> None:
    """Withdraw a link; one that is withdrawn already stays as it is. Raises Refused where it was used."""
    if link.withdrawn_at is None:
        write_transaction(partial(_withdraw, link, by, now))


def correct(link: Claim, typed: str, by: Member, *, now: datetime, key: str) -> Publication:
    """Withdraw a link whose address is wrong, and publish to the right one, in one transaction; raises Refused.

    The publication has `issued` or `linked` one: a voucher for a customer's address, a link for any other, whether or
    not it has an account. Neither where the address had a voucher or a link already.
    """
    try:
        address = accounts.email_address(typed)
    except accounts.Refused:
        raise Refused("not_an_address") from None
    if address == link.address:
        raise Refused("same")

    def write() -> Publication:
        _withdraw(link, by, now)
        campaign = Campaign.get_by_id(link.campaign_id)
        if campaign.is_over(now):
            raise Refused("over")
        return publishing.to_one(campaign, address, now, key)

    return write_transaction(write)


def _withdraw(link: Claim, by: Member, now: datetime) -> None:
    """Before or after the link is used, never beside it: the same conditions as in `claiming`."""
    open_ = (Claim.id == link.id) & Claim.claimed_at.is_null() & Claim.withdrawn_at.is_null()
    taken_back = Claim.update(withdrawn_at=now, withdrawn_by=by, released_after=issuing.newest_publication())
    if taken_back.where(open_).execute() != 1:
        raise Refused("used" if Claim.get_by_id(link.id).claimed_at else "withdrawn")
