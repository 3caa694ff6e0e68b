"""A real push from end to end: from the act at the shop to the screen of a phone, and into its stored wallet."""

import os
import signal

import pytest

from models import Subscription
from quanbao.messages.push.vapid import public_key
from tests.browser.test_coming_back import NOTE
from tests.browser.test_offline import LIN, WALLETS, WORKING
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD
from tests.support.firefox import ENTER, TAB, Firefox, FirefoxPushService
from tests.support.servers import Site

pytestmark = pytest.mark.firefox

SHOWN = """async () => {
    const worker = await navigator.serviceWorker.ready;
    return (await worker.getNotifications()).map(note => note.title);
}"""


@pytest.fixture
def push_service(settings):
    with FirefoxPushService(public_key(settings.vapid_key)) as service:
        yield service
    assert service.refused == []


def test_a_voucher_is_told_and_kept_on_a_phone_that_nobody_looks_at(small_world, sqlite, firefox_path, push_service):
    lin = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    with (
        Site(sqlite, QUANBAO_PUSH_HOSTS=push_service.origin) as site,
        Firefox(firefox_path, push_service.address) as phone,
    ):
        phone.go(f"{site.url}/sign-in")
        phone.press("textbox", "E-mail")
        phone.type(LIN + TAB + ACCOUNT_PASSWORD + ENTER)
        phone.press("button", "Turn on notifications")
        phone.until(lambda: Subscription.select().count() == 1, "the subscription")
        phone.run(WORKING)
        phone.go(f"{site.url}/offline")  # not the wallet
        assert phone.run(SHOWN) == []
        small_world.voucher(campaign=small_world.campaign(product="Plum cake"), holder=lin)
        assert phone.until(lambda: phone.run(SHOWN), "the notification") == ["New: Plum cake"]
        phone.until(lambda: "Plum cake" in "".join(phone.run(WALLETS)), "the voucher in the stored wallet")
        os.killpg(site.keeper.pid, signal.SIGKILL)
        phone.go(f"{site.url}/wallet")
        assert "Plum cake" in phone.run("async () => document.body.innerText")


SEEN = "async () => [document.body?.innerText ?? '', document.documentElement?.hidden ?? true]"


def _shown(text: str, hidden: bool) -> list[str]:
    return [] if hidden or not text else [text]


def test_back_after_a_redemption_shows_no_voucher_that_is_unused(small_world, sqlite, firefox_path, push_service):
    """Firefox restores pages that say no-store too, once a worker answers for them."""
    small_world.one_branch()
    lin = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    tea = small_world.voucher(campaign=small_world.campaign(product="Tea"), holder=lin)
    with Site(sqlite) as site, Firefox(firefox_path, push_service.address) as phone:
        phone.call("script.addPreloadScript", functionDeclaration=f"() => {{ {NOTE} }}")
        phone.go(f"{site.url}/sign-in?next=/vouchers/{tea.code}")
        phone.press("textbox", "E-mail")
        phone.type(LIN + TAB + ACCOUNT_PASSWORD + ENTER)
        phone.until(lambda: "Unused" in phone.run(SEEN)[0], "the voucher")
        phone.run(WORKING)
        phone.go(f"{site.url}/wallet")
        phone.go(f"{site.url}/vouchers/{tea.code}")
        phone.press("button", "Redeem")
        phone.until(lambda: "type the password" in phone.run(SEEN)[0], "the keypad")
        phone.type(PASSWORD + ENTER)
        phone.until(lambda: "Redeemed" in phone.run(SEEN)[0], "the verdict")
        phone.press("button", "Give the phone back")
        phone.until(lambda: "Used" in phone.run(SEEN)[0], "the used voucher")
        for _ in range(3):
            phone.call("browsingContext.traverseHistory", context=phone.window, delta=-1)
            phone.until(lambda: phone.run("async () => document.readyState === 'complete'"), "the page before")
            text = phone.until(lambda: next(iter(_shown(*phone.run(SEEN))), None), "a page that shows itself")
            assert "Unused" not in text
        restored = [one for one in phone.run("async () => JSON.parse(sessionStorage.seen)") if one["persisted"]]
        assert restored, "no page came back from memory: this test says nothing"
        assert not any(one["shown"] for one in restored)
