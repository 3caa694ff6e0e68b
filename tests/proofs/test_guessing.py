"""A redemption password is compared with at most 100 wrong values in any 24 hours, ten of one consumer, however many
people send theirs at once; who types the right one pays nothing.

Bursts of guesses come through a virtual day and beyond, to the second where the first ones are a day old.
"""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import count, cycle

import pytest

from models import Attempt, Guess
from quanbao.passwords.guess_limits import CONSUMER_A_DAY, CONSUMER_FREE, DAY, PASSWORD_A_DAY, UNCOMMITTED
from quanbao.redemption.reasons import Reason
from tests.controls import timed
from tests.proofs import size
from tests.support.racing import Holder, Request, crowd, engine, fire, ledger, persist, tally, tries
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("guessing"), pytest.mark.race]

ACCOUNTS = size(60, 1000)
AT_ONCE = size(60, 100)  # guesses in a burst
RIGHT = size(10, 100)  # right passwords between two bursts
SECOND = timedelta(seconds=1)
# How many people a burst is of, and when it comes: the last ones where the first wrong guesses are a day old.
BURSTS = size(
    [(12, timedelta()), (60, timedelta(hours=12)), (60, DAY - SECOND), (60, DAY)],
    [(4 if hour % 3 else 100, timedelta(hours=hour)) for hour in range(24)]
    + [(100, DAY - SECOND), (100, DAY), (20, DAY + SECOND)]
    + [(100, DAY + timedelta(hours=hour, seconds=late)) for hour in range(1, 25, 3) for late in (-1, 0, 1)],
)

wrong_values = map(str, count(700_100))


def test_no_day_has_more_comparisons_than_it_may(world, database, tmp_path, proved):
    guessers = crowd(database, world, world.campaign(), ACCOUNTS)
    [honest] = crowd(database, world, world.campaign(uses_per_voucher=100), 1)
    sold_out = crowd(database, world, world.campaign(quantity=0), RIGHT - 1)
    begun, people = world.clock(), cycle(guessers)
    timed.tell(tmp_path / "clock", begun)
    with Site(database, world, "timed", processes=2, CLOCK=str(tmp_path / "clock")) as site:
        for crowd_size, after in BURSTS:
            timed.tell(tmp_path / "clock", begun + after)
            assert_right_ones_are_free(site, honest, sold_out, begun + after)
            answers = fire(site, guesses([next(people) for _ in range(crowd_size)]))
            assert {(answer.status, answer.reason) for answer in answers if not answer.is_busy} <= {
                (403, "password_incorrect"),
                (429, "too_many_attempts"),
            }
    proved(
        f"{engine(database)}: {len(BURSTS) * AT_ONCE:,} guesses of {ACCOUNTS:,} accounts within {BURSTS[-1][1]}, "
        f"{budgets_held()}"
    )


def budgets_held() -> str:
    """Every 24 hours are looked at; what they had at most."""
    by_consumer, every = comparisons()
    assert_at_most(PASSWORD_A_DAY, every)
    for moments in by_consumer.values():
        assert_at_most(CONSUMER_A_DAY, moments)
    assert Guess.select().count() == len(every) > 0
    most = max(sum(moment - DAY < other <= moment for other in every) for moment in every)
    return f"{len(every)} compared, at most {most} in 24 h and {max(map(len, by_consumer.values()))} a consumer"


def assert_right_ones_are_free(site: Site, honest: Holder, sold_out: list[Holder], now: datetime) -> None:
    """Redeemed or refused: accepted while any budget is left, and then there is as much of it as before."""
    before = Guess.select().count()
    is_left = Guess.select().where(Guess.made_at > now - DAY).count() < PASSWORD_A_DAY
    told = tally(persist(site, tries([honest]) + tries(sold_out)))
    assert told == ({(200, None): 1, (409, "sold_out"): RIGHT - 1} if is_left else {(429, "too_many_attempts"): RIGHT})
    assert Guess.select().count() == before


def guesses(people: list[Holder]) -> list[Request]:
    """As many different wrong values as come at once, in turn by these people."""
    turns = cycle(people)
    return [Request(next(turns), password=next(wrong_values)) for _ in range(AT_ONCE)]


def comparisons() -> tuple[dict[int, list[datetime]], list[datetime]]:
    """When a wrong password was looked at, by consumer and in all: those tries were stored."""
    by_consumer = defaultdict(list)
    rows = Attempt.select(Attempt.consumer, Attempt.at).where(Attempt.reason == Reason.PASSWORD_INCORRECT)
    for consumer, moment in rows.order_by(Attempt.at).tuples():
        by_consumer[consumer].append(moment)
    return by_consumer, sorted(moment for moments in by_consumer.values() for moment in moments)


def assert_at_most(most: int, moments: list[datetime]) -> None:
    """In any 24 hours: the one that is so many places later is at least a day later."""
    for first, later in zip(moments, moments[most:], strict=False):
        assert later - first >= DAY


def test_one_consumer_has_five_however_many_are_sent_at_once(world, database, proved):
    [holder] = crowd(database, world, world.campaign(), 1)
    with Site(database, world, processes=2) as site:
        answers = fire(site, guesses([holder]))
    refused = [answer for answer in answers if answer.status != 403 and not answer.is_busy]
    assert all((answer.status, answer.reason) == (429, "too_many_attempts") for answer in refused)
    assert all(answer.retry_after for answer in refused)
    compared = len(comparisons()[1])
    assert 0 < compared <= CONSUMER_FREE
    assert tally(answers)[403, "password_incorrect"] == compared == Guess.select().count()
    assert ledger() == {}
    proved(f"{engine(database)}: {compared} of {AT_ONCE} at once compared")


REFUSED = size(300, 3000)  # guesses that are sent while no commit succeeds


def guess_in_vain(world, database, folder, **variables: str) -> Counter[str]:
    """How many were compared by each process while every commit was refused, of right ones and wrong ones."""
    [holder] = crowd(database, world, world.campaign(quantity=1000, uses_per_voucher=1000), 1)
    refused, compared = folder / "refused", folder / "compared"
    refused.touch()
    with Site(database, world, "refused_commits", REFUSED=str(refused), COMPARED=str(compared), **variables) as site:
        for _ in range(REFUSED // AT_ONCE):
            answers = fire(site, [*guesses([holder])[1:], Request(holder)])
            assert {answer.status for answer in answers} == {503}, "nobody is told anything"
        found = Counter(compared.read_text().split())
        assert (Guess.select().count(), Attempt.select().count()) == (0, 0)
        refused.unlink()
        told = tally(persist(site, [*tries([holder]), *guesses([holder])[:3]]))
    assert told == {(200, None): 1, (403, "password_incorrect"): 3}, "as soon as something is written again"
    return found


def test_what_is_written_nowhere_is_compared_a_hundred_times_a_process(world, database, tmp_path, proved):
    compared = guess_in_vain(world, database, tmp_path)
    assert max(compared.values()) == UNCOMMITTED
    proved(f"{engine(database)}: {REFUSED} guesses with every commit refused, {max(compared.values())} compared")


def test_control_uncounted_they_are_compared_more_often(world, database, tmp_path):
    assert max(guess_in_vain(world, database, tmp_path, UNCOUNTED="1").values()) > UNCOMMITTED


def test_control_unguarded_guesses_are_compared_more_often(world, database, proved):
    [holder] = crowd(database, world, world.campaign(), 1)
    with Site(database, world, "no_guards", processes=2) as site:
        fire(site, guesses([holder]))
    assert len(comparisons()[1]) > CONSUMER_FREE
    proved(f"{engine(database)} unguarded: {len(comparisons()[1])} of {AT_ONCE}")
