"""Posters: what they give to whom, their limits, and claims at the same moment."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from peewee import IntegrityError

from database import Busy, db
from models import (
    Account,
    Campaign,
    Customer,
    Member,
    Poster,
    Revocation,
    Role,
    State,
    Voucher,
)
from quanbao.campaigns import editing, figures
from quanbao.lib.account_lock import Overtaken
from quanbao.merchants import customers
from quanbao.operations import unguarded
from quanbao.people import accounts, personal_data
from quanbao.redemption import revocations
from quanbao.redemption.reasons import Reason as Why
from quanbao.redemption.reasons import Unexplained
from quanbao.vouchers import posters, wallet_merge
from quanbao.vouchers.poster_views import Views
from quanbao.vouchers.posters import Closed, Reason
from tests.redemption.test_rollback_races import together

ENTERED: dict[str, Any] = {"name": "Window", "quantity": 50, "per_day": None, "per_minute": 30, "claimed_by": "anybody"}
AT_ONCE = 20


def agree() -> None:
    assert list(figures.differences()) == []


@pytest.fixture
def make(world) -> Callable[..., Poster]:
    def made(campaign: Campaign | None = None, **entered: Any) -> Poster:
        row = posters.make(campaign or world.campaign(), ENTERED | entered, world.clock())
        return posters.find(row.token)

    return made


def claim(world, poster: Poster, person: Account | None = None) -> Voucher:
    return posters.claim(posters.find(poster.token), person or world.account(), world.clock()).voucher


def signed_out(world, poster: Poster, sent: str | None = None) -> posters.Claimed:
    sent = sent or f"browser {next(world.numbers)}"
    return posters.claim_signed_out(posters.find(poster.token), sent, "Phone", world.clock())


def refused(world, poster: Poster, person: Account | None = None) -> Reason:
    """The reason, which the page knows before and the claim gives; nothing is written."""
    before = Voucher.select().count(), Account.select().count(), Customer.select().count()
    fresh = posters.find(poster.token)
    known = posters.refusal(fresh, person, world.clock())
    with pytest.raises(Closed) as closed:
        posters.claim(fresh, person, world.clock()) if person else signed_out(world, fresh)
    assert known is not None
    assert known.reason is closed.value.reason
    assert before == (Voucher.select().count(), Account.select().count(), Customer.select().count())
    return closed.value.reason


# Making


def test_a_token_can_be_typed_and_is_not_guessed(world, make):
    tokens = {make().token for _ in range(3)}
    assert len(tokens) == 3
    assert all(set(token) <= set(posters.ALPHABET) and 31 ** len(token) > 2**50 for token in tokens)


def test_the_first_poster_of_a_draft_publishes_it(world, make):
    draft = world.campaign(published_at=None)
    make(draft)
    row = Campaign.get_by_id(draft.id)
    assert (row.published_at, row.version) == (world.clock(), draft.version + 1)
    make(row)
    assert Campaign.get_by_id(draft.id).version == draft.version + 1


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"quantity": 2**63}, "quantity"),
        ({"per_day": 0}, "per_day"),
        ({"per_minute": None}, "per_minute"),
        ({"per_minute": 10_001}, "per_minute"),
        ({"claimed_by": "cats"}, "claimed_by"),
        ({"claimed_by": None}, "claimed_by"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(world, make, entered, field):
    with pytest.raises(posters.Refused) as refusal:
        make(**entered)
    assert refusal.value.field == field
    assert Poster.select().count() == 0


@pytest.mark.parametrize(("column", "code"), [("ended_at", "ended"), ("ends_at", "over")])
def test_what_is_over_gets_no_poster(world, make, column, code):
    campaign = world.campaign()
    world.clock.forward(days=10)
    Campaign.update({column: world.clock() - timedelta(days=1)}).where(Campaign.id == campaign.id).execute()
    with pytest.raises(posters.Refused) as refusal:
        make(campaign)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "columns",
    [
        {"claimed": -1},
        {"claimed": 51},
        {"claimed_by": "cats"},
        {"per_day": 1, "claimed_today": 2},
        {"claimed_this_minute": 31},
    ],
)
def test_the_database_refuses_what_cannot_be(world, make, columns):
    make()
    with pytest.raises(IntegrityError), db.atomic():
        Poster.update(**columns).execute()


# Claiming


def test_signed_out_it_makes_a_wallet_that_opens(world, make):
    given = signed_out(world, make())
    found = accounts.session_of(given.token, world.clock())
    assert given.is_new
    assert found.account.is_anonymous
    assert found.account == given.voucher.consumer
    assert world.attempt(given.voucher).redeemed
    assert posters.redeemed(Poster.get()) == 1
    agree()


def test_signed_in_it_goes_into_that_wallet(world, make):
    poster = make()
    voucher = claim(world, poster, world.mei)
    assert (voucher.consumer, voucher.issued_to, voucher.poster) == (world.mei, world.mei, poster)
    assert (Poster.get().claimed, Campaign.get().issued) == (1, 1)
    agree()


def test_no_shop_learns_an_address_by_a_poster(world, make):
    voucher = claim(world, make(), world.mei)
    (customer,) = customers.find(voucher.campaign.merchant, "")
    assert customer.consumer == world.mei
    assert customer.address.startswith("wallet-")
    assert "@" not in customer.address


def test_who_is_a_customer_stays_known_as_before(world, make):
    world.group("regulars")
    claim(world, make(), world.mei)
    assert Customer.get().address == "mei@example.org"


def test_a_wallet_gets_one_and_the_same_again(world, make):
    poster = make(quantity=1)
    voucher = claim(world, poster, world.mei)
    again = posters.claim(posters.find(poster.token), world.mei, world.clock())
    assert (again.voucher, again.is_new) == (voucher, False)
    assert Poster.get().claimed == 1


def test_the_same_browser_without_an_answer_gets_the_same_again(world, make):
    poster = make()
    first, second = signed_out(world, poster, "sent"), signed_out(world, poster, "sent")
    assert (second.voucher, second.is_new) == (first.voucher, False)
    assert accounts.session_of(second.token, world.clock()).account == first.voucher.consumer
    assert Account.select().where(Account.email.is_null()).count() == 1
    world.clock.forward(hours=2)
    later = signed_out(world, poster, "sent")  # it opens the wallet no more, and makes another
    assert later.voucher.consumer != first.voucher.consumer


def test_of_each_poster_one_and_numbered_on(world, make):
    campaign = world.campaign()
    vouchers = [claim(world, make(campaign), world.mei) for _ in range(2)]
    assert [voucher.nth for voucher in vouchers] == [1, 2]


def test_whoever_was_deleted_or_merged_meanwhile_gets_nothing(world, make):
    poster, gone, merged = make(), world.account(), world.wallet()
    personal_data.delete(gone, accounts.start_session(gone, world.clock()), world.clock())
    wallet_merge.merge(merged, world.mei, world.clock())
    for person in (gone, merged):
        with pytest.raises(Overtaken):
            claim(world, poster, person)


# Limits, and what closes a poster


def test_it_is_closed_for_these_reasons_in_this_order(world, make):
    poster = make(quantity=1, per_day=1, per_minute=1, claimed_by="proved")
    campaign = poster.campaign
    assert refused(world, poster) is Reason.ADDRESS_NEEDED
    claim(world, poster, world.account())
    assert refused(world, poster) is Reason.SOLD_OUT
    Poster.update(quantity=9).execute()
    assert refused(world, poster) is Reason.POSTER_LIMIT
    posters.pause(poster, world.clock())
    assert refused(world, poster) is Reason.POSTER_CLOSED
    Campaign.update(redeemed=campaign.quantity).execute()
    assert refused(world, poster) is Reason.SOLD_OUT
    starts = campaign.starts_at
    Campaign.update(starts_at=world.clock() + timedelta(days=1)).execute()
    assert refused(world, poster) is Reason.NOT_YET_VALID
    Campaign.update(starts_at=starts, ends_at=world.clock()).execute()
    assert refused(world, poster) is Reason.EXPIRED
    Campaign.update(ended_at=world.clock()).execute()
    assert refused(world, poster) is Reason.CAMPAIGN_ENDED


def test_paused_it_goes_on_ended_it_does_not(world, make):
    poster = make()
    posters.pause(poster, world.clock())
    posters.pause(poster, None)
    claim(world, poster)
    posters.end(poster, world.clock())
    posters.pause(poster, None)
    assert refused(world, poster) is Reason.POSTER_CLOSED


def test_a_day_is_the_merchants(world, make):
    poster = make(per_day=2)
    claim(world, poster)
    world.clock.set("2026-12-01T23:59:00+08:00")
    claim(world, poster)
    assert refused(world, poster) is Reason.POSTER_LIMIT
    world.clock.set("2026-12-02T00:00:00+08:00")
    claim(world, poster)
    assert (Poster.get().claimed, Poster.get().claimed_today) == (3, 1)


@pytest.mark.parametrize("limits", [{"per_day": 1}, {"per_minute": 1}], ids=str)
def test_claims_that_waited_over_midnight_set_no_count_back(world, make, limits):
    """23:59:59.9 at the shop, and 0.2 seconds later, in turns: one for each side."""
    poster, given = make(**limits), 0
    before = datetime(2026, 12, 5, 15, 59, 59, 900_000, tzinfo=UTC)
    Campaign.update(ends_at=before + timedelta(days=30)).execute()
    for now in [before, before + timedelta(seconds=0.2)] * 4:
        try:
            posters.claim(posters.find(poster.token), world.account(), now)
            given += 1
        except Closed:
            pass
    assert given == 2
    agree()


@pytest.mark.parametrize("limits", [{"per_day": 1}, {"per_minute": 1}], ids=str)
def test_a_clock_that_was_far_ahead_closes_no_poster(world, make, limits):
    poster = make(**limits)
    world.clock.forward(days=3)
    Campaign.update(ends_at=world.clock() + timedelta(days=30)).execute()
    claim(world, poster)
    world.clock.forward(days=-3)
    claim(world, poster)


def test_a_minute_passes_and_says_when(world, make):
    poster = make(per_minute=2)
    world.clock.forward(seconds=15)
    for _ in range(2):
        claim(world, poster)
    assert refused(world, poster) is Reason.TOO_OFTEN
    assert posters.refusal(posters.find(poster.token), None, world.clock()).retry_after == 45
    world.clock.forward(seconds=45)
    claim(world, poster)


def test_only_a_proved_address_where_that_is_asked(world, make):
    poster = make(claimed_by="proved")
    for person in (world.wallet(), world.account(proved=False)):
        assert refused(world, poster, person) is Reason.ADDRESS_NEEDED
    claim(world, poster, world.account())


def test_what_is_left_is_what_poster_and_campaign_have(world, make):
    campaign = world.campaign(quantity=3)
    assert [posters.find(make(campaign, quantity=quantity).token).left for quantity in (2, 9)] == [2, 3]
    world.attempt(world.voucher(campaign=campaign))
    assert posters.find(Poster.get(Poster.quantity == 9).token).left == 2


# Revoking, merging, looking


def test_all_unused_are_revoked_at_once(world, make):
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    poster, other = make(world.campaign(uses_per_voucher=2)), make()
    used, unused, already, elsewhere = (claim(world, one) for one in (poster, poster, poster, other))
    world.attempt(used)
    revocations.revoke(revocations.find(already.code, owner), owner, "misuse", "", world.clock())
    with pytest.raises(Unexplained):
        revocations.revoke_unused(poster, owner, "", "", world.clock())
    assert revocations.revoke_unused(poster, owner, "misuse", "", world.clock()) == 1
    states = [Voucher.get_by_id(one.id).revoked_at is not None for one in (used, unused, already, elsewhere)]
    assert states == [False, True, True, False]
    assert Revocation.select().count() == 2
    assert world.attempt(Voucher.get_by_id(unused.id)).reason is Why.REVOKED
    assert refused(world, poster) is Reason.POSTER_CLOSED
    agree()


def test_many_are_revoked_some_at_a_time(world, make, monkeypatch):
    monkeypatch.setattr(revocations, "STEP", 2)
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    poster = make()
    for _ in range(5):
        claim(world, poster)
    assert revocations.revoke_unused(poster, owner, "misuse", "", world.clock()) == 5


def test_of_two_unused_ones_of_one_poster_the_newer_ends_in_a_merge(world, make):
    poster = make()
    first = signed_out(world, poster).voucher
    second = claim(world, poster, world.mei)
    wallet_merge.merge(first.consumer, world.mei, world.clock())
    first, second = (Voucher.get_by_id(one.id) for one in (first, second))
    assert first.state(first.campaign, world.clock()) is State.UNUSED
    assert second.state(second.campaign, world.clock()) is State.REVOKED
    assert first.consumer == second.consumer == world.mei
    assert not posters.claim(posters.find(poster.token), world.mei, world.clock()).is_new
    agree()


def test_a_used_one_and_an_unused_one_both_stay_in_a_merge(world, make):
    poster = make()
    first = signed_out(world, poster).voucher
    world.attempt(first)
    second = claim(world, poster, world.mei)
    wallet_merge.merge(first.consumer, world.mei, world.clock())
    assert Voucher.get_by_id(second.id).revoked_at is None
    agree()


def test_looks_are_counted_and_written_by_the_minute(world, make):
    poster, views = make(), Views()
    for _ in range(3):
        views.add(poster, world.clock())
    assert not views.is_due(world.clock())
    world.clock.forward(minutes=1)
    assert views.is_due(world.clock())
    views.write()
    assert Poster.get().seen == 3
    assert not views.is_due(world.clock())


def test_looks_that_are_not_taken_now_are_written_later(world, make, monkeypatch):
    poster, views = make(), Views()
    views.add(poster, world.clock())

    def busy(*_, **__):
        raise Busy

    monkeypatch.setattr("quanbao.vouchers.poster_views.write_transaction", busy)
    views.write()
    monkeypatch.undo()
    views.write()
    assert Poster.get().seen == 1


# Races


def claims(world, poster: Poster, count: int = AT_ONCE) -> tuple[list, list]:
    """So many browsers at once: what was given, and why the others got nothing."""
    given, closed = [], []

    def one() -> None:
        try:
            given.append(signed_out(world, poster))
        except Closed as reason:
            closed.append(reason.reason)

    together([one] * count)
    return given, closed


@pytest.mark.race
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"quantity": 7}, Reason.SOLD_OUT),
        ({"per_day": 7}, Reason.POSTER_LIMIT),
        ({"per_minute": 7}, Reason.TOO_OFTEN),
    ],
)
def test_a_limit_holds_whoever_comes_at_once(world, make, limits, reason):
    poster = make(**limits)
    given, closed = claims(world, poster)
    assert (len(given), set(closed)) == (7, {reason})
    assert Voucher.select().count() == Poster.get().claimed == Campaign.get().issued == 7
    assert Account.select().where(Account.email.is_null()).count() == 7
    agree()


@pytest.mark.race
def test_a_wallet_gets_one_however_often_it_asks_at_once(world, make):
    poster, given = make(), []
    fresh = posters.find(poster.token)
    together([lambda: given.append(posters.claim(fresh, world.mei, world.clock()))] * AT_ONCE)
    assert len(given) == AT_ONCE
    assert sum(one.is_new for one in given) == Voucher.select().count() == Poster.get().claimed == 1


@pytest.mark.race
def test_a_browser_that_taps_often_gets_one_wallet(world, make):
    poster, given = make(), []
    together([lambda: given.append(signed_out(world, poster, "sent"))] * 5)
    assert len({one.voucher.id for one in given}) == Voucher.select().count() == 1
    assert Account.select().where(Account.email.is_null()).count() == 1


@pytest.mark.race
def test_raced_with_the_end_of_the_campaign_none_is_given_after_it(world, make):
    poster = make()
    ended = partial(editing.end, poster.campaign, world.clock())
    given, late = [], []

    def one() -> None:
        try:
            given.append(signed_out(world, poster))
        except Closed as closed:
            late.append(closed.reason)

    together([*[one] * 10, ended])
    assert set(late) <= {Reason.CAMPAIGN_ENDED}
    assert Voucher.select().count() == Campaign.get().issued == len(given)
    assert refused(world, poster) is Reason.CAMPAIGN_ENDED
    agree()


@pytest.mark.race
def test_raced_with_revoking_all_a_voucher_is_used_or_revoked(world, make):
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    poster = make()
    held = [claim(world, poster) for _ in range(6)]
    tries = [partial(world.attempt, voucher) for voucher in held]
    revoke = partial(revocations.revoke_unused, poster, owner, "misuse", "", world.clock())
    together([*tries, lambda: revoke() and None])
    for row in Voucher.select():
        assert (row.uses_left == 0) != (row.revoked_at is not None)
    agree()


@pytest.mark.race
def test_raced_with_merges_a_poster_gives_one_wallet_no_two_unused_ones(world, make):
    poster = make()
    for _ in range(5):
        wallet, account = world.wallet(), world.account()
        fresh = posters.find(poster.token)

        def one(person, fresh=fresh):
            try:
                posters.claim(fresh, person, world.clock())
            except Overtaken:
                pass

        together(
            [partial(one, wallet), partial(one, account), partial(wallet_merge.merge, wallet, account, world.clock())]
        )
        unused = (Voucher.consumer == account) & Voucher.revoked_at.is_null()
        assert Voucher.select().where(unused).count() == 1
        assert Voucher.select().where(Voucher.consumer == wallet).count() == 0
        agree()


@pytest.mark.race
def test_control_unguarded_more_is_given_than_the_limit(world, make, monkeypatch):
    """No lock of the poster, no look at what was judged: all see the same count, and all are given."""
    poster = make(quantity=3)

    def count(row, now, step):
        time.sleep(unguarded.PAUSE)
        Poster.update(claimed=min(row.claimed + 1, row.quantity)).where(Poster.id == row.id).execute()
        return 1

    monkeypatch.setattr(posters, "write_transaction", unguarded._write_transaction)
    monkeypatch.setattr(posters, "locked", lambda query: query)
    monkeypatch.setattr(posters, "_count", count)
    given, _ = claims(world, poster, 8)
    assert len(given) > 3
