"""A merchant's members, for its owners; and the link by which a member joins."""

from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from models import Branch, Member, Merchant, Role
from quanbao.lib import merging
from quanbao.merchants import members
from quanbao.people import one_time_links
from web.auth.access import OWNER, is_fresh, is_me, merchant_of, not_me
from web.auth.limits import own_password_limit
from web.auth.sessions import consumer
from web.context import base_url, now
from web.form_addresses import post_form
from web.present import disputes, formats, shown
from web.present.messages import PEOPLE, ROLES

routes = Blueprint("members", __name__)

NOT_ME = members.Refused("password", "not_me")  # to make an owner takes one who has just shown who they are


@routes.get("/merchants/<slug:merchant>/members")
@login_required
def index(merchant: str):
    return _page(merchant_of(merchant, OWNER), **_invited(merchant))


@routes.post("/merchants/<slug:merchant>/members")
@login_required
@own_password_limit
def invite(merchant: str):
    of, form = merchant_of(merchant, OWNER), request.form
    if form.get("role") == Role.OWNER and not is_me(form.get("password")):
        return _page(of, NOT_ME), 422
    try:
        _, token = members.invite(
            of, form.get("email", ""), form.get("role", ""), form.getlist("branches"), now(), by=g.member
        )
    except members.Refused as refused:
        return _page(of, refused), 422
    return _show_once(token, merchant)


def _show_once(token: str, merchant: str) -> Response:
    """The next page shows the link, and that page alone: the server keeps its hash, the owner's cookie the rest."""
    session["invited"] = token
    return redirect(url_for("members.index", merchant=merchant), 303)


def _invited(merchant: str) -> dict:
    """The invitation that was made a moment ago, as the page shows it."""
    token = session.pop("invited", "")
    link = members.usable_link(token, now())
    if link is None or link.member is None or link.member.merchant.slug != merchant:
        return {}
    return {"invited": link.member, "link": base_url() + url_for("members.show_join", token=token)}


def _own(merchant: str, number: int) -> Member:
    of = merchant_of(merchant, OWNER)
    row = Member.get_or_none((Member.id == min(number, 2**63 - 1)) & (Member.merchant == of))
    if row is None:
        abort(404)
    return row


@post_form(routes, "/merchants/<slug:merchant>/members/<int:number>", "members.index", _own)
@login_required
@own_password_limit
def change(merchant: str, number: int):
    """One form for all that may be done to a member: its buttons say what."""
    row, form = _own(merchant, number), request.form
    of = row.merchant
    if _makes_an_owner(row) and not is_me(form.get("password")):
        return _page(of, NOT_ME, row), 422
    try:
        if form.get("do") == "link":
            return _show_once(members.invite_again(row, now(), by=g.member), merchant)
        if form.get("do") == "disable":
            members.disable(row, now(), by=g.member)
        elif form.get("do") == "enable":
            members.enable(row, now(), by=g.member)
        else:
            members.change(row, **_sent(row), by=g.member, shown=_seen(row))
    except (members.Refused, merging.Conflict) as refused:
        return _page(of, refused, row), 422
    me = Member.get_by_id(g.member.id)
    if me.role != Role.OWNER or me.disabled_at:
        return redirect(url_for("account.show"), 303)  # who gave up their own rights is not let in here any more
    return redirect(url_for("members.index", merchant=merchant), 303)


def _makes_an_owner(member: Member) -> bool:
    """Whether the form gives a member all rights, or a way to them: not for a finder of an owner's open phone."""
    do = request.form.get("do")
    if do in ("link", "enable"):
        return member.role == Role.OWNER
    return do != "disable" and request.form.get("role") == Role.OWNER != member.role


def _typed() -> dict:
    return {"role": request.form.get("role", ""), "branches": request.form.getlist("branches")}


def _seen(member: Member) -> dict:
    return shown.read(f"member {member.id}")


def _sent(member: Member) -> dict:
    """What was typed, but for the fields in which the sender takes what another owner saved."""
    return disputes.decided(_typed(), _seen(member))


def _merged(merchant: Merchant, member: Member) -> tuple[dict, dict[str, str]]:
    """The form of a member as it was sent, the rest as it is now; and what another owner saved, in words."""
    merged = members.merged(Member.get_by_id(member.id), **_sent(member), shown=_seen(member))
    names = dict(Branch.select(Branch.slug, Branch.name).where(Branch.merchant == merchant).tuples())
    words = {
        "role": lambda role: str(ROLES[Role(role)]),
        "branches": lambda slugs: formats.listed(names[slug] for slug in slugs),
    }
    return merged.values, {name: disputes.words(words[name](value)) for name, value in merged.conflicts.items()}


def _page(
    merchant: Merchant, refused: members.Refused | merging.Conflict | None = None, about: Member | None = None, **more
) -> str:
    """All members; a refusal stands at the field of the form that was sent, or above where a button was pressed."""
    if refused is None or isinstance(refused, merging.Conflict):
        return _members_page(merchant, about, **more)
    if refused.code == "no_owner":
        abort(403)
    at_field = refused.field and (refused is NOT_ME or not request.form.get("do"))
    fault = not_me() if refused is NOT_ME and consumer().password_hash is None else PEOPLE[refused.code]
    return _members_page(
        merchant, about, fault=None if at_field else fault, faults={refused.field: fault} if at_field else {}, **more
    )


def _members_page(
    merchant: Merchant, about: Member | None, fault: str | None = None, faults: dict[str, str] | None = None, **more
) -> str:
    entered = _typed()
    conflicts: dict[str, str] = {}
    if about and not request.form.get("do") and Member.select().where(Member.id == about.id).exists():
        entered, conflicts = _merged(merchant, about)
    places = Branch.select().where((Branch.merchant == merchant) & Branch.closed_at.is_null()).order_by(Branch.id)
    return render_template(
        "members/page.html",
        merchant=merchant,
        members=members.of_merchant(merchant),
        places=list(places),
        roles=list(Role),
        fault=fault,
        faults=(faults or {}) | conflicts,
        disputed=list(conflicts),
        about=about,
        entered=entered,
        typed_address=request.form.get("email", ""),
        is_button=bool(request.form.get("do")),
        fresh=is_fresh(),
        **more,
    )


@routes.get("/join/<token:token>")
def show_join(token: str):
    link = members.usable_link(token, now())
    return _join_page(link) if link else _spent(token)


@routes.post("/join/<token:token>")
def join(token: str):
    link = members.usable_link(token, now())
    if link is None:
        return _spent(token)
    if not current_user.is_authenticated or consumer().is_anonymous:
        return redirect(url_for("sign_in.show", next=url_for("members.show_join", token=token)), 303)
    try:
        member = members.join(link, consumer(), now())
    except members.Refused as refused:
        return _join_page(link, refused.code), 422
    if member is None:
        return _spent(token)
    flash(member.merchant.name, "joined")
    page = "till.show" if member.role == Role.CASHIER else "campaigns.index"
    return redirect(url_for(page, merchant=member.merchant.slug), 303)


def _spent(token: str) -> tuple[str, int]:
    """Of no use any more; who joined by the link is shown the way to where they work."""
    member = members.joined_by(token, consumer()) if current_user.is_authenticated else None
    return render_template(
        "members/spent_link.html", why=one_time_links.why_not("join", token, now()), member=member
    ), 404


def _join_page(link, code: str | None = None) -> str:
    """What stands against the person who is signed in is told before they try."""
    if current_user.is_authenticated and not consumer().is_anonymous:
        code = code or members.standing_against(link, consumer())
    return render_template("members/join.html", member=link.member, fault=code and PEOPLE[code], here=request.path)
