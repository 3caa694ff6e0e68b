"""When a voucher is good: weekdays and hours on the merchant's wall clock, and the period's two ends.

The days of the clocks' changes are past ones, whose rules no government can change any more.
"""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models import Voucher
from quanbao.campaigns.opening_hours import is_open, minutes
from quanbao.campaigns.rules import read
from quanbao.lib.validation import Reader
from quanbao.operations import bulk_import
from quanbao.redemption.reasons import Reason
from tests.support.factories import PASSWORD, World, utc
from zones import ZoneInfo

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONDAY = datetime(2025, 6, 2)  # a week in which no clock changes
MINUTE, MICROSECOND = timedelta(minutes=1), timedelta(microseconds=1)
DAY = 24 * 60
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def wall(text: str) -> datetime:
    """The local time "Fri 21:59" of that week; seconds and their parts may follow."""
    day, clock = text.split()
    return datetime.combine(MONDAY + timedelta(days=DAYS.index(day)), time.fromisoformat(clock))


# One moment


@pytest.mark.parametrize(
    ("weekdays", "hours", "opened", "shut"),
    [
        ([], [], ["Mon 00:00", "Sun 23:59:59.999999"], []),
        ([6, 7], [], ["Sat 00:00", "Sun 23:59"], ["Fri 23:59:59.999999", "Mon 00:00"]),
        (
            [],
            [["10:00", "22:00"]],
            ["Mon 10:00", "Sun 10:00", "Mon 21:59", "Mon 21:59:59.999999"],
            ["Mon 09:59:59.999999", "Mon 22:00", "Mon 00:00"],
        ),
        ([3], [["10:00", "22:00"]], ["Wed 10:00", "Wed 21:59"], ["Tue 12:00", "Thu 12:00", "Wed 22:00", "Wed 09:59"]),
        ([], [["00:00", "24:00"]], ["Mon 00:00", "Mon 23:59:59.999999"], []),
        ([5], [["18:00", "24:00"]], ["Fri 18:00", "Fri 23:59:59.999999"], ["Fri 17:59", "Sat 00:00", "Thu 23:59"]),
        ([5], [["18:00", "00:00"]], ["Fri 18:00", "Fri 23:59:59.999999"], ["Fri 17:59", "Fri 00:00", "Sat 00:00"]),
        (
            [5],
            [["22:00", "02:00"]],
            ["Fri 22:00", "Fri 23:59:59.999999", "Sat 00:00", "Sat 01:59:59.999999"],
            ["Sat 02:00", "Fri 01:00", "Fri 21:59", "Sat 22:00", "Sun 01:00"],
        ),
        ([7], [["22:00", "02:00"]], ["Sun 22:00", "Mon 01:59"], ["Mon 02:00", "Sun 01:59", "Mon 22:00"]),
        ([1], [["22:00", "02:00"]], ["Mon 23:00", "Tue 01:59"], ["Mon 01:59", "Sun 23:00", "Tue 22:00"]),
        (
            [],
            [["10:00", "12:00"], ["14:00", "16:00"]],
            ["Mon 10:00", "Mon 11:59", "Mon 14:00", "Mon 15:59"],
            ["Mon 09:59", "Mon 12:00", "Mon 13:59", "Mon 16:00"],
        ),
        (
            [],
            [["10:00", "14:00"], ["12:00", "16:00"]],
            ["Mon 10:00", "Mon 14:00", "Mon 15:59"],
            ["Mon 09:59", "Mon 16:00"],
        ),
        (
            [5],
            [["12:00", "14:00"], ["23:00", "01:00"]],
            ["Fri 12:00", "Fri 23:00", "Sat 00:59"],
            ["Fri 14:00", "Fri 00:59", "Sat 12:00", "Sat 01:00"],
        ),
    ],
)
def test_hours_are_half_open_and_belong_to_the_weekday_on_which_they_begin(weekdays, hours, opened, shut):
    assert [text for text in opened if not is_open(wall(text), weekdays, hours)] == []
    assert [text for text in shut if is_open(wall(text), weekdays, hours)] == []


def open_minutes(weekdays: list[int], spans: list[tuple[int, int]]) -> set[int]:
    """Every open minute of a week, by standing in the shop from each opening until it closes."""
    stood = set()
    for day in weekdays or range(1, 8):
        for start, end in spans or [(0, DAY)]:
            minute = (day - 1) * DAY + start
            while True:
                stood.add(minute % (7 * DAY))
                minute += 1
                if minute % DAY == end % DAY:
                    break
    return stood


def clock_face(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


spans = st.tuples(st.integers(0, DAY - 1), st.integers(0, DAY)).filter(lambda span: span[0] != span[1])


@settings(deadline=None)
@given(st.lists(st.integers(1, 7), unique=True), st.lists(spans, max_size=3), st.integers(0, 7 * DAY - 1))
@example([5], [(22 * 60, 2 * 60)], 0)
@example([7], [(0, DAY)], 0)
def test_every_minute_near_an_edge_is_as_if_somebody_had_stood_there(weekdays, spans, anywhere):
    """Any hours on any weekdays, at every moment where a half-open end or a midnight could go wrong."""
    hours = [[clock_face(start), clock_face(end)] for start, end in spans]
    edges = {edge + step for span in [*spans, (0, 0)] for edge in span for step in (-1, 0, 1)}
    near = {(day * DAY + edge) % (7 * DAY) for day in range(7) for edge in edges} | {anywhere}
    truth = open_minutes(weekdays, spans)
    assert {m for m in near if is_open(MONDAY + m * MINUTE, weekdays, hours)} == near & truth


@pytest.mark.parametrize("text", ["24:01", "25:00", "10:60", "9:00", "1000", "10:0", "", "10:00:00", "-1:00", "１0:00"])
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError):
        minutes(text)


# Nights on which the clocks change


def changes(zone: str, day: str, hours: list[list[str]], weekdays: tuple[int, ...] = ()) -> list[str]:
    """The minutes in UTC, from the noon before this local day to its own, at which it opens or shuts."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    moment, end = (noon - timedelta(days=1)).astimezone(UTC), noon.astimezone(UTC)
    found, before = [], False
    while moment <= end:
        now = is_open(moment.astimezone(ZoneInfo(zone)), weekdays, hours)
        if now != before:
            found.append(f"{moment:%H:%M}")
        moment, before = moment + MINUTE, now
    return found


@pytest.mark.parametrize(
    ("hours", "weekdays", "expected"),
    [
        ([["01:00", "04:00"]], (), ["00:00", "02:00"]),
        ([["02:00", "03:00"]], (), []),
        ([["02:30", "10:00"]], (), ["01:00", "08:00"]),
        ([["22:00", "02:30"]], (6,), ["21:00", "01:00"]),
    ],
)
def test_in_spring_an_hour_of_the_night_is_left_out(hours, weekdays, expected):
    """At 01:00 UTC Berlin's clocks go from 02:00 to 03:00: what would open in between opens then."""
    assert changes(BERLIN, "2025-03-30", hours, weekdays) == expected


@pytest.mark.parametrize(
    ("hours", "weekdays", "expected"),
    [
        ([["01:00", "04:00"]], (), ["23:00", "03:00"]),
        ([["02:00", "03:00"]], (), ["00:00", "02:00"]),
        ([["02:15", "02:45"]], (), ["00:15", "00:45", "01:15", "01:45"]),
        ([["22:00", "02:30"]], (6,), ["20:00", "00:30", "01:00", "01:30"]),
    ],
)
def test_in_autumn_an_hour_of_the_night_comes_twice(hours, weekdays, expected):
    """At 01:00 UTC Berlin's clocks go from 03:00 back to 02:00: hours in between are open twice."""
    assert changes(BERLIN, "2025-10-26", hours, weekdays) == expected


@pytest.mark.parametrize(
    ("day", "hours", "weekdays", "expected"),
    [
        ("2025-03-09", [["01:00", "04:00"]], (), ["06:00", "08:00"]),
        ("2025-03-09", [["02:00", "03:00"]], (), []),
        ("2025-03-09", [["22:00", "02:30"]], (6,), ["03:00", "07:00"]),
        ("2025-11-02", [["01:00", "02:00"]], (), ["05:00", "07:00"]),
        ("2025-11-02", [["01:15", "01:45"]], (), ["05:15", "05:45", "06:15", "06:45"]),
        ("2025-11-02", [["22:00", "01:30"]], (6,), ["02:00", "05:30", "06:00", "06:30"]),
    ],
)
def test_new_york_changes_at_another_hour_on_other_days(day, hours, weekdays, expected):
    assert changes(NEW_YORK, day, hours, weekdays) == expected


# Periods

WHOLE_DAYS = [  # zone, a date, its first moment and its end
    ("Asia/Shanghai", "2025-12-31", "2025-12-30T16:00Z", "2025-12-31T16:00Z"),
    ("Asia/Kathmandu", "2025-06-06", "2025-06-05T18:15Z", "2025-06-06T18:15Z"),
    ("Pacific/Kiritimati", "2025-06-06", "2025-06-05T10:00Z", "2025-06-06T10:00Z"),
    ("Pacific/Apia", "2025-06-06", "2025-06-05T11:00Z", "2025-06-06T11:00Z"),
    ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00Z", "2011-12-30T10:00Z"),  # the next day there was the 31st
    ("Pacific/Pago_Pago", "2025-06-06", "2025-06-06T11:00Z", "2025-06-07T11:00Z"),
    (BERLIN, "2025-03-30", "2025-03-29T23:00Z", "2025-03-30T22:00Z"),
    (BERLIN, "2025-10-26", "2025-10-25T22:00Z", "2025-10-26T23:00Z"),
    (NEW_YORK, "2025-03-09", "2025-03-09T05:00Z", "2025-03-10T04:00Z"),
    (NEW_YORK, "2025-11-02", "2025-11-02T04:00Z", "2025-11-03T05:00Z"),
    ("America/Santiago", "2025-04-05", "2025-04-05T03:00Z", "2025-04-06T04:00Z"),  # 24:00 became 23:00
    ("America/Santiago", "2025-09-06", "2025-09-06T04:00Z", "2025-09-07T04:00Z"),  # 24:00 was 01:00
    ("America/Santiago", "2025-09-07", "2025-09-07T04:00Z", "2025-09-08T03:00Z"),  # began at 01:00
    ("Atlantic/Azores", "2025-10-25", "2025-10-25T00:00Z", "2025-10-26T00:00Z"),  # the next 00:00 came twice
]
PERIODS = [(zone, day, day, first, end) for zone, day, first, end in WHOLE_DAYS] + [
    (
        BERLIN,
        "2025-06-01T18:00:00.000001",
        "2025-06-01T18:00:00.000003",
        "2025-06-01T16:00:00.000001Z",
        "2025-06-01T16:00:00.000003Z",
    ),
]
HOURS = [  # zone, weekdays, hours, the first moment of one opening and its end
    ("Pacific/Kiritimati", [5], [["22:00", "02:00"]], "2025-06-06T08:00Z", "2025-06-06T12:00Z"),
    ("Pacific/Apia", [6], [["00:00", "24:00"]], "2025-06-06T11:00Z", "2025-06-07T11:00Z"),
    ("Pacific/Pago_Pago", [5], [["22:00", "02:00"]], "2025-06-07T09:00Z", "2025-06-07T13:00Z"),
    (BERLIN, [6], [["22:00", "02:30"]], "2025-03-29T21:00Z", "2025-03-30T01:00Z"),
    (BERLIN, [7], [["02:15", "02:45"]], "2025-10-26T01:15Z", "2025-10-26T01:45Z"),
    (NEW_YORK, [7], [["01:00", "02:00"]], "2025-11-02T05:00Z", "2025-11-02T07:00Z"),
]


def entered(zone: str, starts_at: str, ends_at: str) -> tuple[datetime | None, datetime | None, list[str]]:
    """The period as it would be stored, and the faults of its two fields."""
    faults = []
    values = read(Reader({"starts_at": starts_at, "ends_at": ends_at}, "", faults), ZoneInfo(zone), set())
    return values["starts_at"], values["ends_at"], [fault for fault in faults if "s_at: " in fault]


@pytest.mark.parametrize(("zone", "day", "first", "end"), WHOLE_DAYS)
def test_dates_mean_the_merchants_whole_days(zone, day, first, end):
    assert entered(zone, day, day) == (utc(first), utc(end), [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-29T18:00", "2025-03-29T17:00Z"),
        ("2025-03-30T18:00", "2025-03-30T16:00Z"),
        ("2025-03-30T18:00:00.000001", "2025-03-30T16:00:00.000001Z"),
        ("2025-03-30T18:00Z", "2025-03-30T18:00Z"),
        ("2025-03-30T18:00+05:45", "2025-03-30T12:15Z"),
    ],
)
def test_a_time_is_the_merchants_unless_it_has_an_offset(text, expected):
    assert entered(BERLIN, text, "2025-12-31")[0] == utc(expected)
    assert entered(BERLIN, "2025-01-01", text)[1] == utc(expected)


@pytest.mark.parametrize(
    ("zone", "starts_at", "ends_at", "fault"),
    [
        (BERLIN, "2025-06-02", "2025-06-01", "equals starts_at"),
        (BERLIN, "2025-06-03", "2025-06-01", "before starts_at"),
        (BERLIN, "2025-06-01T12:00", "2025-06-01T10:00Z", "equals starts_at"),
        (BERLIN, "2025-06-01T12:00:00.000001", "2025-06-01T10:00Z", "before starts_at"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30", "equals starts_at"),  # a date that never was there
    ],
)
def test_a_period_without_a_moment_in_it_is_refused(zone, starts_at, ends_at, fault):
    assert entered(zone, starts_at, ends_at)[2] == [f"ends_at: {fault}"]


# At the till


def loaded(world: World, slug: str, zone: str, **campaign) -> Voucher:
    """Mei's voucher, good for two uses, from a document with one merchant in this zone, loaded long before."""
    world.clock.set("2011-01-01T00:00Z")
    columns = {
        "slug": "tea",
        "kind": "discount",
        "product": "Tea",
        "original_price": 3000,
        "offer_price": 1800,
        "quantity": 9,
        "starts_at": "2025-01-01",
        "ends_at": "2025-12-31",
        "uses_per_voucher": 2,
        "redemption_password": PASSWORD,
        "publish_to": [world.mei.email],
    }
    merchant = {"slug": slug, "name": "Tea", "time_zone": zone, "currency": "EUR", "campaigns": [columns | campaign]}
    bulk_import.load({"merchants": [merchant]}, now=world.clock(), password_key=world.keys.password)
    return Voucher.select().order_by(Voucher.id.desc()).get()


def at_the_edges(world: World, voucher: Voucher, first: str, end: str) -> list[Reason | None]:
    """What the till says a microsecond before, at the first moment, at the last one, and at the end."""
    reasons = []
    for moment in (utc(first) - MICROSECOND, utc(first), utc(end) - MICROSECOND, utc(end)):
        world.clock.set(moment.isoformat())
        reasons.append(world.attempt(voucher).reason)
    return reasons


def test_a_voucher_is_good_from_the_first_moment_to_the_last_of_its_period(world):
    for number, (zone, starts_at, ends_at, first, end) in enumerate(PERIODS):
        voucher = loaded(world, f"shop-{number}", zone, starts_at=starts_at, ends_at=ends_at)
        got = at_the_edges(world, voucher, first, end)
        assert got == [Reason.NOT_YET_VALID, None, None, Reason.EXPIRED], (zone, starts_at)


def test_a_voucher_is_good_from_the_first_moment_to_the_last_of_its_hours(world):
    for number, (zone, weekdays, hours, first, end) in enumerate(HOURS):
        voucher = loaded(world, f"shop-{number}", zone, conditions={"weekdays": weekdays, "hours": hours})
        got = at_the_edges(world, voucher, first, end)
        assert got == [Reason.OUTSIDE_HOURS, None, None, Reason.OUTSIDE_HOURS], (zone, hours)
