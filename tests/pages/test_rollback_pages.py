"""The pages on which members take something back, and what the holder sees of it; two people in a real browser."""

import csv
import io

import pytest
from playwright.sync_api import expect

from models import Branch, Campaign, Member, MemberBranch, Redemption, Role, Rollback, Voucher
from tests.browser.test_accessibility import wider_than
from tests.support.chromium import phone
from tests.support.factories import ACCOUNT_PASSWORD, OWNER

MEI = "mei@example.org"


@pytest.fixture
def owner(small_world):
    return small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)


def redeemed(world, voucher: Voucher) -> int:
    world.attempt(voucher, branch="main")
    return Redemption.select().order_by(Redemption.id.desc()).get().id


def test_it_is_rolled_back_once_and_shown_everywhere(client, small_world, owner, clock):
    voucher = small_world.voucher(campaign=small_world.campaign(slug="tea"))
    verdict = small_world.attempt(voucher, branch="main")
    at = f"/merchants/lotus/redemptions/{Redemption.get().id}"
    client.sign_in(owner)
    assert "Choose a reason." in client.post(at, status=422).text
    clock.forward(minutes=2)
    for _ in range(2):
        assert client.post(at, {"reason": "goods_returned", "note": "The lid leaked."}).location == at
    assert Rollback.select().count() == 1
    page = client.get(at)
    assert "Rolled back by owner@example.org" in page.text
    assert "Goods returned – The lid leaked." in page.text
    assert not page.all("input", name="reason")
    assert "Rolled back" in client.get("/merchants/lotus/campaigns/tea/attempts").text
    assert client.json("/merchants/lotus/campaigns/tea/figures")["rolled_back"] == 1
    table = client._send("GET", "/merchants/lotus/campaigns/tea/attempts.csv", {}, {}).text
    [line] = csv.DictReader(io.StringIO(table.removeprefix("\ufeff")))
    assert (line["Rolled back"], line["Reason of the rollback"]) == ("2026-12-01T12:02:00+08:00", "Goods returned")
    assert list(line.values())[-1] == "goods_returned"

    client.sign_in(small_world.mei)
    for path in (f"/vouchers/{voucher.code}", f"/attempts/{verdict.attempt_id}"):
        text = client.get(path).text
        assert "Rolled back by Lotus Tea · Main Street · Owner" in text
        assert OWNER not in text
        assert "The lid leaked" not in text
    assert "Rolled back by <bdi>Lotus Tea</bdi>" in client.get("/wallet").html
    assert client.json(f"/attempts/{verdict.attempt_id}")["outcome"] == "redeemed"
    assert client.json(f"/vouchers/{voucher.code}")["state"] == "unused"


def test_what_is_too_late_is_told_and_not_done(client, small_world, clock):
    manager = small_world.member(role=Role.MANAGER)
    at = f"/merchants/lotus/redemptions/{redeemed(small_world, small_world.voucher())}"
    clock.forward(minutes=16)
    page = client.sign_in(manager).get(at)
    assert "An owner can still roll it back." in page.text
    client.post(at, {"reason": "by_mistake"}, status=422)
    assert Rollback.select().count() == 0


def test_a_cashier_comes_to_those_of_their_branch_and_nowhere_else(client, small_world):
    cashier = small_world.member(role=Role.CASHIER)
    MemberBranch.create(member=Member.get(Member.account == cashier), branch=Branch.get(Branch.slug == "main"))
    at = f"/merchants/lotus/redemptions/{redeemed(small_world, small_world.voucher())}"
    small_world.attempt(small_world.voucher(), branch="river")
    page = client.sign_in(cashier).get(at)
    assert MEI not in page.text
    theirs = {link["href"] for link in page.all("a") if link["href"].startswith("/merchants/lotus/")}
    assert theirs == {"/merchants/lotus/till"}
    elsewhere = Redemption.get(Redemption.branch_slug == "river")
    client.get(f"/merchants/lotus/redemptions/{elsewhere.id}", status=404)
    client.post(at, {"reason": "by_mistake"})
    assert Rollback.get().role == Role.CASHIER


@pytest.mark.parametrize(("given", "back"), [({"rollback_gives_back": "y"}, True), ({}, False)])
def test_the_form_says_whether_a_use_comes_back(client, small_world, owner, given, back):
    client.sign_in(owner)
    assert "checked" in client.get("/merchants/lotus/new-campaign").all("input", name="rollback_gives_back")[0]
    client.post(
        "/merchants/lotus/new-campaign",
        {
            "kind": "gift",
            "product": "Cup",
            "quantity": "5",
            "starts_at": "2026-12-01",
            "ends_at": "2026-12-31",
            **given,
        },
    )
    row = Campaign.get(Campaign.product == "Cup")
    assert row.rollback_gives_back is back
    box = client.get(f"/merchants/lotus/campaigns/{row.slug}/edit").all("input", name="rollback_gives_back")[0]
    assert ("checked" in box) is back
    Campaign.update(published_at=small_world.clock()).execute()
    at = f"/merchants/lotus/campaigns/{row.slug}/edit"
    client.fill(
        at,
        at,
        {
            "quantity": "5",
            "starts_at": "2026-12-01",
            "ends_at": "2026-12-31",
            **({} if back else {"rollback_gives_back": "y"}),
        },
    )
    assert Campaign.get_by_id(row.id).rollback_gives_back is not back


def test_a_voucher_is_revoked_for_a_reason_that_its_holder_reads(client, small_world, owner):
    voucher = small_world.voucher()
    at = f"/merchants/lotus/vouchers/{voucher.code}"
    client.sign_in(owner)
    assert "Say which reason" in client.post(at, {"reason": "other"}, status=422).text
    for _ in range(2):
        client.post(at, {"reason": "other", "note": "The tea is gone."})
    assert "Another reason – The tea is gone." in client.get(at).text
    text = client.sign_in(small_world.mei).get(f"/vouchers/{voucher.code}").text
    assert "taken back by the shop" in text
    assert "Another reason – The tea is gone." in text
    assert OWNER not in text


def test_a_used_one_says_that_there_is_nothing_to_revoke(client, small_world, owner):
    voucher = small_world.voucher()
    redeemed(small_world, voucher)
    at = f"/merchants/lotus/vouchers/{voucher.code}"
    assert "nothing left to revoke" in client.sign_in(owner).get(at).text
    client.post(at, {"reason": "misuse"}, status=422)
    assert Voucher.get().revoked_at is None


@pytest.mark.browser
def test_a_slip_at_the_till_is_taken_back_and_the_voucher_is_good_again(small_world, small_site, visit, owner):
    mei = small_world.account(email="mei2@example.org", password=ACCOUNT_PASSWORD)
    voucher = small_world.voucher(campaign=small_world.campaign(slug="tea"), holder=mei)
    redeemed(small_world, voucher)
    shop, holder = (visit(small_site, **phone()).sign_in(email) for email in (OWNER, mei.email))

    shop.page.goto("/merchants/lotus/campaigns/tea/attempts")
    shop.page.get_by_role("link", name=f"No. 1 · {Redemption.get().words}").click()
    shop.page.get_by_label("Goods returned").check()
    shop.page.get_by_label("Note").fill("The lid leaked.")
    assert wider_than(shop.page, 360) == []
    shop.press("Roll back")
    expect(shop.page.get_by_role("status").filter(has_text="Rolled back by")).to_contain_text("The lid leaked.")

    holder.page.goto(f"/vouchers/{voucher.code}")
    expect(holder.page.locator(".past-uses")).to_contain_text("Rolled back by Lotus Tea · Main Street · Owner")
    expect(holder.named("Redeem")).to_be_visible()
    assert wider_than(holder.page, 360) == []


@pytest.mark.browser
def test_a_voucher_is_revoked_and_its_holder_reads_why(small_world, small_site, visit, owner):
    lin = small_world.account(email="lin@example.org", password=ACCOUNT_PASSWORD)
    voucher = small_world.voucher(holder=lin)
    shop, holder = (visit(small_site, **phone()).sign_in(email) for email in (OWNER, lin.email))

    shop.page.goto("/merchants/lotus/customers")
    shop.page.get_by_role("link", name="Vouchers of lin@example.org").click()
    shop.page.get_by_role("link", name="Voucher ").click()
    shop.page.get_by_label("The offer was withdrawn").check()
    assert wider_than(shop.page, 360) == []
    shop.press("Revoke")
    expect(shop.page.locator(".notice[role=status]").filter(has_text="Taken back")).to_be_visible()

    holder.page.goto(f"/vouchers/{voucher.code}")
    expect(holder.page.locator("[data-reason=revoked]")).to_contain_text("The offer was withdrawn")
    expect(holder.named("Redeem")).to_have_count(0)
