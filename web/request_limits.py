"""How much a request may send: little, but for the owners' pages that take pictures and lists."""

import re

from flask import Flask, request

LARGEST_REQUEST = 64 * 1024  # bytes; nothing else that a browser sends here comes near
LARGEST_UPLOAD = 12 * 1024 * 1024  # bytes: a phone's photograph, or 400,000 addresses
UPLOADS = re.compile(r"/merchants/[^/]+/(new-campaign|campaigns/[^/]+/(edit|publications)|pictures)", re.ASCII)


def largest(method: str, path: str) -> int:
    """Bytes that a body may have at this address."""
    return LARGEST_UPLOAD if method == "POST" and UPLOADS.fullmatch(path) else LARGEST_REQUEST


def init_app(app: Flask) -> None:
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    app.before_request(_allow)


def _allow() -> None:
    request.max_content_length = largest(request.method, request.path)
