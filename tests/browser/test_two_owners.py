"""Two owners at one campaign, in real browsers: nobody's save is undone, and who is second decides."""

import pytest
from playwright.sync_api import expect

from models import Campaign, Role
from tests.support.chromium import desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD

EDIT = "/merchants/lotus/campaigns/tea/edit"
REFUSED = "status of 422"


@pytest.mark.browser
def test_two_owners_edit_one_campaign(world, site, visit):
    people = [world.member(role=Role.OWNER, password=ACCOUNT_PASSWORD) for _ in range(2)]
    campaign = world.campaign(slug="tea", product="Tea")
    world.voucher(campaign=campaign)
    ann, bo = visit(site, **phone()).sign_in(people[0].email), visit(site, **desktop()).sign_in(people[1].email)
    older, newer = ann.page, bo.page
    for page in (older, newer):
        page.goto(EDIT)
    newer.get_by_label("Offer price").fill("25")
    bo.press("Save")
    newer.wait_for_url("**/campaigns/tea")

    # The other one's form is older: a price of her own is not saved before she has seen both.
    ann.expect(REFUSED)
    older.get_by_label("Terms").fill("One a day")
    older.get_by_label("Offer price").fill("16")
    ann.press("Save")
    expect(older.get_by_label("Offer price")).to_have_value("16")
    expect(older.get_by_text("what was saved meanwhile: ¥25")).to_be_visible()
    assert Campaign.get_by_id(campaign.id).offer_price == 2500

    # She keeps his, and ends it yesterday by mistake: asked first, and everything typed is still there.
    older.get_by_label("Keep what was saved, not mine").check()
    older.get_by_label("Starts").fill("2026-11-01")
    older.get_by_label("Ends").fill("2026-11-30")
    ann.expect(REFUSED)
    ann.press("Save")
    expect(older.get_by_text("1 voucher expires at once")).to_be_visible()
    expect(older.get_by_label("Terms")).to_have_value("One a day")
    expect(older.get_by_label("Offer price")).to_have_value("25")
    older.get_by_label("Ends").fill("2026-12-24")
    ann.press("Save")
    older.wait_for_url("**/campaigns/tea")
    after = Campaign.get_by_id(campaign.id)
    assert (after.offer_price, after.terms, after.ends_at > campaign.starts_at) == (2500, "One a day", True)
