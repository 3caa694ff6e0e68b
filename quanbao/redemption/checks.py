"""The checks of a redemption after its password [0020]-[0023]: pure, in the contract's order.

The act asks for all of them at the till, the pages for those that can be told beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from models import Campaign, Voucher
from quanbao.campaigns.opening_hours import is_open
from quanbao.lib.names import folded
from quanbao.redemption.reasons import Reason


@dataclass(frozen=True)
class TillEntry:
    """What came with the password: where, for how much, and the price that the phone showed."""

    branch: str | None = None
    amount: int | None = None
    offer_price: int | None = None


@dataclass(frozen=True)
class Case:
    """Everything that is judged, read at one moment. `now` is UTC, money in minor units.

    `uses_of_campaign` and `uses_of_merchant` count the consumer's standing redemptions of other
    vouchers; `branches` are the slugs where the campaign may be redeemed; `place` is that of the password.
    """

    now: datetime
    voucher: Voucher
    campaign: Campaign
    till: TillEntry = TillEntry()
    groups: frozenset[str] = frozenset()
    uses_of_campaign: int = 0
    uses_of_merchant: int = 0
    branches: frozenset[str] = field(default_factory=frozenset)
    place: str | None = None


def _outside_hours(case: Case) -> bool:
    wall = case.now.astimezone(case.campaign.merchant.zone)
    return not is_open(wall, case.campaign.weekdays, case.campaign.hours)


def _group_only(case: Case) -> bool:
    """Groups are those of a name as people mean it, however it is spelled."""
    asked = {folded(name) for name in case.campaign.groups}
    return bool(asked) and asked.isdisjoint(folded(name) for name in case.groups)


def _customer_limit_reached(case: Case) -> bool:
    limit = case.campaign.per_consumer
    return limit is not None and case.uses_of_campaign >= limit


def _minimum_spend(case: Case) -> bool:
    least = case.campaign.minimum_spend
    return least is not None and (case.till.amount is None or case.till.amount < least)


def _wrong_branch(case: Case) -> bool:
    if case.place not in (None, case.till.branch):
        return True
    if case.till.branch is None:
        return bool(case.campaign.branch_slugs)
    return case.till.branch not in case.branches


def _price_changed(case: Case) -> bool:
    """Exchange vouchers have no price check [0023]."""
    shown = case.till.offer_price
    return not case.campaign.is_exchange and shown is not None and shown != case.campaign.offer_price


Fault = Callable[[Case], bool]

FORESEEABLE: dict[Reason, Fault] = {
    Reason.REVOKED: lambda case: case.voucher.revoked_at is not None,
    Reason.CAMPAIGN_ENDED: lambda case: case.campaign.ended_at is not None,
    Reason.NOT_YET_VALID: lambda case: case.now < case.campaign.starts_at,
    Reason.EXPIRED: lambda case: case.now >= case.campaign.ends_at,
    Reason.OUTSIDE_HOURS: _outside_hours,
    Reason.SOLD_OUT: lambda case: case.campaign.remaining <= 0,
    Reason.GROUP_ONLY: _group_only,
    Reason.NEW_CUSTOMERS_ONLY: lambda case: case.campaign.new_customers_only and case.uses_of_merchant > 0,
    Reason.CUSTOMER_LIMIT_REACHED: _customer_limit_reached,
}
TYPED: dict[Reason, Fault] = {
    Reason.MINIMUM_SPEND: _minimum_spend,
    Reason.WRONG_BRANCH: _wrong_branch,
    Reason.PRICE_CHANGED: _price_changed,
}
SPENT: dict[Reason, Fault] = {
    Reason.ALREADY_REDEEMED: lambda case: case.voucher.uses_left == 0 and case.voucher.uses == 1,
    Reason.USED_UP: lambda case: case.voucher.uses_left == 0 and case.voucher.uses > 1,
}
CHECKS = FORESEEABLE | TYPED | SPENT

Trace = list[tuple[str, bool]]


def judge(case: Case, checks: dict[Reason, Fault] = CHECKS) -> tuple[Reason | None, Trace]:
    """The reason to refuse, or none, and the trace: each check that was made and whether it passed.

    The first fault is the reason. Only a campaign that is sold out gives way to a voucher that is
    spent itself: its holder should hear about the voucher.
    """
    trace: Trace = []
    for reason, fault in checks.items():
        trace.append((reason.value, not fault(case)))
        if not trace[-1][1]:
            return _about_the_voucher(case, trace) if reason is Reason.SOLD_OUT else reason, trace
    return None, trace


def _about_the_voucher(case: Case, trace: Trace) -> Reason:
    for reason, fault in SPENT.items():
        if fault(case):
            trace.append((reason.value, False))
            return reason
    return Reason.SOLD_OUT


def foreseen(case: Case) -> Reason | None:
    """Why no password need be typed now, or none; what is typed at the till is left out."""
    return judge(case, FORESEEABLE | SPENT)[0]


def told_beforehand(case: Case) -> Reason | None:
    """The same as a page says it that shows the voucher's state: what has no use left is told as such.

    Whether its campaign is over as well does not matter to its holder any more; `Voucher.state` has the same order.
    """
    revoked = {Reason.REVOKED: FORESEEABLE[Reason.REVOKED]}
    return judge(case, revoked | SPENT | FORESEEABLE)[0]
