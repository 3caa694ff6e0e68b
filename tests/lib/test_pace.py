"""Long work in short transactions: their size follows how long they held the lock, and other writers come first."""

import threading

import pytest

from database import Busy, db, on_sqlite, write_transaction
from quanbao.lib import pace
from quanbao.lib.pace import CALM, HOLD, LARGEST, PAUSE, RESTS, SHORT_HOLD, SMALLEST, Pace, is_contended, only_one
from tests.conftest import SQLITE


@pytest.fixture
def run(world, monkeypatch):
    """`run(one, seconds, others)`: a transaction of this pace that takes so long, and what was rested afterwards."""
    now = [0.0]
    monkeypatch.setattr(pace, "monotonic", lambda: now[0])

    def go(one: Pace, seconds: float, others: bool = False) -> list[float]:
        def work() -> None:
            now[0] += seconds

        def waited(work) -> None:
            now[0] += 60  # in line: that is no time in which the lock was held
            work()

        monkeypatch.setattr(pace, "write_transaction", waited)
        monkeypatch.setattr(pace, "is_contended", lambda: others)
        rests: list[float] = []
        one.write(work)
        one.give_way(rests.append)
        return rests

    return go


def test_alone_it_grows_to_what_holds_the_lock_for_long_enough_and_hardly_rests(run):
    one = Pace(1000)
    assert run(one, HOLD / 10) == [PAUSE]
    assert one.size == 2000, "at most twice as many"
    run(one, HOLD / 2)
    assert one.size == 4000
    run(one, 2 * HOLD)
    assert one.size == 2000
    for _ in range(10):
        run(one, 0.000001)
    assert one.size == LARGEST


def test_beside_others_it_is_shorter_and_rests_until_none_wrote_for_a_while(run):
    one = Pace(1000)
    assert run(one, HOLD, others=True) == [PAUSE, pytest.approx(RESTS * HOLD)]
    rests = [run(one, SHORT_HOLD) for _ in range(CALM)]
    assert rests == [[PAUSE, pytest.approx(RESTS * SHORT_HOLD)]] * (CALM - 1) + [[PAUSE]]
    one.size = 4000
    run(one, SHORT_HOLD, others=True)
    run(one, 2 * SHORT_HOLD, others=True)
    assert one.size == pytest.approx(4000 * min(2.0, HOLD / SHORT_HOLD) / 2)


def test_it_never_comes_to_a_standstill(run):
    one, small = Pace(5000), Pace(3)
    for _ in range(20):
        run(one, 3.0)
        run(small, 3.0)
    assert (one.size, small.size) == (SMALLEST, 3)


def test_whether_others_write_is_seen(world):
    """A writer of another thread, with a connection of its own."""
    began, end = threading.Event(), threading.Event()

    def write() -> None:
        def work() -> None:
            world.account()
            began.set()
            end.wait(30)

        write_transaction(work)
        db.close()

    assert not is_contended()
    other = threading.Thread(target=write)
    other.start()
    assert began.wait(30)
    try:
        assert is_contended()
    finally:
        end.set()
        other.join()
    assert not is_contended()


def test_only_one_does_what_has_a_name(world):
    with only_one("publishing") as first, only_one("publishing") as second:
        assert (first, second) == (True, not on_sqlite()), "PostgreSQL locks the rows instead"
    with only_one("publishing") as again:
        assert again


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
def test_where_the_lock_has_no_file_it_is_busy(world, monkeypatch):
    monkeypatch.setattr(db.obj, "database", f"{db.database}/no-folder")
    with pytest.raises(Busy):
        is_contended()
    with pytest.raises(Busy), only_one("publishing"):
        pass
