"""A merchant's customers and their groups, for owners and managers."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import login_required

from models import Campaign, Customer, Merchant, Voucher
from quanbao import customers
from web.access import merchant_of
from web.context import now
from web.messages import PEOPLE

routes = Blueprint("customers", __name__)


@routes.get("/merchants/<slug:merchant>/customers")
@login_required
def index(merchant: str):
    return _page(merchant_of(merchant))


@routes.post("/merchants/<slug:merchant>/customers")
@login_required
def put(merchant: str):
    """Those who are ticked, or all that the search found, into a group or out of it."""
    of, form = merchant_of(merchant), request.form
    group, into = form.get("name", "").strip() or form.get("group", ""), form.get("do") != "out"
    try:
        if form.get("everybody"):
            customers.put_found(of, _text(), form.get("among") or None, group, into=into)
        else:
            customers.put(of, _numbers("customer"), group, into=into)
    except customers.Refused as refused:
        return _page(of, PEOPLE[refused.code]), 422
    return redirect(url_for("customers.index", merchant=merchant, q=_text() or None,
                            among=form.get("among") or None), 303)


@routes.get("/merchants/<slug:merchant>/customers/<int:number>")
@login_required
def show(merchant: str, number: int):
    of = merchant_of(merchant)
    row = customers.known(of).where(Customer.id == min(number, 2**63 - 1)).get_or_none()
    if row is None:
        abort(404)
    held = Voucher.select(Voucher, Campaign).join(Campaign).where(
        (Voucher.consumer == row.consumer_id) & (Campaign.merchant == of)).order_by(Voucher.id.desc()).limit(200)
    return render_template("customers/customer.html", merchant=of, customer=row, vouchers=list(held), now=now(),
                           groups=sorted(group.name for group in row.groups))


def _numbers(name: str) -> list[int]:
    return [int(text) for text in request.values.getlist(name)[:1000]
            if text.isascii() and text.isdigit() and len(text) < 19]


def _text() -> str:
    text = request.values.get("q", "").strip()[:254]
    return text if text.isprintable() else ""


def _page(merchant: Merchant, fault: str | None = None) -> str:
    among = request.values.get("among", "")
    among = among if among.isprintable() else ""
    after = (_numbers("after") or [0])[0]
    found = customers.find(merchant, _text(), among or None, after, customers.A_PAGE + 1)
    return render_template(
        "customers/page.html", merchant=merchant, q=_text(), among=among, groups=customers.groups(merchant),
        customers=found[:customers.A_PAGE], fault=fault, ticked=_numbers("customer"),
        more=found[customers.A_PAGE - 1].id if len(found) > customers.A_PAGE else None)
