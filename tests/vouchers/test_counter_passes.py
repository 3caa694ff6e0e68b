"""Posters for the counter alone: a code that changes every 30 seconds, is good for 60, and lets ten claims through."""

from contextlib import suppress
from typing import Any

import pytest

from models import Campaign, Poster, Role, Voucher
from quanbao.vouchers import counter_passes, posters
from quanbao.vouchers.posters import Closed, Reason
from tests.redemption.test_rollback_races import together
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER
from tests.support.page_client import PageClient

KEY = "k" * 40
ENTERED: dict[str, Any] = {
    "name": "Counter",
    "quantity": 90,
    "per_day": None,
    "per_minute": 90,
    "claimed_by": "anybody",
    "at_counter": True,
}


def make(world, **more) -> Poster:
    made = posters.make(world.campaign(), ENTERED | more, world.clock())
    found = posters.find(made.token)
    assert found is not None
    return found


def come(world, poster: Poster, shown: str | None) -> Voucher:
    step = None if shown is None else counter_passes.step_of(poster, shown, KEY, world.clock())
    return posters.claim(poster, world.account(), world.clock(), step).voucher


def refused(world, poster: Poster, shown: str | None) -> Reason:
    with pytest.raises(Closed) as closed:
        come(world, poster, shown)
    return closed.value.reason


def test_without_the_code_it_gives_nothing(world):
    poster = make(world)
    assert refused(world, poster, None) is Reason.AT_COUNTER
    for wrong in ("", "0" * 16, "é" * 16, counter_passes.shown(make(world), KEY, world.clock())):
        assert refused(world, poster, wrong) is Reason.AT_COUNTER
    assert refused(world, poster, counter_passes.shown(poster, "another" * 8, world.clock())) is Reason.AT_COUNTER
    assert Voucher.select().count() == 0


def test_it_changes_every_30_seconds_and_is_good_for_60_at_most(world):
    poster = make(world)
    first = counter_passes.shown(poster, KEY, world.clock())
    come(world, poster, first)
    world.clock.forward(seconds=30)
    assert counter_passes.shown(poster, KEY, world.clock()) != first
    come(world, poster, first)
    world.clock.forward(seconds=30)
    assert refused(world, poster, first) is Reason.AT_COUNTER


def test_each_lets_ten_through_whichever_came_first(world):
    poster = make(world)
    first = counter_passes.shown(poster, KEY, world.clock())
    for _ in range(9):
        come(world, poster, first)
    world.clock.forward(seconds=30)
    second = counter_passes.shown(poster, KEY, world.clock())
    for _ in range(10):
        come(world, poster, second)
    come(world, poster, first)
    assert refused(world, poster, first) is refused(world, poster, second) is Reason.AT_COUNTER
    world.clock.forward(seconds=30)
    come(world, poster, counter_passes.shown(poster, KEY, world.clock()))


def test_who_has_theirs_finds_it_again_without_a_code(world):
    poster, person = make(world), world.account()
    step = counter_passes.step_at(world.clock())
    had = posters.claim(poster, person, world.clock(), step).voucher
    assert posters.claim(poster, person, world.clock()).voucher == had


@pytest.mark.race
def test_raced_ten_come_through(world):
    poster, step = make(world), counter_passes.step_at(world.clock())
    people = [world.account() for _ in range(16)]

    def claims(person):
        def claim():
            with suppress(Closed):
                posters.claim(poster, person, world.clock(), step)

        return claim

    together([claims(person) for person in people])
    assert Voucher.select().count() == 10
    assert Poster.get().claimed == 10


@pytest.mark.race
def test_control_without_the_count_more_come_through(world, monkeypatch):
    monkeypatch.setattr(counter_passes, "is_spent", lambda poster, step: False)
    poster, step = make(world), counter_passes.step_at(world.clock())
    for _ in range(12):
        posters.claim(poster, world.account(), world.clock(), step)
    assert Voucher.select().count() == 12


# Its pages


@pytest.fixture
def cashier(app, small_world) -> PageClient:
    small_world.member(role=Role.CASHIER, email=CASHIER, password=ACCOUNT_PASSWORD)
    client = PageClient(app)
    client.post("/sign-in", {"email": CASHIER, "password": ACCOUNT_PASSWORD})
    return client


def test_the_till_shows_it_and_who_scans_it_claims(app, small_world, cashier):
    poster = make(small_world)
    at = f"/merchants/lotus/till/posters/{poster.id}"
    page = cashier.get(at)
    assert page.all("div", id="pass")
    step = counter_passes.step_at(small_world.clock())
    cashier.get(f"{at}?seen={step}", status=204, headers={"HX-Request": "true"})
    shown = counter_passes.shown(poster, app.secret_key, small_world.clock())
    passer = PageClient(app)
    assert "who is in the shop" in passer.get(f"/p/{poster.token}").text
    assert passer.get(f"/p/{poster.token}?pass={shown}").all("input", name="pass", value=shown)
    passer.post(f"/p/{poster.token}", {}, status=403)
    passer.post(f"/p/{poster.token}", {"pass": shown}, status=303)
    assert Voucher.select().count() == 1


def test_only_of_ones_own_shop_and_only_such_posters(small_world, cashier):
    usual = make(small_world, at_counter=False)
    theirs = make(small_world)
    other = small_world.campaign(merchant=small_world.make_merchant(slug="other"))
    Poster.update(campaign=other).where(Poster.id == theirs.id).execute()
    for number in (usual.id, theirs.id, 2**70):
        cashier.get(f"/merchants/lotus/till/posters/{number}", status=404)


def test_an_owner_makes_one(client, small_world):
    client.sign_in(small_world.member(role=Role.OWNER, password=ACCOUNT_PASSWORD))
    small_world.campaign(slug="tea")
    form = {"name": "A", "quantity": "9", "per_day": "", "per_minute": "30", "claimed_by": "anybody", "at_counter": "y"}
    client.post("/merchants/lotus/campaigns/tea/posters", form, status=303)
    poster = Poster.get()
    assert poster.at_counter
    assert Campaign.get_by_id(poster.campaign_id).slug == "tea"
    page = client.get(f"/merchants/lotus/campaigns/tea/posters/{poster.id}")
    assert page.all("a", href=f"/merchants/lotus/till/posters/{poster.id}")
