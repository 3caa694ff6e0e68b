"""Flood limits on signing in and up. The redemption password has budgets of its own."""

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from quanbao.accounts import Refused, email_address

limiter = Limiter(get_remote_address, default_limits=[], headers_enabled=False)


def init_app(app: Flask) -> None:
    app.config.update(
        RATELIMIT_STORAGE_URI=app.extensions["quanbao"].redis_url or "memory://",
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,  # without Redis every process counts for itself
        RATELIMIT_KEY_PREFIX="quanbao",
    )
    limiter.init_app(app)


def failed(response: Response) -> bool:
    """Only what failed counts: nobody is kept out for signing in often."""
    return response.status_code >= 400


def address_typed() -> str:
    """The account that somebody tries to sign in to, from where."""
    try:
        email = email_address(request.form.get("email", ""))
    except Refused:
        email = ""
    return f"{email} {get_remote_address()}"


sign_in_limits = [
    limiter.limit("10 per 15 minutes", key_func=address_typed, deduct_when=failed, methods=["POST"]),
    limiter.limit("100 per 15 minutes", deduct_when=failed, methods=["POST"]),
]
sign_up_limit = limiter.limit("60 per hour", methods=["POST"])
link_limit = limiter.limit("60 per hour", deduct_when=failed, methods=["GET", "POST"])

