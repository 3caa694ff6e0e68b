"""Holders are told of every change that takes something from them; and an end in the past is asked about first."""

from datetime import timedelta

import pytest

from models import Delivery, Event, News, Voucher
from quanbao.campaigns import editing, entered_values, questions
from quanbao.messages import events
from quanbao.messages.push import subscriptions
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import wallet
from tests.campaigns.test_editing import ENTERED, now
from tests.messages.test_events import TEA, change
from tests.support.factories import utc

JAN = "2027-01-31"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ends_at": "2026-12-02"}, {"period_changed"}),
        ({"ends_at": "2026-12-31T18:00"}, {"period_changed"}),
        ({"ends_at": "2026-11-30", "starts_at": "2026-11-01"}, {"period_changed"}),
        ({"starts_at": "2026-12-05"}, {"period_changed"}),
        ({"starts_at": "2026-12-05", "ends_at": JAN}, {"period_changed"}),
        ({"ends_at": JAN}, set()),
        ({"starts_at": "2026-11-01"}, set()),
        ({"starts_at": "2026-12-01T11:00"}, set()),  # it has begun in any case
        ({"offer_price": 2500}, {"price_changed"}),
        ({"original_price": 4000}, {"price_changed"}),
        ({"terms": "Not with other offers"}, {"terms_changed"}),
        ({"rollback_gives_back": False}, {"terms_changed"}),
        ({"quantity": 200}, set()),
        ({"picture": ""}, set()),
        ({}, set()),
        (
            {"ends_at": "2026-12-02", "offer_price": 2500, "terms": "x"},
            {"period_changed", "price_changed", "terms_changed"},
        ),
    ],
)
def test_what_takes_something_is_news_and_nothing_else_is(world, changes, told):
    voucher = world.voucher()
    change(world, voucher.campaign, **changes)
    assert {row.event for row in News.select()} == told


def test_a_rule_that_gives_back_again_takes_nothing(world):
    campaign = world.campaign(rollback_gives_back=False)
    change(world, campaign, rollback_gives_back=True)
    assert News.select().count() == 0


def test_nobody_hears_of_a_draft_nor_of_a_period_that_was_over(world):
    change(world, world.campaign(published_at=None), ends_at="2026-12-02", terms="x")
    change(world, world.campaign(ends_at=utc("2026-12-01T00:00Z")), ends_at="2026-11-30", starts_at="2026-11-01")
    assert News.select().count() == 0


@pytest.mark.parametrize(
    ("language", "changes", "title", "line"),
    [
        ("en", {"ends_at": "2026-12-02"}, f"New period: {TEA}", "Dec 1, 2026 – Dec 2, 2026 at Lotus Tea"),
        ("en", {"starts_at": "2026-12-05"}, f"New period: {TEA}", "Dec 5, 2026 – Dec 31, 2026 at Lotus Tea"),
        (
            "en",
            {"ends_at": "2026-11-30", "starts_at": "2026-11-01"},
            f"Ended early: {TEA}",
            "Lotus Tea has changed its period: it was good until Nov 30, 2026.",
        ),
        ("zh", {"ends_at": "2026-12-02"}, f"有效期已更改：{TEA}", "2026年12月1日 – 2026年12月2日，Lotus Tea"),
        (
            "en",
            {"terms": "x"},
            f"New terms: {TEA}",
            "Lotus Tea has changed what holds for this voucher: open it and read its terms.",
        ),
        ("zh", {"terms": "x"}, f"条款已改：{TEA}", "Lotus Tea 更改了这张券的条款，请打开查看。"),
    ],
)
def test_what_holders_read(world, mail, language, changes, title, line):
    voucher = world.voucher()
    mail.subscribe(language=language)
    change(world, voucher.campaign, **changes)
    mail.bring()
    (message,) = mail.service.inbox
    assert (message.title, message.body["notification"]["body"]) == (title, line)


def test_who_muted_it_hears_nothing(world, mail):
    voucher = world.voucher()
    mail.subscribe()
    subscriptions.listen(world.mei, subscriptions.heard(world.mei) - {"period_changed"})
    change(world, voucher.campaign, ends_at="2026-12-02")
    mail.bring()
    assert mail.titles() == []


def test_an_end_by_hand_after_a_shortened_period_is_told_as_that_alone(world, mail):
    voucher = world.voucher()
    mail.subscribe()
    change(world, voucher.campaign, ends_at="2026-12-02")
    editing.end(now(voucher.campaign), world.clock())
    mail.bring()
    assert [message.title for message in mail.service.inbox] == [f"Ended early: {TEA}"]


# Asked first


def save(world, campaign, *answers: str, **changes) -> None:
    editing.change(
        campaign,
        entered_values.document(campaign) | changes,
        now=world.clock(),
        password_key=world.keys.password,
        answers=list(answers),
    )


def asked(act, *what, **how) -> dict[str, questions.Question]:
    with pytest.raises(questions.Unconfirmed) as caught:
        act(*what, **how)
    return caught.value.questions


def test_an_end_in_the_past_is_saved_once_it_is_confirmed(world):
    campaign = world.campaign(starts_at=utc("2026-11-01T00:00Z"), uses_per_voucher=2)
    good, used, _ = (world.voucher(campaign=campaign, holder=world.account()) for _ in range(3))
    Voucher.update(uses_left=0).where(Voucher.id == used.id).execute()
    question = asked(save, world, campaign, ends_at="2026-11-30")["ends_at"]
    assert (question.vouchers, now(campaign).ends_at) == (2, campaign.ends_at)
    assert now(campaign).version == campaign.version
    other = asked(save, world, campaign, question.answer, ends_at="2026-11-29")["ends_at"]
    assert other.answer != question.answer, "another day is another question"
    save(world, campaign, question.answer, ends_at="2026-11-30")
    assert world.attempt(good).reason is Reason.EXPIRED
    assert [row.event for row in News.select()] == [Event.PERIOD_CHANGED]
    save(world, now(campaign), terms="what is over already is not asked about again")


def test_a_new_campaign_that_is_over_is_asked_about_and_load_is_not(world):
    entered = ENTERED | {"starts_at": "2026-10-01", "ends_at": "2026-10-31", "quantity": 2}
    how = {"now": world.clock(), "password_key": world.keys.password}
    found = asked(editing.create, world.merchant, entered, answers=[], **how)
    assert set(found) == {"ends_at", "uses_per_voucher"}
    editing.create(world.merchant, entered, answers=[one.answer for one in found.values()], **how)
    editing.create(world.merchant, entered, **how)


def test_an_end_that_is_still_to_come_is_saved_at_once(world):
    campaign = world.campaign()
    save(world, campaign, ends_at="2026-12-01T12:00:01")
    assert now(campaign).ends_at == world.clock() + timedelta(seconds=1)


@pytest.mark.parametrize(("uses", "quantity", "is_asked"), [(3, 2, True), (3, 3, False), (1, 1, False)])
def test_more_uses_than_there_are_is_asked_about(world, uses, quantity, is_asked):
    draft = world.campaign(published_at=None, quantity=100, uses_per_voucher=1)
    if is_asked:
        (question,) = asked(save, world, draft, uses_per_voucher=uses, quantity=quantity).values()
        save(world, draft, question.answer, uses_per_voucher=uses, quantity=quantity)
        save(world, now(draft), terms="and not again while both stay")
    else:
        save(world, draft, uses_per_voucher=uses, quantity=quantity)
    assert (now(draft).uses_per_voucher, now(draft).quantity) == (uses, quantity)


# The reminder


@pytest.mark.parametrize("when", ["before", "after it was written"])
def test_an_archived_voucher_gets_no_reminder(world, mail, when):
    campaign = world.campaign(ends_at=utc("2026-12-03T00:00:00+08:00"))
    archived = world.voucher(campaign=campaign)
    world.voucher(campaign=campaign, holder=(lin := world.account()))
    mail.subscribe()
    theirs = mail.subscribe(lin)
    if when == "before":
        wallet.archive(archived, world.clock())
    events.remind(world.clock())
    while events.is_waiting():
        events.spread(world.clock())
    assert Delivery.select().count() == (1 if when == "before" else 2)
    wallet.archive(archived, world.clock())
    mail.bring()
    assert [message.browser for message in mail.service.inbox] == [theirs]


def test_an_archived_voucher_is_none_that_the_badge_counts(world, mail):
    wallet.archive(world.voucher(), world.clock())
    mail.subscribe()
    world.voucher()
    mail.bring()
    (message,) = mail.service.inbox
    assert message.body["app_badge"] == 1


def test_a_voucher_that_was_taken_out_of_the_archive_is_reminded_of(world, mail):
    voucher = world.voucher(campaign=world.campaign(ends_at=utc("2026-12-03T00:00:00+08:00")))
    mail.subscribe()
    wallet.archive(voucher, world.clock())
    wallet.archive(voucher, None)
    events.remind(world.clock())
    mail.bring()
    assert mail.titles() == [f"Ends tomorrow: {TEA}"]
