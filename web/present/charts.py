"""Charts as SVG from the server: they print, follow the theme, and need no script.

Lengths are in percent of the picture, heights of lines in em: so a chart fits any width and letters keep their size.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

GAP = 0.25  # of a column's place
MOST_COLUMNS = 62
MOST_ROWS = 12
LONGEST_NAME = 26  # Latin letters


@dataclass(frozen=True)
class Column:
    name: str
    value: int
    x: float
    width: float
    height: float


@dataclass(frozen=True)
class Columns:
    """Upright bars; `top` is what the highest stands for, `ticks` are words along the axis."""

    columns: list[Column]
    top: int
    ticks: list[str]


@dataclass(frozen=True)
class Bar:
    """A lying bar under its name; `name` may be cut short, `said` is whole."""

    name: str
    said: str
    value: int
    width: float


def by_day(counts: dict[str, int], first: date, last: date, named: Callable[[date], str] = str) -> Columns:
    """From `first` to `last`, idle days too; longer periods put several days into one column."""
    days = max(1, (last - first).days + 1)
    together = -(-days // MOST_COLUMNS)
    spans = [
        [first + timedelta(days=n) for n in range(start, min(start + together, days))]
        for start in range(0, days, together)
    ]
    values = [sum(counts.get(day.isoformat(), 0) for day in span) for span in spans]
    names = [" – ".join(map(named, {span[0]: 0, span[-1]: 0})) for span in spans]
    return _columns(names, values, [named(first), named(last)] if days > 1 else [named(first)])


def by_hour(counts: dict[str, int], named: Callable[[str], str] = str) -> Columns:
    """24 columns, one for each hour of the merchant's day; `named` writes a time like 13:00."""
    hours = [f"{hour:02d}" for hour in range(24)]
    return _columns(
        [named(f"{hour}:00") for hour in hours],
        [counts.get(hour, 0) for hour in hours],
        [named(time) for time in ("00:00", "12:00", "24:00")],
    )


def _columns(names: list[str], values: list[int], ticks: list[str]) -> Columns:
    top, place = max(1, *values, 1), 100 / len(names)
    return Columns(
        [
            Column(
                name, value, round((n + GAP / 2) * place, 2), round((1 - GAP) * place, 2), round(100 * value / top, 2)
            )
            for n, (name, value) in enumerate(zip(names, values, strict=True))
        ],
        top,
        ticks,
    )


def bars(rows: Sequence[tuple[str, int]], others: str = "") -> list[Bar]:
    """A bar for each row in its order; where there are too many, one for all `others` together at the end."""
    if len(rows) > MOST_ROWS:
        rows = [*rows[: MOST_ROWS - 1], (others, sum(value for _, value in rows[MOST_ROWS - 1 :]))]
    top = max([1, *(value for _, value in rows)])
    return [Bar(short(name), name, value, round(100 * value / top, 2)) for name, value in rows]


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """The name cut to the room that there is, letters of East Asia counted twice."""
    room = longest
    for place, letter in enumerate(name):
        room -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if room < 0:
            return name[: place - 1].rstrip() + "…"
    return name
