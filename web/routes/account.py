"""A person's own account: address, password, browsers, data."""

import json

from flask import Blueprint, Response, abort, redirect, render_template, url_for
from flask_babel import gettext
from flask_login import current_user, login_required

from models import Session
from quanbao import accounts, leaving
from web import forms, sessions
from web.access import is_fresh
from web.context import now
from web.limits import own_password_limit
from web.sessions import consumer

routes = Blueprint("account", __name__)


@routes.get("/account")
@login_required
def show():
    return _page()


@routes.post("/account/email")
@login_required
@own_password_limit
def change_email():
    form = forms.NewEmail()
    if form.validate() and _is_me(form):
        try:
            accounts.change_email(consumer(), form.email.data, current_user.token)
            return redirect(url_for("account.show"), 303)
        except accounts.Refused as refused:
            forms.explain(form, refused)
    return _page(email=form), 422


@routes.post("/account/password")
@login_required
@own_password_limit
def change_password():
    form = forms.OtherPassword()
    if form.validate() and _is_me(form):
        try:
            accounts.change_password(consumer(), form.new_password.data, current_user.token)
            return redirect(url_for("account.show"), 303)
        except accounts.Refused as refused:
            form.new_password.errors = [forms.REFUSED_FIELDS[refused.code]]
    return _page(password=form), 422


@routes.post("/account/sessions/<int:number>/end")
@login_required
def end_session(number: int):
    if not accounts.end_session_of(consumer(), min(number, 2**63 - 1)):
        abort(404)
    return redirect(url_for("account.show"), 303)


@routes.post("/account/sessions/end")
@login_required
def end_others():
    accounts.end_other_sessions(consumer(), current_user.token)
    return redirect(url_for("account.show"), 303)


@routes.get("/account/data")
@login_required
def data():
    text = json.dumps(leaving.data(consumer(), now()), ensure_ascii=False, indent=1)
    return Response(text, mimetype="application/json",
                    headers={"Content-Disposition": 'attachment; filename="quanbao.json"'})


@routes.post("/account/delete")
@login_required
@own_password_limit
def delete():
    form = forms.Leave()
    if not form.sure.data:
        form.sure.errors = [gettext("Tick this if you are sure.")]
    elif _is_me(form):
        try:
            leaving.delete(consumer(), now())
            sessions.sign_out()
            return redirect(url_for("home.show"), 303)
        except leaving.LastOwner as merchant:
            form.sure.errors = [gettext("You are the last owner of %(merchant)s. Make somebody else an owner first.",
                                        merchant=merchant)]
    return _page(leave=form), 422


def _is_me(form) -> bool:
    """The account's password, or a fresh sign-in where it has none."""
    account = consumer()
    if account.password_hash is None and is_fresh() or accounts.password_is(account, form.password.data or ""):
        return True
    form.password.errors = [forms.WRONG_PASSWORD]
    return False


def _page(**filled) -> str:
    empty = {"email": forms.NewEmail, "password": forms.OtherPassword, "leave": forms.Leave}
    shown = {name: filled.get(name) or form(formdata=None, prefix="") for name, form in empty.items()}
    mine = Session.select().where((Session.account == consumer()) & (Session.expires_at > now()))
    return render_template(
        "account/page.html", forms=shown, open=list(filled), now=now(), here=current_user.row,
        sessions=list(mine.order_by(Session.seen_at.desc())),
        memberships=[m for m in consumer().memberships if m.disabled_at is None])
