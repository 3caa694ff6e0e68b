"""Periods stay what people entered when a government moves the clocks: instants follow, holders are told, once."""

import os
import re
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zones
from database import db, open_database
from models import Campaign, Event, News, Role, Voucher, ZoneData
from quanbao.campaigns import editing, entered_values, periods
from quanbao.campaigns import rules as campaigns
from quanbao.lib.validation import Reader
from quanbao.messages import events
from quanbao.operations import bulk_import, import_document, migrate
from quanbao.redemption.reasons import Reason
from tests.campaigns.test_opening_hours import WHOLE_DAYS
from tests.operations.test_database import empty  # noqa: F401  (a fixture)
from tests.support.factories import PASSWORD, World, utc
from tests.support.older_database import older
from tests.support.servers import ROOT, environment
from tests.support.zone_files import write_folder, write_package
from zones import ZoneInfo

PLACE = "America/Vancouver"
BEFORE = {PLACE: "PST8PDT,M3.2.0,M11.1.0", "America/Havana": "CST5CDT,M3.2.0/0,M11.1.0/1"}
AFTER = {PLACE: "PDT7", "America/Havana": "CDT4"}  # summer time all the year
OLD, NEW = "2026c", "2026d"
HOUR = timedelta(hours=1)


@pytest.fixture
def release(tmp_path):
    """Make a release the one that is installed, by a folder of its compiled files."""

    def install(rules: dict[str, str]) -> None:
        zoneinfo.reset_tzpath(to=[str(write_folder(tmp_path / str(len(list(tmp_path.iterdir()))), rules))])
        ZoneInfo.clear_cache()

    yield install
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()


def loaded(world: World, *, zone: str = PLACE, **entered: Any) -> Campaign:
    """A campaign with a voucher of Mei's, from a document."""
    number = next(world.numbers)
    columns = {
        "slug": "tea",
        "kind": "gift",
        "product": f"Tea {number}",
        "quantity": 9,
        "starts_at": "2026-12-24",
        "ends_at": "2026-12-31",
        "redemption_password": PASSWORD,
        "publish_to": [world.mei.email],
    }
    merchant = {"slug": f"shop-{number}", "name": "Tea", "time_zone": zone, "currency": "CAD"}
    bulk_import.load(
        {"merchants": [merchant | {"campaigns": [columns | entered]}]},
        now=world.clock(),
        password_key=world.keys.password,
    )
    return Campaign.select().order_by(Campaign.id.desc()).get()


def now(campaign: Campaign) -> Campaign:
    return Campaign.get_by_id(campaign.id)


def told() -> set[int]:
    return {row.campaign_id for row in News.select() if row.event == Event.PERIOD_CHANGED}


def catch_up(world: World, name: str = NEW) -> int:
    return periods.catch_up(world.clock(), name)


# The three spellings


def test_a_date_and_a_wall_time_stay_what_they_are_and_a_time_with_an_offset_stays_the_instant(world, release, mail):
    mail.subscribe()
    release(BEFORE)
    assert catch_up(world, OLD) == 0
    date, wall, fixed = (
        loaded(world, ends_at=text) for text in ("2026-12-31", "2026-12-31T18:00", "2026-12-31T18:00-08:00")
    )
    assert [c.ends_at for c in (date, wall, fixed)] == [
        utc(t) for t in ("2027-01-01T08:00Z", "2027-01-01T02:00Z", "2027-01-01T02:00Z")
    ]
    mail.bring()
    mail.titles()
    release(AFTER)
    assert catch_up(world) == 3, "its start moved in the last one, too"
    date, wall, fixed = map(now, (date, wall, fixed))
    assert [c.ends_at for c in (date, wall, fixed)] == [
        utc(t) for t in ("2027-01-01T07:00Z", "2027-01-01T01:00Z", "2027-01-01T02:00Z")
    ]
    assert {c.starts_at for c in (date, wall, fixed)} == {utc("2026-12-24T07:00Z")}
    assert [c.ends_entered for c in (date, wall, fixed)] == [
        "2026-12-31",
        "2026-12-31T18:00:00",
        "2026-12-31T18:00:00-08:00",
    ]
    assert [entered_values.document(c)["ends_at"] for c in (date, wall, fixed)] == [
        "2026-12-31",
        "2026-12-31T18:00:00",
        "2026-12-31T19:00:00-07:00",
    ]
    assert [c.version for c in (date, wall, fixed)] == [2, 2, 2]
    mail.bring()
    assert sorted(mail.titles()) == [f"New period: {c.product}" for c in (date, wall, fixed)]
    assert catch_up(world) == 0
    mail.bring()
    assert mail.titles() == []


def test_what_has_only_offsets_is_left_alone(world, release):
    release(BEFORE)
    campaign = loaded(world, starts_at="2026-12-24T00:00-08:00", ends_at="2027-01-01T08:00Z")
    release(AFTER)
    assert catch_up(world) == 0
    assert (now(campaign).version, told()) == (1, set())


def test_an_entry_from_outside_is_kept_in_one_spelling():
    for entered, kept in (
        ("20261231", "2026-12-31"),
        ("2026-W53-4", "2026-12-31"),
        ("2026-12-31T18:00", "2026-12-31T18:00:00"),
        ("2026-12-31 18", "2026-12-31T18:00:00"),
        ("2026-12-31T18:00Z", "2026-12-31T18:00:00+00:00"),
    ):
        read = campaigns.read(Reader({"starts_at": "2026-01-01", "ends_at": entered}, "", []), ZoneInfo(PLACE), set())
        assert read["ends_entered"] == kept


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(import_document.TIME_ZONES)),
    st.dates(utc("2027-01-01T00:00Z").date(), utc("2080-01-01T00:00Z").date()),
    st.booleans(),
)
def test_whatever_was_entered_is_what_it_means_in_the_zone_afterwards(small_world, release, zone, day, is_date):
    release({zone: "OLD0"})
    entered = day.isoformat() if is_date else f"{day}T01:30:00"
    campaign = loaded(small_world, zone=zone, starts_at="2026-12-24", ends_at=entered, publish_to=[])
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()
    ZoneData.delete().execute()
    catch_up(small_world)
    place = ZoneInfo(zone)
    wall = datetime.fromisoformat(f"{day + timedelta(days=1)}T00:00" if is_date else entered)
    assert now(campaign).ends_at == wall.replace(tzinfo=place).astimezone(UTC), zone
    assert entered_values.document(now(campaign))["ends_at"] == entered
    Campaign.delete().execute()


@pytest.mark.parametrize(("zone", "day", "first", "end"), WHOLE_DAYS)
def test_days_with_odd_midnights_are_whole_again(small_world, release, zone, day, first, end):
    small_world.clock.set("2011-01-01T00:00Z")
    release({zone: "OLD0"})
    campaign = loaded(small_world, zone=zone, starts_at=day, ends_at=day)
    release({})
    catch_up(small_world)
    assert (now(campaign).starts_at, now(campaign).ends_at) == (utc(first), utc(end))


# What is over, and what has begun


def test_what_is_over_stays_over_and_no_voucher_comes_back(world, release):
    release(AFTER)
    world.clock.set("2026-12-24T00:00-07:00")
    past, ended = loaded(world), loaded(world)
    editing.end(now(ended), world.clock())
    versions = now(past).version, now(ended).version
    release(BEFORE)  # the same day ends an hour later now
    world.clock.set("2027-01-01T07:30Z")
    assert catch_up(world) == 0
    assert (now(past).version, now(ended).version) == versions
    voucher = Voucher.get(Voucher.campaign == past)
    assert world.attempt(voucher).reason is Reason.EXPIRED
    assert told() == set()


def test_an_end_that_is_to_come_moves_both_ways_and_is_reminded_of_again(world, release):
    release(BEFORE)
    campaign = loaded(world)
    Campaign.update(reminded_at=world.clock()).where(Campaign.id == campaign.id).execute()
    release(AFTER)
    world.clock.set("2027-01-01T07:30Z")  # the last hour that is none any more
    assert catch_up(world) == 1
    assert (now(campaign).ends_at, now(campaign).reminded_at) == (utc("2027-01-01T07:00Z"), None)
    assert world.attempt(Voucher.get(Voucher.campaign == campaign)).reason is Reason.EXPIRED
    assert events.is_waiting()


def test_a_start_that_has_passed_stays_passed(world, release):
    release(AFTER)
    campaign = loaded(world)
    release(BEFORE)  # the same start would come an hour later
    world.clock.set("2026-12-24T07:30Z")
    assert catch_up(world) == 1
    assert (now(campaign).starts_at, now(campaign).ends_at) == (utc("2026-12-24T07:00Z"), utc("2027-01-01T08:00Z"))
    assert world.attempt(Voucher.get(Voucher.campaign == campaign)).redeemed


def test_a_start_long_passed_moves_for_its_date_and_is_no_news(world, release):
    release(AFTER)
    campaign = loaded(world, ends_at="2026-12-31T12:00Z")
    release(BEFORE)
    world.clock.set("2026-12-26T00:00Z")
    assert catch_up(world) == 1
    assert now(campaign).merchant.day(now(campaign).starts_at).isoformat() == "2026-12-24"
    assert told() == set()


def test_a_draft_follows_and_nobody_is_told(world, release):
    release(BEFORE)
    draft = loaded(world, publish_to=[])
    release(AFTER)
    assert (catch_up(world), told()) == (1, set())
    assert now(draft).ends_at == utc("2027-01-01T07:00Z")


def test_a_period_that_would_have_no_moment_left_stays_as_it_is(world, release):
    release(AFTER)
    campaign = loaded(world, starts_at="2026-12-31T18:00", ends_at="2026-12-31T18:30-07:00")
    release(BEFORE)
    assert catch_up(world) == 0
    assert now(campaign).starts_at == utc("2027-01-01T01:00Z")


def test_a_zone_that_is_gone_stops_no_start(world, release):
    release({"Nowhere/Land": "OLD0"})
    campaign = loaded(world)
    campaign.merchant.time_zone = "Nowhere/Land"
    campaign.merchant.save()
    release({})
    assert catch_up(world) == 0


def test_an_older_release_changes_nothing_back(world, release):
    release(AFTER)
    loaded(world)
    assert catch_up(world, NEW) == 0
    release(BEFORE)
    assert (catch_up(world, OLD), periods.is_ahead(OLD), periods.is_behind(OLD)) == (0, True, False)
    assert ZoneData.get().release == NEW


def test_a_redemption_judged_before_cannot_commit_after(world, release):
    """The version rises, which every redemption asks for."""
    release(BEFORE)
    campaign = loaded(world)
    release(AFTER)
    catch_up(world)
    assert now(campaign).version == campaign.version + 1


# What keeps it


def test_a_copy_keeps_what_was_entered(world, release):
    release(BEFORE)
    campaign = loaded(world, ends_at="2026-12-31T18:00")
    copy = editing.duplicate(now(campaign), world.clock())
    release(AFTER)
    assert catch_up(world) == 2
    assert now(copy).ends_at == utc("2027-01-01T01:00Z")


@pytest.mark.parametrize(
    "entered",
    [
        "2026-12-31",
        "2026-12-31T18:00:00",
        "2026-12-31T18:00:00.000001",
        "2027-01-01T04:00:00+00:00",
        "2027-01-01T00:00:00-08:00",
    ],
)
def test_the_form_gives_back_what_nobody_touched(client, small_world, entered):
    from tests.pages.test_campaign_pages import entries

    campaign = loaded(small_world, ends_at=entered)
    client.sign_in(small_world.member(role=Role.OWNER, merchant=campaign.merchant))
    address = f"/merchants/{campaign.merchant.slug}/campaigns/tea"
    sent = entries(client.get(f"{address}/edit"))
    client.post(f"{address}/edit", sent | {"terms": ["Other terms"]})
    saved = now(campaign)
    assert (saved.terms, saved.ends_at) == ("Other terms", campaign.ends_at)
    zone = campaign.merchant.zone
    assert campaigns.instant(saved.ends_entered, zone, is_end=True) == campaign.ends_at
    assert ("+" in saved.ends_entered[10:] or "-" in saved.ends_entered[10:]) == (
        "+" in entered[10:] or "-" in entered[10:]
    )


# Processes


def quanbao(database, world: World, package, *words: str) -> subprocess.Popen:
    """A command with another release of the package installed before ours."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(database, world.clock().isoformat()) | {"PYTHONPATH": str(package)},
    )


@pytest.mark.race
def test_of_processes_that_start_together_one_computes(world, database, release, tmp_path):
    release(BEFORE)
    campaign = loaded(world)
    catch_up(world, OLD)
    db.close()
    package = write_package(tmp_path / "package", "9999a", AFTER | {"Asia/Shanghai": "CST-8"})
    starts = [quanbao(database, world, package, "migrate") for _ in range(3)]
    said = sorted("".join(process.communicate(timeout=120)) for process in starts)
    assert [process.returncode for process in starts] == [0, 0, 0], said
    assert said[0] == said[1], "which had nothing to do"
    assert re.fullmatch(r"The database is up to date\.\nDatabase: .+\n", said[0])
    assert "The time zone data is 9999a now." in said[2]
    assert (now(campaign).ends_at, now(campaign).version) == (utc("2027-01-01T07:00Z"), 2)
    assert told() == {campaign.id}
    outdated = quanbao(database, world, "", "migrate")
    assert f"newer time zone data than {zones.RELEASE}" in outdated.communicate(timeout=120)[1]
    assert now(campaign).version == 2


# Campaigns from before


def test_0008_knows_what_was_entered_by_the_files_that_were_used_then(
    empty,  # noqa: F811
    clock,
    keys,
    release,
    tmp_path,
    monkeypatch,
):
    """The instants come from old files of the system, the package is newer: dates are found by the old ones."""
    open_database(*empty)
    rows = [
        ("2026-12-24", "2026-12-31"),
        ("2026-12-24T09:30:00", "2026-12-31T23:00:00"),
        ("2026-11-01T01:30:00-08:00", "2026-12-31"),
    ]
    ids = []
    release(BEFORE)
    zone = ZoneInfo(PLACE)
    with older("0007_redeemed_at"):
        world = World(clock, keys)
        merchant = world.make_merchant(slug="coast", time_zone=PLACE)
        for starts, ends in rows:
            campaign = world.campaign(
                merchant=merchant,
                starts_at=campaigns.instant(starts, zone),
                ends_at=campaigns.instant(ends, zone, is_end=True),
            )
            ids.append(campaign.id)
    monkeypatch.setattr(zones, "_SYSTEM", (str(write_folder(tmp_path / "system", BEFORE)),))
    release(AFTER)
    assert migrate.migrate()[0] == "0008_periods"
    kept = [Campaign.get_by_id(number) for number in ids]
    assert [(c.starts_entered, c.ends_entered) for c in kept] == rows
    assert periods.is_behind("2020a")
    assert catch_up(world) == 3
    assert Campaign.get_by_id(ids[0]).ends_at == utc("2027-01-01T07:00Z")
    assert Campaign.get_by_id(ids[1]).ends_at == utc("2027-01-01T06:00Z")


def test_this_machines_files_and_the_package_are_told_apart():
    """`of_the_system` reads the files that a system has, and the package where it has none."""
    folder = "/usr/share/zoneinfo"
    if os.path.exists(f"{folder}/{PLACE}") and folder in zones._SYSTEM:
        with open(f"{folder}/{PLACE}", "rb") as file:
            there = ZoneInfo.from_file(file)
        moment = utc("2026-12-31T12:00Z")
        assert zones.of_the_system(PLACE).utcoffset(moment.replace(tzinfo=None)) == there.utcoffset(
            moment.replace(tzinfo=None)
        )
    assert zones.of_the_system("UTC").utcoffset(datetime(2026, 1, 1)) == timedelta(0)
