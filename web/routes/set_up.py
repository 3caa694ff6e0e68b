"""The first start: a one-time link makes the first owner, merchant and branch."""

import re

from flask import Blueprint, abort, make_response, redirect, render_template, url_for
from flask_babel import gettext

from quanbao.lib import currencies
from quanbao.operations import first_start
from quanbao.people import one_time_links
from web.auth import sessions
from web.context import now, settings
from web.present import forms
from web.present.languages import language
from web.present.messages import SET_UP_FIELDS
from zones import available_timezones

routes = Blueprint("set_up", __name__)


@routes.get("/set-up/<token:token>")
def show(token: str):
    _usable(token)
    return _page(forms.SetUp(time_zone="Asia/Shanghai", currency="CNY"))


@routes.post("/set-up/<token:token>")
def set_up(token: str):
    link, form = _usable(token), forms.SetUp()
    entered = {name: value or "" for name, value in form.data.items()} | {"language": language()}
    try:
        account, merchant = first_start.set_up(link, entered, now=now(), password_key=settings().password_key)
    except first_start.Refused as refused:
        for field, code in refused.faults.items():
            form[field].errors = [SET_UP_FIELDS.get(code, SET_UP_FIELDS[field])]
        _name_other_currency(form)
        return _page(form), 422
    except first_start.LinkSpent:
        return _done()
    sessions.sign_in(account)
    return redirect(url_for("campaigns.index", merchant=merchant.slug), 303)


def _name_other_currency(form: forms.SetUp) -> None:
    """Say which currency to enter where one was refused that gave way to another."""
    code = (form.currency.data or "").strip().upper()
    if form.currency.errors and code in currencies.INSTEAD:
        form.currency.errors = [
            gettext(
                "Shops do not charge in %(code)s today. Enter %(instead)s.", code=code, instead=currencies.INSTEAD[code]
            )
        ]


def _usable(token: str):
    link = one_time_links.usable("set-up", token, now())
    if not first_start.is_needed():
        abort(make_response(*_done()))
    if link is None:
        abort(make_response(render_template("set_up/spent.html"), 404))
    return link


def _done() -> tuple[str, int]:
    """The link was used, by this person or by a faster one: the way in is to sign in now."""
    return render_template("set_up/done.html"), 404


def _page(form: forms.SetUp) -> str:
    zones = sorted(zone for zone in available_timezones() if re.match(r"(Africa|America|Asia|Europe|Pacific)/", zone))
    return render_template("set_up/page.html", form=form, zones=zones)
