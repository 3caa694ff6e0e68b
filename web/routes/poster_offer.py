"""A poster's offer, as the person who scanned it sees it: looked at, and claimed into the wallet of this browser."""

from flask import Blueprint, Response, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from models import Account, Poster
from quanbao.lib import account_lock
from quanbao.vouchers import counter_passes, posters, wallet
from quanbao.vouchers.posters import Claimed, Closed, Reason
from web.auth import sessions
from web.auth.limits import new_wallet_limit
from web.auth.sessions import consumer
from web.context import now, poster_views, settings
from web.present import previews
from web.present.answers import problem, wants_json
from web.present.messages import sentences
from web.present.poster_messages import POSTER_REASONS

routes = Blueprint("poster_offer", __name__)

STATUS = {Reason.TOO_OFTEN: 429, Reason.ADDRESS_NEEDED: 403, Reason.AT_COUNTER: 403}  # of what is refused; else 409


@routes.get("/p/<poster:token>")
def show(token: str):
    found = posters.find(token)
    if found is None:
        return _nothing()
    if request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", ""):
        poster_views().add(found, now())
    person = _visitor()
    if person is None:
        sessions.first_claim()
    return _page(found, person, posters.refusal(found, person, now(), _step(found)))


@routes.post("/p/<poster:token>")
@new_wallet_limit
def claim(token: str):
    found, person = posters.find(token), _visitor()
    if found is None:
        return _nothing()
    try:
        claimed = _claimed(found, person)
    except Closed as closed:
        return _refused(found, person, closed)
    voucher = claimed.voucher
    voucher.campaign = found.campaign
    if wants_json():
        return jsonify(voucher=wallet.describe(voucher, now())), 201 if claimed.is_new else 200
    flash("claimed", voucher.code)
    return redirect(url_for("vouchers.show", code=voucher.code), 303)


@routes.errorhandler(account_lock.Overtaken)
def look_again(overtaken: account_lock.Overtaken) -> BaseResponse:
    """Another browser of the wallet deleted or merged it a moment ago: this one is signed out now."""
    if wants_json():
        return problem(401, "signed_out")
    return redirect(url_for("poster_offer.show", **(request.view_args or {})), 303)


@routes.after_app_request
def write_views(response: Response) -> Response:
    """About once a minute, with the answer to whatever is asked then."""
    if poster_views().is_due(now()):
        poster_views().write()
    return response


def _visitor() -> Account | None:
    return consumer() if current_user.is_authenticated else None


def _step(found: Poster) -> int | None:
    """That of the counter pass which the visitor came with, where it is this poster's and good."""
    return counter_passes.step_of(found, request.values.get("pass", ""), settings().secret_key, now())


def _claimed(found: Poster, person: Account | None) -> Claimed:
    """A signed-out visitor goes on in the wallet without an address that the claim makes."""
    if person:
        return posters.claim(found, person, now(), _step(found))
    claimed = posters.claim_signed_out(found, sessions.first_claim(), sessions.browser_name(), now(), _step(found))
    assert claimed.token is not None, "it began a session"
    sessions.begin(claimed.voucher.consumer, claimed.token)
    return claimed


def _nothing():
    if wants_json():
        return jsonify(reason="not_found", message=sentences(*POSTER_REASONS["unknown"])), 404
    return render_template("posters/unknown.html", texts=POSTER_REASONS["unknown"]), 404


def _refused(found: Poster, person: Account | None, closed: Closed) -> Response:
    """In the form that was asked for."""
    if wants_json():
        answer = jsonify(reason=closed.reason, message=sentences(*POSTER_REASONS[closed.reason]))
    else:
        answer = make_response(_page(found, person, closed))
    answer.status_code = STATUS.get(closed.reason, 409)
    if closed.retry_after:
        answer.headers["Retry-After"] = str(closed.retry_after)
    return answer


def _page(found: Poster, person: Account | None, closed: Closed | None) -> str:
    """The offer as the wallet will show it, what is left and the terms; what speaks against it, before a claim."""
    campaign = found.campaign
    return render_template(
        "posters/offer.html",
        poster=found,
        campaign=campaign,
        voucher=previews.voucher_of(campaign),
        places=wallet.branches(campaign),
        now=now(),
        had=posters.had(found, person) if person else None,
        closed=closed,
        texts=POSTER_REASONS[closed.reason] if closed else None,
        here=request.path,
        counter_pass=request.values.get("pass", "") if found.at_counter else "",
    )
