"""How people and programs reach Quanbao. `create_app` is the reading order of the application."""

from collections.abc import Callable
from datetime import datetime

from flask import Flask
from htmx_flask import Htmx
from werkzeug.middleware.proxy_fix import ProxyFix

from config import Settings
from database import SILENCE, drop_ended_connection, forget_commits, open_database
from quanbao.redemption.redeem import Keys
from quanbao.vouchers.poster_views import Views
from web import assets, converters, errors, form_script, request_limits, routes, template_globals
from web.auth import limits, security, sessions
from web.present import attack_banner, clocks, formats, languages, push_messages, shown


def create_app(settings: Settings, *, clock: Callable[[], datetime] | None = None) -> Flask:
    """The application on the database of these settings; `clock` is for tests."""
    app = Flask(__name__, static_folder=None)
    app.config.from_mapping(
        SECRET_KEY=settings.secret_key,
        WTF_CSRF_ENABLED=False,  # the cross-site guard covers every unsafe request
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.jinja_environment = template_globals.OneNamespace
    app.extensions["quanbao"] = settings
    app.extensions["clock"] = clock or settings.clock()
    app.extensions["poster_views"] = Views()
    app.extensions["keys"] = Keys(password=settings.password_key, receipts=settings.secret_key)

    open_database(settings.database_url, settings.sqlite_file, silence=SILENCE)
    app.before_request(forget_commits)  # before anything can write
    app.before_request(drop_ended_connection)
    Htmx(app)
    converters.init_app(app)
    security.init_app(app)
    request_limits.init_app(app)
    sessions.init_app(app)
    languages.init_app(app)
    formats.init_app(app)
    clocks.init_app(app)
    template_globals.init_app(app)
    attack_banner.init_app(app)
    shown.init_app(app)
    assets.init_app(app)
    limits.init_app(app)
    push_messages.init_app(app)
    errors.init_app(app)
    form_script.init_app(app)
    routes.init_app(app)

    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # as Flask says to
    return app
