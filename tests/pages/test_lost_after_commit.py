"""The database goes away between a commit and the answer to it: no answer denies what may be done.

Every route that writes, at every one of its commits, as a page, a fragment and JSON; the last test is the control.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from peewee import OperationalError

from database import Busy
from models import Session
from quanbao.operations import first_start
from quanbao.operations.demo import CAST
from tests.conftest import POSTGRESQL
from tests.support.every_route import (
    HARMLESS,
    MEANT_TO_MOVE,
    NOBODY,
    SET_UP,
    UNSAFE,
    WALLET,
    Call,
    Everywhere,
    changed,
    columns,
)
from tests.support.factories import CASHIER, LIN, OWNER, STRANGER
from tests.support.lost_database import Losing
from tests.support.page_client import Page, check
from web import create_app, errors
from web.auth.limits import limiter

FORMS = {
    "page": {"Accept": "text/html"},
    "fragment": {"Accept": "text/html", "HX-Request": "true"},
    "json": {"Accept": "application/json"},
}
OURS = {"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}
DENIALS = re.compile(r"""Nothing was changed|Nothing was redeemed|outcome["=: ]+refused""")  # of a page, and of JSON
# Written beside what was asked for: a session slides on, a password was typed again, a voucher opened, a try counted.
BESIDE = {"session.seen_at", "session.expires_at", "session.confirmed_at", "account.opened_at", *MEANT_TO_MOVE}
COUNTED = ("guess.", "counter_try.")
FIRST_START = "set_up.set_up"  # only where there is no shop yet: a test of its own
# They note that the password was typed, beside what they show.
ONLY_LOOKING = HARMLESS | {"passwords.reveal", "shop_passwords.reveal"}
LIES = {"account.delete", "members.join", "publications.publish", "sign_in.sign_up"}  # they ask after a commit
VERDICTS = {"redemptions.attempt", "till.redeem"}


@dataclass
class Told:
    """What was said, and what it was said of."""

    call: Call
    form: str
    answer: object
    gone: bool
    moved: set[str]

    def __repr__(self) -> str:
        return f"{self.call.endpoint} {self.form}: {self.answer.status_code} {self.answer.text[:300]} {self.moved}"

    @property
    def denies(self) -> bool:
        return self.answer.status_code >= 400 and bool(DENIALS.search(self.answer.text))


class Asking:
    """All that writes, asked of a site that always begins in the same state."""

    def __init__(self, settings, world, losing):
        world.account(email=CAST[0].email)
        self.app = create_app(replace(settings, demo=True), clock=world.clock)
        everywhere = Everywhere(self.app, world)
        self.calls = [call for call in everywhere.unsafe() if call.endpoint != FIRST_START]
        self.cookies = {
            who: everywhere.client(who).http.get_cookie("quanbao").value
            for who in (LIN, WALLET, STRANGER, OWNER, CASHIER)
        }
        Session.update(seen_at=Session.seen_at - 10**10).execute()  # long enough to slide on when it is used
        self.losing, self.before = losing(), columns()

    def ask(self, call: Call, form: str, at: int, *, told: bool = True) -> Told:
        self.losing.restore()
        limiter.reset()
        headers = OURS | FORMS[form]
        if call.who != NOBODY:
            headers["Cookie"] = f"quanbao={self.cookies[call.who]}"
        body = call.body()
        if isinstance(body["data"], str):
            headers["Content-Type"] = "text/plain"
        with self.losing(at, told=told) as losing:
            answer = self.app.test_client(use_cookies=False).open(
                call.path, method=call.method, headers=headers, **body
            )
        moved = {name for name in changed(self.before) - BESIDE if not name.startswith(COUNTED)}
        return Told(call, form, answer, losing.gone, moved)

    def at_every_commit(self, call: Call, form: str, *, told: bool = True) -> Iterator[Told]:
        """The last one was answered before that many were made."""
        for at in range(1, 20):
            found = self.ask(call, form, at, told=told)
            yield found
            if not found.gone:
                return


@pytest.fixture
def losing(database, request, monkeypatch):
    return lambda: Losing(database, lambda: request.getfixturevalue("postgres_server"), monkeypatch.setattr)


@pytest.fixture
def asking(database, world, losing, monkeypatch):
    monkeypatch.setitem(UNSAFE, "demo.step_in", (NOBODY, {"email": CAST[0].email}))
    return Asking(database, world, losing)


def assert_true(told: Told) -> None:
    """An answer that denies is true; where it may be done, it is unknown, and says where to look."""
    if told.answer.status_code < 400:
        return
    assert told.answer.status_code == 503, told
    assert told.answer.headers["Retry-After"], told
    assert told.denies is not bool(told.moved), told
    if told.denies:
        return
    if told.form == "json":
        assert told.answer.json["reason"] == "unknown", told
        assert told.answer.json["message"], told
        if told.call.endpoint in VERDICTS:
            assert set(told.answer.json) == {
                "reason",
                "message",
                "outcome",
                "attempt_id",
                "voucher",
                "receipt",
                "redeemed_at",
            }
            assert told.answer.json["outcome"] is None
            assert told.answer.json["attempt_id"] in told.call.path + str(told.call.form)
        return
    page = Page(told.answer.text)
    check(page, whole=told.form == "page")
    assert "We do not know whether this was" in page.text
    assert "data-outcome" not in told.answer.text, "a phone asks for the attempt"
    assert "See what became of it" in page.text


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_no_answer_denies_what_was_written(asking, form):
    writing = set()
    for call in asking.calls:
        for told in asking.at_every_commit(call, form):
            assert_true(told)
            if told.moved:
                writing.add(call.endpoint)
        assert told.answer.status_code < 400, f"say in tests/support/every_route.py what this route writes: {told}"
    assert writing == {call.endpoint for call in asking.calls} - ONLY_LOOKING, "a case must write what its route writes"


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_nor_what_was_committed_without_an_answer(asking):
    for call in asking.calls:
        for told in asking.at_every_commit(call, "page", told=False):
            assert_true(told)
            assert told.answer.status_code == 503 or not told.gone, told


def test_the_tills_verdict_needs_no_database_any_more(asking):
    [call] = [call for call in asking.calls if call.endpoint == "till.redeem"]
    *_, told = [told for told in asking.at_every_commit(call, "page") if told.gone]
    assert told.moved
    assert told.answer.status_code == 200
    assert Page(told.answer.text).verdict()["data-outcome"] == "redeemed"


def test_the_first_start_too(database, losing, clock):
    app = create_app(database, clock=clock)
    path = f"/set-up/{first_start.new_link(clock())}"
    before, lost = columns(), losing()
    for at in range(1, 5):
        lost.restore()
        with lost(at):
            answer = app.test_client().post(path, data=SET_UP, headers=OURS | FORMS["page"])
        assert_true(Told(Call(FIRST_START, "POST", path), "page", answer, lost.gone, changed(before)))
        if not lost.gone:
            break
    assert (at, answer.status_code) == (3, 303), "one for the shop, one to sign its owner in"


@pytest.mark.parametrize("form", FORMS)
def test_an_error_of_ours_after_the_commit_denies_nothing_either(asking, form, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("whatever")

    [call] = [call for call in asking.calls if call.endpoint == "redemptions.attempt"]
    monkeypatch.setattr("web.routes.redemptions.answer", broken)
    told = asking.ask(call, form, 0)
    assert told.answer.status_code == 500
    assert told.moved
    assert not told.denies
    assert "not know whether this was redeemed" in told.answer.text
    if form == "json":
        assert (told.answer.json["reason"], told.answer.json["outcome"]) == ("unknown", None)


def test_the_page_says_where_to_look(asking, monkeypatch):
    def lost(*_, **__):
        raise OperationalError("gone")

    monkeypatch.setattr("web.routes.redemptions.answer", lost)
    monkeypatch.setattr("web.routes.campaigns.redirect", lost)
    calls = {call.endpoint: call for call in asking.calls}
    for endpoint, where in (
        ("redemptions.attempt", f"/attempts/{UNSAFE['redemptions.attempt'][1]['attempt_id']}"),
        ("campaigns.end", "/merchants/lotus/campaigns/oolong"),
        ("campaigns.create", "/merchants/lotus/campaigns"),
        ("campaigns.duplicate", "/merchants/lotus/campaigns"),
        ("campaigns.delete", "/merchants/lotus/campaigns"),
    ):
        page = Page(asking.ask(calls[endpoint], "page", 0).answer.text)
        assert where in [link["href"] for link in page.all("a", **{"class": "button"})]


def test_the_next_request_begins_without_the_commits_of_the_last(asking, monkeypatch):
    """In the same thread, which remembers them."""
    calls = {call.endpoint: call for call in asking.calls}
    assert asking.ask(calls["redemptions.attempt"], "json", 0).answer.status_code == 200
    monkeypatch.setattr("quanbao.campaigns.editing.write_transaction", busy)
    told = asking.ask(calls["campaigns.end"], "json", 0)
    assert (told.answer.status_code, told.answer.json["reason"], told.moved) == (503, "busy", set())


def busy(*_, **__):
    raise Busy("somebody else is writing")


def test_control_a_funnel_that_asks_nothing_denies_what_was_written(asking, monkeypatch):
    monkeypatch.setattr(errors, "_may_be_done", lambda error: False)
    calls = [call for call in asking.calls if call.endpoint in LIES]
    lies = [told for call in calls for told in asking.at_every_commit(call, "page") if told.denies and told.moved]
    assert {told.call.endpoint for told in lies} == LIES
