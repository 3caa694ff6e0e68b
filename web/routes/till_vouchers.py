"""A voucher by its own number, at the till: what it is and how it stands. Nothing is redeemed by it."""

from flask import Blueprint, abort, render_template, url_for
from flask_login import login_required

from models import Role
from quanbao.redemption import revocations
from quanbao.vouchers import wallet
from web.auth.access import membership
from web.context import now

routes = Blueprint("till_vouchers", __name__)


@routes.get("/merchants/<slug:merchant>/till/vouchers/<code:code>")
@login_required
def show(merchant: str, code: str):
    """For every member, whatever their branches: a customer stands before them."""
    member = membership(merchant, tuple(Role))
    row = revocations.find(code, member)
    if row is None:
        abort(404)
    return render_template(
        "till/number.html",
        merchant=member.merchant,
        member=member,
        voucher=row,
        now=now(),
        past=wallet.redemptions(row),
        places=wallet.branches(row.campaign),
        till=url_for("till.show", merchant=merchant),
    )
