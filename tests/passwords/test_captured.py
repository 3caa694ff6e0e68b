"""What who has captured a password can do, tried from another wallet: as the owner's page and SECURITY.md say."""

import pytest

from models import Attempt, PasswordKind, RedemptionPassword
from quanbao.passwords import redemption_passwords, shop_passwords
from quanbao.passwords.shop_passwords import Entered
from quanbao.people import accounts
from quanbao.redemption.reasons import Reason
from tests.support.factories import PASSWORD

WRONG, USED = Reason.PASSWORD_INCORRECT, Reason.PASSWORD_USED


@pytest.fixture
def shop(world):
    """A shop with one password of the kind, and what a thief does in it: each time with another wallet of theirs."""

    class Shop:
        campaign = world.campaign(accepts_all=True)

        def has(self, kind: PasswordKind) -> RedemptionPassword:
            return shop_passwords.add(
                world.merchant, Entered("Till"), kind, None, key=world.keys.password, now=world.clock()
            )

        def types(self, digits: str) -> Reason | None:
            voucher = world.voucher(campaign=self.campaign, holder=world.account())
            return world.attempt(voucher, typed=digits).reason

        def shows(self, row: RedemptionPassword) -> str:
            """The digits of this moment, as a cashier has them."""
            secret = redemption_passwords.reveal(row, world.keys.password)
            if row.kind == PasswordKind.DAILY:
                return shop_passwords.of_today(row, world.clock(), world.keys.password)
            if row.kind == PasswordKind.AUTHENTICATOR:
                return shop_passwords.changing.at_step(secret, int(world.clock().timestamp()) // 30)
            session = accounts.session_of(accounts.start_session(world.account(), world.clock()), world.clock())
            return shop_passwords.new_digits(row, session, world.clock(), world.keys.password)

    return Shop()


def test_fixed_digits_open_until_they_are_changed(world, shop):
    for _ in range(3):
        assert shop.types(PASSWORD) is None, "whoever watches the cashier's fingers"
        world.clock.forward(hours=20)
    redemption_passwords.change(shop.campaign, None, key=world.keys.password, now=world.clock())
    assert shop.types(PASSWORD) is WRONG


def test_a_days_digits_open_until_its_end(world, shop):
    world.clock.set("2026-12-01T02:00+00:00")  # ten o'clock in Shanghai
    captured = shop.shows(shop.has(PasswordKind.DAILY))
    assert shop.types(captured) is None
    world.clock.set("2026-12-01T19:59:59+00:00")  # a second before four
    assert shop.types(captured) is None
    world.clock.forward(seconds=1)
    assert shop.types(captured) is WRONG


@pytest.mark.parametrize("kind", [PasswordKind.AUTHENTICATOR, PasswordKind.ONE_TIME])
def test_used_digits_never_open_again(world, shop, kind):
    captured = shop.shows(shop.has(kind))
    assert shop.types(captured) is None, "the redemption that they were typed for"
    assert shop.types(captured) is USED
    for seconds in (30, 30, 30, 3600, 86400):
        world.clock.forward(seconds=seconds)
        assert shop.types(captured) in (USED, WRONG)
    assert Attempt.select().where(Attempt.reason.is_null()).count() == 1


@pytest.mark.parametrize(("kind", "seconds"), [(PasswordKind.AUTHENTICATOR, 90), (PasswordKind.ONE_TIME, 60)])
def test_intercepted_and_unsent_digits_open_once_and_not_for_long(world, shop, kind, seconds):
    """In place of the redemption that they were typed for: that one is refused, so somebody notices."""
    world.clock.set("2026-12-01T02:00+00:00")  # a step begins
    row = shop.has(kind)
    if kind == PasswordKind.AUTHENTICATOR:  # whose clock is a step ahead shows it half a minute early
        secret = redemption_passwords.reveal(row, world.keys.password)
        captured = shop_passwords.changing.at_step(secret, int(world.clock().timestamp()) // 30 + 1)
    else:
        captured = shop.shows(row)
    world.clock.forward(seconds=seconds - 1)
    assert shop.types(captured) is None, "the thief's"
    assert shop.types(captured) is USED, "the customer's, for whom they were typed"


@pytest.mark.parametrize(("kind", "seconds"), [(PasswordKind.AUTHENTICATOR, 90), (PasswordKind.ONE_TIME, 60)])
def test_later_they_open_nothing(world, shop, kind, seconds):
    world.clock.set("2026-12-01T02:00+00:00")
    row = shop.has(kind)
    secret, step = redemption_passwords.reveal(row, world.keys.password), int(world.clock().timestamp()) // 30
    authenticator = kind == PasswordKind.AUTHENTICATOR
    captured = shop_passwords.changing.at_step(secret, step + 1) if authenticator else shop.shows(row)
    world.clock.forward(seconds=seconds)
    assert shop.types(captured) is WRONG
