"""One voucher in its holder's hand."""

from flask import Blueprint, jsonify, redirect, render_template, url_for
from flask_login import login_required

from quanbao.redemption import checks, revocations
from quanbao.redemption.case import case as case_of
from quanbao.vouchers import wallet
from web.auth.access import opened_voucher, works_for
from web.auth.sessions import consumer
from web.context import base_url, now
from web.present.answers import wants_json
from web.present.messages import REASONS

routes = Blueprint("vouchers", __name__)


@routes.get("/vouchers/<code:code>")
@login_required
def show(code: str):
    """For its holder; a member of its merchant, who scanned its QR code, is led to the till."""
    if wallet.held(code, consumer()) is None and (merchant := works_for(code)):
        return redirect(url_for("till_vouchers.show", merchant=merchant, code=code), 303)
    voucher, moment = opened_voucher(code), now()
    if wants_json():
        return jsonify(wallet.describe(voucher, moment))
    reason = checks.told_beforehand(case_of(voucher, moment))
    return render_template(
        "vouchers/page.html",
        voucher=voucher,
        now=moment,
        places=wallet.branches(voucher.campaign),
        past=wallet.redemptions(voucher),
        revocation=revocations.of_voucher(voucher),
        reason=reason,
        texts=REASONS.get(reason) if reason else None,
        address=base_url() + url_for("vouchers.show", code=code),
    )
