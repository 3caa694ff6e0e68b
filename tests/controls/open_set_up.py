"""The negative control of the first hour: the real application, whose set-up link is any, used as often as one likes.

`python -m tests.controls.open_set_up serve …` takes the same words as `quanbao serve`.
"""

from models import Link
from quanbao.operations import first_start
from quanbao.people import one_time_links
from tests.controls import runner
from web.server.gateway import Front
from wsgi import front as real


def front() -> Front:
    """The target of the server's processes: to import this module changes nothing."""
    one_time_links.usable = lambda purpose, token, now: Link.get_or_none(Link.purpose == purpose)
    one_time_links.use_up = lambda link, now: True
    first_start.is_needed = lambda: True
    return real()


if __name__ == "__main__":
    runner.main("tests.controls.open_set_up:front")
