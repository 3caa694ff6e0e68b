"""The wallet: all vouchers of the signed-in consumer, in one format."""

from flask import Blueprint, jsonify, render_template
from flask_login import login_required

from models import State
from quanbao import vouchers
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
    sections = {"ready": [], "used": [], "expired": []}
    for voucher in held:
        sections[_section(voucher.state(voucher.campaign, moment))].append(voucher)
    return render_template("wallet/page.html", now=moment, **sections)


def _section(state: State) -> str:
    if state in OPEN:
        return "ready"
    return "expired" if state in (State.EXPIRED, State.REVOKED) else "used"
