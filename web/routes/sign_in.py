"""Signing up, in and out; the one-time link for a forgotten password."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask_login import current_user

from models import Account
from quanbao.people import accounts, one_time_links
from quanbao.vouchers import wallet
from web.auth import sessions
from web.auth.limits import sign_in_limits, sign_up_limits
from web.auth.sessions import consumer
from web.context import now
from web.present import forms
from web.present.states import GOOD
from web.redirects import beginning, ours

routes = Blueprint("sign_in", __name__)


def _next() -> str:
    """The page that the visitor wanted, or nothing."""
    return ours(request.values.get("next"), "")


def _landing(account: Account) -> str:
    return _next() or beginning(account)


@routes.get("/sign-in")
def show():
    return render_template("sign_in/page.html", form=forms.SignIn(), next=_next())


@routes.post("/sign-in")
@sign_in_limits[0]
@sign_in_limits[1]
def sign_in():
    form = forms.SignIn()
    account = None
    if form.validate():
        account = accounts.by_email(form.email.data)
        if sessions.password_is(account, form.password.data) and sessions.sign_in(account):
            return redirect(_landing(account), 303)
    return render_template("sign_in/page.html", form=form, next=_next(), wrong=not form.errors), 422


@routes.get("/sign-up")
def show_sign_up():
    return render_template("sign_in/sign_up.html", form=forms.SignUp(), next=_next())


@routes.post("/sign-up")
@sign_up_limits[0]
@sign_up_limits[1]
def sign_up():
    form = forms.SignUp()
    if form.validate():
        try:
            account = accounts.sign_up(form.email.data, form.password.data, now())
            sessions.sign_in(account)
            return redirect(_landing(account), 303)
        except accounts.Refused as refused:
            forms.explain(form, refused)
    return render_template("sign_in/sign_up.html", form=form, next=_next()), 422


@routes.get("/sign-out")
def show_sign_out():
    """What an anonymous wallet loses by it, before it does; another visitor is led home."""
    if not (current_user.is_authenticated and consumer().is_anonymous):
        return redirect(url_for("home.show"), 303)
    held = wallet.wallet(consumer())
    good = [voucher for voucher in held if voucher.state(voucher.campaign, now()) in GOOD]
    return render_template("sign_in/sign_out.html", held=held, good=good)


@routes.post("/sign-out")
def sign_out():
    sessions.sign_out()
    return redirect(url_for("home.show"), 303)


@routes.get("/sign-in/<token:token>")
def show_link(token: str):
    link = one_time_links.usable("sign-in", token, now())
    if link is None:
        return _spent(token)
    return _link_page(forms.NewPassword(), link.account)


def _spent(token: str) -> tuple[str, int]:
    """What a sign-in link that works no more leads to."""
    return render_template("sign_in/spent_link.html", why=one_time_links.why_not("sign-in", token, now())), 404


def _link_page(form: forms.NewPassword, account: Account | None) -> str:
    assert account is not None, "a link to sign in is an account's"
    if not account.proved:
        form.password.description = ""  # the old password may be that of a person who only typed the address
    return render_template("sign_in/link.html", form=form, email=account.email)


@routes.post("/sign-in/<token:token>")
def use_link(token: str):
    link = one_time_links.usable("sign-in", token, now())
    if link is None:
        return _spent(token)
    form = forms.NewPassword()
    try:
        account = one_time_links.sign_in(token, form.password.data, now())
    except accounts.Refused as refused:
        form.validate()
        forms.explain(form, refused)
        return _link_page(form, link.account), 422
    if account is None:  # another request used it a moment earlier
        return _spent(token)
    sessions.sign_in(account)
    return redirect(_landing(account), 303)
