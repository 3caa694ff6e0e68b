"""An owner watches the figures while customers redeem: they move by themselves, and nothing jumps."""

import csv
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from models import Member, Role, Session
from tests.support.chromium import Visitor, desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN, OWNER, PASSWORD, WRONG

pytestmark = pytest.mark.browser

MEI = "mei.w@example.org"
FIVE_SECONDS = 5_000  # how often the page asks


def tile(page: Page, name: str):
    """The number of one tile."""
    return page.locator(".tile", has=page.get_by_text(name, exact=True)).get_by_role("definition")


def rows_of(owner: Visitor, button: str) -> list[list[str]]:
    """The table that comes by this button, as a spreadsheet reads it."""
    with owner.page.expect_download() as download:
        owner.press(button)
    content = download.value.path().read_bytes()
    assert content.startswith(b"\xef\xbb\xbf"), "Excel takes it for another encoding without the mark"
    return list(csv.reader(content.decode("utf-8-sig").splitlines()))


def at_the_keypad(visit, site, email: str, code: str) -> Visitor:
    customer = visit(site, **phone()).sign_in(email)
    customer.page.goto(f"/vouchers/{code}/redeem?branch=main")
    expect(customer.named("Confirm")).to_be_visible()
    return customer


def test_an_owner_sees_a_redemption_and_a_refusal_as_they_happen(world, site, visit):
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    campaign = world.campaign(product="The last cake", quantity=1)
    cake, late = (
        world.voucher(campaign=campaign, holder=world.account(email=email, password=ACCOUNT_PASSWORD))
        for email in (LIN, MEI)
    )
    owner = visit(site, **desktop()).sign_in_by_form(OWNER)
    page = owner.page
    page.goto("/merchants/lotus/campaigns")
    owner.press("Figures")
    expect(tile(page, "Remaining")).to_have_text("1")

    # Two customers stand at the till, and there is one cake.
    lin, mei = (at_the_keypad(visit, site, email, voucher.code) for email, voucher in ((LIN, cake), (MEI, late)))
    lin.type_digits(PASSWORD)
    lin.press("Confirm")
    lin.verdict("redeemed")
    expect(tile(page, "Redeemed")).to_have_text("1")
    expect(tile(page, "Remaining")).to_have_text("0")
    expect(page.get_by_role("img", name="Redeemed by day")).to_contain_text("Dec 1, 2026: 1")
    mei.expect("status of 409")
    mei.type_digits(PASSWORD)
    mei.press("Confirm")
    mei.verdict("refused", "sold_out")
    expect(page.get_by_role("img", name="Refused")).to_contain_text("Sold out.: 1")
    heading, *figures = rows_of(owner, "Download the figures")
    assert heading == ["Figure", "Of", "Count", "Code for programs"]
    assert ["Issued", "", "2", "issued"] in figures

    # Why was Mei refused? The password was right, and so was everything up to the quantity.
    owner.press("Redemptions and refusals")
    refused = page.get_by_role("listitem").filter(has_text=MEI)
    expect(refused).to_contain_text("Sold out.")
    refused.get_by_text("Checks").click()
    checks = refused.get_by_role("listitem")
    expect(checks.first).to_contain_text("✓ Password")
    expect(checks.last).to_contain_text("✗ Some left – Sold out.")
    page.get_by_label("Show").select_option("Refused")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("main").get_by_role("listitem").filter(has_text="@")).to_have_count(1)

    heading, row = rows_of(owner, "Download as CSV")
    told = dict(zip(heading, row, strict=True))
    assert (told["Outcome"], told["Code of the reason"], told["Customer"], told["Voucher"]) == (
        "Refused",
        "sold_out",
        MEI,
        late.code,
    )
    assert datetime.fromisoformat(told["Time"]).utcoffset() == world.clock().astimezone(world.merchant.zone).utcoffset()


# While the page is open


@pytest.fixture
def watching(small_world, small_site, visit):
    """The owner's page on a phone, its clock in our hands; and a voucher to redeem."""
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    voucher = small_world.voucher(campaign=small_world.campaign(slug="tea", uses_per_voucher=9))
    small_world.attempt(voucher, branch="main")
    owner = visit(small_site, **phone()).sign_in(OWNER)
    owner.page.clock.install()
    owner.page.goto("/merchants/lotus/campaigns/tea/figures")
    return owner, voucher


def asked(owner: Visitor) -> list[str]:
    """The addresses at which the page asks for news from now on."""
    addresses: list[str] = []
    owner.page.on("request", lambda request: "seen=" in request.url and addresses.append(request.url))
    return addresses


def test_what_was_opened_focused_and_scrolled_to_stays(small_world, watching):
    owner, voucher = watching
    page = owner.page
    page.locator("#funnel summary").click()
    page.locator("#by-branch summary").focus()
    page.evaluate("scrollTo(0, 900)")
    small_world.attempt(voucher, branch="main")
    page.clock.fast_forward(FIVE_SECONDS)
    expect(tile(page, "Redeemed")).to_have_text("2")
    expect(page.locator("#by-branch summary")).to_be_focused()
    assert page.evaluate("[...document.querySelectorAll('details')].map(part => part.open)") == [
        False,
        True,
        True,
        True,
    ]
    assert page.evaluate("scrollY") == 900


def test_a_tab_that_nobody_sees_asks_nothing_and_catches_up(small_world, watching):
    owner, voucher = watching
    page, addresses = owner.page, asked(owner)
    look_away = (
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.evaluate(look_away, True)
    small_world.attempt(voucher, typed=WRONG)
    for _ in range(5):
        page.clock.fast_forward(FIVE_SECONDS)
    assert addresses == []
    page.evaluate(look_away, False)
    expect(page.get_by_role("img", name="Refused")).to_be_visible()


def test_who_was_signed_out_comes_to_the_sign_in_page(watching):
    owner, _ = watching
    owner.expect("status of 401")
    Session.delete().execute()
    owner.page.clock.fast_forward(FIVE_SECONDS)
    expect(owner.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(owner.page.locator("#figures")).to_have_count(0)


def test_who_works_there_no_more_sees_the_figures_no_more(small_world, watching):
    owner, _ = watching
    owner.expect("status of 404")
    Member.update(disabled_at=small_world.clock()).execute()
    owner.page.clock.fast_forward(FIVE_SECONDS)
    expect(owner.page.get_by_role("heading", level=1)).to_have_text("There is nothing here.")


def test_without_a_connection_the_page_says_so_and_goes_on_after(small_world, watching):
    owner, voucher = watching
    owner.expect("net::ERR_", "htmx:sendError", "htmx:afterRequest")
    page, lost = owner.page, owner.page.get_by_text("No connection: these figures may have changed since.")
    expect(lost).to_be_hidden()
    owner.context.route("**/figures?seen=*", lambda route: route.abort())
    page.clock.fast_forward(FIVE_SECONDS)
    expect(lost).to_be_visible()
    owner.context.unroute("**/figures?seen=*")
    page.clock.fast_forward(FIVE_SECONDS)
    expect(lost).to_be_hidden()
    small_world.attempt(voucher, branch="main")
    page.clock.fast_forward(FIVE_SECONDS)
    expect(tile(page, "Redeemed")).to_have_text("2")


@pytest.mark.parametrize("status", [200, 503])
def test_what_is_no_figures_does_not_come_into_their_place(watching, status):
    """The wireless network of a hotel asks for a room number; the server is busy."""
    owner, _ = watching
    owner.expect("status of 503", "Response Status Error Code 503")
    page = owner.page
    owner.context.route(
        "**/figures?seen=*",
        lambda route: route.fulfill(status=status, content_type="text/html", body="<h1>Your room number?</h1>"),
    )
    page.clock.fast_forward(FIVE_SECONDS)
    expect(page.get_by_text("No connection: these figures may have changed since.")).to_be_visible()
    expect(tile(page, "Redeemed")).to_have_text("1")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
