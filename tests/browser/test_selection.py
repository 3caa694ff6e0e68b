"""Customers ticked in a browser, with and without script: counted, kept over pages and searches, cleared, put away."""

import json

import pytest
from playwright.sync_api import expect

from models import CustomerGroup, Publication, Role, Voucher
from tests.support.chromium import Visitor, desktop, phone
from tests.support.crowds import make_customers
from tests.support.factories import ACCOUNT_PASSWORD

pytestmark = pytest.mark.browser

OWNER = "owner@lotus.example"
STORED = """async () => {
    const kept = await Promise.all((await caches.keys()).map(async name => (await caches.open(name)).keys()));
    return JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, ...kept.flat().map(one => one.url)]);
}"""


@pytest.fixture
def people(small_world) -> list:
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    return make_customers(small_world, 120)


def tick(owner: Visitor, *addresses: str) -> None:
    for address in addresses:
        owner.page.get_by_label(address, exact=True).check()


def members_of(group: str) -> set[str]:
    return {row.customer.address for row in CustomerGroup.select().where(CustomerGroup.name == group)}


@pytest.mark.parametrize("script", [True, False])
def test_on_the_customers_page(small_world, people, small_site, visit, script):
    owner = visit(small_site, java_script_enabled=script, **phone()).sign_in(OWNER)
    page, addresses = owner.page, [row.address for row in people]
    page.goto("/merchants/lotus/customers")
    expect(page.locator(".selection")).to_be_hidden()
    tick(owner, addresses[119], addresses[118])
    owner.press("More")
    expect(page.get_by_label(addresses[69], exact=True)).to_be_visible()
    tick(owner, addresses[60])
    page.get_by_role("searchbox", name="Search").fill(addresses[5])
    owner.press("Search")
    expect(page.locator("#found [type=checkbox]")).to_have_count(1)
    expect(page.locator(".selection")).to_contain_text("3 of those selected are not in this list.")
    tick(owner, addresses[5])
    if script:
        expect(page.get_by_text("4 selected")).to_be_visible()
        page.get_by_label(addresses[5], exact=True).uncheck()
        expect(page.get_by_text("3 selected")).to_be_visible()
        tick(owner, addresses[5])
    owner.press("Show the selected")
    expect(page.locator("#found [type=checkbox]:checked")).to_have_count(4)
    page.get_by_label(addresses[118], exact=True).uncheck()
    owner.press("Back to the list")
    expect(page.locator(".selection")).to_contain_text("2 of those selected are not in this list.")
    assert "customer" not in page.url.partition("?")[2]
    page.locator(".regroup summary").click()
    page.get_by_label("New group").fill("tea")
    if script:
        page.get_by_label("New group").press("Enter")
    else:
        owner.press("Put into the group")
    expect(page.locator(".chip").first).to_have_text("tea")
    assert members_of("tea") == {addresses[119], addresses[60], addresses[5]}
    tick(owner, addresses[5])
    page.get_by_role("searchbox", name="Search").fill("nobody")
    owner.press("Search")
    expect(page.get_by_text("Nobody found.")).to_be_visible()
    owner.press("Clear the selection")
    expect(page.locator(".selection")).to_be_hidden()


@pytest.mark.parametrize("script", [True, False])
def test_where_a_campaign_is_published(small_world, people, small_site, visit, script):
    campaign, addresses = small_world.campaign(), [row.address for row in people]
    owner = visit(small_site, java_script_enabled=script, **desktop()).sign_in(OWNER)
    page = owner.page
    page.goto(f"/merchants/lotus/campaigns/{campaign.slug}/publications")
    page.get_by_label("E-mail addresses").check()
    page.get_by_label("Addresses", exact=True).fill("kept@example.org")
    page.get_by_label("Customers you pick").check()
    tick(owner, addresses[119])
    owner.press("More")
    expect(page.get_by_label(addresses[69], exact=True)).to_be_visible()
    tick(owner, addresses[69])
    box = page.get_by_role("searchbox", name="Search")
    box.fill(addresses[0])
    if script:
        expect(page.locator("#found [type=checkbox]")).to_have_count(1)  # while one types
    else:
        box.press("Enter")
        expect(page.locator("#found [type=checkbox]")).to_have_count(1)
    assert Publication.select().count() == 0, "Enter in the search publishes nothing"
    tick(owner, addresses[0])
    expect(page.get_by_label("Addresses", exact=True)).to_have_value("kept@example.org")
    owner.press("Publish")
    expect(page.get_by_text("Vouchers issued")).to_be_visible()
    assert {row.consumer_id for row in Voucher.select()} == {people[n].consumer_id for n in (0, 69, 119)}


def test_a_sign_out_leaves_nothing_of_who_was_ticked(small_world, people, small_site, visit):
    owner = visit(small_site, **phone()).sign_in(OWNER)
    page = owner.page
    page.goto("/merchants/lotus/customers")
    tick(owner, people[119].address)
    owner.press("More")
    expect(page.get_by_label(people[69].address, exact=True)).to_be_visible()
    before = page.evaluate(STORED)
    owner.press("Sign out")
    page.wait_for_url("/")
    for kept in (before, page.evaluate(STORED)):
        assert people[119].address not in kept
        assert str(people[119].id) not in json.dumps(json.loads(kept)[:3])
