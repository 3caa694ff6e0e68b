"""Static files under the hash of their content, compressed where `make assets` wrote a copy (web/compression.py)."""

from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, request, send_file

from web import compression
from web.compression import COPIES, STATIC

ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
FOREVER = "public, max-age=31536000, immutable"

routes = Blueprint("assets", __name__)


def init_app(app: Flask) -> None:
    app.register_blueprint(routes)
    app.jinja_env.globals["asset"] = url


@cache
def digest(name: str) -> str:
    return compression.digest((STATIC / name).read_bytes())


def url(name: str) -> str:
    """The address of a static file; another content has another address, so each is kept for ever."""
    return f"/static/{digest(name)}/{name}"


@cache
def names() -> frozenset[str]:
    files = (path for path in STATIC.rglob("*") if path.is_file())
    return frozenset(path.relative_to(STATIC).as_posix() for path in files) - {"sw.js"}  # it has its own address


@routes.get("/static/<version>/<path:name>")
def static_file(version: str, name: str) -> Response:
    if name not in names() or version != digest(name):
        abort(404)
    return send(name, FOREVER)


def send(name: str, cache_control: str) -> Response:
    """The file, compressed if the browser takes it so."""
    path, encoding = STATIC / name, None
    for encoding_name, suffix in ENCODINGS:
        copy = COPIES / (digest(name) + suffix)
        if request.accept_encodings[encoding_name] and copy.exists():
            path, encoding = copy, encoding_name
            break
    answer = send_file(path, mimetype=_mimetype(name), etag=digest(name), max_age=None, conditional=True)
    answer.headers["Cache-Control"] = cache_control
    answer.vary.add("Accept-Encoding")
    if encoding:
        answer.headers["Content-Encoding"] = encoding
    return answer


def _mimetype(name: str) -> str:
    return {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".ico": "image/x-icon",
        ".webmanifest": "application/manifest+json",
        ".txt": "text/plain; charset=utf-8",
    }[Path(name).suffix]
