"""How often a redemption password may be guessed.

A budget is a chance: of all wrong tries that it was compared with, by all the values that they were compared with, in
any 24 hours and in its life.

Budget, comparison and wrong try are one transaction under the lock of the password's row, and no answer leaves before
its commit: any other order lets parallel guesses through. Only a wrong password costs.

A comparison whose transaction did not commit is in no table. It is counted in the memory of its process, which after
a hundred of them compares nothing more until a write succeeds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from threading import Lock
from typing import Protocol, TypeVar

from peewee import fn

from database import Busy, write_transaction
from models import Guess, PasswordKind, RedemptionPassword
from quanbao.lib.compiled_queries import statement

DAY = timedelta(hours=24)
REPEATED = timedelta(minutes=10)
MEMORY = timedelta(days=30)  # how long a consumer's wrong tries make them wait longer

CERTAIN = 10**12  # the unit of a chance, for twelve digits
A_DAY = CERTAIN // 10_000
IN_LIFE = CERTAIN // 1_000
ONE_OF_SIX = CERTAIN // 10**6
PASSWORD_A_DAY = 100  # wrong values, where six digits are all that is compared
PASSWORD_IN_LIFE = 1000
ENOUGH = 30  # mistakes a day that a shop's cashiers should have
CONSUMER_A_DAY = 10
CONSUMER_FREE = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=60)
UNCOMMITTED = 100  # comparisons of a process, each with a value


@dataclass(frozen=True)
class Spent:
    """No try may be made now: the budget is used up, of one consumer or of the password (`for_all`).

    In the latter case no keypad of its campaigns can work.
    """

    retry_after: int  # seconds
    for_all: bool = False


@dataclass(frozen=True)
class Tries:
    """What stands in a password's budgets, at a glance: times and chances as the database has them, or none.

    When its latest wrong try was, the chance of all that count and of those a day ago, and this consumer's latest.
    """

    latest: int | None
    total: int | None
    day_before: int | None
    consumers: int | None

    @property
    def today(self) -> int:
        return (self.total or 0) - (self.day_before or 0)


class Candidate(Protocol):
    """A password that may be compared: its row, what stands in its budgets, how long its values are now."""

    @property
    def row(self) -> RedemptionPassword: ...

    @property
    def tries(self) -> Tries: ...

    @property
    def lengths(self) -> list[int]: ...


C = TypeVar("C", bound=Candidate)


class Comparison:
    """One try's look at passwords: whether it was `made`, with how many values, and is `written` where the transaction
    commits."""

    made = written = False
    values = 0

    def make(self, values: int = 1) -> None:
        """What was typed is compared now with so many values."""
        self.made, self.written, self.values = True, True, values


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
                    self.lost += max(1, comparison.values)

    def _see_whether_writing_works(self) -> None:
        write_transaction(_touch, housekeeping=True)
        with self.lock:
            self.lost = 0


uncommitted = Uncommitted()


def check(candidates: Sequence[C], consumer: int, now: datetime) -> tuple[list[C], Spent | None]:
    """Those that may be compared now, and why the consumer may not try; in the transaction that has their locks.

    A password whose budget is spent is left out, and the keypad is closed where all are. Tries of a time that has not
    come yet were made by a clock that was set back since: they count from now on. Left as they are they would keep
    people out until that time; forgotten, they would cost a guesser nothing.
    """
    for one in candidates:
        if one.tries.latest is not None and one.tries.latest > Guess.made_at.db_value(now):
            _count_from(now, one.row.id, one.row.version)
    cost = chance(candidates)
    left: list[C] = []
    waits: list[Spent] = []
    for one in candidates:
        if of_all := _of_password(one.row, one.tries, cost, now):
            waits.append(of_all)
        else:
            left.append(one)
    if waits and not left:
        return [], min(waits, key=lambda spent: spent.retry_after)
    own = [wait for one in left if one.tries.consumers is not None and (wait := _of_consumer(one.row, consumer, now))]
    return left, max(own, key=lambda spent: spent.retry_after, default=None)


def chance(candidates: Sequence[Candidate]) -> int:
    """How likely a guess is to be one of all these values, in units of 10^-12; at least as one value of six digits.

    So no password is compared more than 100 times a day, and how many tries are let through does not tell that the
    one password of a campaign has more digits.
    """
    return _of_lengths(digits for one in candidates for digits in one.lengths)


def mistakes(lengths: Iterable[int]) -> int:
    """How many wrong tries a day leaves where values of so many digits are compared at once."""
    return A_DAY // _of_lengths(lengths)


def _of_lengths(lengths: Iterable[int]) -> int:
    return max(ONE_OF_SIX, sum(CERTAIN // 10**digits for digits in lengths))


def spent(password: RedemptionPassword, now: datetime) -> Spent | None:
    """Whether the password's budget is used up now, for every consumer; tries in flight use up nothing yet.

    It is where another guess like the latest would be more than it allows.
    """
    row = _glance.first(now - DAY, password.id, password.version)
    if row is None:
        return None
    total, cost, before = row
    return _of_password(password, Tries(None, total, before, None), cost, now)


def closed(passwords: Iterable[RedemptionPassword], now: datetime) -> Spent | None:
    """Whether no keypad works that compares with these: the budgets of all are spent."""
    waits = [spent(password, now) for password in passwords]
    known = [wait for wait in waits if wait]
    return min(known, key=lambda wait: wait.retry_after) if known and len(known) == len(waits) else None


def _of_password(row: RedemptionPassword, tries: Tries, cost: int, now: datetime) -> Spent | None:
    """1 in 10,000 in any 24 hours; 1 in 1,000 in the life of fixed digits: others change sooner than they are spent."""
    if row.kind == PasswordKind.FIXED and (tries.total or 0) + cost > IN_LIFE:
        return Spent(int(DAY.total_seconds()), for_all=True)
    if tries.today + cost <= A_DAY:
        return None
    enough = (tries.total or 0) + cost - A_DAY
    found = _reached.first(row.id, row.version, enough)
    return Spent(_seconds(min(found[0] if found else now, now) + DAY - now), for_all=True)


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


def spend(compared: Sequence[C], consumer: int, tag: Callable[[C], bytes], now: datetime) -> None:
    """What was typed was compared with these now and wrong; in the transaction that has their locks.

    The same wrong value within ten minutes counts once for a password, as long as it is compared with the same values,
    and each time for the consumer: a till that goes on typing last month's password must not close the shop.
    """
    cost = chance(compared)
    for one in compared:
        of, made = tag(one), (one.row.id, one.row.version)
        counted = not _repeated(of, now - REPEATED, *made)
        total = (one.tries.total or 0) + (cost if counted else 0)
        _insert(
            password=made[0],
            version=made[1],
            consumer=consumer,
            made_at=now,
            counted=counted,
            tag=of,
            chance=cost,
            total=total,
        )


def _seconds(wait: timedelta) -> int:
    return max(1, ceil(wait.total_seconds()))


# What is asked and written

Earlier = Guess.alias()


def _of(password, version):
    return (Guess.password == password) & (Guess.version == version)


@statement
def _count_from(now, *of):
    return Guess.update(made_at=now).where(_of(*of) & (Guess.made_at > now))


@statement
def _insert(**columns):
    return Guess.insert(columns)


@statement
def _glance(yesterday, *of):
    before = Earlier.select(Earlier.total).where(
        (Earlier.password == of[0]) & (Earlier.version == of[1]) & (Earlier.made_at <= yesterday)
    )
    before = before.order_by(Earlier.made_at.desc(), Earlier.total.desc()).limit(1)
    latest = Guess.select(Guess.total, Guess.chance, before).where(_of(*of))
    return latest.order_by(Guess.made_at.desc(), Guess.total.desc()).limit(1).tuples()


@statement
def _reached(password, version, total):
    """When the chance of all that count came to this."""
    since = Guess.select(Guess.made_at).where(_of(password, version) & (Guess.total >= total))
    return since.order_by(Guess.made_at).limit(1).tuples()


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
