"""Notifications: browsers subscribe to them, and a person chooses what they are told."""

import json

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask_login import current_user, login_required

from quanbao.lib import account_lock
from quanbao.messages.push import subscriptions
from quanbao.messages.push.subscriptions import OF_MERCHANT, Circumstances
from web.auth.sessions import consumer
from web.context import base_url, now, settings
from web.present import forms, shown
from web.present.answers import problem
from web.present.languages import region_tag
from web.present.messages import EVENTS, SUBSCRIPTION_FIELDS
from web.present.push_messages import push_key

routes = Blueprint("push", __name__)


@routes.post("/push/subscriptions")
@login_required
def subscribe():
    if not push_key():
        return problem(404, "push_off")
    circumstances = Circumstances(push_key(), base_url(), region_tag())
    try:
        browser = subscriptions.read(_document(), settings().push_hosts)
        is_new = subscriptions.keep(browser, current_user.row, current_user.token, circumstances, now())
    except subscriptions.Refused as refused:
        return _malformed(str(refused))
    return Response(status=201 if is_new else 204)


@routes.delete("/push/subscriptions")
@login_required
def unsubscribe():
    document = _document()
    endpoint = document.get("endpoint") if isinstance(document, dict) else None
    if not isinstance(endpoint, str) or not (endpoint.isascii() and endpoint.isprintable()):
        return _malformed("endpoint")
    subscriptions.forget(consumer(), endpoint)
    return Response(status=204)


@routes.errorhandler(account_lock.Overtaken)
def signed_out(overtaken: account_lock.Overtaken) -> Response:
    """The browser was signed out, or the account changed, a moment ago."""
    return problem(401, "signed_out")


def _document():
    """The JSON of the body; none where it is none. What lies too deep is none either."""
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError):
        return None


def _malformed(field: str) -> Response:
    answer = jsonify(reason="malformed", field=field, message=str(SUBSCRIPTION_FIELDS[field]))
    answer.status_code = 422
    return answer


@routes.get("/account/notifications")
@login_required
def choices():
    return _page()


@routes.post("/account/notifications")
@login_required
def choose():
    form, seen = forms.Notifications(), shown.read(f"notifications of {consumer().id}")
    if "heard" not in seen:
        return _page(is_old=True), 422
    subscriptions.listen(consumer(), [*form.events.data, *form.merchants.data], shown=seen["heard"])
    return redirect(url_for("push.choices", done=1), 303)


def _page(*, is_old: bool = False) -> str:
    """The choices as they are now; a page that `is_old` did not say what it had shown."""
    account = consumer()
    form, heard = forms.Notifications(formdata=None), subscriptions.heard(account)
    form.events.choices = [(event.value, EVENTS[event]) for event in subscriptions.events(account)]
    form.merchants.choices = [(OF_MERCHANT + row.slug, row.name) for row in subscriptions.merchants(account)]
    for field in (form.events, form.merchants):
        field.data = [value for value, _ in field.choices if value in heard]
    return render_template(
        "account/notifications.html", form=form, done=request.args.get("done"), is_old=is_old, heard=sorted(heard)
    )
