"""A fresh site on the internet, before anybody opened its set-up link, gives nothing away and is nobody's.

`quanbao serve` really runs, on an empty database; a stranger walks every route of the URL map. The controls take any
link, as often as one likes.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection
from threading import Barrier
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
from flask import Flask

from models import Account, Member, Merchant, Role
from tests.controls import timed
from tests.proofs import engine, size
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.servers import Site
from web import create_app

pytestmark = [pytest.mark.promise("first hour"), pytest.mark.race]

GUESSES = size(200, 5_000)
AT_ONCE = 8
SECRET = re.compile(r"traceback|werkzeug|peewee|sqlite|postgres|\.py\b|python|\b0\.1\.0\b|granian/", re.IGNORECASE)
OURS = ("/sw.js", "/static/")  # the same everywhere, and open
BOSS = "boss@lotus.example"
STRANGER = {"email": "stranger@evil.example", "password": ACCOUNT_PASSWORD}
VALUES = {
    "token": "t" * 22,
    "code": "A" * 16,
    "merchant": "lotus",
    "campaign": "oolong",
    "branch": "main",
    "number": 1,
    "digest": "0" * 32,
    "attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11",
    "version": "0" * 16,
    "name": "app.css",
}


@pytest.fixture
def serve(database, clock, tmp_path):
    """`quanbao serve` on the empty database, by a clock that the test moves; and the token of the link it printed."""

    def open_(control: str = "timed") -> Site:
        timed.tell(tmp_path / "clock", clock())
        return Site(database, SimpleNamespace(clock=clock), control, processes=2, CLOCK=str(tmp_path / "clock"))

    return open_


def printed(site: Site) -> list[str]:
    return re.findall(r"/set-up/([\w-]+)", (site.folder / "log").read_text())


def ask(site: Site, method: str, path: str, form: dict | None = None, cookie: str = "") -> tuple[int, str, str]:
    """Status, headers as text, body."""
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=60)) as connection:
        connection.request(method, path, urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        return answer.status, str(answer.headers), answer.read().decode(errors="replace")


def first_owner(name: str = "Lotus Tea", email: str = BOSS) -> dict[str, str]:
    return {
        "email": email,
        "password": ACCOUNT_PASSWORD,
        "name": name,
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "branch": "Main Street",
        "address": "",
    }


def everything(app: Flask) -> list[tuple[str, str]]:
    """Each route by each of its methods, at an address that could be one."""
    with app.test_request_context():
        from flask import url_for

        return [
            (method, url_for(rule.endpoint, **{name: VALUES[name] for name in rule.arguments}))
            for rule in app.url_map.iter_rules()
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
        ]


def walk(site: Site, app: Flask, cookie: str = "") -> str:
    """All that a stranger is told on the way."""
    told = ""
    for method, path in everything(app):
        status, headers, body = ask(site, method, path, first_owner() | STRANGER | {"code": "ABC234"}, cookie)
        assert status < 500, (method, path, status)
        told += headers + ("" if path.startswith(OURS) else body)
    return told


def test_a_stranger_learns_nothing_and_gets_nothing(serve, database, proved):
    app = create_app(database)
    with serve() as site:
        [token] = printed(site)
        told = walk(site, app)
        status, headers, _ = ask(site, "POST", "/sign-in", STRANGER)
        assert status == 303, "whoever signed up on the way is signed in, to an empty wallet"
        told += walk(site, app, re.search("quanbao=[^;]+", headers)[0])
        guessed = {
            ask(site, method, f"/set-up/{quote(guess)}", first_owner() if method == "POST" else None)[0]
            for guess in guesses(token)
            for method in ("GET", "POST")
        }
        assert guessed == {404}
        assert (Merchant.select().count(), Member.select().count()) == (0, 0)
        assert ask(site, "GET", f"/set-up/{token}")[0] == 200, "and the link is as good as it was"
        log = (site.folder / "log").read_text()
    secrets = [token, str(database.data), database.secret_key, database.password_key, database.vapid_key, BOSS]
    assert [secret for secret in secrets if secret in told.replace(f'value="{BOSS}"', "")] == []
    assert SECRET.findall(told) == []
    assert log.count(token) == 1, "the operator's line, and no other"
    proved(f"{engine()}: {2 * len(everything(app))} requests to every route, {GUESSES} guesses")


def guesses(token: str) -> list[str]:
    """Tokens that look like the right one, and what is nearly it."""
    near = [
        token[:-1],
        token + "A",
        token.swapcase(),
        token[::-1],
        f"{token}%00",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
    ]
    return near + [f"{number:022d}" for number in range(GUESSES - len(near))]


def set_up_at_once(site: Site, token: str) -> list[int]:
    """The right link, by several people in the same moment."""
    start = Barrier(AT_ONCE)

    def one(number: int) -> int:
        start.wait()
        return ask(site, "POST", f"/set-up/{token}", first_owner(f"Shop {number}", f"boss{number}@lotus.example"))[0]

    with ThreadPoolExecutor(AT_ONCE) as people:
        return sorted(people.map(one, range(AT_ONCE)))


def test_of_several_people_with_the_link_one_becomes_the_owner(serve, proved):
    with serve() as site:
        [token] = printed(site)
        assert set_up_at_once(site, token) == [303] + [404] * (AT_ONCE - 1)
        assert ask(site, "POST", f"/set-up/{token}", first_owner("Another"))[0] == 404
    assert (Merchant.select().count(), [member.role for member in Member.select()]) == (1, [Role.OWNER])
    assert Account.select().count() == 1, "of those who came too late nothing is kept"
    proved(f"{engine()}: {AT_ONCE} at once, one owner")


def test_the_link_is_good_for_an_hour(serve, clock, tmp_path):
    with serve() as site:
        [token] = printed(site)
        for after, status in ((timedelta(minutes=59), 200), (timedelta(minutes=62), 404)):
            timed.tell(tmp_path / "clock", clock() + after)
            assert ask(site, "GET", f"/set-up/{token}")[0] == status
        assert ask(site, "POST", f"/set-up/{token}", first_owner())[0] == 404
        assert "Start Quanbao again" in ask(site, "GET", f"/set-up/{token}")[2]
    assert not Merchant.select().exists()


def test_a_restart_prints_another_link_and_ends_the_old_one(serve, clock):
    with serve() as site:
        [old] = printed(site)
    with serve() as site:
        [new] = printed(site)
        assert old != new
        assert (ask(site, "GET", f"/set-up/{old}")[0], ask(site, "POST", f"/set-up/{old}", first_owner())[0]) == (
            404,
            404,
        )
        assert ask(site, "POST", f"/set-up/{new}", first_owner())[0] == 303
    with serve() as site:
        assert printed(site) == [], "a site that is somebody's prints none"
        assert ask(site, "GET", f"/set-up/{new}")[0] == 404


def test_who_took_the_owners_address_beforehand_gets_no_rights_and_stops_nobody(serve):
    """A stranger signs up with it; the owner, with the link, is told and takes another, or the account's password."""
    with serve() as site:
        [token] = printed(site)
        assert ask(site, "POST", "/sign-up", {"email": BOSS, "password": "the-strangers-own"})[0] == 303
        status, _, page = ask(site, "POST", f"/set-up/{token}", first_owner())
        print(status, page[-3000:])
        assert not Member.select().join(Account).where(Account.email == BOSS).exists()
        assert status == 422
        assert ask(site, "POST", f"/set-up/{token}", first_owner(email="owner@lotus.example"))[0] == 303
    assert [member.account.email for member in Member.select()] == ["owner@lotus.example"]


# Controls


def test_control_with_the_door_open_a_stranger_takes_the_site(serve, database):
    with serve("open_set_up") as site:
        walk(site, create_app(database))
    assert Merchant.select().exists()


def test_control_without_the_guard_one_link_makes_several_owners(serve):
    with serve("open_set_up") as site:
        assert set_up_at_once(site, printed(site)[0]).count(303) > 1
    assert Merchant.select().count() > 1
