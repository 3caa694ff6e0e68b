"""The sign on a branch's counter: what a person can use and claim here, with the branch chosen; and printing it."""

from flask import Blueprint, abort, render_template, request, url_for
from flask_babel import force_locale, gettext
from flask_login import current_user, login_required
from markupsafe import Markup

from models import Account, Branch, Voucher
from quanbao.redemption import checks
from quanbao.redemption.case import case as case_of
from quanbao.vouchers import counter_signs
from web.auth.access import merchant_of
from web.auth.sessions import consumer
from web.context import base_url, now
from web.present.languages import LANGUAGES, TAGS

routes = Blueprint("counter_signs", __name__)

PAPERS = ("a5", "card", "a4")


@routes.get("/at/<poster:token>")
def show(token: str):
    """For all who scan it; it chooses the branch, and allows nothing."""
    branch = counter_signs.find(token)
    if branch is None:
        abort(404)
    person = consumer() if current_user.is_authenticated else None
    usable = _usable(branch, person) if person else []
    offers = counter_signs.offers(branch, person, now())
    return render_template("counter_signs/page.html", branch=branch, usable=usable, offers=offers, now=now())


def _usable(branch: Branch, person: Account) -> list[Voucher]:
    held = counter_signs.vouchers_here(branch, person)
    return [voucher for voucher in held if checks.told_beforehand(case_of(voucher, now())) is None]


@routes.get("/merchants/<slug:merchant>/branches/<slug:branch>/sign")
@login_required
def sheet(merchant: str, branch: str):
    """To be printed, in every language of ours."""
    of = merchant_of(merchant)
    row = Branch.get_or_none((Branch.merchant == of) & (Branch.slug == branch))
    if row is None:
        abort(404)
    halves, paper = {}, request.args.get("paper", PAPERS[0])
    for tag in LANGUAGES:
        with force_locale(tag):
            halves[TAGS[tag]] = Markup(render_template("counter_signs/_half.html"))
    return render_template(
        "counter_signs/print.html",
        merchant=of,
        branch=row,
        halves=halves,
        paper=paper if paper in PAPERS else PAPERS[0],
        papers={"a5": "A5", "card": gettext("Table card (A6)"), "a4": "A4"},
        link=base_url() + url_for("counter_signs.show", token=row.sign),
    )
