"""The application: `app` for any WSGI server, `gateway` for `quanbao serve`, `demo` for `quanbao demo`."""

from threading import Event, Thread

from flask import Flask

from config import Settings, from_environment
from quanbao.operations import worker
from web import create_app
from web.present import push_messages
from web.server import logs
from web.server.gateway import Gateway


def demo() -> Gateway:
    """The demo, in each of its processes."""
    return Gateway(_working(from_environment(demo=True)))


def gateway() -> Gateway:
    """The application behind the gateway that waits for whole requests."""
    return Gateway(_working(from_environment()))


def _working(settings: Settings) -> Flask:
    """The application, and beside it the worker that finishes what is too much for a request."""
    logs.write()
    application = create_app(settings)
    if settings.worker == "embedded":
        work = {"clock": settings.clock(), "key": settings.secret_key, "postman": push_messages.postman(application)}
        Thread(target=worker.run, args=(Event(),), kwargs=work, name="worker", daemon=True).start()
    return application


def __getattr__(name: str):
    # Made when first asked for: the processes of the other two import this module too.
    if name in ("app", "application"):
        globals()["app"] = globals()["application"] = _working(from_environment())
        return globals()["app"]
    raise AttributeError(name)
