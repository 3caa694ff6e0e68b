"""What comes back with the form of a campaign: what another member saved meanwhile, and what may be a slip."""

from typing import Any

from flask import g, request
from flask_babel import gettext, ngettext

from models import Branch, Campaign, Kind, Role
from quanbao.campaigns import entered_values
from quanbao.campaigns.questions import Question
from quanbao.lib.merging import Merged
from web.present import disputes, formats
from web.present.campaign_form import MONEY, NUMBERS, PLACES, CampaignForm, entries, place_of, with_choices
from web.present.messages import KINDS

ANSWERED = 10  # answers that a form sends, at most


def answers() -> list[str]:
    """What the sender has confirmed, here or on the page before."""
    return request.form.getlist("sure")[:ANSWERED]


def renew(form: CampaignForm, campaign: Campaign, seen: dict[str, Any], merged: Merged, groups: list[str]) -> None:
    """Fill the fields that the sender left alone with what is there now: that is what the page shows from here on."""
    there = entered_values.values_of(campaign)
    now = entries(there, campaign.merchant)
    for name in there:
        if name in seen and merged.values[name] == there[name] and name not in merged.conflicts:
            for field in PLACES.get(name, (name,)):
                if field in form and field in now | {"more_groups": ""}:
                    form[field].process(None, now.get(field, ""))
    with_choices(form, campaign.merchant, groups, campaign)


def dispute(form: CampaignForm, campaign: Campaign, conflicts: dict[str, Any]) -> None:
    """Put what another member saved beside what was typed, for the sender to decide."""
    for name, value in conflicts.items():
        if not is_offered(name, campaign):
            continue
        field = form[_place(form, name)]
        field.theirs = name
        field.errors = [disputes.words(in_words(name, value, campaign))]
        if name == "picture":
            field.theirs_picture = value


def is_offered(name: str, campaign: Campaign) -> bool:
    """Whether the campaign's form has the field: a published one's has but some."""
    return campaign.published_at is None or name in entered_values.CHANGEABLE


def lost(form: CampaignForm, campaign: Campaign, conflicts: dict[str, Any]) -> list[str]:
    """What was changed in a draft, by the fields' labels, and cannot change since it was published meanwhile."""
    names = [name for name in conflicts if not is_offered(name, campaign)]
    return list(dict.fromkeys(str(form[_place(form, name)].label.text) for name in names))


def _place(form: CampaignForm, name: str) -> str:
    if name == "password":  # a manager has but the choice among those in use
        return "redemption_password" if g.member.role == Role.OWNER else "password_in_use"
    return place_of(form, name)


def in_words(name: str, value: Any, campaign: Campaign) -> str:
    """A value of a campaign as a person reads it."""
    if name == "picture":
        return gettext("another picture") if value else gettext("no picture")
    if name == "password":
        return gettext("another password")
    if isinstance(value, bool):
        return gettext("ticked") if value else gettext("not ticked")
    if value in (None, "", []):
        return gettext("nothing")
    return _in_words(name, value, campaign)


def _in_words(name: str, value: Any, campaign: Campaign) -> str:
    if name in MONEY:
        return formats.money(value, campaign.merchant)
    if name in NUMBERS:
        return formats.count(value)
    if name in ("starts_at", "ends_at"):
        moment = getattr(campaign, name)
        return (formats.last_day if name == "ends_at" else formats.first_day)(moment, campaign.merchant.zone)
    if name == "kind":
        return str(KINDS[Kind(value)])
    if name == "weekdays":
        return formats.weekdays(value)
    if name == "hours":
        return formats.listed(f"{start}–{end}" for start, end in value)
    if name == "branches":
        mine = (Branch.merchant == campaign.merchant) & Branch.slug.in_(value)
        return formats.listed(branch.name for branch in Branch.select().where(mine).order_by(Branch.id))
    return formats.listed(value) if isinstance(value, list) else str(value)


def ask(form: CampaignForm, questions: dict[str, Question]) -> None:
    """Put each question beside its field, with a tick that answers it."""
    for name, question in questions.items():
        field = form[place_of(form, name)]
        field.question, field.errors = question.answer, [_words(name, question)]


def _words(name: str, question: Question) -> str:
    if name == "uses_per_voucher":
        return gettext("One voucher would be good for more uses than there are redemptions in all. Is that meant?")
    if question.vouchers:
        return ngettext(
            "This end is in the past: %(count)s voucher expires at once. Is that meant?",
            "This end is in the past: %(count)s vouchers expire at once. Is that meant?",
            question.vouchers,
            count=formats.count(question.vouchers),
        )
    return gettext("This end is in the past: no voucher of it could be redeemed. Is that meant?")
