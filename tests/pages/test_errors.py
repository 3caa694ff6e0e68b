"""What goes wrong is said in one way: no traceback, nothing secret, in the form that was asked for."""

import logging
from io import BytesIO

import pytest
from peewee import OperationalError
from werkzeug.test import create_environ, run_wsgi_app

from database import Busy
from models import Role
from web.routes import wallet
from zones import RELEASE

SECRET = "canary-5d1f"


@pytest.fixture
def breaking(monkeypatch, client, small_world):
    """Make the wallet raise what is asked for."""
    client.sign_in(small_world.mei)

    def arm(error):
        def fail(*_):
            raise error

        monkeypatch.setattr(wallet.wallet, "wallet", fail)

    return arm


def test_an_unforeseen_error_is_ours_and_shows_nothing(client, breaking, caplog):
    breaking(RuntimeError(SECRET))
    page = client.get("/wallet", status=500)
    assert "Something went wrong on our side" in page.text
    assert SECRET not in page.html
    assert "Traceback" not in page.html
    assert client.json("/wallet", status=500)["reason"] == "failed"
    assert "/wallet" in caplog.text


def test_a_database_that_is_away_is_busy_and_says_when_to_come_back(client, breaking, caplog):
    breaking(OperationalError("connection to server failed: " + SECRET))
    with caplog.at_level(logging.WARNING):
        page = client.get("/wallet", status=503)
    assert page.headers["Retry-After"] == "2"
    assert SECRET not in page.html + caplog.text


def test_who_is_refused_stands_in_the_log_without_the_address(client, small_world, caplog):
    cashier = small_world.member(role=Role.CASHIER)
    client.sign_in(cashier).get("/merchants/lotus/members", status=403)
    client.post("/sign-out", headers={"Sec-Fetch-Site": "cross-site"}, status=403)
    for _ in range(11):
        client._send("POST", "/sign-in", {}, {"data": {"email": SECRET, "password": SECRET}})
    assert f"refused: 403 GET /merchants/<slug:merchant>/members, account {cashier.id}" in caplog.text
    assert "refused: 403 POST /sign-out, account None" in caplog.text
    assert "refused: 429 POST /sign-in" in caplog.text
    assert SECRET not in caplog.text


def test_fragments_and_programs_get_their_own_form(client, breaking):
    breaking(RuntimeError())
    fragment = client.get("/wallet", status=500, headers={"HX-Request": "true"})
    assert fragment.verdict()["data-reason"] == "failed"
    assert not fragment.all("html")


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/vouchers/short",
        "/vouchers/%00",
        "/vouchers/2222222222222222%0a",
        "/vouchers/222222222222222O",
        "/static/0/app.css",
        "/static/0/../app.py",
        "/static/x/%2e%2e/app.py",
        "/merchants/LOTUS/campaigns",
        "/attempts/",
        "/merchants/a--b/campaigns",
        "/sign-in/short",
        "/set-up/" + "x" * 65,
    ],
)
def test_what_is_no_address_of_ours_is_not_there(client, small_world, path):
    client.sign_in(small_world.mei)
    assert "There is nothing here" in client.get(path, status=404).text


def test_too_much_at_once_is_refused_before_it_is_read(client):
    page = client.post("/sign-in", {"email": "x" * 100_000}, status=413)
    assert "too much at once" in page.text


def test_the_shell_asks_nobody_who_they_are(client, small_world):
    client.sign_in(small_world.mei)
    worker = client._send("GET", "/sw.js", {}, {})
    assert worker.headers["Cache-Control"] == "no-cache"
    assert worker.mimetype == "text/javascript"
    assert "/offline" in worker.text.splitlines()[0]
    manifest = client._send("GET", "/manifest.webmanifest", {}, {})
    assert manifest.json["start_url"] == "/wallet"
    for icon in manifest.json["icons"]:
        assert client._send("GET", icon["src"], {}, {}).status_code == 200


def test_a_page_that_asked_nobody_clears_no_phone(client, small_world, monkeypatch):
    """What a page says of its holder is believed: of another the phone forgets even a try without an answer."""
    client.sign_in(small_world.mei)
    assert client.get("/wallet").all("html")[0]["data-holder"]
    assert "data-holder" not in client.post("/nowhere", status=403, headers={"Sec-Fetch-Site": "cross-site"}).html
    monkeypatch.setattr("quanbao.people.accounts.session_of", busy)
    assert "data-holder" not in client.get("/account", status=503).html


def busy(*_, **__):
    raise Busy


def test_readiness_knows_a_database_that_lags_behind(client, small_world, monkeypatch):
    assert client.json("/readyz") == {"status": "ok", "missing": [], "tzdata": RELEASE}
    monkeypatch.setattr("quanbao.operations.migrate.pending", lambda: ["0002_next"])
    assert client.json("/readyz", status=503) == {"status": "behind", "missing": ["0002_next"], "tzdata": RELEASE}


@pytest.mark.parametrize(
    "host",
    [
        "a..b",
        "xn--",
        "a" * 64 + ".example",
        "a b",
        "evil/",
        "",
        "[",
        "localhost:99999999",
        "x" * 300,
        "a@b",
        "-a",
        "[1:2]",
        "[:::::]:80",
        "[127.0.0.1]",
    ],
)
def test_a_host_that_no_browser_sends_is_refused_with_all_headers(app, host):
    environ = create_environ("/wallet") | {"HTTP_HOST": host}  # the test client itself falls over some of them
    _, status, headers = run_wsgi_app(app.wsgi_app, environ)
    assert status == "400 Bad Request"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "shop.example", "xn--bcher-kva.example"])
def test_hosts_that_browsers_send_are_served(app, host):
    assert app.test_client().get("/sign-in", headers={"Host": host}).status_code == 200


def test_a_file_under_the_name_of_a_field_is_no_field(client):
    page = client.post("/sign-in", {"email": (BytesIO(b"x"), "x.txt"), "password": "12345678"}, status=422)
    assert "Please fill this in." in page.text
