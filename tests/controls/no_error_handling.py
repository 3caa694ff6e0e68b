"""The negative control of bad input: the real application, as naive as many are.

No host is looked at before addresses are made of it, any text is taken, what nobody expected is shown with its
traceback, and each answer is kept for ever.
"""

import traceback

from flask import Flask, Response

from config import from_environment
from quanbao.campaigns import rules
from quanbao.lib import validation
from quanbao.merchants import branches
from web import create_app
from web.auth import security
from web.server.gateway import Gateway

kept: list[bytes] = []


def show(error: Exception) -> Response:
    return Response(traceback.format_exc(), 500)


def keep(response: Response) -> Response:
    if not response.direct_passthrough and not response.is_streamed:
        kept.append(response.get_data() * 20)
    return response


def create_naive() -> Flask:
    security.is_host = lambda text: True
    for module in (validation, branches, rules):
        module.is_text = lambda value, longest: isinstance(value, str)
    app = create_app(from_environment())
    app.register_error_handler(Exception, show)
    app.after_request(keep)
    return app


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    return Gateway(create_naive())
