"""A campaign's figures, and what happened at its tills, for its merchant's members."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import chain

from babel.numbers import get_currency_precision
from flask import Blueprint, Response, jsonify, render_template, request
from flask_babel import gettext
from flask_login import login_required

from models import Branch, Campaign, Merchant
from quanbao import figures, ledger
from web import charts, formats, tables
from web.access import campaign_of
from web.answers import wants_fragment, wants_json
from web.context import now
from web.messages import REASONS

routes = Blueprint("figures", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/figures")
@login_required
def show(merchant: str, campaign: str):
    """The figures; htmx asks again while somebody looks, and hears 204 when nothing changed."""
    row = campaign_of(merchant, campaign)
    table = figures.of(row)
    if wants_json():
        return jsonify(table)
    seen = _mark(row, table)
    if wants_fragment() and request.args.get("seen") == seen:
        return Response(status=204)
    template = "figures/_figures.html" if wants_fragment() else "figures/page.html"
    return render_template(template, seen=seen, **_shown(row, table))


def _mark(campaign: Campaign, table: figures.Figures) -> str:
    """What changes whenever anything on the page does, and at midnight."""
    refused = sum(table.refused.values())
    return "-".join(map(str, (
        table.issued, table.opened, table.redeemed, table.rolled_back, refused, campaign.version,
        campaign.merchant.day(now()))))


def _shown(campaign: Campaign, table: figures.Figures) -> dict:
    names, today = _names(campaign.merchant), campaign.merchant.day(now()).isoformat()
    by_branch = [(names.get(slug, gettext("No branch named")), count) for slug, count in table.by_branch.items()]
    return {
        "merchant": campaign.merchant, "campaign": campaign, "figures": table, "now": now(),
        "today": table.by_day.get(today, 0), "chart": _chart(campaign, table), "hours": charts.by_hour(table.by_hour),
        "by_day": [(formats.day(day), count) for day, count in table.by_day.items()],
        "by_hour": [(f"{hour}:00", count) for hour, count in table.by_hour.items()], "by_branch": by_branch,
        "refused": [(REASONS[reason][0], count) for reason, count in table.refused.items()],
        "funnel": [(gettext("Issued"), table.issued), (gettext("Opened"), table.opened),
                   (gettext("Redeemed"), table.redeemed)],
    }


def _names(merchant: Merchant) -> dict[str, str]:
    return dict(Branch.select(Branch.slug, Branch.name).where(Branch.merchant == merchant).tuples())


def _chart(campaign: Campaign, table: figures.Figures) -> charts.Chart:
    """By day, from the first day of the period to today or its last."""
    day_of = campaign.merchant.day
    days = [day_of(campaign.starts_at), *map(date.fromisoformat, table.by_day)]
    last = max(min(day_of(now()), day_of(campaign.ends_at)), *days)
    return charts.by_day(table.by_day, min(days), last)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/attempts")
@login_required
def attempts(merchant: str, campaign: str):
    """Redemptions and refused attempts with the trace of their checks, newest first."""
    row = campaign_of(merchant, campaign)
    text = request.args.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    found = ledger.entries(row, _which(), before, ledger.A_PAGE + 1)
    return render_template(
        "figures/attempts.html", merchant=row.merchant, campaign=row, which=_which(), names=_names(row.merchant),
        entries=found[:ledger.A_PAGE], more=found[ledger.A_PAGE - 1].number if len(found) > ledger.A_PAGE else None)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/attempts.csv")
@login_required
def download(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    heading = [gettext("Time"), gettext("Outcome"), gettext("Reason"), gettext("Customer"), gettext("Voucher"),
               gettext("Branch"), gettext("Number"), gettext("Words"), gettext("Amount")]
    return tables.answer(f"{row.slug}-attempts", chain([heading], _rows(row, _which())))


def _which() -> str:
    which = request.args.get("which", "")
    return which if which in (ledger.REDEEMED, ledger.REFUSED, *REASONS) else ""


def _rows(campaign: Campaign, only: str) -> Iterator[list]:
    """Codes for programs, not words: `redeemed`, `sold_out`; times with the merchant's offset, money as decimals."""
    zone, digits = campaign.merchant.zone, get_currency_precision(campaign.merchant.currency)
    for entry in ledger.all_entries(campaign, only):
        receipt = entry.receipt or {"number": "", "words": ""}
        amount = "" if entry.amount is None else Decimal(entry.amount).scaleb(-digits)
        yield [entry.at.astimezone(zone).isoformat(timespec="seconds"), ledger.REFUSED if entry.reason else
               ledger.REDEEMED, entry.reason or "", entry.customer, entry.code, entry.branch, receipt["number"],
               receipt["words"], amount]
