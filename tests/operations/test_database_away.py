"""PostgreSQL goes away and comes back: what is being published goes on by itself, and nobody gets anything twice."""

import logging
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest
from peewee import OperationalError, ProgrammingError

from database import Busy, db, drop_broken_connection, open_database
from models import Audience
from quanbao.operations import migrate, worker
from quanbao.vouchers import publications
from tests.conftest import POSTGRESQL
from tests.operations.test_worker import half_and_half, is_finished, until, worker_beside, working
from tests.support.crowds import counts, holders, make_customers, of, start
from tests.support.factories import World
from tests.support.programs import postgres_program
from tests.support.servers import Postgres, Site
from web.server.gateway import THREADS

pytestmark = pytest.mark.slow  # starts programs

PEOPLE = 12_000


class Cluster(Postgres):
    """A PostgreSQL of the test's own, to be stopped and started as an operator does."""

    def go_away(self, how: str) -> None:
        self.options = (self.folder / "data" / "postmaster.opts").read_text().split(" ", 1)[1].replace('"', "")
        self._control("stop", "-m", how)

    def come_back(self) -> None:
        self._control("start", "-o", self.options)

    def stop(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._control("stop", "-m", "immediate")
        super().stop()

    def _control(self, *words: str) -> None:
        command = [postgres_program("pg_ctl"), "-D", "data", "-w", "-l", "log", *words]
        subprocess.run(command, **self.how, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def cluster(postgres_server) -> Iterator[Cluster]:
    """Only where there is a PostgreSQL at all."""
    with Cluster() as server:
        yield server


@pytest.fixture
def there(cluster, settings):
    """Settings on the cluster, migrated and opened."""
    url = cluster.create("test")
    open_database(url, None)
    migrate.migrate()
    yield replace(settings, database_url=url)
    drop_broken_connection()
    db.close()


@pytest.fixture
def cast(there, clock, keys):
    return World(clock, keys)


def go_and_come(cluster: Cluster, how: str) -> None:
    db.close()
    cluster.go_away(how)
    time.sleep(1.2 * worker.IDLE)  # long enough to be noticed
    cluster.come_back()


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_the_worker_inside_serve_goes_on_when_the_server_is_there_again(cluster, there, cast, how):
    _, publication, assert_each_has_one = half_and_half(cast, PEOPLE)
    with Site(there) as site:
        for steps in (0, 3):
            until(lambda: counts(publication)[2] > steps * publications.STEP, "a step")  # noqa: B023
            assert not is_finished(publication)
            go_and_come(cluster, how)
        until(lambda: is_finished(publication), "the rest")
        assert all(site.answers() for _ in range(3 * THREADS)), "at once, and the server was never started again"
    assert_each_has_one()


def test_a_worker_of_its_own_goes_on_too(cluster, there, cast):
    _, publication, assert_each_has_one = half_and_half(cast, PEOPLE)
    with Site(there, QUANBAO_WORKER="external") as site, worker_beside(site) as process:
        until(lambda: counts(publication)[2] > 0, "a step")
        go_and_come(cluster, "immediate")
        until(lambda: is_finished(publication), "the rest")
        assert process.poll() is None
    assert_each_has_one()


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_connections_that_are_cut_again_and_again_lose_nothing(world, database, postgres_server, monkeypatch):
    """In the middle of steps: whether one was committed is looked up, never guessed."""
    monkeypatch.setattr(worker, "IDLE", 0.01)
    monkeypatch.setattr(publications, "STEP", 200)
    _, publication, assert_each_has_one = half_and_half(world, 4000)
    cut = 0
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as other, working(world):
        while not done(publication):
            others = "datname = 'test' AND pid <> %s"
            cut += len(
                other.execute(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others} AND state <> 'idle'",
                    [db.connection().info.backend_pid],
                ).fetchall()
            )
            time.sleep(0.05 + cut / 200)  # on a busy machine a step takes longer than the first of them
    assert cut > 3
    assert_each_has_one()


def done(publication) -> bool:
    try:
        return is_finished(publication)
    except (OperationalError, Busy):
        drop_broken_connection()
        return False


@pytest.mark.parametrize("fault", [ProgrammingError("no such table"), RuntimeError("whatever"), OSError("no disk")])
@pytest.mark.parametrize("place", ["waiting", "step"])
def test_no_fault_ends_the_work(world, monkeypatch, caplog, place, fault):
    """A worker that is gone would be noticed by nobody until the server is started again."""
    monkeypatch.setattr(worker, "IDLE", 0.01)
    people, campaign = make_customers(world, 5), world.campaign()
    publication, whole, faults = start(world, campaign, Audience.ALL), getattr(publications, place), [fault] * 3

    def breaks(*arguments, **more):
        if faults:
            raise faults.pop()
        return whole(*arguments, **more)

    monkeypatch.setattr(publications, place, breaks)
    with caplog.at_level(logging.ERROR), working(world):
        until(lambda: is_finished(publication), "the publication")
    assert holders(campaign) == of(people)
    assert str(fault) in caplog.text


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_a_server_that_became_read_only_is_left_for_another(world, database, postgres_server, monkeypatch):
    """After a failover the old connection still answers, and would refuse every write for ever."""
    monkeypatch.setattr(worker, "IDLE", 0.01)
    people, campaign = make_customers(world, 5), world.campaign()
    publication = start(world, campaign, Audience.ALL)
    db.close()
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as other:
        other.execute("ALTER DATABASE test SET default_transaction_read_only = on")
        refused, whole = [], publications.step

        def watched(*arguments, **more):
            try:
                return whole(*arguments, **more)
            except Exception as error:
                refused.append(error)
                raise

        monkeypatch.setattr(publications, "step", watched)
        with working(world):
            until(lambda: refused, "a refusal")
            other.execute("ALTER DATABASE test SET default_transaction_read_only = off")
            db.close()
            until(lambda: is_finished(publication), "the publication")
    assert holders(campaign) == of(people)


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_a_server_that_vanished_from_the_network_is_given_up_in_a_minute(database):
    """No packet says so: only the system's own probes notice."""
    kept = db.connection().info.get_parameters()
    assert int(kept["keepalives_idle"]) + int(kept["keepalives_interval"]) * int(kept["keepalives_count"]) <= 60
    assert int(kept["tcp_user_timeout"]) <= 60_000
