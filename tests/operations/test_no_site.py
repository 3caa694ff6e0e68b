"""Commands that need a site make none where there is none, and name what they looked at; with one they say which."""

import os
import shutil
import subprocess
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import apsw
import pytest

from database import db, open_database
from tests.operations.test_cli import PATIENCE, data, document, done, end, problem, run, start
from tests.support.services import leave_out

pytestmark = pytest.mark.slow  # starts programs

__all__ = ["data", "document"]  # fixtures
NEEDING = (["check"], ["backup", "FILE"], ["account", "link", "owner@example.org"], ["worker"])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, document) -> Path:
    """A data folder with the sample's shop, to copy, and a backup of it beside it."""
    data = tmp_path_factory.mktemp("loaded") / "data"
    done(data, "load", document)
    done(data, "backup", data.with_name("backup.sqlite3"))
    return data


@pytest.fixture
def shop(data, loaded) -> Path:
    shutil.copytree(loaded, data)
    return data


@pytest.fixture
def backup_of_it(tmp_path, loaded) -> Path:
    return Path(shutil.copy(loaded.with_name("backup.sqlite3"), tmp_path / "a-backup.sqlite3"))


@pytest.fixture(params=NEEDING, ids=itemgetter(0))
def words(request, tmp_path) -> list[str]:
    """What needs a site, with a file to write that is not there."""
    file = tmp_path / "backup.sqlite3"
    yield [str(file) if word == "FILE" else word for word in request.param]
    assert not file.exists()


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below this one."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_nothing_is_made(data, words):
    line = problem(data, *words)
    assert str(data / "quanbao.sqlite3") in line
    assert "QUANBAO_DATA" in line
    assert "docs/operating.md" in line
    assert not data.exists()


def test_without_any_setting_the_folder_that_was_looked_in_is_named(tmp_path, words):
    process = start(tmp_path, words, {"DATA": "data"}, output=subprocess.PIPE, cwd=tmp_path)
    try:
        said = process.communicate(timeout=PATIENCE)
    finally:
        end(process)
    assert (process.returncode, said[0]) == (1, "")
    assert str(tmp_path / "data" / "quanbao.sqlite3") in said[1]
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("content", ["nothing", "an empty file", "another program's"])
def test_what_is_no_site_stays_as_it_is(data, words, content):
    data.mkdir()
    file = data / "quanbao.sqlite3"
    if content == "an empty file":
        file.touch()
    if content == "another program's":
        with closing(apsw.Connection(str(file))) as connection:
            connection.execute("CREATE TABLE recipe (name)")
    before = contents(data)
    assert "there is no site" in problem(data, *words)
    assert contents(data) == before


@pytest.mark.postgresql
def test_an_empty_postgresql_stays_empty(data, words, postgres_server):
    url = postgres_server.create("nothing")
    try:
        line = problem(data, *words, DATABASE_URL=with_password(url))
        assert "there is no site in postgresql://" in line
        assert "/nothing" in line
        assert "se%63ret-word" not in line
        assert "secret-word" not in line
        open_database(url, None)
        assert db.get_tables() == []
        assert not data.exists()
    finally:
        db.close()
        postgres_server.drop("nothing")


def with_password(url: str) -> str:
    """The same address with a password, which the test's own server does not ask for."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.split(':')[0]}:se%63ret-word@{place}")) if user else url


@pytest.mark.parametrize("name", ["password_key", "secret_key", "vapid_key"])
def test_a_key_that_is_missing_is_not_made_anew(shop, words, name):
    path = shop / f"{name}.key"
    path.unlink()
    assert str(path) in problem(shop, *words)
    assert not path.exists()


def test_selfcheck_makes_nothing_either(data):
    assert done(data, "selfcheck").startswith("On SQLite: ")
    assert not data.exists()


def test_the_database_is_named_apart_from_what_was_asked_for(data, document, tmp_path):
    line = f"Database: {data / 'quanbao.sqlite3'}\n"
    for words in (["load", document], ["migrate"], ["check"], ["backup", tmp_path / "backup.sqlite3"]):
        answer = run(data, *words)
        assert (answer.returncode, answer.stderr) == (0, line)
    link = run(data, "account", "link", "consumer@example.org", BASE_URL="https://vouchers.example")
    assert link.stderr == line
    assert link.stdout.startswith("https://vouchers.example/sign-in/")
    assert link.stdout.count("\n") == 1


# Files that may not be read or written


@pytest.fixture
def without_rights(shop):
    """What a refused command says; root runs it without its right to every file."""
    root = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []
    if root and not shutil.which("setpriv"):
        leave_out("setpriv", "apt install util-linux, or run the tests as another user than root")

    def said(*words: object) -> str:
        process = start(shop, words, {}, subprocess.PIPE, before=root)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            end(process)
        assert (process.returncode, out, err.count("\n")) == (1, "", 1), err
        return err

    yield said
    shop.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("secret_key.key", 0),
        ("quanbao.sqlite3", 0),
        ("quanbao.sqlite3", 0o400),
        ("quanbao.sqlite3.lock", 0),
        ("", 0),
        ("", 0o500),
    ],
)
def test_permission_denied_names_the_file(shop, without_rights, name, mode):
    (shop / name).chmod(mode)
    line = without_rights("account", "link", "consumer@example.org")
    assert "Permission denied" in line
    assert str(shop / name) in line


def test_a_backup_that_may_not_be_read_is_named(without_rights, backup_of_it):
    backup_of_it.chmod(0)
    assert without_rights("restore", backup_of_it) == f"{backup_of_it} cannot be read: Permission denied\n"


# Files that are something else


@pytest.mark.parametrize("words", [["check"], ["serve", "--port", "0"], ["restore", "FILE"]], ids=itemgetter(0))
def test_a_folder_in_the_place_of_the_database(shop, backup_of_it, words):
    (shop / "quanbao.sqlite3").unlink()
    (shop / "quanbao.sqlite3").mkdir()
    words = [backup_of_it if word == "FILE" else word for word in words]
    assert str(shop / "quanbao.sqlite3") in problem(shop, *words)


@pytest.mark.parametrize("words", [["check"], ["migrate"], ["demo", "--data", "FILE"]], ids=itemgetter(0))
def test_a_file_in_the_place_of_the_folder(tmp_path, words):
    file = tmp_path / "file"
    file.write_text("a shopping list")
    words = [str(file) if word == "FILE" else word for word in words]
    assert str(file) in problem(file, *words)
    assert file.read_text() == "a shopping list"


@pytest.mark.parametrize("place", ["folder", "file/backup", "nowhere/backup", "there"])
def test_a_place_where_no_backup_can_be_written(shop, tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "there").write_text("another backup")
    before = contents(tmp_path)
    assert str(tmp_path / place) in problem(shop, "backup", tmp_path / place)
    assert contents(tmp_path) | sqlites_own(before) == before | sqlites_own(before)


def sqlites_own(files: dict[str, bytes | None]) -> dict[str, None]:
    """What SQLite and the queue of writers leave beside an open database."""
    return {name: None for name in files if name.startswith("data/quanbao.sqlite3")}


def test_a_database_that_another_holds_locked(shop):
    with closing(apsw.Connection(str(shop / "quanbao.sqlite3"))) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").fetchall()
        line = problem(shop, "check")
    assert line.startswith("the database: ")
    assert "locked" in line
    assert str(shop / "quanbao.sqlite3") in line
