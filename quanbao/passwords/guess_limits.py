"""How often a redemption password may be guessed.

A reservation is committed before the password is looked at: any other order lets parallel guesses
through. Only a wrong password costs. The right one deletes its reservation in the transaction of
its verdict; a reservation that no verdict ever settled told nobody anything, and lapses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from peewee import fn

from database import locked, write_transaction
from models import Account, Guess, RedemptionPassword
from quanbao.lib.compiled_queries import statement

DAY = timedelta(hours=24)
IN_FLIGHT = timedelta(seconds=60)  # far longer than any request lives
REPEATED = timedelta(minutes=10)
MEMORY = timedelta(days=30)  # how long a consumer's wrong tries make them wait longer

PASSWORD_A_DAY = 100
PASSWORD_IN_LIFE = 1000
CONSUMER_A_DAY = 10
CONSUMER_FREE = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=60)

PATIENCE = 2.0  # seconds
POLL = 0.05  # seconds


@dataclass(frozen=True)
class Spent:
    """No try may be made now: the budget is used up, or (`in_flight`) may be, by tries under way.

    Of one consumer, or of the password (`for_all`): then no keypad of its campaigns can work.
    """

    retry_after: int  # seconds
    in_flight: bool = False
    for_all: bool = False


def reserve(
    password: RedemptionPassword, consumer: Account, *, clock: Callable[[], datetime], sleep: Callable[[float], None]
) -> Guess | Spent:
    """Reserve one try, committed when this returns.

    Where only tries in flight stand in the way it waits for them, two seconds at most.
    """
    for _ in range(round(PATIENCE / POLL)):
        answer = write_transaction(partial(_reserve, password, consumer, clock), housekeeping=True)
        if not (isinstance(answer, Spent) and answer.in_flight):
            return answer
        sleep(POLL)
    return answer


def _reserve(password: RedemptionPassword, consumer: Account, clock: Callable[[], datetime]) -> Guess | Spent:
    """Tries of a time that has not come yet were made by a clock that was set back since: they count from now on.

    Left as they are they would keep people out until that time; forgotten, they would cost a guesser nothing.
    """
    [row] = _locked(password.id)
    now = clock()
    _count_from(now, row.id, row.version)
    _lapse(now - IN_FLIGHT, row.id, row.version)
    refused = _of_password(row, now) or _of_consumer(row, consumer, now)
    return refused or _create(row, consumer, now)


def _create(row: RedemptionPassword, consumer: Account, now: datetime) -> Guess:
    columns = {"password": row.id, "version": row.version, "consumer": consumer.id, "made_at": now}
    return Guess(id=_insert(**columns)[0].id, **columns)


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
    if used_up := spent(row, now):
        return used_up
    [(of_today, in_life)] = _taken(now - DAY, row.id, row.version)
    full = of_today >= PASSWORD_A_DAY or in_life >= PASSWORD_IN_LIFE
    return Spent(ceil(PATIENCE), in_flight=True) if full else None


def _of_consumer(row: RedemptionPassword, consumer: Account, now: datetime) -> Spent | None:
    """Five wrong ones, then 30 seconds and ever longer between two; ten in any 24 hours."""
    rows = _recent(consumer.id, now - MEMORY, row.id, row.version)
    wrong = [made for made, is_wrong in rows if is_wrong]
    if wait := _wait(wrong, now):
        return Spent(_seconds(wait))
    if _wait([made for made, _ in rows], now):
        return Spent(ceil(PATIENCE), in_flight=True)
    return None


def _wait(tries: list[datetime], now: datetime) -> timedelta | None:
    """How long these wrong tries, oldest first, keep their consumer waiting; none if not at all."""
    if len(tries) < CONSUMER_FREE:
        return None
    doublings = min(len(tries) - CONSUMER_FREE, 7)
    until = tries[-1] + min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
    if len(tries) >= CONSUMER_A_DAY:
        until = max(until, tries[-CONSUMER_A_DAY] + DAY)
    return until - now if until > now else None


def still_holds(guess: Guess, now: datetime) -> bool:
    """Whether the reservation may still be used: a request that hung too long may not compare."""
    return bool(_alive(guess.id)) and now < guess.made_at + IN_FLIGHT


def give_back(guess: Guess) -> None:
    """The password was right, or never looked at; in the caller's transaction."""
    _delete(guess.id)


def spend(guess: Guess, tag: bytes, now: datetime) -> bool:
    """The password was compared now and wrong; in the caller's transaction. False where the reservation is gone.

    Any 24 hours are those of comparisons: a try that hung between reservation and comparison counts from the latter.

    The same wrong value within ten minutes counts once for the password, each time for the consumer:
    a till that goes on typing last month's password must not close the shop. Those of one password are written one
    after another, so that whoever spends the last of its budget sees that it was the last.
    """
    _locked(guess.password_id)
    counted = not _repeated(guess.id, tag, now - REPEATED, guess.password_id, guess.version)
    return _compared(guess.id, counted, tag, now) == 1


def _seconds(wait: timedelta) -> int:
    return max(1, ceil(wait.total_seconds()))


# What is asked and written


def _of(password, version):
    return (Guess.password == password) & (Guess.version == version)


@statement
def _locked(password):
    return locked(RedemptionPassword.select().where(RedemptionPassword.id == password))


@statement
def _count_from(now, *of):
    return Guess.update(made_at=now).where(_of(*of) & (Guess.made_at > now))


@statement
def _lapse(latest, *of):
    return Guess.delete().where(_of(*of) & Guess.wrong.is_null() & (Guess.made_at <= latest))


@statement
def _insert(**columns):
    return Guess.insert(columns).returning(Guess.id)


@statement
def _wrong(before, *of):
    counted = _of(*of) & Guess.wrong & Guess.counted
    return Guess.select(Guess.made_at).where(counted).order_by(Guess.made_at.desc()).offset(before).limit(1).tuples()


@statement
def _taken(since, *of):
    recent = Guess.wrong.is_null() | (Guess.made_at > since)
    return Guess.select(fn.COUNT(Guess.id).filter(recent), fn.COUNT(Guess.id)).where(_of(*of) & Guess.counted).tuples()


@statement
def _recent(consumer, since, *of):
    mine = _of(*of) & (Guess.consumer == consumer) & (Guess.made_at > since)
    return Guess.select(Guess.made_at, Guess.wrong).where(mine).order_by(Guess.made_at).tuples()


@statement
def _alive(guess):
    return Guess.select(Guess.id).where(Guess.id == guess).tuples()


@statement
def _delete(guess):
    return Guess.delete().where(Guess.id == guess)


@statement
def _repeated(guess, tag, since, *of):
    same = _of(*of) & (Guess.tag == tag) & (Guess.made_at > since) & (Guess.id != guess)
    return Guess.select(Guess.id).where(same).limit(1).tuples()


@statement
def _compared(guess, counted, tag, now):
    return Guess.update(wrong=True, counted=counted, tag=tag, made_at=now).where(Guess.id == guess)
