"""Claim links: owners copy, download, print and withdraw them; a consumer takes a voucher from one."""

from itertools import chain

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_login import current_user, login_required

from models import Account, Campaign, Claim, Voucher
from quanbao.redemption import checks
from quanbao.redemption.case import case as case_of
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import claims, wallet, withdrawals
from quanbao.vouchers.claims import Standing
from web.auth import sessions
from web.auth.access import campaign_of
from web.auth.limits import new_wallet_limit
from web.auth.sessions import consumer
from web.context import base_url, now, settings
from web.present import csv_export, previews
from web.present.messages import CLAIM_LINKS, HELD, LINK_STANDINGS, USED_BY_YOU, sentences

routes = Blueprint("claims", __name__)

A_PAGE = 200  # links to copy at once
A_SHEET = 24  # QR codes on a sheet of A4


@routes.get("/claim/<token:token>")
def show(token: str):
    found = claims.find(token)
    return _page(found, token) if found else (render_template("claims/spent.html"), 404)


@routes.post("/claim/<token:token>")
@new_wallet_limit
def claim(token: str):
    found = claims.find(token)
    person = _visitor()
    may_be_sent_again = (Standing.USED,) if person is None else ()
    if found is None or claims.standing(found, person, now()) not in (Standing.OPEN, Standing.HELD, *may_be_sent_again):
        return show(token)
    try:
        voucher = _claimed(found)
    except (claims.Spent, claims.TakenBack):
        return show(token)
    flash("claimed", voucher.code)
    return redirect(url_for("vouchers.show", code=voucher.code), 303)


def _claimed(found: Claim) -> Voucher:
    """A signed-out visitor goes on in the wallet without an address that the claim makes."""
    if current_user.is_authenticated:
        return claims.claim(found, consumer(), now())
    voucher, token = claims.claim_signed_out(found, sessions.first_claim(), sessions.browser_name(), now())
    sessions.begin(voucher.consumer, token)
    return voucher


def _visitor() -> Account | None:
    return consumer() if current_user.is_authenticated else None


def _page(found: Claim, token: str) -> tuple[str, int]:
    """What the link is still good for, told before a visitor signs up for it."""
    campaign, person = found.campaign, _visitor()
    standing, held = claims.standing(found, person, now()), claims.held(found, person) if person else None
    if standing in LINK_STANDINGS:
        return _spent(found, standing, person)
    voucher = previews.voucher_of(campaign)
    if person is None:
        sessions.first_claim()
    page = render_template(
        "claims/page.html",
        campaign=campaign,
        voucher=voucher,
        now=now(),
        places=wallet.branches(campaign),
        standing=standing,
        held=held,
        texts=HELD,
        here=url_for("claims.show", token=token),
        reason=_against(voucher, person) if person and standing == Standing.OPEN else None,
    )
    return page, 409 if request.method == "POST" else 200


def _spent(found: Claim, standing: Standing, person: Account | None) -> tuple[str, int]:
    """Why the link gives nothing; a person who has its voucher is led there, others do not learn who used it."""
    texts, voucher = LINK_STANDINGS[standing], None
    if person and standing is Standing.TAKEN_BACK:
        voucher = claims.taken_back(found, person)
    elif person and found.claimed_at and found.customer and found.customer.consumer_id == person.id:
        texts, voucher = USED_BY_YOU, claims.voucher_of(found)
    elif person and (voucher := claims.held(found, person)) and standing not in (Standing.ENDED, Standing.OVER):
        texts = texts[0], sentences(*HELD)  # another link would give them no second one
    page = render_template("claims/spent.html", texts=texts, voucher=voucher)
    return page, 409 if standing is Standing.TAKEN_BACK else 404


def _against(voucher: Voucher, person: Account) -> Reason | None:
    """Why this person could not redeem the voucher if they took it; that it is shut at this hour is no such reason."""
    voucher.id, voucher.consumer = 0, person
    reason = checks.foreseen(case_of(voucher, now()))
    return reason if reason is not Reason.OUTSIDE_HOURS else None


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links")
@login_required
def index(merchant: str, campaign: str):
    """Open links to hand out; also those that were used or withdrawn."""
    row, after, text = campaign_of(merchant, campaign), _after(), _text()
    which = request.args.get("which", "open")
    which = which if which in claims.LISTED else "open"
    links = claims.listed(row, now(), settings().secret_key, which, text=text, after=after, most=A_PAGE + 1)
    return render_template(
        "claims/index.html",
        merchant=row.merchant,
        campaign=row,
        counts=claims.counts(row, now()),
        which=which,
        q=text,
        over=row.is_over(now()),
        links=links[:A_PAGE],
        address_of=address_of,
        more=links[A_PAGE - 1].id if len(links) > A_PAGE else None,
    )


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links/<int:number>")
@login_required
def link(merchant: str, campaign: str, number: int):
    return _link_page(_own(campaign_of(merchant, campaign), number))


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links/<int:number>")
@login_required
def change(merchant: str, campaign: str, number: int):
    """Withdraw the link, or correct its address: the buttons say which."""
    of = campaign_of(merchant, campaign)
    row = _own(of, number)
    try:
        if request.form.get("do") == "withdraw":
            withdrawals.withdraw(row, g.member, now())
            return redirect(url_for("claims.link", number=number, merchant=merchant, campaign=campaign), 303)
        outcome, made = withdrawals.correct(
            row, request.form.get("address", ""), g.member, now=now(), key=settings().secret_key
        )
    except withdrawals.Refused as refused:
        return _link_page(_own(of, number), refused.code), 422
    flash(outcome, "corrected")
    return redirect(
        url_for("claims.link", number=made.id if made else number, merchant=merchant, campaign=campaign), 303
    )


def _own(campaign: Campaign, number: int) -> Claim:
    row = Claim.get_or_none((Claim.id == min(number, 2**63 - 1)) & (Claim.campaign == campaign))
    if row is None:
        abort(404)
    row.campaign = campaign
    return row


def _link_page(row: Claim, fault: str | None = None) -> str:
    token = claims.token_of(row, settings().secret_key)
    return render_template(
        "claims/link.html",
        merchant=row.campaign.merchant,
        campaign=row.campaign,
        claim=row,
        entered=request.form,
        state=claims.state(row, now()),
        link=address_of(token) if token else None,
        fault=fault,
        faults=CLAIM_LINKS,
        voucher=claims.voucher_of(row),
    )


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links/sheet")
@login_required
def sheet(merchant: str, campaign: str):
    """QR codes to print and cut apart."""
    row = campaign_of(merchant, campaign)
    links = claims.open_links(row, now(), settings().secret_key, after=_after(), most=A_SHEET + 1)
    return render_template(
        "claims/sheet.html",
        merchant=row.merchant,
        campaign=row,
        over=row.is_over(now()),
        links=[(address, address_of(token)) for _, address, token in links[:A_SHEET]],
        more=links[A_SHEET - 1][0] if len(links) > A_SHEET else None,
    )


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/links.csv")
@login_required
def download(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    links = claims.all_open_links(row, now(), settings().secret_key)
    rows = ((address, address_of(token)) for _, address, token in links)
    heading = (gettext("Address"), gettext("Claim link"))
    return csv_export.answer(f"{row.slug}-links", chain([heading], rows))


def _after() -> int:
    text = request.args.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _text() -> str:
    text = request.args.get("q", "").strip()[:254]
    return text if text.isprintable() else ""


def address_of(token: str) -> str:
    """The whole address of a claim link, as it is sent to people."""
    return base_url() + url_for("claims.show", token=token)
