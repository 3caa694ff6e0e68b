"""Another site gets nothing done here: every unsafe route, in every shape that a browser can be made to send it.

The routes are those of the URL map, each with a form that would do something. Nothing in the database moves; what is
asked for by GET moves nothing either, but for what is named.
"""

import shutil

import pytest

from database import db
from tests.support.every_route import HARMLESS, MEANT_TO_MOVE, NOBODY, UNSAFE, WALLET, Everywhere, changed, columns
from tests.support.factories import CASHIER, LIN, OWNER, STRANGER
from web.auth import security

pytestmark = [pytest.mark.promise("cross-site")]

FOREIGN = "https://evil.example"
FORM = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
ATTACKS = {
    "no header": {},
    "a Referer of ours": {"Referer": "http://localhost/wallet"},
    "foreign origin": {"Origin": FOREIGN},
    "ours at the end": {"Origin": FOREIGN + "/http://localhost"},
    "ours at the beginning": {"Origin": "http://localhost.evil.example"},
    "another port": {"Origin": "http://localhost:8081"},
    "another scheme": {"Origin": "https://localhost"},
    "null origin": {"Origin": "null"},
    "two origins": {"Origin": "http://localhost, https://evil.example"},
    "same site": {"Origin": "http://other.localhost", "Sec-Fetch-Site": "same-site"},
    "user-typed": {"Sec-Fetch-Site": "none", **FORM},
    "form": {"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site", **FORM},
    "form without origin": {"Sec-Fetch-Site": "cross-site", **FORM},
    "sandboxed form": {"Origin": "null", "Sec-Fetch-Site": "cross-site", **FORM},
    "fetch": {"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "HX-Request": "true"},
    "fetch no-cors": {
        "Origin": FOREIGN,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        "Content-Type": "text/plain",
    },
    "beacon": {
        "Origin": FOREIGN,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        "Content-Type": "text/plain;charset=UTF-8",
    },
    "an origin of ours, said to be foreign": {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    "a word that does not exist": {"Origin": "http://localhost", "Sec-Fetch-Site": "Same-Origin"},
    "two words": {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin, cross-site"},
}
OPENING = {"vouchers.show", "redemptions.redeem"}
LOOKS = [
    ("HEAD", {}),
    ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Purpose": "prefetch"}),
    ("OPTIONS", {"Origin": FOREIGN, "Access-Control-Request-Method": "POST"}),
]


@pytest.fixture
def everywhere(app, small_world):
    return Everywhere(app, small_world)


def test_every_route_has_a_line(everywhere):
    rules = everywhere.app.url_map.iter_rules()
    unsafe = {rule.endpoint for rule in rules if rule.methods - {"GET", "HEAD", "OPTIONS"}}
    assert unsafe == set(UNSAFE), "say in tests/support/every_route.py who would call the route, and with what"


def test_no_shape_of_another_sites_request_changes_anything(everywhere, proved):
    calls = list(everywhere.unsafe())
    clients = {who: everywhere.client(who) for who in (NOBODY, WALLET, LIN, STRANGER, OWNER, CASHIER)}
    everywhere.world.clock.forward(minutes=30)  # a session that is used would slide on
    before = columns()
    for call in calls:
        for name, headers in ATTACKS.items():
            body = {"data": b"a=b"} if "text/plain" in headers.get("Content-Type", "") else call.body()
            answer = clients[call.who].http.open(call.path, method=call.method, headers=headers, **body)
            assert answer.status_code == 403, (call.endpoint, name)
            assert not answer.headers.getlist("Set-Cookie"), (call.endpoint, name)
            assert b"data-holder" not in answer.data, "the page would clear what the phone keeps"
            assert_no_cors(answer)
        assert changed(before) == set(), call.endpoint
    proved(f"{len(calls)} unsafe routes × {len(ATTACKS)} shapes")


def test_nothing_that_is_asked_for_changes_anything(everywhere, proved):
    """GET and HEAD as everybody, also from elsewhere and beforehand."""
    asked = 0
    for who in (NOBODY, WALLET, STRANGER, LIN, OWNER, CASHIER):
        client = everywhere.client(who)
        before = columns()
        for call in sorted(everywhere.safe(), key=lambda call: call.endpoint in OPENING):  # what may move comes last
            if call.endpoint in OPENING:
                assert changed(before) <= (MEANT_TO_MOVE if who == LIN else set()), who
            for method, headers in LOOKS:
                answer = client.http.open(call.path, method=method, headers=headers)
                assert_no_cors(answer)
                assert answer.status_code < 500, (call.endpoint, who)
                asked += 1
        assert changed(before) <= (MEANT_TO_MOVE if who == LIN else set()), who
    proved(f"{asked:,} safe requests: only {', '.join(sorted(MEANT_TO_MOVE))} moved, by its holder")


def assert_no_cors(answer) -> None:
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


def test_control_without_the_guard_every_route_does_its_work_for_another_site(
    everywhere, monkeypatch, proved, sqlite, tmp_path
):
    monkeypatch.setattr(security, "SAFE_METHODS", {"GET", "POST", "DELETE"})
    calls, kept, idle = list(everywhere.unsafe()), tmp_path / "kept", []
    db.close()
    shutil.copy(sqlite.sqlite_file, kept)
    for call in calls:
        client = everywhere.client(call.who)
        before = columns()
        client.http.open(call.path, method=call.method, headers=ATTACKS["form"], **call.body())
        if not changed(before):
            idle.append(call.endpoint)
        db.close()
        shutil.copy(kept, sqlite.sqlite_file)
    assert set(idle) == HARMLESS
    proved(f"without the guard {len(calls) - len(idle)} of {len(calls)} did their work")
