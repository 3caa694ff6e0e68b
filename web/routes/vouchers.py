"""One voucher in its holder's hand."""

from flask import Blueprint, jsonify, render_template, url_for
from flask_login import login_required

from quanbao import checks, revoking, vouchers
from web.answers import wants_json
from web.context import base_url, now
from web.holding import held
from web.messages import REASONS

routes = Blueprint("vouchers", __name__)


@routes.get("/vouchers/<code:code>")
@login_required
def show(code: str):
    voucher, moment = held(code), now()
    if wants_json():
        return jsonify(vouchers.describe(voucher, moment))
    reason = checks.told_beforehand(vouchers.case(voucher, moment))
    return render_template(
        "vouchers/page.html", voucher=voucher, now=moment, places=vouchers.branches(voucher.campaign),
        past=vouchers.redemptions(voucher), revocation=revoking.of(voucher),
        reason=reason, texts=REASONS.get(reason), address=base_url() + url_for("vouchers.show", code=code),
    )
