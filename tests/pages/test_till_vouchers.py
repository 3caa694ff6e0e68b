"""A voucher's own number at the till: a member sees how it stands, and redeems nothing by it."""

import pytest

from models import Account, Campaign, Redemption, Role, Voucher
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER
from tests.support.page_client import PageClient

TILL = "/merchants/lotus/till"


@pytest.fixture
def voucher(small_world) -> Voucher:
    return small_world.voucher()


@pytest.fixture
def cashier(client, small_world) -> PageClient:
    return client.sign_in(small_world.member(role=Role.CASHIER, email=CASHIER, password=ACCOUNT_PASSWORD))


def of_another_shop(world) -> Campaign:
    return world.campaign(merchant=world.make_merchant(slug="other", name="Other"))


@pytest.mark.parametrize(
    "spelled",
    [
        str,
        str.lower,
        lambda code: "-".join(code[at : at + 4] for at in range(0, 16, 4)),
        lambda code: f" {code[:8]} {code[8:]} ",
        lambda code: f"http://localhost/vouchers/{code}",
    ],
)
def test_typed_or_scanned_it_shows_the_voucher(cashier, voucher, spelled):
    at = f"{TILL}/vouchers/{voucher.code}"
    assert cashier.post(TILL, {"code": spelled(voucher.code)}, status=303).location == at
    page = cashier.get(at)
    for words in ("Oolong, 500 ml", "Unused", "Nothing is redeemed by this number"):
        assert words in page.text
    assert not page.all("form", action=f"/vouchers/{voucher.code}/redemptions")
    assert Redemption.select().count() == 0


def test_it_says_what_was_redeemed(cashier, voucher, small_world):
    small_world.attempt(voucher)
    page = cashier.get(f"{TILL}/vouchers/{voucher.code}")
    assert "Used" in page.text
    assert Redemption.get().words in page.text


def test_a_number_that_is_no_voucher_of_this_shop_is_told(cashier, small_world):
    for number in ("A" * 16, small_world.voucher(campaign=of_another_shop(small_world)).code):
        page = cashier.post(TILL, {"code": number}, status=422)
        assert "This shop has no voucher of this number." in page.text
        cashier.get(f"{TILL}/vouchers/{number}", status=404)


def test_a_member_who_opens_its_address_is_led_to_the_till(cashier, voucher):
    assert cashier.get(f"/vouchers/{voucher.code}", status=303).location == f"{TILL}/vouchers/{voucher.code}"
    assert Voucher.get().opened_at is None


def test_a_member_sees_a_voucher_of_their_own_as_its_holder(cashier, small_world):
    mine = small_world.voucher(holder=Account.get(Account.email == CASHIER))
    assert cashier.get(f"/vouchers/{mine.code}").all("button")


def test_for_anybody_else_there_is_nothing(client, voucher, small_world):
    client.get(f"{TILL}/vouchers/{voucher.code}", status=303)
    client.sign_in(small_world.account())
    client.get(f"/vouchers/{voucher.code}", status=404)
    client.get(f"{TILL}/vouchers/{voucher.code}", status=404)
