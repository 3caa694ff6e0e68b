"""Practice: the real screens of both doors, marked, of which nothing is kept and which open nothing; the till card."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import expect

from models import Role
from quanbao.passwords import redemption_passwords
from quanbao.redemption import counter_codes, practice, receipts
from quanbao.vouchers import issuing
from tests.reports.test_confirm_sheets import size
from tests.support.chromium import GREEN, desktop, phone
from tests.support.every_route import changed, columns
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER, PASSWORD
from tests.support.page_client import PageClient

TILL, CARD = "/merchants/lotus/till", "/merchants/lotus/till/card"
AT_TILL = f"{TILL}/practice"
MARK = "Nothing counts here."


@pytest.fixture
def cashier(small_world, app) -> PageClient:
    return PageClient(app).sign_in(small_world.member(role=Role.CASHIER))


def test_nothing_real_is_like_it():
    assert redemption_passwords.is_trivial(practice.PASSWORD), "no merchant may have it"
    assert counter_codes.plain(practice.COUNTER_CODE) is None
    assert set(practice.COUNTER_CODE + practice.VOUCHER) - set(issuing.ALPHABET)
    assert practice.NUMBER < 1
    for language, words in practice.WORDS.items():
        assert not set(words.split()) & set(receipts.word_list(language))


def test_it_counts_nowhere(client, cashier, small_world):
    cashier.get(TILL)
    before = columns()
    client.get("/practice")
    client.get("/practice/redeem")
    for typed, status in ((practice.PASSWORD, 200), (PASSWORD, 403), ("12", 422)):
        client.post("/practice/redeem", {"password": typed}, status=status)
    client.post("/practice/counter-code", status=200)
    client.get("/practice/verdict")
    for code in (practice.COUNTER_CODE, "try out", " t r y o u t "):
        assert cashier.post(TILL, {"code": code}).location.endswith(AT_TILL)
    cashier.get(AT_TILL)
    assert cashier.post(AT_TILL, status=200).verdict()["data-outcome"] == "redeemed"
    cashier.get(CARD)
    assert changed(before) == set()


def test_control_a_real_try_is_seen_by_the_same_comparison(small_world):
    voucher = small_world.voucher()
    before = columns()
    small_world.attempt(voucher)
    assert "redemption.number" in changed(before)


def test_every_screen_is_marked(client, cashier):
    pages = [
        client.get("/practice"),
        client.get("/practice/redeem"),
        client.get("/practice/verdict"),
        client.post("/practice/redeem", {"password": practice.PASSWORD}, status=200),
        client.post("/practice/redeem", {"password": "999999"}, status=403),
        client.post("/practice/counter-code", status=200),
        cashier.get(AT_TILL),
        cashier.post(AT_TILL, status=200),
    ]
    for page in pages:
        assert MARK in page.text
        [body] = page.all("body")
        assert "practice" in body["class"].split()
        assert page.headers["Cache-Control"] == "no-store"


def test_the_shops_own_password_opens_nothing_and_is_not_told_apart(client, small_world):
    answers = [client.post("/practice/redeem", {"password": digits}, status=403) for digits in (PASSWORD, "731946")]
    assert answers[0].verdict()["data-reason"] == "password_incorrect"
    assert answers[0].text == answers[1].text
    assert PASSWORD not in answers[0].html


def test_the_practice_password_opens_nothing_real(small_world):
    verdict = small_world.attempt(small_world.voucher(), typed=practice.PASSWORD)
    assert verdict.reason == "password_incorrect"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?currency=EUR&zone=Europe/Berlin",
        "?currency=XXQ&zone=../../etc",
        "?currency=",
        "?zone=Mars/Olympus",
        "?merchant=lotus",
    ],
)
def test_its_address_says_nothing_of_a_merchant(client, small_world, query):
    page = client.get(f"/practice{query}")
    assert small_world.merchant.name not in page.html
    assert ("€" in page.text) is ("EUR" in query)


def test_the_card_has_both_languages_and_no_password(cashier, small_world):
    small_world.voucher()
    page = cashier.get(CARD)
    assert len(page.all("section", lang="en")) == len(page.all("section", lang="zh-Hans")) == 1
    assert "Type the password" in page.text
    assert "输入" in page.text
    assert not re.search(r"\d{6}", page.text), "neither the shop's nor that of practice"


def test_a_cashier_finds_both_from_the_till(cashier):
    hrefs = {link["href"] for link in cashier.get(TILL).all("a")}
    assert CARD in hrefs
    assert any("/practice" in href for href in hrefs)


# In a browser


def kept(page: BrowserPage) -> list[str]:
    """What the phone remembers of tries, and the pages of practice in its caches."""
    return page.evaluate("""async () => [...Object.keys(localStorage), ...(await Promise.all((await caches.keys()).map(
        async name => (await (await caches.open(name)).keys()).map(kept => new URL(kept.url).pathname)))).flat()]
        .filter(name => /attempt|sent|practice/.test(name) && !/static/.test(name))""")


@pytest.mark.browser
def test_a_cashier_practises_on_the_own_phone(small_site, visit):
    own = visit(small_site, **phone())
    own.page.goto("/practice")
    mark = own.page.get_by_text(MARK)
    expect(mark).to_be_visible()
    own.press("Redeem")
    expect(mark).to_be_visible()
    own.expect("/practice/redeem")  # the first try is wrong
    own.type_digits("999999")
    own.press("Confirm")
    expect(own.verdict("refused")).to_have_attribute("data-reason", "password_incorrect")
    own.press("Try again")
    own.type_digits(practice.PASSWORD)
    own.press("Confirm")
    verdict = own.verdict("redeemed")
    expect(verdict).to_contain_text("practice only")
    expect(mark).to_be_visible()
    assert own.background() != GREEN, "no picture of it passes for a real one"
    assert kept(own.page) == []
    own.press("Give the phone back")
    expect(own.page.get_by_role("article")).to_contain_text("Unused")


@pytest.mark.browser
def test_a_cashier_practises_with_a_code_at_the_till(small_world, small_site, visit):
    small_world.member(role=Role.CASHIER, email=CASHIER, password=ACCOUNT_PASSWORD)
    own = visit(small_site, **phone())
    own.page.goto("/practice")
    own.press("Redeem at the counter")
    code = own.page.locator(".counter-code").inner_text()
    cashier = visit(small_site, **phone()).sign_in(CASHIER)
    cashier.page.goto(TILL)
    cashier.page.get_by_label("Counter code").fill(code)
    cashier.press("Show the voucher")
    expect(cashier.page.get_by_text(MARK)).to_be_visible()
    cashier.press("Redeem")
    expect(cashier.verdict("redeemed")).to_contain_text("practice only")
    cashier.press("Next customer")
    expect(cashier.page.get_by_text("Nothing yet today.")).to_be_visible()


@pytest.mark.browser
def test_the_card_is_printed_on_one_sheet(small_world, small_site, visit):
    small_world.member(role=Role.CASHIER, email=CASHIER, password=ACCOUNT_PASSWORD)
    cashier = visit(small_site, **desktop()).sign_in(CASHIER)
    cashier.page.goto(TILL)
    cashier.press("Till card")
    expect(cashier.page.get_by_role("article")).to_contain_text("Lotus Tea")
    assert size(cashier.page.pdf(prefer_css_page_size=True)) == ({(210, 148)}, 1)


@pytest.mark.browser
def test_practice_stays_the_shops_to_its_end(small_world, small_site, visit):
    """Its prices and its clock are those that the address says, on each screen that a button leads to."""
    berlin = small_world.make_merchant(slug="berlin", currency="EUR", time_zone="Europe/Berlin")
    small_world.member(role=Role.CASHIER, merchant=berlin, email=CASHIER, password=ACCOUNT_PASSWORD)
    own = visit(small_site, **phone()).sign_in(CASHIER)
    own.page.goto("/merchants/berlin/till")
    own.page.get_by_role("link", name="Practise").click()
    own.page.wait_for_url("**/practice?**")
    asked = parse_qs(urlsplit(own.page.url).query)
    assert asked == {"currency": ["EUR"], "zone": ["Europe/Berlin"]}

    def is_still_the_shops() -> None:
        assert parse_qs(urlsplit(own.page.url).query) == asked
        assert "€" in own.page.locator("body").inner_text()
        assert "¥" not in own.page.locator("body").inner_text()

    is_still_the_shops()
    own.press("Redeem")
    own.type_digits(practice.PASSWORD)
    is_still_the_shops()
    own.press("Confirm")
    expect(own.verdict("redeemed").locator("[data-clock]")).to_have_attribute("data-clock", "3600")
    is_still_the_shops()
    for before in ("", "Redeem at the counter"):
        if before:
            own.press(before)
            own.page.get_by_role("link", name="What comes here").click()
            expect(own.verdict("redeemed")).to_be_visible()
            is_still_the_shops()
        own.press("Back to the voucher" if before else "Give the phone back")
        expect(own.page.get_by_role("article")).to_contain_text("Unused")
        is_still_the_shops()
