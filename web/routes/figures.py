"""A campaign's figures, and what happened at its tills, for its merchant's members."""

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from hashlib import sha256
from itertools import chain

from flask import Blueprint, Response, jsonify, render_template, request
from flask_babel import gettext
from flask_login import login_required

from models import Branch, Campaign, Merchant
from quanbao.campaigns import figures
from quanbao.redemption.reasons import Reason, RolledBack
from quanbao.reports import attempt_log
from web.auth.access import campaign_of
from web.context import now
from web.present import attack_banner, csv_export, figure_panels, formats, states
from web.present.answers import wants_fragment, wants_json
from web.present.messages import FIGURES, OUTCOMES, REASONS, WHY_ROLLED_BACK
from zones import ZoneInfo

routes = Blueprint("figures", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/figures")
@login_required
def show(merchant: str, campaign: str):
    """The figures; htmx asks again while the page is open, and hears 204 when nothing changed."""
    row = campaign_of(merchant, campaign)
    table = figures.of_campaign(row)
    if wants_json():
        return jsonify(table)
    branches, today = _branches(row.merchant), row.merchant.day(now())
    alarm = attack_banner.mark(row.merchant)
    seen = _mark(row, table, branches, today, alarm, states.of_campaign(row, now()))
    if wants_fragment() and request.args.get("seen") == seen:
        return Response(status=204)
    return render_template(
        "figures/_figures.html" if wants_fragment() else "figures/page.html",
        merchant=row.merchant,
        campaign=row,
        figures=table,
        seen=seen,
        now=now(),
        today=table.by_day.get(today.isoformat(), 0),
        panels=figure_panels.panels(row, table, branches, now()),
        alarm=alarm,
    )


def _mark(campaign: Campaign, table: figures.Figures, *more) -> str:
    """What changes whenever anything on the page does, and at midnight."""
    shown = (table, campaign.version, *more)
    return sha256(repr(shown).encode()).hexdigest()[:16]


def _branches(merchant: Merchant) -> dict[str, str]:
    """Names by slug."""
    rows = Branch.select(Branch.slug, Branch.name).where(Branch.merchant == merchant).order_by(Branch.id)
    return dict(rows.tuples())


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/figures.csv")
@login_required
def table(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    heading = [gettext("Figure"), gettext("Of"), gettext("Count"), gettext("Code for programs")]
    counted = _counted(figures.of_campaign(row), row.merchant, _branches(row.merchant))
    return csv_export.answer(f"{row.slug}-figures", chain([heading], counted))


def _counted(table: figures.Figures, merchant: Merchant, branches: dict[str, str]) -> Iterator[list]:
    """The page's words, and the day, hour, branch or reason that a count is of; last the code, for programs."""
    for name, value in asdict(table).items():
        word = str(FIGURES[name])
        if isinstance(value, dict):
            for of, number in value.items():
                yield [word, _of(name, of, branches), number, f"{name}:{of}"]
        elif name == "discount_given":
            yield [f"{word} ({merchant.currency})", "", formats.decimal(value, merchant), name]
        else:
            yield [word, "", value, name]


def _of(figure: str, of: str, branches: dict[str, str]) -> str:
    """A day stays as a spreadsheet reads it; all else is in the page's words."""
    if figure == "by_hour":
        return f"{of}:00"
    if figure == "by_branch":
        return _branch(of, branches)
    return str(REASONS[Reason(of)][0]) if figure == "refused" else of


def _branch(slug: str, branches: dict[str, str]) -> str:
    return branches.get(slug, slug) if slug else gettext("No branch named")


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/attempts")
@login_required
def attempts(merchant: str, campaign: str):
    """Redemptions and refused attempts with the trace of their checks, newest first."""
    row = campaign_of(merchant, campaign)
    text = request.args.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    found = attempt_log.entries(row, _which(), before, attempt_log.A_PAGE + 1)
    return render_template(
        "figures/attempts.html",
        merchant=row.merchant,
        campaign=row,
        figures=figures.of_campaign(row),
        which=_which(),
        names=_branches(row.merchant),
        entries=found[: attempt_log.A_PAGE],
        more=found[attempt_log.A_PAGE - 1].number if len(found) > attempt_log.A_PAGE else None,
    )


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/attempts.csv")
@login_required
def download(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    heading = [
        gettext("Time"),
        gettext("Outcome"),
        gettext("Reason"),
        gettext("Customer"),
        gettext("Voucher"),
        gettext("Branch"),
        gettext("Number"),
        gettext("Words"),
        gettext("Amount"),
        gettext("Rolled back"),
        gettext("Reason of the rollback"),
        gettext("Forfeited"),
        gettext("Product"),
        gettext("Original price"),
        gettext("Charged"),
        gettext("Discount given"),
        gettext("Code of the reason"),
        gettext("Code of the branch"),
        gettext("Code of the rollback"),
    ]
    return csv_export.answer(f"{row.slug}-attempts", chain([heading], _rows(row, _which())))


def _which() -> str:
    which = request.args.get("which", "")
    return which if which in (attempt_log.REDEEMED, attempt_log.REFUSED, *REASONS) else ""


def _rows(campaign: Campaign, only: str) -> Iterator[list]:
    """The page's words, last the codes for programs; times with the merchant's offset, money as decimals."""
    zone, branches = campaign.merchant.zone, _branches(campaign.merchant)
    for entry in attempt_log.all_entries(campaign, only):
        outcome = attempt_log.REFUSED if entry.reason else attempt_log.REDEEMED
        receipt = entry.receipt or {"number": "", "words": ""}
        yield [
            entry.at.astimezone(zone).isoformat(timespec="seconds"),
            str(OUTCOMES[outcome]),
            str(REASONS[Reason(entry.reason)][0]) if entry.reason else "",
            entry.customer,
            entry.code,
            _branch(entry.branch, branches) if outcome == attempt_log.REDEEMED or entry.branch else "",
            receipt["number"],
            receipt["words"],
            _sum(entry.amount, campaign),
            *_rolled_back(entry, zone),
            *_made_at(entry, campaign),
            entry.reason or outcome,
            entry.branch,
            entry.rollback.reason if entry.rollback else "",
        ]


def _made_at(entry: attempt_log.Entry, campaign: Campaign) -> list:
    """Product, original price, price charged and discount of what was redeemed, as the ledger has them."""
    row = entry.redemption
    if row is None:
        return [""] * 4
    return [row.product or "", *(_sum(minor, campaign) for minor in (row.original_price, row.charged, row.discount))]


def _sum(minor: int | None, campaign: Campaign) -> Decimal | str:
    return "" if minor is None else formats.decimal(minor, campaign.merchant)


def _rolled_back(entry: attempt_log.Entry, zone: ZoneInfo) -> list[str]:
    """When and why a redemption was taken back, and whether its use was lost."""
    if entry.rollback is None:
        return ["", "", ""]
    return [
        entry.rollback.rolled_back_at.astimezone(zone).isoformat(timespec="seconds"),
        str(WHY_ROLLED_BACK[RolledBack(entry.rollback.reason)]),
        gettext("No") if entry.rollback.gave_back else gettext("Yes"),
    ]
