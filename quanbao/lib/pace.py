"""How much long work does in one write transaction, so that other writers do not wait long."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

from database import Busy, db, on_sqlite, write_transaction

T = TypeVar("T")

SMALLEST, LARGEST = 1000, 20_000  # entries in a transaction
HOLD, SHORT_HOLD = 0.15, 0.025  # seconds of a transaction: alone, and beside others who write
RESTS = 1.5  # times as long as it held the lock, beside others
CALM = 5  # times in a row that no other writer was seen
PAUSE = 0.002  # seconds: who waits for the lock has it then

OTHERS = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend' AND state <> 'idle')"
)


class Pace:
    """The size of the next transaction follows how long the last one held the lock that all writers wait for.

    It begins with `size` entries, at most doubles, and is never under a thousand, or under `size` where that is less.
    """

    def __init__(self, size: int):
        self.size, self.smallest = size, min(size, SMALLEST)
        self.held, self.calm = 0.0, CALM

    def write(self, work: Callable[[], T]) -> T:
        """`work` in a write transaction, which is timed from when it has the lock."""
        began = 0.0

        def timed() -> T:
            nonlocal began
            began = monotonic()
            return work()

        answer = write_transaction(timed)
        self.held = monotonic() - began
        hold = HOLD if self.is_alone else SHORT_HOLD
        fitting = self.size * min(2.0, hold / max(self.held, 0.0001))
        self.size = max(self.smallest, min(LARGEST, round(fitting)))
        return answer

    def give_way(self, wait: Callable[[float], object]) -> None:
        """Let others write, for longer where some do or did a moment ago."""
        wait(PAUSE)
        self.calm = 0 if is_contended() else self.calm + 1
        if not self.is_alone:
            wait(RESTS * self.held)

    @property
    def is_alone(self) -> bool:
        return self.calm >= CALM


def is_contended() -> bool:
    """Whether another connection writes at this moment, or waits to; on PostgreSQL whether one does anything."""
    if not on_sqlite():
        return bool(db.execute_sql(OTHERS).fetchone()[0])
    with _at_once("lock") as got:
        return not got


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Whether no other process or thread does what has this name; on SQLite alone: PostgreSQL locks rows for that."""
    if not on_sqlite():
        yield True
        return
    with _at_once(name) as got:
        yield got


@contextmanager
def _at_once(name: str) -> Iterator[bool]:
    """Whether the lock that the file of this name beside the database stands for was to be had without waiting.

    Raises `Busy` where the file cannot be opened: its disk or folder fails, as for every writer.
    """
    try:
        lock = open(f"{db.database}.{name}", "a")  # noqa: SIM115  closed below: only a failure to open it is `Busy`
    except OSError as error:
        raise Busy(str(error)) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
