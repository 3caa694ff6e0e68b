"""A merchant's customers and their groups, for owners and managers."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import login_required

from models import Customer, Merchant
from quanbao import customers, groups
from web.access import merchant_of
from web.context import now
from web.form_addresses import post_form
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
    try:
        if form.get("everybody"):
            customers.put_found(of, _text(), _among() or None, _group(), into=_into())
        else:
            customers.put(of, _numbers("customer"), _group(), into=_into())
    except customers.Refused as refused:
        return _page(of, refused), 422
    return redirect(url_for("customers.index", merchant=merchant, q=_text() or None, among=_among() or None,
                            after=form.get("after") or None), 303)


@routes.get("/merchants/<slug:merchant>/customers/<int:number>")
@login_required
def show(merchant: str, number: int):
    of = merchant_of(merchant)
    return _customer_page(of, _own(of, number))


@routes.post("/merchants/<slug:merchant>/customers/<int:number>")
@login_required
def regroup(merchant: str, number: int):
    """This one customer into a group or out of it."""
    of = merchant_of(merchant)
    row = _own(of, number)
    try:
        customers.put(of, [row.id], _group(), into=_into())
    except customers.Refused as refused:
        return _customer_page(of, row, refused), 422
    return redirect(url_for("customers.show", merchant=merchant, number=number), 303)


def _any(merchant: str, number: int) -> Customer:
    """A customer of the merchant, also one whose address was separated a moment ago."""
    row = Customer.get_or_none((Customer.id == min(number, 2**63 - 1)) & (Customer.merchant == merchant_of(merchant)))
    if row is None:
        abort(404)
    return row


@post_form(routes, "/merchants/<slug:merchant>/customers/<int:number>/separate", "customers.show", _any)
@login_required
def separate(merchant: str, number: int):
    """This address is not theirs; a second tap changes nothing."""
    customers.separate(_any(merchant, number))
    return redirect(url_for("customers.index", merchant=merchant), 303)


def _own(merchant: Merchant, number: int) -> Customer:
    row = customers.known(merchant).where(Customer.id == min(number, 2**63 - 1)).get_or_none()
    if row is None:
        abort(404)
    return row


def _group() -> str:
    """One that was typed goes before one that was chosen."""
    return request.form.get("name", "").strip() or request.form.get("group", "")


def _into() -> bool:
    return request.form.get("do") != "out"


def _numbers(name: str) -> list[int]:
    return [int(text) for text in request.values.getlist(name)[:1000]
            if text.isascii() and text.isdigit() and len(text) < 19]


def _text() -> str:
    text = request.values.get("q", "").strip()[:254]
    return text if text.isprintable() else ""


def _among() -> str:
    """The group that is searched in."""
    text = request.values.get("among", "")
    return text if text.isprintable() else ""


def _customer_page(merchant: Merchant, row: Customer, refused: customers.Refused | None = None) -> str:
    return render_template(
        "customers/customer.html", merchant=merchant, customer=row, vouchers=customers.vouchers(row), now=now(),
        groups=sorted(group.name for group in row.groups), known=groups.names(merchant),
        fault=PEOPLE[refused.code] if refused else None, entered=request.form)


def _page(merchant: Merchant, refused: customers.Refused | None = None) -> str:
    after = (_numbers("after") or [0])[0]
    found = customers.find(merchant, _text(), _among() or None, after, customers.A_PAGE + 1)
    return render_template(
        "customers/page.html", merchant=merchant, q=_text(), among=_among(), groups=groups.names(merchant),
        customers=found[:customers.A_PAGE], faults={refused.code: PEOPLE[refused.code]} if refused else {},
        entered=request.form, ticked=_numbers("customer"), after=after or "",
        more=found[customers.A_PAGE - 1].id if len(found) > customers.A_PAGE else None)
