"""A merchant's own screen: the day's redemptions at its branches, and counter codes redeemed there."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user, login_required

from models import Branch, CounterCode, Member, PasswordKind, RedemptionPassword, Role
from quanbao.lib import account_lock
from quanbao.merchants import branches, members
from quanbao.passwords import redemption_passwords, shop_passwords
from quanbao.people import accounts
from quanbao.redemption import checks, counter_codes, practice, revocations
from quanbao.redemption import redeem as redemption
from quanbao.redemption.case import case as case_of
from quanbao.redemption.reasons import Reason
from quanbao.redemption.redeem import AttemptRequest, Verdict
from quanbao.reports import till_day
from quanbao.vouchers import wallet
from web.auth.access import membership
from web.auth.sessions import consumer
from web.context import now, settings
from web.form_addresses import post_form
from web.present import attack_banner
from web.present.answers import ANSWER, wants_fragment, wants_json
from web.present.messages import AT_COUNTER, REASONS
from web.present.till_entry import NOWHERE, choices, entered
from web.present.verdicts import STATUS, verdict_as_json
from web.template_globals import fetch_frame

routes = Blueprint("till", __name__)

CAMERA = "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"  # here a code may be scanned, nowhere else


@routes.get("/till")
@login_required
def find():
    """Where an installed till starts, and where the QR code of a counter code leads: to the member's own till."""
    mine = [row for row in accounts.memberships(consumer()) if row.disabled_at is None]
    if not mine:
        return redirect(url_for("wallet.show"), 303)
    if len(mine) == 1:
        return redirect(url_for("till.show", merchant=mine[0].merchant.slug), 303)
    return render_template("till/find.html", memberships=mine)


@routes.get("/merchants/<slug:merchant>/till")
@login_required
def show(merchant: str):
    """The day; htmx asks again while the page is open, and hears 204 when nothing changed."""
    member = membership(merchant, tuple(Role))
    return _page(member, members.places(member))


@routes.post("/merchants/<slug:merchant>/till")
@login_required
def take(merchant: str):
    """A counter code is typed or scanned: from now on it is this member's to redeem."""
    member = membership(merchant, tuple(Role))
    places = members.places(member)
    typed = request.form.get("code", "")
    if practice.is_code(typed):
        return redirect(url_for("practice.charge", merchant=merchant, at=_at()), 303)
    if number := wallet.number_of(typed):
        return _by_number(member, places, number)
    code = counter_codes.plain(typed)
    if code is None:
        return _page(member, places, fault="shape"), 422
    found = counter_codes.take(code, member, clock=current_app.extensions["clock"], key=settings().secret_key)
    if isinstance(found, counter_codes.Stopped):
        page = make_response(_page(member, places, fault="stopped", wait=found.retry_after), 429)
        page.headers["Retry-After"] = str(found.retry_after)
        return page
    if found is None:
        return _page(member, places, fault="wrong"), 422
    return redirect(url_for("till.voucher", merchant=merchant, attempt_id=found.attempt_id, at=_at()), 303)


def _by_number(member: Member, places: list[Branch], number: str):
    """A voucher's own number, typed or scanned: it is shown, and not redeemed."""
    if revocations.find(number, member) is None:
        return _page(member, places, fault="number"), 422
    return redirect(url_for("till_vouchers.show", merchant=member.merchant.slug, code=number), 303)


@routes.get("/merchants/<slug:merchant>/till/<uuid:attempt_id>")
@login_required
def voucher(merchant: str, attempt_id: UUID):
    """The voucher of a code that this member took, and what to charge; once redeemed, its verdict."""
    member, row = _taken(merchant, attempt_id)
    verdict = redemption.stored(row.voucher.consumer, row.attempt_id)
    if verdict is None and not counter_codes.may_redeem(row, row.voucher, row.attempt_id, now()):
        verdict = Verdict(row.attempt_id, Reason.NOT_FOUND)
    return _verdict(member, row, verdict, members.places(member)) if verdict else _charge(member, row)


@routes.post("/merchants/<slug:merchant>/till/<uuid:attempt_id>")
@login_required
def redeem(merchant: str, attempt_id: UUID):
    """The verdict's page is made of what was read before the commit: a database lost since hides no redemption."""
    member, row = _taken(merchant, attempt_id)
    fetch_frame(member.merchant)
    again, places = redemption.stored(row.voucher.consumer, row.attempt_id), members.places(member)
    till, faults = entered(member, row.voucher.campaign)
    if faults and not again:
        return _charge(member, row, faults), 422
    verdict = again or redemption.attempt(
        AttemptRequest(row.voucher.consumer, row.voucher.code, row.attempt_id, None, till, taken=row),
        clock=current_app.extensions["clock"],
        keys=current_app.extensions["keys"],
    )
    if wants_json():
        answer = jsonify(verdict_as_json(verdict, _texts(verdict)))
    else:
        answer = make_response(_verdict(member, row, verdict, places), {ANSWER: "ok"})
    answer.status_code = STATUS.get(verdict.reason, 409)
    if verdict.retry_after:
        answer.headers["Retry-After"] = str(verdict.retry_after)
    return answer


def _one_time(merchant: str, number: int) -> tuple[Member, list[Branch], RedemptionPassword]:
    member = membership(merchant, tuple(Role))
    places = members.places(member)
    row = next((row for row in shop_passwords.shown_at(member, places) if row.id == number), None)
    if row is None or row.kind != PasswordKind.ONE_TIME:
        abort(404)
    return member, places, row


@post_form(routes, "/merchants/<slug:merchant>/till/passwords/<int:number>", "till.show", _one_time)
@login_required
def new_digits(merchant: str, number: int):
    """Six digits of a one-time password, for this screen alone: good once, and for a minute."""
    member, places, row = _one_time(merchant, number)
    try:
        made = shop_passwords.new_digits(row, current_user.row, now(), settings().password_key)
    except account_lock.Overtaken:
        return redirect(url_for("till.show", merchant=merchant), 303)  # which asks to sign in
    return _page(member, places, one_time={row.id: made})


# The day


def _at() -> str | None:
    """The place that this screen was narrowed to, passed on from page to page."""
    return request.values.get("at") or None


def _page(
    member: Member,
    places: list[Branch],
    fault: str | None = None,
    wait: int = 0,
    one_time: dict[int, str] | None = None,
) -> str | Response:
    merchant, at, before = member.merchant, request.values.get("at"), _before()
    slugs = _slugs(places, at)
    day = merchant.day(now())
    alarm, (passwords, mark) = attack_banner.mark(merchant), _passwords(member, places)
    shown = (till_day.mark(merchant, slugs, day), [place.name for place in places], alarm, mark)
    seen = sha256(repr(shown).encode()).hexdigest()[:16]
    if wants_fragment() and request.args.get("seen") == seen:
        return Response(status=204)
    rows = till_day.rows(merchant, slugs, day, before)
    redeemed = [row for row in rows if row.redemption]
    typed = {"fault": fault, "wait": wait, "typed": _typed(), "unused": counter_codes.unused(_typed())}
    page = make_response(
        render_template(
            "till/_day.html" if wants_fragment() else "till/page.html",
            merchant=merchant,
            member=member,
            at=at,
            places=places,
            names={place.slug: place.name for place in places},
            rows=rows,
            tabs=places and sum(place.closed_at is None for place in branches.of_merchant(merchant)) > 1,
            number=till_day.count(merchant, slugs, day),
            day=day,
            seen=seen,
            now=now(),
            alarm=alarm,
            **passwords,
            one_time=one_time or {},
            **typed,
            older=redeemed[-1].redemption if len(redeemed) == till_day.A_PAGE else None,
            before=before,
        )
    )
    page.headers["Permissions-Policy"] = CAMERA
    return page


def _typed() -> str:
    return "".join(character for character in request.form.get("code", "")[:20] if character.isprintable())


def _before() -> int:
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _slugs(places: list[Branch], at: str | None) -> list[str]:
    """The branches to show, and in each the tries where none was named: they may well have been here."""
    own = [place.slug for place in places]
    if at and at != NOWHERE and at not in own:
        abort(404)
    return [""] if at == NOWHERE else [at, ""] if at else [*own, ""]


def _passwords(member: Member, places: list[Branch]) -> tuple[dict[str, Any], tuple]:
    """What the page says of passwords: changed ones, those that are ending, digits; and what changes when it does."""
    changed = redemption_passwords.changed_lately(member.merchant, now())
    ending = list(redemption_passwords.ending(member.merchant, now()))
    digits = _digits(member, places)
    day = member.merchant.day(now()).isoformat()  # not the digits themselves: the mark stands in an address
    mark = ([(row.name, row.ends_at) for row in ending], [(row.id, row.version, row.name, day) for row, _ in digits])
    return {"changed": changed, "ending": ending, "digits": digits}, (changed, *mark)


def _digits(member: Member, places: list[Branch]) -> list[tuple[RedemptionPassword, str]]:
    """The passwords that this till page shows, with today's digits of a daily one; a one-time one has none yet."""
    key, moment = settings().password_key, now()
    return [
        (row, shop_passwords.of_today(row, moment, key) if row.kind == PasswordKind.DAILY else "")
        for row in shop_passwords.shown_at(member, places)
    ]


# One voucher


def _taken(merchant: str, attempt_id: UUID) -> tuple[Member, CounterCode]:
    member = membership(merchant, tuple(Role))
    row = counter_codes.taken(member, str(attempt_id))
    if row is None:
        abort(404)
    return member, row


def _charge(member: Member, row: CounterCode, faults: frozenset[str] = frozenset()) -> str:
    places, must = choices(member, row.voucher.campaign)
    moment, where = now(), wallet.branches(row.voucher.campaign)
    reason = checks.told_beforehand(case_of(row.voucher, moment))
    return render_template(
        "till/voucher.html",
        merchant=member.merchant,
        now=moment,
        member=member,
        voucher=row.voucher,
        places=places,
        must=must,
        where=where,
        faults=faults,
        entered=request.form,
        at=_at(),
        attempt_id=row.attempt_id,
        reason=REASONS[reason][0] if reason else None,
        past=[use for use in wallet.redemptions(row.voucher) if use.rollback is None],
    )


def _texts(verdict: Verdict) -> tuple[str, str] | None:
    if verdict.reason is None:
        return None
    return AT_COUNTER.get(verdict.reason) or REASONS.get(verdict.reason)


def _verdict(member: Member, row: CounterCode, verdict: Verdict, places: list[Branch]) -> str:
    texts, branch = _texts(verdict), verdict.till["branch"] if verdict.till else None
    place = next((place.name for place in places if place.slug == branch), branch)
    return render_template(
        "till/verdict.html",
        merchant=member.merchant,
        member=member,
        verdict=verdict,
        voucher=row.voucher,
        at=_at(),
        texts=texts,
        place=place,
        own=AT_COUNTER.get(verdict.reason) if verdict.reason else None,
        attempt_id=row.attempt_id,
    )
