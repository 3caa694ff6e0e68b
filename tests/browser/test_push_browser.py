"""Notifications in Chromium: turned on and off, kept true at every start, shown, and clicked.

Chromium subscribes nowhere without the internet. So its pushManager is played here, with subscriptions of the tests'
own push service; what comes there is handed to the service worker by DevTools, as it came.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from models import Subscription
from quanbao.messages.push.vapid import public_key
from tests.browser.test_offline import LIN, NO_SERVER, WORKING, kept, see_stored
from tests.support.chromium import Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.push_fixtures import subscribed, until
from tests.support.push_service import PushService
from tests.support.servers import Site

pytestmark = pytest.mark.browser

PUSH_MANAGER = """(() => {
    const of = kept => kept && {
        ...kept, options: {applicationServerKey: Uint8Array.from(kept.key, letter => letter.charCodeAt()).buffer},
        toJSON: () => kept.document, endpoint: kept.document.endpoint,
        unsubscribe: async () => { delete sessionStorage.subscription; return true; },
    };
    const now = () => of(JSON.parse(sessionStorage.subscription ?? 'null'));
    PushManager.prototype.getSubscription = async () => now();
    PushManager.prototype.subscribe = async ({userVisibleOnly, applicationServerKey}) => {
        if (!userVisibleOnly) throw new Error('a push without a notification');
        const key = atob(applicationServerKey.replaceAll('-', '+').replaceAll('_', '/'));
        sessionStorage.subscription = JSON.stringify({key, document: await window.newSubscription()});
        return now();
    };
})();"""
SHOWN = """async () => {
    const worker = await navigator.serviceWorker.ready;
    return (await worker.getNotifications()).map(note => note.title);
}"""
CLICK = """async () => {
    const [notification] = await registration.getNotifications();
    const opened = new Promise(go => { clients.openWindow = async address => go(address); });
    dispatchEvent(new NotificationEvent('notificationclick', {notification}));
    return opened;
}"""


@pytest.fixture
def service(settings) -> Iterator[PushService]:
    with PushService(public_key(settings.vapid_key)) as found:
        yield found
    assert found.refused == []


@pytest.fixture
def lin(small_world, sqlite, service, visit) -> Iterator[Visitor]:
    """Her phone, with an empty wallet; she would allow notifications."""
    small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    with Site(sqlite, QUANBAO_PUSH_HOSTS=service.origin) as site:
        visitor = visit(site, **phone())
        visitor.context.grant_permissions(["notifications"], origin=site.url)
        visitor.context.expose_function("newSubscription", lambda: service.browser().document)
        visitor.context.add_init_script(PUSH_MANAGER)
        visitor.sign_in(LIN).page.goto("/wallet")
        visitor.page.evaluate(WORKING)
        yield visitor


def turn_on(lin: Visitor) -> None:
    lin.press("Turn on notifications")
    expect(lin.page.get_by_text("Notifications are on, on this phone.")).to_be_visible()


def subscription(lin: Visitor) -> str | None:
    """The endpoint that the browser has."""
    kept_there = json.loads(lin.page.evaluate("sessionStorage.subscription ?? 'null'"))
    return kept_there and kept_there["document"]["endpoint"]


def issue(world, product: str) -> str:
    """A voucher for Lin; its code."""
    holder = Subscription.get().account
    return world.voucher(campaign=world.campaign(product=product), holder=holder).code


def came(service: PushService) -> dict[str, Any]:
    until(lambda: service.inbox, "the message")
    return service.inbox[0].body


def deliver(lin: Visitor, body: dict[str, Any]) -> None:
    """As the browser does it, also where the worker sleeps."""
    tools, found = lin.context.new_cdp_session(lin.page), []
    tools.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(event["registrations"]))
    tools.send("ServiceWorker.enable")
    wait(lin, lambda: found)
    tools.send("ServiceWorker.stopAllWorkers")
    tools.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": lin.site.url, "registrationId": found[0]["registrationId"], "data": json.dumps(body)},
    )


def wait(lin: Visitor, holds: Callable[[], Any]) -> Any:
    """Meanwhile the browser goes on."""
    for _ in range(200):
        if found := holds():
            return found
        lin.page.wait_for_timeout(50)
    raise AssertionError("it did not happen")


def test_a_message_is_shown_and_renews_the_wallet_and_a_click_opens_the_voucher(small_world, lin, service):
    lin.expect(*NO_SERVER)
    turn_on(lin)
    lin.page.goto("/offline")  # not the wallet
    code = issue(small_world, "Plum cake")
    deliver(lin, came(service))
    assert wait(lin, lambda: lin.page.evaluate(SHOWN)) == ["New: Plum cake"]
    kept(lin.page, "Plum cake")
    (worker,) = lin.context.service_workers[-1:]
    address = worker.evaluate(CLICK)
    assert address == f"{lin.site.url}/vouchers/{code}"
    assert lin.page.evaluate(SHOWN) == []
    lin.page.goto(address)
    expect(lin.named("Redeem")).to_be_visible()
    os.killpg(lin.site.keeper.pid, signal.SIGKILL)
    lin.page.goto("/wallet")
    see_stored(lin.page, "Plum cake")


def test_turned_on_it_stays_as_it_is_until_it_is_turned_off(lin):
    turn_on(lin)
    assert subscribed() == {subscription(lin)}
    before = Subscription.get().id
    lin.page.reload()
    expect(lin.page.get_by_text("Notifications are on, on this phone.")).to_be_visible()
    assert (subscribed(), Subscription.get().id) == ({subscription(lin)}, before)
    lin.press("Turn off notifications")
    expect(lin.named("Turn on notifications")).to_be_visible()
    assert (subscribed(), subscription(lin)) == (set(), None)
    lin.page.reload(wait_until="networkidle")
    assert (subscribed(), subscription(lin)) == (set(), None)


def test_a_subscription_under_another_key_is_made_anew(lin):
    turn_on(lin)
    old = subscription(lin)
    lin.page.evaluate("""() => {
        sessionStorage.subscription = JSON.stringify({...JSON.parse(sessionStorage.subscription), key: 'another'});
    }""")
    lin.page.reload()
    new = wait(lin, lambda: subscribed() - {old})
    assert new == {subscription(lin)}
    assert Subscription.get(Subscription.endpoint == subscription(lin)).vapid_key == lin.page.locator(
        "#push"
    ).get_attribute("data-key")


def test_one_that_the_server_forgot_is_repaired_at_the_next_start(lin):
    turn_on(lin)
    Subscription.delete().execute()
    lin.page.reload()
    wait(lin, subscribed)
    assert subscribed() == {subscription(lin)}


def test_a_sign_out_ends_it(lin):
    turn_on(lin)
    lin.press("Sign out")
    expect(lin.page.get_by_role("link", name="Sign in").first).to_be_visible()
    assert subscribed() == set()
    assert lin.page.evaluate("localStorage.push") is None


DENIED = "Object.defineProperty(Notification, 'permission', {value: 'denied'})"
CLOSED = """Object.defineProperty(Notification, 'permission', {value: 'default'});
    PushManager.prototype.subscribe = async () => { throw new DOMException('closed', 'NotAllowedError'); };"""
UNREACHABLE = """PushManager.prototype.subscribe = async () => {
    throw new DOMException('Registration failed - push service error', 'AbortError'); };"""
UNSUPPORTED = "delete window.PushManager"
ELSEWHERE = "window.newSubscription = async () => ({endpoint: 'https://push.elsewhere.example/1', keys: {}})"


def at_wallet(world, site, visit, script: str) -> Visitor:
    world.account(email=LIN, password=ACCOUNT_PASSWORD)
    lin = visit(site, **phone()).sign_in(LIN)
    lin.context.grant_permissions(["notifications"], origin=site.url)
    lin.context.add_init_script(PUSH_MANAGER)
    lin.context.add_init_script(script)
    lin.page.goto("/wallet")
    lin.page.evaluate(WORKING)
    return lin


def test_who_says_no_is_told_where_to_change_their_mind(small_world, small_site, visit):
    lin = at_wallet(small_world, small_site, visit, DENIED)
    expect(lin.page.get_by_text("Notifications are blocked in this browser’s settings.")).to_be_visible()
    expect(lin.named("Turn on notifications")).to_be_hidden()
    expect(lin.page.get_by_text("better connection")).to_be_hidden()


def test_a_browser_that_cannot_is_told_so(small_world, small_site, visit):
    lin = at_wallet(small_world, small_site, visit, UNSUPPORTED)
    expect(lin.page.get_by_text("This browser cannot show notifications of this site.")).to_be_visible()
    expect(lin.named("Turn on notifications")).to_be_hidden()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (CLOSED, "The browser was not allowed to show notifications."),
        (UNREACHABLE, "Try again with a better connection."),
        (ELSEWHERE, "This site cannot send to this browser."),
    ],
    ids=["question closed", "push service away", "push service unknown"],
)
def test_each_failure_has_words_of_its_own(small_world, small_site, visit, script, words):
    lin = at_wallet(small_world, small_site, visit, script)
    lin.expect("status of 422")
    lin.press("Turn on notifications")
    expect(lin.page.locator("#push").get_by_role("alert").filter(visible=True)).to_contain_text(words)
    expect(lin.page.locator("#push").get_by_role("alert").filter(visible=True)).to_have_count(1)
    expect(lin.named("Turn on notifications")).to_be_visible()
