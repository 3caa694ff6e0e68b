"""The negative control of crashes: the verdict leaves before it is committed."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

from config import from_environment
from database import db, write_transaction
from quanbao.redemption import redeem
from tests.controls.no_guards import name_process
from web import create_app
from web.server.gateway import Gateway

PAUSE = 0.15  # seconds between the verdict and its commit


def promise(work: Callable, **_: bool) -> object:
    """What the work returns, at once; it is committed after a pause, unless the process was killed."""
    answer: Future = Future()

    def late() -> object:
        found = work()
        if not answer.done():
            answer.set_result(found)
            time.sleep(PAUSE)
        return found

    def write() -> None:
        try:
            write_transaction(late)
        except Exception as error:
            if not answer.done():
                answer.set_exception(error)
        finally:
            db.close()

    Thread(target=write, daemon=True).start()
    return answer.result()


def gateway() -> Gateway:
    redeem.write_transaction = promise
    app = create_app(from_environment())
    app.after_request(name_process)
    return Gateway(app)
