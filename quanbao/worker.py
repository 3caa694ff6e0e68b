"""What goes on behind the pages: publications too large for one request."""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event

from peewee import InterfaceError, OperationalError

from database import Busy, Unknown, drop_broken_connection
from quanbao import publishing

PAUSE = 0.002  # seconds between two steps: without it the tills would starve
IDLE = 1.0  # seconds until it looks again

log = logging.getLogger("quanbao")


def run(stop: Event, *, clock: Callable[[], datetime], key: str) -> None:
    """Work until `stop` is set. Several workers, in several processes, do nothing twice.

    A database that is away is waited for; what went wrong in one publication does not hold up the others.
    """
    while not stop.is_set():
        try:
            left = [_step(number, clock, key) for number in publishing.waiting()]
        except (Busy, Unknown, OperationalError, InterfaceError) as error:
            log.warning("worker: the database is away: %s", type(error).__name__)
            drop_broken_connection()
            left = []
        stop.wait(PAUSE if any(left) else IDLE)


def _step(number: int, clock: Callable[[], datetime], key: str) -> bool:
    try:
        return publishing.step(number, now=clock(), key=key)
    except (Busy, Unknown, OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("worker: publication %d", number)
        return False
