"""The main job as people live it: a voucher is redeemed on its holder's phone, and the owner sees it."""

import pytest
from playwright.sync_api import Page, expect

from models import Redemption, Role, Voucher
from tests.support.chromium import GREEN, KEYS, Visitor, desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN, OWNER, PASSWORD, WRONG, utc

pytestmark = pytest.mark.browser


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
    dinner = world.campaign(
        product="Dinner for two",
        minimum_spend=15000,
        branch_slugs=["main", "river"],
        ends_at=utc("2026-12-05T00:00:00+08:00"),
    )
    later = world.campaign(product="Oolong, 500 ml")
    world.voucher(campaign=later, holder=lin)
    voucher = world.voucher(campaign=dinner, holder=lin)
    world.voucher(
        campaign=world.campaign(
            product="Summer ice", starts_at=utc("2026-07-01T00:00:00+08:00"), ends_at=utc("2026-08-01T00:00:00+08:00")
        ),
        holder=lin,
    )

    owner = visit(site, **desktop()).sign_in_by_form(OWNER)
    assert figures(owner, "Dinner for two")["Redeemed"] == "0"

    # Lin signs in: what ends first comes first, and every state is a word.
    customer = visit(site, **phone())
    page = customer.sign_in_by_form(LIN).page
    expect(page.get_by_role("heading", name="Wallet")).to_be_visible()
    expect(page.get_by_role("article").filter(visible=True)).to_contain_text(["Dinner for two", "Oolong, 500 ml"])
    expect(page.get_by_role("article").filter(visible=True)).to_contain_text(["Unused", "Unused"])
    page.get_by_role("heading", name="No longer good").click()
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
    assert page.evaluate(FOCUSABLE) == [*KEYS, "Cancel"]
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
    first, second = customer.posts
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


def test_the_whole_way_is_open_to_a_keyboard(small_world, small_site, visit):
    lin = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    small_world.one_branch()
    small_world.voucher(holder=lin)
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
