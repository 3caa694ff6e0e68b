"""The counter sign: what a person can use and claim at one branch. It chooses the branch, and allows nothing."""

import pytest

from models import Branch, Poster, Redemption
from quanbao.people import accounts
from quanbao.vouchers import counter_signs, posters
from tests.support.factories import utc
from tests.support.page_client import PageClient


@pytest.fixture
def main(world) -> Branch:
    return Branch.get((Branch.merchant == world.merchant) & (Branch.slug == "main"))


def poster(world, **more) -> Poster:
    entered = {"name": "Door", "quantity": 9, "per_day": None, "per_minute": 30, "claimed_by": "anybody"}
    return posters.make(more.pop("campaign", None) or world.campaign(), entered | more, world.clock())


def test_each_branch_has_a_sign_of_its_own(world, main):
    signs = [row.sign for row in Branch.select()]
    assert len(set(signs)) == len(signs)
    assert all(len(sign) == 14 for sign in signs)
    assert counter_signs.find(main.sign) == main
    assert counter_signs.find("0" * 14) is None
    Branch.update(closed_at=world.clock()).where(Branch.id == main.id).execute()
    assert counter_signs.find(main.sign) is None


def test_what_is_held_of_this_shop_and_good_here(world, main):
    here = world.voucher(campaign=world.campaign(branch_slugs=["main"]))
    anywhere = world.voucher()
    world.voucher(campaign=world.campaign(branch_slugs=["river"]))
    world.voucher(campaign=world.campaign(merchant=world.make_merchant(slug="other")))
    assert set(counter_signs.vouchers_here(main, world.mei)) == {here, anywhere}


def test_what_may_be_claimed_here(world, main):
    mine, campaign = world.mei, world.campaign(branch_slugs=["main"])
    first, _ = poster(world, campaign=campaign), poster(world, campaign=campaign)
    elsewhere = poster(world, campaign=world.campaign(branch_slugs=["river"]))
    poster(world, claimed_by="proved")
    posters.pause(poster(world), world.clock())
    posters.end(poster(world), world.clock())
    later = world.campaign(starts_at=utc("2026-12-20T00:00:00Z"))
    poster(world, campaign=later)
    assert counter_signs.offers(main, None, world.clock()) == [first]
    assert first.campaign.branch_slugs != elsewhere.campaign.branch_slugs
    posters.claim(first, mine, world.clock())
    assert first not in counter_signs.offers(main, mine, world.clock())


# Its page


@pytest.fixture
def sign(small_world) -> str:
    return "/at/" + Branch.get((Branch.merchant == small_world.merchant) & (Branch.slug == "main")).sign


def test_a_stranger_sees_the_offers(client, small_world, sign):
    offer = poster(small_world)
    page = client.get(sign)
    assert page.all("a", href=f"/p/{offer.token}")
    assert "This browser has no vouchers yet." in page.text
    assert page.all("a", href=f"/sign-in?next={sign}")


def test_who_holds_a_voucher_redeems_it_with_the_branch_chosen(app, small_world, sign):
    wallet = small_world.wallet()
    campaign = small_world.campaign(branch_slugs=["main", "river"])
    voucher = small_world.voucher(campaign=campaign, holder=wallet)
    spent = small_world.voucher(holder=wallet)
    small_world.attempt(spent)
    client = PageClient(app)
    client.http.set_cookie("quanbao-wallet", accounts.start_session(wallet, small_world.clock()))
    page = client.get(sign)
    to = f"/vouchers/{voucher.code}/redeem?branch=main"
    assert [link["href"] for link in page.all("a") if "/redeem" in link["href"]] == [to]
    assert "Main Street" in client.get(to).text
    assert Redemption.select().count() == 1, "the one before"


def test_one_that_is_no_sign_leads_nowhere(client):
    client.get("/at/00000000000000", status=404)
    client.get("/at/short", status=404)


def test_the_printed_one_has_the_code_in_both_languages(client, small_world, sign):
    client.sign_in(small_world.member(role="manager", password="a-long-secret"))
    page = client.get("/merchants/lotus/branches/main/sign?paper=card")
    assert sign in page.text
    for words in ("Vouchers? Scan here", "有券？扫这里", "Main Street"):
        assert words in page.text
    assert page.all("a", href="/merchants/lotus/branches/main/sign?paper=a4")
    assert client.get("/merchants/lotus/branches").all("a", href="/merchants/lotus/branches/main/sign")
    client.get("/merchants/lotus/branches/nowhere/sign", status=404)
