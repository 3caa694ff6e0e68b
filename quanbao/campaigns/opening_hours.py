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
    now = wall.hour * 60 + wall.minute
    for start, end in [(minutes(a), minutes(b)) for a, b in hours] or [(0, 24 * 60)]:
        today, yesterday = wall.isoweekday(), (wall - timedelta(days=1)).isoweekday()
        if start < end:
            began = [today] if start <= now < end else []
        else:
            began = [today] if now >= start else [yesterday] if now < end else []
        if any(not weekdays or day in weekdays for day in began):
            return True
    return False
