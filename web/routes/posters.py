"""A campaign's posters: made, printed, paused, and what came of each."""

from base64 import b64encode

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask_babel import force_locale, gettext
from flask_login import login_required
from markupsafe import Markup

from models import Campaign, Poster
from quanbao.redemption import revocations
from quanbao.redemption.reasons import LONGEST_NOTE, Unexplained
from quanbao.vouchers import posters
from web.auth.access import campaign_of
from web.context import base_url, now, poster_views
from web.present import formats, forms, qr
from web.present.languages import LANGUAGES, TAGS
from web.present.messages import WHY_FAULTS, WHY_REVOKED
from web.present.poster_messages import CLAIMED_BY, POSTER_FAULTS

routes = Blueprint("posters", __name__)

PAPERS = ("a4", "a5", "card")


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/posters")
@login_required
def index(merchant: str, campaign: str):
    row = campaign_of(merchant, campaign)
    return _index(row, forms.NewPoster(formdata=None, quantity=str(row.remaining)))


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/posters")
@login_required
def make(merchant: str, campaign: str):
    row, form = campaign_of(merchant, campaign), forms.NewPoster()
    try:
        poster = posters.make(row, _entered(form), now())
    except posters.Refused as refused:
        if not refused.field:
            return _index(row, form, POSTER_FAULTS[refused.code]), 422
        form[refused.field].errors = [POSTER_FAULTS[refused.code]]
        return _index(row, form), 422
    except Campaign.DoesNotExist:  # a draft that was deleted a moment ago
        abort(404)
    return redirect(url_for("posters.show", merchant=merchant, campaign=campaign, number=poster.id), 303)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/posters/<int:number>")
@login_required
def show(merchant: str, campaign: str, number: int):
    return _page(_own(campaign_of(merchant, campaign), number))


@routes.post("/merchants/<slug:merchant>/campaigns/<slug:campaign>/posters/<int:number>")
@login_required
def change(merchant: str, campaign: str, number: int):
    """Pause it, go on, end it, or revoke what is unused: the buttons say which."""
    row, do = _own(campaign_of(merchant, campaign), number), request.form.get("do")
    if do in ("pause", "go on"):
        posters.pause(row, now() if do == "pause" else None)
    elif do == "end":
        posters.end(row, now())
    elif do == "revoke":
        why = request.form.get("reason", ""), request.form.get("note", "")
        try:
            revocations.revoke_unused(row, g.member, *why, now())
        except Unexplained as unexplained:
            return _page(row, unexplained.field), 422
    return redirect(url_for("posters.show", merchant=merchant, campaign=campaign, number=number), 303)


@routes.get("/merchants/<slug:merchant>/campaigns/<slug:campaign>/posters/<int:number>/print")
@login_required
def sheet(merchant: str, campaign: str, number: int):
    """To be printed: what it says in every language of ours, the code and the address to type."""
    row, paper = _own(campaign_of(merchant, campaign), number), request.args.get("paper", PAPERS[0])
    halves = {}
    for tag in LANGUAGES:
        with force_locale(tag):
            halves[TAGS[tag]] = Markup(render_template("posters/_half.html", campaign=row.campaign))
    return render_template(
        "posters/print.html",
        merchant=row.campaign.merchant,
        campaign=row.campaign,
        poster=row,
        paper=paper if paper in PAPERS else PAPERS[0],
        papers=_papers(),
        halves=halves,
        link=address_of(row),
    )


def address_of(poster: Poster) -> str:
    """The whole address of a poster, as it stands in its code."""
    return base_url() + url_for("poster_offer.show", token=poster.token)


def _papers() -> dict[str, str]:
    return {"a4": "A4", "a5": "A5", "card": gettext("Table card (A6)")}


def _own(campaign: Campaign, number: int) -> Poster:
    row = Poster.get_or_none((Poster.id == min(number, 2**63 - 1)) & (Poster.campaign == campaign))
    if row is None:
        abort(404)
    row.campaign = campaign
    return row


def _entered(form: forms.NewPoster) -> dict:
    """The form as the act reads it; what is no number is refused there."""
    return {
        "name": form.name.data or "",
        "claimed_by": form.claimed_by.data,
        "quantity": formats.whole(form.quantity.data),
        "per_day": (formats.whole(form.per_day.data) or 0) if (form.per_day.data or "").strip() else None,
        "per_minute": formats.whole(form.per_minute.data),
        "at_counter": form.at_counter.data,
    }


def _index(row: Campaign, form: forms.NewPoster, fault: str | None = None) -> str:
    poster_views().write()
    return render_template(
        "posters/index.html",
        merchant=row.merchant,
        campaign=row,
        posters=posters.of_campaign(row),
        redeemed=posters.redeemed,
        form=form,
        fault=fault,
        now=now(),
    )


def _page(row: Poster, fault: str | None = None) -> str:
    poster_views().write()
    row = _own(row.campaign, row.id)
    link = address_of(row)
    return render_template(
        "posters/page.html",
        merchant=row.campaign.merchant,
        campaign=row.campaign,
        poster=row,
        now=now(),
        closed=posters.refusal(row, None, now()),
        redeemed=posters.redeemed(row),
        unused=posters.unused(row).count(),
        link=link,
        snippet=_snippet(row, link),
        papers=_papers(),
        claimed_by=CLAIMED_BY,
        why=WHY_REVOKED,
        fault=fault,
        faults=WHY_FAULTS,
        entered=request.form,
        longest=LONGEST_NOTE,
    )


def _snippet(row: Poster, link: str) -> str:
    """HTML for the shop's own site: a link with the code in it, which asks nothing of ours until it is tapped."""
    label = gettext("Voucher: %(product)s", product=row.campaign.product)
    picture = b64encode(qr.svg(link, label).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).encode())
    return str(
        Markup('<a href="{}"><img src="data:image/svg+xml;base64,{}" width="200" height="200" alt="{}"></a>').format(
            link, picture.decode(), label
        )
    )
