"""Publishing a campaign's vouchers to the consumers whom its owner designates [0019]."""

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_login import login_required

from models import Audience, Campaign, Customer, Publication
from quanbao import addresses, customers, publishing
from web import forms
from web.access import campaign_of
from web.answers import wants_fragment
from web.context import now, settings
from web.messages import ADDRESS_FAULTS, PUBLISHING, SOLD_OUT
from web.sizes import LARGEST_UPLOAD

routes = Blueprint("publications", __name__)

MOST_PICKED = 1000  # customers in one form; more of them are a group
MOST_PARTS = 10 * MOST_PICKED  # so many fields are read, to say that they are too many and to lose none


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications")
@login_required
def new(merchant: str, campaign: str):
    return _page(campaign_of(merchant, campaign))


@routes.route("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications/customers", methods=["GET", "POST"])
@login_required
def search(merchant: str, campaign: str):
    """Customers to tick: those ticked already stay, whatever is searched next.

    It changes nothing; it may be a POST because a thousand ticks are more than an address may hold.
    """
    row = campaign_of(merchant, campaign)
    if not wants_fragment():
        return _page(row)
    return render_template("publications/_customers.html", **_found(row))


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications")
@login_required
def publish(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    request.max_form_parts, request.max_form_memory_size = MOST_PARTS, LARGEST_UPLOAD
    form = forms.Publish()
    try:
        audience, entries, failures = _designated(row, form)
        publication = publishing.start(row, audience, entries, now=now(), failures=failures)
    except addresses.NotText:
        return _page(row, form, "not_text"), 422
    except publishing.Refused as refused:
        return _page(row, form, refused.code), 422
    except Campaign.DoesNotExist:  # a draft that somebody deleted a moment ago
        abort(404)
    publishing.step(publication.id, now=now(), key=settings().secret_key)  # a thousand; the worker does the rest
    return redirect(url_for("publications.show", merchant=merchant, campaign=campaign, number=publication.id), 303)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/publications/<int:number>")
@login_required
def show(merchant: str, campaign: str, number: int):
    """How far it is; htmx asks again while it goes on, and hears 204 when nothing moved."""
    row = campaign_of(merchant, campaign)
    publication = Publication.get_or_none(
        (Publication.id == min(number, 2**63 - 1)) & (Publication.campaign == row))
    if publication is None:
        abort(404)
    if wants_fragment() and publication.finished_at is None and request.args.get("done") == str(publication.done):
        return Response(status=204)
    template = "publications/_progress.html" if wants_fragment() else "publications/page.html"
    return render_template(
        template, merchant=row.merchant, campaign=row, publication=publication, over=row.is_over(now()),
        address_faults=ADDRESS_FAULTS)


def _designated(campaign: Campaign, form: forms.Publish) -> tuple[Audience, list, list]:
    """The audience, its entries, and the lines that could not be read; raises addresses.NotText."""
    if form.audience.data == Audience.GROUPS:
        chosen = set(form.groups.data or [])
        return Audience.GROUPS, [name for name in customers.groups(campaign.merchant) if name in chosen], []
    if form.audience.data == Audience.CUSTOMERS:
        picked = _picked()
        if len(picked) > MOST_PICKED:
            raise publishing.Refused("too_many")
        return Audience.CUSTOMERS, picked, []
    if form.audience.data == Audience.ALL:
        return Audience.ALL, [], []
    if form.audience.data != Audience.ADDRESSES:
        raise publishing.Refused("nobody")
    found, sent = addresses.typed(form.addresses.data or ""), request.files.get("file")
    if sent and sent.filename:
        found.add(addresses.in_file(sent.read()))
    form.failures = found.failures
    return Audience.ADDRESSES, list(found.addresses), found.failures


def _picked() -> list[int]:
    values = request.values.getlist("customer")[:MOST_PARTS]
    return list(dict.fromkeys(int(text) for text in values if text.isascii() and text.isdigit() and len(text) < 19))


def _found(campaign: Campaign) -> dict:
    """What the search shows: the ticked first, then who else it finds."""
    text, ticked = request.values.get("q", "").strip()[:254], _picked()
    text = text if text.isprintable() else ""  # NUL is nothing that PostgreSQL takes
    mine = customers.known(campaign.merchant).where(Customer.id.in_(ticked))
    kept = list(mine.order_by(Customer.address)) if ticked else []
    found = [customer for customer in customers.find(campaign.merchant, text) if customer not in kept]
    return {"q": text, "ticked": kept, "found": found, "merchant": campaign.merchant, "campaign": campaign}


def _over(campaign: Campaign) -> str | None:
    """What stands against publishing before anybody is chosen, with the way out."""
    if campaign.is_over(now()):
        return PUBLISHING["ended" if campaign.ended_at else "over"]
    return SOLD_OUT if campaign.remaining <= 0 else None


def _page(campaign: Campaign, form: forms.Publish | None = None, fault: str | None = None) -> str:
    form = form or forms.Publish(formdata=None, audience=request.args.get("audience"))
    everybody = customers.known(campaign.merchant).count()
    return render_template(
        "publications/new.html", form=form, everybody=everybody, groups=customers.groups(campaign.merchant),
        nobody=fault == "nobody", fault=PUBLISHING.get(fault), over=_over(campaign), failures=form.failures,
        address_faults=ADDRESS_FAULTS, now=now(), **_found(campaign))
