"""The redemption password: made, typed, one in use, changed; and tries under way while the owner changes something."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import psycopg
import pytest

from database import db
from models import Campaign, Redemption, RedemptionPassword, Voucher
from quanbao.campaigns import editing, entered_values
from quanbao.operations import unguarded
from quanbao.passwords import guess_limits, redemption_passwords
from quanbao.redemption import redeem, situation
from quanbao.redemption.reasons import Reason
from tests.campaigns.test_editing import NEW, change, make, now
from tests.conftest import POSTGRESQL
from tests.support.crowds import at_once
from tests.support.factories import PASSWORD, WRONG, World, stored
from tests.support.push_fixtures import until


def digits_of(world: World, campaign: Campaign) -> str:
    return redemption_passwords.reveal(campaign.password, world.keys.password)


BLOCKED = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def rotate(world: World, digits: str | None = NEW, of: RedemptionPassword | None = None) -> bool:
    campaign = Campaign.select().where(Campaign.password == (of or world.password)).first()
    return redemption_passwords.change(campaign, digits, key=world.keys.password, now=world.clock())


# Entered with a campaign


def test_none_entered_accepts_whichever_the_shop_has(world):
    """Another one for each campaign was one more for the cashier to mistake."""
    made = [make(world, redemption_password=None) for _ in range(2)]
    assert {(campaign.password_id, campaign.accepts_all) for campaign in made} == {(world.password.id, True)}
    draft = make(world, redemption_password=NEW)
    assert not draft.accepts_all
    kept = change(world, draft)
    assert (kept.password_id, kept.accepts_all) == (draft.password_id, False), "it stays where none is entered later"


def test_a_shop_without_a_password_has_one_made(world):
    other = world.make_merchant(slug="other")
    entered = entered_values.document(world.campaign()) | {"redemption_password": None}
    made = editing.create(other, entered, now=world.clock(), password_key=world.keys.password)
    digits = digits_of(world, made)
    assert redemption_passwords.digits(digits) == digits
    assert not redemption_passwords.is_trivial(digits)
    assert made.password.name == "Password 1"


def test_a_new_one_is_made_where_that_is_chosen(world):
    made = make(world, redemption_password=None, password_in_use=editing.NEW)
    assert (made.password_id != world.password.id, made.accepts_all) == (True, False)
    all_ = change(world, made, redemption_password=None, password_in_use=editing.ALL)
    assert (all_.password_id, all_.accepts_all) == (world.password.id, True)


@pytest.mark.parametrize("typed", [PASSWORD, "４８２９１３", "٤٨٢٩١٣"])
def test_digits_that_the_merchant_uses_already_share_their_row(world, typed):
    """And with it the budget of a guesser."""
    assert make(world, redemption_password=typed).password_id == world.password.id
    assert (
        change(world, make(world, redemption_password=NEW), redemption_password=typed).password_id == world.password.id
    )


def test_another_merchants_equal_digits_are_another_password(world):
    other = world.make_merchant(slug="other")
    made = editing.create(
        other,
        entered_values.document(world.campaign()) | {"redemption_password": PASSWORD},
        now=world.clock(),
        password_key=world.keys.password,
    )
    assert made.password_id != world.password.id
    assert made.password.merchant_id == other.id
    assert bytes(made.password.sealed) != bytes(world.password.sealed)


@pytest.mark.parametrize("typed", ["123456", "９８７６５４", "111111", "121212", "48291", "4829130000000", "48291a"])
def test_what_a_guesser_tries_first_is_refused(world, typed):
    with pytest.raises(editing.Refused) as caught:
        make(world, redemption_password=typed)
    assert set(caught.value.faults) == {"redemption_password"}
    assert RedemptionPassword.select().count() == 1


def test_one_in_use_is_chosen_by_its_number(world):
    chosen = {"redemption_password": None, "password_in_use": str(world.password.id)}
    world.campaign()
    assert make(world, **chosen).password_id == world.password.id
    assert change(world, make(world, redemption_password=NEW), **chosen).password_id == world.password.id


def test_another_merchants_password_cannot_be_chosen(world):
    theirs = world.make_password(merchant=world.make_merchant(slug="other"))
    for number in (theirs.id, 2**62, -1, "1e3", "'"):
        with pytest.raises(editing.Refused) as caught:
            make(world, redemption_password=None, password_in_use=str(number))
        assert set(caught.value.faults) == {"password_in_use"}
    world.campaign()
    with pytest.raises(editing.Refused) as caught:
        make(world, password_in_use=str(world.password.id))
    assert set(caught.value.faults) == {"redemption_password"}, "one typed and one chosen"


# Changed


def test_the_old_one_is_refused_and_the_new_one_good_in_all_its_campaigns(world):
    vouchers = [world.voucher(campaign=world.campaign()) for _ in range(2)]
    apart = world.voucher(campaign=world.campaign(password=world.make_password(digits="604718")))
    rotate(world)
    assert [world.attempt(v).reason for v in vouchers] == [Reason.PASSWORD_INCORRECT] * 2
    assert all(world.attempt(v, typed=NEW).redeemed for v in vouchers)
    assert [now(v.campaign).version for v in (*vouchers, apart)] == [2, 2, 1]
    assert world.attempt(apart, typed="604718").redeemed
    assert digits_of(world, now(vouchers[0].campaign)) == NEW


def test_what_was_spent_on_the_old_one_is_forgotten(world):
    voucher = world.voucher()
    world.spend_password()
    assert world.attempt(voucher).reason is Reason.TOO_MANY_ATTEMPTS
    rotate(world)
    assert world.attempt(voucher, typed=NEW).redeemed


def test_the_same_digits_again_forgive_no_guesser(world):
    """What they know about the digits is as good as before: a thousand in its life, not in its version's."""
    voucher = world.voucher()
    world.spend_password(wrong=guess_limits.PASSWORD_IN_LIFE)
    rotate(world, PASSWORD)
    assert world.attempt(voucher).reason is Reason.TOO_MANY_ATTEMPTS


def test_digits_of_another_row_are_shared_from_there_with_what_was_spent_on_them(world):
    """One value, one row, one budget: else a guesser had two of them for the same digits."""
    other = world.make_password(digits=NEW)
    there = world.voucher(campaign=world.campaign(product="Cake", password=other))
    here = [world.voucher(campaign=world.campaign(product="Tea")) for _ in range(2)]
    world.spend_password(other)
    assert rotate(world)
    assert {now(voucher.campaign).password_id for voucher in (there, *here)} == {other.id}
    assert [now(voucher.campaign).version for voucher in (there, *here)] == [1, 2, 2]
    assert redemption_passwords.shared_with(now(there.campaign)) == ["Tea", "Tea"]
    assert world.attempt(here[0], typed=NEW).reason is Reason.TOO_MANY_ATTEMPTS
    assert rotate(world, "918273", of=other)
    assert {digits_of(world, now(voucher.campaign)) for voucher in (there, *here)} == {"918273"}
    assert all(world.attempt(voucher, typed="918273").redeemed for voucher in (there, *here))


def test_two_who_change_to_the_same_digits_at_once_share_one_row(world):
    campaigns = [world.campaign(password=world.make_password(digits=digits)) for digits in ("750264", "860375")]
    answers = at_once(
        *(
            partial(redemption_passwords.change, campaign, "918273", key=world.keys.password, now=world.clock())
            for campaign in campaigns
        )
    )
    assert answers == [True, True]
    assert len({now(campaign).password_id for campaign in campaigns}) == 1
    assert digits_of(world, now(campaigns[0])) == "918273"


def test_a_change_follows_a_campaign_whose_row_was_changed_meanwhile(world):
    stale = world.campaign()
    world.campaign(password=world.make_password(digits=NEW))
    assert rotate(world, NEW)
    assert redemption_passwords.change(stale, "918273", key=world.keys.password, now=world.clock())
    assert digits_of(world, now(stale)) == "918273"


def test_what_is_made_is_never_what_the_merchant_uses_already(world, monkeypatch):
    world.campaign()
    new = {"redemption_password": None, "password_in_use": editing.NEW}
    for change_or_make in (lambda: rotate(world, None), lambda: make(world, **new)):
        made = iter([digits_of(world, Campaign.get()), "918273"])
        monkeypatch.setattr(redemption_passwords, "generate", lambda made=made: next(made))
        change_or_make()
        assert next(made, None) is None
        rotate(world, "604718")


def test_the_same_digits_are_no_change(world):
    campaign = world.campaign()
    assert not rotate(world, PASSWORD)
    assert (now(campaign).version, RedemptionPassword.get().version) == (1, 1)


def test_whose_password_it_is_too(world):
    first, second = world.campaign(product="Tea"), world.campaign(product="Cake")
    world.campaign(product="Apart", password=world.make_password(digits=NEW))
    assert redemption_passwords.shared_with(first) == ["Cake"]
    assert redemption_passwords.shared_with(second) == ["Tea"]


# A try that is under way

Act = Callable[[World, Campaign], object]
ACTS: dict[str, tuple[Act, Reason]] = {
    "price": (lambda world, campaign: change(world, campaign, offer_price=2000), Reason.PRICE_CHANGED),
    "period": (lambda world, campaign: change(world, campaign, ends_at="2026-12-01T11:00"), Reason.EXPIRED),
    "end": (lambda world, campaign: editing.end(campaign, world.clock()), Reason.CAMPAIGN_ENDED),
}
ROTATIONS: dict[str, tuple[Act, Reason]] = {
    "password": (lambda world, campaign: rotate(world), Reason.PASSWORD_INCORRECT),
    "another's password": (
        lambda world, campaign: rotate(world) if world.make_password(digits=NEW) else None,
        Reason.PASSWORD_INCORRECT,
    ),
}
ALL = ACTS | ROTATIONS
acts = pytest.mark.parametrize(("act", "reason"), ACTS.values(), ids=ACTS)


def meanwhile(monkeypatch, place: object, name: str, what: Callable[[], object], *, aside: bool) -> None:
    """After the named step, once: `what` is done and committed, aside on a connection of its own."""
    step = getattr(place, name)

    def step_then(*arguments, **more):
        answer = step(*arguments, **more)
        monkeypatch.setattr(place, name, step)
        if aside:
            thread = threading.Thread(target=lambda: (what(), db.close()))
            thread.start()
            thread.join(10)
            assert not thread.is_alive(), "the owner waits for the till"
        else:
            what()
        return answer

    monkeypatch.setattr(place, name, step_then)


def check_judged_anew(world: World, voucher: Voucher, reason: Reason) -> None:
    verdict = world.attempt(voucher, offer_price=1800)
    assert verdict.reason is reason
    assert (Redemption.select().count(), Voucher.get_by_id(voucher.id).uses_left) == (0, 1)
    if reason is Reason.PRICE_CHANGED:
        assert verdict.voucher["offer_price"] == 2000, "and the phone hears the new price"
        assert world.attempt(voucher, offer_price=2000).redeemed
        assert Redemption.get().discount == 1000
    elif reason is Reason.PASSWORD_INCORRECT:
        assert stored() == (1, 0)
        assert world.attempt(voucher, typed=NEW, offer_price=1800).redeemed


@pytest.mark.parametrize(("act", "reason"), ALL.values(), ids=ALL)
def test_a_change_before_the_password_is_looked_at(world, monkeypatch, act, reason):
    voucher = world.voucher()
    meanwhile(monkeypatch, situation, "find", lambda: act(world, voucher.campaign), aside=False)
    check_judged_anew(world, voucher, reason)


@acts
@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_a_change_between_reading_and_commit(world, monkeypatch, act, reason):
    """A file has one writer: there the change waits for the redemption, or the redemption for the change."""
    voucher = world.voucher()
    meanwhile(monkeypatch, redeem, "_take_use", lambda: act(world, voucher.campaign), aside=True)
    check_judged_anew(world, voucher, reason)


@acts
@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_control_without_the_version_what_was_judged_before_commits_after(world, monkeypatch, act, reason):
    voucher = world.voucher()
    monkeypatch.setattr(redeem, "_count", unguarded.count)
    meanwhile(monkeypatch, redeem, "_take_use", lambda: act(world, voucher.campaign), aside=True)
    assert world.attempt(voucher, offer_price=1800).redeemed
    assert Redemption.get().discount == 1200
    assert now(voucher.campaign).version == 2


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_another_password_waits_for_the_try_that_is_under_way(world, database, monkeypatch):
    """The try has the lock of its password's row from the comparison to the commit."""
    voucher, take_use, owners = world.voucher(), redeem._take_use, []

    def rotate_meanwhile(*what):
        monkeypatch.setattr(redeem, "_take_use", take_use)
        owners.append(threading.Thread(target=lambda: (rotate(world), db.close())))
        owners[0].start()
        until(lambda: eye.execute(BLOCKED).fetchone()[0] == 1, "the owner waits")
        return take_use(*what)

    monkeypatch.setattr(redeem, "_take_use", rotate_meanwhile)
    with psycopg.connect(database.database_url, autocommit=True) as eye:  # a transaction sees its first look again
        assert world.attempt(voucher).redeemed
    owners[0].join(10)
    assert world.attempt(voucher).reason is Reason.PASSWORD_INCORRECT
    assert now(voucher.campaign).version == 2


def test_what_is_typed_is_compared_with_the_password_of_that_moment(world, monkeypatch):
    voucher = world.voucher()
    meanwhile(monkeypatch, situation, "find", lambda: rotate(world, WRONG), aside=False)
    assert world.attempt(voucher, typed=WRONG).redeemed


# Two members at once


def test_two_drafts_of_one_name_at_once_are_both_made(world, monkeypatch):
    write = editing.write_transaction

    def after_somebody_else(work):
        monkeypatch.setattr(editing, "write_transaction", write)
        make(world)
        return write(work)

    monkeypatch.setattr(editing, "write_transaction", after_somebody_else)
    made = make(world)
    assert made.slug != "oolong-500-ml"
    assert Campaign.select().count() == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda world, gone: change(world, gone),
        lambda world, gone: editing.end(gone, world.clock()),
        lambda world, gone: editing.delete(gone),
    ],
    ids=["change", "end", "delete"],
)
def test_a_draft_that_somebody_deletes_meanwhile_is_no_error_of_ours(world, act):
    """Two taps on one button are enough for it."""
    draft = make(world)
    editing.delete(draft)
    with suppress(editing.Over, editing.Published, editing.Refused):  # however it says that there is nothing any more
        act(world, draft)
    assert Campaign.select().count() == 0


def test_the_quantity_never_falls_below_what_was_raised_meanwhile(world):
    campaign = world.campaign()
    stale = entered_values.document(campaign)
    change(world, campaign, quantity=200)
    with pytest.raises(editing.Refused) as caught:
        editing.change(campaign, stale | {"quantity": 150}, now=world.clock(), password_key=world.keys.password)
    assert set(caught.value.faults) == {"quantity"}
    assert now(campaign).quantity == 200
