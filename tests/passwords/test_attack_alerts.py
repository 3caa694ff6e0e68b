"""A password under attack: its merchant's people are told once, and whoever changes it opens the keypads again."""

from datetime import timedelta
from threading import Barrier

import pytest

from database import db
from models import Account, Delivery, Event, Member, Mute, RedemptionPassword, Role
from quanbao.lib import merging
from quanbao.messages.push import subscriptions
from quanbao.passwords import attack_alerts, guess_limits, redemption_passwords
from quanbao.redemption import situation
from quanbao.redemption.reasons import Reason
from tests.conftest import POSTGRESQL
from tests.passwords.test_guess_limits import wrong_value
from tests.support.crowds import at_once
from tests.support.factories import PASSWORD, WRONG
from tests.support.push_fixtures import ORIGIN, outbox

TEA = "Oolong, 500 ml"


@pytest.fixture
def owner(world, mail) -> Account:
    """An owner whose browser wants to be told."""
    person = world.member(role=Role.OWNER)
    mail.subscribe(person)
    return person


@pytest.fixture
def voucher(world):
    return world.voucher(campaign=world.campaign(slug="tea", uses_per_voucher=9))


def last_guess(world, voucher, typed: str = WRONG) -> None:
    """The budget has one guess left, and it is made."""
    world.spend_password(wrong=guess_limits.PASSWORD_A_DAY - 1)
    assert world.attempt(voucher, typed=typed).reason is Reason.PASSWORD_INCORRECT


def under_attack(world) -> list[str]:
    going_on = attack_alerts.going_on(world.merchant, world.clock())
    return [campaign.product for alarm in going_on for campaign in alarm.campaigns]


# Told


def test_owners_and_managers_are_told_in_their_language(world, mail, owner, voucher):
    manager = world.member(role=Role.MANAGER)
    mail.subscribe(manager, language="zh")
    gone = world.member(role=Role.OWNER)
    Member.update(disabled_at=world.clock()).where(Member.account == gone).execute()
    stranger = world.member(role=Role.OWNER, merchant=world.make_merchant(slug="other"))
    for other in (world.member(role=Role.CASHIER), gone, stranger, world.mei):
        mail.subscribe(other)
    last_guess(world, voucher)
    mail.bring()
    said = {message.body["notification"]["lang"]: message for message in mail.service.inbox}
    assert {language: message.title for language, message in said.items()} == {
        "en": f"Keypads closed: {TEA}",
        "zh-Hans": f"数字键盘已关闭：{TEA}",
    }
    assert len(mail.service.inbox) == 2
    notification = said["en"].body["notification"]
    assert notification["body"].startswith("Lotus Tea: too many wrong passwords.")
    assert notification["navigate"] == f"{ORIGIN}/merchants/lotus/campaigns/tea/password"
    assert said["en"].headers["urgency"] == "high"
    for secret in (PASSWORD, WRONG, world.mei.email):
        assert secret not in str([message.body for message in mail.service.inbox])
    assert outbox() == []


def test_nobody_is_told_before_the_budget_is_spent(world, mail, owner, voucher):
    world.spend_password(wrong=guess_limits.PASSWORD_A_DAY - 2)
    assert world.attempt(voucher, typed=WRONG).reason is Reason.PASSWORD_INCORRECT
    assert (outbox(), under_attack(world)) == ([], [])
    assert guess_limits.spent(world.password, world.clock()) is None


def test_it_is_told_with_the_guess_or_not_at_all(world, mail, owner, voucher, monkeypatch):
    def fail(*what, **how):
        raise RuntimeError

    monkeypatch.setattr("quanbao.redemption.redeem._keep", fail)
    world.spend_password(wrong=guess_limits.PASSWORD_A_DAY - 1)
    with pytest.raises(RuntimeError):
        world.attempt(voucher, typed=WRONG)
    assert (outbox(), under_attack(world)) == ([], [])


def test_an_attack_that_goes_on_is_told_once_a_day(world, mail, owner, voucher):
    """A day after the first guesses some become free now and then, and are spent at once."""
    begun, told = world.clock(), {}
    for hour, others in ((0, 1), (1, 98), (2, 0), (24, 0), (25, 97), (26, 0)):
        world.clock.now = begun + timedelta(hours=hour)
        if others:
            world.spend_password(wrong=others)
        if hour > 1:
            guesser = world.voucher(campaign=voucher.campaign, holder=world.account())
            assert world.attempt(guesser, typed=wrong_value(hour)).reason is Reason.PASSWORD_INCORRECT
            assert guess_limits.spent(world.password, world.clock())
        told[hour] = Delivery.delete().execute()
    assert told == {0: 0, 1: 0, 2: 1, 24: 0, 25: 0, 26: 1}


def test_a_clock_that_is_set_back_keeps_nobody_from_being_told(world, mail, owner, voucher):
    RedemptionPassword.update(spent_at=world.clock() + timedelta(days=365)).execute()
    last_guess(world, voucher)
    mail.bring()
    assert mail.titles() == [f"Keypads closed: {TEA}"]


@pytest.mark.race
def test_whoever_spends_the_last_one_at_the_same_moment_it_is_told_once(world, mail, owner, voucher):
    last_two_at_once(world)
    mail.bring()
    assert mail.titles() == [f"Keypads closed: {TEA}"]


@pytest.mark.race
@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_control_without_the_rows_lock_nobody_sees_that_it_was_the_last(world, mail, owner, voucher, monkeypatch):
    together, spent = Barrier(2), guess_limits.spent

    def look(password, now):
        answer = spent(password, now)
        if db.in_transaction() and guess_limits.Guess.select().count() >= 99:
            together.wait(30)  # both have written and looked, and neither has committed
        return answer

    monkeypatch.setattr(situation, "lock", lambda voucher, password: None)
    monkeypatch.setattr(attack_alerts.guess_limits, "spent", look)
    last_two_at_once(world)
    assert outbox() == []


def last_two_at_once(world) -> None:
    """Two guesses are left, and two people make them."""
    guessers = [world.voucher(campaign=world.campaign(), holder=world.account()) for _ in range(2)]
    world.spend_password(wrong=guess_limits.PASSWORD_A_DAY - 2)
    verdicts = at_once(
        *(lambda which=which: world.attempt(guessers[which], typed=wrong_value(which)) for which in range(2))
    )
    assert [verdict.reason for verdict in verdicts] == [Reason.PASSWORD_INCORRECT] * 2


# Still true, and wanted


def test_who_changed_it_in_time_hears_nothing(world, mail, owner, voucher):
    last_guess(world, voucher)
    assert outbox() == [(Event.UNDER_ATTACK, 0)]
    redemption_passwords.change(voucher.campaign, None, key=world.keys.password, now=world.clock())
    mail.bring()
    assert (mail.titles(), outbox()) == ([], [])


def test_who_may_do_nothing_about_it_any_more_hears_nothing(world, mail, owner, voucher):
    last_guess(world, voucher)
    Member.update(role=Role.CASHIER).where(Member.account == owner).execute()
    mail.bring()
    assert mail.titles() == []


def test_it_can_be_turned_off_by_itself(world, mail, owner, voucher):
    """But not with a shop's news for its customers, whose customer its owner may be."""
    Mute.create(account=owner, what="merchant:lotus")
    last_guess(world, voucher)
    mail.bring()
    assert mail.titles() == [f"Keypads closed: {TEA}"]
    redemption_passwords.change(voucher.campaign, None, key=world.keys.password, now=world.clock())
    subscriptions.listen(owner, [event for event in Event if event != Event.UNDER_ATTACK])
    world.password = RedemptionPassword.get_by_id(world.password.id)
    last_guess(world, world.voucher(campaign=voucher.campaign, holder=world.account()))
    mail.bring()
    assert mail.titles() == []


def test_only_staff_choose_about_it(world):
    """Whoever becomes an owner later must not have turned it off without having been asked."""
    owner = world.member(role=Role.MANAGER)
    for account in (world.mei, world.member(role=Role.CASHIER)):
        assert Event.UNDER_ATTACK not in subscriptions.events(account)
        subscriptions.listen(account, [])
        assert Event.UNDER_ATTACK not in subscriptions.mutes(account)
    assert Event.UNDER_ATTACK in subscriptions.events(owner)
    subscriptions.listen(owner, [])
    assert Event.UNDER_ATTACK in subscriptions.mutes(owner)


# Until it is changed, or over


def test_a_change_ends_it_and_the_next_attack_is_told_again(world, mail, owner, voucher):
    world.campaign(product="Cake")
    last_guess(world, voucher)
    assert under_attack(world) == [TEA, "Cake"]
    before = redemption_passwords.mark(RedemptionPassword.get())
    assert redemption_passwords.change(
        voucher.campaign, None, key=world.keys.password, now=world.clock(), replacing=before
    )
    with pytest.raises(merging.Conflict):
        redemption_passwords.change(
            voucher.campaign, None, key=world.keys.password, now=world.clock(), replacing=before
        )
    world.password = RedemptionPassword.get()
    assert (world.password.version, under_attack(world)) == (2, [])
    digits = redemption_passwords.reveal(world.password, world.keys.password)
    assert world.attempt(voucher, typed=digits).redeemed
    mail.bring()
    mail.titles()
    last_guess(world, world.voucher(campaign=voucher.campaign, holder=world.account()))
    mail.bring()
    assert mail.titles() == [f"Keypads closed: {TEA}"]


def test_it_is_over_when_the_guesses_are_a_day_old(world, voucher):
    last_guess(world, voucher)
    assert guess_limits.spent(world.password, world.clock()).retry_after == 24 * 3600
    world.clock.forward(hours=24)
    assert (guess_limits.spent(world.password, world.clock()), under_attack(world)) == (None, [])


def test_after_a_thousand_in_its_life_only_a_change_ends_it(world, voucher):
    for _ in range(guess_limits.PASSWORD_IN_LIFE // 100):
        world.spend_password()
        world.clock.forward(days=2)
    assert under_attack(world) == [TEA]
    world.clock.forward(days=10)
    assert under_attack(world) == [TEA]


def test_what_opens_nothing_any_more_is_no_alarm(world):
    ended = world.campaign(ended_at=world.clock())
    world.campaign(ends_at=world.clock())
    world.campaign(published_at=None)
    world.spend_password()
    assert guess_limits.spent(ended.password, world.clock())
    assert under_attack(world) == []
    other = world.make_merchant(slug="other")
    world.campaign()
    assert under_attack(world) == [TEA]
    assert attack_alerts.going_on(other, world.clock()) == []


# What it costs to ask


def test_to_ask_while_all_is_quiet_is_one_query_along_an_index(world, voucher, monkeypatch):
    world.spend_password(wrong=50)
    asked, run = [], db.obj.execute_sql
    monkeypatch.setattr(db.obj, "execute_sql", lambda sql, params=None, *more: asked.append(sql) or run(sql, params))
    assert guess_limits.spent(world.password, world.clock()) is None
    assert attack_alerts.going_on(world.merchant, world.clock()) == []
    assert len(asked) == 2
    assert Delivery.select().count() == 0


def test_a_change_is_told_at_the_tills_for_a_shift(world, voucher):
    world.campaign(product="Cake")
    world.campaign(product="Draft", published_at=None)
    assert redemption_passwords.changed_lately(world.merchant, world.clock()) == []
    redemption_passwords.change(voucher.campaign, None, key=world.keys.password, now=world.clock())
    assert redemption_passwords.changed_lately(world.merchant, world.clock()) == [(world.clock(), [TEA, "Cake"])]
    world.clock.forward(hours=12, seconds=1)
    assert redemption_passwords.changed_lately(world.merchant, world.clock()) == []
