"""A one-time code signs the app on the home screen in."""

import re

import pytest

from models import Link, Member, Role, Session
from quanbao.lib import account_lock
from quanbao.merchants import members
from quanbao.people import accounts, one_time_links
from quanbao.vouchers import wallet_transfer
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import PageClient


def test_a_code_signs_in_once(world):
    code = wallet_transfer.new_code(world.mei, world.clock())
    assert wallet_transfer.use(code, world.clock()).id == world.mei.id
    assert wallet_transfer.use(code, world.clock()) is None


@pytest.mark.parametrize("spelling", [str.lower, lambda code: f" {code[:5]} - {code[5:]} "])
def test_a_code_may_be_typed_as_people_type(world, spelling):
    assert (
        wallet_transfer.use(spelling(wallet_transfer.new_code(world.mei, world.clock())), world.clock()).id
        == world.mei.id
    )


def test_a_code_lives_for_ten_minutes(world, clock):
    code = wallet_transfer.new_code(world.mei, clock())
    clock.forward(minutes=10)
    assert wallet_transfer.use(code, clock()) is None


def test_a_new_code_replaces_the_last(world, clock):
    first, second = wallet_transfer.new_code(world.mei, clock()), wallet_transfer.new_code(world.mei, clock())
    assert wallet_transfer.use(first, clock()) is None
    assert wallet_transfer.use(second, clock()) is not None


def test_another_password_ends_codes(world, clock):
    code = wallet_transfer.new_code(world.mei, clock())
    token = accounts.start_session(world.mei, clock())
    accounts.change_password(world.mei, "another-secret", token)
    assert wallet_transfer.use(code, clock()) is None


@pytest.mark.parametrize("which", ["the one that made it", "another one"])
def test_a_code_does_not_outlive_a_session_that_was_ended(world, clock, which):
    """Who made a code on a phone that was lost, or not theirs, does not come back by it."""
    lost = accounts.start_session(world.mei, clock())
    code = wallet_transfer.new_code(world.mei, clock(), lost)
    if which == "another one":
        accounts.end_session(accounts.start_session(world.mei, clock()))
    else:
        accounts.end_session_of(world.mei, Session.get().id)
    assert wallet_transfer.use(code, clock()) is None


@pytest.mark.parametrize("how", ["a new password by a link", "disabled as a member"])
def test_a_code_does_not_outlive_what_ends_every_session(world, clock, how):
    person = world.member(role=Role.MANAGER)
    code = wallet_transfer.new_code(person, clock(), accounts.start_session(person, clock()))
    if how == "disabled as a member":
        members.disable(Member.get(Member.account == person), clock())
    else:
        one_time_links.sign_in(one_time_links.make("sign-in", clock(), person), "another-secret", clock())
    assert Session.select().count() == 0
    assert wallet_transfer.use(code, clock()) is None


def test_a_session_that_was_ended_makes_no_code(world, clock):
    lost = accounts.start_session(world.mei, clock())
    accounts.end_session(lost)
    with pytest.raises(account_lock.Overtaken):
        wallet_transfer.new_code(world.mei, clock(), lost)
    assert Link.select().count() == 0


def test_the_database_keeps_no_code(world, clock):
    code = wallet_transfer.new_code(world.mei, clock())
    assert code.encode() not in bytes(Link.get().token_hash)
    assert wallet_transfer.use("", clock()) is None
    assert wallet_transfer.use("x" * 10_000 + "\0", clock()) is None


def test_from_the_page_of_one_browser_to_another(app, client, small_world):
    page = client.sign_in(small_world.mei).post("/move", status=200)
    code = re.search("[A-Z2-9]{5}-[A-Z2-9]{5}", page.text).group()
    there = PageClient(app)
    there.post("/move/code", {"code": "AAAAA-AAAAA"}, status=422)
    there.post("/move/code", {"code": code}, status=303)
    there.get("/wallet")
    PageClient(app).post("/move/code", {"code": code}, status=422)


def test_who_picks_up_a_members_open_phone_gets_no_code(app, client, small_world, clock):
    """It would open the shop's pages for as long as they are used; a customer's opens the customer's wallet."""
    member = small_world.member(role=Role.OWNER, password=ACCOUNT_PASSWORD)
    for account, status in ((small_world.mei, 200), (member, 422)):
        browser = PageClient(app).sign_in(account)
        clock.forward(minutes=11)
        assert bool(browser.get("/move").all("input", name="password")) is (status == 422)
        for password in ({}, {"password": "not-this-one"}):
            page = browser.post("/move", password, status=status)
            assert bool(re.search("[A-Z2-9]{5}-[A-Z2-9]{5}", page.text)) is (status == 200)
    page = browser.post("/move", {"password": ACCOUNT_PASSWORD}, status=200)
    assert re.search("[A-Z2-9]{5}-[A-Z2-9]{5}", page.text)
    Member.update(disabled_at=clock()).execute()
    clock.forward(minutes=11)
    assert not browser.get("/move").all("input", name="password")


def test_who_came_by_a_code_types_the_password_for_what_asks_for_it(app, client, small_world, clock):
    """Else a browser left alone for a moment would give more than it shows."""
    page = client.sign_in(small_world.mei).post("/move", status=200)
    code = re.search("[A-Z2-9]{5}-[A-Z2-9]{5}", page.text).group()
    PageClient(app).post("/move/code", {"code": code}, status=303)
    newest = Session.select().order_by(Session.id.desc()).get()
    assert not accounts.is_fresh(newest, clock())
