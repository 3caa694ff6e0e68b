"""What a phone keeps is its holder's: nothing of another merchant's, whatever addresses were opened on it."""

import pytest

from models import Account
from quanbao.people import accounts
from tests.browser.test_offline import KEPT, kept
from tests.support.chromium import phone
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.full_merchants import Firm, firm
from tests.support.rights import Who

pytestmark = [pytest.mark.promise("tenants"), pytest.mark.browser]

MARK = "kanari"
THEIRS = (
    "/vouchers/{code}",
    "/vouchers/{code}/redeem",
    "/attempts/{attempt_id}",
    "/claim/{link}",
    "/merchants/{merchant}/campaigns",
    "/merchants/{merchant}/campaigns/{campaign}",
    "/merchants/{merchant}/till",
)


@pytest.fixture
def firms(small_world) -> tuple[Firm, Firm]:
    found = firm(small_world), firm(small_world, "bamboo", MARK, "739164820573")
    Account.update(password_hash=accounts.hash_password(ACCOUNT_PASSWORD)).execute()
    return found


def test_a_phone_keeps_nothing_of_another_house(firms, small_site, visit, proved):
    own, other = firms
    holder = visit(small_site, **phone()).sign_in(own.people[Who.CONSUMER].email)
    holder.expect("status of 404")
    holder.page.goto("/wallet")
    kept(holder.page, "lotus-campaign-product")
    for path in THEIRS:
        holder.page.goto(path.format_map(other.values | {"link": other.values["claims.token"]}))
    holder.page.goto("/wallet")
    kept(holder.page, "lotus-campaign-product")
    assert MARK not in holder.page.evaluate(KEPT)
    proved(f"Chromium: {len(THEIRS)} addresses of another house opened, nothing of it kept")


def test_control_what_a_phone_keeps_is_seen(firms, small_site, visit):
    holder = visit(small_site, **phone()).sign_in(firms[1].people[Who.CONSUMER].email)
    holder.page.goto("/wallet")
    kept(holder.page, "kanari-campaign-product")
    assert MARK in holder.page.evaluate(KEPT)
