"""Entering a campaign, changing it, ending it [0019]. The rules are those of `campaigns.read`.

A draft may be changed in everything. Once it is published, holders rely on it: price, terms, picture, period
and what a rollback gives back may change, the quantity may rise, and branches may be added to those it names. Every
change raises the campaign's version, so that nothing that was judged before it can commit after it.
"""

import secrets
from datetime import datetime
from typing import Any

from peewee import IntegrityError

from database import locked, write_transaction
from models import Branch, Campaign, CampaignPassword, Merchant, RedemptionPassword
from quanbao.campaigns import pictures, questions, rules
from quanbao.campaigns.entered_values import CHANGEABLE, Entered, document, settled, with_more_branches
from quanbao.lib.validation import Reader, slug_of
from quanbao.merchants import branches, groups
from quanbao.messages import events
from quanbao.passwords import accepting, redemption_passwords

COPIED = (
    "kind",
    "product",
    "picture",
    "original_price",
    "offer_price",
    "quantity",
    "starts_at",
    "ends_at",
    "starts_entered",
    "ends_entered",
    "place",
    "terms",
    "uses_per_voucher",
    "per_consumer",
    "new_customers_only",
    "groups",
    "minimum_spend",
    "weekdays",
    "hours",
    "branch_slugs",
    "rollback_gives_back",
    "password",
    "accepts_all",
)
ALL = "all"  # in place of a password's number: whichever the shop has
NEW = "new"  # one that is made


class Refused(Exception):
    """What was entered cannot be taken: `faults` says why, by field."""

    def __init__(self, faults: dict[str, str]):
        super().__init__(", ".join(faults))
        self.faults = faults


class Over(Exception):
    """The campaign was ended: nothing about it changes any more."""


class Past(Exception):
    """The campaign's period is over: there is nothing left to end."""


class Published(Exception):
    """Consumers hold vouchers of it: it can be ended, not deleted."""


def create(
    merchant: Merchant, entered: Entered, *, now: datetime, password_key: str, answers: list[str] | None = None
) -> Campaign:
    """A new draft; raises Refused with every fault and makes nothing then.

    With `answers`, raises questions.Unconfirmed where what may be a slip is not among them.
    """
    columns = _judged(merchant, {**entered, "slug": slug_of(str(entered.get("product") or ""))}, now)
    taken = Campaign.select().where((Campaign.merchant == merchant) & (Campaign.slug == columns["slug"])).exists()
    if taken:
        columns["slug"] = _another(columns["slug"])
    questions.ask(columns, None, now, answers)

    def write() -> Campaign:
        columns["groups"] = groups.lock(merchant).of_all(columns["groups"])
        accepts = _accepted(merchant, columns, password_key, now) or _accepted(
            merchant, columns | {"password": ALL}, password_key, now
        )
        return Campaign.create(merchant=merchant, created_at=now, **_without_password(columns), **accepts)

    try:
        return write_transaction(write)
    except IntegrityError:  # another draft took the name in this moment
        columns["slug"] = _another(columns["slug"])
        return write_transaction(write)


def change(
    campaign: Campaign,
    entered: Entered,
    *,
    now: datetime,
    password_key: str,
    shown: Entered | None = None,
    answers: list[str] | None = None,
) -> None:
    """Change a draft in everything, a published campaign in what may change; raises Refused or Over.

    `shown` is what the sender's form was filled with (`values_of`), and so what they changed: the rest stays as it is
    now. Raises merging.Conflict where another changed the same; without it, all that was entered is taken. With
    `answers`, raises questions.Unconfirmed where what may be a slip is not among them. Phones that show the old price
    are told so at the till, with the new one.
    """

    def write() -> None:
        redemption_passwords.lock(campaign.merchant)
        row = _locked(campaign)
        columns = _judged(campaign.merchant, _kept(row, settled(row, entered, shown)), now, row)
        _refuse_nowhere(row, columns, now)
        questions.ask(columns, row, now, answers)
        if columns["groups"] != row.groups:
            columns["groups"] = groups.lock(campaign.merchant).of_all(columns["groups"])
        changes = _without_password(columns)
        if accepts := _accepted(campaign.merchant, columns, password_key, now):
            changes |= accepts
            CampaignPassword.delete().where(CampaignPassword.campaign == row).execute()
        events.changed(row, columns, now)
        Campaign.update(version=Campaign.version + 1, **changes).where(Campaign.id == row.id).execute()

    write_transaction(write)


def _refuse_nowhere(row: Campaign, columns: dict[str, Any], now: datetime) -> None:
    """Raise Refused where a longer period or more branches would promise what no open branch can redeem."""
    promises = columns["ends_at"] > row.ends_at or columns["branch_slugs"] != row.branch_slugs
    if (
        row.published_at
        and promises
        and columns["ends_at"] > now
        and not branches.is_any_open(row, columns["branch_slugs"])
    ):
        raise Refused({"branches": "are all closed"})


def _kept(row: Campaign, entered: Entered) -> Entered:
    """What holders rely on stays as it is, whatever was sent."""
    if row.published_at is None:
        return {**entered, "slug": row.slug}
    kept = document(row)
    kept["conditions"]["branches"] = with_more_branches(row, entered)
    return kept | {key: entered.get(key) for key in CHANGEABLE}


def _judged(merchant: Merchant, entered: Entered, now: datetime, row: Campaign | None = None) -> dict[str, Any]:
    """The columns of what was entered; raises Refused."""
    faults: list[str] = []
    reader = Reader(
        {key: value for key, value in entered.items() if key not in ("picture", "password_in_use")}, "", faults
    )
    slugs = {slug for (slug,) in Branch.select(Branch.slug).where(Branch.merchant == merchant).tuples()}
    columns = rules.read(reader, merchant.zone, slugs)
    columns["picture"] = entered.get("picture") or ""
    if columns["picture"] and not pictures.is_kept(merchant, columns["picture"]):
        reader.fault("picture", "is not kept here")
    if entered.get("password_in_use"):
        columns["password"] = _in_use(merchant, entered["password_in_use"], reader, now)
    if row and row.published_at and columns["quantity"] and columns["quantity"] < row.quantity:
        reader.fault("quantity", "may only rise")
    if faults:
        raise Refused(_by_field(faults))
    return columns


def _accepted(merchant: Merchant, columns: dict[str, Any], key: str, now: datetime) -> dict[str, Any]:
    """Which passwords the campaign accepts, by what was typed or chosen; empty where nothing was."""
    typed, chosen = columns["redemption_password"], columns.get("password")
    if chosen == ALL:
        return {"password": redemption_passwords.of_shop(merchant, key=key, now=now), "accepts_all": True}
    if typed or chosen == NEW:
        return {
            "password": redemption_passwords.of_digits(merchant, typed, key=key, now=now),
            "accepts_all": False,
        }
    return {"password": chosen, "accepts_all": False} if chosen else {}


def _in_use(merchant: Merchant, number: Any, reader: Reader, now: datetime) -> RedemptionPassword | str | None:
    """One of the merchant's own redemption passwords, by its id; or `ALL`, or `NEW`."""
    if reader.get("redemption_password"):
        reader.fault("redemption_password", "is there twice: enter one, or choose one in use")
    if number in (ALL, NEW):
        return number
    usable = str(number).isascii() and str(number).isdigit() and len(str(number)) < 18
    mine = redemption_passwords.standing(merchant)
    row = mine.where(RedemptionPassword.id == (int(number) if usable else None)).first()
    if row is None:
        reader.fault("password_in_use", "is no password of this merchant")
    return row


def _by_field(faults: list[str]) -> dict[str, str]:
    """The first fault of each field: `conditions.hours[0]: must be …` is of `hours`."""
    found: dict[str, str] = {}
    for path, what in (fault.split(": ", 1) for fault in faults):
        found.setdefault(path.removeprefix("conditions.").partition("[")[0], what)
    return found


def _without_password(columns: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in columns.items() if key not in ("redemption_password", "password")}


def _another(slug: str) -> str:
    return f"{slug[:55].strip('-')}-{secrets.token_hex(3)}"


def _locked(campaign: Campaign) -> Campaign:
    """The campaign as it is now, its row locked; raises Over where it was ended, or deleted as a draft."""
    row = locked(Campaign.select().where(Campaign.id == campaign.id)).get_or_none()
    if row is None or row.ended_at is not None:
        raise Over
    row.merchant = campaign.merchant
    return row


def duplicate(campaign: Campaign, now: datetime) -> Campaign:
    """A draft like this campaign, with its passwords and without vouchers."""
    columns = {name: getattr(campaign, name) for name in COPIED}
    slug = _another(campaign.slug)

    def write() -> Campaign:
        made = Campaign.create(merchant=campaign.merchant, slug=slug, created_at=now, **columns)
        for (password,) in list(accepting.beside(campaign).tuples()):
            CampaignPassword.create(campaign=made, password=password)
        return made

    return write_transaction(write)


def end(campaign: Campaign, now: datetime) -> None:
    """End a published campaign early: from now on its vouchers are refused as `campaign_ended`; raises Over or Past.

    What is over by itself stays `expired`: the shop did not end it, and its period may still be changed.
    """

    def write() -> None:
        row = _locked(campaign)
        if row.is_over(now):
            raise Past
        if row.published_at is not None:  # a draft is deleted instead
            Campaign.update(ended_at=now, version=Campaign.version + 1).where(Campaign.id == row.id).execute()
            events.ended(row, now)

    write_transaction(write)


def delete(campaign: Campaign) -> None:
    """Throw a draft away; raises Published where it is none any more."""

    def write() -> None:
        if _locked(campaign).published_at is not None:
            raise Published
        Campaign.delete().where(Campaign.id == campaign.id).execute()

    write_transaction(write)
