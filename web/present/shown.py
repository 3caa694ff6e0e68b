"""What a form was filled with goes with it and comes back, so that an older form undoes no newer save.

It is signed, so that what comes back was once shown, and shown of the same thing; the rule is in
quanbao/lib/merging.py.
"""

import hashlib
from typing import Any

from flask import Flask, request
from itsdangerous import BadData, URLSafeSerializer
from markupsafe import Markup

from web.context import settings

FIELD = "shown"


def init_app(app: Flask) -> None:
    app.jinja_env.globals["shown_field"] = field


def field(what: str, values: dict[str, Any]) -> Markup:
    """The hidden field of a form about `what`; it can be read by who has the page, so no secret is among the values."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, signed(what, values))


def signed(what: str, values: dict[str, Any]) -> str:
    """What stands in that field."""
    return _signer(what).dumps(values)


def read(what: str) -> dict[str, Any]:
    """What the form that was sent had been filled with; empty where it does not say so: then nothing is known."""
    try:
        return _signer(what).loads(request.form.get(FIELD, ""))
    except BadData:
        return {}


def _signer(what: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        settings().secret_key, salt=f"shown {what}", signer_kwargs={"digest_method": hashlib.sha256}
    )
