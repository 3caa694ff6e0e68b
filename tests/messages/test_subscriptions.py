"""Browsers that want to be told: whose they are, what is kept of them, and the pages for it."""

import json
import logging
from dataclasses import replace
from threading import Event

import psycopg
import pytest

from models import Account, Delivery, Mute, Session, Subscription, Voucher
from quanbao.lib import account_lock
from quanbao.messages.push import subscriptions
from quanbao.people import accounts
from quanbao.reports import own_data
from tests.conftest import POSTGRESQL
from tests.support.crowds import at_once
from tests.support.page_client import PageClient
from tests.support.push_fixtures import PATIENCE, outbox, subscribed, until
from web import create_app
from web.present.push_messages import contact, push_key

PATH = "/push/subscriptions"


@pytest.fixture
def app(small_world, sqlite, clock, push_service):
    settings = replace(sqlite, push_hosts=(*sqlite.push_hosts, push_service.origin))
    return create_app(settings, clock=clock)


@pytest.fixture
def other(app, small_world):
    """Somebody else's browser."""
    return PageClient(app).sign_in(small_world.account())


def post(client: PageClient, document, *, method: str = "POST", language: str = "en"):
    body = document if isinstance(document, bytes) else json.dumps(document)
    return client._send(method, PATH, {"Accept": "application/json", "Accept-Language": language}, {"data": body})


def owners() -> dict[str, int]:
    return dict(Subscription.select(Subscription.endpoint, Subscription.account).tuples())


# Keeping


def test_a_browser_is_kept_with_all_that_it_takes_to_write_to_it(here, mei, push_service, clock):
    browser = push_service.browser()
    assert post(here, browser.document, language="zh-CN").status_code == 201
    row, keys = Subscription.get(), browser.document["keys"]
    assert (row.account, row.session.account, row.created_at) == (mei, mei, clock())
    assert (row.endpoint, row.service, row.p256dh, row.auth) == (
        browser.endpoint,
        push_service.origin,
        keys["p256dh"],
        keys["auth"],
    )
    assert (row.origin, row.language, row.vapid_key) == ("http://localhost", "zh-Hans-CN", push_service.vapid_key)


def test_at_every_start_it_is_compared_and_nothing_is_written(here, push_service, monkeypatch):
    document = push_service.browser().document
    assert [post(here, document).status_code for _ in range(3)] == [201, 204, 204]
    monkeypatch.setattr(subscriptions, "write_transaction", None)
    padded = {name: value + "=" * (-len(value) % 4) for name, value in document["keys"].items()}
    assert post(here, document | {"keys": padded, "expirationTime": 1}).status_code == 204


def test_what_changed_is_repaired(here, there, push_service):
    browser, again = push_service.browser(), push_service.browser()
    post(here, browser.document)
    number = Subscription.get().id
    for client, document, language in (
        (here, browser.document, "zh"),
        (there, browser.document, "en"),  # signed in anew
        (here, again.document | {"endpoint": browser.endpoint}, "en"),
    ):  # the browser's own keys changed
        assert post(client, document, language=language).status_code == 204
        row = Subscription.get()
        assert (row.id, row.language, row.p256dh) == (number, language, document["keys"]["p256dh"])
    assert Subscription.select().count() == 1


def test_the_site_s_key_is_repaired_too(here, push_service):
    browser = push_service.browser()
    post(here, browser.document)
    Subscription.update(vapid_key="an older one").execute()
    assert post(here, browser.document).status_code == 204
    assert Subscription.get().vapid_key == push_service.vapid_key


BAD = [
    ("endpoint", {"endpoint": None}),
    ("endpoint", {"endpoint": ["https://fcm.googleapis.com/x"]}),
    ("endpoint", {"endpoint": 1}),
    ("endpoint", {"endpoint": "https://evil.example/x"}),
    ("keys.p256dh", {"keys": None}),
    ("keys.p256dh", {"keys": []}),
    ("keys.p256dh", {"p256dh": None}),
    ("keys.p256dh", {"p256dh": ""}),
    ("keys.p256dh", {"p256dh": "A" * 87}),
    ("keys.p256dh", {"p256dh": "AB" * 32}),
    ("keys.p256dh", {"p256dh": 5}),
    ("keys.p256dh", {"p256dh": "\ud800" * 87}),
    ("keys.p256dh", {"p256dh": "A" * 10**4}),
    ("keys.auth", {"auth": None}),
    ("keys.auth", {"auth": "AAAA"}),
    ("keys.auth", {"auth": "A" * 44}),
    ("keys.auth", {"auth": "!" * 22}),
    ("keys.auth", {"auth": {"a": 1}}),
    ("keys.auth", {"auth": "A" * 21 + "\n"}),
    ("keys.auth", {"auth": "A" * 21}),
]


@pytest.mark.parametrize(("field", "changes"), BAD)
def test_what_cannot_be_one_is_refused_with_its_field(here, push_service, field, changes):
    document = push_service.browser().document
    for name, value in changes.items():
        (document["keys"] if name in ("p256dh", "auth") else document)[name] = value
    answer = post(here, document)
    assert (answer.status_code, answer.json["reason"], answer.json["field"]) == (422, "malformed", field)
    assert answer.json["message"]
    assert subscribed() == set()


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"1", b'"x"', b"[]", b"{}", b"\xff", b"[" * 50_000, b"1" * 5000])
def test_what_is_no_document_is_refused(here, body):
    for method in ("POST", "DELETE"):
        answer = post(here, body, method=method)
        assert (answer.status_code, answer.json["field"]) == (422, "endpoint")


def test_a_point_beside_the_curve_is_none(here, push_service):
    document = push_service.browser().document
    point = subscriptions._bytes(document["keys"]["p256dh"], 65)
    for wrong in (point[:-1] + bytes([point[-1] ^ 1]), b"\x02" + point[1:], bytes(65)):
        document["keys"]["p256dh"] = subscriptions.base64url(wrong)
        assert post(here, document).json["field"] == "keys.p256dh"


def test_an_account_has_at_most_twenty_and_the_oldest_goes(here, push_service):
    browsers = [push_service.browser() for _ in range(23)]
    for browser in browsers:
        assert post(here, browser.document).status_code == 201
    assert subscribed() == {browser.endpoint for browser in browsers[3:]}


# Whose they are


def test_the_same_browser_with_somebody_else_is_theirs_and_gets_nothing_of_who_was_there_before(
    here, other, mei, small_world, push_service
):
    browser = push_service.browser()
    post(here, browser.document)
    small_world.voucher()
    assert outbox() == [("issued", 0)]
    assert post(other, browser.document).status_code == 201
    assert owners() != {browser.endpoint: mei.id}
    assert outbox() == []


def test_nobody_takes_another_s_endpoint_without_its_keys(here, other, mei, push_service):
    browser, thief = push_service.browser(), push_service.browser()
    post(here, browser.document)
    answer = post(other, thief.document | {"endpoint": browser.endpoint})
    unknown = post(other, thief.document | {"endpoint": "https://evil.example/"})
    assert (answer.status_code, answer.json) == (unknown.status_code, unknown.json), "nor learns why"
    assert owners() == {browser.endpoint: mei.id}
    assert Subscription.get().p256dh == browser.document["keys"]["p256dh"]


def test_one_s_own_is_forgotten_and_nobody_else_s(here, other, push_service):
    browser = push_service.browser()
    post(here, browser.document)
    assert post(other, browser.document, method="DELETE").status_code == 204
    assert subscribed() == {browser.endpoint}
    assert post(here, {"endpoint": browser.endpoint}, method="DELETE").status_code == 204
    assert subscribed() == set()
    assert post(here, {"endpoint": browser.endpoint}, method="DELETE").status_code == 204


@pytest.mark.parametrize("endpoint", ["\x00", "\ud800", "é", 1, None, {}])
def test_what_is_no_endpoint_cannot_be_forgotten(here, endpoint):
    assert post(here, {"endpoint": endpoint}, method="DELETE").status_code == 422


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_who_is_signed_out_is_told_so(client, push_service, method):
    answer = post(client, push_service.browser().document, method=method)
    assert (answer.status_code, answer.json["reason"]) == (401, "signed_out")


def test_a_script_that_says_nothing_of_what_it_accepts_is_told_so_too(client, push_service):
    answer = client._send("POST", PATH, {"Accept": "*/*"}, {"json": push_service.browser().document})
    assert (answer.status_code, answer.json["reason"]) == (401, "signed_out")


def test_who_was_signed_out_a_moment_ago_is_told_so(here, push_service, monkeypatch):
    def locked(*_):
        raise account_lock.Overtaken

    monkeypatch.setattr(account_lock, "lock_unchanged", locked)
    assert post(here, push_service.browser().document).status_code == 401


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/sign-out", {}),
        ("/account/sessions/end", {}),
        ("/account/password", {"password": "a-long-secret", "new_password": "another-secret"}),
    ],
)
def test_it_is_gone_with_the_session(here, there, push_service, path, form):
    mine, theirs = push_service.browser(), push_service.browser()
    post(here, mine.document)
    post(there, theirs.document)
    here.post(path, form)
    assert subscribed() == {theirs.endpoint if path == "/sign-out" else mine.endpoint}


def test_many_at_once_on_both_engines(world, mail):
    """The same browser from several tabs, and others of the same account: nothing doubles, nothing fails."""
    browsers = [mail.service.browser() for _ in range(3)]
    answers = at_once(*[lambda browser=browser: mail.keep(world.mei, browser) for browser in browsers * 4])
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert sum(answers) == 3
    assert subscribed() == {browser.endpoint for browser in browsers}


def test_signing_out_while_a_voucher_comes_hurts_neither(world, mail):
    people = [world.account() for _ in range(12)]
    for person in people:
        mail.subscribe(person)
    campaign = world.campaign()
    answers = at_once(
        *[lambda person=person: accounts.end_other_sessions(person, "none") for person in people],
        *[lambda person=person: world.voucher(campaign=campaign, holder=person) for person in people],
    )
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert (Subscription.select().count(), outbox()) == (0, [])


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_a_voucher_waits_for_who_is_signing_out_and_does_without_them(world, mail, database):
    """On SQLite there is one writer at a time; here the browser goes between the look at it and the row for it."""
    mail.subscribe()
    campaign = world.campaign()

    def issue():
        going.wait(PATIENCE)
        return world.voucher(campaign=campaign)

    def sign_out():
        with psycopg.connect(database.database_url) as leaving:
            leaving.execute("DELETE FROM session")
            going.set()
            with psycopg.connect(database.database_url, autocommit=True) as looking:
                waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'test'"
                until(lambda: looking.execute(waits).fetchone()[0], "somebody who waits")

    going = Event()
    voucher, _ = at_once(issue, sign_out)
    assert isinstance(voucher, Voucher), voucher
    assert (subscribed(), outbox()) == (set(), [])


# Off


@pytest.mark.parametrize(
    ("contact_", "base_url", "subject"),
    [
        (None, None, "https://localhost"),
        (None, "http://localhost:8000", "https://localhost"),
        (None, "http://127.0.0.1:8000", "https://localhost"),
        (None, "http://[::1]:8000", "https://localhost"),
        (None, "https://vouchers.example", None),
        (None, "https://localhost.example", None),
        ("mailto:a@b.example", None, "mailto:a@b.example"),
        ("mailto:a@b.example", "https://v.example", "mailto:a@b.example"),
    ],
)
def test_push_is_off_where_nobody_can_be_written_to(settings, contact_, base_url, subject):
    assert contact(replace(settings, contact=contact_, base_url=base_url)) == subject


def test_where_it_is_off_it_says_so(sqlite, small_world, clock, push_service):
    off = PageClient(create_app(replace(sqlite, base_url="https://vouchers.example"), clock=clock))
    off.sign_in(small_world.mei)
    answer = post(off, push_service.browser().document)
    assert (answer.status_code, answer.json["reason"]) == (404, "push_off")
    assert subscribed() == set()


def test_pages_learn_the_key_only_where_it_is_of_use(app, mei, sqlite, push_service):
    off = create_app(replace(sqlite, base_url="https://vouchers.example"))
    for application, signed_in, key in ((app, True, push_service.vapid_key), (app, False, ""), (off, True, "")):
        with application.test_request_context():
            from flask_login import login_user

            from web.auth.sessions import SignedIn

            if signed_in:
                login_user(SignedIn(mei, "token"))
            assert push_key() == application.jinja_env.globals["push_key"]() == key


# Choices


CHOICES = "/account/notifications"


def ticked(page) -> set[str]:
    return {box["value"] for box in page.all("input", type="checkbox") if "checked" in box}


def test_everything_is_on_until_somebody_chooses(here, small_world):
    small_world.voucher()
    everything = {
        "issued",
        "redeemed",
        "rolled_back",
        "revoked",
        "price_changed",
        "period_changed",
        "terms_changed",
        "ended",
        "ends_soon",
        "merchant:lotus",
    }
    assert ticked(here.get("/account/notifications")) == everything
    page = here.fill(CHOICES, CHOICES, {"events": ["redeemed", "ended"], "merchants": []})
    assert page.location == "/account/notifications?done=1"
    page = here.get(page.location)
    assert ticked(page) == {"redeemed", "ended"}
    assert "Saved." in page.text
    here.fill(CHOICES, CHOICES, {"events": sorted(everything), "merchants": ["merchant:lotus"]})
    assert Mute.select().count() == 0


def test_only_merchants_whose_customer_one_is_are_there(here, small_world):
    small_world.make_merchant(slug="strangers", name="Strangers")
    assert "Strangers" not in here.get("/account/notifications").text
    here.fill(CHOICES, CHOICES, {"events": ["issued"], "merchants": ["merchant:strangers", "x" * 5000]})
    assert "merchant:strangers" not in subscriptions.mutes(small_world.mei)


def test_the_account_leads_there(here):
    assert here.get("/account").all("a", href="/account/notifications")


# Leaving


def test_a_person_s_own_data_name_browsers_and_choices_but_no_endpoint_and_no_key(here, mei, push_service, clock):
    browser = push_service.browser()
    post(here, browser.document)
    Session.update(browser="Firefox · Android").execute()
    subscriptions.listen(mei, ["issued"])
    said = own_data.data(Account.get_by_id(mei.id), clock())
    assert said["notifications"] == {
        "browsers": [{"browser": "Firefox · Android", "service": push_service.origin, "since": "2026-12-01T04:00:00Z"}],
        "switched_off": [
            "ended",
            "ends_soon",
            "period_changed",
            "price_changed",
            "redeemed",
            "revoked",
            "rolled_back",
            "terms_changed",
        ],
    }
    text = json.dumps(said)
    for secret in (browser.endpoint, *browser.document["keys"].values()):
        assert secret not in text


def test_who_deletes_the_account_is_forgotten(here, mei, small_world, push_service):
    post(here, push_service.browser().document)
    subscriptions.listen(mei, [])
    small_world.voucher()
    here.post("/account/delete", {"password": "a-long-secret", "sure": "y"})
    assert [table.select().count() for table in (Subscription, Delivery, Mute)] == [0, 0, 0]


def test_no_endpoint_and_no_key_is_in_a_log(here, push_service, caplog):
    browser = push_service.browser()
    with caplog.at_level(logging.DEBUG, "quanbao"), caplog.at_level(logging.INFO):
        for document in (browser.document, browser.document | {"keys": {}}):
            post(here, document)
    assert browser.endpoint not in caplog.text
    assert browser.document["keys"]["auth"] not in caplog.text
