"""Claim links: the owner copies, downloads or prints them; a consumer takes a voucher from one."""

from itertools import chain

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user, login_required

from quanbao import claiming, vouchers
from web import previews, tables
from web.access import campaign_of
from web.context import base_url, now, settings
from web.sessions import consumer

routes = Blueprint("claims", __name__)

A_PAGE = 200  # links to copy at once
A_SHEET = 24  # QR codes on a sheet of A4


@routes.get("/claim/<token:token>")
def show(token: str):
    found = claiming.usable(token, now())
    if found is None:
        return render_template("claims/spent.html"), 404
    return render_template(
        "claims/page.html", campaign=found.campaign, voucher=previews.voucher_of(found.campaign), now=now(),
        places=vouchers.branches(found.campaign), here=url_for("claims.show", token=token))


@routes.post("/claim/<token:token>")
def claim(token: str):
    found = claiming.usable(token, now())
    if found is None:
        return render_template("claims/spent.html"), 404
    if not current_user.is_authenticated:
        return redirect(url_for("sign_in.show", next=url_for("claims.show", token=token)), 303)
    try:
        voucher = claiming.claim(found, consumer(), now())
    except claiming.Spent:
        return render_template("claims/spent.html"), 404
    flash("claimed", voucher.code)
    return redirect(url_for("vouchers.show", code=voucher.code), 303)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links")
@login_required
def index(merchant: str, campaign: str):
    return _links(merchant, campaign, "claims/index.html", A_PAGE)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links/sheet")
@login_required
def sheet(merchant: str, campaign: str):
    """QR codes to print and cut apart."""
    return _links(merchant, campaign, "claims/sheet.html", A_SHEET)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links.csv")
@login_required
def download(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    links = claiming.all_open_links(row, now(), settings().secret_key)
    rows = ((address, address_of(token)) for _, address, token in links)
    heading = (gettext("Address"), gettext("Claim link"))
    return tables.answer(f"{row.slug}-links", chain([heading], rows))


def _links(merchant: str, campaign: str, template: str, most: int) -> str:
    row, after = campaign_of(merchant, campaign), _after()
    links = claiming.open_links(row, now(), settings().secret_key, after=after, most=most + 1)
    counts, more = claiming.counts(row, now()), links[most - 1][0] if len(links) > most else None
    return render_template(
        template, merchant=row.merchant, campaign=row, counts=counts, more=more, over=row.is_over(now()),
        links=[(address, address_of(token)) for _, address, token in links[:most]],
        older=0 if after or more else counts[0] - len(links))  # where all are on one page


def _after() -> int:
    text = request.args.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def address_of(token: str) -> str:
    """The whole address of a claim link, as it is sent to people."""
    return base_url() + url_for("claims.show", token=token)
