"""An empty site: the one-time link that `serve` prints makes the first owner, merchant and branch."""

import re

import pytest
from playwright.sync_api import expect

from models import Branch, Campaign, Member, Merchant, Role
from tests.support.chromium import desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD

pytestmark = pytest.mark.browser


def test_the_first_owner_sets_the_site_up_and_enters_a_campaign(site, visit):
    link = re.search(r"/set-up/\S+", (site.folder / "log").read_text())[0]
    owner = visit(site, **phone())
    page = owner.page
    page.goto("/")
    expect(page.get_by_text("This site is not set up yet.")).to_be_visible()
    page.goto(link)
    page.get_by_label("E-mail", exact=True).fill("boss@lotus.example")
    page.get_by_label("Password", exact=True).fill(ACCOUNT_PASSWORD)
    page.get_by_label("Business", exact=True).fill("Lotus Tea")
    page.get_by_label("Branch", exact=True).fill("Main Street")
    owner.press("Set up")
    owner.press("New campaign")
    page.get_by_label("Product", exact=True).fill("Oolong")
    page.get_by_label("Original price", exact=True).fill("30")
    page.get_by_label("Offer price", exact=True).fill("18")
    expect(page.locator("#preview")).to_contain_text("¥18")
    page.get_by_label("Quantity", exact=True).fill("100")
    page.get_by_label("Ends", exact=True).fill("2026-12-31")
    owner.press("Save")
    expect(page.get_by_text("Draft", exact=True)).to_be_visible()

    merchant = Merchant.get()
    assert (merchant.name, merchant.time_zone, merchant.currency) == ("Lotus Tea", "Asia/Shanghai", "CNY")
    assert [branch.name for branch in Branch.select()] == ["Main Street"]
    assert [member.role for member in Member.select()] == [Role.OWNER]
    campaign = Campaign.get()
    assert (campaign.original_price, campaign.offer_price, campaign.published_at) == (3000, 1800, None)

    stranger = visit(site, **desktop())
    stranger.expect("404")
    stranger.page.goto(link)
    expect(stranger.page.get_by_role("heading", level=1)).to_contain_text("set up already")
    stranger.page.goto("/")
    expect(stranger.page.get_by_text("This site is not set up yet.")).to_have_count(0)
