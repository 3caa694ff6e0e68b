"""Entering campaigns and changing them: one judge for every way in, and what was promised stays."""

import copy
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models import Branch, Campaign, Kind, Merchant
from quanbao.campaigns import editing, entered_values, rules
from quanbao.lib.validation import Reader
from quanbao.operations import bulk_import, import_document
from quanbao.passwords import redemption_passwords
from quanbao.redemption.reasons import Reason
from tests.operations.test_bulk_import import GONE, JSON
from tests.operations.test_bulk_import import WRONG as FAULTS
from tests.support.factories import PASSWORD, World, utc
from zones import ZoneInfo

NEW = "750264"  # another password
CONDITIONS = {
    "per_consumer": 2,
    "new_customers_only": True,
    "groups": ["regulars", "常客"],
    "minimum_spend": 15000,
    "weekdays": [1, 2, 5],
    "hours": [["10:00", "14:00"], ["22:00", "02:00"]],
    "branches": ["main", "river"],
}
ENTERED = {
    "kind": "discount",
    "product": "Oolong, 500 ml",
    "original_price": 3000,
    "offer_price": 1800,
    "quantity": 100,
    "starts_at": "2026-12-01",
    "ends_at": "2026-12-31",
    "place": "all branches",
    "uses_per_voucher": 3,
    "conditions": CONDITIONS,
    "terms": "One a day\nNot with other offers",
    "redemption_password": PASSWORD,
}
EXCHANGE = {"original_price": None, "offer_price": None, "uses_per_voucher": 1}
OF_THE_KIND = {kind: {} if kind is Kind.DISCOUNT else EXCHANGE for kind in Kind}


def make(world: World, **changes: Any) -> Campaign:
    return editing.create(world.merchant, {**ENTERED, **changes}, now=world.clock(), password_key=world.keys.password)


def change(world: World, campaign: Campaign, **changes: Any) -> Campaign:
    """What a form sends: everything as it is, but for the changes."""
    entered = entered_values.document(campaign) | changes
    editing.change(campaign, entered, now=world.clock(), password_key=world.keys.password)
    return now(campaign)


def now(campaign: Campaign) -> Campaign:
    return Campaign.get_by_id(campaign.id)


def columns(campaign: Campaign) -> dict[str, Any]:
    """All that was entered, and nothing that a transaction counts."""
    return {name: getattr(campaign, name) for name in editing.COPIED if name != "password"}


def load_one(world: World, entered: dict[str, Any], zone: str = "Asia/Shanghai") -> Campaign:
    """The same campaign by way of a document; raises loading.Refused."""
    slug = f"m{next(world.numbers)}"
    bulk_import.load(
        {
            "merchants": [
                {
                    "slug": slug,
                    "name": "Loaded",
                    "time_zone": zone,
                    "currency": "CNY",
                    "campaigns": [{"slug": "c", **entered}],
                    "branches": [{"slug": "main", "name": "Main"}, {"slug": "river", "name": "River"}],
                }
            ]
        },
        now=world.clock(),
        password_key=world.keys.password,
    )
    return Campaign.get(Campaign.merchant == Merchant.get(Merchant.slug == slug))


# One judge


@pytest.mark.parametrize("kind", Kind)
def test_a_campaign_of_each_kind_with_every_condition_is_a_draft(world, kind):
    made = now(make(world, kind=kind.value, **OF_THE_KIND[kind]))
    assert (made.slug, made.published_at, made.ended_at, made.version) == ("oolong-500-ml", None, None, 1)
    assert (made.starts_at, made.ends_at) == (utc("2026-12-01T00:00:00+08:00"), utc("2027-01-01T00:00:00+08:00"))
    assert (made.kind, made.product, made.quantity, made.place) == (kind, "Oolong, 500 ml", 100, "all branches")
    assert (made.offer_price, made.uses_per_voucher) == ((1800, 3) if kind is Kind.DISCOUNT else (None, 1))
    assert {name: getattr(made, "branch_slugs" if name == "branches" else name) for name in CONDITIONS} == CONDITIONS


@pytest.mark.parametrize("kind", Kind)
def test_the_form_and_load_make_the_same_campaign(world, kind):
    entered = {**ENTERED, **OF_THE_KIND[kind], "kind": kind.value}
    loaded, made = load_one(world, entered), make(world, **entered)
    assert columns(loaded) == columns(made)
    assert columns(change(world, loaded)) == columns(made), "and entering it anew changes nothing"
    assert entered_values.document(loaded) | {"slug": made.slug} == entered_values.document(made)


def put(entered: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A campaign with another value at a path like `conditions.hours[0]`."""
    entered = copy.deepcopy(entered)
    place, _, name = path.rpartition(".")
    name, is_item, _ = name.partition("[")
    into = entered[place] if place else entered
    into[name] = [value] if is_item else value
    return {key: part for key, part in entered.items() if part is not GONE}


OF_A_CAMPAIGN = [
    (path.split("campaigns[0].")[1], value)
    for path, values, _ in FAULTS
    if "campaigns[0]." in path and "publish_to" not in path and "posters" not in path  # these make no campaign
    for value in values
]


def load_refuses(world: World, entered: dict[str, Any]) -> set[str]:
    """The fields that a document is refused for."""
    merchant = {
        "slug": "m",
        "name": "M",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "branches": [{"slug": "main", "name": "Main"}, {"slug": "river", "name": "River"}],
    }
    _, faults = import_document.read({"merchants": [merchant | {"campaigns": [{**entered, "slug": "c"}]}]})
    paths = (fault.split(": ")[0].removeprefix("merchants[0].campaigns[0].") for fault in faults)
    return {path.removeprefix("conditions.").split("[")[0] for path in paths}


def act_refuses(world: World, entered: dict[str, Any]) -> set[str]:
    before = Campaign.select().count()
    try:
        make(world, **{**dict.fromkeys(ENTERED), **entered})
    except editing.Refused as refused:
        assert Campaign.select().count() == before, "nothing is made then"
        return set(refused.faults)
    return set()


def test_what_load_refuses_the_form_refuses_by_the_same_field(small_world):
    assert len(OF_A_CAMPAIGN) > 80
    for path, value in OF_A_CAMPAIGN:
        entered = put(ENTERED, path, value)
        assert act_refuses(small_world, entered) == load_refuses(small_world, entered) != set(), (path, value)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(
        st.sampled_from([*ENTERED, *(f"conditions.{name}" for name in CONDITIONS)]), JSON, min_size=1, max_size=3
    )
)
def test_whatever_is_entered_both_take_it_or_both_refuse_it(small_world, changes):
    entered = ENTERED
    for path, value in sorted(changes.items(), key=lambda change: -len(change[0])):
        entered = put(entered, path, value)
    assert act_refuses(small_world, entered) == load_refuses(small_world, entered)


@pytest.mark.parametrize(
    "changes",
    [
        {"picture": "f" * 32},
        {"picture": "\0"},
        {"picture": "x" * 5000},
        {"password_in_use": "0"},
        {"password_in_use": "9" * 30},
        {"password_in_use": "²"},
        {"password_in_use": "\0"},
        {"product": "\0"},
    ],
)
def test_what_only_a_form_sends_is_judged_before_it_reaches_the_database(world, changes):
    (field,) = changes
    with pytest.raises(editing.Refused) as caught:
        make(world, redemption_password=None, **changes)
    assert set(caught.value.faults) == {field}


def test_names_in_addresses_are_apart_and_can_be_followed(world):
    twice = [make(world, product="A" * 60) for _ in range(3)]
    chinese = make(world, product="乌龙茶")
    loaded = world.campaign(slug="a" * 54 + "-b")
    copies = [editing.duplicate(now(campaign), world.clock()) for campaign in (*twice, chinese, loaded)]
    slugs = [campaign.slug for campaign in (*twice, chinese, *copies)]
    assert len(set(slugs)) == len(slugs)
    for twin in copies:
        change(world, twin)  # a name that cannot stand in an address would be refused here


# Periods in the merchant's time

ZONES = st.sampled_from(sorted(import_document.TIME_ZONES))
DATES = st.dates(min_value=utc("2001-01-01T00:00Z").date(), max_value=utc("8999-12-31T00:00Z").date())
TIMES = st.datetimes(
    min_value=utc("2001-01-01T00:00Z").replace(tzinfo=None), max_value=utc("2100-12-31T00:00Z").replace(tzinfo=None)
)
PERIODS = st.tuples(*[DATES.map(str) | TIMES.map(lambda time: time.isoformat())] * 2)


def period(starts: str, ends: str, zone: ZoneInfo) -> tuple:
    read = rules.read(Reader({"starts_at": starts, "ends_at": ends}, "", []), zone, set())
    return read["starts_at"], read["ends_at"]


@settings(max_examples=400, deadline=None)
@given(entered=PERIODS, zone=ZONES)
@example(entered=("2026-03-29", "2026-10-25"), zone="Europe/Berlin")
@example(entered=("2026-03-29T02:30", "2026-10-25T02:30"), zone="Europe/Berlin")  # skipped; there twice
@example(entered=("2011-12-30", "2011-12-30"), zone="Pacific/Apia")  # a day that never was
@example(entered=("2026-09-06", "2026-09-05"), zone="America/Santiago")  # its midnight is skipped
def test_what_was_entered_is_shown_as_what_is_read_the_same(entered, zone):
    zone = ZoneInfo(zone)
    starts, ends = period(*entered, zone)
    shown = rules.as_entered(starts, zone), rules.as_entered(ends, zone, is_end=True)
    assert period(*shown, zone) == (starts, ends)
    if "T" not in entered[0] and starts.astimezone(zone).date().isoformat() == entered[0]:
        assert shown[0] == entered[0], "a day stays a day"


def test_the_hour_that_comes_twice_in_autumn_stays_the_hour_it_is(world):
    """A document may name the second of the two by its offset; saving the form must not move it."""
    loaded = load_one(
        world, ENTERED | {"ends_at": "2026-10-25T02:30:00+01:00", "starts_at": "2026-10-01"}, zone="Europe/Berlin"
    )
    assert change(world, loaded).ends_at == utc("2026-10-25T01:30Z")


# Changing


def test_a_draft_may_be_changed_in_everything(world):
    draft = make(world)
    changed = change(
        world,
        draft,
        kind="gift",
        product="Tea",
        quantity=1,
        place=None,
        terms=None,
        **EXCHANGE,
        starts_at="2026-11-01",
        ends_at="2026-11-02T18:00",
        conditions={},
        redemption_password=NEW,
    )
    assert (changed.kind, changed.product, changed.quantity, changed.place, changed.terms) == ("gift", "Tea", 1, "", "")
    assert (changed.offer_price, changed.per_consumer, changed.hours, changed.branch_slugs) == (None, None, [], [])
    assert changed.ends_at == utc("2026-11-02T18:00+08:00")
    assert redemption_passwords.reveal(changed.password, world.keys.password) == NEW
    assert (changed.slug, changed.version) == (draft.slug, 2), "its address stays"


def test_after_publishing_only_what_may_change_does(world):
    published = world.campaign(place="everywhere", per_consumer=1, groups=["regulars"], hours=[["10:00", "22:00"]])
    forged = {
        "kind": "gift",
        "product": "Water",
        "place": "nowhere",
        "uses_per_voucher": 9,
        "slug": "other",
        "redemption_password": NEW,
        "password_in_use": "1",
        "conditions": {"per_consumer": None},
    }
    allowed = {
        "original_price": 4000,
        "offer_price": 2000,
        "terms": "New terms",
        "quantity": 101,
        "starts_at": "2026-11-30",
        "ends_at": "2026-12-24",
    }
    entered = {"starts_entered": "2026-11-30", "ends_entered": "2026-12-24"}
    before = columns(published)
    changed = change(world, published, **forged, **allowed)
    assert columns(changed) == before | allowed | entered | {
        "starts_at": utc("2026-11-30T00:00+08:00"),
        "ends_at": utc("2026-12-25T00:00+08:00"),
    }
    assert (changed.slug, changed.password_id, changed.version) == (published.slug, published.password_id, 2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quantity": 99}, "quantity"),
        ({"offer_price": 3001}, "offer_price"),
        ({"terms": "\0"}, "terms"),
        ({"original_price": None}, "original_price"),
        ({"ends_at": "2026-11-30"}, "ends_at"),
        ({"picture": "0" * 32}, "picture"),
    ],
)
def test_a_refused_change_changes_nothing(world, changes, field):
    published = world.campaign()
    with pytest.raises(editing.Refused) as caught:
        change(world, published, **changes)
    assert set(caught.value.faults) == {field}
    assert (columns(now(published)), now(published).version) == (columns(published), 1)


def test_more_is_promised_only_where_a_branch_is_open(world):
    """A campaign whose branches are all closed can be saved, and promise less; a longer period is refused."""
    campaign = world.campaign(branch_slugs=["river"])
    Branch.update(closed_at=world.clock()).where(Branch.slug == "river").execute()
    assert change(world, campaign, offer_price=1500).offer_price == 1500
    assert change(world, now(campaign), ends_at="2026-12-30").ends_at == utc("2026-12-31T00:00+08:00")
    with pytest.raises(editing.Refused) as refused:
        change(world, now(campaign), ends_at="2026-12-31")
    assert set(refused.value.faults) == {"branches"}
    with_main = entered_values.document(now(campaign))["conditions"] | {"branches": ["main"]}
    assert change(world, now(campaign), ends_at="2026-12-31", conditions=with_main).branch_slugs == ["river", "main"]


def test_a_merchant_without_branches_is_not_asked_for_one(world):
    campaign = world.campaign()
    Branch.delete().execute()
    assert change(world, campaign, ends_at="2027-01-31").ends_at == utc("2027-02-01T00:00+08:00")
    assert world.attempt(world.voucher(campaign=campaign)).redeemed


def test_every_change_raises_the_version(world):
    campaign = make(world)
    versions = [change(world, campaign, quantity=100 + n).version for n in range(3)]
    redemption_passwords.change(campaign, NEW, key=world.keys.password, now=world.clock())
    versions.append(now(campaign).version)
    editing.change(campaign, entered_values.document(campaign), now=world.clock(), password_key=world.keys.password)
    versions.append(now(campaign).version)
    Campaign.update(published_at=world.clock()).execute()
    editing.end(campaign, world.clock())
    assert [*versions, now(campaign).version] == [2, 3, 4, 5, 6, 7]


def test_what_was_ended_stays_as_it_is(world):
    campaign = world.campaign()
    editing.end(campaign, world.clock())
    assert now(campaign).ended_at == world.clock()
    world.clock.forward(hours=1)
    for act in (
        lambda: change(world, campaign),
        lambda: editing.end(campaign, world.clock()),
        lambda: editing.delete(campaign),
    ):
        with pytest.raises(editing.Over):
            act()
    assert (now(campaign).ended_at, now(campaign).version) == (world.clock() - timedelta(hours=1), 2)


def test_what_is_over_by_itself_is_not_ended_by_the_shop(world):
    """Its holders read that it has expired, which is true, and its period may still be changed."""
    campaign = world.campaign(ends_at=world.clock())
    with pytest.raises(editing.Past):
        editing.end(campaign, world.clock())
    assert (now(campaign).ended_at, now(campaign).version) == (None, 1)
    assert world.attempt(world.voucher(campaign=now(campaign))).reason == Reason.EXPIRED
    change(world, campaign, ends_at="2026-12-31")


def test_a_draft_is_not_ended_but_deleted(world):
    """Ended, it could be neither changed nor deleted any more."""
    draft = make(world)
    with suppress(editing.Over, editing.Refused, editing.Published):  # however it says no
        editing.end(draft, world.clock())
    assert now(draft).ended_at is None
    editing.delete(draft)


def test_only_a_draft_can_be_deleted(world):
    published, draft = world.campaign(), make(world)
    with pytest.raises(editing.Published):
        editing.delete(published)
    editing.delete(draft)
    assert [campaign.id for campaign in Campaign.select()] == [published.id]


def test_a_duplicate_is_a_draft_with_nobodys_vouchers(world):
    campaign = world.campaign(place="p", groups=["g"], hours=[["10:00", "22:00"]], picture="0" * 32, minimum_spend=1)
    world.attempt(world.voucher(campaign=campaign), amount=1)
    editing.end(campaign, world.clock())
    twin = now(editing.duplicate(now(campaign), world.clock()))
    assert columns(twin) == columns(now(campaign))
    assert twin.password_id == campaign.password_id
    assert (twin.published_at, twin.ended_at, twin.issued, twin.redeemed, twin.version) == (None, None, 0, 0, 1)
