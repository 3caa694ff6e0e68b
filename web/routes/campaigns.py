"""A merchant's campaigns: entered, changed, ended [0019]; for owners and managers."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask_login import login_required

from models import Campaign, Merchant, RedemptionPassword, Role
from quanbao.campaigns import editing, entered_values, figures, pictures, questions
from quanbao.lib import merging
from quanbao.merchants import groups
from quanbao.passwords import redemption_passwords
from quanbao.vouchers import claims, publications, wallet
from web.auth.access import campaign_of, is_fresh, is_me, merchant_of, not_me, only_owners_type
from web.auth.limits import own_password_limit
from web.context import now, settings
from web.form_addresses import post_form
from web.present import campaign_form, campaign_questions, disputes, previews, shown
from web.present.campaign_form import CampaignForm
from web.present.messages import PICTURES

routes = Blueprint("campaigns", __name__)


class NotMe(Exception):
    """Digits were typed by a person who has not shown that the account is theirs."""


NOT_SAVED = (editing.Refused, merging.Conflict, questions.Unconfirmed, pictures.Refused, NotMe)


@routes.get("/merchants/<slug:merchant>/campaigns")
@login_required
def index(merchant: str):
    of = merchant_of(merchant)
    drafts_first = (Campaign.published_at.is_null().desc(), Campaign.ends_at.desc(), Campaign.id)
    return render_template(
        "campaigns/index.html",
        merchant=of,
        now=now(),
        today=figures.of_day(of, of.day(now())),
        campaigns=list(Campaign.select().where(Campaign.merchant == of).order_by(*drafts_first)),
    )


@routes.get("/merchants/<slug:merchant>/new-campaign")
@login_required
def new(merchant: str):
    of = merchant_of(merchant)
    form = campaign_form.new(of, groups.names(of))
    form.starts_at.data = of.day(now()).isoformat()
    return _form_page(of, form)


@routes.post("/merchants/<slug:merchant>/new-campaign")
@login_required
@own_password_limit
def create(merchant: str):
    of = merchant_of(merchant)
    form = campaign_form.new(of, groups.names(of))
    try:
        made = editing.create(
            of,
            _entered(of, form),
            now=now(),
            password_key=settings().password_key,
            answers=campaign_questions.answers(),
        )
    except NOT_SAVED as refused:
        return _refused(of, form, refused)
    return redirect(url_for("campaigns.show", merchant=merchant, campaign=made.slug), 303)


@routes.post("/merchants/<slug:merchant>/preview")
@login_required
def preview(merchant: str):
    of = merchant_of(merchant)
    slug = request.args.get("campaign")
    row = campaign_of(merchant, slug) if slug else None
    seen = _seen(row) if row else {}
    form = campaign_form.filled(row, [], seen) if row else campaign_form.new(of, [])
    voucher, places = _previewed(of, form, row, seen)
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
    return _form_page(row.merchant, campaign_form.filled(row, groups.names(row.merchant)), row)


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/edit")
@login_required
@own_password_limit
def change(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    seen = _seen(row)
    form = campaign_form.filled(row, groups.names(row.merchant), seen)
    try:
        editing.change(
            row,
            _entered(row.merchant, form, seen or entered_values.values_of(row)),
            now=now(),
            shown=seen,
            password_key=settings().password_key,
            answers=campaign_questions.answers(),
        )
    except NOT_SAVED as refused:
        return _refused(row.merchant, form, refused, row, seen)
    except editing.Over:
        return _over(row)
    return redirect(url_for("campaigns.show", merchant=merchant, campaign=campaign), 303)


@post_form(routes, "/merchants/<slug:merchant>/campaigns/<slug:campaign>/duplicate", "campaigns.show", campaign_of)
@login_required
def duplicate(merchant: str, campaign: str):
    copy = editing.duplicate(campaign_of(merchant, campaign), now())
    return redirect(url_for("campaigns.edit", merchant=merchant, campaign=copy.slug), 303)


@post_form(routes, "/merchants/<slug:merchant>/campaigns/<slug:campaign>/end", "campaigns.show", campaign_of)
@login_required
def end(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    try:
        editing.end(row, now())
    except editing.Past:
        return _page(row, past=True), 422
    except editing.Over:
        pass  # pressed twice, or by two members at once: it is done
    return redirect(url_for("campaigns.show", merchant=merchant, campaign=campaign), 303)


@post_form(routes, "/merchants/<slug:merchant>/campaigns/<slug:campaign>/delete", "campaigns.show", campaign_of)
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
        "campaigns/page.html",
        merchant=campaign.merchant,
        campaign=campaign,
        now=now(),
        past=past,
        places=wallet.branches(campaign),
        voucher=previews.voucher_of(campaign),
        publications=publications.latest(campaign),
        links=claims.counts(campaign, now()),
        shared=redemption_passwords.shared_with(campaign),
    )


def _seen(campaign: Campaign) -> dict:
    """What the form that was sent had been filled with; empty where it is too old to say so."""
    return shown.read(f"campaign {campaign.id}")


def _entered(merchant: Merchant, form: CampaignForm, before: dict | None = None) -> dict:
    """What was entered; a picture that came with it is kept at once, so that no mistake elsewhere loses it.

    Raises NotMe where digits were typed: whether the shop has them already can be told by what becomes of them.
    """
    digits = request.form.get("redemption_password")
    only_owners_type(digits)
    sent = request.files.get("picture")
    if sent and sent.filename:
        form.kept_picture.data = pictures.keep(merchant, sent.read())
    elif request.form.get("no_picture"):
        form.kept_picture.data = ""
    if digits and not is_me(request.form.get("password")):
        raise NotMe
    return campaign_form.document(form, merchant, before, disputes.taken())


def _refused(
    merchant: Merchant,
    form: CampaignForm,
    refused: Exception,
    campaign: Campaign | None = None,
    seen: dict | None = None,
):
    """The form with all that was typed, filled up with what others have saved since it was shown."""
    late: list[str] = []
    if campaign:
        row, seen = campaign_of(merchant.slug, campaign.slug), seen or {}
        entered = campaign_form.document(form, merchant, seen or entered_values.values_of(row), disputes.taken())
        merged = entered_values.merged(row, entered, seen)
        campaign_questions.renew(form, row, seen, merged, groups.names(merchant))
        campaign_questions.dispute(form, row, merged.conflicts)
        late = campaign_questions.lost(form, row, merged.conflicts)
        campaign = row
    if isinstance(refused, pictures.Refused):
        form.picture.errors = [PICTURES[refused.code]]
    elif isinstance(refused, editing.Refused):
        campaign_form.explain(form, refused.faults, merchant)
    elif isinstance(refused, NotMe):
        form.password.errors = [not_me()]
    elif isinstance(refused, questions.Unconfirmed):
        campaign_questions.ask(form, refused.questions)
    return _form_page(merchant, form, campaign, late=late), 422


def _over(campaign: Campaign):
    return redirect(url_for("campaigns.show", merchant=campaign.merchant.slug, campaign=campaign.slug), 303)


def _previewed(merchant: Merchant, form: CampaignForm, campaign: Campaign | None, seen: dict):
    """The voucher to look at; of a published campaign only what may change comes from the form."""
    if campaign is None:
        return previews.preview(merchant, campaign_form.document(form, merchant))
    entered = campaign_form.document(form, merchant, seen or entered_values.values_of(campaign), disputes.taken())
    return previews.preview(
        merchant, entered_values.nested(entered, entered_values.merged(campaign, entered, seen).values)
    )


def _form_page(
    merchant: Merchant, form: CampaignForm, campaign: Campaign | None = None, *, late: list[str] | None = None
) -> str:
    """The form; `late` are fields that it does not have any more, since the campaign was published meanwhile."""
    seen = entered_values.values_of(campaign) if campaign else {}
    voucher, places = _previewed(merchant, form, campaign, seen)
    if g.member.role != Role.OWNER:  # who types none has but this to choose
        form.password_in_use.label.text = form.redemption_password.label.text
    return render_template(
        "campaigns/form.html",
        fresh=is_fresh(),
        merchant=merchant,
        form=form,
        campaign=campaign,
        voucher=voucher,
        places=places,
        now=now(),
        seen=seen,
        late=late,
        answers=campaign_questions.answers(),
        has_password=RedemptionPassword.select().where(RedemptionPassword.merchant == merchant).exists(),
    )
