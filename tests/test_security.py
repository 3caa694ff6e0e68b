"""Every route, from the URL map: its headers, its guard against other sites, and who may call it."""

from dataclasses import replace

import pytest
from flask import request

from models import Role
from web import create_app
from web.security import HEADERS

# What each route answers to somebody who is not signed in, to the holder, and to a stranger who is signed in.
# A new route without a row fails below. A merchant's own routes are in tests/test_rights.py.
ROUTES = {
    "account.change_email": ("POST", 303, 422, 422),
    "account.change_password": ("POST", 303, 422, 422),
    "account.data": ("GET", 303, 200, 200),
    "account.delete": ("POST", 303, 422, 422),
    "account.deleted": ("GET", 200, 303, 303),
    "account.end_others": ("POST", 303, 303, 303),
    "account.end_session": ("POST", 303, 404, 404),
    "account.show": ("GET", 303, 200, 200),
    "assets.static_file": ("GET", 200, 200, 200),
    "claims.claim": ("POST", 404, 404, 404),
    "claims.show": ("GET", 404, 404, 404),
    "counter.make": ("POST", 303, 200, 404),
    "home.show": ("GET", 200, 302, 302),
    "home.switch": ("POST", 303, 303, 303),
    "members.join": ("POST", 404, 404, 404),
    "members.show_join": ("GET", 404, 404, 404),
    "moving.enter": ("GET", 200, 200, 200),
    "moving.make": ("POST", 303, 200, 200),
    "moving.show": ("GET", 303, 200, 200),
    "moving.use": ("POST", 422, 422, 422),
    "pictures.show": ("GET", 404, 404, 404),
    "push.choices": ("GET", 303, 200, 200),
    "push.choose": ("POST", 303, 303, 303),
    "push.subscribe": ("POST", 303, 422, 422),
    "push.unsubscribe": ("DELETE", 303, 422, 422),
    "redemptions.attempt": ("POST", 303, 422, 422),
    "redemptions.redeem": ("GET", 303, 200, 404),
    "redemptions.show": ("GET", 303, 404, 404),
    "set_up.set_up": ("POST", 404, 404, 404),
    "set_up.show": ("GET", 404, 404, 404),
    "shell.healthz": ("GET", 200, 200, 200),
    "shell.manifest": ("GET", 200, 200, 200),
    "shell.offline": ("GET", 200, 200, 200),
    "shell.readyz": ("GET", 200, 200, 200),
    "shell.service_worker": ("GET", 200, 200, 200),
    "shell.till_manifest": ("GET", 200, 200, 200),
    "sign_in.show": ("GET", 200, 200, 200),
    "sign_in.show_link": ("GET", 404, 404, 404),
    "sign_in.show_sign_up": ("GET", 200, 200, 200),
    "sign_in.sign_in": ("POST", 422, 422, 422),
    "sign_in.sign_out": ("POST", 303, 303, 303),
    "sign_in.sign_up": ("POST", 422, 422, 422),
    "sign_in.use_link": ("POST", 404, 404, 404),
    "till.find": ("GET", 303, 303, 303),
    "vouchers.show": ("GET", 303, 200, 404),
    "wallet.archive": ("POST", 303, 303, 404),
    "wallet.show": ("GET", 303, 200, 200),
}


@pytest.fixture
def addresses(app, small_world):
    """A working address for each route: Mei's voucher, the owner's campaign."""
    voucher = small_world.voucher()
    values = {
        "code": voucher.code, "merchant": "lotus", "campaign": voucher.campaign.slug, "token": "t" * 22,
        "attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11", "number": 10**6, "branch": "main", "digest": "0" * 32,
    }
    with app.test_request_context():
        from flask import url_for

        from web.assets import digest

        values |= {"name": "app.css", "version": digest("app.css")}
        return {
            rule.endpoint: url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})
            for rule in app.url_map.iter_rules()
        }


def test_every_route_has_a_row(app):
    shared = {rule.endpoint for rule in app.url_map.iter_rules() if "merchant" not in rule.arguments}
    assert shared == set(ROUTES), "add the route to ROUTES above"


@pytest.fixture
def methods(app):
    """How each route is called, a merchant's too."""
    return {rule.endpoint: next(method for method in ("POST", "DELETE", "GET") if method in rule.methods)
            for rule in app.url_map.iter_rules()}


@pytest.mark.parametrize("who", ["signed out", "own", "stranger"])
def test_who_may_call_what(client, small_world, addresses, who):
    stranger = small_world.member(role=Role.OWNER, merchant=small_world.make_merchant(slug="other"))
    for endpoint, (method, *expected) in ROUTES.items():
        signed_in = client.__class__(client.app)
        if who == "own":
            signed_in.sign_in(small_world.mei)
        elif who == "stranger":
            signed_in.sign_in(stranger)
        answer = signed_in._send(method, addresses[endpoint], {}, {})
        wanted = expected[["signed out", "own", "stranger"].index(who)]
        assert answer.status_code == wanted, f"{method} {addresses[endpoint]} as {who}"


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


@pytest.mark.parametrize(("headers", "passes"), [
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
])
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


FORGED = {"X-Forwarded-For": "192.0.2.66, 203.0.113.9", "X-Forwarded-Proto": "https",
          "X-Forwarded-Host": "shop.example", "X-Real-IP": "192.0.2.66", "Forwarded": "for=192.0.2.66;proto=https"}


@pytest.mark.parametrize(("trusted", "seen"), [
    (0, ("127.0.0.1", "http", "localhost")), (1, ("203.0.113.9", "https", "shop.example"))])
def test_only_the_proxies_that_the_operator_counts_are_believed(small_world, sqlite, clock, trusted, seen):
    app, found = create_app(replace(sqlite, trusted_proxies=trusted), clock=clock), []
    app.before_request(lambda: found.append((request.remote_addr, request.scheme, request.host)))
    app.test_client().get("/sign-in", headers=FORGED)
    assert found == [seen]
