"""At the till beside the day: a voucher by its own number, and the changing code of a poster for the counter."""

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_login import login_required

from models import Campaign, Poster, Role
from quanbao.redemption import revocations
from quanbao.vouchers import counter_passes, posters, wallet
from web.auth.access import membership
from web.context import base_url, now, settings
from web.present.answers import wants_fragment

routes = Blueprint("till_vouchers", __name__)


@routes.get("/merchants/<slug:merchant>/till/vouchers/<code:code>")
@login_required
def show(merchant: str, code: str):
    """For every member, whatever their branches: a customer stands before them."""
    member = membership(merchant, tuple(Role))
    row = revocations.find(code, member)
    if row is None:
        abort(404)
    return render_template(
        "till/number.html",
        merchant=member.merchant,
        member=member,
        voucher=row,
        now=now(),
        past=wallet.redemptions(row),
        places=wallet.branches(row.campaign),
        till=url_for("till.show", merchant=merchant),
    )


@routes.get("/merchants/<slug:merchant>/till/posters/<int:number>")
@login_required
def counter(merchant: str, number: int):
    """For a screen on the counter: the code of a poster that gives vouchers there alone; it asks for the next one."""
    member = membership(merchant, tuple(Role))
    poster = Poster.select(Poster, Campaign).join(Campaign).where(Poster.id == min(number, 2**63 - 1)).get_or_none()
    if poster is None or not poster.at_counter or poster.campaign.merchant_id != member.merchant_id:
        abort(404)
    poster.campaign.merchant = member.merchant
    step = counter_passes.step_at(now())
    if wants_fragment() and request.args.get("seen") == str(step):
        return Response(status=204)
    shown = counter_passes.shown(poster, settings().secret_key, now())
    return render_template(
        "till/_pass.html" if wants_fragment() else "till/pass.html",
        merchant=member.merchant,
        poster=poster,
        closed=posters.refusal(poster, None, now(), step),
        step=step,
        link=f"{base_url()}{url_for('poster_offer.show', token=poster.token)}?pass={shown}",
        till=url_for("till.show", merchant=merchant),
    )
