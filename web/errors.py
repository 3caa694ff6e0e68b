"""The one funnel for what goes wrong: no traceback, no blame, nothing secret, and nothing denied that may be done."""

import logging
import time
from math import ceil

from flask import Flask, Response, g, request
from peewee import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from database import Busy, Unknown, drop_broken_connection, may_have_committed
from web.auth.limits import limiter
from web.auth.security import SAFE_METHODS
from web.present.answers import problem, unknown
from web.template_globals import ask_no_database

log = logging.getLogger("quanbao")

NAMES = {
    400: "malformed",
    401: "signed_out",
    403: "forbidden",
    404: "not_found",
    405: "not_found",
    413: "too_large",
    429: "too_often",
}
REFUSED = (403, 429)
AWAY = (Busy, Unknown, OperationalError, InterfaceError)
SOON = {"Retry-After": "2"}  # seconds


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    for error in AWAY:
        app.register_error_handler(error, _away)
    app.register_error_handler(Exception, _unexpected)


def _http(error: HTTPException) -> BaseResponse:
    if error.code is None or error.code < 400:
        return error.get_response()
    if error.code >= 500:
        return _while_answering(error)
    if error.code in REFUSED:
        who = getattr(g.get("_login_user"), "account", None)
        log.warning("refused: %d %s %s, account %s", error.code, request.method, _route(), who and who.id)
    reason = "cross_site" if error.description == "cross-site" else NAMES.get(error.code, "failed")
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    if error.code == 429 and limiter.current_limit:
        kept["Retry-After"] = str(max(1, ceil(limiter.current_limit.reset_at - time.time())))
    return problem(error.code, reason, kept)


def _while_answering(error: HTTPException) -> Response:
    """What went wrong while another answer was made, an error's among them: Flask wraps it."""
    cause = getattr(error, "original_exception", None) or error
    return _away(cause) if isinstance(cause, AWAY) else _unexpected(cause)


def _away(error: Exception) -> Response:
    """The database is away or overloaded, and the visitor did nothing wrong.

    Whether anything was written depends on when it went away: pages are made after the commit.
    """
    drop_broken_connection()
    ask_no_database()
    if _may_be_done(error):
        log.warning("unknown: %s %s: %s", request.method, _route(), type(error).__name__)
        return unknown(503, SOON)
    log.warning("busy: %s %s: %s", request.method, _route(), type(error).__name__)
    return problem(503, "busy", SOON)


def _unexpected(error: Exception) -> Response:
    log.error("failed: %s %s", request.method, _route(), exc_info=error)
    ask_no_database()
    return unknown(500, SOON) if _may_be_done(error) else problem(500, "failed")


def _may_be_done(error: Exception) -> bool:
    """Whether what was asked for may be done all the same; who only looks asks for nothing that could be."""
    return request.method not in SAFE_METHODS and (may_have_committed() or isinstance(error, Unknown))


def _route() -> str:
    """The rule, not the address: an address may hold a token."""
    return request.url_rule.rule if request.url_rule else "(no route)"
