"""Guessing a redemption password: what it costs, whom, and for how long."""

import threading
import time
import uuid
from datetime import timedelta

import pytest

from database import db
from models import Attempt, Guess, RedemptionPassword
from quanbao.passwords import guess_limits
from quanbao.redemption import redeem
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


def test_tries_in_flight_fill_the_budget_and_then_the_answer_is_busy_not_wrong(world):
    voucher = world.voucher()
    Guess.insert_many(
        [{"password": world.password, "version": 1, "consumer": world.mei, "made_at": world.clock()} for _ in range(5)]
    ).execute()
    began = world.clock()
    assert world.attempt(voucher).reason is Reason.BUSY
    assert timedelta(seconds=1.9) < world.clock() - began < timedelta(seconds=2.1)


def test_a_reservation_that_no_verdict_settled_lapses(world):
    """Its process died before anybody was told anything."""
    voucher = world.voucher()
    for _ in range(5):
        Guess.create(password=world.password, version=1, consumer=world.mei, made_at=world.clock())
    world.clock.forward(seconds=60)
    assert world.attempt(voucher).redeemed
    assert Guess.select().count() == 0


def test_a_request_that_hung_longer_than_its_reservation_may_not_compare(world, monkeypatch):
    settle = redeem._settle

    def late(*arguments):
        world.clock.forward(seconds=60)
        return settle(*arguments)

    monkeypatch.setattr(redeem, "_settle", late)
    assert world.attempt(world.voucher()).reason is Reason.BUSY
    assert Attempt.select().count() == 0


class TestParallelGuesses:
    """Sixty at once: only five are compared. The control shows what the order of steps is worth."""

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

    @pytest.fixture(autouse=True)
    def real_waiting(self, world, monkeypatch):
        """Who waits for tries in flight would else take the clock of all with them, past the time of a penalty."""
        monkeypatch.setattr(world.clock, "sleep", time.sleep)

    @pytest.mark.race
    def test_only_five_are_compared(self, world):
        assert self.compared(world, world.voucher()) == 5

    @pytest.mark.race
    def test_control_without_a_reservation_more_are_compared(self, world, monkeypatch):
        def count_first(password, consumer, *, clock, sleep):
            wrong = Guess.select().where((Guess.consumer == consumer) & Guess.wrong).count()
            if wrong >= guess_limits.CONSUMER_FREE:
                return guess_limits.Spent(30)
            threading.Event().wait(0.02)  # others look meanwhile
            return Guess.create(password=password, version=password.version, consumer=consumer, made_at=clock())

        monkeypatch.setattr(guess_limits, "reserve", count_first)
        assert self.compared(world, world.voucher()) > 5


def test_the_right_password_among_guesses_gives_only_itself_back(world):
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=9))
    for number in range(4):
        guess(world, voucher, number)
    assert world.attempt(voucher, typed=PASSWORD, attempt_id=str(uuid.uuid4())).redeemed
    assert Guess.select().count() == 4
    assert guess(world, voucher, 5).reason is Reason.PASSWORD_INCORRECT
    assert guess(world, voucher, 6).reason is Reason.TOO_MANY_ATTEMPTS


def test_a_try_that_hung_counts_from_its_comparison(world, monkeypatch):
    """Otherwise a hundred that hang for a minute, and a hundred a day after they came, would be compared in one day."""
    voucher, reserve = world.voucher(), guess_limits.reserve

    def reserve_and_hang(*what, **how):
        guess = reserve(*what, **how)
        world.clock.forward(seconds=59)
        return guess

    monkeypatch.setattr(guess_limits, "reserve", reserve_and_hang)
    assert world.attempt(voucher, typed=WRONG).reason is Reason.PASSWORD_INCORRECT
    assert Guess.get().made_at == Attempt.get().at == world.clock()
