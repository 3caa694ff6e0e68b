"""One address, three kinds of answer: a page, a fragment for htmx, JSON for who asks for it."""

from uuid import UUID

from flask import Response, current_app, jsonify, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from web import form_addresses
from web.present.messages import PROBLEMS, UNKNOWN_REDEMPTION, sentences

# Where a campaign stands that was made or is gone; at the form's own address is an empty form, or another campaign.
SHOWN_IN = dict.fromkeys(("campaigns.create", "campaigns.duplicate", "campaigns.delete"), "campaigns.index")

ANSWER = "X-Answer"  # on every answer of ours: "ok" for what was meant to be shown, else the reason of a problem


def is_from_script() -> bool:
    """Whether static/forms.js sent the form: it shows what is answered at the form, and follows no redirection."""
    return "X-Form" in request.headers


def wants_json() -> bool:
    """Whether JSON was asked for, and is liked better than a page; who sends JSON wants nothing else."""
    if request.is_json:
        return True
    accept = request.accept_mimetypes
    return accept.quality("application/json") > accept.quality("text/html")


def wants_fragment() -> bool:
    htmx = request.htmx  # type: ignore[attr-defined]  # htmx-flask adds it to every request
    return bool(htmx) and not htmx.history_restore_request and not wants_json()


def _is_redemption() -> bool:
    return request.path.endswith("/redemptions") or request.endpoint == "till.redeem"


def _no_verdict(outcome: str | None = "refused", attempt_id: str | None = None) -> dict[str, str | None]:
    """Programs that redeem find a verdict's fields in every answer, also where none could be reached."""
    if not _is_redemption():
        return {}
    return {"outcome": outcome, "attempt_id": attempt_id, "voucher": None, "receipt": None, "redeemed_at": None}


def problem(status: int, reason: str, headers: dict[str, str] | None = None) -> Response:
    """What went wrong, in the reader's words and the form that was asked for."""
    title, advice = PROBLEMS.get(reason, PROBLEMS["failed"])
    if wants_json():
        answer = jsonify(reason=reason, message=sentences(title, advice), **_no_verdict())
    else:
        name = "problems/_problem.html" if wants_fragment() else "problems/page.html"
        answer = make_response(render_template(name, title=title, advice=advice, reason=reason))
    answer.status_code = status
    answer.headers[ANSWER] = reason
    answer.headers.update(headers or {})
    return answer


def unknown(status: int, headers: dict[str, str]) -> Response:
    """It may be done or not: never a verdict, so that a phone asks for the attempt; a person is told where to look."""
    title, advice = UNKNOWN_REDEMPTION if _is_redemption() else PROBLEMS["unknown"]
    if wants_json():
        message = sentences(title, advice)
        answer = jsonify(reason="unknown", message=message, **_no_verdict(None, _attempt_id()))
    else:
        name = "problems/_unknown.html" if wants_fragment() else "problems/unknown.html"
        answer = make_response(render_template(name, title=title, advice=advice, look=_where_to_look()))
    answer.status_code = status
    answer.headers[ANSWER] = "unknown"
    answer.headers.update(headers)
    return answer


def _attempt_id() -> str | None:
    """The id of the redemption that was asked for, where it came with one."""
    sent = (request.view_args or {}).get("attempt_id") or request.form.get("attempt_id")
    try:
        return str(UUID(str(sent)))
    except ValueError:
        return None


def _where_to_look() -> str:
    """The page that shows what became of it: the attempt's, or the list; else the nearest above the form's address."""
    attempt_id = _attempt_id()
    if attempt_id and request.endpoint == "redemptions.attempt":
        return url_for("redemptions.show", attempt_id=attempt_id)
    if shown_in := SHOWN_IN.get(request.endpoint or ""):
        return url_for(shown_in, merchant=(request.view_args or {})["merchant"])
    path = request.path
    while path != "/" and not _is_page(path):
        path = path.rpartition("/")[0] or "/"
    return path


def _is_page(path: str) -> bool:
    """Whether GET there shows something, and does not only lead to a form."""
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None, "a request has one"
    try:
        endpoint, _ = adapter.match(path, "GET")
    except HTTPException:
        return False
    return not form_addresses.only_leads(endpoint)
