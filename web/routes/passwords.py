"""The redemption password (消费密码): shown to an owner who has just shown who they are, changed in place."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_login import current_user, login_required

from models import Campaign, Role
from quanbao import accounts, passwords
from web import forms
from web.access import OWNER, campaign_of, is_fresh
from web.context import now, settings
from web.limits import own_password_limit
from web.messages import CAMPAIGN_FAULTS, CAMPAIGN_FIELDS
from web.sessions import consumer

routes = Blueprint("passwords", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/password")
@login_required
def show(merchant: str, campaign: str):
    return _page(campaign_of(merchant, campaign), changed="changed" in request.args)


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/password")
@own_password_limit
@login_required
def reveal(merchant: str, campaign: str):
    """The digits, in this answer alone: it is kept nowhere, and an hour later the password is asked for again."""
    row, form = campaign_of(merchant, campaign, OWNER), forms.OwnPassword()
    if not is_fresh():
        if not accounts.password_is(consumer(), form.password.data or ""):
            form.password.errors = [forms.WRONG_PASSWORD]
            return _page(row, form), 422
        accounts.confirm(current_user.row, now())
    return _page(row, digits=passwords.reveal(row.password, settings().password_key))


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/password/change")
@login_required
def change(merchant: str, campaign: str):
    row, form = campaign_of(merchant, campaign), forms.NewRedemptionPassword()
    entered = (form.redemption_password.data or "").strip()
    made = not entered and g.member.role == Role.OWNER  # nobody else could be shown what was made
    digits = passwords.generate() if made else passwords.digits(entered)
    if digits is None or passwords.is_trivial(digits):
        form.redemption_password.errors = [
            CAMPAIGN_FAULTS["redemption_password", "easy"] if digits else CAMPAIGN_FIELDS["redemption_password"]]
        return _page(row, new=form), 422
    passwords.change(row.password, digits, key=settings().password_key, now=now())
    return redirect(url_for("passwords.show", merchant=merchant, campaign=campaign, changed=1), 303)


def _page(
    campaign: Campaign, form: forms.OwnPassword | None = None, new: forms.NewRedemptionPassword | None = None,
    **more
) -> str:
    return render_template(
        "passwords/page.html", merchant=campaign.merchant, campaign=campaign, fresh=is_fresh(),
        form=form or forms.OwnPassword(formdata=None), new=new or forms.NewRedemptionPassword(formdata=None),
        shared=passwords.shared_with(campaign), **more)
