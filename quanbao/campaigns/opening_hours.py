"""Weekdays and hours in which a campaign's vouchers are good, on the merchant's wall clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta


def minutes(text: str) -> int:
    """Minutes since midnight of "HH:MM", up to "24:00"; raises ValueError for anything else."""
    hour, colon, minute = text.partition(":")
    if not (colon and len(hour) == len(minute) == 2 and (hour + minute).isascii() and (hour + minute).isdigit()):
        raise ValueError(text)
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > 24 * 60:
        raise ValueError(text)
    return total


def is_open(wall: datetime, weekdays: Sequence[int], hours: Sequence[Sequence[str]]) -> bool:
    """Whether `wall`, a local time, falls into the weekdays (1 is Monday) and half-open hours.

    No weekdays means every day, no hours all day. Hours whose end is before their start run past
    midnight and belong to the weekday on which they began.
    """
    if began_yesterday(wall, weekdays, hours):
        return True
    now = _now(wall)
    began = any(start <= now and (now < end or end <= start) for start, end in _spans(hours))
    return began and _is_among(wall, weekdays)


def began_yesterday(wall: datetime, weekdays: Sequence[int], hours: Sequence[Sequence[str]]) -> bool:
    """Whether `wall` falls into hours that ran past midnight and belong to the weekday before."""
    runs = any(end <= start and _now(wall) < end for start, end in _spans(hours))
    return runs and _is_among(wall - timedelta(days=1), weekdays)


def _spans(hours: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    return [(minutes(start), minutes(end)) for start, end in hours] or [(0, 24 * 60)]


def _now(wall: datetime) -> int:
    return wall.hour * 60 + wall.minute


def _is_among(wall: datetime, weekdays: Sequence[int]) -> bool:
    return not weekdays or wall.isoweekday() in weekdays
