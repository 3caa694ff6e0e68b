"""Publishing a campaign's vouchers to the consumers whom its owner designates [0019]."""

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_login import login_required

from models import Audience, Campaign, Publication
from quanbao.merchants import customers, groups
from quanbao.vouchers import address_lists, publications
from web.auth.access import campaign_of
from web.context import now, settings
from web.present import forms, selection
from web.present.answers import wants_fragment
from web.present.messages import ADDRESS_FAULTS, PUBLISHING, SOLD_OUT

routes = Blueprint("publications", __name__)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications")
@login_required
def new(merchant: str, campaign: str):
    return _page(campaign_of(merchant, campaign))


@routes.route("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications/customers", methods=["GET", "POST"])
@login_required
def search(merchant: str, campaign: str):
    """Customers to tick: those ticked already stay, whatever is searched next, and so does the rest of the form.

    It changes nothing; it is a POST because who is ticked is no part of an address.
    """
    row = campaign_of(merchant, campaign)
    selection.allow_many()
    if wants_fragment():
        return render_template("customers/_found.html", merchant=row.merchant, found=_found(row), picking=True)
    return _page(row, forms.Publish() if request.method == "POST" else None)


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications")
@login_required
def publish(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    selection.allow_many()
    form = forms.Publish()
    if request.form.get("do") in selection.LOOKING:  # the address of these buttons did not come through
        return _page(row, form)
    try:
        audience, entries, failures = _designated(row, form)
        publication = publications.start(row, audience, entries, now=now(), failures=failures)
    except address_lists.NotText:
        return _page(row, form, "not_text"), 422
    except (publications.Refused, selection.TooMany) as refused:
        return _page(row, form, refused.code), 422
    except Campaign.DoesNotExist:  # a draft that was deleted a moment ago
        abort(404)
    publications.step(publication.id, now=now(), key=settings().secret_key)  # a thousand; the worker does the rest
    return redirect(url_for("publications.show", merchant=merchant, campaign=campaign, number=publication.id), 303)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications/<int:number>")
@login_required
def show(merchant: str, campaign: str, number: int):
    """How far it is; htmx asks again while it goes on, and hears 204 when nothing moved."""
    row = campaign_of(merchant, campaign)
    publication = Publication.get_or_none((Publication.id == min(number, 2**63 - 1)) & (Publication.campaign == row))
    if publication is None:
        abort(404)
    if wants_fragment() and publication.finished_at is None and request.args.get("done") == str(publication.done):
        return Response(status=204)
    template = "publications/_progress.html" if wants_fragment() else "publications/page.html"
    return render_template(
        template,
        merchant=row.merchant,
        campaign=row,
        publication=publication,
        over=row.is_over(now()),
        address_faults=ADDRESS_FAULTS,
    )


def _designated(campaign: Campaign, form: forms.Publish) -> tuple[Audience, list, list]:
    """The audience, its entries, and the lines that could not be read; raises addresses.NotText."""
    if form.audience.data == Audience.GROUPS:
        chosen = set(groups.of_merchant(campaign.merchant).of_all(form.groups.data or []))
        return Audience.GROUPS, [name for name in groups.names(campaign.merchant) if name in chosen], []
    if form.audience.data == Audience.CUSTOMERS:
        return Audience.CUSTOMERS, selection.ticked(), []
    if form.audience.data == Audience.ALL:
        return Audience.ALL, [], []
    if form.audience.data != Audience.ADDRESSES:
        raise publications.Refused("nobody")
    found, sent = address_lists.typed(form.addresses.data or ""), request.files.get("file")
    if sent and sent.filename:
        found.add(address_lists.in_file(sent.read()))
    form.failures = found.failures
    return Audience.ADDRESSES, list(found.addresses), found.failures


def _found(campaign: Campaign) -> selection.Found:
    merchant = campaign.merchant
    return selection.found(merchant, url_for("publications.search", merchant=merchant.slug, campaign=campaign.slug))


def _over(campaign: Campaign) -> str | None:
    """What stands against publishing before customers are chosen, with the way out."""
    if campaign.is_over(now()):
        return PUBLISHING["ended" if campaign.ended_at else "over"]
    return SOLD_OUT if campaign.remaining <= 0 else None


def _page(campaign: Campaign, form: forms.Publish | None = None, fault: str | None = None) -> str:
    form = form or forms.Publish(formdata=None, audience=request.args.get("audience"))
    everybody = customers.known(campaign.merchant).count()
    return render_template(
        "publications/new.html",
        form=form,
        everybody=everybody,
        groups=groups.names(campaign.merchant),
        nobody=fault == "nobody",
        fault=PUBLISHING.get(fault or ""),
        over=_over(campaign),
        failures=form.failures,
        address_faults=ADDRESS_FAULTS,
        now=now(),
        found=_found(campaign),
        merchant=campaign.merchant,
        campaign=campaign,
    )
