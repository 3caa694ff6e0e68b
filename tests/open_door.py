"""The negative control of the first hour: the real application, whose set-up link is any, used as often as one likes.

`python -m tests.open_door serve …` takes the same words as `quanbao serve`.
"""

from models import Link
from quanbao import links, setting_up
from tests import serving
from web.front import Front
from wsgi import front as real


def front() -> Front:
    """The target of the server's processes: to import this module changes nothing."""
    links.usable = lambda purpose, token, now: Link.get_or_none(Link.purpose == purpose)
    links.use_up = lambda link, now: True
    setting_up.is_needed = lambda: True
    return real()


if __name__ == "__main__":
    serving.main("tests.open_door:front")
