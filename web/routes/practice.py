"""Practice: the screens of both doors with a made-up voucher, for all visitors, as often as they like; the till card.

The templates are those of the real screens, with addresses of practice in the place of theirs. Nothing is written or
looked up; what a practice may be like (currency, time zone) stands in its address, so it tells nothing of a merchant.
"""

import uuid
from typing import Any, TypedDict

from babel.numbers import list_currencies
from flask import Blueprint, render_template, request, url_for
from flask_babel import force_locale, gettext
from flask_login import login_required
from markupsafe import Markup

from models import Member, Merchant, Voucher
from quanbao.lib import currencies
from quanbao.operations.import_document import TIME_ZONES
from quanbao.passwords import redemption_passwords
from quanbao.redemption import counter_codes, practice
from quanbao.redemption.redeem import Verdict
from web.auth.access import EVERYBODY, membership
from web.context import base_url, now
from web.form_addresses import post_form
from web.present.answers import wants_fragment
from web.present.languages import LANGUAGES, TAGS, language
from web.present.messages import FIELDS, REASONS
from web.present.till_entry import choices, entered
from web.present.verdicts import SAME_SCREEN, STATUS

routes = Blueprint("practice", __name__)

INSTEAD = {  # where the links of the real screens lead to
    "vouchers.show": "practice.show",
    "redemptions.redeem": "practice.keypad",
    "counter.make": "practice.show_code",
    "redemptions.attempt": "practice.attempt",
    "redemptions.show": "practice.verdict",
    "till.redeem": "practice.redeem",
}


# On the phone


@routes.get("/practice")
def show():
    voucher = _voucher()
    return _screen("vouchers/page.html", voucher, places=[], address=_address(voucher.campaign.merchant))


@routes.get("/practice/redeem")
def keypad():
    return _screen("redemptions/keypad.html", _voucher(), spare_id=uuid.uuid4(), amount=None)


@routes.post("/practice/redeem")
def attempt():
    voucher, typed = _voucher(), redemption_passwords.digits(request.form.get("password", ""))
    verdict = practice.attempt(voucher, typed, str(uuid.uuid4()), now())
    return _on_the_phone(voucher, verdict), STATUS[verdict.reason]


@post_form(routes, "/practice/counter-code", "practice.show")
def show_code():
    shown = counter_codes.Shown(practice.COUNTER_CODE, attempt_id="")
    return _screen(
        "counter/page.html",
        _voucher(),
        shown=shown,
        seconds=int(counter_codes.LIFETIME.total_seconds()),
        address=f"{base_url()}{url_for('till.find')}#{shown.code}",
    )


@routes.get("/practice/verdict")
def verdict():
    """What the phone shows when the counter has redeemed: here no server tells it."""
    voucher = _voucher()
    return _on_the_phone(voucher, practice.redeem(voucher, practice.TillEntry(), "", now()), at_counter=True)


def _voucher() -> Voucher:
    asked = _like()
    currency = asked["currency"] or "CNY"
    merchant = Merchant(
        name=gettext("Practice shop"),
        language=language(),
        currency=currency,
        currency_digits=currencies.digits(currency),
        time_zone=asked["zone"] or "Asia/Shanghai",
    )
    return practice.voucher(merchant, gettext("Practice voucher"), now())


class Like(TypedDict):
    currency: str | None
    zone: str | None


def _like() -> Like:
    """What the address says of currency and time zone, where there are such."""
    currency, zone = request.args.get("currency"), request.args.get("zone")
    return {
        "currency": currency if currency in list_currencies() else None,
        "zone": zone if zone in TIME_ZONES else None,
    }


def _on_the_phone(voucher: Voucher, verdict: Verdict, **more) -> str:
    template = "redemptions/_verdict.html" if wants_fragment() else "redemptions/page.html"
    again = "" if wants_fragment() else url_for("practice.keypad", **_like())
    texts = FIELDS["password"] if verdict.reason == "malformed" else (verdict.reason and REASONS.get(verdict.reason))
    return _screen(
        template,
        voucher,
        verdict=verdict,
        texts=texts,
        redeemed_at=now(),
        fresh=True,
        again=again,
        retry=verdict.reason in SAME_SCREEN,
        **more,
    )


def _screen(template: str, voucher: Voucher, **more) -> str:
    said = gettext("Nothing counts here. Practice password: %(digits)s", digits=practice.PASSWORD)
    return _render(template, voucher, said, _like(), **more)


def _render(template: str, voucher: Voucher, said: str, values: Like | dict[str, str], **more) -> str:
    """The real template, with `said` beside the mark of practice; `values` are for the addresses of practice."""

    def instead(endpoint: str, **real: Any) -> str:
        return url_for(INSTEAD[endpoint], **values) if endpoint in INSTEAD else url_for(endpoint, **real)

    return render_template(template, voucher=voucher, practice=said, now=now(), url_for=instead, **more)


# At the till


@routes.get("/merchants/<slug:merchant>/till/practice")
@login_required
def charge(merchant: str):
    """Where the till page leads a member who types the code of practice."""
    return _charge(membership(merchant, EVERYBODY))


@routes.post("/merchants/<slug:merchant>/till/practice")
@login_required
def redeem(merchant: str):
    member = membership(merchant, EVERYBODY)
    voucher = _voucher_at(member)
    till, faults = entered(member, voucher.campaign)
    if till is None:
        return _charge(member, faults), 422
    places = {place.slug: place.name for place in choices(member, voucher.campaign)[0]}
    return _at_the_till(
        "till/verdict.html",
        member,
        voucher,
        place=places.get(till.branch or ""),
        verdict=practice.redeem(voucher, till, "", now()),
    )


def _voucher_at(member: Member) -> Voucher:
    return practice.voucher(member.merchant, gettext("Practice voucher"), now())


def _charge(member: Member, faults: frozenset[str] = frozenset()) -> str:
    voucher = _voucher_at(member)
    places, must = choices(member, voucher.campaign)
    return _at_the_till(
        "till/voucher.html", member, voucher, places=places, must=must, faults=faults, entered=request.form
    )


def _at_the_till(template: str, member: Member, voucher: Voucher, **more) -> str:
    merchant = member.merchant
    return _render(
        template,
        voucher,
        gettext("Nothing counts here."),
        {"merchant": merchant.slug},
        merchant=merchant,
        member=member,
        at=request.values.get("at") or None,
        **more,
    )


# The till card


@routes.get("/merchants/<slug:merchant>/till/card")
@login_required
def card(merchant: str):
    """Three steps in every language of ours, and a QR code to practise; never a password."""
    of = membership(merchant, EVERYBODY).merchant
    halves, kinds = {}, sorted({row.kind for row in redemption_passwords.standing(of)})
    for tag in LANGUAGES:
        with force_locale(tag):
            steps = Markup(render_template("practice/_steps.html", tag=tag, kinds_here=kinds))
            halves[TAGS[tag]] = steps, gettext("Practise with your own phone: scan this.")
    return render_template("practice/card.html", merchant=of, halves=halves, address=_address(of))


def _address(merchant: Merchant) -> str:
    return base_url() + url_for("practice.show", currency=merchant.currency, zone=merchant.time_zone)
