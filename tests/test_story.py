"""The main job as people live it: a voucher is redeemed on its holder's phone, and the owner sees it."""

from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, expect

from models import Redemption, Role, Voucher
from tests.browser import Site, Visitor, desktop, phone
from tests.factories import ACCOUNT_PASSWORD, PASSWORD, WRONG, World, stored, utc

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.browser

LIN, OWNER = "lin@example.org", "owner@example.org"
KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "Delete", "0", "Confirm"]
GREEN = "rgb(10, 107, 76)"

FOCUSABLE = """() => [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, iframe, [tabindex], [contenteditable]')]
    .filter(element => element.checkVisibility()).map(element => element.ariaLabel || element.textContent.trim())"""
EVERYTHING_KEPT = """() => JSON.stringify([
    document.documentElement.outerHTML, [...document.querySelectorAll('input, select, textarea')].map(e => e.value),
    {...localStorage}, {...sessionStorage}, history.state, location.href, window.name, document.cookie,
    performance.getEntries().map(entry => entry.name)])"""


def test_a_voucher_is_redeemed_and_the_owner_sees_it(world, site, visit):
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    dinner = world.campaign(product="Dinner for two", minimum_spend=15000, branch_slugs=["main", "river"],
                            ends_at=utc("2026-12-05T00:00:00+08:00"))
    later = world.campaign(product="Oolong, 500 ml")
    world.voucher(campaign=later, holder=lin)
    voucher = world.voucher(campaign=dinner, holder=lin)
    world.voucher(campaign=world.campaign(product="Summer ice", starts_at=utc("2026-07-01T00:00:00+08:00"),
                                          ends_at=utc("2026-08-01T00:00:00+08:00")), holder=lin)

    owner = visit(site, **desktop()).sign_in_by_form(OWNER)
    assert figures(owner, "Dinner for two")["Redeemed"] == "0"

    # Lin signs in: what ends first comes first, and every state is a word.
    customer = visit(site, **phone())
    page = customer.sign_in_by_form(LIN).page
    expect(page.get_by_role("heading", name="Wallet")).to_be_visible()
    expect(page.get_by_role("article").filter(visible=True)).to_contain_text(
        ["Dinner for two", "Oolong, 500 ml"])
    expect(page.get_by_role("article").filter(visible=True)).to_contain_text(["Unused", "Unused"])
    page.get_by_text("Expired").first.click()
    expect(page.get_by_role("article").filter(has_text="Summer ice")).to_contain_text("Expired")

    # The voucher shows its QR code; its campaign asks for amount and branch, in one step.
    customer.press("Dinner for two")
    expect(page.get_by_role("img", name="QR code of this voucher")).to_be_visible()
    customer.press("Redeem")
    customer.expect("status of 422")
    page.get_by_label("Amount").fill("two hundred")
    page.get_by_label("Branch").select_option("Riverside")
    customer.press("Continue")
    expect(page.get_by_label("Amount")).to_have_value("two hundred")
    expect(page.get_by_label("Amount")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Branch")).to_have_value("river")
    page.get_by_label("Amount").fill("200")
    customer.press("Continue")

    # The keypad is alone on the screen. A wrong password is refused in words, and changes nothing.
    expect(customer.named("Confirm")).to_be_visible()
    assert page.evaluate(FOCUSABLE) == ["Cancel", *KEYS]
    type_watched(page, customer, WRONG)
    customer.expect("status of 403")
    customer.press("Confirm")
    expect(customer.verdict("refused", "password_incorrect")).to_contain_text("That is not the password.")
    assert kept_nowhere(page, WRONG)
    assert (Redemption.select().count(), Voucher.get_by_id(voucher.id).uses_left) == (0, 1)

    # The right one: a number, two words, and a clock that no screenshot has.
    customer.press("Try again")
    type_watched(page, customer, PASSWORD)
    customer.press("Confirm")
    verdict = customer.verdict("redeemed")
    redemption = Redemption.get()
    assert (redemption.voucher_id, redemption.branch_slug, redemption.amount) == (voucher.id, "river", 20000)
    for part in ("Redeemed", f"No. {redemption.number}", redemption.words, "Dinner for two", "¥18"):
        expect(verdict).to_contain_text(part)
    shown = verdict.inner_text()
    expect(verdict).not_to_have_text(shown, use_inner_text=True)
    assert customer.background() == GREEN
    assert kept_nowhere(page, PASSWORD)
    first, second = (sent(post) for post in customer.posts)
    assert first["attempt_id"] != second["attempt_id"], "a stored verdict ends its attempt"

    # The phone goes back to Lin, and the owner sees the figures moved.
    customer.press("Give the phone back")
    expect(page.get_by_role("article")).to_contain_text("Used")
    expect(customer.named("Redeem")).to_have_count(0)
    moved = figures(owner, "Dinner for two")
    assert [moved[name] for name in ("Redeemed", "Remaining", "Opened", "Consumers")] == ["1", "99", "1", "1"]
    for row in ("Dec 1, 2026 1", "Riverside 1", "That is not the password. 1"):
        expect(owner.page.get_by_role("row", name=row)).to_be_visible()
    expect(owner.page.get_by_role("img", name="Redeemed by day")).to_contain_text("Dec 1, 2026: 1")


def figures(owner: Visitor, product: str) -> dict[str, str]:
    """The tiles of the owner's figures page, by their names."""
    owner.page.goto("/merchants/lotus/campaigns")
    owner.page.get_by_role("listitem").filter(has_text=product).get_by_role("link", name="Figures").click()
    expect(owner.page.get_by_role("heading", level=1)).to_contain_text("Figures")
    names, values = (owner.page.get_by_role(role).all_inner_texts() for role in ("term", "definition"))
    return dict(zip(names, values, strict=True))


def type_watched(page: Page, customer: Visitor, digits: str) -> None:
    """Type, and look after each digit: one dot more, and the digits themselves nowhere."""
    for count, digit in enumerate(digits, 1):
        customer.press(digit)
        expect(page.get_by_role("status", name=f"{count} digits typed").locator("*")).to_have_count(count)
    assert kept_nowhere(page, digits)


def kept_nowhere(page: Page, digits: str) -> bool:
    """Neither in the page nor in any store of the browser that a page can reach."""
    return digits not in page.evaluate(EVERYTHING_KEPT)


def sent(post) -> dict[str, str]:
    """The form that the keypad sent."""
    return {name: values[0] for name, values in parse_qs(post.post_data).items()}


# The same by keyboard, and what may go wrong at a till


def holder(world: World, **campaign) -> Voucher:
    """A voucher of Lin's."""
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    return world.voucher(campaign=world.campaign(**campaign), holder=lin)


def at_keypad(world: World, site: Site, visit, *, service_workers: str = "allow", **size: int) -> Visitor:
    """Lin's phone, open at the keypad of a voucher."""
    code = holder(world).code
    customer = visit(site, **phone(**size), service_workers=service_workers).sign_in(LIN)
    customer.page.goto(f"/vouchers/{code}/redeem")
    return customer


def test_the_whole_way_is_open_to_a_keyboard(small_world, small_site, visit):
    holder(small_world)
    customer = visit(small_site, **desktop())
    page, keys = customer.page, customer.page.keyboard
    page.goto("/sign-in")
    customer.tab_to(page.get_by_label("E-mail"))
    keys.type(LIN)
    customer.tab_to(page.get_by_label("Password"))
    keys.type(ACCOUNT_PASSWORD)
    for name in ("Sign in", "Oolong, 500 ml", "Redeem"):
        customer.tab_to(customer.named(name))
        keys.press("Enter")
        page.wait_for_load_state()
    expect(customer.named("Confirm")).to_be_visible()
    keys.type(PASSWORD[:4] + "7")
    keys.press("Backspace")
    keys.type(PASSWORD[4:])
    expect(page.get_by_role("status", name="6 digits typed")).to_be_visible()
    keys.press("Enter")
    expect(customer.verdict("redeemed")).to_be_focused()
    customer.tab_to(customer.named("Give the phone back"))
    keys.press("Enter")
    expect(page.get_by_role("article")).to_contain_text("Used")


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


def ask_again(customer: Visitor) -> None:
    """The network is back: the password is typed once more, under the attempt id of before."""
    expect(customer.verdict("refused", "no_connection")).to_contain_text("do not count on one")
    assert customer.background() != GREEN
    customer.press("Ask again")
    customer.type_digits(PASSWORD)
    customer.press("Confirm")
    customer.verdict("redeemed")
    assert len({sent(post)["attempt_id"] for post in customer.posts}) == 1
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


def test_an_answer_lost_on_its_way_is_fetched_when_the_network_returns(customer):
    customer.page.route("**/redemptions", lambda route: (route.fetch(), route.abort()))
    customer.page.route("**/attempts/*", lambda route: route.abort())
    customer.press("Confirm")
    see_checking(customer)
    customer.page.unroute("**/attempts/*")
    customer.verdict("redeemed")
    assert stored() == (1, 1)


def test_an_answer_lost_for_good_is_there_when_asked_again(customer):
    """The cashier's password was right: they must not read "already redeemed"."""
    customer.page.route("**/redemptions", lambda route: (route.fetch(), route.abort()), times=1)
    customer.page.route("**/attempts/*", lambda route: route.abort())
    customer.press("Confirm")
    see_checking(customer)
    customer.page.clock.fast_forward(20_000)
    customer.verdict("refused", "no_connection")
    customer.page.unroute("**/attempts/*")
    customer.press("Ask again")
    customer.verdict("redeemed")
    assert stored() == (1, 1)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_page_of_a_proxy_in_between_is_no_verdict(customer, arrived):
    """The server is asked what became of the attempt, whether or not it ever heard of it."""
    def answer(route):
        if arrived:
            route.fetch()
        route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")

    customer.page.route("**/redemptions", answer, times=1)
    with customer.page.expect_request("**/attempts/*"):
        customer.press("Confirm")
    if arrived:
        customer.verdict("redeemed")
        assert stored() == (1, 1)
    else:
        ask_again(customer)
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
