"""Charts as SVG from the server: they print, follow the theme, and need no script."""

from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT, GAP = 640, 180, 0.25
MOST_BARS = 62


@dataclass(frozen=True)
class Bar:
    day: date
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
    top = max(1, *values) if values else 1
    step = WIDTH / len(starts)
    return Chart([
        Bar(start, value, round(n * step + step * GAP / 2, 2), round(HEIGHT - HEIGHT * value / top, 2),
            round(step * (1 - GAP), 2), round(HEIGHT * value / top, 2))
        for n, (start, value) in enumerate(zip(starts, values, strict=True))
    ], top, days_a_bar)
