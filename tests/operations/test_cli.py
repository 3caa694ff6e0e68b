"""The console script from outside: exit codes, one line for a problem, and sites that really run."""

import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import apsw
import pytest

from quanbao.operations import demo
from tests.operations.test_bulk_import import SAMPLE

pytestmark = pytest.mark.slow  # starts programs

ROOT, QUANBAO = Path(__file__).resolve().parents[2], Path(sys.executable).parent / "quanbao"
PATIENCE = 90  # seconds; only what fails takes so long
NOON = "2026-12-01T12:00:00+08:00"


def start(
    data: Path, words: Iterable, given: dict[str, str], output: object, before: Iterable[str] = (), **more
) -> subprocess.Popen:
    """With the test's settings and none of the person's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QUANBAO_", "PG"))}
    ours = {f"QUANBAO_{name}": value for name, value in ({"DATA": str(data)} | given).items()}
    how = {"cwd": ROOT, "stdin": subprocess.DEVNULL, "stdout": output, "stderr": output} | more
    return subprocess.Popen(
        [*before, QUANBAO, *map(str, words)], env=kept | ours, text=True, start_new_session=True, **how
    )


def end(process: subprocess.Popen) -> None:
    """With all that it started, where it did not end by itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)


def run(data: Path, *words: object, **given: str) -> subprocess.CompletedProcess:
    process = start(data, words, given, subprocess.PIPE)
    try:
        said = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(words, process.returncode, *said)
    finally:
        end(process)


def done(data: Path, *words: object, **given: str) -> str:
    """What a command says that did what it was asked; on standard error it may name the database, alone."""
    answer = run(data, *words, **given)
    assert answer.returncode == 0, answer.stderr
    assert re.fullmatch(r"(Database: [^\n]+\n)?", answer.stderr), answer.stderr
    return answer.stdout


def problem(data: Path, *words: object, code: int = 1, **given: str) -> str:
    """The one line on standard error, and nothing else."""
    answer = run(data, *words, **given)
    assert (answer.returncode, answer.stdout) == (code, ""), answer.stderr
    assert re.fullmatch(r"\S[^\n]*\n", answer.stderr), answer.stderr
    return answer.stderr.strip()


def write(data: Path, *statements: str) -> None:
    """Straight into the database, as somebody with the file in hand would."""
    with closing(apsw.Connection(str(data / "quanbao.sqlite3"))) as connection:
        connection.execute("; ".join(statements))


class Site(AbstractContextManager):
    """`quanbao serve` or `demo` on a free port, until the end of the block."""

    def __init__(self, data: Path, *words: str, **given: str):
        self.data, self.log, deadline = data, data.with_name("log"), time.monotonic() + PATIENCE
        with self.log.open("wb") as log:
            self.process = start(data, (*words, "--port", "0"), given, log)
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                end(self.process)
                pytest.fail(f"it does not serve: {self.said()}")
            time.sleep(0.02)

    def answers(self) -> bool:
        address = re.search(r"^Serving on http://.+:([0-9]+)/$", self.said(), re.MULTILINE)
        self.port = address and int(address[1])
        with suppress(OSError, HTTPException):
            return bool(address) and Browser(self).status("GET", "/healthz") == 200
        return False

    def said(self) -> str:
        return self.log.read_text()

    def __exit__(self, *_) -> None:
        end(self.process)


class Browser:
    """Asks without following; keeps the site's one cookie."""

    def __init__(self, site: Site):
        self.site, self.cookie = site, ""

    def ask(self, method: str, path: str, accept: str = "text/html", **form: str) -> tuple[int, str, str]:
        """Status, Location and body."""
        headers = {
            "Accept": accept,
            "Accept-Language": "en",
            "Cookie": self.cookie,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        with closing(HTTPConnection("127.0.0.1", self.site.port, timeout=PATIENCE)) as connection:
            connection.request(method, path, urlencode(form) or None, headers)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).split(";")[0]
        return answer.status, answer.getheader("Location", ""), body

    def status(self, method: str, path: str, **form: str) -> int:
        return self.ask(method, path, **form)[0]


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("document") / "document.json"
    path.write_text(json.dumps(SAMPLE))
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory, document):
    """The sample's shop, served from noon on."""
    data = tmp_path_factory.mktemp("shop") / "data"
    done(data, "load", document)
    with Site(data, "serve", NOW=NOON) as site:
        yield site


@pytest.mark.parametrize(
    "words",
    [
        "",
        "nonsense",
        "serve --port http",
        "serve --port 65536",
        "serve --processes 0",
        "serve --nonsense",
        "load",
        "load a.json b.json",
        "account",
        "account link",
        "check now",
    ],
)
def test_wrong_usage_is_2(data, words):
    assert problem(data, *words.split(), code=2).startswith("quanbao")
    assert not data.exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (["migrate"], {"NONSENSE": "1"}, "QUANBAO_NONSENSE"),
        (["serve"], {"DATA": "/dev/null"}, "QUANBAO_DATA"),
        (["load", "/nonexistent/shops.json"], {}, "/nonexistent/shops.json"),
        (["migrate"], {"DATABASE_URL": "postgresql://me:se%63ret-word@127.0.0.1:1/quan"}, "the database: "),
        (["migrate"], {"DATABASE_URL": "postgresql://127.0.0.1:1/quan?nonsense=1"}, "the database: "),
        (["serve", "--host", "192.0.2.1"], {}, "192.0.2.1"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_1(data, words, given, told):
    line = problem(data, *words, **given)
    assert (told in line, "secret-word" in line) == (True, False), line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"merchants": [', "line 1"),
        (b"\xff\xff\xff\xff", "UTF-8"),
        (b"[]", "must be an object"),
        (b"", "is not JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"merchants": %s}' % (b"9" * 5000), ".json: "),
        (b'{"shops": []}', "shops: "),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_wrong_file_to_load_is_1(data, tmp_path, content, told):
    (tmp_path / "document.json").write_bytes(content)
    assert told in problem(data, "load", tmp_path / "document.json")


def test_a_file_that_is_no_database_is_1_and_left_alone(data):
    data.mkdir()
    (data / "quanbao.sqlite3").write_bytes(b"a shopping list\n" * 512)
    for words in (["migrate"], ["check"], ["serve"]):
        line = problem(data, *words)
        assert line.startswith("the database: ")
        assert str(data / "quanbao.sqlite3") in line
    assert (data / "quanbao.sqlite3").read_bytes() == b"a shopping list\n" * 512


def test_a_taken_port_is_1(shop, data):
    assert f"127.0.0.1:{shop.port}" in problem(data, "serve", "--port", shop.port)


def test_migrate_and_load(data, document):
    assert done(data, "migrate").startswith("Applied 0001_initial")
    assert done(data, "migrate") == "The database is up to date.\n"
    assert done(data, "load", document) == "Loaded 1 merchants, 1 campaigns, 3 accounts, 1 vouchers.\n"
    assert problem(data, "load", document) == "merchants[0].slug: lotus exists already"
    assert "QUANBAO_PASSWORD_KEY" in problem(data, "serve", "--port", 0, PASSWORD_KEY="x" * 40)
    write(data, "INSERT INTO schema_migration (name, applied) VALUES ('9999_from_the_future', 0)")
    assert "9999_from_the_future" in problem(data, "migrate")


def test_check_tells_every_difference_and_repairs_nothing(data, document):
    done(data, "load", document)
    assert done(data, "check").count("\n") == 1
    write(
        data,
        "UPDATE campaign SET issued = 2, redeemed = 1, discount_given = 1200",
        "UPDATE voucher SET uses_left = 0",
        "INSERT INTO figure VALUES (1, 'day', '2026-12-01', 3)",
        "INSERT INTO figure VALUES (1, 'branch', 'main', 3)",
        "INSERT INTO day_number VALUES (1, 'main', '2026-12-01', 3)",
    )
    first = run(data, "check")
    assert (first.returncode, first.stdout) == (1, "")
    told = [re.sub("[0-9A-Z]{16}", "CODE", line).split(":")[0] for line in first.stderr.splitlines()]
    figures = [f"lotus/oolong {name}" for name in ("issued", "redeemed", "discount_given", "by_day", "by_branch")]
    assert told == [*figures, "voucher CODE uses_left", "2026-12-01 main receipt number"]
    assert run(data, "check").stderr == first.stderr


def test_a_link_needs_an_account(data, document):
    done(data, "load", document)
    line = problem(data, "account", "link", "nobody@example.org")
    assert line == f"nobody@example.org has no account in {data / 'quanbao.sqlite3'}"


def test_the_version_needs_no_site(data, tmp_path):
    """Also where the settings are wrong: it is asked for in reports of what goes wrong."""
    said = done(data, "--version", NONSENSE="1")
    assert re.fullmatch(r"Quanbao \d[\w.]*, SQLite \d+\.\d+\.\d+, time zone data 20\d\d[a-z]\n", said)
    assert apsw.sqlitelibversion() in said
    assert not data.exists()


def test_what_cannot_be_written_is_one_line(data, document):
    done(data, "load", document)
    for words in (["check"], ["account", "link", "consumer@example.org"], ["--version"]):
        with open("/dev/full", "w") as full:
            process = start(data, words, {}, subprocess.PIPE, stdout=full)
            said = process.communicate(timeout=PATIENCE)[1]
        assert (process.returncode, said) == (1, "No space left on device\n")


def test_the_demo_leaves_a_shop_alone(data, document):
    """It would print passwords that are none, and serve a shop by its own rules."""
    done(data, "load", document)
    assert "not a demo" in problem(data, "demo", "--port", 0, "--data", data)


def sign_in_link(site: Site, now: str = NOON) -> str:
    return urlsplit(done(site.data, "account", "link", "Consumer@example.org", NOW=now).strip()).path


def test_a_sign_in_link_signs_in_exactly_once(shop):
    path, browsers = sign_in_link(shop), [Browser(shop) for _ in range(8)]
    assert [browser.status("GET", path) for browser in browsers] == [200] * 8, "a mail scanner only looks"
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda browser: browser.status("POST", path), browsers))
    assert sorted(told) == [303] + [404] * 7
    assert [browser.status("GET", "/wallet") for browser in browsers] == [{303: 200, 404: 303}[code] for code in told]
    assert Browser(shop).status("GET", path) == Browser(shop).status("POST", path) == 404


def test_a_sign_in_link_is_good_for_an_hour(shop):
    old, young = sign_in_link(shop, "2026-12-01T11:00:00+08:00"), sign_in_link(shop, "2026-12-01T11:05:00+08:00")
    assert [Browser(shop).status(way, path) for path in (old, young) for way in ("GET", "POST")] == [404, 404, 200, 303]


def test_the_log_keeps_every_secret(shop):
    """Even where something fails while a token is in the address."""
    path, browser, stranger = sign_in_link(shop), Browser(shop), Browser(shop)
    person = {"email": "consumer@example.org", "password": "consumers-secret"}
    assert stranger.status("POST", "/sign-in", **person | {"password": "a-wrong-secret"}) == 422
    assert browser.status("POST", "/sign-in", **person) == 303
    (voucher,) = json.loads(browser.ask("GET", "/wallet", "application/json")[2])["vouchers"]
    till = {"password": "482913", "attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11", "branch": "main"}
    assert browser.status("POST", f"/vouchers/{voucher['code']}/redemptions", **till) == 200
    assert [stranger.status("GET", f"{start}/{path[9:]}") for start in ("/claim", "/set-up", "/nowhere")] == [404] * 3
    write(shop.data, "ALTER TABLE link RENAME TO away")
    assert (stranger.status("GET", path), stranger.status("POST", path)) == (503, 503)
    write(shop.data, "ALTER TABLE away RENAME TO link", "UPDATE link SET account_id = 999")
    assert stranger.status("GET", path) == 500
    assert "Traceback" in shop.said(), "what failed is told to the operator"
    keys = [(shop.data / f"{name}.key").read_text().strip() for name in ("secret_key", "password_key", "vapid_key")]
    secrets = [path[9:], browser.cookie.split("=")[1], "482913", "consumers-secret", "a-wrong-secret", *keys]
    assert [secret for secret in secrets if secret in shop.said()] == []


def test_the_first_start_prints_a_one_time_link_and_no_credentials(data):
    person = {"email": "owner@example.org", "password": "a-long-secret"}
    shop = {"name": "莲茶", "time_zone": "Asia/Shanghai", "currency": "cny", "branch": "Main Street"}
    with Site(data, "serve") as site:
        path, owner, late = urlsplit(site.said().split("\n")[0].split()[-1]).path, Browser(site), Browser(site)
        assert re.fullmatch("/set-up/[A-Za-z0-9_-]{22,}", path)
        assert (site.said().count("\n"), site.said().count("@")) == (2, 0), "the link, and where it serves"
        assert [owner.status("GET", path) for _ in range(2)] == [200, 200]
        assert owner.status("POST", path, **shop, **person | {"password": "short"}) == 422, "and the link stays good"
        location = owner.ask("POST", path, **shop, **person)[1]
        assert owner.status("GET", location) == 200
        assert (late.status("GET", path), late.status("POST", path, **shop, **person)) == (404, 404)
        assert (late.status("POST", "/sign-in", **person), late.status("GET", location)) == (303, 200)
    with Site(data, "serve") as again:
        assert "set-up" not in again.said()


def crawl(browser: Browser) -> dict[str, str]:
    """Every address on our site that links and forms to look with lead to, and what it answers."""
    pages, ahead = {}, {"/", "/wallet"}
    leads = re.compile(r'(?:href|src|<form(?![^>]*post)[^>]* action)="(/[^/"][^"]*)"')
    while ahead:
        path = ahead.pop()
        status, _, pages[path] = browser.ask("GET", path)
        assert status == 200, path
        ahead |= {html.unescape(lead).split("#")[0] for lead in leads.findall(pages[path])} - pages.keys()
    return pages | {"/wallet as JSON": browser.ask("GET", "/wallet", "application/json")[2]}


def test_the_demo_lets_people_in_and_shows_no_customer_the_redemption_password(data):
    with Site(data, "demo", "--data", str(data), NOW=NOON) as site:
        assert all(person.email in Browser(site).ask("GET", "/")[2] for person in demo.CAST)
        for person, browser in ((person, Browser(site)) for person in demo.CAST):
            status, location, _ = browser.ask("POST", "/demo/step-in", email=person.email)
            assert (status, browser.status("GET", location)) == (303, 200)
            pages = {} if person.merchant else crawl(browser)
            assert person.merchant or sum(path.endswith("/redeem") for path in pages) >= 5
            for password in (demo.REDEMPTION_PASSWORD, demo.BOOKSHOP_PASSWORD):
                assert [path for path, body in pages.items() if password in body] == []
        assert Browser(site).status("POST", "/demo/step-in", email=demo.GUESTS[0]) == 404, "not of the cast"


@pytest.mark.parametrize("words", [[], ["--processes", "4"], ["--host", "localhost"]], ids=" ".join)
def test_sigterm_ends_the_site_in_order_and_frees_its_port(data, words):
    """Also a moment after its start, while some of its processes are not ready yet."""
    with Site(data, "serve", *words) as site:
        site.process.send_signal(signal.SIGTERM)
        assert site.process.wait(PATIENCE) == 0
        assert not site.answers()
        socket.create_server(("127.0.0.1", site.port)).close()
