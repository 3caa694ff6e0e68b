"""A merchant's people as they live it: a cashier is invited, joins and is disabled; a customer gets into a group."""

import pytest
from playwright.sync_api import expect

from models import CustomerGroup, Member, Role
from tests.support.chromium import Visitor, desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER, OWNER

pytestmark = pytest.mark.browser

REGULAR = "regular@example.org"


def card(owner: Visitor, name: str):
    """What the owner's page has of one member."""
    return owner.page.get_by_role("listitem").filter(has=owner.page.get_by_role("heading", name=name))


def test_a_cashier_joins_by_a_link_and_a_customer_gets_into_a_group(world, site, visit):
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    world.voucher(holder=world.account(email=REGULAR))
    world.voucher()

    # The owner invites a cashier, and first forgets to say where.
    owner = visit(site, **desktop()).sign_in_by_form(OWNER)
    page = owner.page
    page.goto("/merchants/lotus/campaigns")
    owner.press("Members")
    owner.press("Invite somebody")
    page.get_by_label("E-mail").fill(CASHIER)
    owner.expect("status of 422")
    owner.press("Make a link")
    expect(page.get_by_role("group", name="A cashier's branches").last).to_have_accessible_description(
        "Choose at least one branch for a cashier."
    )
    expect(page.get_by_label("E-mail")).to_have_value(CASHIER)
    page.locator("#invite").get_by_label("Riverside").check()
    owner.press("Make a link")
    expect(page.get_by_role("img", name="QR code of the invitation")).to_be_visible()
    link = page.get_by_role("code").inner_text()
    expect(card(owner, CASHIER)).to_contain_text("Cashier · Riverside Invited")

    # On a phone, by somebody who has no account yet: looking changes nothing.
    cashier = visit(site, **phone())
    cashier.page.goto(link)
    expect(cashier.page.get_by_role("heading", level=1)).to_have_text("Join Lotus Tea")
    assert Member.get(Member.address == CASHIER).account_id is None
    cashier.press("Sign up")
    cashier.page.get_by_label("E-mail", exact=True).fill("my.own@example.org")
    cashier.page.get_by_label("Password", exact=True).fill(ACCOUNT_PASSWORD)
    cashier.press("Sign up")
    cashier.press("Join as my.own@example.org")
    expect(cashier.page.get_by_role("main")).to_contain_text("You work at Lotus Tea now.")
    expect(cashier.page.get_by_role("navigation", name="Branch")).to_contain_text("Riverside")
    cashier.expect("status of 404")
    cashier.page.goto(link)
    expect(cashier.page.get_by_role("heading", level=1)).to_have_text("This invitation was accepted")

    # The owner sees it, and takes the rights back.
    page.goto("/merchants/lotus/members")
    expect(card(owner, CASHIER)).not_to_contain_text("Invited")
    expect(page.get_by_role("main")).not_to_contain_text("my.own@example.org")
    card(owner, CASHIER).get_by_text("Change").click()
    card(owner, CASHIER).get_by_text("Disable", exact=True).click()
    owner.press("Disable now")
    expect(card(owner, CASHIER)).to_contain_text("Disabled")
    cashier.page.goto("/account")
    expect(cashier.page.get_by_role("main")).not_to_contain_text("Lotus Tea")

    # A customer is found, ticked, and put into a group that did not exist.
    owner.press("Customers")
    page.get_by_role("searchbox", name="Search").fill("REGULAR")
    owner.press("Search")
    expect(page.get_by_role("main").get_by_role("checkbox", name="@")).to_have_count(1)
    page.get_by_label(REGULAR, exact=True).check()
    page.get_by_text("Put into a group").click()
    page.get_by_label("New group").fill("Regulars")
    owner.press("Put into the group")
    expect(page.get_by_role("listitem").filter(has_text=REGULAR)).to_contain_text("Regulars")
    assert [(row.customer.address, row.name) for row in CustomerGroup.select()] == [(REGULAR, "Regulars")]
    page.get_by_role("link", name=f"Vouchers of {REGULAR}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(REGULAR)
    expect(page.get_by_role("main")).to_contain_text("Oolong, 500 ml")
