"""A shop's passwords: listed for owners and managers; made, shown, renamed and ended by owners."""

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import login_required

from models import Member, Merchant, PasswordKind, RedemptionPassword
from quanbao.merchants import branches
from quanbao.passwords import changing, enrolments, guess_limits, redemption_passwords, shop_passwords
from quanbao.passwords.shop_passwords import Entered, Refused
from web.auth.access import OWNER, is_fresh, is_me, merchant_of, not_me
from web.auth.limits import own_password_limit
from web.context import now, settings
from web.form_addresses import post_form
from web.present import forms
from web.present.messages import CAMPAIGN_FAULTS, NEW_PASSWORD, OVERLAP
from web.present.password_messages import SHOP_PASSWORDS

routes = Blueprint("shop_passwords", __name__)


@routes.get("/merchants/<slug:merchant>/passwords")
@login_required
def index(merchant: str):
    return _page(merchant_of(merchant))


@routes.post("/merchants/<slug:merchant>/passwords")
@login_required
@own_password_limit
def add(merchant: str):
    """Another one. Who types digits, or is shown a secret, shows who they are; an authenticator is enrolled first."""
    of, form = merchant_of(merchant, OWNER), request.form
    kind = form.get("kind")
    if kind not in list(PasswordKind):
        return _page(of, {"kind": SHOP_PASSWORDS["kind"]}), 422
    digits, faults = _typed(kind)
    if faults:
        return _page(of, faults), 422
    if (digits or kind == PasswordKind.AUTHENTICATOR) and not is_me(form.get("password")):
        return _page(of, {"password": not_me()}), 422
    try:
        if kind == PasswordKind.AUTHENTICATOR:
            shop_passwords.check(of, _entered())
            return _enrolment(of, _entered(), changing.new_secret())
        shop_passwords.add(of, _entered(), PasswordKind(kind), digits, key=settings().password_key, now=now())
    except Refused as refused:
        return _page(of, {refused.field: _text(refused)}), 422
    return redirect(url_for("shop_passwords.index", merchant=merchant), 303)


def _typed(kind: str | None) -> tuple[str | None, dict[str, str]]:
    """The digits that were typed for a fixed one, and what is wrong with them."""
    typed = (request.form.get("redemption_password") or "").strip() if kind == PasswordKind.FIXED else ""
    digits = redemption_passwords.digits(typed)
    if typed and (digits is None or redemption_passwords.is_trivial(digits)):
        return None, {"redemption_password": CAMPAIGN_FAULTS["redemption_password", "easy"] if digits else NEW_PASSWORD}
    return digits, {}


def _of(merchant: str) -> Merchant:
    return merchant_of(merchant, OWNER)


@post_form(routes, "/merchants/<slug:merchant>/passwords/enrol", "shop_passwords.index", _of)
@login_required
def enrol(merchant: str):
    """An authenticator that shows the right code has the secret: from now on its codes are good."""
    of, key = _of(merchant), settings().password_key
    found = enrolments.opened(of, request.form.get("enrolment", ""), key=key, now=now())
    if found is None:
        return _page(of, {"kind": SHOP_PASSWORDS["late"]}, entered={}), 422
    entered, secret = found
    typed = redemption_passwords.digits(request.form.get("code", ""))
    if typed not in [changing.at_step(secret, step) for step in changing.good_steps(now())]:
        return _enrolment(of, entered, secret, wrong=True), 422
    try:
        shop_passwords.add(of, entered, PasswordKind.AUTHENTICATOR, secret, key=key, now=now())
    except Refused as refused:
        return _page(of, {refused.field: _text(refused)}, entered={}), 422
    return redirect(url_for("shop_passwords.index", merchant=merchant), 303)


def _own(merchant: str, number: int) -> RedemptionPassword:
    of = merchant_of(merchant, OWNER)
    row = redemption_passwords.current(of, now()).where(RedemptionPassword.id == min(number, 2**63 - 1)).first()
    if row is None:
        abort(404)
    row.merchant = of
    return row


@post_form(routes, "/merchants/<slug:merchant>/passwords/<int:number>", "shop_passwords.index", _own)
@login_required
@own_password_limit
def change(merchant: str, number: int):
    """One form for all that may be done to a password: its buttons say what."""
    row, do = _own(merchant, number), request.form.get("do")
    overlap = forms.overlap(request.form.get("overlap"))
    if overlap is None:
        return _page(row.merchant, {"overlap": OVERLAP}, row), 422
    try:
        if do == "end":
            shop_passwords.end(row, now(), overlap)
        elif do == "renew" and row.kind != PasswordKind.AUTHENTICATOR:  # an authenticator is enrolled anew
            digits, faults = _typed(row.kind)
            if faults or digits and not is_me(request.form.get("password")):
                return _page(row.merchant, faults or {"password": not_me()}, row), 422
            shop_passwords.renew(row, digits, overlap, key=settings().password_key, now=now())
        else:
            shop_passwords.change(row, _entered())
    except Refused as refused:
        return _page(row.merchant, {refused.field: _text(refused)}, row), 422
    return redirect(url_for("shop_passwords.index", merchant=merchant), 303)


@post_form(routes, "/merchants/<slug:merchant>/passwords/<int:number>/digits", "shop_passwords.index", _own)
@login_required
@own_password_limit
def reveal(merchant: str, number: int):
    """The digits of a fixed one, or of today's, in this answer alone."""
    row, key = _own(merchant, number), settings().password_key
    if row.kind not in (PasswordKind.FIXED, PasswordKind.DAILY):
        abort(404)
    if not is_me(request.form.get("password")):
        return _page(row.merchant, {"password": not_me()}, row), 422
    is_fixed = row.kind == PasswordKind.FIXED
    digits = redemption_passwords.reveal(row, key) if is_fixed else shop_passwords.of_today(row, now(), key)
    return _page(row.merchant, {}, row, digits=digits)


def _entered() -> Entered:
    form = request.form
    member = form.get("member", "")
    usable = member.isascii() and member.isdigit() and len(member) < 18
    return Entered(form.get("name", ""), form.get("branch") or None, int(member) if usable else None)


def _text(refused: Refused) -> str:
    return SHOP_PASSWORDS[refused.code] % {"about": refused.about}


def _enrolment(of: Merchant, entered: Entered, secret: str, *, wrong: bool = False) -> str:
    """The page that shows the secret once, with all that was entered, sealed for this merchant."""
    return render_template(
        "shop_passwords/enrol.html",
        merchant=of,
        name=entered.name,
        secret=secret,
        address=changing.address(secret, of.name, entered.name),
        enrolment=enrolments.sealed(of, entered, secret, key=settings().password_key, now=now()),
        wrong=wrong,
    )


def _page(
    of: Merchant, faults: dict[str, str] | None = None, about: RedemptionPassword | None = None, **more: Any
) -> str:
    """All of them; a refusal stands at the form that was sent, `about` one of them or a new one."""
    rows = shop_passwords.of_merchant(of, now())
    people = Member.select().where((Member.merchant == of) & Member.disabled_at.is_null()).order_by(Member.id)
    places = branches.of_merchant(of)
    return render_template(
        "shop_passwords/index.html",
        merchant=of,
        rows=rows,
        place_choices=[(place.slug, place.name) for place in places if place.closed_at is None],
        names={place.slug: place.name for place in places},
        people_choices=[(person.id, person.address) for person in people if person.address],
        addresses={person.id: person.address for person in people},
        spent={row.id for row in rows if guess_limits.spent(row, now())},
        fresh=is_fresh(),
        mistakes=shop_passwords.mistakes(rows, settings().password_key),
        enough=guess_limits.ENOUGH,
        faults=faults or {},
        about=about,
        kinds_of=list(PasswordKind),
        **{"entered": request.form} | more,
    )
