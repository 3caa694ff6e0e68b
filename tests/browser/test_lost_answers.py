"""Answers that get lost: the screen says "checking", finds out by itself, and is green only by the server's word.

`LONG=1` makes a thousand runs of the thirty.
"""

import os
import random
from collections.abc import Iterator

import pytest
from peewee import OperationalError
from playwright.sync_api import expect

from models import Account, Attempt, Redemption, Voucher
from tests.support.chromium import GREEN, Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN, PASSWORD, World, stored
from tests.support.faulty_proxy import Between

pytestmark = pytest.mark.browser

RUNS = 1000 if os.environ.get("LONG") else 30
FAULTS = (None, "refuse", "lose", "cut", "double", "gateway", "slow")
UNHEARD = ("refuse", "gateway")
ODD = ("net::ERR_", "status of 4", "status of 5", "htmx:", "Failed to load resource")
WATCH = """() => {
    window.greens = [];
    new MutationObserver(() => {
        if (document.querySelector('.verdict.redeemed')) window.greens.push(Date.now());
    }).observe(document.body, {childList: true, subtree: true});
}"""


@pytest.fixture
def network(small_site) -> Iterator[Between]:
    with Between(small_site) as between:
        yield between


@pytest.fixture
def customer(small_world, network, visit) -> Visitor:
    small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    visitor = visit(network, **phone())
    visitor.expect(*ODD)
    return visitor.sign_in(LIN)


def at_keypad(world: World, customer: Visitor) -> Voucher:
    voucher = world.voucher(campaign=world.campaign(), holder=Account.get(Account.email == LIN))
    customer.page.goto(f"/vouchers/{voucher.code}/redeem?branch=main")
    customer.named("1").wait_for()
    return voucher


def is_redemption(method: str, path: str) -> bool:
    return method == "POST" and path.endswith("/redemptions")


def test_the_screen_settles_on_the_truth_by_itself(small_world, network, customer):
    """Faults before, during and after the commit, then on some of the questions what became of it."""
    page, seen = customer.page, set()
    for run in range(RUNS):
        dice = random.Random(run)
        first, later = dice.choice(FAULTS), [dice.choice(FAULTS) for _ in range(dice.randrange(3))]
        network.fault = lambda method, path, later=later, first=first: (
            first if is_redemption(method, path) else later.pop() if later and "/attempts/" in path else None
        )
        voucher = at_keypad(small_world, customer)
        page.evaluate(WATCH)
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        if first in UNHEARD:
            customer.verdict("refused", "not_received")
            assert (page.evaluate("window.greens"), stored()) == ([], (run, run)), (run, first, later)
            assert customer.background() != GREEN
            network.always(None)
            customer.press("Try again")
            customer.named("1").wait_for()
            page.keyboard.type(PASSWORD)
            page.keyboard.press("Enter")
        customer.verdict("redeemed")
        assert (customer.background(), stored()) == (GREEN, (run + 1, run + 1)), (run, first, later)
        assert Redemption.select().where(Redemption.voucher == voucher).count() == 1
        assert PASSWORD not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")
        seen.add(first)
    assert seen == set(FAULTS)


def test_an_answer_that_it_is_not_known_is_no_verdict_and_the_phone_asks(
    small_world, network, customer, client, monkeypatch
):
    """The server's own words for it, as the keypad gets them."""

    def lost(*_, **__):
        raise OperationalError("the database is gone")

    voucher = small_world.voucher(campaign=small_world.campaign(), holder=small_world.mei)
    form = {"password": PASSWORD, "attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"}
    with monkeypatch.context() as patched:
        patched.setattr("web.routes.redemptions.answer", lost)
        said = client.sign_in(small_world.mei).post(
            f"/vouchers/{voucher.code}/redemptions", form, status=503, headers={"HX-Request": "true"}
        )
    assert "not know whether this was redeemed" in said.text
    network.unknown = said.html.encode()
    network.fault = lambda method, path: "unknown" if is_redemption(method, path) else None
    at_keypad(small_world, customer)
    customer.page.keyboard.type(PASSWORD)
    customer.page.keyboard.press("Enter")
    customer.verdict("redeemed")
    assert customer.background() == GREEN


def test_a_page_that_was_closed_while_checking_comes_back_to_the_truth(small_world, network, customer):
    """The phone went into a pocket: opened again, it shows what became of the try, whatever page is opened."""
    at_keypad(small_world, customer)
    network.fault = lambda method, path: "lose" if is_redemption(method, path) or "/attempts/" in path else None
    customer.page.keyboard.type(PASSWORD)
    customer.page.keyboard.press("Enter")
    expect(customer.page.get_by_role("status")).to_contain_text("Checking")
    customer.page.close()
    assert stored() == (1, 1)
    network.always(None)
    customer.page = customer.context.new_page()
    customer.page.goto("/wallet")
    customer.verdict("redeemed")
    expect(customer.page).to_have_url(f"{network.url}/attempts/{Attempt.get().attempt_id}")
    customer.page.goto("/wallet")
    expect(customer.page.get_by_role("heading", name="Wallet")).to_be_visible()


def test_the_truth_comes_also_when_nobody_touches_the_screen(small_world, network, customer):
    """The network is away for longer than anybody waits; then it is back, and so is the verdict."""
    at_keypad(small_world, customer)
    page = customer.page
    network.fault = lambda method, path: "lose" if is_redemption(method, path) or "/attempts/" in path else None
    page.clock.install()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Checking")
    page.clock.fast_forward(20_000)
    customer.verdict("refused", "no_connection")
    assert customer.background() != GREEN
    network.always(None)
    page.clock.fast_forward(5_000)
    customer.verdict("redeemed")
    assert stored() == (1, 1)


def test_a_server_that_is_back_and_does_not_know_the_try_says_that_nothing_was_redeemed(small_world, network, customer):
    """Not while somebody else answers in its place; and the try keeps its id until it has a verdict."""
    at_keypad(small_world, customer)
    page = customer.page
    network.always("refuse")
    page.clock.install()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Checking")
    network.always("elsewhere")  # 404, from whoever runs the network
    page.clock.fast_forward(20_000)
    customer.verdict("refused", "no_connection")
    network.always(None)
    page.clock.fast_forward(5_000)
    said = customer.verdict("refused", "not_received")
    expect(said).to_contain_text("Nothing was redeemed.")
    expect(said).not_to_contain_text("signal")
    assert stored() == (0, 0)
    customer.press("Try again")
    customer.named("1").wait_for()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    customer.verdict("redeemed")
    assert len({post["attempt_id"] for post in customer.posts}) == 1
    assert stored() == (1, 1)


def test_a_try_that_arrives_late_takes_the_place_of_what_was_said(small_world, network, customer):
    """The server did not know it when it was asked; then it comes all the same."""
    voucher = at_keypad(small_world, customer)
    network.fault = lambda method, path: "refuse" if is_redemption(method, path) else None
    customer.page.keyboard.type(PASSWORD)
    customer.page.keyboard.press("Enter")
    customer.verdict("refused", "not_received")
    small_world.attempt(voucher, attempt_id=customer.posts[0]["attempt_id"])
    customer.verdict("redeemed")


def test_the_control_a_phone_that_forgets_its_attempt_is_told_something_else(small_world, network, customer):
    """Without the id that is kept, the same lost answer ends in "already redeemed": so the test above can fail."""
    at_keypad(small_world, customer)
    network.fault = lambda method, path: "lose" if is_redemption(method, path) or "/attempts/" in path else None
    customer.page.keyboard.type(PASSWORD)
    customer.page.keyboard.press("Enter")
    expect(customer.page.get_by_role("status")).to_contain_text("Checking")
    customer.page.evaluate("localStorage.clear()")
    network.always(None)
    customer.page.goto(f"/vouchers/{Voucher.get().code}/redeem?branch=main")
    customer.verdict("refused", "already_redeemed")
