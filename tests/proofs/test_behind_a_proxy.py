"""Whatever a client says of itself, links, QR codes and cookies are for the site's address, and limits for who asks.

A proxy in front appends to what came with a request: what stands before its own word is the client's, and no truth. The
tests named control believe it, as many sites do.
"""

import re
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from flask import Flask, request
from markupsafe import Markup

from models import Subscription
from tests.attacks.malformed_requests import house
from tests.support.rights import Who
from tests.support.servers import Site
from web import create_app
from web.auth import security
from web.routes import claims, counter, members, vouchers, wallet_transfer

pytestmark = [pytest.mark.promise("behind a proxy"), pytest.mark.race]

BROWSER = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/a",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
OURS, EVIL = "vouchers.example", "evil.example"
ADDRESS = re.compile(r"(?:https?:)?//[^\s\"'<>,)]+")
NAMES = ("http://www.w3.org/", "//fcm.")  # of languages, not of places
CLIENT, OTHER = "203.0.113.7", "198.51.100.9"
# What a client forges, and what each proxy appends to it.
FORGED = {
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "//evil.example",
    "Forwarded": f"host={EVIL};proto=http;for=9.9.9.9",
    "X-Real-IP": "9.9.9.9",
    "X-Original-Host": EVIL,
    "X-Host": EVIL,
    "X-Forwarded-Server": EVIL,
    "X-Rewrite-URL": "/evil",
    "X-Original-URL": "/evil",
    "Front-End-Https": "off",
    "X-Forwarded-Ssl": "off",
}
BEFORE = {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "javascript", "X-Forwarded-For": "9.9.9.9"}
APPENDED = {"X-Forwarded-Host": OURS, "X-Forwarded-Proto": "https", "X-Forwarded-For": CLIENT}


def arrived(hops: int, client: str = CLIENT, forged: str = "9.9.9.9") -> dict[str, str]:
    """The headers of a request that came through so many proxies, the nearest one last."""
    ours = [APPENDED | {"X-Forwarded-For": client}, APPENDED | {"X-Forwarded-For": "10.0.0.1"}][:hops]
    said = [BEFORE | {"X-Forwarded-For": forged}, *ours]
    return FORGED | {name: ", ".join(one[name] for one in said) for name in BEFORE} | {"Host": OURS}


@pytest.fixture
def site(small_world, sqlite, clock) -> Callable[..., Flask]:
    """The application as an operator sets it up; what becomes a QR code stands in its pages as text."""

    def make(**settings) -> Flask:
        app = create_app(replace(sqlite, **settings), clock=clock)
        app.jinja_env.globals["qr"] = lambda text, label: Markup("<svg>{}</svg>").format(text)
        return app

    return make


def visit(app: Flask, cookie: str, headers: dict[str, str], method: str, path: str):
    """One request; the cookie has the name that it has where the site is https."""
    form = {"email": "new@example.org", "role": "manager", "next": "//evil.example", "language": "en"}
    answer = app.test_client(use_cookies=False).open(
        path,
        method=method,
        data=form if method == "POST" else None,
        headers={"Sec-Fetch-Site": "same-origin", "Cookie": f"{cookie}; __Host-{cookie}", **headers},
    )
    answer.get_data()  # all of it: a long table is made while it is read
    return answer


def links(app: Flask, world, settings, headers: dict[str, str]) -> set[str]:
    """Scheme and host of every address in the pages of an owner and a consumer, and of where they are sent."""
    at = house(settings, world, f"house-{next(world.numbers)}")
    where, merchant = at.values, f"/merchants/{at.values['merchant']}"
    campaign, voucher = f"{merchant}/campaigns/{where['campaign']}", f"/vouchers/{where['code']}"
    asked = {
        Who.OWNER: [
            ("GET", f"{campaign}/links"),
            ("GET", f"{campaign}/links/sheet"),
            ("GET", f"{campaign}/links.csv"),
            ("POST", f"{merchant}/members"),
        ],
        Who.CONSUMER: [
            ("GET", voucher),
            ("POST", "/move"),
            ("POST", f"{voucher}/counter-code"),
            ("GET", "/wallet"),
            ("GET", f"{voucher}/redeem"),
            ("GET", "/account"),
        ],
        Who.SIGNED_OUT: [
            ("GET", "/"),
            ("GET", "/sign-in"),
            ("GET", f"/claim/{where['claims.token']}"),
            ("GET", "/manifest.webmanifest"),
            ("GET", "/sw.js"),
            ("GET", f"/join/{where['members.token']}"),
            ("GET", "/wallet"),
            ("POST", "/sign-out"),
            ("POST", "/language"),
            ("GET", "/no-such-page"),
        ],
    }
    answers = [
        visit(app, at.cookies[who], headers, *request) for who, requests in asked.items() for request in requests
    ]
    invited = re.search("quanbao=([^;]*)", answers[3].headers["Set-Cookie"])[0]
    answers.append(visit(app, invited, headers, "GET", f"{merchant}/members"))
    assert {answer.status_code for answer in answers} == {200, 303, 404}
    said = " ".join(answer.get_data(as_text=True) + " " + answer.headers.get("Location", "") for answer in answers)
    found = [match[0] for match in ADDRESS.finditer(said) if not match[0].startswith(NAMES)]
    assert {"/claim/", "/join/", "/vouchers/", "/move/", "/till"} <= set(
        re.findall("//[^/]+(/[a-z]+/?)", " ".join(found))
    )
    return {re.match("(?:https?:)?//[^/#?]*", one)[0] for one in found}


SET = {"base_url": f"https://{OURS}"}


@pytest.mark.parametrize("hops", [0, 1, 2])
@pytest.mark.parametrize("address", [{}, SET], ids=["from the request", "set"])
def test_links_and_cookies_are_for_our_address(site, small_world, sqlite, proved, hops, address):
    """Where no address is set, it is that of the request: the nearest proxies' word, or what the client asked."""
    app, headers = site(trusted_proxies=hops, **address), arrived(hops)
    secure = bool(hops or address)
    expected = f"https://{OURS}" if secure else f"http://{OURS}"
    found = links(app, small_world, sqlite, headers)
    assert found == {expected}
    answer = visit(app, "a=b", headers, "POST", "/language")
    assert answer.headers["Set-Cookie"].startswith("__Host-quanbao=" if secure else "quanbao=")
    assert ("Secure" in answer.headers["Set-Cookie"]) is secure
    assert ("Strict-Transport-Security" in answer.headers) is secure
    proved(f"{hops} proxies, {'an address' if address else 'none'} set: {expected}")


def test_an_address_that_is_set_is_in_links_whatever_host_is_asked(site, small_world, sqlite):
    for hops in (0, 1):
        headers = {"Host": EVIL, "X-Forwarded-Host": EVIL, "X-Forwarded-Proto": "http"}
        assert links(site(trusted_proxies=hops, **SET), small_world, sqlite, headers) == {f"https://{OURS}"}


def test_a_host_that_was_made_up_is_for_who_made_it_up_alone(site, small_world, sqlite):
    """Nothing that is made of it is kept: neither by us for the next, nor by anything between."""
    app = site()
    assert links(app, small_world, sqlite, {"Host": EVIL}) == {f"http://{EVIL}"}
    assert links(app, small_world, sqlite, {"Host": OURS}) == {f"http://{OURS}"}
    for path in ("/", "/sign-in", "/wallet", "/account"):
        assert visit(app, "a=b", {"Host": EVIL}, "GET", path).headers["Cache-Control"] == "no-store"


NO_HOSTS = ("a b", "a/b", "a@b", "a..b", "[::1", "a:99999999", "a:b", "a;b", "a?b", "a#b", "a\\b", "<x>", "a%00b")


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host"])
def test_what_is_no_host_is_refused(site, name):
    app = site(trusted_proxies=1)
    for host in NO_HOSTS:
        answer = visit(app, "a=b", {"Host": OURS, name: host}, "GET", "/sign-in")
        assert (answer.status_code, host in answer.text and len(host) > 1) == (400, False), host
    for scheme in ("javascript", "ftp", "https:"):
        assert visit(app, "a=b", {"Host": OURS, "X-Forwarded-Proto": scheme}, "GET", "/").status_code == 400


def test_a_browser_subscribes_for_the_address_it_sees(site, small_world, sqlite):
    for hops in (0, 1, 2):
        at = house(sqlite, small_world, f"house-{hops}")
        app = site(trusted_proxies=hops, contact="mailto:a@vouchers.example", **SET)
        cookie = at.cookies[Who.CONSUMER]
        answer = app.test_client(use_cookies=False).post(
            "/push/subscriptions",
            json=BROWSER,
            headers={"Sec-Fetch-Site": "same-origin", "Cookie": f"__Host-{cookie}", **arrived(hops), "Host": EVIL},
        )
        assert answer.status_code in (201, 204)
        assert {row.origin for row in Subscription.select()} == {f"https://{OURS}"}


# Who is limited


def statuses(app: Flask, requests: list[dict[str, str]]) -> list[int]:
    """Of sign-ups that are refused, each with other headers."""
    return [visit(app, "a=b", headers, "POST", "/sign-up").status_code for headers in requests]


MOST = 60  # sign-ups an hour


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_limits_count_who_asks_and_not_whom_they_name(site, hops):
    app = site(trusted_proxies=hops)
    forged = [arrived(hops, forged=f"9.9.{number}.9") for number in range(MOST)]
    assert set(statuses(app, forged)) == {422}
    assert statuses(app, [arrived(hops, forged="8.8.8.8"), arrived(hops, client=OTHER)]) == [429, 422 if hops else 429]


def test_a_port_behind_an_address_is_no_other_visitor(site):
    """Some proxies write it, and every connection has another."""
    app = site(trusted_proxies=1)
    assert set(statuses(app, [arrived(1, client=f"{CLIENT}:{port}") for port in range(MOST)])) == {422}
    assert statuses(app, [arrived(1), arrived(1, client=f"{OTHER}:1")]) == [429, 422]


def test_who_comes_past_the_outer_proxy_names_nobody(site):
    """One word where two were to be: then it is the connection that counts."""
    app = site(trusted_proxies=2)
    assert set(statuses(app, [{"X-Forwarded-For": f"9.9.{number}.9", "Host": OURS} for number in range(MOST)])) == {422}
    assert statuses(app, [{"X-Forwarded-For": "8.8.8.8", "Host": OURS}]) == [429]


def said(port: int, *lines: str) -> str:
    """The answer of a server that really runs to a request with these lines, as they stand."""
    head = "\r\n".join(["GET /move HTTP/1.1", "Connection: close", *lines, "", ""])
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as connection:
        connection.sendall(head.encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_headers_that_come_twice_or_in_disguise(small_world, sqlite):
    """On the wire: an underscore is no hyphen, the last line is the nearest proxy's, two hosts are none."""
    with Site(sqlite, small_world, processes=1, QUANBAO_TRUSTED_PROXIES="1") as running:
        answers = [
            said(running.port, *lines)
            for lines in (
                ("Host: x", "X_Forwarded_Proto: https", "X_Forwarded_Host: evil.example"),
                ("Host: x", "X-Forwarded-Proto: http", "X-Forwarded-Proto: https"),
                ("Host: x", "X-Forwarded-Proto: https", "X-Forwarded-Proto: http"),
                ("Host: x", "Host: evil.example"),
                ("X-A: b",),
            )
        ]
    assert [answer.split()[1] for answer in answers] == ["303", "303", "303", "400", "400"]
    assert ["Strict-Transport-Security".lower() in answer.lower() for answer in answers] == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert all(EVIL not in answer for answer in answers)


# Controls


def believing(application):
    """As many do it: the first word, which is the client's own."""

    def call(environ, start_response):
        for name, key in (("FOR", "REMOTE_ADDR"), ("HOST", "HTTP_HOST"), ("PROTO", "wsgi.url_scheme")):
            if told := environ.get(f"HTTP_X_FORWARDED_{name}"):
                environ[key] = told.partition(",")[0]
        return application(environ, start_response)

    return call


def test_control_the_first_word_is_the_clients(site, small_world, sqlite):
    app, headers = site(), arrived(1) | {"X-Forwarded-Proto": "http"}
    app.wsgi_app = believing(app.wsgi_app)
    assert links(app, small_world, sqlite, headers) == {f"http://{EVIL}"}
    assert set(
        statuses(app, [arrived(1, forged=f"9.9.{n}.9") | {"X-Forwarded-Proto": "http"} for n in range(MOST * 2)])
    ) == {422}


def test_control_an_address_of_the_request_alone_follows_the_host(site, small_world, sqlite, monkeypatch):
    app = site(**SET)
    for module in (claims, members, vouchers, wallet_transfer, counter):
        monkeypatch.setattr(module, "base_url", lambda: request.host_url.rstrip("/"))
    assert f"http://{EVIL}" in links(app, small_world, sqlite, {"Host": EVIL})


def test_control_without_the_guard_the_application_stumbles_over_a_host(site, monkeypatch):
    monkeypatch.setattr(security, "is_host", lambda text: True)
    with pytest.raises(AttributeError):
        visit(site(), "a=b", {"Host": "a..b"}, "GET", "/sign-in")
