"""The guard against requests from other sites, and the headers on every answer."""

from flask import Flask, Response, abort, request

from web.context import base_url, is_https

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

HEADERS = {
    "Content-Security-Policy": "; ".join((
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
        "connect-src 'self'", "manifest-src 'self'", "worker-src 'self'", "form-action 'self'",
        "base-uri 'none'", "frame-ancestors 'none'",
    )),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",  # no-referrer would make Origin "null"
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS = "max-age=31536000"
PRIVATE = "no-store"
VARY = ("Accept", "Accept-Language", "Cookie", "HX-Request")


def init_app(app: Flask) -> None:
    app.before_request(refuse_cross_site)
    app.after_request(add_headers)


def refuse_cross_site() -> None:
    """Unsafe requests come from our own pages: Sec-Fetch-Site says so, else Origin must be ours.

    OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Fetch Metadata headers".
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    ours = site == "same-origin" if site is not None else request.headers.get("Origin") in _our_origins()
    if not ours:
        abort(403, description="cross-site")


def _our_origins() -> set[str]:
    return {base_url(), request.host_url.rstrip("/")}


def add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if is_https():
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = PRIVATE
        response.vary.update(VARY)
    return response
