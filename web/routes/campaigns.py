"""A merchant's campaigns and their figures, for its members."""

from datetime import date

from flask import Blueprint, abort, jsonify, render_template
from flask_babel import gettext
from flask_login import login_required

from models import Branch, Campaign, Member, Merchant, Role
from quanbao import figures
from web import charts, formats
from web.answers import wants_json
from web.context import now
from web.messages import REASONS
from web.sessions import consumer

routes = Blueprint("campaigns", __name__)

FIGURES = (Role.OWNER, Role.MANAGER)


def merchant_of(slug: str, roles: tuple[Role, ...]) -> Merchant:
    """The merchant, for a member in one of these roles; not there for strangers, forbidden for others."""
    member = (
        Member.select(Member, Merchant).join(Merchant)
        .where((Merchant.slug == slug) & (Member.account == consumer())).get_or_none()
    )
    if member is None:
        abort(404)
    if member.role not in roles:
        abort(403)
    return member.merchant


@routes.get("/merchants/<slug:merchant>/campaigns")
@login_required
def index(merchant: str):
    of = merchant_of(merchant, FIGURES)
    campaigns = list(Campaign.select().where(Campaign.merchant == of).order_by(Campaign.ends_at.desc(), Campaign.id))
    return render_template("campaigns/index.html", merchant=of, campaigns=campaigns, now=now())


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/figures")
@login_required
def show(merchant: str, campaign: str):
    of = merchant_of(merchant, FIGURES)
    row = Campaign.get_or_none((Campaign.merchant == of) & (Campaign.slug == campaign))
    if row is None:
        abort(404)
    row.merchant = of
    table = figures.of(row)
    if wants_json():
        return jsonify(table)
    names = dict(Branch.select(Branch.slug, Branch.name).where(Branch.merchant == of).tuples())
    return render_template(
        "campaigns/figures.html", merchant=of, campaign=row, figures=table, chart=_chart(row, table), now=now(),
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
