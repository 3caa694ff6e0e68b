"""From the street into the wallet: a shop opens, hangs up a poster, and a passer-by redeems what it gave."""

import re

import pytest
from playwright.sync_api import expect

from models import Account, Poster, Redemption, Voucher
from tests.browser.test_accessibility import wider_than
from tests.support.chromium import Visitor, desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD
from tests.support.servers import Site

pytestmark = pytest.mark.browser


def open_a_shop(owner: Visitor, site: Site) -> None:
    """By the one-time link that the first start printed."""
    [token] = re.findall(r"/set-up/([\w-]+)", site.log())
    page = owner.page
    page.goto(f"/set-up/{token}")
    for label, value in {
        "E-mail": "boss@lotus.example",
        "Password": ACCOUNT_PASSWORD,
        "Business": "Lotus Tea",
        "Time zone": "Asia/Shanghai",
    }.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Currency", exact=True).fill("CNY")
    page.get_by_label("Branch", exact=True).fill("Main Street")
    owner.press("Set up")
    page.wait_for_url("**/merchants/**")


def enter_a_campaign(owner: Visitor) -> None:
    page = owner.page
    page.goto("/merchants/lotus-tea/campaigns")
    owner.press("New campaign")
    for label, value in {
        "Product": "Oolong, 500 ml",
        "Original price": "30",
        "Offer price": "18",
        "Quantity": "100",
        "Starts": "2026-11-01",
        "Ends": "2027-12-31",
        "Redemption password": PASSWORD,
    }.items():
        page.get_by_label(label, exact=True).fill(value)
    owner.press("Save")


def test_from_an_empty_site_to_a_redeemed_poster_voucher(browser_path, sqlite, visit):
    with Site(sqlite) as site:
        owner = visit(site, **desktop())
        open_a_shop(owner, site)
        enter_a_campaign(owner)
        owner.press("Posters")
        page = owner.page
        page.get_by_label("Name").fill("Window")
        owner.press("Make the poster")
        expect(page.get_by_role("img", name="QR code of this poster")).to_be_visible()
        address = page.locator("code.link").inner_text()
        assert address.endswith(f"/p/{Poster.get().token}")

        # A passer-by scans it, taps once, and holds the voucher; nothing is asked for.
        passer = visit(site, **phone())
        there = passer.page
        there.goto(address)
        assert wider_than(there, 360) == []
        passer.press("Put it into my wallet")
        expect(there.get_by_role("status").filter(has_text="It is in your wallet now")).to_be_visible()
        assert Account.select().where(Account.email.is_null()).count() == 1
        code = Voucher.get().code

        # It is there again when the browser comes back, and at the till the shop types its password.
        there.goto("/wallet")
        passer.press("Oolong, 500 ml")
        passer.press("Redeem")
        passer.type_digits(PASSWORD)
        passer.press("Confirm")
        expect(passer.verdict("redeemed")).to_contain_text("Redeemed")
        assert Redemption.get().voucher.code == code

        # The owner sees what the poster brought.
        page.goto("/merchants/lotus-tea/campaigns")
        page.get_by_role("link", name="Oolong, 500 ml").click()
        owner.press("Posters")
        expect(page.get_by_role("row", name=re.compile(r"Window .*1 of 100 1$"))).to_be_visible()
