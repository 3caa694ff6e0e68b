"""A full or failing disk, and a database that goes away: busy, never an untrue verdict, and afterwards it goes on."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest

from database import db
from models import Guess, Redemption
from quanbao.campaigns import figures
from tests.conftest import POSTGRESQL, SQLITE
from tests.controls.failing_disk import ERRORS, Fault, tell
from tests.operations.test_database_away import Cluster
from tests.proofs import size
from tests.proofs.test_killed import cluster, there  # noqa: F401
from tests.support.factories import World
from tests.support.racing import Answer, Holder, Request, check, command, crowd, database_line, fire
from tests.support.servers import Site
from tests.support.services import leave_out

pytestmark = pytest.mark.promise("survives a full or failing disk, and a database that goes away")

only_sqlite = pytest.mark.parametrize("database", [SQLITE], indirect=True)
only_postgresql = pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)

STEP = size(3, 1)  # every so many operations one is to fail
MOST = 400  # operations; no redemption has so many


@pytest.fixture
def holder(world, database) -> Holder:
    campaign = world.campaign(quantity=1_000_000, uses_per_voucher=10_000)
    return crowd(database, world, campaign, 1)[0]


@pytest.fixture
def people(world, database) -> Iterator[Holder]:
    """One after the other: of the same one's tries only five may be under way."""
    campaign = world.campaign(quantity=1_000_000, uses_per_voucher=10_000)
    return iter(crowd(database, world, campaign, MOST))


@pytest.fixture
def fault(tmp_path):
    return tmp_path / "fault"


def redeem(site: Site, holder: Holder, attempt_id: str | None = None) -> Answer:
    return fire(site, [Request(holder, attempt_id=attempt_id or str(uuid.uuid4()))])[0]


def page(site: Site, holder: Holder, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=60)
    connection.request("GET", path, headers={"Cookie": holder.cookie, "Accept": "text/html"})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def ledger() -> int:
    return Redemption.select().count()


def assert_busy(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.retry_after is not None
    assert answer.reason in ("busy", None)


def assert_goes_on(site: Site, holder: Holder, attempt_id: str | None = None) -> None:
    answer = redeem(site, holder, attempt_id)
    assert (answer.status, answer.reason) == (200, None), "without a new start"
    assert list(figures.differences()) == []
    assert not Guess.select().exists()


@contextmanager
def down(site: Site, holder: Holder, readable: bool = False) -> Iterator[None]:
    """In this block nothing can be redeemed, and no page says anything but that; afterwards the same try passes."""
    attempt_id, before = str(uuid.uuid4()), ledger()
    db.close()
    yield
    assert_busy(redeem(site, holder, attempt_id))
    for path in ("/wallet", "/readyz"):
        status, text = page(site, holder, path)
        assert status == (200 if readable else 503), (path, text)
        assert "Traceback" not in text
    down.attempt_id, down.before = attempt_id, before


# SQLite


@only_sqlite
@pytest.mark.parametrize("stays", [False, True], ids=["once", "stays"])
@pytest.mark.parametrize("kind", ERRORS)
def test_a_disk_that_fails_at_any_point_of_a_redemption(world, database, people, fault, proved, kind, stays):
    came = fault.with_suffix(".came")
    with Site(database, world, "failing_disk", processes=1, FAULT=str(fault), QUANBAO_WORKER="external") as site:
        assert_goes_on(site, next(people))
        for left, holder in zip(range(0, MOST, STEP if kind != "sync" else 1), people, strict=False):
            attempt_id, before = str(uuid.uuid4()), ledger()
            tell(fault, Fault(kind, left, stays))
            answer = redeem(site, holder, attempt_id)
            if stays and came.exists():
                assert page(site, holder, "/readyz")[0] in (200, 503)
            tell(fault, None)
            if not came.exists():
                break
            came.unlink()
            if answer.status != 200:
                assert_busy(answer)
            assert ledger() - before == (answer.status == 200)
            assert_goes_on(site, holder, attempt_id)
            assert ledger() == before + 1
        assert (answer.status, left > 0) == (200, True), "the last fault came after the redemption"
    result = check(database, world)
    assert (result.returncode, result.stderr) == (0, database_line(database))
    assert db.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
    proved(f"{kind} {'stays' if stays else 'once'}: at {left // STEP or 1} points")


@only_sqlite
def test_control_without_a_transaction_half_is_written(world, database, holder, fault):
    with Site(
        database,
        world,
        "failing_disk",
        processes=1,
        FAULT=str(fault),
        AUTOCOMMIT="yes",
        QUANBAO_WORKER="external",
    ) as site:
        for left in range(0, MOST, 3):
            tell(fault, Fault("write", left, True))
            redeem(site, holder)
            tell(fault, None)
            if list(figures.differences()):
                break
    result = check(database, world)
    assert result.returncode == 1
    assert "counted" in result.stderr


@only_sqlite
def test_a_lock_that_cannot_be_opened(world, database, holder):
    lock = database.sqlite_file.with_name(database.sqlite_file.name + ".lock")
    with Site(database, world, "failing_disk", processes=1) as site:
        lock.unlink(missing_ok=True)
        lock.mkdir()
        with down(site, holder, readable=True):
            pass
        lock.rmdir()
        assert_goes_on(site, holder, down.attempt_id)


# A real file system


def mount(*words: object) -> None:
    """Left out, loudly, where the tests may not mount anything."""
    cure = "run the tests as root on Linux"
    if sys.platform == "linux" and os.geteuid() == 0:
        done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)
        if done.returncode == 0:
            return
        cure = f"allow root to mount: {done.stderr.strip()}"
    leave_out("file system of the tests' own", cure)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """Named before the database among a test's arguments, whose folder is on it then."""
    place = tmp_path / "data"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=8m", "quanbao-test", place)
    yield place
    db.close()
    subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """What is open stays open; nothing more can be opened to be written."""
    mount("--bind", folder, folder)
    try:
        mount("-o", "remount,bind,ro", folder)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    return disk / "filler"


@only_sqlite
def test_a_file_system_without_room(small_disk, world, database, holder):
    with Site(database, world, "failing_disk", processes=1) as site:
        assert_goes_on(site, holder)
        with down(site, holder, readable=True):
            filler = fill(small_disk)
        filler.unlink()
        assert_goes_on(site, holder, down.attempt_id)
    assert check(database, world).returncode == 0


@only_sqlite
def test_a_folder_that_may_only_be_read(small_disk, world, database, holder):
    with Site(database, world, "failing_disk", processes=1) as site:
        assert_goes_on(site, holder)
        with read_only(small_disk), down(site, holder, readable=True):
            pass
        assert_goes_on(site, holder, down.attempt_id)


@only_sqlite
def test_who_starts_where_nothing_can_be_written_is_told_so(small_disk, world, database):
    db.close()
    with read_only(small_disk):
        result = command(database, world, "serve", "--port", "1")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("the database: unable to open database file: ")
    assert result.stderr.endswith(f"{database.data} is on a read-only file system\n")


# PostgreSQL


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_postgresql_that_is_away(cluster, there, clock, keys, how):  # noqa: F811
    world = World(clock, keys)
    [someone] = crowd(there, world, world.campaign(uses_per_voucher=100), 1)
    with Site(there, world, "failing_disk", processes=1, QUANBAO_WORKER="external") as site:
        assert_goes_on(site, someone)
        away, back = (stop, start) if how == "stopped" else (freeze, thaw)
        try:
            with down(site, someone):
                away(cluster)
        finally:
            back(cluster)
        assert_goes_on(site, someone, down.attempt_id)


def stop(server: Cluster) -> None:
    server.go_away("fast")


def start(server: Cluster) -> None:
    server.come_back()


def freeze(server: Cluster) -> None:
    """Postmaster and backends."""
    server.frozen = processes(server)
    for process in server.frozen:
        os.kill(process, signal.SIGSTOP)


def thaw(server: Cluster) -> None:
    for process in server.frozen:
        os.kill(process, signal.SIGCONT)


def processes(server: Cluster) -> list[int]:
    with psycopg.connect(server.url("postgres")) as connection:
        backends = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'test'").fetchall()
    return [int((server.folder / "data" / "postmaster.pid").read_text().split()[0]), *(pid for (pid,) in backends)]


@only_postgresql
def test_postgresql_whose_disk_is_full(world, database, holder):
    with Site(database, world, "failing_disk", processes=1, QUANBAO_WORKER="external") as site:
        for table in ("voucher", "day_number", "redemption", "attempt", "figure", "campaign"):
            attempt_id = str(uuid.uuid4())
            db.execute_sql(f"""
                CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$;
                CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION full_disk()""")
            before = ledger()
            assert_busy(redeem(site, holder, attempt_id))
            assert page(site, holder, "/wallet")[0] == page(site, holder, "/readyz")[0] == 200
            assert ledger() == before
            db.execute_sql("DROP FUNCTION full_disk() CASCADE")
            assert_goes_on(site, holder, attempt_id)


@only_postgresql
def test_sessions_that_are_ended(world, database, holder, postgres_server):
    with (
        Site(database, world, "failing_disk", processes=1) as site,
        psycopg.connect(postgres_server.url("postgres"), autocommit=True) as other,
    ):
        for _ in range(5):
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'test' AND pid <> %s",
                [db.connection().info.backend_pid],
            )
            assert_goes_on(site, holder)
