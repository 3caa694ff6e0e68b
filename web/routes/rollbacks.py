"""One redemption as its merchant's members see it, and taking it back; cashiers come here from the till page."""

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask_login import login_required

from models import Branch, Customer, Redemption
from quanbao.redemption import rollbacks
from quanbao.redemption.reasons import LONGEST_NOTE, Unexplained
from web.auth.access import EVERYBODY, membership
from web.context import now
from web.present.messages import WHY_FAULTS, WHY_ROLLED_BACK

routes = Blueprint("rollbacks", __name__)


@routes.get("/merchants/<slug:merchant>/redemptions/<int:number>")
@login_required
def show(merchant: str, number: int):
    return _page(_own(merchant, number))


@routes.post("/merchants/<slug:merchant>/redemptions/<int:number>")
@login_required
def roll_back(merchant: str, number: int):
    row = _own(merchant, number)
    try:
        rollbacks.roll_back(row, g.member, request.form.get("reason", ""), request.form.get("note", ""), now())
    except Unexplained as unexplained:
        return _page(row, unexplained.field), 422
    except rollbacks.Late:
        return _page(row), 422
    return redirect(url_for("rollbacks.show", merchant=merchant, number=number), 303)


def _own(merchant: str, number: int) -> Redemption:
    row = rollbacks.find(min(number, 2**63 - 1), membership(merchant, EVERYBODY))
    if row is None:
        abort(404)
    return row


def _page(row: Redemption, fault: str | None = None) -> str:
    merchant = g.member.merchant
    customer = Customer.get_or_none((Customer.merchant == merchant) & (Customer.consumer == row.voucher.consumer_id))
    return render_template(
        "rollbacks/page.html",
        merchant=merchant,
        redemption=row,
        campaign=row.voucher.campaign,
        customer=customer,
        branch=Branch.get_or_none((Branch.merchant == merchant) & (Branch.slug == row.branch_slug)),
        rollback=rollbacks.of_redemption(row),
        late=rollbacks.is_late(row, g.member, now()),
        why=WHY_ROLLED_BACK,
        fault=fault,
        faults=WHY_FAULTS,
        entered=request.form,
        longest=LONGEST_NOTE,
    )
