"""The one funnel for what goes wrong: no traceback, no blame, nothing secret."""

import logging
import time
from math import ceil

from flask import Flask, Response, g, request
from peewee import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from database import Busy, Unknown, drop_broken_connection
from web.answers import problem
from web.limits import limiter
from web.sessions import ask_nobody

log = logging.getLogger("quanbao")

NAMES = {
    400: "malformed", 401: "signed_out", 403: "forbidden", 404: "not_found", 405: "not_found", 413: "too_large",
    429: "too_often",
}
REFUSED = (403, 429)


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    for error in (Busy, OperationalError, InterfaceError):
        app.register_error_handler(error, _busy)
    app.register_error_handler(Unknown, _unknown)
    app.register_error_handler(Exception, _unexpected)


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()
    if error.code in REFUSED:
        who = getattr(g.get("_login_user"), "account", None)
        log.warning("refused: %d %s %s, account %s", error.code, request.method, _route(), who and who.id)
    reason = "cross_site" if error.description == "cross-site" else NAMES.get(error.code, "failed")
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    if error.code == 429 and limiter.current_limit:
        kept["Retry-After"] = str(max(1, ceil(limiter.current_limit.reset_at - time.time())))
    return problem(error.code, reason, kept)


def _busy(error: Exception) -> Response:
    """The database is away or overloaded: nothing was written, and nobody did anything wrong."""
    log.warning("busy: %s %s: %s", request.method, _route(), type(error).__name__)
    drop_broken_connection()
    ask_nobody()  # the page would ask the same database who is signed in
    return problem(503, "busy", {"Retry-After": "2"})


def _unknown(error: Unknown) -> Response:
    """Nobody can say yet what became of it: no verdict, so that the phone asks for the attempt."""
    log.warning("unknown: %s %s", request.method, _route())
    return Response(status=503, headers={"Retry-After": "2"})


def _unexpected(error: Exception) -> Response:
    log.error("failed: %s %s", request.method, _route(), exc_info=error)
    return problem(500, "failed")


def _route() -> str:
    """The rule, not the address: an address may hold a token."""
    return request.url_rule.rule if request.url_rule else "(no route)"
