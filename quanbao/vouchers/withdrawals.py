"""Claim links taken back before they were used: withdrawn, or replaced by one for the right address."""

from datetime import datetime
from enum import StrEnum
from functools import partial

from database import write_transaction
from models import Campaign, Claim, Member, Publication
from quanbao.people import accounts
from quanbao.vouchers import publications


class Refused(Exception):
    """Nothing was withdrawn; `code` is `used`, `withdrawn`, `over`, `same` or `not_an_address`."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


class Outcome(StrEnum):
    """What became of the right address."""

    ISSUED = "issued"  # it is a customer's, who has a voucher now
    LINKED = "linked"  # it has a new link
    RENEWED = "renewed"  # it had an open link, which is good for another thirty days
    HAD = "had"  # it had a voucher, or a link that was used or withdrawn a moment ago


def withdraw(link: Claim, by: Member, now: datetime) -> None:
    """Withdraw a link; one that is withdrawn already stays as it is. Raises Refused where it was used."""
    if link.withdrawn_at is None:
        write_transaction(partial(_withdraw, link, by, now))


def correct(link: Claim, typed: str, by: Member, *, now: datetime, key: str) -> tuple[Outcome, Claim | None]:
    """Withdraw a link whose address is wrong, and publish to the right one, in one transaction; raises Refused.

    Returns what became of the right address, and its open link if it has one. Whether it has an account makes no
    difference: a customer's address gets a voucher, any other a link.
    """
    try:
        address = accounts.email_address(typed)
    except accounts.Refused:
        raise Refused("not_an_address") from None
    if address == link.address:
        raise Refused("same")

    def write() -> tuple[Outcome, Claim | None]:
        _withdraw(link, by, now)
        campaign = Campaign.get_by_id(link.campaign_id)
        if campaign.is_over(now):
            raise Refused("over")
        done = publications.to_one(campaign, address, now, key)
        open_ = Claim.get_or_none(
            (Claim.campaign == campaign) & (Claim.address == address) & (Claim.publication == done.id)
        )
        if done.issued:
            return Outcome.ISSUED, None
        return (Outcome.LINKED if done.linked else Outcome.RENEWED if open_ else Outcome.HAD), open_

    return write_transaction(write)


def _withdraw(link: Claim, by: Member, now: datetime) -> None:
    """Before or after the link is used, never beside it: the same conditions as in `claiming`."""
    open_ = (Claim.id == link.id) & Claim.claimed_at.is_null() & Claim.withdrawn_at.is_null()
    taken_back = Claim.update(withdrawn_at=now, withdrawn_by=by, released_after=Publication.newest())
    if taken_back.where(open_).execute() != 1:
        raise Refused("used" if Claim.get_by_id(link.id).claimed_at else "withdrawn")
