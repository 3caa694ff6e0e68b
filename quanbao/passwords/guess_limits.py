"""How often a redemption password may be guessed.

Budget, comparison and wrong try are one transaction under the lock of the password's row, and no answer leaves before
its commit: any other order lets parallel guesses through. Only a wrong password costs.

A comparison whose transaction did not commit is in no table. It is counted in the memory of its process, which after
a hundred of them compares nothing more until a write succeeds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from threading import Lock

from peewee import fn

from database import Busy, write_transaction
from models import Guess, RedemptionPassword
from quanbao.lib.compiled_queries import statement

DAY = timedelta(hours=24)
REPEATED = timedelta(minutes=10)
MEMORY = timedelta(days=30)  # how long a consumer's wrong tries make them wait longer

PASSWORD_A_DAY = 100
PASSWORD_IN_LIFE = 1000
CONSUMER_A_DAY = 10
CONSUMER_FREE = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=60)
UNCOMMITTED = 100  # comparisons of a process


@dataclass(frozen=True)
class Spent:
    """No try may be made now: the budget is used up, of one consumer or of the password (`for_all`).

    In the latter case no keypad of its campaigns can work.
    """

    retry_after: int  # seconds
    for_all: bool = False


@dataclass(frozen=True)
class Tries:
    """What stands in a password's budgets, at a glance: times as the database has them, none where there is none.

    Of its latest wrong try, of its hundredth latest that counts, and of this consumer's latest.
    """

    latest: int | None
    hundredth: int | None
    consumers: int | None


class Comparison:
    """One try's look at a password: whether it was `made`, and is `written` where the transaction commits."""

    made = written = False

    def make(self) -> None:
        """The password is compared now."""
        self.made = self.written = True


class Uncommitted:
    """The comparisons of this process that are written nowhere."""

    def __init__(self) -> None:
        self.lock, self.lost, self.under_way = Lock(), 0, 0

    @contextmanager
    def one(self) -> Iterator[Comparison]:
        """Around the transaction of a try, which may compare once; raises Busy where it may not."""
        if self.lost >= UNCOMMITTED:
            self._see_whether_writing_works()
        with self.lock:
            if self.lost + self.under_way >= UNCOMMITTED:
                raise Busy("passwords were compared too often without a commit")
            self.under_way += 1
        comparison, committed = Comparison(), False
        try:
            yield comparison
            committed = True
        finally:
            with self.lock:
                self.under_way -= 1
                if committed and comparison.written:
                    self.lost = 0
                elif comparison.made:
                    self.lost += 1

    def _see_whether_writing_works(self) -> None:
        write_transaction(_touch, housekeeping=True)
        with self.lock:
            self.lost = 0


uncommitted = Uncommitted()


def check(row: RedemptionPassword, consumer: int, tries: Tries, now: datetime) -> Spent | None:
    """Whether the consumer may not try now; in the transaction that has the password's lock.

    Tries of a time that has not come yet were made by a clock that was set back since: they count from now on.
    Left as they are they would keep people out until that time; forgotten, they would cost a guesser nothing.
    """
    if tries.latest is not None and tries.latest > Guess.made_at.db_value(now):
        _count_from(now, row.id, row.version)
    of_all = _of_password(row, now) if tries.hundredth is not None else None
    return of_all or (_of_consumer(row, consumer, now) if tries.consumers is not None else None)


def spent(password: RedemptionPassword, now: datetime) -> Spent | None:
    """Whether the password's budget is used up now, whoever tries; tries in flight use up nothing yet.

    100 wrong values in any 24 hours, 1,000 in its life. One short walk along an index while it is not.
    """
    of_today = _latest(PASSWORD_A_DAY, password)
    if of_today is None:
        return None
    if _latest(PASSWORD_IN_LIFE, password):
        return Spent(int(DAY.total_seconds()), for_all=True)
    return Spent(_seconds(min(of_today, now) + DAY - now), for_all=True) if of_today > now - DAY else None


def _latest(nth: int, password: RedemptionPassword) -> datetime | None:
    """When the wrong value was compared that is so many back, of those that count."""
    row = _wrong.first(nth - 1, password.id, password.version)
    return row and row[0]


def _of_password(row: RedemptionPassword, now: datetime) -> Spent | None:
    return spent(row, now)


def _of_consumer(row: RedemptionPassword, consumer: int, now: datetime) -> Spent | None:
    """Five wrong ones, then 30 seconds and ever longer between two; ten in any 24 hours."""
    wait = _wait([made for (made,) in _recent(consumer, now - MEMORY, row.id, row.version)], now)
    return Spent(_seconds(wait)) if wait else None


def _wait(tries: list[datetime], now: datetime) -> timedelta | None:
    """How long these wrong tries, oldest first, keep their consumer waiting; none if not at all."""
    if len(tries) < CONSUMER_FREE:
        return None
    doublings = min(len(tries) - CONSUMER_FREE, 7)
    until = tries[-1] + min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
    if len(tries) >= CONSUMER_A_DAY:
        until = max(until, tries[-CONSUMER_A_DAY] + DAY)
    return until - now if until > now else None


def spend(row: RedemptionPassword, consumer: int, tag: bytes, now: datetime) -> None:
    """The password was compared now and wrong; in the transaction that has its lock.

    The same wrong value within ten minutes counts once for the password, each time for the consumer:
    a till that goes on typing last month's password must not close the shop.
    """
    counted = not _repeated(tag, now - REPEATED, row.id, row.version)
    _insert(password=row.id, version=row.version, consumer=consumer, made_at=now, counted=counted, tag=tag)


def _seconds(wait: timedelta) -> int:
    return max(1, ceil(wait.total_seconds()))


# What is asked and written


def _of(password, version):
    return (Guess.password == password) & (Guess.version == version)


@statement
def _count_from(now, *of):
    return Guess.update(made_at=now).where(_of(*of) & (Guess.made_at > now))


@statement
def _insert(**columns):
    return Guess.insert(columns)


@statement
def _wrong(before, *of):
    counted = _of(*of) & Guess.counted
    return Guess.select(Guess.made_at).where(counted).order_by(Guess.made_at.desc()).offset(before).limit(1).tuples()


@statement
def _recent(consumer, since, *of):
    mine = _of(*of) & (Guess.consumer == consumer) & (Guess.made_at > since)
    return Guess.select(Guess.made_at).where(mine).order_by(Guess.made_at).tuples()


@statement
def _repeated(tag, since, *of):
    same = _of(*of) & (Guess.tag == tag) & (Guess.made_at > since)
    return Guess.select(Guess.id).where(same).limit(1).tuples()


def _touch() -> None:
    """A write of one row that changes nothing."""
    first = RedemptionPassword.select(fn.MIN(RedemptionPassword.id))
    RedemptionPassword.update(version=RedemptionPassword.version).where(RedemptionPassword.id == first).execute()
