"""The front door, and the switch of languages."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import force_locale
from flask_login import current_user

from quanbao.messages.push import subscriptions
from quanbao.operations import first_start
from web.context import settings
from web.demo import cast
from web.form_addresses import post_form
from web.present.languages import LANGUAGES, region_tag
from web.redirects import beginning, ours

routes = Blueprint("home", __name__)


@routes.get("/")
def show():
    if settings().demo:
        return render_template("demo/page.html", cast=cast())
    if current_user.is_authenticated:
        return redirect(beginning(current_user.account))
    return render_template("home/page.html", empty=first_start.is_needed())


@post_form(routes, "/language", "home.show")
def switch():
    chosen = request.form.get("language")
    if chosen in LANGUAGES:
        if current_user.is_authenticated:
            with force_locale(chosen):
                tag = region_tag()
            subscriptions.speak(current_user.row, tag)  # first: where the database does not take it, nothing changes
        session["language"] = chosen
    return redirect(ours(request.form.get("next"), url_for("home.show")), 303)
