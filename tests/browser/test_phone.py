"""The wallet as an app on a phone: installed, brought up to date, held at a till, kept in order."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Route, expect

from models import Branch, Voucher
from tests.browser.test_offline import WORKING
from tests.support.chromium import FLAGS, Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN, PASSWORD, World, stored, utc
from tests.support.faulty_proxy import Between

pytestmark = pytest.mark.browser

TEA = "Oolong, 500 ml"


def holder(world: World, **campaign) -> Voucher:
    return world.voucher(
        campaign=world.campaign(**campaign), holder=world.account(email=LIN, password=ACCOUNT_PASSWORD)
    )


@pytest.fixture
def lin(small_world, small_site, visit) -> Visitor:
    """Lin's phone, which prefers the dark; the shop has one branch open, so nothing is asked before the keypad."""
    holder(small_world)
    small_world.one_branch()
    return visit(small_site, **phone(dark=True)).sign_in(LIN)


# Installed


def test_a_browser_finds_nothing_that_keeps_it_from_installing(
    small_world, small_site, browser, browser_path, tmp_path
):
    """A private window cannot install anything, so this is a profile of its own."""
    how = {"executable_path": browser_path, "args": FLAGS, "base_url": small_site.url}
    with browser.browser_type.launch_persistent_context(tmp_path / "profile", **how) as profile:
        page = profile.new_page()
        page.goto("/sign-in")
        page.evaluate(WORKING)
        tools = profile.new_cdp_session(page)
        manifest = tools.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert tools.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
        said = page.evaluate("fetch('/manifest.webmanifest').then(answer => answer.json())")
        for picture in [*said["icons"], *said["screenshots"]]:
            size = page.evaluate(
                """src => new Promise((go, fail) => {
                const image = new Image();
                image.onload = () => go(`${image.naturalWidth}x${image.naturalHeight}`);
                image.onerror = fail;
                image.src = src;
            })""",
                picture["src"],
            )
            assert size == picture["sizes"], picture["src"]
        assert {picture["form_factor"] for picture in said["screenshots"]} == {"narrow", "wide"}
        assert any(icon.get("purpose") == "maskable" for icon in said["icons"])


@pytest.fixture
def network(small_site) -> Iterator[Between]:
    with Between(small_site) as between:
        yield between


def test_a_new_version_waits_until_it_is_asked_then_loads_once(small_world, network, visit):
    holder(small_world)
    lin = visit(network, **phone()).sign_in(LIN)
    page = lin.page
    page.goto("/wallet")
    page.evaluate(WORKING)
    loads = []
    page.on("load", lambda _: loads.append(page.url))
    network.alter = lambda path, content: content + b"\n// a new version\n" if path == "/sw.js" else content
    page.evaluate("navigator.serviceWorker.getRegistration().then(worker => worker.update())")
    expect(page.get_by_text("A new version of this page is ready.")).to_be_visible()
    assert page.evaluate("navigator.serviceWorker.getRegistration().then(worker => !!worker.waiting)")
    page.goto("/account")
    loads.clear()
    lin.press("Load it")
    expect(page.locator("#update")).to_be_hidden()
    page.wait_for_timeout(500)
    assert len(loads) == 1
    assert not page.evaluate("navigator.serviceWorker.getRegistration().then(worker => !!worker.waiting)")


def test_where_the_browser_offers_nothing_a_hint_comes_once(lin):
    lin.context.add_init_script("Object.defineProperty(navigator, 'standalone', {value: false})")
    lin.page.goto("/wallet")
    expect(lin.page.get_by_text("Add to Home Screen")).to_be_visible()
    lin.press("No, thanks")
    expect(lin.page.get_by_text("Add to Home Screen")).to_be_hidden()
    lin.page.goto("/wallet")
    expect(lin.page.get_by_role("heading", name="Wallet")).to_be_visible()
    expect(lin.page.get_by_text("Add to Home Screen")).to_be_hidden()


def test_a_code_brings_the_wallet_to_the_home_screen(lin, small_site, visit):
    lin.page.goto("/move")
    lin.press("Show a code")
    code = lin.page.locator(".code").inner_text()
    app = visit(small_site, **phone())
    app.expect("status of 422")
    app.page.goto("/sign-in")
    app.press("Sign in with a code")
    app.page.get_by_label("Code").fill("22222-22222")
    app.press("Sign in")
    expect(app.page.get_by_role("alert")).to_contain_text("does not work")
    app.page.get_by_label("Code").fill(code.lower())
    app.press("Sign in")
    expect(app.page.get_by_text(TEA)).to_be_visible()


def test_the_qr_code_brings_its_code_along(lin, small_site, visit):
    """Behind the #: it goes to no server, and does not stay in the address."""
    lin.page.goto("/move")
    lin.press("Show a code")
    code = lin.page.locator(".code").inner_text()
    other = visit(small_site, **phone())
    other.page.goto(f"/move/code#{code}")
    expect(other.page.get_by_label("code")).to_have_value(code)
    expect(other.page).to_have_url(f"{small_site.url}/move/code")
    other.press("Sign in")
    expect(other.page.get_by_text(TEA)).to_be_visible()


# At the till

AWAKE = """window.locks = 0;
const request = async kind => { window.locks += kind === 'screen'; };
Object.defineProperty(navigator, 'wakeLock', {value: {request}});"""


def test_the_screen_stays_awake_and_black_on_white(lin):
    lin.context.add_init_script(AWAKE)
    page, code = lin.page, Voucher.get().code
    page.goto("/wallet")
    assert page.evaluate("window.locks") == 0
    for path in (f"/vouchers/{code}", f"/vouchers/{code}/redeem?branch=main"):
        page.goto(path)
        assert page.evaluate("window.locks") == 1
        black_on_white(lin)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate("window.locks") == 2, "the phone looked at something else, and came back"
    lin.type_digits(PASSWORD)
    lin.press("Confirm")
    lin.verdict("redeemed")
    black_on_white(lin)


def black_on_white(visitor: Visitor) -> None:
    colours = visitor.page.evaluate("""() => {
        const {backgroundColor, color} = getComputedStyle(document.body);
        return [backgroundColor, color];
    }""")
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]


def redeemed(visitor: Visitor) -> str:
    """The verdict of Lin's voucher, and its code."""
    code = Voucher.get().code
    visitor.page.goto(f"/vouchers/{code}")
    visitor.press("Redeem")
    visitor.type_digits(PASSWORD)
    visitor.press("Confirm")
    visitor.verdict("redeemed")
    return code


def test_reload_back_and_rotation_lose_no_verdict_and_redeem_nothing_twice(lin):
    code = redeemed(lin)
    words = lin.page.locator(".words").inner_text()
    lin.page.reload()
    expect(lin.verdict("redeemed")).to_contain_text(words)
    lin.page.set_viewport_size({"width": 740, "height": 360})
    expect(lin.verdict("redeemed")).to_contain_text(words)
    lin.page.go_back()
    expect(lin.page).to_have_url(f"{lin.site.url}/vouchers/{code}")
    expect(lin.page.get_by_role("article")).to_contain_text("Used")
    expect(lin.page.get_by_text(words)).to_be_visible()
    lin.page.go_forward()
    expect(lin.verdict("redeemed")).to_contain_text(words)
    assert (len(lin.posts), stored()) == (1, (1, 1))


def test_a_call_in_between_redeems_once_and_keeps_the_verdict(lin):
    """The phone freezes the page while somebody talks: half of the password typed, then its answer under way."""
    system, post = lin.context.new_cdp_session(lin.page), "**/redemptions"

    def call(meanwhile: Callable = lambda: None) -> None:
        system.send("Page.setWebLifecycleState", {"state": "frozen"})
        meanwhile()
        system.send("Page.setWebLifecycleState", {"state": "active"})

    on_its_way: list[Route] = []
    lin.context.route(post, lambda route: on_its_way.append(route))
    lin.page.goto(f"/vouchers/{Voucher.get().code}/redeem?branch=main")
    lin.type_digits(PASSWORD[:3])
    call()
    lin.type_digits(PASSWORD[3:])
    lin.press("Confirm")
    for _ in range(500):
        if on_its_way:
            break
        lin.page.wait_for_timeout(20)
    call(lambda: on_its_way.pop().continue_())
    words = lin.verdict("redeemed").locator(".words").inner_text()
    call()
    expect(lin.verdict("redeemed")).to_contain_text(words)
    assert (len(lin.posts), stored()) == (1, (1, 1))


def test_at_four_hundred_percent_the_keypad_and_the_verdict_are_whole(lin, small_site, visit):
    """A desktop's browser at its largest letters (WCAG 2.2, 1.4.10); fingers may zoom as far as they like."""
    large = visit(small_site, viewport={"width": 320, "height": 256}, device_scale_factor=4).sign_in(LIN)
    redeemed(large)
    words = large.page.locator(".words")
    expect(words).to_be_visible()
    assert large.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    allowed = large.page.locator("meta[name=viewport]").get_attribute("content")
    assert "user-scalable" not in allowed
    assert "maximum-scale" not in allowed
    said = words.inner_text()
    large.page.set_viewport_size({"width": 1280, "height": 1024})
    expect(large.verdict("redeemed")).to_contain_text(said)
    assert (len(large.posts), stored()) == (1, (1, 1))


def test_a_page_that_slept_is_asked_for_anew(lin, small_world):
    """An app on the home screen comes back hours later with the page of then: it must not say "unused" of now."""
    lin.page.clock.install()
    lin.page.goto("/wallet")
    expect(lin.page.get_by_text("Unused")).to_be_visible()
    small_world.attempt(Voucher.get())
    lin.page.clock.fast_forward(61_000)
    lin.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(lin.page.get_by_text("Unused")).to_have_count(0)


def test_a_wrong_password_is_still_told_after_a_reload_and_can_be_tried_again(lin):
    """At the branch that was chosen before."""
    Branch.update(closed_at=None).execute()
    lin.expect("status of 403")
    code = Voucher.get().code
    lin.page.goto(f"/vouchers/{code}/redeem?branch=main")
    lin.type_digits("602417")
    lin.press("Confirm")
    lin.verdict("refused", "password_incorrect")
    lin.page.reload()
    lin.verdict("refused", "password_incorrect")
    lin.press("Try again")
    lin.type_digits(PASSWORD)
    lin.press("Confirm")
    lin.verdict("redeemed")


def test_after_five_minutes_the_verdict_is_an_entry_of_the_history(lin):
    lin.page.clock.install()
    code = redeemed(lin)
    words = lin.page.locator(".words").inner_text()
    lin.page.clock.fast_forward(4 * 60_000)
    lin.verdict("redeemed")
    lin.page.clock.fast_forward(61_000)
    expect(lin.page).to_have_url(f"{lin.site.url}/vouchers/{code}")
    expect(lin.page.get_by_text(words)).to_be_visible()


def test_nobody_translates_digits_and_words(lin):
    lin.page.goto(f"/vouchers/{Voucher.get().code}/redeem?branch=main")
    expect(lin.page.locator("main")).to_have_attribute("translate", "no")


# Habits


def test_what_is_due_soon_comes_first_and_the_archive_last(small_world, lin):
    small_world.voucher(
        campaign=small_world.campaign(product="Plum", ends_at=utc("2026-12-03T00:00:00+08:00")),
        holder=Voucher.get().consumer,
    )
    page = lin.page
    page.goto("/wallet")
    headings = page.get_by_role("heading", level=2).or_(page.get_by_role("heading", level=3)).filter(visible=True)
    assert headings.all_inner_texts()[:4] == ["Due soon", "Plum", "Later", TEA]
    page.get_by_role("link", name=TEA).click()
    lin.press("Archive")
    expect(page.get_by_role("link", name=TEA)).to_be_hidden()
    page.get_by_text("Archive").click()
    page.get_by_role("link", name=TEA).click()
    lin.press("Back to the wallet")
    expect(page.get_by_role("link", name=TEA)).to_be_visible()


def test_the_badge_counts_what_was_not_looked_at(lin):
    lin.context.add_init_script("navigator.setAppBadge = async count => { window.badge = count; }")
    lin.page.goto("/wallet")
    assert lin.page.evaluate("window.badge") == 1
    lin.page.get_by_role("link", name=TEA).click()
    lin.page.goto("/wallet")
    assert lin.page.evaluate("window.badge") == 0


def test_a_friend_is_told_of_the_offer_never_of_the_voucher(lin):
    lin.context.add_init_script("navigator.share = async what => { window.shared = JSON.stringify(what); }")
    code = Voucher.get().code
    lin.page.goto(f"/vouchers/{code}")
    lin.press("Tell a friend about the offer")
    shared = lin.page.evaluate("window.shared")
    for part in ("Lotus Tea", TEA, "¥18 instead of ¥30", "Dec 31, 2026"):
        assert part in shared
    assert code not in shared
    assert "/vouchers" not in shared
