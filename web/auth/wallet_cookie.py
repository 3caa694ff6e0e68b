"""The cookie of an anonymous wallet: its session's token and nothing else, so that no key of the server's is needed.

The other cookie is signed: with another secret key no account is signed in any more. Who has an address signs in
again; an anonymous wallet cannot.
"""

from flask import Response, g, request

from quanbao.people.accounts import WALLET_SESSION
from web.context import is_https


def name() -> str:
    """`__Host-` needs https (RFC 6265bis)."""
    return "__Host-quanbao-wallet" if is_https() else "quanbao-wallet"


def token() -> str:
    """The token that the browser sent; empty where there is none."""
    return request.cookies.get(name(), "")


def keep(token: str) -> None:
    """This answer brings the token, for as long as the session may live."""
    g.wallet_token = token


def forget() -> None:
    """This answer takes the cookie away, if the browser has one."""
    if token() or "wallet_token" in g:
        g.wallet_token = ""


def save(response: Response) -> None:
    """Write what the request decided."""
    value = g.get("wallet_token")
    if value is None:
        return
    age = int(WALLET_SESSION.total_seconds()) if value else 0
    response.set_cookie(name(), value, max_age=age, secure=is_https(), httponly=True, samesite="Lax", path="/")
