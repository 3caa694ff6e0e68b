"""The redemption password (消费密码): shown to an owner who has just shown who they are, changed in place."""

from flask import Blueprint, flash, get_flashed_messages, redirect, render_template, request, url_for
from flask_login import login_required

from models import Campaign
from quanbao.lib import merging
from quanbao.passwords import accepting, redemption_passwords, shop_passwords
from web.auth.access import OWNER, campaign_of, is_fresh, is_me, not_me, only_owners_type
from web.auth.limits import own_password_limit
from web.context import now, settings
from web.form_addresses import post_form
from web.present import forms
from web.present.messages import CAMPAIGN_FAULTS, NEW_PASSWORD, OVERLAP

routes = Blueprint("passwords", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/password")
@login_required
def show(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    return _page(row, said=get_flashed_messages(category_filter=[_about(row)]))


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/password")
@login_required
@own_password_limit
def reveal(merchant: str, campaign: str):
    """The digits, in this answer alone: it is kept nowhere, and an hour later the password is asked for again."""
    row, form = campaign_of(merchant, campaign, OWNER), forms.OwnPassword()
    if not is_me(form.password.data):
        form.password.errors = [not_me()]
        return _page(row, form), 422
    digits = shop_passwords.shown(row.password, now(), settings().password_key)
    if digits is None:
        return redirect(url_for("shop_passwords.index", merchant=merchant), 303)
    return _page(row, digits=digits)


@post_form(
    routes, "/merchants/<slug:merchant>/campaigns/<slug:campaign>/password/change", "passwords.show", campaign_of
)
@login_required
@own_password_limit
def change(merchant: str, campaign: str):
    """Who chooses the digits knows them: for who has shown who they are. Those that are made are not shown."""
    row, form = campaign_of(merchant, campaign), forms.NewRedemptionPassword()
    entered = (form.redemption_password.data or "").strip()
    only_owners_type(entered)
    digits = redemption_passwords.digits(entered)
    if entered and (digits is None or redemption_passwords.is_trivial(digits)):
        form.redemption_password.errors = [CAMPAIGN_FAULTS["redemption_password", "easy"] if digits else NEW_PASSWORD]
        return _page(row, new=form), 422
    overlap = forms.overlap(form.overlap.data)
    if overlap is None:
        form.overlap.errors = [OVERLAP]
        return _page(row, new=form), 422
    if entered and not is_me(form.password.data):
        form.password.errors = [not_me()]
        return _page(row, new=form), 422
    try:
        changed = redemption_passwords.change(
            row,
            digits,
            key=settings().password_key,
            now=now(),
            replacing=request.form.get("replacing", ""),
            overlap=overlap,
        )
    except redemption_passwords.Enrolled:
        return _enrol_anew(merchant)
    except merging.Conflict:
        return _page(campaign_of(merchant, campaign), new=form, overtaken=True), 422
    flash("overlap" if changed and overlap else "changed" if changed else "same", _about(row))
    return redirect(url_for("passwords.show", merchant=merchant, campaign=campaign), 303)


@post_form(routes, "/merchants/<slug:merchant>/campaigns/<slug:campaign>/password/renew", "passwords.show", campaign_of)
@login_required
def renew(merchant: str, campaign: str):
    """One tap while guessers are at it: another password is made for the one that the page spoke of, and for no other.

    To be signed in is enough: it tells nothing, and a finder of the phone gains nothing by it. What was
    made is shown as ever, to who has just shown who they are. A reload or a second thumb changes nothing.
    """
    row = campaign_of(merchant, campaign, OWNER)
    key, changed = settings().password_key, True
    try:
        redemption_passwords.change(row, None, key=key, now=now(), replacing=request.form.get("replacing", ""))
    except redemption_passwords.Enrolled:
        return _enrol_anew(merchant)
    except merging.Conflict:
        changed = False
    return _page(
        row,
        said=["renewed" if changed else "before"],
        digits=shop_passwords.shown(row.password, now(), key) if is_fresh() else None,
    )


@post_form(
    routes, "/merchants/<slug:merchant>/campaigns/<slug:campaign>/password/accepted", "passwords.show", campaign_of
)
@login_required
def accept(merchant: str, campaign: str):
    """Which of the shop's passwords the campaign accepts; none ticked are all."""
    row = campaign_of(merchant, campaign, OWNER)
    chosen = {_number(one) for one in request.form.getlist("accepted")}
    try:
        shop_passwords.accept(row, chosen, now())
    except merging.Conflict:
        return _page(campaign_of(merchant, campaign), overtaken=True), 422
    return redirect(url_for("passwords.show", merchant=merchant, campaign=campaign), 303)


def _number(text: str) -> int:
    """A password's id; of what is none, one that no password has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def _enrol_anew(merchant: str):
    """The phone of an authenticator has to learn another secret: the page of the shop's passwords sees to that."""
    return redirect(url_for("shop_passwords.index", merchant=merchant), 303)


def _about(campaign: Campaign) -> str:
    """What was done a moment ago is told on this campaign's page, and on no other."""
    return f"password of {campaign.id}"


def _page(
    campaign: Campaign,
    form: forms.OwnPassword | None = None,
    new: forms.NewRedemptionPassword | None = None,
    *,
    overtaken: bool = False,
    **more,
) -> str:
    """The page; a form that was refused goes on about the password that it was filled for, until that is changed."""
    replacing = request.form.get("replacing", "") if new and not overtaken else None
    return render_template(
        "passwords/page.html",
        merchant=campaign.merchant,
        campaign=campaign,
        fresh=is_fresh(),
        form=form or forms.OwnPassword(formdata=None),
        new=new or forms.NewRedemptionPassword(formdata=None),
        shared=redemption_passwords.shared_with(campaign),
        overtaken=overtaken,
        passwords=list(redemption_passwords.standing(campaign.merchant)),
        ending=[row for row in accepting.of_campaign(campaign, now()) if row.ends_at is not None],
        accepted=set() if campaign.accepts_all else {row.id for row in accepting.of_campaign(campaign, now())},
        replacing=replacing,
        **more,
    )
