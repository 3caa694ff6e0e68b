"""Somebody guesses at the shop's password: what Mei, the cashier and the owner see, and how it ends."""

import pytest
from playwright.sync_api import expect

from models import Branch, Member, MemberBranch, Redemption, RedemptionPassword, Role
from quanbao.passwords import guess_limits
from tests.support.chromium import Visitor, desktop, phone
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER, OWNER, PASSWORD, WRONG, World

pytestmark = pytest.mark.browser

MEI, GUESSER = "mei.w@example.org", "guesser@example.org"
SAID = "The keypads are closed"


def at_work(world: World) -> None:
    """An owner, and a cashier at Main Street."""
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    account = world.member(role=Role.CASHIER, email=CASHIER, password=ACCOUNT_PASSWORD)
    MemberBranch.create(member=Member.get(Member.account == account), branch=Branch.get(Branch.slug == "main"))


def at_the_keypad(visitor: Visitor, code: str) -> Visitor:
    visitor.page.goto(f"/vouchers/{code}")
    visitor.press("Redeem")
    visitor.page.get_by_label("Branch").select_option("Main Street")
    visitor.press("Continue")
    expect(visitor.named("Confirm")).to_be_visible()
    return visitor


def test_guessers_close_the_keypads_but_not_the_shop(world, site, visit):
    at_work(world)
    campaign = world.campaign(slug="tea", uses_per_voucher=2)
    mine, theirs = (
        world.voucher(campaign=campaign, holder=world.account(email=email, password=ACCOUNT_PASSWORD)).code
        for email in (MEI, GUESSER)
    )
    world.spend_password(wrong=guess_limits.PASSWORD_A_DAY - 1)
    cashier = visit(site, **phone()).sign_in_by_form(CASHIER)
    owner = visit(site, **desktop()).sign_in(OWNER)
    owner.page.goto("/merchants/lotus/campaigns/tea/figures")
    for watcher in (cashier, owner):
        expect(watcher.page.locator("#alarm")).to_be_empty()
    mei = visit(site, **phone()).sign_in(MEI)
    mei.expect("status of 429", "/attempts/")
    at_the_keypad(mei, mine)

    # The last guess of a hundred, on somebody else's phone.
    guesser = visit(site, **phone()).sign_in(GUESSER)
    guesser.expect("status of 403")
    at_the_keypad(guesser, theirs).type_digits(WRONG)
    guesser.press("Confirm")
    guesser.verdict("refused", "password_incorrect")

    # Whoever looks at the till or the figures sees it by itself.
    for watcher in (cashier, owner):
        expect(watcher.page.get_by_text(SAID)).to_be_visible()
    expect(cashier.page.get_by_text("Tell an owner or manager")).to_be_visible()
    expect(cashier.named("Change the password")).to_have_count(0)

    # Mei's keypad was open already; the cashier types the right password, and it is too late for it.
    mei.type_digits(PASSWORD)
    mei.press("Confirm")
    verdict = mei.verdict("refused", "too_many_attempts")
    expect(verdict).to_contain_text("The keypad is closed for now.")
    expect(verdict).to_contain_text("Show a code at the counter instead.")

    # One tap: the code. The phone stays in her hand, and she is served.
    mei.press("Redeem at the counter")
    code = mei.page.locator(".counter-code").inner_text()
    cashier.page.get_by_label("Counter code").fill(code)
    cashier.press("Show the voucher")
    cashier.press("Redeem")
    cashier.verdict("redeemed")
    mei.verdict("redeemed")
    assert Redemption.get().branch_slug == "main"

    # Who comes now sees no keypad at all.
    mei.page.goto(f"/vouchers/{mine}/redeem?branch=main")
    mei.verdict("refused", "too_many_attempts")
    expect(mei.page.locator(".key")).to_have_count(0)
    expect(mei.named("Redeem at the counter")).to_be_visible()

    # The owner's one tap, where they happen to be.
    owner.press("Change the password")
    expect(owner.page.get_by_role("status").filter(has_text="the keypads are open again")).to_be_visible()
    digits = owner.page.locator(".digits").inner_text()
    assert digits != PASSWORD
    owner.page.reload()
    expect(owner.page.locator(".digits")).to_have_text(digits)
    assert RedemptionPassword.get().version == 2, "to load the page again changes it once, not twice"

    # The cashier hears that there is another one, and the keypad is back.
    cashier.press("Next customer")
    expect(cashier.page.get_by_text(SAID)).to_have_count(0)
    expect(cashier.page.get_by_text("The password for Oolong, 500 ml was changed at")).to_be_visible()
    at_the_keypad(mei, mine).type_digits(digits)
    mei.press("Confirm")
    mei.verdict("redeemed")


def test_the_alarm_goes_from_an_open_till_when_it_is_over(small_world, small_site, visit):
    at_work(small_world)
    small_world.voucher(campaign=small_world.campaign(slug="tea"))
    small_world.spend_password()
    cashier, owner = visit(small_site, **phone()).sign_in_by_form(CASHIER), visit(small_site, **phone()).sign_in(OWNER)
    expect(cashier.page.get_by_text(SAID)).to_be_visible()
    cashier.page.get_by_label("Counter code").fill("K7M")
    owner.page.goto("/merchants/lotus/till")
    owner.press("Change the password")
    expect(owner.page.locator(".digits")).to_be_visible()
    expect(cashier.page.locator("#alarm")).to_be_empty()
    expect(cashier.page.get_by_label("Counter code")).to_have_value("K7M")
