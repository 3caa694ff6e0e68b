"""Keeping an anonymous wallet, which outlives this browser then: by an address and a password, or by recovery words."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from quanbao.lib import account_lock
from quanbao.people import accounts, recovery, wallets
from quanbao.vouchers.wallet_transfer import LONG_AGO
from web.auth import sessions
from web.auth.limits import recovery_limit, sign_up_limits
from web.auth.sessions import consumer
from web.context import base_url, now
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
    if consumer().is_anonymous and request.form.get("words"):
        return _words()
    form = forms.SignUp()
    if consumer().is_anonymous and form.validate():
        try:
            sessions.keep(wallets.keep(consumer(), form.email.data, form.password.data, current_user.token, now()))
            return redirect(url_for("account.show", done="kept"), 303)
        except accounts.Refused as refused:
            forms.explain(form, refused)
    return _page(form, status=422)


def _words() -> str:
    """New recovery words, once: they stand in no address, and no page shows them again."""
    words = recovery.make(consumer(), str(get_locale()), current_user.token, now())
    address = base_url() + url_for("keeping.show_recovery")
    return render_template("keeping/words.html", words=words, address=address)


@routes.get("/wallet/recover")
def show_recovery():
    return render_template("keeping/recover.html", form=forms.RecoveryWords(formdata=None))


@routes.post("/wallet/recover")
@recovery_limit
def recover():
    form = forms.RecoveryWords()
    account = recovery.open_wallet(form.words.data, now()) if form.validate() else None
    if account is None or not sessions.sign_in(account, confirmed_at=LONG_AGO, alone=form.end_others.data):
        return render_template("keeping/recover.html", form=form, wrong=not form.errors), 422
    return redirect(url_for("wallet.show"), 303)


@routes.errorhandler(account_lock.Overtaken)
def look_again(overtaken: account_lock.Overtaken) -> Response:
    """Another browser of the wallet was faster, or it was signed out."""
    return redirect(url_for("keeping.show"), 303)


def _page(form: forms.SignUp, status: int = 200):
    """An account with an address is kept already."""
    if not consumer().is_anonymous:
        return redirect(url_for("account.show"), 303)
    return render_template("keeping/page.html", form=form), status
