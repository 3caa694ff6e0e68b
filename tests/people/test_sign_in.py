"""Signing up, in and out: sessions are rows that can be ended, cookies are as strict as the address allows."""

from dataclasses import replace

import pytest

from models import Account, Role, Session
from quanbao.operations import first_start
from quanbao.people import accounts, one_time_links
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import PageClient
from web import create_app
from web.auth.limits import neighbour
from web.auth.sessions import CookieInterface

MEI = {"email": "Mei@Example.org ", "password": ACCOUNT_PASSWORD}


@pytest.fixture
def mei(small_world):
    Account.update(password_hash=accounts.hash_password(ACCOUNT_PASSWORD)).execute()
    return small_world.mei


def token_of(client) -> str:
    with client.http.session_transaction() as cookie:
        return cookie["_user_id"]


def test_signing_in_with_the_address_in_any_case_leads_to_the_wallet(client, mei):
    assert client.post("/sign-in", MEI).location == "/wallet"
    assert "Wallet" in client.get("/wallet").text


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client, mei):
    wrong = client.post("/sign-in", {**MEI, "password": "not-this-one"}, status=422)
    unknown = client.post("/sign-in", {**MEI, "email": "nobody@example.org"}, status=422)
    assert wrong.html.replace("Mei@Example.org ", "").replace("nobody@example.org", "") == unknown.html.replace(
        "nobody@example.org", ""
    ).replace("Mei@Example.org ", "")
    assert ACCOUNT_PASSWORD not in wrong.html
    assert "not-this-one" not in wrong.html


def test_signing_up_makes_an_account_and_a_wallet(client):
    assert client.post("/sign-up", {"email": "NEW@example.org", "password": "ripe-plum"}).location == "/wallet"
    assert "No vouchers yet" in client.get("/wallet").text
    assert Account.get(Account.email == "new@example.org")


@pytest.mark.parametrize(
    ("email", "password", "says"),
    [
        ("", "ripe-plum", "Please fill this in."),
        ("nobody", "ripe-plum", "Enter an e-mail address"),
        ("a b@example.org", "ripe-plum", "Enter an e-mail address"),
        ("new@example.org", "1234567", "at least 8 characters"),
        ("mei@example.org", "ripe-plum", "cannot be used here"),
        ("new@example.org", "Password1", "Many people use"),
        ("new@example.org", "quanbao-2026", "Many people use"),
        ("long-name@example.org", "Long-Name", "Many people use"),
        ("n\x00w@example.org", "ripe-plum", "Enter an e-mail address"),
    ],
)
def test_signing_up_names_the_field_and_keeps_what_was_typed(client, mei, email, password, says):
    page = client.post("/sign-up", {"email": email, "password": password}, status=422)
    assert says in page.text
    assert page.all("input", name="email")[0]["value"] == email
    assert not page.all("input", name="password")[0]["value"]


def test_the_first_owner_chooses_no_password_that_guessers_try_first(sqlite, clock):
    owner = PageClient(create_app(sqlite, clock=clock))
    path = f"/set-up/{first_start.new_link(clock())}"
    entered = {
        "email": "owner@lotus.example",
        "name": "Lotus",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "branch": "Main Street",
        "address": "",
    }
    for password in ("football1", "owner@lotus.example", "Quanbao 2026"):
        assert "Many people use this password" in owner.post(path, entered | {"password": password}, status=422).text
    assert "Use at least 8 characters." in owner.post(path, entered | {"password": "short"}, status=422).text
    assert owner.post(path, entered | {"password": "ripe-plum"}).location
    for browser in (owner, PageClient(owner.app)):  # the same link again: who uses it is told the way in
        for page in (browser.get(path, status=404), browser.post(path, entered, status=404)):
            assert "This site is set up already" in page.text
            assert page.all("a", href="/sign-in")


@pytest.mark.real_passwords
def test_a_password_is_taken_as_it_was_typed(small_world):
    typed = "é" + "X" * 198
    person = small_world.account(password=typed)
    assert person.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert accounts.password_is(person, "e\u0301" + "X" * 198), "the same letters, as another keyboard sends them"
    longest = small_world.account(password="X" * 200)
    for who, other in (
        (person, typed.lower()),
        (person, typed[:-1]),
        (person, typed[:-1] + "Y"),
        (person, f" {typed}"),
        (longest, "X" * 201),
    ):
        assert not accounts.password_is(who, other)


def test_a_captured_cookie_is_dead_after_signing_out(client, mei):
    client.post("/sign-in", MEI)
    stolen = PageClient(client.app)
    stolen.http.set_cookie("quanbao", client.http.get_cookie("quanbao").value)
    stolen.get("/wallet")
    client.post("/sign-out")
    assert stolen.get("/wallet", status=303).location == "/sign-in?next=/wallet"
    assert Session.select().count() == 0


def test_each_sign_in_gets_a_new_token_and_ends_the_browsers_old_session(client, mei):
    client.post("/sign-in", MEI)
    first = token_of(client)
    client.post("/sign-in", MEI)
    assert token_of(client) != first
    assert Session.select().count() == 1
    assert accounts.session_of(first, client.app.extensions["clock"]()) is None


@pytest.mark.parametrize(
    ("role", "idle", "lives"),
    [
        (None, {"days": 89}, True),
        (None, {"days": 90}, False),
        (Role.OWNER, {"hours": 11}, True),
        (Role.OWNER, {"hours": 12}, False),
    ],
)
def test_sessions_slide_and_end(client, small_world, clock, role, idle, lives):
    person = small_world.member(role=role) if role else small_world.mei
    client.sign_in(person)
    for _ in range(3 if lives else 1):
        clock.forward(**idle)
        answer = client._send("GET", "/wallet", {}, {})
        assert answer.status_code == (200 if lives else 303)
        assert ("Set-Cookie" in answer.headers) is lives, "a session that slides takes its cookie with it"


def test_a_session_does_not_write_with_every_request(client, small_world, clock):
    client.sign_in(small_world.mei)
    client.get("/wallet")
    seen = Session.get().seen_at
    clock.forward(minutes=5)
    client.get("/wallet")
    assert Session.get().seen_at == seen


def test_only_failures_are_limited(client, mei):
    for _ in range(25):
        client.post("/sign-in", MEI)
    for _ in range(10):
        client.post("/sign-in", {**MEI, "password": "wrong-password"}, status=422)
    refused = client.post("/sign-in", {**MEI, "password": "wrong-password"}, status=429)
    assert int(refused.headers["Retry-After"]) > 0
    assert "Wait a little" in refused.text


@pytest.mark.parametrize(
    "unreadable",
    [
        {"data": b"a" * 200_000, "content_type": "application/x-www-form-urlencoded"},
        {"data": b"--b\r\n" * 9, "content_type": "multipart/form-data; boundary=" + "b" * 300},
    ],
)
@pytest.mark.parametrize(("path", "right"), [("/sign-in", MEI), ("/account/password", {"new_password": "ripe-plum"})])
def test_a_form_that_cannot_be_read_gives_nobody_another_ten_tries(client, mei, path, right, unreadable):
    """The limiter takes what fails while it is asked for a failure of its storage."""
    if path != "/sign-in":
        client.sign_in(mei)
    wrong = right | {"password": "wrong-password"}
    for _ in range(10):
        client.post(path, wrong, status=422)
    assert client._send("POST", path, {}, unreadable).status_code >= 400
    for _ in range(2):
        client.post(path, wrong, status=429)


@pytest.mark.slow
def test_a_whole_shop_may_sign_up_and_one_guesser_may_not(client, monkeypatch):
    """All come from the shop's one address: hundreds who get in, and sixty who are refused."""
    monkeypatch.setattr("quanbao.people.accounts.hash_password", lambda password: "")
    form = {"password": "a-long-secret"}
    for number in range(200):
        client.post("/sign-up", form | {"email": f"{number}@example.org"})
    for _ in range(60):
        client.post("/sign-up", form | {"email": "0@example.org"}, status=422)
    client.post("/sign-up", form | {"email": "0@example.org"}, status=429)


@pytest.mark.slow
def test_accounts_are_not_made_without_end(client, monkeypatch):
    monkeypatch.setattr("quanbao.people.accounts.hash_password", lambda password: "")
    form = {"password": "a-long-secret"}
    for number in range(600):
        client.post("/sign-up", form | {"email": f"{number}@example.org"})
    client.post("/sign-up", form | {"email": "late@example.org"}, status=429)


@pytest.mark.redis
def test_processes_share_flood_limits_by_redis(small_world, sqlite, clock, redis_server):
    apps = [create_app(replace(sqlite, redis_url=redis_server.url), clock=clock) for _ in range(2)]
    clients = [PageClient(app) for app in apps]
    statuses = [
        clients[turn % 2]
        ._send("POST", "/sign-in", {}, {"data": {"email": "x@example.org", "password": "wrong"}})
        .status_code
        for turn in range(12)
    ]
    assert statuses == [422] * 10 + [429] * 2


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("/vouchers/2222222222222222", "/vouchers/2222222222222222"),
        ("//evil.example", "/wallet"),
        ("/\\evil.example", "/wallet"),
        ("https://evil.example", "/wallet"),
        ("evil", "/wallet"),
        ("", "/wallet"),
        ("/a\\b", "/wallet"),
        ("/\tevil", "/wallet"),
        ("/\nevil", "/wallet"),
    ],
)
def test_next_stays_on_our_site(client, mei, target, leads):
    assert client.post("/sign-in", {**MEI, "next": target}).location == leads


def test_cookies_follow_the_address(client, mei):
    answer = client._send("POST", "/sign-in", {}, {"data": MEI, "base_url": "https://localhost"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-quanbao=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"]
    plain = client._send("POST", "/sign-in", {}, {"data": MEI}).headers["Set-Cookie"]
    assert plain.startswith("quanbao=")
    assert "Secure" not in plain
    assert "HttpOnly" in plain


def test_a_cookie_that_somebody_signed_with_another_key_is_nothing(client, mei):
    forged = (
        CookieInterface()
        .get_signing_serializer(type("Other", (), {"secret_key": "another", "config": {"SECRET_KEY_FALLBACKS": []}})())
        .dumps({"_user_id": "x"})
    )
    client.http.set_cookie("quanbao", forged)
    client.get("/wallet", status=303)


def test_signed_out_programs_hear_it_in_json(client):
    assert client.json("/wallet", status=401)["reason"] == "signed_out"


def test_signed_out_fragments_lead_to_the_sign_in_page(client):
    answer = client._send("GET", "/wallet", {"HX-Request": "true"}, {})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?next=/wallet")


def test_a_form_that_came_too_late_leads_back_to_its_page(client):
    """Not to the wallet, which no owner wants."""
    answer = client.post("/merchants/lotus/new-campaign", {}, status=303)
    assert answer.location == "/sign-in?next=/merchants/lotus/new-campaign"


class TestTheLink:
    """`quanbao account link`: looking at it changes nothing, using it works once."""

    @pytest.fixture
    def path(self, small_world, clock):
        return "/sign-in/" + one_time_links.make("sign-in", clock(), small_world.mei)

    def test_looking_changes_nothing_and_using_works_once(self, client, path):
        for _ in range(3):
            assert "mei@example.org" in client.get(path).text
        assert client.post(path).location == "/wallet"
        client.get("/wallet")
        PageClient(client.app).get(path, status=404)
        PageClient(client.app).post(path, status=404)

    def test_a_password_that_guessers_try_first_leaves_it_good(self, client, path):
        assert "Many people use" in client.post(path, {"password": "Princess1"}, status=422).text
        client.get(path)

    def test_it_can_set_a_new_password_and_ends_the_old_sessions(self, client, path, small_world):
        other = PageClient(client.app).sign_in(small_world.mei)
        client.post(path, {"password": "a-new-secret"})
        other.get("/wallet", status=303)
        assert accounts.password_is(Account.get_by_id(small_world.mei.id), "a-new-secret")

    def test_a_short_password_leaves_the_link_good(self, client, path):
        assert "at least 8" in client.post(path, {"password": "short"}, status=422).text
        client.post(path, {"password": "long enough"})

    def test_it_ends_after_an_hour(self, client, path, clock):
        clock.forward(hours=1)
        client.get(path, status=404)
        client.post(path, status=404)

    def test_who_only_typed_the_address_at_sign_up_does_not_stay_in(self, client, small_world, clock):
        client.post("/sign-up", {"email": "boss@example.org", "password": "squatter1"})
        account = Account.get(Account.email == "boss@example.org")
        path = "/sign-in/" + one_time_links.make("sign-in", clock(), account)
        boss = PageClient(client.app)
        assert "Leave it empty" not in boss.get(path).text
        assert "Choose a new password" in boss.post(path, status=422).text
        boss.post(path, {"password": "the-boss-herself"})
        boss.get("/wallet")
        client.get("/wallet", status=303)


def test_a_network_of_ipv6_counts_as_one_visitor(client, small_world):
    statuses = [
        client._send(
            "POST",
            "/sign-in",
            {},
            {
                "data": {"email": "mei@example.org", "password": "wrong-password"},
                "environ_overrides": {"REMOTE_ADDR": f"2001:db8:1:2::{number:x}"},
            },
        ).status_code
        for number in range(11)
    ]
    assert statuses == [422] * 10 + [429]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("203.0.113.1", "203.0.113.1", True),
        ("203.0.113.1", "203.0.113.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1%eth0", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.1", "::ffff:203.0.113.2", False),
        ("::ffff:203.0.113.1", "203.0.113.1", True),
        ("203.0.113.1:5000", "unix:", False),
        ("203.0.113.1:5000", "203.0.113.1:5001", True),
        ("203.0.113.1:5000", "203.0.113.2:5000", False),
        ("[2001:db8::1]:443", "2001:db8::2", True),
        ("[2001:DB8::1]", "2001:db8::2", True),
        ("1.2.3.4.5:6", "1.2.3.4", False),
    ],
)
def test_who_counts_as_the_same_visitor(app, first, second, same):
    """IPv4 in the clothes of IPv6 is not one network, and a proxy's odd word is no error of ours."""

    def counted(address):
        with app.test_request_context(environ_overrides={"REMOTE_ADDR": address}):
            return neighbour()

    assert (counted(first) == counted(second)) is same


def test_junk_links_keep_nobody_from_a_good_one(client, small_world, clock):
    for _ in range(80):
        client.get("/sign-in/" + "x" * 22, status=404)
    client.get("/sign-in/" + one_time_links.make("sign-in", clock(), small_world.mei))
