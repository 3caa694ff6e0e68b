"""What a holder may tell others of an offer: the campaign's public facts, never the voucher."""

from collections.abc import Sequence

from flask_babel import gettext

from models import Branch, Campaign, Kind
from web.present import formats
from web.present.messages import KINDS


def worth_in_words(campaign: Campaign) -> str:
    """What a voucher of the campaign gives."""
    if campaign.is_exchange:
        return str(KINDS[Kind(campaign.kind)])
    assert campaign.original_price is not None, "a discount has its prices"
    return gettext(
        "%(offer)s instead of %(original)s",
        offer=formats.money(campaign.offer_price, campaign.merchant) if campaign.offer_price else gettext("Free"),
        original=formats.money(campaign.original_price, campaign.merchant),
    )


def period_in_words(campaign: Campaign) -> str:
    """From when until when its vouchers are good, by the merchant's days."""
    zone = campaign.merchant.zone
    return gettext(
        "Good from %(first)s to %(last)s",
        first=formats.day(campaign.starts_at, zone),
        last=formats.last_day(campaign.ends_at, zone),
    )


def facts_in_words(campaign: Campaign, places: Sequence[Branch]) -> str:
    """One sentence to send to a friend."""
    merchant = campaign.merchant
    where = campaign.place or formats.listed([place.name for place in places])
    return gettext(
        "%(merchant)s: %(product)s, %(worth)s, %(first)s to %(last)s. %(where)s",
        merchant=merchant.name,
        product=campaign.product,
        worth=worth_in_words(campaign),
        first=formats.day(campaign.starts_at, merchant.zone),
        last=formats.last_day(campaign.ends_at, merchant.zone),
        where=where,
    ).strip()
