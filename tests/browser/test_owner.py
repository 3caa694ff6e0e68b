"""A shop's owner at noon, with a phone in one hand: from an empty form to a campaign that was ended early."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from models import Campaign, Role
from quanbao.passwords import redemption_passwords
from tests.browser.test_accessibility import wider_than
from tests.support.chromium import Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, OWNER

pytestmark = pytest.mark.browser


@pytest.fixture
def photos(tmp_path) -> tuple[Path, Path, Path]:
    """A photograph, what somebody takes for one, and one that is too large."""
    good, bad, large = (tmp_path / name for name in ("tea.jpg", "tea.heic", "large.jpg"))
    Image.effect_noise((1600, 1200), 60).convert("RGB").save(good)
    bad.write_bytes(b"\0\0\0\x18ftypheic" * 50)
    large.write_bytes(b"\xff\xd8\xff" + b"j" * 13 * 2**20)
    return good, bad, large


def at_new_campaign(world, site, visit) -> Visitor:
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    owner = visit(site, **phone()).sign_in_by_form(OWNER)
    owner.page.goto("/merchants/lotus/campaigns")
    owner.press("New campaign")
    return owner


def fits(page: Page) -> None:
    assert wider_than(page, 360) == []


def choose_pictures(owner: Visitor, photos: tuple[Path, Path, Path]) -> None:
    """A good one; then one that is none and one that is too large, each told at the field, and nothing is lost."""
    page = owner.page
    field, shown = page.get_by_label("Picture", exact=True), page.get_by_role("img", name="The picture on the voucher")
    field.set_input_files(photos[0])
    expect(shown).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_enabled()
    kept = shown.get_attribute("src")
    owner.expect("status of 422", "status of 413")
    for photo, sentence in ((photos[1], "Send a photo"), (photos[2], "at most 12 MB")):
        field.set_input_files(photo)
        expect(page.get_by_role("alert")).to_contain_text(sentence)
        expect(page.locator("#picture-field").get_by_role("alert")).to_have_count(1)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_value("")
        assert shown.get_attribute("src") == kept
        expect(page.get_by_label("Product")).to_have_value("Oolong, 500 ml")
        expect(page.get_by_role("link", name="Try again")).to_have_count(0)


def test_an_owner_enters_changes_and_ends_a_campaign_on_a_phone(small_world, small_site, visit, photos):
    owner = at_new_campaign(small_world, small_site, visit)
    page = owner.page
    preview = page.locator("#preview")
    fits(page)

    # The voucher takes shape while one types.
    page.get_by_label("Product").fill("Oolong, 500 ml")
    expect(preview).to_contain_text("Oolong, 500 ml")
    page.get_by_label("Original price").fill("30")
    page.get_by_label("Offer price").fill("33")
    page.get_by_label("Quantity").fill("100")
    page.get_by_label("Ends", exact=True).fill("2026-12-31")
    page.get_by_label("Place").fill("all branches")
    expect(preview).to_contain_text("¥30")
    expect(preview).to_contain_text("until Dec 31, 2026")
    page.get_by_text("Conditions").click()
    page.get_by_label("Sat").check()
    page.get_by_label("From").first.fill("10:00")
    page.get_by_label("Until").first.fill("22:00")
    page.get_by_label("Riverside").check()
    expect(preview).to_contain_text("10:00 AM – 10:00 PM")
    expect(preview).not_to_contain_text("Main Street")
    choose_pictures(owner, photos)
    fits(page)

    # A mistake is named at its field; nothing that was typed, ticked or sent is lost.
    owner.expect("status of 422")
    owner.press("Save")
    offer = page.get_by_label("Offer price")
    expect(offer).to_have_attribute("aria-invalid", "true")
    expect(offer).to_have_accessible_description("The offer must not be above the original price.")
    expect(page.get_by_label("Product")).to_have_value("Oolong, 500 ml")
    expect(page.get_by_label("Sat")).to_be_checked()
    expect(page.get_by_label("From").first).to_have_value("10:00")
    expect(page.get_by_role("img", name="The picture on the voucher")).to_be_visible()
    fits(page)
    offer.fill("18")
    expect(preview).to_contain_text("¥18")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Oolong, 500 ml")
    expect(page.get_by_text("Draft", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="Oolong, 500 ml")).to_be_visible()
    assert Campaign.select().count() == 1
    fits(page)

    # Published (here by another hand), its price may still change; what customers rely on cannot.
    Campaign.update(published_at=small_world.clock()).execute()
    owner.press("Edit")
    expect(page.get_by_label("Place")).to_have_count(0)
    offer.fill("20")
    expect(preview).to_contain_text("¥20")
    expect(preview).to_contain_text("10:00 AM – 10:00 PM")
    fits(page)
    owner.press("Save")
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    assert (Campaign.get().offer_price, Campaign.get().weekdays, Campaign.get().branch_slugs) == (2000, [6], ["river"])

    # The password: seen after signing in afresh, then changed.
    owner.press("Show or change")
    owner.press("Show the password")
    old = redemption_passwords.reveal(Campaign.get().password, small_world.keys.password)
    expect(page.locator(".digits")).to_have_text(old)
    fits(page)
    page.locator("summary").get_by_text("Change the password").click()
    page.get_by_label("New redemption password").fill("750264")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status").filter(has_text="The password was changed.")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text(old)
    owner.press("Show the password")
    expect(page.locator(".digits")).to_have_text("750264")

    # Ended early: asked once more, then over for good.
    page.get_by_role("link", name="Oolong, 500 ml").click()
    page.get_by_text("End this campaign now").click()
    fits(page)
    owner.press("End it now")
    expect(page.get_by_text("Ended early, Dec 1, 2026")).to_be_visible()
    expect(owner.named("Edit")).to_have_count(0)
    assert Campaign.get().ended_at is not None


def test_who_answers_in_the_forms_place_takes_nothing_from_it(small_world, small_site, visit, photos):
    """A proxy with limits of its own, no network, a session that has ended: each would have cost what was typed."""
    owner = at_new_campaign(small_world, small_site, visit)
    page = owner.page
    picture = page.locator(".entries .unsent")  # what is said at the picture's field
    note = page.locator(".preview .unsent")
    owner.expect("status of", "ERR_", "htmx:")
    product, preview = page.get_by_label("Product"), page.locator("#preview")

    owner.context.route(
        "**/pictures*", lambda route: route.fulfill(status=413, body="<h1>413 Request Entity Too Large</h1>")
    )
    page.get_by_label("Picture").set_input_files(photos[0])
    expect(picture).to_contain_text("What you typed is still here")
    expect(page.locator("main")).not_to_contain_text("Request Entity")
    expect(page.get_by_role("button", name="Save")).to_be_enabled()
    assert page.get_by_label("Picture").input_value(), "it goes with the rest"

    product.fill("Tea")
    expect(preview).to_contain_text("Tea")
    expect(picture).to_contain_text("choose a smaller file")
    expect(note).to_have_count(0)
    owner.context.route("**/preview*", lambda route: route.abort())
    product.fill("Cake")
    expect(note).to_contain_text("did not answer")
    expect(product).to_be_focused()
    owner.context.unroute("**/preview*")

    owner.context.clear_cookies()
    product.fill("Oolong")
    expect(note).to_contain_text("You are signed out")
    expect(product).to_have_value("Oolong")
    owner.sign_in(OWNER)
    product.fill("Oolong, 500 ml")
    expect(preview).to_contain_text("Oolong, 500 ml")
    expect(note).to_have_count(0)
