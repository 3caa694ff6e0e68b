"""`quanbao backup` and `quanbao restore` as an operator types them."""

import os
import pty
import re
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from database import db, open_database
from models import Account, Merchant, Voucher
from quanbao.operations import backups, keeping
from tests.operations.test_cli import PATIENCE, QUANBAO, data, document, done, end, problem, start, write

pytestmark = pytest.mark.slow  # starts programs

__all__ = ["data", "document"]  # fixtures


@pytest.fixture
def file(data, document, tmp_path) -> Path:
    """A backup of a shop that has gone on since: one voucher is gone."""
    done(data, "load", document)
    file = tmp_path / "backup.sqlite3"
    assert "The keys are not in it" in done(data, "backup", file)
    write(data, "DELETE FROM voucher", "INSERT INTO link (purpose, token_hash, expires_at) VALUES ('set-up', x'01', 1)")
    return file


def rows(path: Path, table: str) -> list[tuple]:
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def vouchers(data: Path) -> int:
    return len(rows(data / "quanbao.sqlite3", "voucher"))


def kept_in(said: str) -> Path:
    return Path(re.search(r"^What was there before is kept in (\S+)$", said, re.MULTILINE)[1])


def go_back(said: str, data: Path, **given: str) -> None:
    """Type what the answer says, with quanbao on the PATH."""
    line = re.search(r"^To go back to it: (?:stop quanbao serve, then )?(.+)$", said, re.MULTILINE)[1]
    path = {"PATH": f"{QUANBAO.parent}:{os.environ['PATH']}", "QUANBAO_DATA": str(data)}
    subprocess.run(line, shell=True, check=True, env=path | given, stdin=subprocess.DEVNULL)


def test_a_restore_asks_first_and_keeps_what_was_there(data, file):
    before = (data / "quanbao.sqlite3").read_bytes()
    line = problem(data, "restore", file)
    assert f"{data / 'quanbao.sqlite3'} is in use (merchants: 1, campaigns: 1, accounts: 3, vouchers: 0, " in line
    assert "--yes" in line
    assert (vouchers(data), (data / "quanbao.sqlite3").read_bytes()) == (0, before)
    said = done(data, "restore", file, "--yes", NOW="2026-12-01T12:00:00+08:00")
    assert "every figure agrees" in said
    assert vouchers(data) == 1
    assert done(data, "check") == "All figures agree with the ledger.\n"
    kept = kept_in(said)
    assert (kept.parent, kept.name[:42]) == (data, "database-before-restore-2026-12-01T04-00-0")
    assert kept.stat().st_mode & 0o777 == 0o600
    go_back(said, data)
    assert vouchers(data) == 0
    assert len(rows(data / "quanbao.sqlite3", "link")) == 1, "the whole file, not only what a backup has"
    assert not kept.exists()
    assert "issued: 1 kept, 0 counted" in problem(data, "check"), "as it was, with its fault"


def test_what_is_kept_is_never_written_over(data, file, monkeypatch):
    now = {"NOW": "2026-12-01T04:00:00Z"}
    done(data, "restore", file, "--yes", **now)
    first = sorted(data.glob("database-before-restore-*"))
    content = first[0].read_bytes()
    for number in range(60):  # whatever second it comes to
        (data / f"database-before-restore-2026-12-01T04-00-{number:02}Z.sqlite3").touch()
    said = done(data, "restore", file, "--yes", **now)
    assert kept_in(said).name.endswith("Z-2.sqlite3")
    assert first[0].read_bytes() == content


def test_what_is_kept_has_what_was_only_in_the_log(data, file):
    """Another process has the database open, as a server does: its last writes are in the WAL."""
    with closing(apsw.Connection(str(data / "quanbao.sqlite3"))) as server:
        server.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        server.execute("UPDATE merchant SET name = 'The newest name'")
        said = done(data, "restore", file, "--yes")
    kept = kept_in(said)
    assert not Path(f"{kept}-wal").exists()
    with closing(apsw.Connection(str(kept))) as database:
        assert database.execute("SELECT name FROM merchant").get == "The newest name"
        assert database.pragma("integrity_check") == "ok"


def test_a_kept_database_is_no_backup_and_the_answer_says_where_to_read_on(data, file):
    kept = kept_in(done(data, "restore", file, "--yes"))
    assert "docs/operating.md" in problem(data, "restore", kept)
    assert sorted(path.name for path in data.glob("database-*")) == [kept.name], "nothing is left beside it"


@pytest.mark.parametrize(("answer", "restored"), [("y", True), ("YES", True), ("n", False), ("", False)])
def test_at_a_terminal_it_asks(data, file, answer, restored):
    ours, terminal = pty.openpty()
    process = start(data, ["restore", file], {}, subprocess.PIPE, stdin=terminal, stderr=terminal)
    try:
        question = b""
        while b"[y/N]" not in question:
            question += os.read(ours, 1000)
        assert vouchers(data) == 0
        os.write(ours, f"{answer}\n".encode())
        process.communicate(timeout=PATIENCE)
    finally:
        end(process)
        os.close(ours)
        os.close(terminal)
    assert "is in use" in question.decode()
    assert (process.returncode, vouchers(data)) == (0 if restored else 1, restored)
    assert len(list(data.glob("database-before-restore-*"))) == restored


def test_where_nothing_is_in_use_nothing_is_asked_or_kept(data, file, tmp_path):
    """On a new machine: with the keys of the backup, and nothing else or a first start."""
    for name, first in (("keys alone", False), ("first start", True)):
        other = tmp_path / name
        other.mkdir()
        for key in data.glob("*.key"):
            shutil.copy(key, other)
        if first:
            done(other, "migrate")
        said = done(other, "restore", file)
        assert "kept" not in said
        assert (vouchers(other), list(other.glob("*before*"))) == (1, [])


@pytest.mark.parametrize("there", [False, True])
def test_without_the_keys_of_the_backup_nothing_is_made(data, file, tmp_path, there):
    other = tmp_path / "other"
    if there:
        other.mkdir()
    line = problem(other, "restore", file)
    assert str(other / "password_key.key") in line
    assert (list(other.iterdir()) if other.exists() else None) == ([] if there else None)
    assert "QUANBAO_PASSWORD_KEY" in problem(other, "restore", file, PASSWORD_KEY="x" * 40)
    assert other.exists() == there


def test_what_is_no_backup_is_refused_before_anything_is_asked(data, file, document):
    assert "no backup" in problem(data, "restore", document)
    assert "no backup" in problem(data, "restore", document, "--yes")
    assert "exists already" in problem(data, "backup", file)
    damaged = bytearray(file.read_bytes())
    damaged[damaged.index(b"Lotus")] ^= 1
    file.write_bytes(damaged)
    assert "damaged" in problem(data, "restore", file, "--yes")
    assert vouchers(data) == 0
    assert list(data.glob("database-before-restore-*")) == []


def test_a_damaged_database_is_left_for_the_operator_to_move_away(data, file):
    (data / "quanbao.sqlite3").write_bytes(b"\x13" * 20_000)
    line = problem(data, "restore", file, "--yes")
    assert "move it away" in line
    (data / "quanbao.sqlite3").rename(data / "damaged")
    for end_ in ("-wal", "-shm"):
        (data / f"quanbao.sqlite3{end_}").unlink(missing_ok=True)
    done(data, "restore", file)
    assert vouchers(data) == 1


def test_a_newer_database_says_how_to_restore_into_an_empty_place(data, file):
    write(data, "INSERT INTO schema_migration (name, applied) VALUES ('9999_from_the_future', 0)")
    line = problem(data, "restore", file, "--yes")
    assert "9999_from_the_future" in line
    assert "empty place" in line


@pytest.mark.postgresql
def test_postgresql_is_backed_up_first(data, file, postgres_server, tmp_path):
    url = postgres_server.create("kept")
    given = {"DATABASE_URL": url}
    try:
        done(data, "restore", file, **given)
        open_database(url, None)
        Account.create(email="new@example.org", created_at=Merchant.get().created_at)
        assert "is in use" in problem(data, "restore", file, **given)
        said = done(data, "restore", file, "--yes", **given)
        assert Account.select().where(Account.email == "new@example.org").count() == 0
        assert kept_in(said).name.startswith("backup-before-restore-")
        assert kept_in(said).parent == data
        environment = {"QUANBAO_DATABASE_URL": url}
        with pytest.raises(subprocess.CalledProcessError):
            go_back(said, data, **environment)  # for it is in use again, and nobody is there to ask
        go_back(said.replace("quanbao restore", "quanbao restore --yes"), data, **environment)
        assert Account.select().where(Account.email == "new@example.org").count() == 1
        assert Voucher.select().count() == 1
    finally:
        db.close()
        postgres_server.drop("kept")


# What is kept is on the disk before anything is replaced


def test_what_was_there_is_on_the_disk_before_it_is_replaced(world, tmp_path, monkeypatch):
    """A power cut at any moment leaves the old or the new, and never a name without its content."""
    backups.backup(tmp_path / "backup", world.clock())
    steps = []
    note(monkeypatch, steps, os, "fsync", lambda number: os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
    note(monkeypatch, steps, os, "link", lambda source, target: os.path.basename(target))
    note(monkeypatch, steps, backups, "_replace", lambda *_: "all rows")
    backups.restore(tmp_path / "backup", lambda: None, keep=lambda: keeping.kept(tmp_path, world.clock()))
    (kept,) = (path.name for path in tmp_path.glob("*-before-restore-*"))
    draft = steps[0][1]
    assert draft.startswith(f".{kept.removesuffix('.sqlite3')}.")
    assert steps[-4:] == [("fsync", draft), ("link", kept), ("fsync", tmp_path.name), ("_replace", "all rows")]


def note(monkeypatch, steps: list, module, name: str, about) -> None:
    act = getattr(module, name)

    def noted(*how, **more):
        steps.append((name, about(*how)))
        return act(*how, **more)

    monkeypatch.setattr(module, name, noted)


def test_a_restore_that_fails_in_the_middle_keeps_nothing_beside(world, tmp_path):
    backups.backup(tmp_path / "backup", world.clock())
    late = world.account()

    def fail() -> None:
        assert list(tmp_path.glob("*-before-restore-*"))
        raise backups.Refused("no")

    with pytest.raises(backups.Refused, match="no"):
        backups.restore(tmp_path / "backup", fail, keep=lambda: keeping.kept(tmp_path, world.clock()))
    assert Account.select().where(Account.id == late.id).exists()
    assert list(tmp_path.glob("*before*")) == []


def test_a_full_disk_is_called_so(small_world, tmp_path, monkeypatch):
    """SQLite's copying says "not an error"."""

    def full(*_) -> None:
        raise apsw.FullError("not an error")

    monkeypatch.setattr(keeping, "_copy", full)
    with (
        pytest.raises(backups.Refused, match="cannot be written: the disk is full"),
        keeping.kept(tmp_path, small_world.clock()),
    ):
        pass
    assert list(tmp_path.glob("*before*")) == []


def test_where_nothing_can_be_kept_nothing_is_replaced(world, tmp_path):
    backups.backup(tmp_path / "backup", world.clock())
    late = world.account()
    with pytest.raises(backups.Refused, match=r"nothing is replaced: .*cannot be written: "):
        backups.restore(tmp_path / "backup", lambda: None, keep=lambda: keeping.kept(tmp_path / "none", world.clock()))
    assert Account.select().where(Account.id == late.id).exists()
