"""The console script from outside: exit codes, one line for a problem, and sites that really run."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import apsw
import pytest

from quanbao import demo
from tests.test_loading import SAMPLE

ROOT = Path(__file__).resolve().parent.parent
QUANBAO = Path(sys.executable).parent / "quanbao"
PATIENCE = 30  # seconds
NOON, DINNER = "2026-12-01T12:00:00+08:00", "2026-12-01T18:00:00+08:00"
TOKEN = r"[A-Za-z0-9_-]{22,}"


def environment(data: Path, given: dict[str, str]) -> dict[str, str]:
    """None of the person's own settings, and the test's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QUANBAO_", "PG"))}
    return kept | {f"QUANBAO_{name}": value for name, value in ({"DATA": str(data)} | given).items()}


def run(data: Path, *words: object, **given: str) -> subprocess.CompletedProcess:
    return subprocess.run([QUANBAO, *map(str, words)], cwd=ROOT, env=environment(data, given), timeout=PATIENCE,
                          capture_output=True, text=True)


def done(data: Path, *words: object, **given: str) -> str:
    """What a command says that did what it was asked."""
    answer = run(data, *words, **given)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def problem(data: Path, *words: object, code: int = 1, **given: str) -> str:
    """The one line on standard error, and nothing else."""
    answer = run(data, *words, **given)
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert re.fullmatch(r"\S[^\n]*\n", answer.stderr), answer.stderr
    return answer.stderr.strip()


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("document") / "document.json"
    path.write_text(json.dumps(SAMPLE))
    return path


class Site:
    """`quanbao serve` or `demo` on a free port, until the end of the block."""

    def __init__(self, data: Path, *words: str, **given: str):
        self.data, self.words, self.given = data, words, given
        self.log = data.with_name(f"{data.name}.log")

    def __enter__(self) -> "Site":
        command = [QUANBAO, *self.words, "--port", "0"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment(self.data, self.given), stdout=log,
                                            stderr=subprocess.STDOUT)
        self.deadline = time.monotonic() + PATIENCE
        address = self.until(lambda: re.search(r"^Serving on (http://\S+)/$", self.said(), re.MULTILINE))
        self.address, self.port = address[1], urlsplit(address[1]).port
        self.until(self.answers)
        return self

    def until(self, holds):
        while not (answer := holds()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < self.deadline, self.said()
            time.sleep(0.02)
        return answer

    def answers(self) -> bool:
        try:
            return Browser(self).ask("GET", "/healthz")[0] == 200
        except (OSError, HTTPException):
            return False

    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)


class Browser:
    """Asks without following; keeps the site's one cookie."""

    def __init__(self, site: Site):
        self.site, self.cookie = site, ""

    def ask(self, method: str, path: str, accept: str = "text/html", **form: str) -> tuple[int, str, str]:
        """Status, Location and body."""
        headers = {"Accept": accept, "Accept-Language": "en", "Cookie": self.cookie, "Sec-Fetch-Site": "same-origin",
                   "Content-Type": "application/x-www-form-urlencoded"}
        connection = HTTPConnection("127.0.0.1", self.site.port, timeout=PATIENCE)
        try:
            connection.request(method, path, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        finally:
            connection.close()
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).split(";")[0]
        return answer.status, answer.getheader("Location", ""), body

    def status(self, method: str, path: str, **form: str) -> int:
        return self.ask(method, path, **form)[0]


# Problems are one line


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["serve", "--port", "http"], ["serve", "--port", "65536"], ["serve", "--port", "-1"],
    ["serve", "--processes", "0"], ["serve", "--nonsense"], ["load"], ["load", "a.json", "b.json"], ["account"],
    ["account", "link"], ["check", "now"], ["demo", "--port", "1e3"],
], ids=" ".join)
def test_wrong_usage_is_2(data, words):
    assert problem(data, *words, code=2).startswith("quanbao")
    assert not data.exists(), "nothing was begun"


@pytest.mark.parametrize(("words", "given", "told"), [
    (["migrate"], {"NONSENSE": "1"}, "QUANBAO_NONSENSE"),
    (["migrate"], {"WORKER": "both"}, "QUANBAO_WORKER"),
    (["migrate"], {"NOW": "0001-01-01T00:00:00+14:00"}, "QUANBAO_NOW"),
    (["serve"], {"DATA": "/dev/null"}, "QUANBAO_DATA"),
    (["load", "/nonexistent/shops.json"], {}, "/nonexistent/shops.json"),
    (["migrate"], {"DATABASE_URL": "postgresql://me:se%63ret-word@127.0.0.1:1/quan"}, "the database: "),
    (["migrate"], {"DATABASE_URL": "postgresql://127.0.0.1:1/quan?nonsense=1"}, "the database: "),
    (["account", "link", "nobody@example.org"], {}, "nobody@example.org has no account"),
    (["account", "link", "not an address"], {}, "has no account"),
    (["serve", "--host", "192.0.2.1"], {}, "192.0.2.1"),
    (["serve", "--host", ""], {}, "serve"),
], ids=str)
def test_what_cannot_be_done_is_1(data, words, given, told):
    line = problem(data, *words, **given)
    assert told in line
    assert "secret-word" not in line


@pytest.mark.parametrize(("content", "told"), [
    (b"", "is not JSON"), (b'{"merchants": [', "line 1"), (b"\xff\xff\xff\xff", "UTF-8"), (b"[]", "must be an object"),
    (b"[" * 100_000, "nested"), (b'{"merchants": %s}' % (b"9" * 5000), "number"), (b'{"shops": []}', "shops: "),
], ids=lambda value: str(value)[:20])
def test_a_wrong_file_to_load_is_1(data, tmp_path, content, told):
    (tmp_path / "document.json").write_bytes(content)
    assert told in problem(data, "load", tmp_path / "document.json")


def test_a_wrong_document_is_a_line_a_fault(data, tmp_path):
    (tmp_path / "document.json").write_text('{"merchants": [{"slug": "lotus", "currency": "YUAN"}]}')
    answer = run(data, "load", tmp_path / "document.json")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert sorted(line.split(": ")[0] for line in answer.stderr.splitlines()) \
        == ["merchants[0].currency", "merchants[0].name", "merchants[0].time_zone"]


def test_a_file_that_is_no_database_is_1_and_left_alone(data):
    data.mkdir()
    (data / "quanbao.sqlite3").write_bytes(b"a shopping list\n" * 512)
    for words in (["migrate"], ["check"], ["serve"], ["account", "link", "owner@lotus.example"]):
        assert problem(data, *words).startswith("the database: ")
    assert (data / "quanbao.sqlite3").read_bytes() == b"a shopping list\n" * 512


def test_a_taken_port_is_1(data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "127.0.0.1" in problem(data, "serve", "--port", taken.getsockname()[1])


def test_another_password_key_or_a_newer_database_is_1(data, document):
    done(data, "load", document)
    assert "QUANBAO_PASSWORD_KEY" in problem(data, "serve", PASSWORD_KEY="x" * 40)
    write(data, "INSERT INTO schema_migration (name, applied) VALUES ('9999_from_the_future', 0)")
    assert "9999_from_the_future" in problem(data, "migrate")


def write(data: Path, *statements: str) -> None:
    """As somebody with the file in hand would."""
    connection = apsw.Connection(str(data / "quanbao.sqlite3"))
    for statement in statements:
        connection.execute(statement)
    connection.close()


# Commands


def test_migrate_load_and_check(data, document):
    assert done(data, "migrate") == "Applied 0001_initial.\n"
    assert done(data, "migrate") == "The database is up to date.\n"
    assert done(data, "load", document) == "Loaded 1 merchants, 1 campaigns, 3 accounts, 1 vouchers.\n"
    assert problem(data, "load", document) == "merchants[0].slug: lotus exists already"
    assert done(data, "check").count("\n") == 1


@pytest.mark.postgresql
def test_load_and_check_on_postgresql(data, document, postgres_server):
    url = postgres_server.create("commands")
    assert "1 vouchers" in done(data, "load", document, DATABASE_URL=url)
    assert done(data, "check", DATABASE_URL=url).count("\n") == 1
    postgres_server.drop("commands")


def test_check_tells_every_difference_and_repairs_nothing(data, document):
    done(data, "load", document)
    write(data, "UPDATE campaign SET issued = 2, redeemed = 1, discount_given = 1200", "UPDATE voucher SET uses_left = 0",
          "INSERT INTO day_figure VALUES (1, '2026-12-01', 'main', 3, 3600)",
          "INSERT INTO day_number VALUES (1, 'main', '2026-12-01', 3)")
    first = run(data, "check")
    assert (first.returncode, first.stdout) == (1, "")
    told = [re.sub("[0-9A-Z]{16}", "CODE", line).split(":")[0] for line in first.stderr.splitlines()]
    assert told == [f"lotus/oolong {figure}" for figure in ("issued", "redeemed", "discount_given", "by_day", "by_branch")] \
        + ["voucher CODE uses_left", "2026-12-01 main receipt number"]
    assert "lotus/oolong issued: 2 kept, 1 counted" in first.stderr
    assert run(data, "check").stderr == first.stderr
