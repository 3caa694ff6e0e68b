"""Rights by `quanbao load` go to whom the operator means, not to who typed an address first."""

from datetime import timedelta

import pytest

from models import Account, Member, Session
from quanbao.operations import bulk_import
from quanbao.people import accounts, one_time_links
from tests.support.factories import ACCOUNT_PASSWORD


@pytest.fixture
def boss(world):
    """Somebody who signed up as the boss, and is signed in."""
    account = accounts.sign_up("boss@new-shop.example", ACCOUNT_PASSWORD, world.clock())
    accounts.start_session(account, world.clock())
    return account


def load(world, **member):
    document = {
        "merchants": [
            {
                "slug": "new-shop",
                "name": "New Shop",
                "time_zone": "Europe/Lisbon",
                "currency": "EUR",
                "members": [{"email": "Boss@new-shop.example", "role": "owner", **member}],
            }
        ]
    }
    return bulk_import.load(document, now=world.clock(), password_key=world.keys.password)


def test_who_only_signed_up_with_an_address_gets_no_rights_by_it(world, boss):
    with pytest.raises(bulk_import.Refused) as refused:
        load(world)
    assert [fault.split(": ")[0] for fault in refused.value.faults] == ["merchants[0].members[0].password"]
    assert not Member.select().where(Member.account == boss).exists()


def test_the_accounts_own_password_in_the_document_says_that_it_is_meant(world, boss):
    load(world, password=ACCOUNT_PASSWORD)
    assert Member.get(Member.account == boss).role == "owner"


def test_an_address_that_was_proved_by_a_link_is_meant_too(world, boss):
    token = one_time_links.make("sign-in", world.clock(), boss)
    assert one_time_links.sign_in(token, "a-new-secret", world.clock()) == boss
    load(world)
    assert Account.get_by_id(boss.id).proved


def test_a_session_from_before_is_not_worth_a_members_rights_for_months(world, boss):
    load(world, password=ACCOUNT_PASSWORD)
    assert Session.get().expires_at == world.clock() + timedelta(hours=12)
