"""A merchant's customers and their groups, for owners and managers."""

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import login_required

from models import Customer, Merchant
from quanbao.merchants import customers, groups
from quanbao.vouchers import wallet
from web.auth.access import merchant_of
from web.context import now
from web.form_addresses import post_form
from web.present import selection
from web.present.answers import wants_fragment
from web.present.messages import PEOPLE

routes = Blueprint("customers", __name__)


@routes.get("/merchants/<slug:merchant>/customers")
@login_required
def index(merchant: str):
    return _page(merchant_of(merchant))


@routes.post("/merchants/<slug:merchant>/customers")
@login_required
def put(merchant: str):
    """The ticked customers, or all that the search found, into a group or out of it; its other buttons only look.

    To look is a POST too, with what is ticked in its body: that is no part of an address.
    """
    of, form = merchant_of(merchant), request.form
    if form.get("do") in selection.LOOKING:
        return _page(of)
    searched = selection.searched()
    try:
        if form.get("everybody"):
            customers.put_found(of, searched.text, searched.among or None, _group(), into=_into())
        else:
            customers.put(of, selection.ticked(), _group(), into=_into())
    except (customers.Refused, selection.TooMany) as refused:
        return _page(of, refused.code), 422
    return redirect(
        url_for(
            "customers.index",
            merchant=merchant,
            q=searched.text or None,
            among=searched.among or None,
            after=searched.after or None,
        ),
        303,
    )


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


def _customer_page(merchant: Merchant, row: Customer, refused: customers.Refused | None = None) -> str:
    return render_template(
        "customers/customer.html",
        merchant=merchant,
        customer=row,
        vouchers=wallet.of_customer(row),
        now=now(),
        groups=sorted(group.name for group in row.groups),
        known=groups.names(merchant),
        fault=PEOPLE[refused.code] if refused else None,
        entered=request.form,
    )


def _page(merchant: Merchant, fault: str | None = None) -> str:
    found = selection.found(merchant, url_for("customers.put", merchant=merchant.slug))
    if wants_fragment():
        return render_template("customers/_found.html", merchant=merchant, found=found)
    return render_template(
        "customers/page.html",
        merchant=merchant,
        found=found,
        groups=groups.names(merchant),
        faults={fault: PEOPLE[fault]} if fault else {},
        entered=request.form,
    )
