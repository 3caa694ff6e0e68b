"""A merchant's campaigns, for its members."""

from flask import Blueprint, render_template
from flask_login import login_required

from models import Campaign
from web.access import merchant_of
from web.context import now

routes = Blueprint("campaigns", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns")
@login_required
def index(merchant: str):
    of = merchant_of(merchant)
    campaigns = list(Campaign.select().where(Campaign.merchant == of).order_by(Campaign.ends_at.desc(), Campaign.id))
    return render_template("campaigns/index.html", merchant=of, campaigns=campaigns, now=now())
