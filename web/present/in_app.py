"""Browsers inside other apps: no home screen and no notifications there, and their storage is the app's to empty."""

import re

from flask import request

# What the user agent says, what the app is called, and in which corner its menu is.
APPS = (
    (r"MicroMessenger/", "WeChat", "top"),
    (r"AlipayClient/", "Alipay", "top"),
    (r"\bLine/", "LINE", "bottom"),
    (r"\bInstagram ", "Instagram", "top"),
)


def in_app() -> tuple[str, str] | None:
    """The app whose browser asks, by its name, and the corner of its menu; none for a browser of its own."""
    agent = request.user_agent.string
    return next(((name, corner) for mark, name, corner in APPS if re.search(mark, agent)), None)
