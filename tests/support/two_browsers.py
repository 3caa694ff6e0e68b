"""Mei with a password, in two browsers of hers; and what their pages say."""

import pytest

from models import Account
from quanbao.people import accounts
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import Page, PageClient

RIGHT = {"password": ACCOUNT_PASSWORD}
GOING = {"sure": "y", **RIGHT}


@pytest.fixture
def mei(small_world):
    small_world.mei.password_hash = accounts.hash_password(ACCOUNT_PASSWORD)
    small_world.mei.save()
    return small_world.mei


@pytest.fixture
def here(client, mei):
    """Mei's browser."""
    return client.sign_in(mei)


@pytest.fixture
def there(app, mei):
    """Another browser of hers."""
    return PageClient(app).sign_in(mei)


def now_of(account: Account) -> Account:
    return Account.get_by_id(account.id)


def is_signed_in(client: PageClient) -> bool:
    return client._send("GET", "/wallet", {}, {}).status_code == 200


def wrong_fields(page: Page) -> list[str]:
    return [field["name"] for field in page.all("input", **{"aria-invalid": "true"})]
