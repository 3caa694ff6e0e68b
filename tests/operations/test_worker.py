"""The worker: what is waiting is finished, whatever breaks off, goes away or is killed meanwhile, and nothing twice."""

import logging
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Event, Thread

import psycopg
import pytest

import wsgi
from database import db, open_database
from models import Audience, Campaign, Delivery, Publication, PublicationPart
from quanbao.campaigns import editing, figures
from quanbao.lib import pace
from quanbao.messages.push import sender
from quanbao.messages.push.sender import Postman
from quanbao.operations import worker
from quanbao.vouchers import publications
from tests.conftest import POSTGRESQL
from tests.support.crowds import counts, holders, linked, make_customers, of, start
from tests.support.factories import World
from tests.support.servers import ROOT, Site

PATIENCE = 60  # seconds; only what fails takes so long


@pytest.fixture
def quick(monkeypatch):
    """Small steps that do not grow, and no rest."""
    monkeypatch.setattr(publications, "STEP", 5)
    monkeypatch.setattr(pace, "LARGEST", 5)
    monkeypatch.setattr(worker, "IDLE", 0.01)
    monkeypatch.setattr(sender, "IDLE", 0.01)


@contextmanager
def working(world: World, postman: Postman | None = None) -> Iterator[Thread]:
    """A worker in a thread, with a connection of its own; it is stopped at the end, and comes to it."""
    stop = Event()

    def run() -> None:
        try:
            worker.run(stop, clock=world.clock, key=world.keys.receipts, postman=postman)
        finally:
            db.close()

    thread = Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.005)


def is_finished(publication: Publication) -> bool:
    return Publication.get_by_id(publication.id).finished_at is not None


# In a thread


def test_it_finishes_what_is_waiting_and_what_comes_later(world, quick):
    people, campaign = make_customers(world, 23), world.campaign()
    two = start(world, campaign, Audience.ALL), start(world, world.campaign(), Audience.ADDRESSES, ["a@x", "b@x"])
    with working(world):
        until(lambda: all(map(is_finished, two)), "both")
        late = start(world, world.campaign(), Audience.ALL)
        until(lambda: is_finished(late), "the late one")
    assert [counts(row) for row in (*two, late)] == [(23, 0, 23, 23), (0, 2, 2, 2), (23, 0, 23, 23)]
    assert holders(campaign) == of(people)
    assert publications.waiting() == []
    assert list(figures.differences()) == []


def test_it_stops_at_once_though_much_is_left(world, quick):
    make_customers(world, 500)
    publication = start(world, world.campaign(), Audience.ALL)
    with working(world):
        until(lambda: counts(publication)[2] > 0, "a step")
    left = counts(publication)
    assert 0 < left[2] < 500
    time.sleep(0.1)
    assert counts(publication) == left


def test_what_goes_wrong_in_one_does_not_hold_up_the_others(world, quick, monkeypatch, caplog):
    people, campaign = make_customers(world, 12), world.campaign()
    bad, good = start(world, campaign, Audience.ALL), start(world, world.campaign(), Audience.ALL)
    whole, broken = publications._next, [True]

    def breaks(publication: Publication, size: int):
        if publication.id == bad.id and broken:
            raise ZeroDivisionError
        return whole(publication, size)

    monkeypatch.setattr(publications, "_next", breaks)
    with caplog.at_level(logging.WARNING), working(world):
        until(lambda: is_finished(good), "the good one")
        assert counts(bad) == (0, 0, 0, 12)
        broken.clear()
        until(lambda: is_finished(bad), "the mended one")
    assert f"worker: publication {bad.id}" in caplog.text
    assert (holders(campaign), counts(bad)) == (of(people), (12, 0, 12, 12))


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_a_server_that_cannot_be_reached_for_a_while_is_waited_for(world, database, postgres_server, quick):
    campaign = world.campaign()
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as other, working(world) as thread:
        db.close()
        other.execute("ALTER DATABASE test ALLOW_CONNECTIONS false")
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test'")
        time.sleep(0.3)
        assert thread.is_alive()
        other.execute("ALTER DATABASE test ALLOW_CONNECTIONS true")
        people = make_customers(world, 7)
        publication = start(world, campaign, Audience.ALL)
        until(lambda: is_finished(publication), "the publication")
    assert holders(campaign) == of(people)


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_it_works_behind_pgbouncer(world, database, pgbouncer, quick, mail):
    """Each transaction on another connection, and nothing kept in one: publications, news, and what they set off."""
    mail.subscribe()
    world.group("regulars")
    people = make_customers(world, 23)
    open_database(pgbouncer.url("test"), None)
    campaign = world.campaign()
    publication = start(world, campaign, Audience.ALL)
    with working(world, mail.postman()), working(world, mail.postman()):
        until(lambda: is_finished(publication) and len(mail.service.inbox) == 1, "the publication and its message")
        editing.end(campaign, world.clock())
        until(lambda: len(mail.service.inbox) == 2 and not Delivery.select().exists(), "the news")
    assert counts(publication) == (24, 0, 24, 24)
    assert holders(campaign) == of(people) + Counter([world.mei.id])
    assert sorted(mail.titles()) == ["Ended early: Oolong, 500 ml", "New: Oolong, 500 ml"]
    assert list(figures.differences()) == []


@pytest.mark.parametrize(("where", "started"), [("embedded", 1), ("external", 0)])
def test_serve_works_unless_somebody_else_does(settings, migrated_file, monkeypatch, where, started):
    begun = []
    monkeypatch.setattr(worker, "run", lambda stop, **with_: begun.append(with_))
    wsgi._working(replace(settings, worker=where))
    until(lambda: len(begun) >= started, "the thread")
    assert [with_["key"] for with_ in begun] == [settings.secret_key] * started
    db.close()


# As processes


def half_and_half(world: World, size: int) -> tuple[Campaign, Publication, Callable[[], None]]:
    """A publication to addresses of which each second is a customer's; and the test that all have theirs, once."""
    campaign, people = world.campaign(), make_customers(world, size // 2)
    strangers = [f"s{n}@example.org" for n in range(size // 2)]
    entries = [address for pair in zip((row.address for row in people), strangers, strict=True) for address in pair]
    publication = start(world, campaign, Audience.ADDRESSES, entries)

    def assert_each_has_one() -> None:
        assert counts(publication) == (size // 2, size // 2, size, size)
        assert (holders(campaign), linked(campaign)) == (of(people), Counter(strangers))
        assert PublicationPart.select().count() == 0
        assert list(figures.differences()) == []

    return campaign, publication, assert_each_has_one


@contextmanager
def worker_beside(site: Site) -> Iterator[subprocess.Popen]:
    """`quanbao worker` on the same database."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "worker"],
        cwd=ROOT,
        env=site.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "Working. Stop with Ctrl+C.\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_server_that_is_killed_in_the_middle_finishes_when_it_is_started_again(world, database):
    _, publication, assert_each_has_one = half_and_half(world, 20_000)
    with Site(database):
        until(lambda: counts(publication)[2] > 2000, "the first steps")
    done = counts(publication)[2]  # the site is left by SIGKILL to all its processes
    assert 0 < done < 20_000
    assert not is_finished(publication)
    assert list(figures.differences()) == [], "what was committed is whole"
    with Site(database):
        until(lambda: is_finished(publication), "the rest")
    assert_each_has_one()


@pytest.mark.slow
def test_a_worker_of_its_own_does_what_serve_leaves_to_it(world, database):
    _, publication, assert_each_has_one = half_and_half(world, 6000)
    with Site(database, QUANBAO_WORKER="external") as site:
        time.sleep(2 * worker.IDLE)
        assert counts(publication)[2] == 0, "serve leaves it alone"
        with worker_beside(site), worker_beside(site):
            until(lambda: is_finished(publication), "the publication")
    assert_each_has_one()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_leaves_nothing_half_done(world, database, number):
    campaign, publication, assert_each_has_one = half_and_half(world, 20_000)
    with Site(database, QUANBAO_WORKER="external") as site:
        with worker_beside(site) as process:
            until(lambda: counts(publication)[2] > 0, "a step")
            process.send_signal(number)
            assert process.wait(10) == 0
            assert process.stderr.read() == ""
        done = counts(publication)
        assert done[2] < 20_000
        assert (sum(holders(campaign).values()), sum(linked(campaign).values())) == done[:2]
        assert list(figures.differences()) == []
        with worker_beside(site):
            until(lambda: is_finished(publication), "the rest")
    assert_each_has_one()


@pytest.mark.slow
def test_a_campaign_that_is_ended_while_a_worker_is_at_it_stops(world, database):
    campaign, publication, _ = half_and_half(world, 20_000)
    with Site(database):
        until(lambda: counts(publication)[2] > 0, "a step")
        editing.end(campaign, world.clock())
        until(lambda: is_finished(publication), "the end")
    issued, links, done, total = counts(publication)
    assert 0 < done < total
    assert (sum(holders(campaign).values()), sum(linked(campaign).values())) == (issued, links)
    assert list(figures.differences()) == []
