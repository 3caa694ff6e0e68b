"""Claim links: the owner copies, downloads or prints them; a consumer takes a voucher from one."""

from itertools import chain

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user, login_required

from models import Account, Claim, Voucher
from quanbao import checks, claiming, vouchers
from quanbao.claiming import Standing
from quanbao.reasons import Reason
from web import previews, tables
from web.access import campaign_of
from web.context import base_url, now, settings
from web.messages import CLAIM_LINKS, HELD
from web.sessions import consumer

routes = Blueprint("claims", __name__)

A_PAGE = 200  # links to copy at once
A_SHEET = 24  # QR codes on a sheet of A4


@routes.get("/claim/<token:token>")
def show(token: str):
    found = claiming.find(token)
    return _page(found, token) if found else (render_template("claims/spent.html"), 404)


@routes.post("/claim/<token:token>")
def claim(token: str):
    found = claiming.find(token)
    if found is None or claiming.standing(found, _whoever(), now()) not in (Standing.OPEN, Standing.HELD):
        return show(token)
    if not current_user.is_authenticated:
        return redirect(url_for("sign_in.show", next=url_for("claims.show", token=token)), 303)
    try:
        voucher = claiming.claim(found, consumer(), now())
    except claiming.Spent:
        return show(token)
    flash("claimed", voucher.code)
    return redirect(url_for("vouchers.show", code=voucher.code), 303)


def _whoever() -> Account | None:
    return consumer() if current_user.is_authenticated else None


def _page(found: Claim, token: str) -> tuple[str, int]:
    """What the link is still good for, told before anybody signs up for it."""
    campaign, person = found.campaign, _whoever()
    standing, held = claiming.standing(found, person, now()), claiming.held(found, person) if person else None
    if standing in CLAIM_LINKS:
        return render_template("claims/spent.html", texts=HELD if held else CLAIM_LINKS[standing], held=held), 404
    voucher = previews.voucher_of(campaign)
    page = render_template(
        "claims/page.html", campaign=campaign, voucher=voucher, now=now(), places=vouchers.branches(campaign),
        standing=standing, held=held, texts=HELD, here=url_for("claims.show", token=token),
        reason=_against(voucher, person) if person and standing == Standing.OPEN else None)
    return page, 409 if request.method == "POST" else 200


def _against(voucher: Voucher, person: Account) -> Reason | None:
    """Why this person could not redeem the voucher if they took it; that it is shut at this hour is no such reason."""
    voucher.id, voucher.consumer = 0, person
    reason = checks.foreseen(vouchers.case(voucher, now()))
    return reason if reason is not Reason.OUTSIDE_HOURS else None


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
