"""The real application, whose answers name the process they come from."""

from config import from_environment
from tests.controls.no_guards import name_process
from web import create_app
from web.server.gateway import Gateway


def gateway() -> Gateway:
    app = create_app(from_environment())
    app.after_request(name_process)
    return Gateway(app)
