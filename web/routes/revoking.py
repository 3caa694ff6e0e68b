"""One voucher as its merchant sees it, and revoking it; for owners and managers."""

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask_login import login_required

from models import Customer, Voucher
from quanbao.redemption import revocations, rollbacks
from quanbao.redemption.reasons import LONGEST_NOTE, Unexplained
from quanbao.vouchers import wallet
from web.auth.access import STAFF, membership
from web.context import now
from web.present.messages import WHY_FAULTS, WHY_REVOKED

routes = Blueprint("revoking", __name__)


@routes.get("/merchants/<slug:merchant>/vouchers/<code:code>")
@login_required
def show(merchant: str, code: str):
    return _page(_own(merchant, code))


@routes.post("/merchants/<slug:merchant>/vouchers/<code:code>")
@login_required
def revoke(merchant: str, code: str):
    row = _own(merchant, code)
    try:
        revocations.revoke(row, g.member, request.form.get("reason", ""), request.form.get("note", ""), now())
    except Unexplained as unexplained:
        return _page(row, unexplained.field), 422
    except revocations.Used:
        return _page(_own(merchant, code)), 422
    return redirect(url_for("revoking.show", merchant=merchant, code=code), 303)


def _own(merchant: str, code: str) -> Voucher:
    row = revocations.find(code, membership(merchant, STAFF))
    if row is None:
        abort(404)
    return row


def _page(row: Voucher, fault: str | None = None) -> str:
    merchant = g.member.merchant
    customer = Customer.get_or_none((Customer.merchant == merchant) & (Customer.consumer == row.consumer_id))
    past = wallet.redemptions(row)
    standing = [redemption for redemption in past if redemption.rollback is None]
    return render_template(
        "revoking/page.html",
        merchant=merchant,
        voucher=row,
        now=now(),
        past=past,
        standing=standing,
        can_roll_back=any(not rollbacks.is_late(redemption, g.member, now()) for redemption in standing),
        customer=customer,
        revocation=revocations.of_voucher(row),
        why=WHY_REVOKED,
        fault=fault,
        faults=WHY_FAULTS,
        entered=request.form,
        longest=LONGEST_NOTE,
    )
