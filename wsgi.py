"""The application for any WSGI server; `quanbao serve` runs the same one."""

from config import from_environment
from web import create_app


def demo():
    """The application of `quanbao demo`, in each of its processes."""
    return create_app(from_environment(demo=True))


def __getattr__(name: str):
    # Made when first asked for: the demo's processes import this module too, and need no other.
    if name in ("app", "application"):
        globals()["app"] = globals()["application"] = create_app(from_environment())
        return globals()["app"]
    raise AttributeError(name)
