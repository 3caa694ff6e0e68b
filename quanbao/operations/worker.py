"""What goes on behind the pages: publications too large for one request, and what holders are told."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event, Thread

from peewee import InterfaceError, OperationalError

from database import Busy, Unknown, drop_connection
from quanbao.lib.pace import Pace, only_one
from quanbao.messages import events
from quanbao.messages.push.sender import Postman
from quanbao.people import abandoned, one_time_links
from quanbao.vouchers import publications

PAUSE = 0.002  # seconds, while there is work
IDLE = 1.0  # seconds until it looks again
LOOK = timedelta(minutes=1)  # between two looks at what ends soon
SWEEP = timedelta(hours=1)  # between two looks at abandoned wallets
AWAY = (Busy, Unknown, OperationalError, InterfaceError)

log = logging.getLogger("quanbao")


def run(stop: Event, *, clock: Callable[[], datetime], key: str, postman: Postman | None = None) -> None:
    """Work until `stop` is set. Several workers, in several processes, do nothing twice.

    A database that is away is waited for; what went wrong in one publication does not hold up the others. Nothing
    ends the work but `stop`: after a fault of any kind it goes on, with a new connection. The `postman` has a
    thread of its own: push services may be slow.
    """
    bringing = Thread(target=postman.run, args=(stop,), name="postman", daemon=True) if postman else None
    if bringing:
        bringing.start()
    next_look, next_sweep, pace = clock(), clock(), Pace(publications.STEP)
    while not stop.is_set():
        now = clock()
        try:
            with only_one("publishing") as mine:
                waiting = publications.waiting() if mine else []
                left = [_step(number, clock, key, pace, stop) for number in waiting]
            look = not now < next_look <= now + LOOK  # a clock that is set back must not put it off
            left.append(_tell(now, look=look))
            next_look = now + LOOK if look else next_look
            if not now < next_sweep <= now + SWEEP:
                abandoned.forget(now)
                next_sweep = now + SWEEP
        except AWAY as error:
            log.warning("worker: the database is away: %s", type(error).__name__)
            left = []
            drop_connection()
        except Exception:
            log.exception("worker: what is waiting")
            left = []
            drop_connection()
        stop.wait(PAUSE if any(left) else IDLE)
    if bringing:
        bringing.join()


def _tell(now: datetime, look: bool) -> bool:
    """A step of the news that campaigns' holders are told; `look` also for what ends soon, and what is no news."""
    try:
        if look:
            events.put_right(now)
            one_time_links.put_right(now)
            events.remind(now)
            events.expire(now)
        return events.spread(now) if events.is_waiting() else False
    except AWAY:
        raise
    except Exception:
        log.exception("worker: news")
        return False


def _step(number: int, clock: Callable[[], datetime], key: str, pace: Pace, stop: Event) -> bool:
    try:
        left = publications.step(number, now=clock(), key=key, pace=pace)
        pace.give_way(stop.wait)
        return left
    except AWAY:
        raise
    except Exception:
        log.exception("worker: publication %d", number)
        drop_connection()  # it may lead to a server that is none any more
        return False
