"""How much long work does in one write transaction, so that nobody else waits long for their own."""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from database import is_contended, write_transaction

T = TypeVar("T")

SMALLEST, LARGEST = 1000, 20_000  # entries in a transaction
HOLD, SHORT_HOLD = 0.15, 0.025  # seconds of a transaction: alone, and beside others who write
RESTS = 1.5  # times as long as it held the lock, beside others
CALM = 5  # times in a row that nobody else wrote
PAUSE = 0.002  # seconds: who waits for the lock has it then


class Pace:
    """The size of the next transaction follows how long the last one held the lock that all writers wait for.

    It begins with `size` entries, at most doubles, and is never under it where that is smaller than a hundred.
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
