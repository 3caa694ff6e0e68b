"""What app.js has to know of clocks: the style of the page's, and where the phone's own says something else."""

from datetime import datetime, timedelta

from babel.dates import get_month_names, get_period_names, get_timezone_name
from flask import Flask

from web.context import now
from web.present.languages import goes_to_twelve, locale, region, region_tag
from zones import ZoneInfo

HALF_A_YEAR = timedelta(days=182)


def init_app(app: Flask) -> None:
    app.jinja_env.filters["offset"] = offset
    app.jinja_env.globals.update(
        clock_tag=clock_tag,
        zone_name=zone_name,
        wall_offsets=wall_offsets,
        seasons=seasons,
        as_of_patterns=as_of_patterns,
    )


def clock_tag() -> str:
    """The page's region for `Intl`, with the hours of the page's other times: its own data may be others."""
    return f"{region_tag()}-u-hc-{'h12' if goes_to_twelve(region()) else 'h23'}"


def offset(time: datetime, zone: ZoneInfo) -> int:
    """Seconds that the zone's wall clock is ahead of UTC then."""
    ahead = time.astimezone(zone).utcoffset()
    assert ahead is not None, "only a naive time has none"
    return int(ahead.total_seconds())


def zone_name(zone: ZoneInfo) -> str:
    """What people call the zone's time, in any season."""
    name = get_timezone_name(zone, "long", locale=locale())
    nowhere = locale().territories["ZZ"] in name  # UTC, or a fixed number of hours
    return get_timezone_name(now().astimezone(zone), "long", locale=locale()) if nowhere else name


def wall_offsets(zone: ZoneInfo, *times: datetime | None) -> str:
    """Seconds since 1970 and the zone's offset, of these times and of now: where the phone's clock has another offset
    at one of them, the zone is named."""
    moments = sorted({time for time in (*times, now()) if time})
    return " ".join(f"{int(time.timestamp())}/{offset(time, zone)}" for time in moments)


def seasons() -> list[datetime]:
    """Moments at which a zone that changes its clocks has both its times."""
    return [now(), now() + HALF_A_YEAR]


def as_of_patterns() -> dict[str, str]:
    """How a stored page writes a time and a day, and the names in them: there `Intl` would come too late."""
    there = region()
    halves = get_period_names("abbreviated", "format", there)
    return {
        "time": there.time_formats["short"].pattern,
        "day": there.date_formats["medium"].pattern,
        "halves": f"{halves['am']}|{halves['pm']}",
        "months": "|".join(get_month_names("abbreviated", locale=there).values()),
    }
