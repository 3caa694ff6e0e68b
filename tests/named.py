"""The real application, whose answers name the process they come from: `python -m tests.named serve …`."""

from config import from_environment
from tests import serving
from tests.unguarded import name_process
from web import create_app
from web.server.gateway import Front


def front() -> Front:
    app = create_app(from_environment())
    app.after_request(name_process)
    return Front(app)


if __name__ == "__main__":
    serving.main("tests.named:front")
