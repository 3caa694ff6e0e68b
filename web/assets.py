"""Static files under the hash of their content, each with compressed siblings that `make assets` writes."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, request, send_file

STATIC = Path(__file__).parent / "static"
COMPRESSED = {".css", ".js", ".svg"}
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
FOREVER = "public, max-age=31536000, immutable"

routes = Blueprint("assets", __name__)


def init_app(app: Flask) -> None:
    app.register_blueprint(routes)
    app.jinja_env.globals["asset"] = url


@cache
def digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:16]


def url(name: str) -> str:
    """The address of a static file; another content has another address, so each is kept for ever."""
    return f"/static/{digest(name)}/{name}"


@cache
def names() -> frozenset[str]:
    files = (path for path in STATIC.rglob("*") if path.is_file() and path.suffix not in (".br", ".gz"))
    return frozenset(path.relative_to(STATIC).as_posix() for path in files) - {"sw.js"}  # it has its own address


@routes.get("/static/<version>/<path:name>")
def static_file(version: str, name: str) -> Response:
    if name not in names() or version != digest(name):
        abort(404)
    return send(name, FOREVER)


def send(name: str, cache_control: str) -> Response:
    """The file, compressed if the browser takes it so."""
    path, encoding = STATIC / name, None
    if path.suffix in COMPRESSED:
        for encoding_name, suffix in ENCODINGS:
            sibling = path.with_name(path.name + suffix)
            if request.accept_encodings[encoding_name] and sibling.exists():
                path, encoding = sibling, encoding_name
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


def compress() -> None:
    """Write the siblings of every file that gains by it."""
    import brotli  # only `make assets` and its test need it

    for name in sorted(names()):
        path = STATIC / name
        if path.suffix in COMPRESSED:
            content = path.read_bytes()
            path.with_name(path.name + ".br").write_bytes(brotli.compress(content, quality=11))
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, 9, mtime=0))
