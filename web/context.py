"""What a request needs of the application: its settings, its clock, its address."""

from datetime import datetime

from flask import current_app, request

from config import Settings
from quanbao.vouchers.poster_views import Views


def settings() -> Settings:
    return current_app.extensions["quanbao"]


def now() -> datetime:
    """The time of the application's one clock, aware UTC."""
    return current_app.extensions["clock"]()


def poster_views() -> Views:
    """The looks at posters that this process has not written yet."""
    return current_app.extensions["poster_views"]


def base_url() -> str:
    """The public address, without a slash at its end."""
    return settings().base_url or request.host_url.rstrip("/")


def is_https() -> bool:
    return base_url().startswith("https:")
