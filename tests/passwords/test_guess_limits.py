"""Guessing a redemption password: what it costs, whom, and for how long."""

import threading
import uuid
from contextlib import ExitStack
from datetime import timedelta

import pytest
from peewee import OperationalError

from database import Busy, db
from models import Attempt, Guess, RedemptionPassword
from quanbao.operations import unguarded
from quanbao.passwords import guess_limits
from quanbao.redemption import comparing, redeem, situation
from quanbao.redemption.reasons import Reason
from tests.support.factories import PASSWORD, WRONG, utc


def wrong_value(number: int) -> str:
    return f"{100_000 + number * 7:06d}"


def guess(world, voucher, number):
    return world.attempt(voucher, typed=wrong_value(number))


def test_a_consumer_has_five_wrong_tries_then_waits_longer_and_longer(world):
    voucher = world.voucher()
    for number in range(5):
        assert guess(world, voucher, number).reason is Reason.PASSWORD_INCORRECT
    waits = []
    for number in range(5, 10):
        refused = guess(world, voucher, number)
        assert refused.reason is Reason.TOO_MANY_ATTEMPTS
        waits.append(refused.retry_after)
        world.clock.forward(seconds=refused.retry_after - 0.001)
        assert guess(world, voucher, number).reason is Reason.TOO_MANY_ATTEMPTS
        world.clock.forward(seconds=0.001)
        assert guess(world, voucher, number).reason is Reason.PASSWORD_INCORRECT
    assert waits == [30, 60, 120, 240, 480]


def test_at_most_ten_wrong_tries_of_a_consumer_in_any_24_hours(world):
    voucher = world.voucher()
    begun = world.clock()
    for number in range(10):
        while (verdict := guess(world, voucher, number)).reason is Reason.TOO_MANY_ATTEMPTS:
            world.clock.forward(seconds=verdict.retry_after)
    assert world.attempt(voucher).reason is Reason.TOO_MANY_ATTEMPTS
    world.clock.now = begun + timedelta(hours=24) - timedelta(seconds=1)
    assert guess(world, voucher, 11).reason is Reason.TOO_MANY_ATTEMPTS
    world.clock.now = begun + timedelta(hours=24)
    assert guess(world, voucher, 11).reason is Reason.PASSWORD_INCORRECT


def test_the_wait_grows_to_an_hour_and_no_further():
    moments = [utc("2026-12-01T00:00:00+00:00") + guess_limits.DAY * number for number in range(20)]
    assert guess_limits._wait(moments, moments[-1]) == timedelta(minutes=60)


def test_a_password_has_a_hundred_wrong_values_a_day_whoever_tries(world):
    campaign = world.campaign()
    for number in range(guess_limits.PASSWORD_A_DAY // 5):
        voucher = world.voucher(campaign=campaign, holder=world.account())
        for turn in range(5):
            assert guess(world, voucher, number * 5 + turn).reason is Reason.PASSWORD_INCORRECT
    honest = world.voucher(campaign=campaign)
    refused = world.attempt(honest)
    assert refused.reason is Reason.TOO_MANY_ATTEMPTS
    assert refused.retry_after == 24 * 3600
    world.clock.forward(hours=24)
    assert world.attempt(honest).redeemed


def test_campaigns_that_share_a_password_share_its_budget(world):
    world.spend_password()
    assert world.attempt(world.voucher()).reason is Reason.TOO_MANY_ATTEMPTS
    other = world.campaign(password=world.make_password(digits="750264"))
    assert world.attempt(world.voucher(campaign=other), typed="750264").redeemed


def test_a_thousand_wrong_values_end_a_password_until_it_is_changed(world):
    voucher = world.voucher()
    for _ in range(10):
        world.spend_password(wrong=100)
        world.clock.forward(days=2)
    assert world.attempt(voucher).reason is Reason.TOO_MANY_ATTEMPTS
    world.clock.forward(days=400)
    RedemptionPassword.update(version=RedemptionPassword.version + 1).execute()
    voucher = world.voucher(campaign=world.campaign(ends_at=world.clock() + timedelta(days=1)))
    assert world.attempt(voucher).redeemed


def test_the_same_wrong_value_counts_once_for_the_password_each_time_for_the_consumer(world):
    """A till that goes on typing last month's password must not close the shop."""
    campaign = world.campaign()
    for _ in range(110):
        voucher = world.voucher(campaign=campaign, holder=world.account())
        assert world.attempt(voucher, typed=WRONG).reason is Reason.PASSWORD_INCORRECT
        world.clock.forward(seconds=1)
    assert Guess.select().where(Guess.counted).count() == 1
    world.clock.forward(minutes=10)
    world.attempt(world.voucher(campaign=campaign, holder=world.account()), typed=WRONG)
    assert Guess.select().where(Guess.counted).count() == 2
    voucher = world.voucher(campaign=campaign)
    for _ in range(5):
        world.attempt(voucher, typed=WRONG)
    assert world.attempt(voucher, typed=WRONG).reason is Reason.TOO_MANY_ATTEMPTS


def test_no_wrong_value_is_kept_readable(world):
    world.attempt(world.voucher(), typed=WRONG)
    row = Guess.get()
    assert WRONG.encode() not in bytes(row.tag)
    assert WRONG not in str(Attempt.get().__data__)


class Refusing:
    """A database that refuses what a try wrote, at its commit; and what was compared meanwhile."""

    def __init__(self, monkeypatch):
        self.compared, self.refuses, self.wrote, is_same = 0, True, False, comparing.is_same
        engine = type(db.obj)
        commit, execute = engine.commit, engine.execute_sql

        def refuse(database):
            wrote, self.wrote = self.wrote, False
            if not (self.refuses and wrote):
                return commit(database)
            raise OperationalError("disk is full")  # peewee rolls back

        def note(database, sql, *more):
            self.wrote |= sql.startswith(("INSERT", "UPDATE", "DELETE")) and '"guess" SET "made_at"' not in sql
            return execute(database, sql, *more)

        monkeypatch.setattr(engine, "execute_sql", note)

        def look(*what):
            self.compared += 1
            return is_same(*what)

        monkeypatch.setattr(engine, "commit", refuse)
        monkeypatch.setattr(comparing, "is_same", look)


class TestComparisonsThatAreWrittenNowhere:
    """Their budget is in the memory of the process."""

    @pytest.fixture
    def voucher(self, world):
        return world.voucher(campaign=world.campaign(uses_per_voucher=9))

    @pytest.fixture
    def disk(self, voucher, monkeypatch):
        monkeypatch.setattr(guess_limits, "uncommitted", guess_limits.Uncommitted())
        return Refusing(monkeypatch)

    def test_after_a_hundred_nothing_is_compared_until_a_write_succeeds(self, world, voucher, disk):
        for number in range(130):
            typed = PASSWORD if number % 10 == 9 else wrong_value(number)
            assert world.attempt(voucher, typed=typed).reason is Reason.BUSY
        assert disk.compared == guess_limits.UNCOMMITTED == 100
        assert (Guess.select().count(), Attempt.select().count()) == (0, 0)
        disk.refuses = False
        assert world.attempt(voucher).redeemed
        assert guess(world, voucher, 1).reason is Reason.PASSWORD_INCORRECT
        assert guess_limits.uncommitted.lost == 0

    def test_a_try_that_compares_nothing_gives_none_back(self, world, voucher, disk):
        for number in range(99):
            guess(world, voucher, number)
        disk.refuses = False
        world.spend_password()
        disk.refuses = False
        assert guess(world, voucher, 100).reason is Reason.TOO_MANY_ATTEMPTS
        assert guess_limits.uncommitted.lost == 99

    def test_one_that_is_written_gives_all_back(self, world, voucher, disk):
        for number in range(99):
            guess(world, voucher, number)
        disk.refuses = False
        assert guess(world, voucher, 100).reason is Reason.PASSWORD_INCORRECT
        assert guess_limits.uncommitted.lost == 0

    def test_control_without_it_every_guess_is_compared(self, world, voucher, disk, monkeypatch):
        monkeypatch.setattr(guess_limits, "UNCOMMITTED", 10**6)
        for number in range(130):
            guess(world, voucher, number)
        assert disk.compared == 130

    def test_those_under_way_count(self):
        memory = guess_limits.Uncommitted()
        with ExitStack() as under_way:
            for _ in range(guess_limits.UNCOMMITTED):
                under_way.enter_context(memory.one())
            with pytest.raises(Busy), memory.one():
                pass
        with memory.one():
            pass


class TestParallelGuesses:
    """Sixty at once: only five are compared. The control shows what the lock is worth."""

    def compared(self, world, voucher) -> int:
        barrier, lock, verdicts = threading.Barrier(20), threading.Lock(), []

        def tries(start: int) -> None:
            barrier.wait()
            for number in range(start, start + 3):
                verdict = guess(world, voucher, number)
                with lock:
                    verdicts.append(verdict.reason)
            db.close()

        threads = [threading.Thread(target=tries, args=(start * 3,)) for start in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(verdicts) == 60
        assert set(verdicts) <= {Reason.PASSWORD_INCORRECT, Reason.TOO_MANY_ATTEMPTS, Reason.BUSY}
        return verdicts.count(Reason.PASSWORD_INCORRECT)

    @pytest.mark.race
    def test_only_five_are_compared(self, world):
        assert self.compared(world, world.voucher()) == 5

    @pytest.mark.race
    def test_control_without_the_lock_more_are_compared(self, world, monkeypatch):
        """On SQLite the writers' one turn is the lock."""
        monkeypatch.setattr(redeem, "write_transaction", unguarded._write_transaction)
        monkeypatch.setattr(guess_limits, "_of_consumer", unguarded._of_consumer)
        monkeypatch.setattr(unguarded, "PAUSE", 0.05)
        monkeypatch.setattr(situation, "lock", unguarded._no_lock)
        assert self.compared(world, world.voucher()) > 5


def test_the_right_password_among_guesses_gives_only_itself_back(world):
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=9))
    for number in range(4):
        guess(world, voucher, number)
    assert world.attempt(voucher, typed=PASSWORD, attempt_id=str(uuid.uuid4())).redeemed
    assert Guess.select().count() == 4
    assert guess(world, voucher, 5).reason is Reason.PASSWORD_INCORRECT
    assert guess(world, voucher, 6).reason is Reason.TOO_MANY_ATTEMPTS


def test_a_try_that_waited_counts_from_its_comparison(world, monkeypatch):
    """Otherwise a hundred that wait for a minute, and a hundred a day after they came, would be compared in one day."""
    lock = situation.lock

    def wait(*what, **how):
        world.clock.forward(seconds=59)
        return lock(*what, **how)

    monkeypatch.setattr(situation, "lock", wait)
    assert world.attempt(world.voucher(), typed=WRONG).reason is Reason.PASSWORD_INCORRECT
    assert Guess.get().made_at == Attempt.get().at == world.clock()
