"""A clock that stands until a test moves it."""

from datetime import UTC, datetime, timedelta


class Clock:
    def __init__(self, start: str):
        self.now = datetime.fromisoformat(start).astimezone(UTC)

    def __call__(self) -> datetime:
        return self.now

    def set(self, moment: str) -> None:
        self.now = datetime.fromisoformat(moment).astimezone(UTC)

    def forward(self, **step: float) -> None:
        """`forward(hours=1, seconds=0.5)`."""
        self.now += timedelta(**step)
