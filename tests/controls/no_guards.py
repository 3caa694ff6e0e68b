"""The negative control of the races: the real application, its guards switched off as it starts."""

import os

from flask import Flask, Response

from config import from_environment
from quanbao.operations import unguarded
from web import create_app
from web.server.gateway import Gateway


def name_process(response: Response) -> Response:
    """So that a test can tell that all the processes took part."""
    response.headers["X-Process"] = str(os.getpid())
    return response


def create_unguarded() -> Flask:
    unguarded.switch_off()
    app = create_app(from_environment())
    app.after_request(name_process)
    return app


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    return Gateway(create_unguarded())
