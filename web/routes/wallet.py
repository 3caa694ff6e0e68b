"""The wallet: all vouchers of the signed-in consumer, in one format."""

from datetime import timedelta

from flask import Blueprint, jsonify, make_response, redirect, render_template, request, url_for
from flask_login import login_required

from models import State, Voucher
from quanbao.redemption import checks
from quanbao.redemption.case import case as case_of
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import wallet
from web.auth.access import opened_voucher, voucher_of
from web.auth.sessions import consumer, holder
from web.context import now
from web.form_addresses import post_form
from web.present.answers import wants_json
from web.present.states import GOOD, PAST

routes = Blueprint("wallet", __name__)

SOON = timedelta(days=3)


@routes.get("/wallet")
@login_required
def show():
    """The one page that a phone stores: all that its holder's vouchers say, under an id that says nothing."""
    moment = now()
    held = wallet.wallet(consumer())
    past = wallet.redemptions_of(consumer())
    if wants_json():
        return jsonify(as_of=wallet.moment(moment), vouchers=wallet.describe_all(held, moment, past))
    states = {voucher.id: voucher.state(voucher.campaign, moment) for voucher in held}
    foreseen = {voucher.id: checks.foreseen(case_of(voucher, moment)) for voucher in held if states[voucher.id] in GOOD}
    sections = {"soon": [], "ready": [], "waiting": [], "used": [], "over": [], "archive": []}
    for voucher in held:
        section = _section(states[voucher.id], foreseen.get(voucher.id))
        if section == "ready" and voucher.campaign.ends_at - moment < SOON:
            section = "soon"
        sections["archive" if voucher.archived_at else section].append(voucher)
    fresh = sum(voucher.opened_at is None for voucher in sections["soon"] + sections["ready"])
    page = make_response(
        render_template(
            "wallet/page.html",
            now=moment,
            held=held,
            foreseen=foreseen,
            fresh=fresh,
            places=wallet.places(held),
            past=past,
            **sections,
        )
    )
    page.headers["X-Wallet"] = holder()
    return page


def _section(state: State, reason: Reason | None) -> str:
    """Shut at this hour is no reason to stand apart: it opens again."""
    if state in GOOD:
        return "ready" if reason in (None, Reason.OUTSIDE_HOURS) else "waiting"
    return "over" if state in PAST else "used"


@post_form(routes, "/vouchers/<code:code>/archive", "vouchers.show", voucher_of)
@login_required
def archive(code: str):
    """Out of sight, or back; nothing else about the voucher changes."""
    voucher: Voucher = opened_voucher(code)
    wallet.archive(voucher, now() if request.form.get("archived") == "yes" else None)
    return redirect(url_for("wallet.show"), 303)
