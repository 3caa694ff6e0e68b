"""What holders are told: each event, in their language, once, as long as it is true and they want to hear it."""

import json
from datetime import timedelta

import pytest

from models import Audience, Campaign, Delivery, Event, Mute, News, Redemption, Voucher
from quanbao.campaigns import editing, entered_values
from quanbao.messages import events
from quanbao.messages.push import subscriptions
from quanbao.people import accounts
from quanbao.redemption import revocations
from quanbao.vouchers import claims
from tests.redemption.test_rollbacks import member, roll_back
from tests.support.crowds import link_to, make_customers, publish
from tests.support.factories import PASSWORD, utc
from tests.support.push_fixtures import ORIGIN, outbox

TEA = "Oolong, 500 ml"


def change(world, campaign: Campaign, **columns) -> None:
    entered = entered_values.document(Campaign.get_by_id(campaign.id)) | columns
    editing.change(Campaign.get_by_id(campaign.id), entered, now=world.clock(), password_key=world.keys.password)


# Each event


def test_a_new_voucher(world, mail):
    browser = mail.subscribe()
    voucher = world.voucher()
    mail.bring()
    (message,) = mail.service.inbox
    assert message.browser == browser
    assert message.body == {
        "web_push": 8030,
        "app_badge": 1,
        "mutable": True,
        "notification": {
            "title": f"New: {TEA}",
            "body": "¥18 instead of ¥30 at Lotus Tea, until Dec 31, 2026",
            "lang": "en",
            "tag": message.headers["topic"],
            "navigate": f"{ORIGIN}/vouchers/{voucher.code}",
        },
    }
    assert (message.headers["ttl"], message.headers["urgency"]) == ("86400", "normal")
    assert outbox() == []


def test_a_redemption_each_time(world, mail):
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=3))
    mail.subscribe()
    for _ in range(2):
        assert world.attempt(voucher).redeemed
    world.attempt(voucher, typed="602417")
    mail.bring()
    messages = mail.service.inbox
    assert [message.title for message in messages] == [f"Redeemed: {TEA}"] * 2
    assert {message.body["notification"]["body"] for message in messages} == {"At Lotus Tea; 1 of 3 uses left"}
    assert len({message.tag for message in messages}) == 2, "two uses do not replace each other"
    assert {message.headers["urgency"] for message in messages} == {"high"}


def test_a_redemption_of_a_voucher_that_is_good_once(world, mail):
    voucher = world.voucher()
    mail.subscribe()
    world.attempt(voucher)
    mail.bring()
    assert [(m.title, m.body["notification"]["body"], m.body["app_badge"]) for m in mail.service.inbox] == [
        (f"Redeemed: {TEA}", "At Lotus Tea", 0)
    ]


def test_another_price(world, mail):
    voucher = world.voucher()
    mail.subscribe()
    change(world, voucher.campaign, offer_price=1600)
    mail.bring()
    (message,) = mail.service.inbox
    assert message.title == f"New price: {TEA}"
    assert message.body["notification"]["body"] == "¥16 instead of ¥30 at Lotus Tea, until Dec 31, 2026"


def test_two_prices_are_told_as_the_last(world, mail):
    voucher = world.voucher()
    mail.subscribe()
    for price in (1600, 0):
        change(world, voucher.campaign, offer_price=price)
    mail.bring()
    (message,) = mail.service.inbox
    assert message.body["notification"]["body"].startswith("Free instead of ¥30")
    change(world, voucher.campaign, offer_price=1500)
    mail.bring()
    assert mail.service.inbox[1].tag == message.tag, "the later price takes the place of the earlier"


def test_a_change_that_takes_nothing_is_no_news(world, mail):
    voucher = world.voucher()
    mail.subscribe()
    change(world, voucher.campaign, quantity=200, ends_at="2027-01-31", starts_at="2026-11-01")
    mail.bring()
    assert mail.titles() == []


def test_an_early_end(world, mail):
    voucher = world.voucher()
    mail.subscribe()
    editing.end(voucher.campaign, world.clock())
    mail.bring()
    (message,) = mail.service.inbox
    assert (message.title, message.body["notification"]["body"]) == (
        f"Ended early: {TEA}",
        "Lotus Tea has ended this offer.",
    )


def test_only_who_has_something_left_hears_of_a_campaign(world, mail):
    campaign = world.campaign(uses_per_voucher=2)
    others = [world.account() for _ in range(4)]
    used, revoked, half, _ = (world.voucher(campaign=campaign, holder=holder) for holder in others)
    for holder in others[:3]:
        mail.subscribe(holder)
    world.voucher(holder=world.mei)
    mail.subscribe(world.mei)
    for voucher in (used, used, half):
        world.attempt(voucher)
    Voucher.update(revoked_at=world.clock()).where(Voucher.id == revoked.id).execute()
    mail.bring()
    mail.titles()
    editing.end(campaign, world.clock())
    mail.bring()
    assert [message.browser.document for message in mail.service.inbox] == [
        browser.document
        for token, browser in mail.service.browsers.items()
        if browser.endpoint == subscriptions.mine(others[2])[0].endpoint
    ]


# The day before the last


@pytest.mark.parametrize(
    ("ends_at", "zone", "from_"),
    [
        ("2026-12-05T00:00:00+08:00", "Asia/Shanghai", "2026-12-03T10:00:00+08:00"),
        ("2026-12-04T18:00:00+08:00", "Asia/Shanghai", "2026-12-03T10:00:00+08:00"),
        ("2026-12-05T00:00:00-08:00", "America/Los_Angeles", "2026-12-03T10:00:00-08:00"),
        ("2026-12-05T00:00:00+14:00", "Pacific/Kiritimati", "2026-12-03T10:00:00+14:00"),
    ],
)
def test_it_ends_tomorrow_on_the_merchants_wall(world, mail, ends_at, zone, from_):
    merchant = world.make_merchant(slug="far", time_zone=zone)
    password = world.make_password(merchant=merchant, digits="111222")
    world.voucher(campaign=world.campaign(merchant=merchant, password=password, ends_at=utc(ends_at)))
    mail.subscribe()
    for early in (timedelta(hours=24), timedelta(hours=10, seconds=1), timedelta(seconds=1)):
        world.clock.now = utc(from_) - early
        events.remind(world.clock())
        assert not events.is_waiting()
    for late in (0, 1, 7):
        world.clock.now = utc(from_) + timedelta(hours=late)
        events.remind(world.clock())
        mail.bring()
    (message,) = mail.service.inbox
    assert message.title == f"Ends tomorrow: {TEA}"
    assert message.headers["ttl"] == str(14 * 3600), "tomorrow it would not be true"


def test_nobody_is_reminded_too_late_or_of_what_was_ended(world, mail):
    late = world.campaign(ends_at=utc("2026-12-02T00:00:00+08:00"))
    ended = world.campaign(ends_at=utc("2026-12-03T00:00:00+08:00"), ended_at=world.clock())
    draft = world.campaign(ends_at=utc("2026-12-03T00:00:00+08:00"), published_at=None)
    for campaign in (late, ended, draft):
        world.voucher(campaign=campaign)
    events.remind(world.clock())
    assert not events.is_waiting()


def test_another_end_is_reminded_of_again(world, mail):
    voucher = world.voucher(campaign=world.campaign(ends_at=utc("2026-12-03T00:00:00+08:00")))
    mail.subscribe()
    events.remind(world.clock())
    mail.bring()
    change(world, voucher.campaign, ends_at="2026-12-08")
    for day in range(2, 9):
        world.clock.set(f"2026-12-{day:02}T12:00:00+08:00")
        events.remind(world.clock())
        mail.bring()
    assert mail.titles() == [f"Ends tomorrow: {TEA}"] * 2


def test_what_is_brought_too_late_is_not_brought(world, mail):
    world.voucher(campaign=world.campaign(ends_at=utc("2026-12-03T00:00:00+08:00")))
    mail.subscribe()
    events.remind(world.clock())
    events.spread(world.clock())
    world.clock.set("2026-12-02T00:00:01+08:00")
    mail.bring()
    assert (mail.titles(), outbox()) == ([], [])


# Every way to a voucher


def test_published_claimed_and_loaded_vouchers_are_announced(world, mail):
    people = make_customers(world, 3)
    for customer in people[:2]:
        mail.subscribe(customer.consumer)
    mail.subscribe()
    publish(world, world.campaign(), Audience.ALL)
    mail.bring()
    assert mail.titles() == [f"New: {TEA}"] * 2
    claim, _ = link_to(world, "somebody@example.org", world.campaign(product="Cake"))
    claims.claim(claims.usable(_, world.clock()), world.mei, world.clock())
    mail.bring()
    assert mail.titles() == ["New: Cake"]


def test_who_holds_one_already_hears_nothing(world, mail):
    campaign = world.campaign()
    people = make_customers(world, 2)
    mail.subscribe(people[0].consumer)
    for _ in range(2):
        publish(world, campaign, Audience.ALL)
    mail.bring()
    assert mail.titles() == [f"New: {TEA}"]


def test_all_browsers_of_a_holder_hear_of_it_each_in_its_language(world, mail):
    mail.subscribe()
    mail.subscribe(language="zh")
    world.voucher(campaign=world.campaign(kind="gift", product="蛋糕"))
    mail.bring()
    said = sorted((m.body["notification"]["lang"], m.title, m.body["notification"]["body"]) for m in mail.service.inbox)
    assert said == [
        ("en", "New: 蛋糕", "Gift from Lotus Tea, until Dec 31, 2026"),
        ("zh-Hans", "新券：蛋糕", "Lotus Tea 的礼品券，有效期至 2026年12月31日"),
    ]


def test_many_holders_are_told_some_at_a_time(world, mail, monkeypatch):
    monkeypatch.setattr(events, "STEP", 3)
    campaign = world.campaign()
    people = make_customers(world, 10)
    publish(world, campaign, Audience.ALL)
    for customer in people:
        mail.subscribe(customer.consumer)
    editing.end(campaign, world.clock())
    steps = []
    while events.is_waiting():
        events.spread(world.clock())
        steps.append(Delivery.select().count())
    assert steps == [3, 6, 9, 10, 10]
    mail.bring()
    assert mail.titles() == [f"Ended early: {TEA}"] * 10


def test_what_did_not_happen_is_not_told(world, mail):
    """The rows are written in the transactions that they tell of."""
    mail.subscribe()
    voucher = world.voucher()
    mail.bring()
    mail.titles()
    with pytest.raises(editing.Refused):
        change(world, voucher.campaign, offer_price=99_999_999)
    world.attempt(voucher, typed="602417")
    mail.bring()
    assert (mail.titles(), outbox(), News.select().count()) == ([], [], 0)


# Who does not want to hear of it


ALL = {event.value for event in Event}


@pytest.mark.parametrize("event", Event)
def test_each_event_can_be_turned_off(world, mail, event):
    ends = utc("2026-12-03T00:00:00+08:00")
    kept = world.voucher(campaign=world.campaign(uses_per_voucher=5, ends_at=ends))
    mail.subscribe()
    subscriptions.listen(world.mei, ALL - {event} | {"merchant:lotus"})
    gone, owner = world.voucher(), member(world)
    world.attempt(kept)
    events.remind(world.clock())
    mail.bring()
    roll_back(world, Redemption.get(), owner)
    revocations.revoke(gone, owner, "misuse", "", world.clock())
    mail.bring()
    change(world, kept.campaign, offer_price=1)
    mail.bring()
    editing.end(kept.campaign, world.clock())
    mail.bring()
    said = {
        Event.ISSUED: "New",
        Event.REDEEMED: "Redeemed",
        Event.PRICE_CHANGED: "New price",
        Event.ENDED: "Ended early",
        Event.ENDS_SOON: "Ends tomorrow",
        Event.ROLLED_BACK: "Rolled back",
        Event.REVOKED: "Taken back",
    }
    assert mail.titles() == sorted(f"{words}: {TEA}" for name, words in said.items() if name != event)


def test_a_merchant_can_be_turned_off_alone(world, mail):
    other = world.make_merchant(slug="books", name="Harbour Books")
    password = world.make_password(merchant=other, digits="111222")
    world.voucher()
    mail.subscribe()
    subscriptions.listen(world.mei, ALL)  # not by Lotus Tea, whose customer Mei is
    assert {row.what for row in Mute.select()} == {"merchant:lotus"}
    world.voucher()
    world.voucher(campaign=world.campaign(merchant=other, password=password, product="Book"))
    mail.bring()
    assert mail.titles() == ["New: Book"]


def test_a_choice_that_comes_late_still_counts_and_can_be_taken_back(world, mail):
    mail.subscribe()
    world.voucher()
    subscriptions.listen(world.mei, [])
    mail.bring()
    assert mail.titles() == []
    subscriptions.listen(world.mei, ALL | {"merchant:lotus", "merchant:unknown", "nonsense"})
    assert Mute.select().count() == 0
    world.voucher()
    mail.bring()
    assert mail.titles() == [f"New: {TEA}"]


# What is in no message


def test_a_message_has_neither_password_nor_address(world, mail):
    mail.subscribe()
    voucher = world.voucher(campaign=world.campaign(terms="secret terms"))
    world.attempt(voucher)
    mail.bring()
    text = json.dumps([message.body for message in mail.service.inbox])
    for secret in (PASSWORD, "mei@example.org", "secret terms"):
        assert secret not in text


@pytest.mark.parametrize("product", ["券" * 200, "😀" * 200, '"\\' * 100, "a" * 200])
def test_long_names_are_cut(world, mail, product):
    world.merchant.name = product
    world.merchant.save()
    mail.subscribe()
    world.voucher(campaign=world.campaign(product=product))
    mail.bring()
    (message,) = mail.service.inbox
    assert len(message.title) == 100
    assert message.title.endswith("…")
    assert message.size <= 4096


def test_the_badge_counts_what_waits_unopened(world, mail):
    mail.subscribe()
    world.voucher(opened_at=world.clock())
    world.voucher(revoked_at=world.clock())
    world.voucher(campaign=world.campaign(ended_at=world.clock()))
    world.voucher(campaign=world.campaign(ends_at=world.clock() + timedelta(days=1)))
    world.voucher(holder=world.account())
    Delivery.delete().execute()
    world.voucher()
    mail.bring()
    assert [message.body["app_badge"] for message in mail.service.inbox] == [2]


# Who is not there any more


def test_nothing_is_sent_where_somebody_is_signed_out(world, mail):
    mail.subscribe()
    world.voucher()
    accounts.end_other_sessions(world.mei, "no token")
    assert Delivery.select().count() == 0
    mail.bring()
    assert mail.titles() == []


def test_nothing_is_sent_where_the_session_ran_out(world, mail):
    mail.subscribe()
    world.clock.forward(days=89, hours=23)
    world.voucher(campaign=world.campaign(ends_at=utc("2027-12-01T00:00:00Z")))
    world.clock.forward(hours=2)
    mail.bring()
    assert (mail.titles(), outbox()) == ([], [])


def test_nothing_is_sent_under_another_key(world, mail):
    mail.subscribe(vapid_key="another")
    world.voucher()
    mail.bring()
    assert (mail.service.requests, outbox()) == ([], [])


def test_where_nobody_subscribed_nothing_is_written(world, mail):
    world.attempt(world.voucher())
    publish(world, world.campaign(), Audience.CUSTOMERS, [row.id for row in make_customers(world, 2)])
    assert outbox() == []
