"""A campaign as it is entered, field by field; and what a form that may be older than what is saved changes in it."""

from typing import Any

from models import Campaign
from quanbao.campaigns import rules
from quanbao.lib import merging
from quanbao.passwords import redemption_passwords

CHANGEABLE = (
    "original_price",
    "offer_price",
    "terms",
    "starts_at",
    "ends_at",
    "quantity",
    "picture",
    "rollback_gives_back",
)
CONDITIONS = ("per_consumer", "new_customers_only", "groups", "minimum_spend", "weekdays", "hours", "branches")
OF_THE_KIND = ("original_price", "offer_price", "uses_per_voucher")  # what a discount alone has

Entered = dict[str, Any]


def document(campaign: Campaign) -> Entered:
    """The campaign as it would be entered: periods in the merchant's time."""
    zone = campaign.merchant.zone
    return {
        "slug": campaign.slug,
        "kind": campaign.kind,
        "product": campaign.product,
        "picture": campaign.picture,
        "original_price": campaign.original_price,
        "offer_price": campaign.offer_price,
        "quantity": campaign.quantity,
        "uses_per_voucher": campaign.uses_per_voucher,
        "starts_at": rules.as_kept(campaign.starts_entered, campaign.starts_at, zone),
        "ends_at": rules.as_kept(campaign.ends_entered, campaign.ends_at, zone, is_end=True),
        "place": campaign.place or None,
        "terms": campaign.terms or None,
        "rollback_gives_back": campaign.rollback_gives_back,
        "conditions": {
            "per_consumer": campaign.per_consumer,
            "new_customers_only": campaign.new_customers_only,
            "groups": campaign.groups,
            "minimum_spend": campaign.minimum_spend,
            "weekdays": campaign.weekdays,
            "hours": campaign.hours,
            "branches": campaign.branch_slugs,
        },
    }


def flat(entered: Entered) -> Entered:
    """The fields of a document by their names alone, those of its conditions with them."""
    return {name: value for name, value in entered.items() if name != "conditions"} | entered["conditions"]


def values_of(campaign: Campaign) -> Entered:
    """What a form of the campaign is filled with, by field; of its password only which one it is."""
    return flat(document(campaign)) | {
        "password": redemption_passwords.mark(campaign.password) + ("+" if campaign.accepts_all else ""),
        "is_published": campaign.published_at is not None,
    }


def merged(campaign: Campaign, entered: Entered, shown: Entered) -> merging.Merged:
    """What was sent by a form that was filled with `shown`, merged with the campaign as it is now, by field.

    What was changed in a draft and may not change in a published campaign is a conflict where it was published
    meanwhile.
    """
    there, sent = values_of(campaign), {**flat(entered), "is_published": None}
    typed = entered.get("redemption_password") or entered.get("password_in_use")
    sent["password"] = None if typed else shown.get("password", there["password"])
    fixed = there["is_published"] and shown.get("is_published", True)
    names = CHANGEABLE if fixed else [name for name in there if name not in ("slug", "is_published")]
    found = merging.merge(shown, {name: sent[name] for name in names if name in sent}, there)
    conflicts = found.conflicts
    if there["is_published"] and not fixed:
        conflicts = conflicts | {
            name: there[name] for name in names if found.values[name] != there[name] and name not in CHANGEABLE
        }
    if "kind" in shown and there["kind"] != shown["kind"] and any(name in conflicts for name in OF_THE_KIND):
        conflicts = conflicts | {"kind": there["kind"]}
    added = {"branches": with_more_branches(campaign, entered)} if fixed else {}
    return merging.Merged(found.values | added, conflicts)


def settled(campaign: Campaign, entered: Entered, shown: Entered | None) -> Entered:
    """What was entered as it is to be saved; raises merging.Conflict."""
    if shown is None:
        return entered
    found = merged(campaign, entered, shown)
    if found.conflicts:
        raise merging.Conflict(found.conflicts)
    return nested(entered, found.values)


def nested(entered: Entered, values: Entered) -> Entered:
    """The document that was entered, with these values in its fields."""
    known = {name: values[name] for name in flat(entered) if name in values}
    conditions = {name: known.pop(name) for name in CONDITIONS if name in known}
    return entered | known | {"conditions": entered["conditions"] | conditions}


def with_more_branches(row: Campaign, entered: Entered) -> list[str]:
    """Branches may be added to those that a campaign names; one that names none is good at all of them."""
    sent = (entered.get("conditions") or {}).get("branches") or []
    return row.branch_slugs and list(dict.fromkeys([*row.branch_slugs, *sent]))
