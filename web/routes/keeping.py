"""Keeping an anonymous wallet: it gets an address and a password, and outlives this browser."""

from flask import Blueprint, redirect, render_template, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from quanbao.lib import account_lock
from quanbao.people import accounts, wallets
from web.auth import sessions
from web.auth.limits import sign_up_limits
from web.auth.sessions import consumer
from web.present import forms

routes = Blueprint("keeping", __name__)


@routes.get("/wallet/keep")
@login_required
def show():
    return _page(forms.SignUp(formdata=None))


@routes.post("/wallet/keep")
@login_required
@sign_up_limits[0]
@sign_up_limits[1]
def keep():
    form = forms.SignUp()
    if consumer().is_anonymous and form.validate():
        try:
            wallets.keep(consumer(), form.email.data, form.password.data, current_user.token)
            sessions.keep()
            return redirect(url_for("account.show", done="kept"), 303)
        except accounts.Refused as refused:
            forms.explain(form, refused)
    return _page(form, status=422)


@routes.errorhandler(account_lock.Overtaken)
def look_again(overtaken: account_lock.Overtaken) -> Response:
    """Another browser of the wallet was faster, or it was signed out."""
    return redirect(url_for("keeping.show"), 303)


def _page(form: forms.SignUp, status: int = 200):
    """An account with an address is kept already."""
    if not consumer().is_anonymous:
        return redirect(url_for("account.show"), 303)
    return render_template("keeping/page.html", form=form), status
