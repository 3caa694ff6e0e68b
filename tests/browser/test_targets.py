"""What an owner taps on a phone is large enough for a thumb (WCAG 2.2, 2.5.5): 44 by 44 CSS pixels."""

import pytest

from models import Audience, Customer, Publication, Redemption, Role
from quanbao.vouchers import publications
from tests.support.chromium import phone
from tests.support.crowds import link_to, make_customers, start
from tests.support.factories import ACCOUNT_PASSWORD, OWNER

pytestmark = pytest.mark.browser

SMALL = """least => [...document.querySelectorAll(
        ':is(main, .foot) :is(a, button, summary, select, input, :not(.field, #take) > label[for])')]
    .filter(element => element.checkVisibility() && !element.matches('[type=checkbox], [type=radio]'))
    .map(element => [element, element.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)
    .map(([element, box]) => `${element.textContent.trim() || element.id}: ${box.width} × ${box.height}`)"""


def test_a_thumb_hits_every_link_and_button(small_world, small_site, visit):
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    campaign = small_world.campaign(slug="tea", product="Tea")
    make_customers(small_world, 60, group="常客")
    small_world.attempt(small_world.voucher(campaign=campaign))
    link_to(small_world, "lin@example.org", campaign)
    going = start(small_world, campaign, Audience.ALL, failures=[("file", 2, "nobody", "missing")])
    publications.step(going.id, now=small_world.clock(), key=small_world.keys.receipts)
    redeemed = Redemption.get()
    mei = Customer.get(Customer.consumer == small_world.mei)
    page = visit(small_site, **phone()).sign_in(OWNER).page
    small = {}
    for path in (
        "customers",
        f"customers/{mei.id}",
        "campaigns/tea",
        "campaigns/tea/publications",
        "campaigns/tea/publications?audience=customers",
        f"campaigns/tea/publications/{going.id}",
        f"campaigns/tea/publications/{Publication.get().id}",
        "campaigns/tea/links",
        "campaigns/tea/links/sheet",
        "campaigns/tea/figures",
        "campaigns/tea/password",
        "passwords",
        "campaigns/tea/attempts",
        f"redemptions/{redeemed.id}",
        "branches",
        "till",
        "sheet",
    ):
        page.goto(f"/merchants/lotus/{path}")
        for summary in page.locator("main summary").all():
            summary.click()
        if found := page.evaluate(SMALL, 44):
            small[path] = found
    assert small == {}
