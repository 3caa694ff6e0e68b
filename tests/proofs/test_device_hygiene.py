"""Whoever has the phone next finds nothing of whoever had it before: no byte of a canary, wherever a browser keeps any.

Somebody looks at all that is theirs, with a message shown and a try unsettled. Then they leave, in each way there is.
What a page can reach is looked at, the back button is pressed, and when the browser was opened once more, the whole
profile on the disk is searched.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from models import Session, Voucher
from tests.browser.test_offline import BO, KEPT, LIN, MESSAGE, forgotten, kept, push, sign_in_here, until_there
from tests.proofs import size
from tests.support.chromium import FLAGS, phone
from tests.support.factories import ACCOUNT_PASSWORD, World
from tests.support.faulty_proxy import Between

pytestmark = [pytest.mark.promise("device hygiene"), pytest.mark.browser]

TEA, PLACE, TERMS, NOTE = "Canary blend", "Behind the canal", "Canary terms of the house", "Something is new"
# The browser's own memory of where its user was, which no site can clear, and what it makes of it: addresses, titles.
OWN_MEMORY = {
    "History",
    "History-journal",
    "Sessions",
    "Favicons",
    "Favicons-journal",
    "Top Sites",
    "Visited Links",
    "Top Sites-journal",
    "Shortcuts",
    "Shortcuts-journal",
    "Network Action Predictor",
    "Web Data",
    "Network Action Predictor-journal",
    "Web Data-journal",
    "Login Data",
    "Login Data-journal",
    "segmentation_platform",
}
# Removed, and nothing gives it back: these journals keep an old line until the browser writes them anew, by itself.
JOURNALS = {"Local Storage", "Platform Notifications"}


@pytest.fixture
def network(small_site) -> Iterator[Between]:
    with Between(small_site) as between:
        yield between


@pytest.fixture
def tea(small_world: World) -> Voucher:
    lin = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    small_world.account(email=BO, password=ACCOUNT_PASSWORD)
    return small_world.voucher(campaign=small_world.campaign(product=TEA, place=PLACE, terms=TERMS), holder=lin)


@pytest.fixture
def start(browser, browser_path, tmp_path, network) -> Callable[[], BrowserContext]:
    """A phone with a profile on the disk."""

    def begin() -> BrowserContext:
        return browser.browser_type.launch_persistent_context(
            tmp_path / "profile", executable_path=browser_path, args=FLAGS, base_url=network.url, **phone()
        )

    return begin


def look_around(phone: BrowserContext, tea: Voucher, network: Between) -> Page:
    """All that Lin has: wallet, voucher, counter code, keypad, account, the language; a message, a try unsettled."""
    phone.grant_permissions(["notifications"], origin=network.url)
    page = phone.new_page()
    sign_in_here(page, LIN)
    expect(page.get_by_role("heading", name="Wallet")).to_be_visible()
    kept(page)
    page.goto(f"/vouchers/{tea.code}")
    page.locator("form[action$='/counter-code'] button").click()
    page.locator("#counter .counter-code").wait_for()
    page.goto(f"/vouchers/{tea.code}/redeem?branch=main")
    page.locator("[data-digit]").first.wait_for()
    page.goto("/account")
    push(page, MESSAGE)
    until_there(page, lambda: NOTE in page.evaluate(KEPT))
    page.goto("/wallet")
    until_there(page, lambda: tea.code in page.evaluate("JSON.stringify({...localStorage})"))
    assert all(canary in page.evaluate(KEPT) for canary in canaries(tea)), "what is not there cannot be left"
    return page


def canaries(tea: Voucher) -> tuple[str, ...]:
    return TEA, PLACE, TERMS, tea.code, LIN, NOTE


def sign_out(page: Page, network: Between) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()


def sign_out_without_a_network(page: Page, network: Between) -> None:
    network.always("refuse")
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_text("You are signed out")).to_be_visible()


def another_signs_in(page: Page, network: Between) -> None:
    sign_in_here(page, BO)
    expect(page.get_by_role("heading", name="Wallet")).to_be_visible()


def session_ended_elsewhere(page: Page, network: Between) -> None:
    Session.delete().execute()
    page.goto("/wallet")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    forgotten(page)


def account_deleted(page: Page, network: Between) -> None:
    page.goto("/account")
    page.locator("summary", has_text="Delete the account").click()
    page.locator("#leave-sure").check()
    page.locator("#leave-password").fill(ACCOUNT_PASSWORD)
    page.locator("form[action$='/account/delete'] button").click()
    page.wait_for_url("**/account/deleted")


LEAVING = size(
    [sign_out_without_a_network, another_signs_in],  # the rest of the pages' part: tests/browser/test_offline.py
    [sign_out, sign_out_without_a_network, another_signs_in, session_ended_elsewhere, account_deleted],
)


@pytest.mark.parametrize("leave", LEAVING)
def test_nothing_is_left_for_the_next(start, tea, network, tmp_path, proved, leave):
    with start() as phone:
        page = look_around(phone, tea, network)
        leave(page, network)
        nothing_to_reach(page, tea)
        for _ in range(size(2, 6)):
            page.go_back(wait_until="commit")
            page.wait_for_load_state()
            for canary in (TEA, PLACE, TERMS, LIN):
                expect(page.get_by_text(canary).filter(visible=True)).to_have_count(0)
        assert not any(tea.code in cookie["value"] or LIN in cookie["value"] for cookie in phone.cookies())
    network.always(None)
    with start() as phone:  # a deleted cache goes from the disk when nobody has it in hand, or at the next start
        page = phone.new_page()
        page.goto("/sign-in")
        nothing_to_reach(page, tea)
        page.wait_for_timeout(1000)
    left = on_disk(tmp_path / "profile", tea)
    assert [path for path in left if not JOURNALS & {*Path(path).parts}] == [], left
    proved(f"chromium, {leave.__name__.replace('_', ' ')}: {len(canaries(tea))} canaries")


def nothing_to_reach(page: Page, tea: Voucher) -> None:
    until_there(page, lambda: NOTE not in page.evaluate(KEPT))
    left = page.evaluate(KEPT)
    assert "shell-" in left, "nothing was looked at"
    for canary in canaries(tea):
        assert canary not in left


def on_disk(profile: Path, tea: Voucher) -> dict[str, list[str]]:
    """Files of the profile that hold a canary, but the browser's own memory."""
    left, looked = {}, 0
    for path in profile.rglob("*"):
        if path.is_file() and not OWN_MEMORY & set(path.parts):
            looked += 1
            content = path.read_bytes()
            here = [text for text in canaries(tea) if text.encode() in content or text.encode("utf-16-le") in content]
            if here:
                left[str(path.relative_to(profile))] = here
    assert looked > 50, "there is no profile"
    return left


def test_control_who_does_not_leave_is_found_on_the_disk_and_in_the_page(start, tea, network, tmp_path, proved):
    with start() as phone:
        page = look_around(phone, tea, network)
        with pytest.raises(AssertionError):
            nothing_to_reach(page, tea)
    left = on_disk(tmp_path / "profile", tea)
    assert any("CacheStorage" in path for path in left), left
    assert any("Local Storage" in path for path in left), left
    shutil.rmtree(tmp_path / "profile")
    proved(f"who stays is found in {len(left)} files")
