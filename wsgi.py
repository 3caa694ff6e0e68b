"""The application: `app` for any WSGI server, `front` for `quanbao serve`, `demo` for `quanbao demo`."""

from config import from_environment
from web import create_app
from web.front import Front


def demo() -> Front:
    """The demo, in each of its processes."""
    return Front(create_app(from_environment(demo=True)))


def front() -> Front:
    """The application behind the front that waits for whole requests."""
    return Front(create_app(from_environment()))


def __getattr__(name: str):
    # Made when first asked for: the processes of the other two import this module too.
    if name in ("app", "application"):
        globals()["app"] = globals()["application"] = create_app(from_environment())
        return globals()["app"]
    raise AttributeError(name)
