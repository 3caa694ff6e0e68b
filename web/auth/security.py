"""The guard against requests from other sites, and the headers on every answer."""

import re
from ipaddress import IPv6Address

from flask import Flask, Response, abort, request

from web.auth.sessions import ask_nobody
from web.context import base_url, is_https

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",  # no-referrer would make Origin "null"
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NAMED = [(name.lower(), (name, value)) for name, value in HEADERS.items()]
LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"(?:(?P<name>{LABEL}(?:\.{LABEL})*)|\[(?P<ip>[0-9A-Fa-f:.]+)\])(?::\d{{1,5}})?", re.ASCII)
HSTS = "max-age=31536000"
PROBED = ("/healthz", "/readyz")  # by load balancers
PRIVATE = "no-store"
VARY = ("Accept", "Accept-Language", "Cookie", "HX-Request")


def init_app(app: Flask) -> None:
    app.wsgi_app = HostGuard(app.wsgi_app)  # type: ignore[method-assign]  # as Flask says to
    app.before_request(refuse_cross_site)
    app.after_request(add_headers)


class HostGuard:
    """Answers 400 to a scheme or Host that no browser sends, before anything builds an address with it; on every
    answer stand the HEADERS.

    A load balancer's probe names no Host: HAProxy's `option httpchk` asks OPTIONS or GET in HTTP/1.0 without one.
    """

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        known = is_host(environ.get("HTTP_HOST", "")) or is_probe(environ)
        if known and environ.get("wsgi.url_scheme") in ("http", "https"):
            return self.application(environ, with_headers(start_response))
        start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8"), *HEADERS.items()])
        return [b"That is no address of this site.\n"]


def with_headers(start_response):
    """Begins an answer with HEADERS, but for those of which it has its own.

    Here, where headers are a plain list: Flask's look through all of them for each one that is set.
    """

    def start(status, headers, *failure):
        own = {name.lower() for name, _ in headers}
        return start_response(status, [*headers, *(pair for name, pair in NAMED if name not in own)], *failure)

    return start


def is_probe(environ) -> bool:
    """Whether it asks without a Host, as HTTP/1.0 may, and for nothing whose answer holds an address."""
    if environ.get("SERVER_PROTOCOL") != "HTTP/1.0" or environ.get("HTTP_HOST"):
        return False
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    return (method, path) == ("OPTIONS", "/") or method in SAFE_METHODS and path in PROBED


def is_host(text: str) -> bool:
    """A host name of RFC 1123 or an address, with a port or without."""
    found = HOST.fullmatch(text)
    if not found or len(text) > 255:
        return False
    try:
        if found["ip"]:
            IPv6Address(found["ip"])
        return all(label.encode("ascii").decode("idna") for label in (found["name"] or "address").split("."))
    except ValueError:  # UnicodeError among them
        return False


def refuse_cross_site() -> None:
    """Unsafe requests come from our own pages: Sec-Fetch-Site says so, else Origin must be ours.

    OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Fetch Metadata headers".
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    ours = site == "same-origin" if site is not None else request.headers.get("Origin") in _our_origins()
    if not ours:
        ask_nobody()
        abort(403, description="cross-site")


def _our_origins() -> set[str]:
    return {base_url(), request.host_url.rstrip("/")}


def add_headers(response: Response) -> Response:
    """What depends on the answer; HEADERS are the same on all of them."""
    if is_https():
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = PRIVATE
        response.vary.update(VARY)
    return response
