"""The routes, one blueprint a noun."""

from flask import Flask

from web.routes import campaigns, demo, home, redemptions, set_up, shell, sign_in, vouchers, wallet


def init_app(app: Flask) -> None:
    for module in (home, sign_in, set_up, wallet, vouchers, redemptions, campaigns, shell):
        app.register_blueprint(module.routes)
    if app.extensions["quanbao"].demo:
        app.register_blueprint(demo.routes)
