"""What the checks of a redemption judge, read from the ledger at one moment [0020]-[0023]."""

from datetime import datetime

from peewee import fn

from models import STANDING, Account, Customer, CustomerGroup, Redemption, Voucher
from quanbao.lib.compiled_queries import by_no_index, statement
from quanbao.redemption.checks import Case, TillEntry
from quanbao.vouchers import wallet

NOTHING_TYPED = TillEntry()


def case(voucher: Voucher, now: datetime, till: TillEntry = NOTHING_TYPED) -> Case:
    """What the checks judge, read from the ledger now."""
    places = wallet.branches(voucher.campaign) if till.branch else []
    return case_at(voucher, now, till, [{"slug": place.slug} for place in places])


def case_at(
    voucher: Voucher, now: datetime, till: TillEntry, places: list[dict[str, str]], place: str | None = None
) -> Case:
    """The same where the branches are known, and the `place` of the password; counts only where a condition asks."""
    campaign = voucher.campaign
    others = voucher.consumer_id, voucher.id
    return Case(
        now=now,
        voucher=voucher,
        campaign=campaign,
        till=till,
        groups=_groups(voucher) if campaign.groups else frozenset(),
        uses_of_campaign=_of_campaign(campaign.id, *others)[0][0] if campaign.per_consumer else 0,
        uses_of_merchant=_of_merchant(campaign.merchant_id, *others)[0][0] if campaign.new_customers_only else 0,
        branches=frozenset(each["slug"] for each in places),
        place=place,
    )


def _others(consumer, voucher):
    theirs = Account.of_wallet(Redemption.consumer, consumer)
    mine = theirs & (Redemption.voucher != voucher) & STANDING
    return Redemption.select(fn.COUNT(Redemption.id)).where(mine).tuples()


@statement
def _of_campaign(campaign, *others):
    return _others(*others).where(by_no_index(Redemption.campaign) == campaign)


@statement
def _of_merchant(merchant, *others):
    return _others(*others).where(by_no_index(Redemption.merchant) == merchant)


def _groups(voucher: Voucher) -> frozenset[str]:
    rows = (
        CustomerGroup.select(CustomerGroup.name)
        .join(Customer)
        .where((Customer.merchant == voucher.campaign.merchant_id) & (Customer.consumer == voucher.consumer_id))
    )
    return frozenset(row.name for row in rows)
