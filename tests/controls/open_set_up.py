"""The negative control of the first hour: the real application, whose set-up link is any."""

from models import Link
from quanbao.operations import first_start
from quanbao.people import one_time_links
from web.server.gateway import Gateway
from wsgi import gateway as real


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    one_time_links.usable = lambda purpose, token, now: Link.get_or_none(Link.purpose == purpose)
    one_time_links.use_up = lambda link, now: True
    first_start.is_needed = lambda: True
    return real()
