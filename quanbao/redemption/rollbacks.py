"""Taking a redemption back: a new row, never a delete.

The unique key says that it happens once; the locks are those of a redemption, in the same order, so that voucher,
figures and quantity are true to one moment.
"""

from datetime import datetime, timedelta
from functools import partial

from peewee import IntegrityError, fn

from database import Changed, write_transaction
from models import (
    STANDING,
    Account,
    Branch,
    Campaign,
    Heading,
    Member,
    MemberBranch,
    Redemption,
    Role,
    Rollback,
    Voucher,
)
from quanbao.campaigns import figures
from quanbao.messages import events
from quanbao.redemption import redeem
from quanbao.redemption.reasons import RolledBack, explained

SOON = timedelta(minutes=15)  # later it is an owner's matter


class Late(Exception):
    """Only an owner may roll it back by now."""


def find(number: int, by: Member) -> Redemption | None:
    """A redemption of the merchant's that this member may see: a cashier those of their branches.

    Where no branch was named it may have been any cashier's. Its campaign and voucher come with it.
    """
    row = (
        Redemption.select(Redemption, Voucher, Campaign, Account)
        .join(Voucher)
        .join(Campaign, on=Voucher.campaign)
        .switch(Redemption)
        .join(Account)
        .where((Redemption.id == number) & (Redemption.merchant == by.merchant_id))
        .get_or_none()
    )
    if row is None or by.role == Role.CASHIER and row.branch_slug and row.branch_slug not in _places(by):
        return None
    row.voucher.campaign.merchant = by.merchant
    return row


def _places(cashier: Member) -> set[str]:
    rows = Branch.select(Branch.slug).join(MemberBranch).where(MemberBranch.member == cashier)
    return {slug for (slug,) in rows.tuples()}


def of_redemption(done: Redemption) -> Rollback | None:
    """The rollback of a redemption, the member who did it with it."""
    return Rollback.select(Rollback, Member).join(Member).where(Rollback.redemption == done).get_or_none()


def is_late(done: Redemption, by: Member, now: datetime) -> bool:
    """Whether it was too long ago for this member to take back."""
    return by.role != Role.OWNER and now - done.redeemed_at > SOON


def roll_back(done: Redemption, by: Member, reason: str, note: str, now: datetime) -> Rollback:
    """Take a redemption back, one that `find` gave this member: once: a member who asks again gets the same row.

    Raises Late, or Unexplained where the reason is none of `RolledBack` or lacks its note.
    """
    if again := of_redemption(done):
        return again
    if is_late(done, by, now):
        raise Late
    why = explained(RolledBack, reason, note)
    return write_transaction(partial(_roll_back, done, by, why, now))


def _roll_back(done: Redemption, by: Member, why: tuple[str, str], now: datetime) -> Rollback:
    """One write transaction, locked like a redemption: consumer, customer, voucher, and the campaign last."""
    try:
        voucher = redeem.lock_with_holder(done.voucher_id, done.consumer_id)
        if again := of_redemption(done):
            return again
        campaign = voucher.campaign
        row = Rollback.create(
            redemption=done,
            member=by,
            role=by.role,
            reason=why[0],
            note=why[1],
            gave_back=campaign.rollback_gives_back,
            rolled_back_at=now,
        )
        if row.gave_back:
            _give_back(voucher)
        figures.count(
            campaign,
            {
                Heading.DAY: done.day,
                Heading.HOUR: figures.hour(campaign.merchant, done.redeemed_at),
                Heading.BRANCH: done.branch_slug,
            },
            by=-1,
        )
        events.rolled_back(voucher, done.use_number, now)
        _count(campaign, done, last=_was_last(done), forfeited=not row.gave_back)
        return row
    except IntegrityError as error:
        raise Changed from error  # another transaction was first; look again


def _give_back(voucher: Voucher) -> None:
    """Used becomes unused; the next use has a number of its own."""
    given = Voucher.update(
        uses_left=Voucher.uses_left + 1,
        returned=Voucher.returned + 1,
        ended_at=None,
    ).where((Voucher.id == voucher.id) & (Voucher.uses_left == voucher.uses_left) & (Voucher.uses_left < Voucher.uses))
    if given.execute() != 1:
        raise Changed


def _was_last(done: Redemption) -> bool:
    """Whether the consumer has nothing standing of the campaign any more, by any id of their wallet."""
    person = Account.select(fn.COALESCE(Account.merged_into, Account.id)).where(Account.id == done.consumer_id).scalar()
    theirs = Account.of_wallet(Redemption.consumer, person) & (Redemption.campaign == done.campaign_id)
    return not Redemption.select().where(theirs & STANDING).exists()


def _count(campaign: Campaign, done: Redemption, *, last: bool, forfeited: bool) -> None:
    """The row that every till of the campaign shares, so last: counted only as it was judged."""
    counted = Campaign.update(
        redeemed=Campaign.redeemed - 1,
        consumers=Campaign.consumers - int(last),
        discount_given=Campaign.discount_given - done.discount,
        rolled_back=Campaign.rolled_back + 1,
        forfeited=Campaign.forfeited + int(forfeited),
    ).where((Campaign.id == campaign.id) & (Campaign.version == campaign.version))
    if counted.execute() != 1:
        raise Changed
