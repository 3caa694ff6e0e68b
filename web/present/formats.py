"""Money, days and times: money in the reader's language, days and times as the reader's region writes them.

How many digits an amount has is the merchant's alone: what a language's habits are decides nothing about it. Times
are in the merchant's zone.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta, get_day_names
from babel.numbers import format_currency, format_decimal, format_percent
from flask import Flask
from markupsafe import Markup

from models import Merchant
from web.present.languages import goes_to_twelve, language, locale, region
from zones import ZoneInfo

LONGEST_AMOUNT = 24  # characters
# A whole number, its thousands apart or not, and after the last mark the smaller coins.
AMOUNT = re.compile(
    r"(?P<whole>[1-9]\d{0,2}(?P<group>[,.' \u00a0\u202f])\d{3}(?:(?P=group)\d{3})*|\d{1,15})"
    r"(?:(?P<point>[.,])(?P<cents>\d{1,4}))?",
    re.ASCII,
)


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        money=money,
        count=count,
        day=day,
        moment=moment,
        clock_time=clock_time,
        last_day=last_day,
        code=grouped,
        weekdays=weekdays,
        listed=listed,
        isolated=isolated,
        duration=duration,
        ago=ago,
        share=share,
        example=example,
        hours=hours,
    )


def decimal(minor: int, merchant: Merchant) -> Decimal:
    """Minor units as a number of the merchant's currency."""
    return _decimal(minor, merchant.currency_digits)


def _decimal(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits)


def money(minor: int, merchant: Merchant) -> str:
    """Minor units as a price; whole amounts without idle zeros."""
    return _money(minor, merchant.currency, merchant.currency_digits, language())


@lru_cache(maxsize=4096)
def _money(minor: int, currency: str, most_digits: int, spoken: str) -> str:
    value = _decimal(minor, most_digits)
    digits = 0 if value == value.to_integral_value() else most_digits
    pattern = copy(Locale(spoken).currency_formats["standard"])
    pattern.frac_prec = digits, digits
    text = format_currency(value, currency, locale=spoken, format=pattern, currency_digits=False)
    text = re.sub(r"^(\D*[A-Za-z.])(?=\d)", "\\1\u00a0", text)  # Unicode TR 35, "currency spacing"; Babel leaves it out
    return text.replace("CN¥", "¥")  # the narrow form: the merchant's place says which ¥ it is


def minor_units(text: str, merchant: Merchant) -> int | None:
    """What a person typed as an amount, in minor units; none if it is none, or could be read in two ways.

    A comma before three last digits sets thousands apart, and a point could. Where a coin has a thousand parts it
    is the other way round: a point is taken as we write it ourselves, and a comma is in doubt.
    """
    text = unicodedata.normalize("NFKC", text).strip().strip("¥元€$£").strip()
    text = "".join(str(unicodedata.decimal(character, character)) for character in text)  # in any script's digits
    found, digits = AMOUNT.fullmatch(text), merchant.currency_digits
    if not found or len(text) > LONGEST_AMOUNT:
        return None
    whole, group, point, cents = found["whole"], found["group"], found["point"], found["cents"] or ""
    if group and group in ".," and not point and whole.count(group) == 1:
        if (group == ".") != (digits > 2):
            return None
        whole, _, cents = whole.partition(".")
    if group and group == point or len(cents) > digits:
        return None
    return int(re.sub(r"\D", "", whole) + cents.ljust(digits, "0"))


def whole(text: str | None) -> int | None:
    """A whole number as it was typed, in the digits of any script; none where it is none."""
    digits = unicodedata.normalize("NFKC", text or "").strip()
    return int(digits) if digits.isdecimal() and len(digits) < 13 else None


def as_typed(minor: int, merchant: Merchant) -> str:
    """Minor units as they are typed: 3000 fen are 30, 3050 are 30.50."""
    digits = merchant.currency_digits
    whole, cents = divmod(minor, 10**digits)
    return f"{whole}.{cents:0{digits}d}" if cents else str(whole)


def example(whole: int, merchant: Merchant) -> str:
    """An amount with small coins, where the currency has any, as it may be typed."""
    one = 10**merchant.currency_digits
    return as_typed(whole * one + one // 2, merchant) if one > 1 else str(whole)


def count(number: int) -> str:
    return format_decimal(number, locale=locale())


def share(part: float) -> str:
    """A part of 1 in percent."""
    return format_percent(part, locale=locale())


def _aware(time: datetime | str) -> datetime:
    """Descriptions of vouchers hold times as ISO text."""
    return datetime.fromisoformat(time) if isinstance(time, str) else time


def day(time: datetime | date | str, zone: ZoneInfo | None = None, style: str = "medium") -> str:
    """A calendar day, given as such (a date, or ten characters of ISO 8601) or as a moment in a zone."""
    if isinstance(time, str) and len(time) == 10:
        time = date.fromisoformat(time)
    if isinstance(time, str | datetime):
        time = _aware(time).astimezone(zone).date()
    return format_date(time, style, locale=region())


def first_day(start: datetime | str, zone: ZoneInfo) -> str:
    """A period's start as people say it: its first day, with the hour if that day had begun before."""
    wall = _aware(start).astimezone(zone)
    text = format_date(wall.date(), "medium", locale=locale())
    if (_aware(start) - timedelta(microseconds=1)).astimezone(zone).date() < wall.date():
        return text
    return f"{text} {clock_time(wall, zone)}"


def last_day(end: datetime | str, zone: ZoneInfo) -> str:
    """A period's end as people say it: the last day it still holds, with the hour if it is not midnight."""
    wall = _aware(end).astimezone(zone)
    last = (_aware(end) - timedelta(microseconds=1)).astimezone(zone).date()
    if last < wall.date():  # also where a day begins at one o'clock, since its midnight was skipped
        return format_date(last, "medium", locale=region())
    return f"{format_date(wall.date(), 'medium', locale=region())} {clock_time(wall, zone)}"


def moment(time: datetime | str, zone: ZoneInfo) -> str:
    return format_datetime(_aware(time), "medium", tzinfo=zone, locale=region())


def clock_time(time: datetime | str, zone: ZoneInfo, style: str = "short") -> str:
    return format_time(_aware(time).astimezone(zone), style, tzinfo=zone, locale=region())


def wall_time(text: str) -> str:
    """A time of the wall clock as the region writes it: 22:00, or 10:00 PM; 24:00 ends a day."""
    shown = format_time(time(int(text[:2]) % 24, int(text[3:5])), "short", locale=region())
    return re.sub(r"^0?0", "24", shown) if text[:2] == "24" and not goes_to_twelve(region()) else shown


def hours(span: Sequence[str]) -> str:
    """Opening hours from one time until another."""
    return (" – " if goes_to_twelve(region()) else "–").join(map(wall_time, span))


def with_wall_times(text: str) -> str:
    """A text of ours in which times stand as `{22:00}`."""
    return re.sub(r"\{(\d\d:\d\d)\}", lambda found: wall_time(found[1]), text)


def duration(seconds: int) -> str:
    return format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=locale())


def ago(time: datetime, now: datetime) -> str:
    """How long it is since: no time zone is needed for that."""
    passed = max(now - time, timedelta(seconds=1))
    return format_timedelta(-passed, granularity="minute", threshold=1.5, add_direction=True, locale=locale())


def grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def weekdays(numbers: Sequence[int]) -> str:
    """By their names, from the day on which weeks begin there."""
    names = get_day_names("abbreviated", locale=locale())
    return listed([names[number - 1] for number in in_week(numbers)])


def in_week(numbers: Iterable[int]) -> list[int]:
    """Weekdays, 1 to 7, in the order of the region's week."""
    return sorted(numbers, key=lambda number: (number - 1 - region().first_week_day) % 7)


def apart(text: str) -> list[str]:
    """What people set apart by commas, also by those of Chinese."""
    return [part for part in re.split(r"[,，、;；\n]", text) if part.strip()]


def listed(items: Iterable[str]) -> str:
    """A plain enumeration; in Chinese Babel's own for units has nothing between the items. Markup stays markup."""
    items = list(items)
    between = Markup if any(isinstance(item, Markup) for item in items) else str
    return between("、" if locale().language == "zh" else ", ").join(items)


def isolated(text: str) -> Markup:
    """People's words among ours: written to the left, they turn nothing round that stands beside them (HTML, bdi)."""
    return Markup("<bdi>{}</bdi>").format(text)
