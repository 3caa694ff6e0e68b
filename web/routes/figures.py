"""A campaign's figures, for its merchant's members."""

from datetime import date

from flask import Blueprint, jsonify, render_template
from flask_babel import gettext
from flask_login import login_required

from models import Branch, Campaign
from quanbao import figures
from web import charts, formats
from web.access import campaign_of
from web.answers import wants_json
from web.context import now
from web.messages import REASONS

routes = Blueprint("figures", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/figures")
@login_required
def show(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    of = row.merchant
    table = figures.of(row)
    if wants_json():
        return jsonify(table)
    names = dict(Branch.select(Branch.slug, Branch.name).where(Branch.merchant == of).tuples())
    return render_template(
        "figures/page.html", merchant=of, campaign=row, figures=table, chart=_chart(row, table), now=now(),
        by_day=[(formats.day(day), count) for day, count in table.by_day.items()],
        by_branch=[(names.get(slug, gettext("No branch named")), count) for slug, count in table.by_branch.items()],
        refused=[(REASONS[reason][0], count) for reason, count in table.refused.items()],
    )


def _chart(campaign: Campaign, table: figures.Figures) -> charts.Chart:
    """By day, from the first day of the period to today or its last."""
    day_of = campaign.merchant.day
    days = [day_of(campaign.starts_at), *map(date.fromisoformat, table.by_day)]
    last = max(min(day_of(now()), day_of(campaign.ends_at)), *days)
    return charts.by_day(table.by_day, min(days), last)
