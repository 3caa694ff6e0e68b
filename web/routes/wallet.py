"""The wallet: all vouchers of the signed-in consumer, in one format."""

from flask import Blueprint, jsonify, render_template
from flask_login import login_required

from models import State
from quanbao import checks, vouchers
from quanbao.reasons import Reason
from web.answers import wants_json
from web.context import now
from web.sessions import consumer

routes = Blueprint("wallet", __name__)

OPEN = (State.UNUSED, State.PARTLY_USED)


@routes.get("/wallet")
@login_required
def show():
    moment = now()
    held = vouchers.wallet(consumer())
    if wants_json():
        return jsonify(as_of=vouchers.moment(moment), vouchers=vouchers.describe_all(held, moment))
    sections = {"ready": [], "waiting": [], "used": [], "expired": []}
    reasons = {}
    for voucher in held:
        state = voucher.state(voucher.campaign, moment)
        if state in OPEN:
            reasons[voucher.id] = checks.foreseen(vouchers.case(voucher, moment))
        sections[_section(state, reasons.get(voucher.id))].append(voucher)
    return render_template("wallet/page.html", now=moment, foreseen=reasons, **sections)


def _section(state: State, reason: Reason | None) -> str:
    """Shut at this hour is no reason to stand apart: it opens again."""
    if state in OPEN:
        return "ready" if reason in (None, Reason.OUTSIDE_HOURS) else "waiting"
    return "expired" if state in (State.EXPIRED, State.REVOKED) else "used"
