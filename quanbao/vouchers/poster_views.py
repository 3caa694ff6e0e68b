"""How often posters are looked at: counted in this process's memory, and written about once a minute.

A look costs no write; what a process that ends had not written yet is not counted.
"""

from collections import Counter
from datetime import datetime, timedelta
from threading import Lock

from peewee import InterfaceError, OperationalError

from database import Busy, write_transaction
from models import Poster

EVERY = timedelta(minutes=1)


class Views:
    """The looks that are not written yet, by the posters' ids."""

    def __init__(self) -> None:
        self._lock, self._seen = Lock(), Counter[int]()
        self._since: datetime | None = None

    def add(self, poster: Poster, now: datetime) -> None:
        """One more look."""
        with self._lock:
            self._seen[poster.id] += 1
            self._since = self._since or now

    def is_due(self, now: datetime) -> bool:
        """Whether the first of them was a minute ago, or a clock was set back since."""
        return self._since is not None and abs(now - self._since) >= EVERY

    def write(self) -> None:
        """Write what was counted; what the database does not take now is written later."""
        with self._lock:
            seen, self._seen, self._since = self._seen, Counter[int](), None
        try:
            write_transaction(lambda: _write(seen), housekeeping=True)
        except (Busy, OperationalError, InterfaceError):
            with self._lock:
                self._seen += seen


def _write(seen: Counter[int]) -> None:
    for number in sorted(seen):
        Poster.update(seen=Poster.seen + seen[number]).where(Poster.id == number).execute()
