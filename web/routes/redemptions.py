"""At the till: one step for what the campaign asks, the keypad, the verdict, and attempts again."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, current_app, jsonify, make_response, render_template, request, url_for
from flask_login import login_required

from models import Account, Branch, Campaign, Redemption, Rollback, Voucher
from quanbao.campaigns.rules import MOST_MONEY
from quanbao.lib.validation import is_slug
from quanbao.passwords import accepting, guess_limits, redemption_passwords
from quanbao.redemption import checks
from quanbao.redemption import redeem as redemption
from quanbao.redemption.case import case as case_of
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.reasons import Reason
from quanbao.redemption.redeem import AttemptRequest, Verdict
from quanbao.vouchers import wallet
from web.auth.access import opened_voucher, voucher_of
from web.auth.sessions import consumer
from web.context import now
from web.form_addresses import post_form
from web.present import formats
from web.present.answers import wants_fragment, wants_json
from web.present.messages import CLOSED, FIELDS, REASONS, Text
from web.present.till_entry import NOWHERE
from web.present.verdicts import SAME_SCREEN, STATUS, verdict_as_json

routes = Blueprint("redemptions", __name__)

SETTLED = {None, Reason.PASSWORD_INCORRECT, Reason.PASSWORD_USED, *checks.CHECKS}  # stored under the attempt's id
OTHER_ENTRIES = {Reason.MINIMUM_SPEND, Reason.WRONG_BRANCH, Reason.PRICE_CHANGED}  # with other entries it may
SHOWN = timedelta(minutes=5)  # a verdict stays on the screen; then it is an entry of the voucher's history
FRESH = timedelta(minutes=1)  # after that a verdict given again says that it is of the past
AT_ONCE = timedelta(seconds=15)  # the same where digits were typed again: as long as the keypad waits for an answer


@routes.get("/vouchers/<code:code>/redeem")
@login_required
def redeem(code: str):
    """The keypad, unless it is plain beforehand that nothing can be redeemed."""
    voucher, moment = opened_voucher(code), now()
    reason = checks.told_beforehand(case_of(voucher, moment))
    if reason:
        verdict = Verdict("", reason, wallet.describe(voucher, moment))
        return _render("redemptions/page.html", verdict, voucher, REASONS[reason])
    if spent := guess_limits.closed(accepting.of_campaign(voucher.campaign, moment), moment):
        verdict = Verdict(
            "", Reason.TOO_MANY_ATTEMPTS, wallet.describe(voucher, moment), closed=True, retry_after=spent.retry_after
        )
        return _render("redemptions/page.html", verdict, voucher, CLOSED)
    sent = request.args.get("branch")
    branch = None if sent == NOWHERE else sent
    return _step(voucher) or render_template(
        "redemptions/keypad.html",
        voucher=voucher,
        now=moment,
        spare_id=uuid.uuid4(),
        branch=branch,
        amount=_amount(voucher, request.args.get("amount", "")),
        place=_place(voucher, branch),
        past=_standing(wallet.redemptions(voucher)) if voucher.use_number else [],
    )


def _place(voucher: Voucher, slug: str | None) -> str | None:
    """The name of the branch where the voucher is redeemed, for cashier and customer to see."""
    places = wallet.branches(voucher.campaign) if slug else []
    return next((place.name for place in places if place.slug == slug), None)


def _amount(voucher: Voucher, text: str) -> int | None:
    minor = formats.minor_units(text, voucher.campaign.merchant)
    return minor if minor is None or minor <= MOST_MONEY else None


def _step(voucher: Voucher):
    """The one step for amount and branch, while what must be known of them is not there yet.

    The branch that the holder last redeemed at is chosen beforehand; that it was at none of them is never.
    """
    campaign, sent = voucher.campaign, request.args
    places, nowhere = _to_choose(campaign), not campaign.branch_slugs
    lacking = set()
    amount = _amount(voucher, sent.get("amount", ""))
    if campaign.minimum_spend is not None and (amount is None or amount < campaign.minimum_spend):
        lacking.add("amount")
    if places and sent.get("branch") not in [place.slug for place in places] + [NOWHERE] * nowhere:
        lacking.add("branch")
    if not lacking:
        return None
    faults = lacking & sent.keys()
    page = render_template(
        "redemptions/step.html",
        voucher=voucher,
        places=places,
        faults=faults,
        sent=sent,
        amount=amount,
        nowhere=NOWHERE if nowhere else None,
        last=wallet.last_branch(voucher) if places and "branch" not in sent else None,
    )
    return page, 422 if faults else 200


def _to_choose(campaign: Campaign) -> list[Branch]:
    """The branches to choose among; none where it is plain: the shop has one, or each accepted password says it.

    Where so many are accepted that only a branch's own are compared, it is chosen first all the same.
    """
    places = wallet.branches(campaign)
    if not campaign.branch_slugs and len(places) < 2:
        return []
    rows = accepting.of_campaign(campaign, now())
    said = all(row.branch_slug for row in rows) and not accepting.are_many(rows)
    return [] if said else places


@post_form(routes, "/vouchers/<code:code>/redemptions", "redemptions.redeem", voucher_of)
@login_required
def attempt(code: str):
    attempt_id = _uuid(request.form.get("attempt_id"))
    if attempt_id is None:
        return answer(Verdict("", Reason.MALFORMED), code, FIELDS["attempt_id"])
    typed, till, fault = _read(request.form)
    verdict = redemption.attempt(
        AttemptRequest(consumer(), code, attempt_id, typed, till),
        clock=current_app.extensions["clock"],
        keys=current_app.extensions["keys"],
    )
    return answer(verdict, code, FIELDS[fault] if fault and verdict.reason is Reason.MALFORMED else None)


@routes.get("/attempts/<attempt_id>")
@login_required
def show(attempt_id: str):
    known = _uuid(attempt_id)
    verdict = redemption.stored(consumer(), known) if known else None
    if verdict is None:
        abort(404)
    assert verdict.voucher is not None, "what is stored says which"
    reply = answer(verdict, verdict.voucher["code"])
    reply.status_code = 200
    return reply


def _uuid(text: str | None) -> str | None:
    """The attempt id in its one spelling, or none where it is no UUID (RFC 9562)."""
    text = text or ""
    try:
        value = str(uuid.UUID(text))
    except ValueError:
        return None
    return value if value == text.lower() else None


def _read(form: Mapping[str, str]) -> tuple[str | None, TillEntry | None, str | None]:
    """Password and till as sent, and the first field that is not what it must be."""
    typed, branch = redemption_passwords.digits(form.get("password", "")), form.get("branch") or None
    amount, offer_price = _number(form.get("amount")), _number(form.get("offer_price"))
    faults = [
        name
        for name, bad in (
            ("amount", amount is False),
            ("offer_price", offer_price is False),
            ("branch", branch is not None and not is_slug(branch)),
        )
        if bad
    ]
    till = None if faults else TillEntry(branch, amount, offer_price)
    return typed, till, "password" if typed is None else faults[0] if faults else None


def _number(text: str | None) -> int | None | bool:
    """Minor units; none where nothing was sent, False where it is no such number."""
    if not text:
        return None
    usable = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_MONEY))
    return int(text) if usable and int(text) <= MOST_MONEY else False


def answer(verdict: Verdict, code: str, texts: Text | None = None) -> Response:
    """The verdict as JSON, as the fragment that replaces the keypad, or as a page."""
    texts = texts or (CLOSED if verdict.closed else REASONS.get(verdict.reason) if verdict.reason else None)
    if wants_json():
        reply = jsonify(verdict_as_json(verdict, texts))
    else:
        template = "redemptions/_verdict.html" if wants_fragment() else "redemptions/page.html"
        reply = make_response(_render(template, verdict, verdict.of or wallet.held(code, consumer()), texts))
    reply.status_code = STATUS.get(verdict.reason, 409)
    if verdict.retry_after:
        reply.headers["Retry-After"] = str(verdict.retry_after)
    return reply


def _render(template: str, verdict: Verdict, voucher: Voucher | None, texts: Text | None) -> str:
    redeemed_at = datetime.fromisoformat(verdict.redeemed_at) if verdict.redeemed_at else None
    back = _rollback(verdict) if verdict.redeemed and verdict.of is None else None  # one of just now has none
    past = wallet.redemptions(voucher) if voucher and verdict.reason in checks.SPENT else []
    afresh = url_for("redemptions.redeem", code=voucher.code, branch=_chosen(verdict)) if voucher else ""
    at_counter = bool(verdict.till and verdict.till.get("counter"))
    return render_template(
        template,
        verdict=verdict,
        voucher=voucher,
        texts=texts,
        now=now(),
        redeemed_at=redeemed_at,
        rollback=back,
        past=_standing(past),
        fresh=redeemed_at is not None
        and back is None
        and abs(now() - redeemed_at) < (AT_ONCE if request.method == "POST" else FRESH),
        place=_place_of(verdict),
        settled=bool(verdict.attempt_id) and verdict.reason in SETTLED,
        shown=_shown(redeemed_at),
        retry=verdict.reason in SAME_SCREEN | OTHER_ENTRIES and not at_counter,
        at_counter=at_counter,
        again="" if verdict.reason in SAME_SCREEN and wants_fragment() else afresh,  # "" is the keypad's own address
    )


def _chosen(verdict: Verdict) -> str | None:
    """The branch of a try that may go better there, where a shop has several: it need not be chosen once more."""
    if verdict.reason not in SAME_SCREEN or not (verdict.voucher and verdict.till and verdict.till["branch"]):
        return None
    return verdict.till["branch"] if len(verdict.voucher["branches"]) > 1 else None


def _place_of(verdict: Verdict) -> str | None:
    """The name that the branch of a try had then."""
    if verdict.voucher is None or verdict.till is None:
        return None
    slug = verdict.till["branch"]
    return next((place["name"] for place in verdict.voucher["branches"] if place["slug"] == slug), None)


def _standing(past: list[Redemption]) -> list[Redemption]:
    return [redemption for redemption in past if redemption.rollback is None]


def _rollback(verdict: Verdict) -> Rollback | None:
    """How the shop took back what this verdict says; the verdict stays what it was."""
    theirs = Account.of_wallet(Redemption.consumer, consumer().id)
    mine = theirs & (Redemption.attempt_id == verdict.attempt_id)
    return next(iter(wallet.rollbacks(mine).values()), None)


def _shown(redeemed_at: datetime | None) -> int:
    """How many seconds the verdict stays on the screen."""
    end = (redeemed_at or now()) + SHOWN
    return int(max(timedelta(), min(end - now(), SHOWN)).total_seconds())
