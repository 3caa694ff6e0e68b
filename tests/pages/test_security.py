"""Every route, from the URL map: its headers, and its guard against other sites. Who may call it:
tests/support/rights.py.
"""

from dataclasses import replace

import pytest
from flask import request

from web import create_app
from web.auth.security import HEADERS


@pytest.fixture
def addresses(app, small_world):
    """A working address for each route: Mei's voucher, the owner's campaign."""
    voucher = small_world.voucher()
    values = {
        "code": voucher.code,
        "merchant": "lotus",
        "campaign": voucher.campaign.slug,
        "token": "t" * 22,
        "attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11",
        "number": 10**6,
        "branch": "main",
        "digest": "0" * 32,
    }
    with app.test_request_context():
        from flask import url_for

        from web.assets import digest

        values |= {"name": "app.css", "version": digest("app.css")}
        return {
            rule.endpoint: url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})
            for rule in app.url_map.iter_rules()
        }


@pytest.fixture
def methods(app):
    """How each route is called, a merchant's too."""
    return {
        rule.endpoint: next(method for method in ("POST", "DELETE", "GET") if method in rule.methods)
        for rule in app.url_map.iter_rules()
    }


def test_every_answer_has_the_headers(client, addresses, methods):
    for endpoint, method in methods.items():
        answer = client._send(method, addresses[endpoint], {}, {})
        for name, value in HEADERS.items():
            assert answer.headers.get(name) == value, f"{endpoint} lacks {name}"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        if not endpoint.startswith(("assets.", "shell.")):
            assert answer.headers["Cache-Control"] == "no-store", endpoint
            assert {"Cookie", "HX-Request", "Accept"} <= set(answer.vary), endpoint


def test_what_everybody_shares_is_kept_for_ever_and_does_not_vary_by_cookie(client, small_world, addresses):
    answer = client.sign_in(small_world.mei)._send("GET", addresses["assets.static_file"], {}, {})
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Cookie" not in answer.vary
    assert "Set-Cookie" not in answer.headers


OURS, FOREIGN = "http://localhost", "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": OURS}, True),
        ({"Origin": OURS}, True),
        ({}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": OURS}, False),
        ({"Origin": FOREIGN}, False),
        ({"Origin": "null"}, False),
        ({"Origin": OURS + ".evil.example"}, False),
        ({"Referer": OURS + "/wallet"}, False),
    ],
)
def test_unsafe_requests_come_from_our_own_pages(app, addresses, methods, headers, passes):
    for endpoint, method in methods.items():
        if method == "GET":
            continue
        answer = app.test_client().open(addresses[endpoint], method=method, headers=headers)
        assert (answer.status_code != 403) is passes, endpoint
        if not passes:
            assert "another site" in answer.text


def test_an_answer_to_another_method_is_no_traceback(client, addresses):
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        for endpoint in ("wallet.show", "vouchers.show", "home.show"):
            assert client._send(method, addresses[endpoint], {}, {}).status_code == 405


FORGED = {
    "X-Forwarded-For": "192.0.2.66, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
    "X-Real-IP": "192.0.2.66",
    "Forwarded": "for=192.0.2.66;proto=https",
}


@pytest.mark.parametrize(
    ("trusted", "seen"), [(0, ("127.0.0.1", "http", "localhost")), (1, ("203.0.113.9", "https", "shop.example"))]
)
def test_only_the_proxies_that_the_operator_counts_are_believed(small_world, sqlite, clock, trusted, seen):
    app, found = create_app(replace(sqlite, trusted_proxies=trusted), clock=clock), []
    app.before_request(lambda: found.append((request.remote_addr, request.scheme, request.host)))
    app.test_client().get("/sign-in", headers=FORGED)
    assert found == [seen]
