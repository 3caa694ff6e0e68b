"""The confirm sheet: what was printed beforehand is what the phones say, and only whom it is for can print it."""

import re

import pytest
from playwright.sync_api import expect

from models import Branch, Role
from quanbao.reports import confirm_sheets
from tests.support.chromium import desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD
from tests.support.page_client import Page, PageClient

SHEET = "/merchants/lotus/sheet"
MEI, MANAGER = "mei.w@example.org", "manager@example.org"


@pytest.fixture
def manager(small_world, app) -> PageClient:
    return PageClient(app).sign_in(small_world.member(role=Role.MANAGER))


def rows(page: Page) -> list[tuple[int, str]]:
    found = re.findall(r'class="number">(\d+)</span> <span class="pair-of-words">([^<]+)<', page.html)
    return [(int(number), words) for number, words in found]


def test_the_sheet_says_beforehand_what_redemptions_will_say(world):
    today = world.merchant.day(world.clock())
    printed = {
        branch: confirm_sheets.rows(world.keys.receipts, world.merchant, branch, today, range(1, 4))
        for branch in ("", "main")
    }
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=9))
    for place in (None, "main", "main", None, "main"):
        receipt = world.attempt(voucher, branch=place).receipt
        assert (receipt["number"], receipt["words"]) in printed[place or ""]
    assert [confirm_sheets.given(world.merchant, branch, today) for branch in ("", "main", "river")] == [2, 3, 0]


def test_a_page_has_a_row_for_each_number(manager, small_world):
    page = manager.get(f"{SHEET}?at=main&day=2026-12-03&first=301&count=200")
    of = confirm_sheets.rows(
        small_world.keys.receipts,
        small_world.merchant,
        "main",
        confirm_sheets.days(small_world.merchant.day(small_world.clock()))[2],
        range(301, 501),
    )
    assert rows(page) == of
    for part in ("Main Street", "Thursday, December 3, 2026", "301–400", "401–500"):
        assert part in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_without_being_asked_it_is_of_today_from_the_first(manager):
    page = manager.get(SHEET)
    assert [number for number, _ in rows(page)] == list(range(1, 101))
    assert "Tuesday, December 1, 2026" in page.text


def test_what_was_given_out_is_told_and_passed_over(manager, small_world):
    small_world.attempt(small_world.voucher(), branch="main")
    assert "Given out so far: 1." in manager.get(SHEET).text
    [after] = [link["href"] for link in manager.get(SHEET).all("a") if "first=2" in link["href"]]
    assert rows(manager.get(after))[0][0] == 2
    for at in ("river", "-"):
        assert "Given out so far" not in manager.get(f"{SHEET}?at={at}").text


@pytest.mark.parametrize(
    ("sent", "field", "told"),
    [
        ("day=2026-11-30", "day", "Choose one of the list."),
        ("day=2026-12-09", "day", "Choose one of the list."),
        ("first=0", "first", "Enter a whole number from 1 to 99,999."),
        ("first=1e3", "first", "Enter a whole number"),
        ("first=100000", "first", "Enter a whole number"),
        (f"first={'9' * 5000}", "first", "Enter a whole number"),
        ("first=", "first", "Enter a whole number"),
        ("count=99999", "count", "Choose one of the list."),
        ("paper=../app", "paper", "Choose one of the list."),
    ],
)
def test_what_cannot_be_printed_is_told_at_its_field(manager, sent, field, told):
    page = manager.get(f"{SHEET}?{sent}", status=422)
    assert any(found.get("aria-describedby") == f"{field}-error" for _, found in page.tags)
    assert told in page.text
    assert rows(page) == []


def test_the_last_numbers_are_a_short_sheet(manager):
    assert [number for number, _ in rows(manager.get(f"{SHEET}?first=99998"))] == [99998, 99999]


def test_only_open_branches_have_sheets(manager, small_world):
    Branch.update(closed_at=small_world.clock()).where(Branch.slug == "river").execute()
    assert not manager.get(SHEET).all("option", value="river")
    for at in ("river", "nowhere", "Main Street"):
        manager.get(SHEET, query_string={"at": at}, status=404)


def test_the_words_are_in_the_shops_language_whoever_prints(manager, small_world):
    small_world.merchant.language = "zh"
    small_world.merchant.save()
    page = manager.get(SHEET)
    assert page.all("ol", lang="zh-Hans")
    assert all(re.fullmatch("[一-鿿]{2} [一-鿿]{2}", words) for _, words in rows(page))


def test_cashiers_are_offered_no_sheet(app, small_world):
    cashier = PageClient(app).sign_in(small_world.member(role=Role.CASHIER))
    hrefs = [link["href"] for link in cashier.get("/merchants/lotus/till").all("a")]
    assert not [href for href in hrefs if "/sheet" in href]
    assert [href for href in hrefs if href.endswith("/till/card")]


# In a browser


def size(pdf: bytes) -> tuple[set[tuple[int, int]], int]:
    """The sizes of a PDF's pages in millimetres, and how many there are."""
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    return {tuple(round(float(points) / 72 * 25.4) for points in box) for box in boxes}, len(boxes)


@pytest.mark.browser
def test_a_sheet_is_printed_and_mei_is_ticked_off(small_world, small_site, visit):
    small_world.member(role=Role.MANAGER, email=MANAGER, password=ACCOUNT_PASSWORD)
    voucher = small_world.voucher(
        campaign=small_world.campaign(branch_slugs=["main"]),
        holder=small_world.account(email=MEI, password=ACCOUNT_PASSWORD),
    )

    # The manager finds it from the till, chooses, and prints: A4, then the receipt printer.
    manager = visit(small_site, **desktop(dark=True)).sign_in(MANAGER)
    page = manager.page
    page.goto("/merchants/lotus/till")
    manager.press("Confirm sheet")
    page.get_by_label("Branch", exact=True).select_option("Main Street")
    page.get_by_label("How many").select_option("200")
    manager.press("Show")
    expect(page.get_by_role("listitem")).to_have_count(200)
    assert size(page.pdf(prefer_css_page_size=True)) == ({(210, 297)}, 2)
    page.emulate_media(media="print")
    for gone in (page.get_by_role("navigation"), page.get_by_label("Branch", exact=True), manager.named("Print")):
        for part in gone.all():
            expect(part).to_be_hidden()
    page.emulate_media(media="null")
    page.get_by_label("How many").select_option("50")
    page.get_by_label("Paper").select_option("Receipt printer, 80 mm")
    manager.press("Show")
    expect(page.get_by_role("listitem")).to_have_count(50)
    assert size(page.pdf(prefer_css_page_size=True)) == ({(80, 297)}, 2)

    # Mei redeems; her phone shows the sheet's first line.
    mei = visit(small_site, **phone()).sign_in(MEI)
    mei.page.goto(f"/vouchers/{voucher.code}/redeem?branch=main")
    if mei.page.get_by_label("Branch").count():
        mei.page.get_by_label("Branch", exact=True).select_option("Main Street")
        mei.press("Continue")
    mei.type_digits(PASSWORD)
    mei.press("Confirm")
    words = mei.verdict("redeemed").locator(".words").inner_text()
    expect(page.get_by_role("listitem").first).to_have_text(f"1 {words}")


@pytest.mark.browser
def test_no_cache_keeps_a_sheet(small_world, small_site, visit):
    small_world.member(role=Role.MANAGER, email=MANAGER, password=ACCOUNT_PASSWORD)
    manager = visit(small_site, **phone()).sign_in(MANAGER)
    manager.page.goto("/wallet")
    manager.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    manager.page.goto(SHEET)
    expect(manager.page.get_by_role("listitem")).to_have_count(100)
    kept = manager.page.evaluate("""async () => (await Promise.all((await caches.keys()).map(
        async name => (await (await caches.open(name)).keys()).map(kept => new URL(kept.url).pathname)))).flat()""")
    assert "/offline" in kept, "the worker was there"
    assert SHEET not in kept
