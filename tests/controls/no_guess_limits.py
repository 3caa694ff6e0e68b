"""The control of an attack: the real application without the budgets of its passwords."""

from flask import Flask

from config import from_environment
from quanbao.passwords import guess_limits
from web import create_app
from web.server.gateway import Gateway


def create_open() -> Flask:
    """Whoever tries is let through, however often; what is compared is still written down."""
    guess_limits._of_password = guess_limits._of_consumer = lambda *what: None
    return create_app(from_environment())


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    return Gateway(create_open())
