"""Guessing an account's password, planting a session, leading somebody away: what stands around signing in.

Ten wrong passwords for an account from one address in a quarter of an hour, a hundred from one address in all, also
where they come at one moment to several processes; whoever signs in from an address of their own meanwhile is let in.
"""

from urllib.parse import urljoin, urlsplit

import pytest

from models import Session
from quanbao.people import accounts
from tests.proofs import size
from tests.support.concurrent_requests import Answer, Ask, together
from tests.support.factories import ACCOUNT_PASSWORD, World
from tests.support.page_client import PageClient
from tests.support.racing import cookie_of
from tests.support.servers import Site
from web.redirects import ours

pytestmark = [pytest.mark.promise("sessions")]

AT_ONCE = size(48, 200)
A_PAIR, AN_ADDRESS = 10, 100  # wrong passwords in a quarter of an hour
EVIL, HOME = "203.0.113.66", "198.51.100.7"


def guess(email: str, number: int, address: str = EVIL, spoofed: str = "") -> Ask:
    return sign_in(email, f"wrong-secret-{number}", address, spoofed)


def sign_in(email: str, password: str, address: str, spoofed: str = "") -> Ask:
    """As it comes from a proxy, which writes behind whatever the browser claimed."""
    forwarded = ", ".join(filter(None, (spoofed, address)))
    return Ask("/sign-in", {"email": email, "password": password}, headers={"X-Forwarded-For": forwarded})


def compared(answers: list[Answer]) -> int:
    assert {answer.status for answer in answers} <= {422, 429}
    return sum(answer.status == 422 for answer in answers)


def burst(site: Site, world: World) -> tuple[int, int]:
    """How many guesses at Mei's password were looked at, and how many from the address in all; all in at most two
    bursts, in the midst of which Mei signs in at home."""
    mixed = [guess("mei@example.org", number, spoofed=f"10.0.0.{number}") for number in range(AT_ONCE)]
    home = sign_in("mei@example.org", ACCOUNT_PASSWORD, HOME)
    *answers, honest = together(site, [*mixed, home])
    assert honest.status == 303, "Mei was kept out"
    many = [guess(f"nobody{number // 8}@example.org", number) for number in range(3 * AT_ONCE)]
    *others, honest = together(site, [*many, home])
    assert honest.status == 303, "Mei was kept out"
    return compared(answers), compared(answers) + compared(others)


@pytest.fixture
def mei(small_world):
    small_world.mei.password_hash = accounts.hash_password(ACCOUNT_PASSWORD)
    small_world.mei.save()


@pytest.mark.redis
@pytest.mark.race
def test_guesses_at_one_moment_are_counted_before_they_are_looked_at(small_world, sqlite, mei, redis_server, proved):
    with Site(
        sqlite, small_world, "careless", processes=2, QUANBAO_REDIS_URL=redis_server.url, QUANBAO_TRUSTED_PROXIES="1"
    ) as site:
        pair, address = burst(site, small_world)
    assert pair == A_PAIR
    assert address == AN_ADDRESS
    proved(
        f"two processes with Redis: {AT_ONCE} guesses at once at one account: {pair} looked at; {4 * AT_ONCE} from "
        f"one address: {address}"
    )


@pytest.mark.race
def test_without_redis_each_process_counts_for_itself(small_world, sqlite, mei, proved):
    with Site(sqlite, small_world, "careless", processes=2, QUANBAO_TRUSTED_PROXIES="1") as site:
        pair, address = burst(site, small_world)
    assert A_PAIR <= pair <= 2 * A_PAIR
    assert address <= 2 * AN_ADDRESS
    proved(f"two processes without: {pair}, {address}")


@pytest.mark.redis
@pytest.mark.race
def test_control_guesses_that_are_counted_afterwards_are_looked_at_more_often(
    small_world, sqlite, mei, redis_server, proved
):
    with Site(
        sqlite,
        small_world,
        "careless",
        processes=2,
        QUANBAO_REDIS_URL=redis_server.url,
        CARELESS="guesses",
        QUANBAO_TRUSTED_PROXIES="1",
    ) as site:
        answers = together(site, [guess("lin@example.org", number, "203.0.113.99") for number in range(AT_ONCE)])
    assert compared(answers) > A_PAIR
    proved(f"counted afterwards: {compared(answers)} of {AT_ONCE}")


def test_nobody_is_told_by_a_limit_whether_an_address_has_an_account(app, mei):
    told = []
    for email in ("mei@example.org", "nobody@example.org"):
        client = PageClient(app)
        sent = [
            client._send("POST", "/sign-in", {}, {"data": {"email": email, "password": "wrong-secret"}})
            for _ in range(12)
        ]
        told.append([(one.status_code, one.text.replace(email, "")) for one in sent])
    assert told[0] == told[1]
    assert [status for status, _ in told[0]] == [422] * 10 + [429] * 2


def test_what_was_not_looked_at_costs_nobody_else_anything(app, mei):
    """A thousand tries at one account from a shop's own network leave the rest of the shop its hundred."""
    client = PageClient(app)
    for number in range(150):
        client._send("POST", "/sign-in", {}, {"data": {"email": "mei@example.org", "password": f"wrong-{number}"}})
    assert (
        client._send("POST", "/sign-in", {}, {"data": {"email": "lin@example.org", "password": "x"}}).status_code == 422
    )


# A session that somebody else chose


def test_a_session_is_never_one_that_was_there_before(app, small_world, sqlite, mei):
    """Not one that was planted, and not a cookie of the other scheme's name."""
    evil = accounts.start_session(small_world.account(), small_world.clock())
    chosen = "chosen-by-somebody-else"
    for planted in (evil, chosen):
        client = PageClient(app)
        name, _, value = cookie_of(sqlite, planted).partition("=")
        client.http.set_cookie(name, value)
        client.post("/sign-in", {"email": "mei@example.org", "password": ACCOUNT_PASSWORD})
        assert client.http.get_cookie(name).value != value
        with client.http.session_transaction() as cookie:
            assert cookie["_user_id"] not in (evil, chosen)
        assert accounts.session_of(planted, small_world.clock()) is None, "what was planted is worth nothing any more"


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("__Host-quanbao", "http://localhost"),
        ("quanbao", "https://localhost"),
        ("session", "http://localhost"),
        ("remember_token", "http://localhost"),
    ],
)
def test_a_cookie_counts_under_its_own_schemes_name_alone(app, small_world, sqlite, mei, name, address):
    value = cookie_of(sqlite, accounts.start_session(small_world.mei, small_world.clock())).partition("=")[2]
    answer = app.test_client().get("/wallet", headers={"Cookie": f"{name}={value}"}, base_url=address)
    assert answer.status_code == 303


def test_what_the_cookie_noted_for_somebody_is_not_told_to_the_next(app, small_world, mei):
    """An invitation and a message that no page came to show any more; the language stays."""
    client = PageClient(app).sign_in(small_world.mei)
    for leaving in (
        lambda: client.post("/sign-out"),
        lambda: client.post("/sign-in", {"email": "mei@example.org", "password": ACCOUNT_PASSWORD}),
    ):
        with client.http.session_transaction() as cookie:
            cookie.update(language="zh", invited="a-token", _flashes=[("joined", "Canary Tea")])
        Session.delete().execute()
        leaving()
        with client.http.session_transaction() as cookie:
            assert "Canary Tea" not in repr(dict(cookie))
            assert "a-token" not in repr(dict(cookie))
            assert cookie["language"] == "zh"


# Where to go next

LURES = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    "https:evil.example",
    "https:/evil",
    "https://evil.example",
    "HTTPS://evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/%2f/evil.example",
    "/%2fevil.example",
    "%2f%2fevil.example",
    "/%5cevil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/%252f/evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/./\\evil.example",
    "／／evil.example",
    "/／evil.example",
    "/⁄evil.example",
    "/∕evil.example",
    "/\u3000/evil.example",
    "/\u00a0/evil.example",
    "/\u200b/evil.example",
    "/\ufeff/evil.example",
    "/\x00/evil.example",
    "/\x85/evil.example",
    "/\u2028/evil.example",
    " //evil.example",
    "/ /evil.example",
    "/@evil.example",
    "//evil.example@localhost",
    "?//evil.example",
    "#//evil.example",
    ".evil.example",
    "@evil.example",
    ":80//evil.example",
    "/" * 40 + "evil.example",
    "/;//evil",
    "/\ud800/evil",
    "ftp://evil.example",
    "blob:https://evil.example",
    "/wallet\r\nSet-Cookie: quanbao=evil",
]


@pytest.mark.parametrize("lure", LURES)
def test_next_leads_nowhere_else(app, mei, lure):
    """Wherever the Location leads from, a browser stays here, and no header comes of it."""
    for path, form in (("/sign-in", {"email": "mei@example.org", "password": ACCOUNT_PASSWORD}), ("/language", {})):
        answer = PageClient(app)._send("POST", path, {}, {"data": form | {"next": lure.encode("utf-8", "replace")}})
        assert answer.status_code == 303
        assert len(answer.headers.getlist("Location")) == 1
        assert all("evil" not in cookie for cookie in answer.headers.getlist("Set-Cookie"))
        location = "".join(c for c in answer.headers["Location"] if c not in "\t\r\n").replace("\\", "/")
        assert urlsplit(urljoin("http://localhost/sign-in", location.strip())).netloc == "localhost"


def test_control_a_next_that_is_not_looked_at_leads_away(app, mei, monkeypatch):
    monkeypatch.setattr("web.routes.sign_in.ours", lambda path, otherwise: path or otherwise)
    assert ours("//evil.example", "/") == "/"
    with pytest.raises(AssertionError):
        test_next_leads_nowhere_else(app, mei, "//evil.example")
