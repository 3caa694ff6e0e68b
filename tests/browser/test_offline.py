"""The wallet without a server: it opens, says of what time it is, offers no keypad, and leaves nothing to others."""

import os
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from models import Campaign, Session, Voucher
from tests.support.chromium import FLAGS, Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN, PASSWORD, World, stored
from tests.support.faulty_proxy import Between

pytestmark = pytest.mark.browser

BO = "bo@example.org"
CANARY = "Canary blend"
NO_SERVER = ("net::ERR_", "status of 502", "Failed to load resource", "htmx:sendError")

WORKING = """async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller)
        await new Promise(go => navigator.serviceWorker.addEventListener('controllerchange', go, {once: true}));
}"""
WALLETS = """async () => {
    const names = (await caches.keys()).filter(name => name.startsWith('wallet-'));
    const kept = await Promise.all(names.map(async name => (await caches.open(name)).match('/wallet')));
    return Promise.all(kept.filter(Boolean).map(answer => answer.text()));
}"""
KEPT = """async () => {
    const found = [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie,
        JSON.stringify(await indexedDB.databases()), JSON.stringify(history.state)];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys())
            found.push(name, request.url, await (await cache.match(request, {ignoreVary: true})).text());
    }
    const worker = await navigator.serviceWorker.getRegistration();
    for (const note of await worker.getNotifications()) found.push(note.title, note.body);
    return found.join('\\n');
}"""


@pytest.fixture
def network(small_site) -> Iterator[Between]:
    with Between(small_site) as between:
        yield between


def vouchers(world: World) -> list[Voucher]:
    """Lin's: one good for long, one that ends soon, one used."""
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    used = world.voucher(campaign=world.campaign(product="Summer ice"), holder=lin)
    world.attempt(used)
    return [world.voucher(campaign=world.campaign(product=CANARY, place="Behind the canal"), holder=lin), used]


def keeper(network: Between, visit) -> Visitor:
    """Lin's phone with the wallet open, and kept."""
    lin = visit(network, **phone())
    lin.expect(*NO_SERVER)
    lin.sign_in(LIN).page.goto("/wallet")
    kept(lin.page)
    return lin


def kept(page: Page, text: str = CANARY) -> None:
    """Wait until the phone keeps a wallet with this in it."""
    page.evaluate(WORKING)
    for _ in range(100):
        if any(text in wallet for wallet in page.evaluate(WALLETS)):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the wallet was not kept")


def see_stored(page: Page, what: str = "") -> None:
    """The stored page, which says so on every voucher, and offers no way to redeem."""
    expect(page.locator("html")).to_have_attribute("data-served", "")
    expect(page.get_by_text("No answer from the server.")).to_be_visible()
    shown = page.locator(".ticket .state").filter(visible=True)
    assert shown.count() > 0
    for state in shown.all_inner_texts():
        assert "as of" in state, state
    expect(page.get_by_role("button", name="Redeem", exact=True)).to_have_count(0)
    if what:
        expect(page.get_by_text(what).filter(visible=True).first).to_be_visible()


def test_from_a_cold_start_with_the_server_dead_wallet_and_vouchers_open(
    small_world, small_site, browser_path, browser, tmp_path
):
    tea, used = vouchers(small_world)
    start = browser.browser_type.launch_persistent_context
    how = {"executable_path": browser_path, "args": FLAGS, "base_url": small_site.url, **phone()}
    with start(tmp_path / "profile", **how) as phone_of_today:
        phone_of_today.request.post(
            "/sign-in", form={"email": LIN, "password": ACCOUNT_PASSWORD}, headers={"Origin": small_site.url}
        )
        page = phone_of_today.new_page()
        page.goto("/wallet")
        kept(page)
    os.killpg(small_site.keeper.pid, signal.SIGKILL)
    with start(tmp_path / "profile", **how) as phone_of_tomorrow:
        page = phone_of_tomorrow.new_page()
        page.goto("/wallet")
        see_stored(page, CANARY)
        page.get_by_role("link", name=CANARY).click()
        expect(page).to_have_url(f"{small_site.url}/vouchers/{tea.code}")
        see_stored(page, "Behind the canal")
        expect(page).to_have_title(CANARY)
        page.goto(f"/vouchers/{used.code}")
        see_stored(page, "Summer ice")
        expect(page.locator("#one .state")).to_contain_text("Used as of")
        page.goto(f"/vouchers/{tea.code}/redeem?branch=main")
        expect(page.get_by_role("heading", name="No connection")).to_be_visible()
        expect(page.get_by_text("nothing was redeemed")).to_be_visible()


@pytest.mark.parametrize("how", ["killed", "stopped", "hang", "gateway"])
def test_a_server_that_gives_no_answer_leaves_the_same_picture(small_world, small_site, network, visit, how):
    """`hang` and `stopped` never answer here, so that what is seen is the phone's own."""
    tea, _ = vouchers(small_world)
    lin = keeper(network, visit)
    if how in ("killed", "stopped"):
        os.killpg(small_site.keeper.pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    else:
        network.always(how)
    for path, what in (("/wallet", CANARY), (f"/vouchers/{tea.code}", "Behind the canal")):
        lin.page.goto(path)
        see_stored(lin.page, what)


ARCHIVE = """path => {
    const form = document.body.appendChild(document.createElement('form'));
    Object.assign(form.appendChild(document.createElement('input')), {name: 'archived', value: 'yes'});
    form.method = 'post';
    form.action = path;
    form.submit();
}"""


def test_a_form_whose_answer_is_lost_is_not_called_undone(small_world, network, visit):
    """The server heard it; the phone cannot know. Who only opened the keypad, with no try on its way, can."""
    tea, _ = vouchers(small_world)
    page = keeper(network, visit).page
    untouched, perhaps = (
        page.get_by_text("nothing was redeemed"),
        page.get_by_text("it is not known what became of what you sent"),
    )
    network.fault = lambda method, path: "lose" if method == "POST" else None
    page.evaluate(ARCHIVE, f"/vouchers/{tea.code}/archive")
    expect(perhaps).to_be_visible()
    expect(untouched).to_be_hidden()
    assert Voucher.get_by_id(tea.id).archived_at is not None
    network.always("refuse")
    page.goto(f"/vouchers/{tea.code}/redeem?branch=main")
    expect(untouched).to_be_visible()
    page.evaluate("localStorage.sent = JSON.stringify({id: 'x', at: Date.now()})")
    page.reload()
    expect(untouched).to_be_hidden()
    expect(perhaps).to_be_visible()


def test_the_answer_that_comes_late_is_offered(small_world, network, visit):
    vouchers(small_world)
    lin = keeper(network, visit)
    network.always("hang")
    lin.page.goto("/wallet")
    see_stored(lin.page, CANARY)
    offer = lin.page.get_by_role("link", name="The server answers again")
    expect(offer).to_be_hidden()
    network.always(None)
    offer.click()
    expect(lin.page.locator("html")).not_to_have_attribute("data-served", "")
    expect(lin.page.get_by_text(CANARY).first).to_be_visible()


def test_a_slow_network_can_still_redeem(small_world, network, visit):
    vouchers(small_world)
    lin = keeper(network, visit)
    network.always("slow")
    lin.page.goto("/wallet")
    lin.page.get_by_role("link", name=CANARY).click()
    see_stored(lin.page)
    lin.page.get_by_role("link", name="The server answers again").click()
    lin.press("Redeem")
    lin.page.get_by_label("Branch").select_option("Main Street")
    lin.press("Continue")
    lin.type_digits(PASSWORD)
    lin.press("Confirm")
    lin.verdict("redeemed")
    assert stored() == (2, 2)


# Nothing for the next one who holds the phone


def forgotten(page: Page) -> None:
    """Wait until the phone keeps no wallet: the worker takes it away beside the page that is shown."""
    for _ in range(100):
        if not page.evaluate(WALLETS):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the wallet was kept")


def nothing_left(page: Page, voucher: Voucher) -> None:
    left = page.evaluate(KEPT)
    assert "shell-" in left, "nothing was looked at"
    for canary in (CANARY, voucher.code, LIN, "Behind the canal"):
        assert canary not in left


def nothing_comes_back(page: Page) -> None:
    """Not by the back button either, whatever page that leads to."""
    for _ in range(3):
        page.go_back(wait_until="commit")
        page.wait_for_load_state()
        expect(page.get_by_text(CANARY)).to_have_count(0)


def looked_around(network: Between, visit, world: World) -> tuple[Visitor, Voucher]:
    """Lin has seen wallet, voucher and keypad."""
    tea, _ = vouchers(world)
    lin = keeper(network, visit)
    lin.page.goto(f"/vouchers/{tea.code}")
    lin.page.goto(f"/vouchers/{tea.code}/redeem?branch=main")
    lin.named("1").wait_for()
    lin.page.goto("/wallet")
    assert CANARY in lin.page.evaluate(KEPT)
    return lin, tea


def test_a_sign_out_leaves_nothing(small_world, network, visit):
    lin, tea = looked_around(network, visit, small_world)
    lin.press("Sign out")
    expect(lin.page.get_by_role("link", name="Sign in").first).to_be_visible()
    nothing_left(lin.page, tea)
    nothing_comes_back(lin.page)
    assert Session.select().count() == 0


def test_a_sign_out_without_a_network_leaves_nothing_and_is_told_first(small_world, network, visit):
    lin, tea = looked_around(network, visit, small_world)
    network.always("refuse")
    lin.press("Sign out")
    expect(lin.page.get_by_text("You are signed out")).to_be_visible()
    nothing_left(lin.page, tea)
    lin.page.goto("/wallet")
    expect(lin.page.get_by_role("heading", name="No connection")).to_be_visible()
    nothing_comes_back(lin.page)
    assert Session.select().count() == 1, "nobody could tell the server, so this test says nothing"
    network.heard.clear()
    network.always(None)
    lin.page.goto("/wallet")
    expect(lin.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert network.heard[0] == ("POST", "/sign-out")
    assert Session.select().count() == 0


def test_a_session_that_ended_elsewhere_leaves_nothing(small_world, network, visit):
    lin, tea = looked_around(network, visit, small_world)
    Session.delete().execute()
    lin.page.goto("/wallet")
    expect(lin.page.get_by_role("button", name="Sign in")).to_be_visible()
    forgotten(lin.page)
    nothing_left(lin.page, tea)
    nothing_comes_back(lin.page)


def test_another_account_finds_nothing_of_the_first(small_world, network, visit):
    small_world.voucher(
        campaign=small_world.campaign(product="Plum"), holder=small_world.account(email=BO, password=ACCOUNT_PASSWORD)
    )
    lin, tea = looked_around(network, visit, small_world)
    bo = lin
    bo.page.goto("/sign-in")
    bo.page.get_by_label("E-mail", exact=True).fill(BO)
    bo.page.get_by_label("Password", exact=True).fill(ACCOUNT_PASSWORD)
    bo.press("Sign in")
    expect(bo.page.get_by_text("Plum").first).to_be_visible()
    kept(bo.page, "Plum")
    nothing_left(bo.page, tea)
    network.always("refuse")
    bo.page.goto("/wallet")
    see_stored(bo.page, "Plum")
    expect(bo.page.get_by_text(CANARY)).to_have_count(0)


def sign_in_here(page: Page, email: str) -> None:
    page.goto("/sign-in")
    page.get_by_label("E-mail", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(ACCOUNT_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_another_account_on_a_slow_network_never_sees_the_wallet_of_the_first(small_world, network, visit):
    small_world.account(email=BO, password=ACCOUNT_PASSWORD)
    lin, tea = looked_around(network, visit, small_world)
    network.fault = lambda method, path: "slow" if path == "/wallet" else None
    sign_in_here(lin.page, BO)
    expect(lin.page.get_by_role("heading", name="Wallet")).to_be_visible()
    expect(lin.page.get_by_text(CANARY)).to_have_count(0)
    nothing_left(lin.page, tea)


def test_an_account_that_is_deleted_leaves_nothing(small_world, network, visit):
    lin, tea = looked_around(network, visit, small_world)
    lin.page.goto("/account")
    lin.page.locator("summary", has_text="Delete the account").click()
    lin.page.locator("#leave-sure").check()
    lin.page.locator("#leave-password").fill(ACCOUNT_PASSWORD)
    lin.page.locator("form[action$='/account/delete'] button").click()
    lin.page.wait_for_url("**/account/deleted")
    nothing_left(lin.page, tea)


def push(page: Page, body: str) -> None:
    """What the push service had kept for this browser, delivered to its service worker."""
    tools, registered = page.context.new_cdp_session(page), []
    tools.on("ServiceWorker.workerRegistrationUpdated", lambda event: registered.extend(event["registrations"]))
    tools.send("ServiceWorker.enable")
    until_there(page, lambda: registered)
    tools.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": registered[0]["scopeURL"].rstrip("/"),
            "registrationId": registered[0]["registrationId"],
            "data": body,
        },
    )


def until_there(page: Page, holds) -> None:
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came")


MESSAGE = '{"notification": {"title": "Something is new", "navigate": "/"}, "app_badge": 1}'


@pytest.mark.parametrize("how", ["refuse", "elsewhere"])
def test_a_message_after_a_sign_out_that_nobody_heard_brings_nothing_back(small_world, network, visit, how):
    """`elsewhere`: somebody on the way answers for the server."""
    lin, tea = looked_around(network, visit, small_world)
    lin.context.grant_permissions(["notifications"], origin=network.url)
    network.fault = lambda method, path: how if path == "/sign-out" else None
    lin.press("Sign out")
    expect(lin.page.get_by_text("You are signed out")).to_be_visible()
    network.heard.clear()
    push(lin.page, MESSAGE)
    until_there(lin.page, lambda: "Something is new" in lin.page.evaluate(KEPT))
    assert Session.select().count() == 1, "the server heard of it, so this test says nothing"
    lin.page.wait_for_timeout(500)
    assert ("GET", "/wallet") not in network.heard
    nothing_left(lin.page, tea)


def test_a_sign_out_ends_the_messages_to_this_browser(small_world, network, visit):
    """Also those that the push service keeps already. A browser of tests has none, so that it is told of one here."""
    watched = """
        const ends = {unsubscribe: () => caches.open('told no more')};
        Object.defineProperty(ServiceWorkerRegistration.prototype, 'pushManager',
            {get: () => ({getSubscription: async () => ends})});"""
    network.alter = lambda path, content: watched.encode() + content if path == "/sw.js" else content
    lin, _ = looked_around(network, visit, small_world)
    lin.press("Sign out")
    expect(lin.page.get_by_role("link", name="Sign in").first).to_be_visible()
    assert lin.page.evaluate("caches.has('told no more')")


def test_without_the_guard_a_sign_out_would_leave_the_wallet(small_world, network, visit):
    """The control: the same look finds a wallet that nobody took away."""
    lin, tea = looked_around(network, visit, small_world)
    with pytest.raises(AssertionError):
        nothing_left(lin.page, tea)


def test_a_used_voucher_says_without_a_server_what_was_paid(network, small_world, visit):
    """The offer became another one before the phone kept the wallet."""
    *_, used = vouchers(small_world)
    Campaign.update(offer_price=2000, original_price=4200).where(Campaign.id == used.campaign_id).execute()
    page = keeper(network, visit).page
    network.always("refuse")
    page.goto(f"/vouchers/{used.code}")
    see_stored(page, "Summer ice")
    shown = page.locator("#one")
    expect(shown.locator(".stub")).to_contain_text("¥18")
    expect(shown.locator(".stub")).to_contain_text("¥30")
    expect(shown.get_by_text("Redeemed: No. 1")).to_contain_text("· ¥18 ·")
    assert "¥20" not in shown.inner_text()
