"""Changed digits: those before stay good for as long as the owner says, then end by themselves."""

from datetime import timedelta

import pytest

from models import CampaignPassword, Guess, PasswordKind, RedemptionPassword
from quanbao.passwords import accepting, guess_limits, redemption_passwords, shop_passwords
from quanbao.passwords.shop_passwords import Entered, Refused
from quanbao.redemption.reasons import Reason
from tests.support.factories import PASSWORD, WRONG

NEW = "604718"
FOUR_HOURS = timedelta(hours=4)


@pytest.fixture
def change(world):
    """Give the campaign's password these digits, the old ones good for four hours more."""

    def act(campaign, digits=NEW, overlap=FOUR_HOURS, replacing=None):
        return redemption_passwords.change(
            campaign, digits, key=world.keys.password, now=world.clock(), overlap=overlap, replacing=replacing
        )

    return act


def tried(world, campaign, digits):
    return world.attempt(world.voucher(campaign=campaign, holder=world.account()), typed=digits).reason


@pytest.mark.parametrize("accepts_all", [True, False])
def test_both_are_good_and_then_the_new_one_alone(world, change, accepts_all):
    campaign = world.campaign(accepts_all=accepts_all)
    assert tried(world, campaign, NEW) is Reason.PASSWORD_INCORRECT
    assert change(campaign)
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [None, None]
    world.clock.forward(seconds=FOUR_HOURS.total_seconds() - 1)
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [None, None]
    world.clock.forward(seconds=1)
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [Reason.PASSWORD_INCORRECT, None]


def test_a_campaign_that_lists_it_accepts_both_too(world, change):
    own, listing = world.campaign(), world.campaign(password=world.make_password(digits="739164"))
    CampaignPassword.create(campaign=listing, password=own.password)
    change(own)
    assert [tried(world, listing, digits) for digits in (PASSWORD, NEW)] == [None, None]
    world.clock.forward(hours=4)
    assert [tried(world, listing, digits) for digits in (PASSWORD, NEW)] == [Reason.PASSWORD_INCORRECT, None]


def test_without_an_overlap_the_old_one_ends_at_once(world, change):
    campaign = world.campaign()
    change(campaign, overlap=timedelta())
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [Reason.PASSWORD_INCORRECT, None]
    assert RedemptionPassword.select().count() == 1


def test_both_stand_with_their_times_under_one_name(world, change):
    change(world.campaign())
    rows = shop_passwords.of_merchant(world.merchant, world.clock())
    assert [(row.name, row.valid_from, row.ends_at) for row in rows] == [
        ("Password 1", world.password.valid_from, world.clock() + FOUR_HOURS),
        ("Password 1", world.clock(), None),
    ]
    world.clock.forward(hours=4)
    assert len(shop_passwords.of_merchant(world.merchant, world.clock())) == 1


def test_what_was_spent_on_the_old_one_stays_spent(world, change):
    campaign = world.campaign()
    for _ in range(3):
        tried(world, campaign, WRONG)
        world.clock.forward(minutes=11)
    before = Guess.select().where(Guess.password == world.password).count()
    assert change(campaign)
    assert Guess.select().where(Guess.password == world.password).count() == before == 3
    assert tried(world, campaign, WRONG) is Reason.PASSWORD_INCORRECT
    assert Guess.select().where(Guess.password == world.password).count() == 4, "and a wrong one counts on"


def test_one_whose_budget_is_spent_has_no_overlap(world, change):
    campaign = world.campaign()
    world.spend_password()
    assert change(campaign)
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [Reason.PASSWORD_INCORRECT, None]


def test_the_old_digits_once_more_stay_with_what_was_spent_on_them(world, change):
    campaign = world.campaign()
    tried(world, campaign, WRONG)
    change(campaign)
    assert change(campaign, PASSWORD)
    own = type(campaign).get_by_id(campaign.id).password
    assert (own.id, own.ends_at) == (world.password.id, None)
    assert Guess.select().where(Guess.password == own).count() == 1
    world.clock.forward(hours=4)
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [None, Reason.PASSWORD_INCORRECT]


def test_what_is_ending_ends_at_once_where_it_is_changed_again(world, change):
    campaign = world.campaign()
    change(campaign)
    old = RedemptionPassword.get_by_id(world.password.id)
    assert change(campaign, None, replacing=redemption_passwords.mark(old))
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [Reason.PASSWORD_INCORRECT, None]


def test_a_new_campaign_takes_none_that_is_ending(world, change):
    change(world.campaign())
    of_shop = redemption_passwords.of_shop(world.merchant, key=world.keys.password, now=world.clock())
    assert of_shop.ends_at is None
    by_digits = redemption_passwords.of_digits(world.merchant, PASSWORD, key=world.keys.password, now=world.clock())
    assert (by_digits.id, by_digits.ends_at) == (world.password.id, None), "who types its digits wants them to stay"


@pytest.mark.parametrize("kind", [PasswordKind.DAILY, PasswordKind.ONE_TIME])
def test_secrets_are_changed_likewise(world, kind):
    row = shop_passwords.add(world.merchant, Entered("Till"), kind, None, key=world.keys.password, now=world.clock())
    shop_passwords.renew(row, None, FOUR_HOURS, key=world.keys.password, now=world.clock())
    old, new = RedemptionPassword.select().where(RedemptionPassword.kind == kind).order_by(RedemptionPassword.id)
    secrets = [redemption_passwords.reveal(one, world.keys.password) for one in (old, new)]
    assert secrets[0] != secrets[1]
    assert (old.ends_at, new.ends_at, new.name) == (world.clock() + FOUR_HOURS, None, "Till")


def test_an_end_may_be_later_and_never_takes_the_last_one(world):
    campaign = world.campaign(accepts_all=True)
    with pytest.raises(Refused):
        shop_passwords.end(world.password, world.clock(), FOUR_HOURS)
    world.make_password(digits=NEW)
    shop_passwords.end(world.password, world.clock(), FOUR_HOURS)
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [None, None]
    other = next(row for row in accepting.of_campaign(campaign, world.clock()) if row.ends_at is None)
    with pytest.raises(Refused):
        shop_passwords.end(other, world.clock())
    world.clock.forward(hours=4)
    assert [tried(world, campaign, digits) for digits in (PASSWORD, NEW)] == [Reason.PASSWORD_INCORRECT, None]
    assert guess_limits.spent(other, world.clock()) is None
