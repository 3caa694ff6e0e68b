"""A merchant's campaigns: entered, changed, ended [0019]; for owners and managers."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_login import login_required

from models import Campaign, Merchant, RedemptionPassword, Role
from quanbao import claiming, customers, editing, figures, passwords, pictures, publishing, vouchers
from web import campaign_form, previews
from web.access import campaign_of, merchant_of, only_owners_type
from web.campaign_form import CampaignForm
from web.context import now, settings
from web.messages import PICTURES

routes = Blueprint("campaigns", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns")
@login_required
def index(merchant: str):
    of = merchant_of(merchant)
    drafts_first = (Campaign.published_at.is_null().desc(), Campaign.ends_at.desc(), Campaign.id)
    return render_template(
        "campaigns/index.html", merchant=of, now=now(), today=figures.of_day(of, of.day(now())),
        campaigns=list(Campaign.select().where(Campaign.merchant == of).order_by(*drafts_first)))


@routes.get("/merchants/<slug:merchant>/new-campaign")
@login_required
def new(merchant: str):
    of = merchant_of(merchant)
    form = campaign_form.new(of, customers.groups(of))
    form.starts_at.data = of.day(now()).isoformat()
    return _form_page(of, form)


@routes.post("/merchants/<slug:merchant>/campaigns")
@login_required
def create(merchant: str):
    of = merchant_of(merchant)
    form = campaign_form.new(of, customers.groups(of))
    try:
        made = editing.create(of, _entered(of, form), now=now(), password_key=settings().password_key)
    except (editing.Refused, pictures.Refused) as refused:
        return _refused(of, form, refused)
    return redirect(url_for("campaigns.show", merchant=merchant, campaign=made.slug), 303)


@routes.post("/merchants/<slug:merchant>/preview")
@login_required
def preview(merchant: str):
    of = merchant_of(merchant)
    slug = request.args.get("campaign")
    row = campaign_of(merchant, slug) if slug else None
    voucher, places = _previewed(of, campaign_form.filled(row, []) if row else campaign_form.new(of, []), row)
    return render_template("campaigns/_preview.html", voucher=voucher, places=places, now=now())


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>")
@login_required
def show(merchant: str, campaign: str):
    return _page(campaign_of(merchant, campaign))


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/edit")
@login_required
def edit(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    if row.ended_at is not None:
        return _over(row)
    return _form_page(row.merchant, campaign_form.filled(row, customers.groups(row.merchant)), row)


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/edit")
@login_required
def change(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    form = campaign_form.filled(row, customers.groups(row.merchant))
    try:
        editing.change(row, _entered(row.merchant, form, row), now=now(), password_key=settings().password_key)
    except (editing.Refused, pictures.Refused) as refused:
        return _refused(row.merchant, form, refused, row)
    except editing.Over:
        return _over(row)
    return redirect(url_for("campaigns.show", merchant=merchant, campaign=campaign), 303)


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/duplicate")
@login_required
def duplicate(merchant: str, campaign: str):
    copy = editing.duplicate(campaign_of(merchant, campaign), now())
    return redirect(url_for("campaigns.edit", merchant=merchant, campaign=copy.slug), 303)


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/end")
@login_required
def end(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    try:
        editing.end(row, now())
    except editing.Past:
        return _page(row, past=True), 422
    except editing.Over:
        pass  # whoever pressed twice, or at the same time as somebody else, has what they want
    return redirect(url_for("campaigns.show", merchant=merchant, campaign=campaign), 303)


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/delete")
@login_required
def delete(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    try:
        editing.delete(row)
    except (editing.Published, editing.Over):
        return redirect(url_for("campaigns.show", merchant=merchant, campaign=campaign), 303)
    return redirect(url_for("campaigns.index", merchant=merchant), 303)


def _page(campaign: Campaign, *, past: bool = False) -> str:
    return render_template(
        "campaigns/page.html", merchant=campaign.merchant, campaign=campaign, now=now(), past=past,
        places=vouchers.branches(campaign), voucher=previews.voucher_of(campaign),
        publications=publishing.latest(campaign), links=claiming.counts(campaign, now()),
        shared=passwords.shared_with(campaign))


def _entered(merchant: Merchant, form: CampaignForm, campaign: Campaign | None = None) -> dict:
    """What was entered; a picture that came with it is kept at once, so that no mistake elsewhere loses it."""
    only_owners_type(request.form.get("redemption_password"))
    sent = request.files.get("picture")
    if sent and sent.filename:
        form.kept_picture.data = pictures.keep(merchant, sent.read())
    elif request.form.get("no_picture"):
        form.kept_picture.data = ""
    return campaign_form.document(form, merchant, campaign)


def _refused(merchant: Merchant, form: CampaignForm, refused: Exception, campaign: Campaign | None = None):
    if isinstance(refused, pictures.Refused):
        form.picture.errors = [PICTURES[refused.code]]
    else:
        campaign_form.explain(form, refused.faults, merchant.currency)
    return _form_page(merchant, form, campaign), 422


def _over(campaign: Campaign):
    return redirect(url_for("campaigns.show", merchant=campaign.merchant.slug, campaign=campaign.slug), 303)


def _previewed(merchant: Merchant, form: CampaignForm, campaign: Campaign | None):
    """The voucher to look at; of a published campaign only what may change comes from the form."""
    entered = campaign_form.document(form, merchant, campaign)
    if campaign and campaign.published_at:
        entered = editing.merged(campaign, entered)
    return previews.of(merchant, entered)


def _form_page(merchant: Merchant, form: CampaignForm, campaign: Campaign | None = None) -> str:
    voucher, places = _previewed(merchant, form, campaign)
    if g.member.role != Role.OWNER:  # who types none has but this to choose
        form.password_in_use.label.text = form.redemption_password.label.text
    return render_template(
        "campaigns/form.html", merchant=merchant, form=form, campaign=campaign, voucher=voucher, places=places,
        now=now(), has_password=RedemptionPassword.select().where(RedemptionPassword.merchant == merchant).exists())
