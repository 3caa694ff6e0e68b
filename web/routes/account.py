"""A person's own account: address, password, browsers, data."""

import json

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response as BaseResponse

from quanbao.lib import account_lock, merging
from quanbao.people import accounts, personal_data
from quanbao.reports import own_data
from web.auth import sessions
from web.auth.access import is_fresh
from web.auth.limits import address_limit, own_password_limit
from web.auth.sessions import consumer
from web.context import now
from web.form_addresses import post_form
from web.present import forms, shown, states
from web.present.messages import ACCOUNT_CHANGES, REFUSED_FIELDS

routes = Blueprint("account", __name__)

FORMS = {"email": forms.NewEmail, "password": forms.OtherPassword, "leave": forms.Leave}


@routes.get("/account")
@login_required
def show():
    return _page()


@post_form(routes, "/account/email", "account.show", consumer)
@login_required
@own_password_limit
@address_limit
def change_email():
    if consumer().is_anonymous:
        return redirect(url_for("keeping.show"), 303)
    form = forms.NewEmail()
    if form.validate() and _is_me(form):
        try:
            sessions.go_on(accounts.change_email(consumer(), form.email.data, current_user.token, shown=_seen_email()))
            return _done("email")
        except merging.Conflict:
            pass  # it is told below, as after any other fault
        except accounts.Refused as refused:
            forms.explain(form, refused)
    if _seen_email() != consumer().email and not form.email.errors:
        form.email.errors = [
            gettext(
                "Send this again to replace what another tab has saved meanwhile: %(address)s", address=consumer().email
            )
        ]
    return _page(email=form), 422


def _seen_email() -> str:
    """The address that the form was filled beside; none where it is too old to say so."""
    return shown.read(f"e-mail of {consumer().id}").get("email", "")


@post_form(routes, "/account/password", "account.show", consumer)
@login_required
@own_password_limit
def change_password():
    if consumer().is_anonymous:
        return redirect(url_for("keeping.show"), 303)
    form = forms.OtherPassword()
    if form.validate() and _is_me(form):
        try:
            sessions.go_on(accounts.change_password(consumer(), form.new_password.data, current_user.token))
            return _done("password")
        except accounts.Refused as refused:
            form.new_password.errors = [REFUSED_FIELDS[refused.code]]
    return _page(password=form), 422


def _own_session(number: int) -> None:
    if number not in [session.id for session in accounts.sessions_of(consumer(), now())]:
        abort(404)


@post_form(routes, "/account/sessions/<int:number>/end", "account.show", _own_session)
@login_required
def end_session(number: int):
    if not accounts.end_session_of(consumer(), min(number, 2**63 - 1)):
        abort(404)
    return _done("session")


@post_form(routes, "/account/sessions/end", "account.show", consumer)
@login_required
def end_others():
    sessions.go_on(accounts.end_other_sessions(consumer(), current_user.token))
    return _done("others")


@routes.get("/account/data")
@login_required
def data():
    text = json.dumps(own_data.data(consumer(), now(), states.in_full), ensure_ascii=False, indent=1)
    return Response(
        text, mimetype="application/json", headers={"Content-Disposition": 'attachment; filename="quanbao.json"'}
    )


@post_form(routes, "/account/delete", "account.show", consumer)
@login_required
@own_password_limit
def delete():
    form = forms.Leave()
    if not form.sure.data:
        form.sure.errors = [gettext("Tick this if you are sure.")]
    elif _is_me(form):
        try:
            personal_data.delete(consumer(), current_user.token, now())
            sessions.sign_out()
            return redirect(url_for("account.deleted"), 303)
        except personal_data.LastOwner as merchant:
            form.sure.errors = [
                gettext("You are the last owner of %(merchant)s. Make somebody else an owner first.", merchant=merchant)
            ]
    return _page(leave=form), 422


@routes.get("/account/deleted")
def deleted():
    if current_user.is_authenticated:
        return redirect(url_for("account.show"), 303)
    return render_template("account/deleted.html")


@routes.errorhandler(account_lock.Overtaken)
def look_again(overtaken: account_lock.Overtaken) -> BaseResponse:
    """Another browser of the account was faster: where the page may still be seen, it is shown as it is now."""
    return redirect(url_for("account.show"), 303)


def _done(what: str) -> BaseResponse:
    return redirect(url_for("account.show", done=what), 303)


def _is_me(form: forms.OwnPassword) -> bool:
    """The account's password; a sign-in of a moment ago where it has none."""
    account = consumer()
    if account.password_hash is None:
        return account.is_anonymous or is_fresh()
    if not sessions.password_is(account, form.password.data or ""):
        form.password.errors = [forms.WRONG_PASSWORD]
        return False
    return True


def _page(**filled: forms.OwnPassword) -> str:
    """The whole page; a form that was filled in and refused stands open in it."""
    account = consumer()
    shown = {name: filled.get(name) or form(formdata=None) for name, form in FORMS.items()}
    for name, form in shown.items():
        if account.password_hash is None:
            del form.password
        _name_fields(name, form)
    return render_template(
        "account/page.html",
        forms=shown,
        opened=list(filled),
        now=now(),
        here=current_user.row,
        may_change=account.password_hash is not None or account.is_anonymous or is_fresh(),
        done=ACCOUNT_CHANGES.get(request.args.get("done", "")),
        sessions=accounts.sessions_of(account, now()),
        memberships=[member for member in accounts.memberships(account) if member.disabled_at is None],
    )


def _name_fields(name: str, form: forms.OwnPassword) -> None:
    """Each form's fields have ids of their own; the first that is wrong gets the focus."""
    for entry in form:
        entry.id = entry.label.field_id = f"{name}-{entry.name}"
    if wrong := next((entry for entry in form if entry.errors), None):
        wrong.render_kw = {**(wrong.render_kw or {}), "autofocus": True}
