"""The real application, whose answers name their process; and negative controls, where CARELESS says so.

`sessions`: each process remembers who is signed in. `guesses`: a try is counted after it was looked at. `links`:
whoever uses a link is believed to be the first. `forms`: what somebody sends is written to the log and the page.
`strangers`: where there is no account, nothing is compared.
"""

import logging
import os
from functools import cache

from flask import Flask, Response, request
from limits.strategies import FixedWindowRateLimiter

from config import from_environment
from quanbao.people import accounts, one_time_links
from tests.controls.no_guards import name_process
from web import create_app
from web.auth import limits
from web.server.gateway import Gateway


def remember_sessions(app: Flask) -> None:
    ask = accounts.session_of
    known = cache(lambda token: ask(token, app.extensions["clock"]()))
    accounts.session_of = lambda token, now, used=True: known(token)


def count_afterwards(app: Flask) -> None:
    hit, strategy = FixedWindowRateLimiter.hit, FixedWindowRateLimiter
    strategy.hit = lambda self, item, *key, cost=1: cost < 0 or self.test(item, *key)

    @app.after_request
    def count(response: Response) -> Response:
        if response.status_code >= 400:
            for each in limits.limiter.current_limits:
                hit(limits.limiter.limiter, each.limit, *each.request_args)
        return response


def believe_links(app: Flask) -> None:
    one_time_links.use_up = lambda link, now: True


def log_forms(app: Flask) -> None:
    @app.after_request
    def log(response: Response) -> Response:
        if request.form:
            logging.getLogger("quanbao").warning("%s: %s", request.path, dict(request.form))
            response.data += repr(dict(request.form)).encode()
        return response


def be_short_with_strangers(app: Flask) -> None:
    compare = accounts.password_is
    accounts.password_is = lambda account, password: account is not None and compare(account, password)


CONTROLS = {
    "sessions": remember_sessions,
    "guesses": count_afterwards,
    "links": believe_links,
    "forms": log_forms,
    "strangers": be_short_with_strangers,
}


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    app = create_app(from_environment())
    app.after_request(name_process)
    if "CARELESS" in os.environ:
        CONTROLS[os.environ["CARELESS"]](app)
    return Gateway(app)
