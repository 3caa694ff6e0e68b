"""The keypad in hasty hands, on bad networks and on odd phones."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Route, expect

from models import Voucher
from tests.support.chromium import GREEN, KEYS, Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN, PASSWORD, WRONG, World, stored
from tests.support.servers import Site

pytestmark = pytest.mark.browser


def holder(world: World, **campaign) -> Voucher:
    """A voucher of Lin's."""
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    return world.voucher(campaign=world.campaign(**campaign), holder=lin)


def at_keypad(world: World, site: Site, visit, *, service_workers: str = "allow", **campaign) -> Visitor:
    """Lin's phone, open at the keypad of a voucher."""
    code = holder(world, **campaign).code
    customer = visit(site, **phone(), service_workers=service_workers).sign_in(LIN)
    customer.page.goto(f"/vouchers/{code}/redeem?branch=main")
    return customer


@pytest.mark.parametrize("how", ["tap", "Enter"])
def test_confirming_twice_sends_one_attempt(small_world, small_site, visit, how):
    """The answer is held back until the second time, as a slow network would."""
    customer = at_keypad(small_world, small_site, visit, service_workers="block")
    page, held = customer.page, []
    page.route("**/redemptions", lambda route: held.append(route))
    page.keyboard.type(PASSWORD)
    box = customer.named("Confirm").bounding_box()
    for _ in range(2):
        if how == "Enter":
            page.keyboard.press("Enter")
        else:
            page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(50)
    assert len(held) == 1
    held[0].continue_()
    customer.verdict("redeemed")
    assert len(customer.posts) == 1
    assert stored() == (1, 1)


def test_two_taps_within_one_moment_send_one_attempt(small_world, small_site, visit):
    customer = at_keypad(small_world, small_site, visit)
    customer.type_digits(PASSWORD)
    customer.named("Confirm").evaluate("key => { key.click(); key.click(); }")
    customer.verdict("redeemed")
    assert (len(customer.posts), stored()) == (1, (1, 1))


def test_no_window_gives_the_verdict_of_another(small_world, small_site, visit):
    """Two keypads are open, with one try between them: the second is not answered with what the first was told."""
    voucher = holder(small_world)
    first = visit(small_site, **phone()).sign_in(LIN)
    first.expect("/attempts/")
    second = first.context.new_page()
    for page in (first.page, second):
        page.goto(f"/vouchers/{voucher.code}/redeem?branch=main")
    first.type_digits(PASSWORD)
    first.press("Confirm")
    first.verdict("redeemed")
    first.page = second
    first.type_digits(WRONG)
    first.press("Confirm")
    first.verdict("refused", "already_redeemed")
    assert first.background() != GREEN
    assert (len(first.posts), stored()) == (1, (1, 1))


def test_enter_confirms_what_was_clicked(small_world, small_site, visit):
    """It must not press the digit that was clicked last once more: that would cost a try."""
    customer = at_keypad(small_world, small_site, visit)
    customer.type_digits(PASSWORD)
    customer.page.keyboard.press("Enter")
    customer.verdict("redeemed")


# No answer: never green on a guess, and never counted twice


@pytest.fixture
def customer(small_world, small_site, visit):
    """Lin's phone at the keypad, the password typed, and a network about to fail."""
    visitor = at_keypad(small_world, small_site, visit, service_workers="block")
    visitor.expect("net::ERR_", "htmx:sendError", "htmx:afterRequest", "status of 404", "status of 502")
    visitor.page.clock.install()
    visitor.type_digits(PASSWORD)
    return visitor


def hears(world: World, customer: Visitor, answer: Callable[[Route], None]) -> None:
    """The server gets the next try, but what the phone gets is `answer`."""

    def handle(route: Route) -> None:
        world.attempt(Voucher.get(), attempt_id=customer.posts[-1]["attempt_id"])
        answer(route)

    customer.page.route("**/redemptions", handle, times=1)


def bad_gateway(route: Route) -> None:
    route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")


def ask_again(customer: Visitor) -> None:
    """The network is back: the password is typed once more, under the attempt id of before."""
    expect(customer.verdict("refused", "not_received")).to_contain_text("your try did not reach it")
    assert customer.background() != GREEN
    customer.press("Try again")
    customer.type_digits(PASSWORD)
    customer.press("Confirm")
    customer.verdict("redeemed")
    assert len({post["attempt_id"] for post in customer.posts}) == 1
    assert stored() == (1, 1)


def see_checking(customer: Visitor) -> None:
    expect(customer.page.get_by_role("status")).to_contain_text("Checking")
    assert customer.page.get_by_role("alert").count() == 0
    assert customer.background() != GREEN


def test_without_a_network_nothing_is_redeemed_and_asking_again_redeems_once(customer):
    customer.context.set_offline(True)
    customer.press("Confirm")
    see_checking(customer)
    customer.page.clock.fast_forward(20_000)
    customer.verdict("refused", "no_connection")
    customer.context.set_offline(False)
    ask_again(customer)


def test_an_answer_lost_on_its_way_is_fetched_when_the_network_returns(customer, small_world):
    hears(small_world, customer, lambda route: route.abort())
    customer.page.route("**/attempts/*", lambda route: route.abort())
    customer.press("Confirm")
    see_checking(customer)
    customer.page.unroute("**/attempts/*")
    customer.verdict("redeemed")
    assert stored() == (1, 1)


def test_an_answer_lost_for_good_is_there_when_asked_again(customer, small_world):
    """The cashier's password was right: they must not read "already redeemed"."""
    hears(small_world, customer, lambda route: route.abort())
    customer.page.route("**/attempts/*", lambda route: route.abort())
    customer.press("Confirm")
    see_checking(customer)
    customer.page.clock.fast_forward(20_000)
    customer.verdict("refused", "no_connection")
    customer.page.unroute("**/attempts/*")
    customer.press("Ask again")
    customer.verdict("redeemed")
    assert stored() == (1, 1)


@pytest.mark.parametrize("heard", [True, False])
def test_a_page_of_a_proxy_in_between_is_no_verdict(customer, small_world, heard):
    """The server is asked what became of the attempt, whether or not it ever heard of it."""
    if heard:
        hears(small_world, customer, bad_gateway)
    else:
        customer.page.route("**/redemptions", bad_gateway, times=1)
    customer.press("Confirm")
    if heard:
        customer.verdict("redeemed")
        assert stored() == (1, 1)
    else:
        ask_again(customer)
    assert customer.asked
    expect(customer.page.get_by_text("Bad gateway")).to_have_count(0)


# Other hands, other phones


def test_every_key_is_large_and_can_be_reached(small_world, small_site, visit):
    """On a phone of today, on a small one, and on its side."""
    customer = at_keypad(small_world, small_site, visit)
    for width, height in ((360, 740), (320, 568), (740, 360)):
        customer.page.set_viewport_size({"width": width, "height": height})
        for name in [*KEYS, "Cancel"]:
            key = customer.named(name)
            key.scroll_into_view_if_needed()
            box = key.bounding_box()
            assert name == "Cancel" or min(box["width"], box["height"]) >= 64, (width, name, box)
            assert meets_a_finger(key), (width, name)
        assert customer.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_name_pushes_no_key_off_the_screen(small_world, small_site, visit):
    customer = at_keypad(small_world, small_site, visit, product="Tea and cake for two " * 9)
    for name in KEYS:
        box = customer.named(name).bounding_box()
        assert box["y"] + box["height"] <= 740, name


def meets_a_finger(key: Locator) -> bool:
    """Whether nothing else lies over its middle."""
    return key.evaluate("""key => {
        const { left, top, width, height } = key.getBoundingClientRect();
        return key.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    }""")


def test_nothing_moves_for_who_asked_for_stillness(small_world, small_site, visit):
    page = at_keypad(small_world, small_site, visit).page
    moving = """[...document.querySelectorAll('*')].map(element => getComputedStyle(element))
        .some(style => parseFloat(style.transitionDuration) || parseFloat(style.animationDuration))"""
    assert page.evaluate(moving), "nothing moves at all, so this test says nothing"
    page.emulate_media(reduced_motion="reduce")
    assert not page.evaluate(moving)


def test_without_javascript_the_keypad_says_so_and_all_else_works(small_world, small_site, visit):
    voucher = holder(small_world, minimum_spend=1000)
    customer = visit(small_site, **phone(), java_script_enabled=False)
    page = customer.sign_in_by_form(LIN).page
    customer.press("简体中文")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    customer.press("English")
    customer.press("Oolong, 500 ml")
    customer.press("Redeem")
    page.get_by_label("Amount").fill("20")
    page.get_by_label("Branch").select_option("Main Street")
    customer.press("Continue")
    expect(page.locator("noscript p")).to_be_visible()
    assert "The keypad needs JavaScript." in page.locator("noscript p").inner_text()
    assert page.get_by_role("button").filter(visible=True).count() == 0
    customer.press("Cancel")
    expect(page).to_have_url(f"{small_site.url}/vouchers/{voucher.code}")
    customer.press("Sign out")
    customer.press("Sign up")
    customer.expect("status of 422")
    page.get_by_label("E-mail").fill("new@example.org")
    page.get_by_label("Password").fill("short")
    customer.press("Sign up")
    expect(page.get_by_label("E-mail")).to_have_value("new@example.org")
    expect(page.get_by_label("Password")).to_have_accessible_description("Use at least 8 characters.")
    page.get_by_label("Password").fill(ACCOUNT_PASSWORD)
    customer.press("Sign up")
    expect(page.get_by_role("heading", name="Wallet")).to_be_visible()
