"""What a member may choose and has entered at the till, beside the counter code: branch, amount, price."""

from flask import request

from models import Branch, Campaign, Member, Role
from quanbao.campaigns.rules import MOST_MONEY
from quanbao.merchants import members
from quanbao.redemption.checks import TillEntry
from web.present import formats

NOWHERE = "-"  # no branch has this for a slug: where none was named


def choices(member: Member, campaign: Campaign) -> tuple[list[Branch], bool]:
    """The branches that may be named, and whether one must be.

    Where one must be and none may, it cannot be redeemed here: that is said before the code is spent on a refusal.
    """
    own, of = [place for place in members.places(member) if place.closed_at is None], campaign.branch_slugs
    return [place for place in own if not of or place.slug in of], bool(of or own and member.role == Role.CASHIER)


def entered(member: Member, campaign: Campaign) -> tuple[TillEntry | None, frozenset[str]]:
    """What was entered, and the fields that are not what they must be."""
    form, faults = request.form, set()
    places, must = choices(member, campaign)
    named, amount = form.get("branch") or None, None
    branch = None if named == NOWHERE and not must else named
    if branch not in [place.slug for place in places] and (must or branch or named is None and len(places) > 1):
        faults.add("branch")  # of several, one is named, or said to be none
    if campaign.minimum_spend is not None:
        amount = formats.minor_units(form.get("amount", ""), member.merchant)
        if amount is None or not campaign.minimum_spend <= amount <= MOST_MONEY:
            faults.add("amount")
    price = form.get("offer_price", "")
    shown = int(price) if price.isascii() and price.isdigit() and len(price) <= len(str(MOST_MONEY)) else None
    return (None if faults else TillEntry(branch, amount, shown)), frozenset(faults)
