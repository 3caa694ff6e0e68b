"""A merchant's branches, for owners and managers."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import login_required

from models import Branch, Merchant
from quanbao.lib import merging
from quanbao.merchants import branches
from web.auth.access import merchant_of
from web.context import now
from web.form_addresses import post_form
from web.present import disputes, shown
from web.present.messages import PEOPLE

routes = Blueprint("branches", __name__)


@routes.get("/merchants/<slug:merchant>/branches")
@login_required
def index(merchant: str):
    return _page(merchant_of(merchant))


@routes.post("/merchants/<slug:merchant>/branches")
@login_required
def add(merchant: str):
    of = merchant_of(merchant)
    try:
        branches.open_(of, **_typed())
    except branches.Refused as refused:
        return _page(of, refused), 422
    return redirect(url_for("branches.index", merchant=merchant), 303)


def _own(merchant: str, branch: str) -> Branch:
    row = Branch.get_or_none((Branch.merchant == merchant_of(merchant)) & (Branch.slug == branch))
    if row is None:
        abort(404)
    return row


@post_form(routes, "/merchants/<slug:merchant>/branches/<slug:branch>", "branches.index", _own)
@login_required
def change(merchant: str, branch: str):
    """One form for all that may be done to a branch: its buttons say what."""
    row = _own(merchant, branch)
    try:
        if request.form.get("do") == "close":
            branches.close(row, now())
        elif request.form.get("do") == "reopen":
            branches.reopen(row)
        else:
            branches.change(row, **_sent(row), shown=_seen(row))
    except (branches.Refused, merging.Conflict) as refused:
        return _page(row.merchant, refused, row), 422
    return redirect(url_for("branches.index", merchant=merchant), 303)


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in ("name", "address")}


def _sent(branch: Branch) -> dict[str, str]:
    """What was typed, but for the fields in which the sender takes what another member saved."""
    return disputes.decided(_typed(), _seen(branch))


def _seen(branch: Branch) -> dict[str, str]:
    return shown.read(f"branch {branch.id}")


def _page(
    merchant: Merchant, refused: branches.Refused | merging.Conflict | None = None, about: Branch | None = None
) -> str:
    """All branches; a refusal stands at the field of the form that was sent, `about` a branch or a new one."""
    entered: Mapping[str, Any] = request.form
    faults, disputed = {}, []
    if isinstance(refused, branches.Refused):
        faults = {refused.field: PEOPLE[refused.code] % {"about": refused.about}}
    if refused and about and "close" not in faults:  # the rest of the form is as it is now
        merged = branches.merged(Branch.get_by_id(about.id), **_sent(about), shown=_seen(about))
        entered, disputed = merged.values, list(merged.conflicts)
        faults |= {name: disputes.words(value) for name, value in merged.conflicts.items()}
    return render_template(
        "branches/page.html",
        merchant=merchant,
        branches=branches.of_merchant(merchant),
        faults=faults,
        about=about,
        entered=entered,
        disputed=disputed,
    )
