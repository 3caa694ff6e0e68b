"""A consumer's vouchers: fetched together with the right to them, described in one format [0012]."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from peewee import JOIN, Expression

from database import write_transaction
from models import (
    Account,
    Branch,
    Campaign,
    Customer,
    Merchant,
    Redemption,
    Rollback,
    Voucher,
)
from quanbao.lib import typed_codes
from quanbao.lib.compiled_queries import statement
from quanbao.vouchers import issuing

Description = dict[str, Any]

MOST_VOUCHERS = 200  # on a page
MOST_USES = 500


def moment(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the microsecond only where there are any."""
    return time.isoformat().replace("+00:00", "Z") if time else None


def held(code: str, consumer: Account) -> Voucher | None:
    """The voucher with this code if the consumer is its holder, campaign and merchant with it."""
    return _held.first(code, consumer.id)


@statement
def _held(code, consumer):
    return _with_campaign().where((Voucher.code == code) & (Voucher.consumer == consumer))


def wallet(consumer: Account) -> list[Voucher]:
    """All the consumer's vouchers, due soonest first."""
    return list(_with_campaign().where(Voucher.consumer == consumer).order_by(Campaign.ends_at, Voucher.id))


def _with_campaign():
    return Voucher.select(Voucher, Campaign, Merchant).join(Campaign).join(Merchant)


def branches(campaign: Campaign) -> list[Branch]:
    """Where the campaign's vouchers may be redeemed: its own branches that are open, else all of the merchant's."""
    return _own(campaign, _branches(campaign.merchant_id))


@statement
def _branches(merchant):
    return _open().where(Branch.merchant == merchant)


def _open():
    return Branch.select().where(Branch.closed_at.is_null()).order_by(Branch.id)


def last_branch(voucher: Voucher) -> str | None:
    """The branch of this shop at which the voucher's holder last redeemed anything; none where none was named."""
    mine = (Redemption.consumer == voucher.consumer_id) & (Redemption.merchant == voucher.campaign.merchant_id)
    rows = Redemption.select(Redemption.branch_slug).where(mine & (Redemption.branch_slug != ""))
    found = rows.order_by(Redemption.id.desc()).limit(1).tuples().first()
    return found[0] if found else None


def _own(campaign: Campaign, places: Iterable[Branch]) -> list[Branch]:
    return [place for place in places if not campaign.branch_slugs or place.slug in campaign.branch_slugs]


@dataclass(frozen=True)
class Worth:
    """Product and prices that a voucher shows, the prices in minor units; none for an exchange, or where not known.

    `differing` where not all of its uses were redeemed at these: then they are those of the latest.
    """

    product: str
    original_price: int | None
    offer_price: int | None
    differing: bool = False


def on_offer(campaign: Campaign) -> Worth:
    """What a voucher of the campaign is worth as long as it has a use left."""
    return Worth(campaign.product, campaign.original_price, campaign.offer_price)


def worth(voucher: Voucher, past: Sequence[Redemption]) -> Worth:
    """What a voucher is worth; one without a use left shows what it was redeemed at, whatever is on offer now.

    `past` are all its redemptions, the latest first. Those that were rolled back count only where none stands.
    """
    if voucher.uses_left:
        return on_offer(voucher.campaign)
    standing = [row for row in past if row.rollback is None] or past
    made_at = [_redeemed_at(voucher.campaign, row) for row in standing]
    if not made_at:
        return Worth(voucher.campaign.product, None, None)
    return replace(made_at[0], differing=len(set(made_at)) > 1)


def worth_now(voucher: Voucher) -> Worth:
    """The same, with a look at its redemptions where they count."""
    return worth(voucher, [] if voucher.uses_left else _made_at(voucher.id))


def _redeemed_at(campaign: Campaign, row: Redemption) -> Worth:
    return Worth(row.product or campaign.product, row.original_price, None if campaign.is_exchange else row.charged)


def number_of(typed: str) -> str | None:
    """A voucher's number, typed or scanned, by itself or as its address; none where it has not that shape."""
    bare = typed_codes.bare(typed.strip().rpartition("/vouchers/")[2])
    return bare if len(bare) == issuing.LENGTH and set(bare) <= set(issuing.ALPHABET) else None


def archive(voucher: Voucher, archived_at: datetime | None) -> None:
    """Put a voucher out of its holder's sight, or back where there is no time; it stays as good as it was."""
    write_transaction(lambda: Voucher.update(archived_at=archived_at).where(Voucher.id == voucher.id).execute())


def redemptions_of(consumer: Account) -> dict[int, list[Redemption]]:
    """All redemptions of what the consumer holds, by the ids of the vouchers, each voucher's latest first."""
    return _by_voucher(Redemption.voucher.in_(Voucher.select(Voucher.id).where(Voucher.consumer == consumer)))


def _by_voucher(which: Expression) -> dict[int, list[Redemption]]:
    found = defaultdict(list)
    for row in _redemptions(which):
        found[row.voucher_id].append(row)
    return found


def redemptions(voucher: Voucher) -> list[Redemption]:
    """The voucher's redemptions, the latest first: what its holder can show of each."""
    return _redemptions(Redemption.voucher == voucher)


def _redemptions(which: Expression) -> list[Redemption]:
    """The latest first; `rollback` is set on each, none while it stands."""
    found, rows = rollbacks(which), list(Redemption.select().where(which).order_by(Redemption.use_number.desc()))
    for row in rows:
        row.rollback = found.get(row.id)
    return rows


def rollbacks(which: Expression) -> dict[int, Rollback]:
    """The rollbacks of some redemptions, by these' ids; `merchant` and `place` (the branch, if one) are names."""
    branch = (Branch.merchant == Redemption.merchant) & (Branch.slug == Redemption.branch_slug)
    rows = (
        Rollback.select(Rollback, Merchant.name.alias("merchant"), Branch.name.alias("place"))
        .join(Redemption)
        .join(Merchant)
        .switch(Redemption)
        .join(Branch, JOIN.LEFT_OUTER, on=branch)
        .where(which)
    )
    return {row.redemption_id: row for row in rows.objects()}


def places(held: list[Voucher]) -> dict[int, list[Branch]]:
    """Where each may be redeemed, by the vouchers' ids, with one look for all."""
    merchants = {voucher.campaign.merchant_id for voucher in held}
    found = defaultdict(list)
    for branch in _open().where(Branch.merchant.in_(merchants)):
        found[branch.merchant_id].append(branch)
    return {voucher.id: _own(voucher.campaign, found[voucher.campaign.merchant_id]) for voucher in held}


def describe_all(
    held: list[Voucher], now: datetime, past: dict[int, list[Redemption]] | None = None
) -> list[Description]:
    """Many vouchers at once; `past` are their redemptions, as `redemptions_of` has them, where they are known."""
    where = places(held)
    if past is None:
        past = _by_voucher(Redemption.voucher.in_([voucher.id for voucher in held if not voucher.uses_left]))
    return [describe(voucher, now, where[voucher.id], worth(voucher, past.get(voucher.id, []))) for voucher in held]


def conditions(campaign: Campaign) -> Description:
    """The conditions of taking part, as a document to load has them."""
    return {
        "per_consumer": campaign.per_consumer,
        "new_customers_only": campaign.new_customers_only,
        "groups": campaign.groups,
        "minimum_spend": campaign.minimum_spend,
        "weekdays": campaign.weekdays,
        "hours": campaign.hours,
        "branches": campaign.branch_slugs,
    }


def describe(
    voucher: Voucher, now: datetime, places: Iterable[Branch] | None = None, shown: Worth | None = None
) -> Description:
    """The voucher as docs/contract.md has it, ready for JSON: the one format for pages and programs.

    Where it has no use left, product and prices are those that its latest use was redeemed at.
    """
    campaign = voucher.campaign
    if places is None:
        places = branches(campaign)
    if shown is None:
        shown = worth_now(voucher)
    its_own = of_voucher(voucher.code, voucher.state(campaign, now), voucher.uses, voucher.uses_left, voucher.ended_at)
    return describe_campaign(campaign, places) | describe_worth(shown) | its_own


def describe_campaign(campaign: Campaign, places: Iterable[Branch]) -> Description:
    """What all vouchers of the campaign say as long as they have a use left."""
    return {
        "kind": campaign.kind,
        "merchant": campaign.merchant.name,
        **describe_worth(on_offer(campaign)),
        "currency": campaign.merchant.currency,
        "starts_at": moment(campaign.starts_at),
        "ends_at": moment(campaign.ends_at),
        "place": campaign.place,
        "terms": campaign.terms,
        "conditions": conditions(campaign),
        "branches": [{"slug": b.slug, "name": b.name, "address": b.address} for b in places],
    }


def describe_worth(shown: Worth) -> Description:
    """Product and prices."""
    return {"product": shown.product, "original_price": shown.original_price, "offer_price": shown.offer_price}


def of_voucher(code: str, state: str, uses: int, uses_left: int, ended_at: datetime | None) -> Description:
    """What a voucher says of itself."""
    return {
        "code": code,
        "state": str(state),
        "uses": uses,
        "uses_left": uses_left,
        "ended_at": moment(ended_at),
    }


def of_customer(customer: Customer) -> list[Voucher]:
    """What the customer holds of this merchant, the latest first; `redemptions` is set on each, the latest first."""
    rows = list(
        Voucher.select(Voucher, Campaign)
        .join(Campaign)
        .where((Voucher.consumer == customer.consumer_id) & (Campaign.merchant == customer.merchant_id))
        .order_by(Voucher.id.desc())
        .limit(MOST_VOUCHERS)
    )
    uses: dict[int, list[Redemption]] = {}
    theirs = Redemption.voucher.in_([voucher.id for voucher in rows])
    back = rollbacks(theirs)
    for use in Redemption.select().where(theirs).order_by(Redemption.id.desc()).limit(MOST_USES):
        use.rollback = back.get(use.id)
        uses.setdefault(use.voucher_id, []).append(use)
    for voucher in rows:
        voucher.redemptions = uses.get(voucher.id, [])
    return rows


@statement
def _made_at(voucher):
    """What the voucher's redemptions were made at, the latest first; `rollback` is none while one stands."""
    columns = Redemption.product, Redemption.original_price, Redemption.charged, Rollback.id.alias("rollback")
    rows = Redemption.select(*columns).join(Rollback, JOIN.LEFT_OUTER, on=Rollback.redemption == Redemption.id)
    return rows.where(Redemption.voucher == voucher).order_by(Redemption.use_number.desc()).objects()
