"""Charts as SVG from the server: they print, follow the theme, and need no script."""

from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT, GAP = 640, 180, 0.25
MOST_BARS = 62


@dataclass(frozen=True)
class Bar:
    name: date | str  # the day, or the hour
    value: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    top: int
    days_a_bar: int


def by_day(counts: dict[str, int], first: date, last: date) -> Chart:
    """Bars from `first` to `last`, idle days too; longer periods put several days into one bar."""
    days = max(1, (last - first).days + 1)
    days_a_bar = -(-days // MOST_BARS)
    starts = [first + timedelta(days=offset) for offset in range(0, days, days_a_bar)]
    values = [sum(counts.get((start + timedelta(days=n)).isoformat(), 0) for n in range(days_a_bar))
              for start in starts]
    return _chart(starts, values, days_a_bar)


def by_hour(counts: dict[str, int]) -> Chart:
    """24 bars, one for each hour of the merchant's day."""
    hours = [f"{hour:02d}" for hour in range(24)]
    return _chart(hours, [counts.get(hour, 0) for hour in hours])


def _chart(names: list, values: list[int], days_a_bar: int = 1) -> Chart:
    top = max(1, *values) if values else 1
    step = WIDTH / len(names)
    return Chart([
        Bar(name, value, round(n * step + step * GAP / 2, 2), round(HEIGHT - HEIGHT * value / top, 2),
            round(step * (1 - GAP), 2), round(HEIGHT * value / top, 2))
        for n, (name, value) in enumerate(zip(names, values, strict=True))
    ], top, days_a_bar)
