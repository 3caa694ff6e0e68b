"""One address, three kinds of answer: a page, a fragment for htmx, JSON for who asks for it."""

from flask import Response, jsonify, make_response, render_template, request

from web.messages import PROBLEMS, sentences

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
    return bool(request.htmx) and not request.htmx.history_restore_request and not wants_json()


def _no_verdict() -> dict[str, str | None]:
    """Programs that redeem find a verdict's fields in every answer, also where none could be reached."""
    if not request.path.endswith("/redemptions"):
        return {}
    return {"outcome": "refused", "attempt_id": None, "voucher": None, "receipt": None, "redeemed_at": None}


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
