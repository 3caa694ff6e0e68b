"""Back and forward: a page that comes back from the browser's memory is asked for anew before anything of it is seen.

Playwright starts Chromium without that memory (`--disable-back-forward-cache`); here it has it. The same in Firefox:
tests/browser/test_firefox.py, and in WebKitGTK: tests/browser/test_webkit.py.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from models import Branch, Campaign, Member, Role
from tests.browser.test_offline import LIN, WORKING
from tests.support.chromium import FLAGS, PATIENCE, Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, OWNER, PASSWORD

pytestmark = pytest.mark.browser

# Whether a page came back from memory, and was to be seen when it did: noted a moment after its own scripts ran.
NOTE = """addEventListener('pageshow', ({persisted}) => requestAnimationFrame(() => {
    if (!location.protocol.startsWith('http')) return; // the browser's own page has no storage
    const seen = [...JSON.parse(sessionStorage.seen ?? '[]'), {persisted, shown: !document.documentElement.hidden}];
    sessionStorage.seen = JSON.stringify(seen);
}));"""


@pytest.fixture(scope="module")
def remembering(browser_path) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=browser_path, args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
        )
        yield opened
        opened.close()


@pytest.fixture
def come(remembering, small_site) -> Iterator[Callable[[str], Visitor]]:
    visitors = []

    def come(email: str) -> Visitor:
        visitor = Visitor(remembering, small_site, **phone())
        visitors.append(visitor)
        visitor.context.add_init_script(NOTE)
        visitor.sign_in(email)
        visitor.page.goto("/account")
        visitor.page.evaluate(WORKING)
        return visitor

    yield come
    for visitor in visitors:
        visitor.leave()


def back(page: Page) -> None:
    """Until the page that was asked for anew is there."""
    with page.expect_navigation():
        page.evaluate("history.back()")
    page.wait_for_load_state()


def restored(page: Page) -> list[dict]:
    """The pages that came back from memory."""
    return [seen for seen in page.evaluate("JSON.parse(sessionStorage.seen)") if seen["persisted"]]


@pytest.fixture
def tea(small_world):
    lin = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    return small_world.voucher(campaign=small_world.campaign(slug="tea", product="Tea"), holder=lin)


def test_back_after_a_redemption_shows_no_voucher_that_is_unused(small_world, tea, come):
    lin = come(LIN)
    page = lin.page
    page.goto("/wallet")
    page.get_by_role("link", name="Tea").click()
    expect(lin.named("Redeem")).to_be_visible()
    lin.press("Redeem")
    page.get_by_label("Branch").select_option("Main Street")
    lin.press("Continue")
    lin.type_digits(PASSWORD)
    lin.press("Confirm")
    lin.verdict("redeemed")
    lin.press("Give the phone back")
    expect(page.locator(".ticket .state")).to_contain_text("Used")
    for _ in range(4):  # the verdict, the voucher, the wallet
        page.evaluate("history.back()")
        page.wait_for_timeout(300)
        page.wait_for_load_state()
        expect(page.locator("html")).to_be_visible()
        expect(page.get_by_text("Unused").filter(visible=True)).to_have_count(0)
        expect(lin.named("Redeem")).to_have_count(0)
    assert restored(page), "no page came back from memory: this test says nothing"
    assert not any(seen["shown"] for seen in restored(page))


LIVE = {
    "till": "/merchants/lotus/till",
    "figures": "/merchants/lotus/campaigns/tea/figures",
    "campaign": "/merchants/lotus/campaigns/tea",
    "campaigns": "/merchants/lotus/campaigns",
    "form": "/merchants/lotus/campaigns/tea/edit",
    "branches": "/merchants/lotus/branches",
    "customers": "/merchants/lotus/customers",
    "attempts": "/merchants/lotus/campaigns/tea/attempts",
}


@pytest.mark.parametrize("name", LIVE)
def test_what_a_shop_sees_is_as_it_is_now(small_world, tea, come, name):
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    owner = come(OWNER)
    page = owner.page
    page.goto(LIVE[name])
    page.goto("/account")
    before = page.evaluate("performance.timeOrigin")
    asked = []
    owner.context.on("request", lambda request: asked.append(request.url))
    back(page)
    expect(page.locator("html")).to_be_visible()
    assert page.url.endswith(LIVE[name])
    assert owner.site.url + LIVE[name] in asked
    assert page.evaluate("performance.timeOrigin") > before
    assert not any(seen["shown"] for seen in restored(page))


def test_what_was_typed_and_not_sent_is_still_there_after_a_look_elsewhere(small_world, tea, come):
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    owner = come(OWNER)
    page = owner.page
    page.goto("/merchants/lotus/branches")
    page.locator("#new-name").fill("Harbour")
    page.goto("/account")
    page.evaluate("history.back()")
    expect(page.locator("#new-name")).to_have_value("Harbour")
    expect(page.locator("#new-name")).to_be_visible()
    # Sent, it is nothing that waits: Back shows the form as it is now.
    page.locator("#new").get_by_role("button").click()
    expect(page.get_by_role("heading", name="Harbour")).to_be_visible()
    page.goto("/account")
    back(page)
    expect(page.locator("#new-name")).to_have_value("")


def test_a_page_with_something_typed_is_shown_to_its_holder_alone(small_world, tea, come):
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    owner = come(OWNER)
    owner.expect("status of 404")
    page = owner.page
    page.goto("/merchants/lotus/branches")
    page.locator("#new-name").fill("Harbour")
    page.goto("/account")
    owner.sign_in(LIN)
    page.goto("/wallet")
    expect(page.get_by_role("heading", name="Wallet")).to_be_visible()
    page.evaluate("history.go(-2)")
    expect(page.get_by_role("heading", name="There is nothing here.")).to_be_visible()
    expect(page.get_by_text("Harbour")).to_have_count(0)


def test_back_to_a_refused_form_is_the_browsers_own_affair(small_world, tea, come):
    """Sent past our script, as where it did not load. The worker said "No connection", with the server well."""
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    owner = come(OWNER)
    owner.expect("status of 422", "ERR_CACHE_MISS")
    page = owner.page
    page.goto("/merchants/lotus/branches")
    with page.expect_navigation():
        page.evaluate("HTMLFormElement.prototype.submit.call(document.querySelector('#new form'))")
    expect(page.locator("#new-name")).to_have_attribute("aria-invalid", "true")
    page.goto("/account")
    page.evaluate("history.back()")
    page.wait_for_timeout(1000)
    assert "No connection" not in page.content()
    page.goto("/merchants/lotus/branches")  # and by GET the same address is the form
    expect(page.locator("#new-name")).to_have_value("")


def test_a_page_that_a_script_asks_for_anew_posts_nothing(small_world, tea, come):
    """`location.reload()` on the answer of a POST posts again, unasked, in Chromium."""
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    owner = come(OWNER)
    owner.expect("status of 422")
    page, posted = owner.page, []
    page.goto("/merchants/lotus/branches")
    with page.expect_navigation():
        page.evaluate("""() => {
            const form = document.querySelector('form[action$="/branches/main"]');
            form.querySelector('[name=name]').value = '';
            HTMLFormElement.prototype.submit.call(form);
        }""")
    expect(page).to_have_url(re.compile("/branches/main$"))
    owner.context.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    with page.expect_navigation():
        page.evaluate("window.quanbao.renew()")
    expect(page).to_have_url(re.compile("/branches$"))
    assert posted == []
    assert (Branch.select().count(), Campaign.select().count(), Member.select().count()) == (2, 1, 1)
