"""A voucher as the consumer will see it, from what is entered so far."""

from typing import Any

from models import Branch, Campaign, Merchant, Voucher
from quanbao.campaigns import rules
from quanbao.lib.validation import Reader


def preview(merchant: Merchant, entered: dict[str, Any]) -> tuple[Voucher, list[Branch]]:
    """A voucher that is nowhere kept, and where it would be good; what cannot be read yet is left out."""
    places = list(Branch.select().where((Branch.merchant == merchant) & Branch.closed_at.is_null()).order_by(Branch.id))
    columns = rules.read(Reader(entered, "", []), merchant.zone, {place.slug for place in places})
    columns = {name: value for name, value in columns.items() if name != "redemption_password"}
    columns |= {
        "uses_per_voucher": columns["uses_per_voucher"] or 1,
        "picture": entered["picture"] or "",
        "product": columns["product"] or "…",
    }
    if columns["starts_at"] and columns["ends_at"] and columns["ends_at"] <= columns["starts_at"]:
        columns["ends_at"] = None
    campaign = Campaign(merchant=merchant, **columns)
    return voucher_of(campaign), [
        place for place in places if not campaign.branch_slugs or place.slug in campaign.branch_slugs
    ]


def voucher_of(campaign: Campaign) -> Voucher:
    """An unused voucher of the campaign, to look at."""
    uses = campaign.uses_per_voucher
    return Voucher(campaign=campaign, uses=uses, uses_left=uses)
