"""The real application, whose answers name the process they come from: `python -m tests.controls.named_processes serve …`."""

from config import from_environment
from tests.controls import runner
from tests.controls.no_guards import name_process
from web import create_app
from web.server.gateway import Front


def front() -> Front:
    app = create_app(from_environment())
    app.after_request(name_process)
    return Front(app)


if __name__ == "__main__":
    runner.main("tests.controls.named_processes:front")
