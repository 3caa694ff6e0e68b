"""The form of a campaign: what people type, as the document that `load` reads too, and back."""

import re
import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    Field,
    FileField,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.widgets import DateInput, TimeInput

from models import Branch, Campaign, Kind, Merchant
from quanbao.campaigns import editing, entered_values, rules
from quanbao.passwords import redemption_passwords
from web.context import now
from web.present import formats
from web.present.forms import Form, own_password_field
from web.present.messages import CAMPAIGN_FAULTS, CAMPAIGN_FIELDS, KINDS

MONEY = ("original_price", "offer_price", "minimum_spend")
NUMBERS = ("quantity", "uses_per_voucher", "per_consumer")
TEXTS = ("product", "place", "terms", "redemption_password", "password_in_use")
PLACES = {
    "starts_at": ("starts_at", "starts_time"),
    "ends_at": ("ends_at", "ends_time"),
    "groups": ("groups", "more_groups"),
    "picture": ("kept_picture",),
}  # fields, where they have other names
SPANS = 2  # fields for hours, if no more are needed
AMOUNT = {"inputmode": "decimal", "maxlength": formats.LONGEST_AMOUNT}
MIDNIGHT = "00:00"  # a browser's field has no 24:00


class Spans(Field):
    """Hours from and until: pairs of inputs of one name."""

    def process_formdata(self, values):
        pairs = [values[start : start + 2] for start in range(0, len(values), 2)]
        self.data = [pair for pair in pairs if any(text.strip() for text in pair)]

    def rows(self) -> list[tuple[str, str, bool]]:
        """From, until, and whether these two are what is wrong."""
        pairs = [[*pair, ""][:2] for pair in self.data or []]
        odd = [pair for pair in pairs if not rules.is_span(as_span(pair))] or pairs
        filled = [(*pair, bool(self.errors) and pair in odd) for pair in pairs]
        return filled + [("", "", False)] * max(1, SPANS - len(filled))


def as_span(pair: list[str]) -> list[str]:
    """As it is meant: who types midnight as an end means that of the same day."""
    return [*pair[:1], *("24:00" if text == MIDNIGHT else text for text in pair[1:])]


class CampaignForm(Form):
    """Names are those of the document; the rules are in `quanbao.campaigns.rules`."""

    kind = RadioField(
        _("Kind"),
        choices=[(kind.value, KINDS[kind]) for kind in Kind],
        default=Kind.DISCOUNT.value,
        validate_choice=False,
    )
    product = StringField(_("Product"), render_kw={"maxlength": 200, "required": True})
    original_price = StringField(_("Original price"), render_kw=AMOUNT)
    offer_price = StringField(_("Offer price"), render_kw=AMOUNT)
    quantity = StringField(
        _("Quantity"),
        description=_("How many redemptions there are in all."),
        render_kw={"inputmode": "numeric", "maxlength": 13, "required": True},
    )
    starts_at = StringField(_("Starts"), widget=DateInput(), render_kw={"required": True})
    starts_time = StringField(_("Start time"), widget=TimeInput())
    ends_at = StringField(_("Ends"), widget=DateInput(), render_kw={"required": True})
    ends_time = StringField(_("End time"), widget=TimeInput())
    place = StringField(
        _("Place"),
        description=_("As it should stand on the voucher, like: all branches."),
        render_kw={"maxlength": 500},
    )
    uses_per_voucher = StringField(_("Uses per voucher"), render_kw={"inputmode": "numeric", "maxlength": 6})
    per_consumer = StringField(
        _("Redemptions per customer, at most"),
        description=_(
            "Counted over a customer's other vouchers of this campaign; how often one voucher is good stands above."
        ),
        render_kw={"inputmode": "numeric", "maxlength": 6},
    )
    new_customers_only = BooleanField(_("New customers only"))
    groups = SelectMultipleField(_("Only for groups"), validate_choice=False)
    more_groups = StringField(
        _("More groups, apart by commas"),
        render_kw={"maxlength": 500},
        description=_("Only who is in one of them when redeeming. Put customers into groups under Customers."),
    )
    minimum_spend = StringField(_("Minimum spend"), render_kw=AMOUNT)
    weekdays = SelectMultipleField(_("Only on"), validate_choice=False)
    hours = Spans(_("Only at these hours"))
    branches = SelectMultipleField(_("Only at"), validate_choice=False)
    terms = TextAreaField(_("Terms"), render_kw={"maxlength": 5000, "rows": 3})
    rollback_gives_back = BooleanField(_("A rollback gives the use back"), default=True)
    picture = FileField(_("Picture"), render_kw={"accept": "image/jpeg,image/png,image/webp"})
    kept_picture = HiddenField()
    redemption_password = StringField(
        _("Redemption password"),
        description=_("6 to 12 digits. Leave it empty to have one made; an owner can see it."),
        render_kw={"inputmode": "numeric", "maxlength": 24, "autocomplete": "off"},
    )
    named_branches: list[str] = []  # of a published campaign
    password = own_password_field("own-password")
    password_in_use = SelectField(_("Or which of your passwords it accepts"), validate_choice=False)


def new(merchant: Merchant, groups: list[str]) -> CampaignForm:
    """An empty form with the merchant's own choices."""
    return with_choices(CampaignForm(uses_per_voucher="1"), merchant, groups)


def filled(campaign: Campaign, groups: list[str], seen: dict[str, Any] | None = None) -> CampaignForm:
    """The form with what the campaign has now, or with what its sender had seen."""
    form = CampaignForm(**entries(seen or entered_values.values_of(campaign), campaign.merchant))
    return with_choices(form, campaign.merchant, groups, campaign)


def entries(values: dict[str, Any], merchant: Merchant) -> dict[str, Any]:
    """What stands in the fields for these values of a campaign."""
    values = {**values, "kept_picture": values["picture"]}
    for name in MONEY:
        values[name] = "" if values[name] is None else formats.as_typed(values[name], merchant)
    for name in ("starts", "ends"):
        values[f"{name}_at"], _t, time = values[f"{name}_at"].partition("T")
        values[f"{name}_time"] = time[:8].removesuffix(":00")
    values |= {name: "" if values[name] is None else str(values[name]) for name in NUMBERS}
    values["weekdays"] = [str(day) for day in values["weekdays"]]
    values["hours"] = [[start, MIDNIGHT if end == "24:00" else end] for start, end in values["hours"]]
    del values["picture"]
    if values.get("is_published"):
        values["branches"] = []  # those that it names stay: the boxes are of what may be added
    return {name: "" if value is None else value for name, value in values.items()}


def with_choices(
    form: CampaignForm, merchant: Merchant, groups: list[str], campaign: Campaign | None = None
) -> CampaignForm:
    """The form with the merchant's own groups, branches and passwords, and those that are chosen already."""
    chosen = form.groups.data or []
    form.groups.choices = [(name, name) for name in dict.fromkeys([*groups, *chosen])]
    if not form.groups.choices:
        form.more_groups.label.text = gettext("Only for groups, apart by commas")
    form.weekdays.choices = [(str(day), formats.weekdays([day])) for day in formats.in_week(range(1, 8))]
    places = (
        Branch.select()
        .where(
            (Branch.merchant == merchant) & (Branch.closed_at.is_null() | Branch.slug.in_(form.branches.data or [""]))
        )
        .order_by(Branch.id)
    )
    form.branches.choices = [(place.slug, place.name) for place in places]
    if campaign and campaign.published_at:
        _with_more_branches(form, campaign)
    first = [("", gettext("All of the shop's"))]
    if campaign:
        first = [("", gettext("Leave it as it is")), (editing.ALL, gettext("All of the shop's"))]
        form.redemption_password.description = gettext("6 to 12 digits. Left empty, the password stays as it is.")
    form.password_in_use.choices = [*first, (editing.NEW, gettext("A new one")), *_in_use(merchant, now())]
    return form


def _with_more_branches(form: CampaignForm, campaign: Campaign) -> None:
    """Of a published campaign that names branches: those that may be added."""
    named = (
        Branch.select(Branch.slug, Branch.name)
        .where((Branch.merchant == campaign.merchant_id) & Branch.slug.in_(campaign.branch_slugs or [""]))
        .order_by(Branch.id)
    )
    form.branches.choices = [(slug, name) for slug, name in form.branches.choices if slug not in campaign.branch_slugs]
    form.branches.label.text = gettext("Also at")
    form.named_branches = [place.name for place in named]


def _in_use(merchant: Merchant, now: datetime) -> list[tuple[str, str]]:
    """The merchant's passwords by their names; the digits stay where they are."""
    return [(str(row.id), row.name) for row in redemption_passwords.standing(merchant)]


def document(
    form: CampaignForm, merchant: Merchant, before: dict[str, Any] | None = None, taken: Collection[str] = ()
) -> dict[str, Any]:
    """What was entered, as `load` reads it; what is no number stays text, for the judge to refuse.

    What its sender did not touch is as it was `before`, which the form was filled with, also where it cannot show all
    of it; and so are the fields in `taken`, of which the sender gives up what they typed.
    """
    entered = _typed(form, merchant)
    if "password" in taken:
        entered |= {"redemption_password": None, "password_in_use": None}
    before = before or {}
    for new in (entered, entered["conditions"]):
        new |= {name: before[name] for name in new if name in before and (name in taken or _is_untouched(form, name))}
    if form.kind.data != Kind.DISCOUNT and "kind" not in taken:  # fields that the form hides for an exchange voucher
        entered |= {"original_price": None, "offer_price": None, "uses_per_voucher": 1}
    return entered


def _is_untouched(form: CampaignForm, name: str) -> bool:
    fields = [form[field] for field in PLACES.get(name, (name,)) if field in form]
    return bool(fields) and all(_as_sent(field, field.data) == _as_sent(field, field.object_data) for field in fields)


def _as_sent(field: Field, value: Any) -> Any:
    """What a browser makes of it: lines end otherwise or, in a field of one line, not at all; lists have no order."""
    if isinstance(value, list):
        return {_as_sent(field, str(one)) for one in value}
    end = "\n" if isinstance(field, TextAreaField) else ""
    return re.sub(r"\r\n?|\n", end, value) if isinstance(value, str) else value or ""


def _typed(form: CampaignForm, merchant: Merchant) -> dict[str, Any]:
    entered: dict[str, Any] = {
        "kind": form.kind.data,
        "picture": form.kept_picture.data,
        "rollback_gives_back": form.rollback_gives_back.data,
    }
    entered |= {name: (form[name].data or "").replace("\r\n", "\n").strip() or None for name in TEXTS}
    money = {name: _or_text(form[name].data, lambda text: formats.minor_units(text, merchant)) for name in MONEY}
    numbers = {name: _or_text(form[name].data, _whole) for name in NUMBERS}
    for name in ("starts", "ends"):
        time = (form[f"{name}_time"].data or "").strip()
        entered[f"{name}_at"] = "T".join(filter(None, ((form[f"{name}_at"].data or "").strip(), time))) or None
    groups = [*(form.groups.data or []), *(part.strip() for part in formats.apart(form.more_groups.data or ""))]
    conditions = {
        "per_consumer": numbers.pop("per_consumer"),
        "minimum_spend": money.pop("minimum_spend"),
        "new_customers_only": form.new_customers_only.data,
        "groups": list(dict.fromkeys(groups)),
        "weekdays": [_or_text(day, _whole) for day in form.weekdays.data or []],
        "hours": [as_span(pair) for pair in form.hours.data or []],
        "branches": form.branches.data or [],
    }
    return entered | money | numbers | {"conditions": conditions}


def _or_text(text: str | None, read) -> Any:
    text = (text or "").strip()
    value = read(text) if text else None
    return text or None if value is None else value


def _whole(text: str) -> int | None:
    """A whole number in any script's digits, its thousands apart or not."""
    text = unicodedata.normalize("NFKC", text).replace(",", "").replace(" ", "")
    return int(text) if text.isdecimal() and len(text) <= 12 else None


def explain(form: CampaignForm, faults: dict[str, str], merchant: Merchant) -> None:
    """Put each refusal of the act beside its field, in the reader's words."""
    for name, what in faults.items():
        if name == "picture":
            form.kept_picture.data = ""  # it would stand in the way of the next one
        place = place_of(form, name, what)
        text = next((text for (field, part), text in CAMPAIGN_FAULTS.items() if field == name and part in what), None)
        if name in MONEY and (formats.minor_units(form[name].data or "", merchant) or 0) > rules.MOST_MONEY:
            text = gettext("Enter at most %(most)s.", most=formats.money(rules.MOST_MONEY, merchant))
        text = str(text or CAMPAIGN_FIELDS.get(place) or CAMPAIGN_FIELDS.get(name, what))
        whole = 18 if name == "offer_price" else 30
        form[place].errors = [formats.with_wall_times(text).replace("{example}", formats.example(whole, merchant))]


def place_of(form: CampaignForm, name: str, what: str = "") -> str:
    """The field to mend: of a day and a time the one that is wrong."""
    if name in ("starts_at", "ends_at"):
        day, time = ((form[field].data or "").strip() for field in PLACES[name])
        same_day = "starts_at" in what and day == (form.starts_at.data or "").strip()
        return PLACES[name][bool(time) and rules.is_day(day) and (same_day or "must be" in what)]
    place = {"groups": "more_groups"}.get(name, name)
    return place if place in form else "product"
