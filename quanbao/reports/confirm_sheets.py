"""Confirm sheets: the numbers and words that a day's redemptions will have, to print for a shop without a screen.

Its reader knows beforehand what a true verdict will say: it is for owners and managers to print and to hand out.
"""

from datetime import date, timedelta

from models import DayNumber, Merchant
from quanbao.redemption import receipts

DAYS = 8  # today and a week: what was printed earlier lies about for longer
HIGHEST = 99_999  # that a sheet goes to


def days(today: date) -> list[date]:
    """The days that may be printed."""
    return [today + timedelta(days=ahead) for ahead in range(DAYS)]


def rows(key: str, merchant: Merchant, branch: str, day: date, numbers: range) -> list[tuple[int, str]]:
    """Each number with the words that its redemption will have; `branch` is a slug, or "" where none is named."""
    return [
        (
            number,
            receipts.words(
                key, merchant.language, merchant=merchant.id, branch=branch, day=day.isoformat(), number=number
            ),
        )
        for number in numbers
    ]


def given(merchant: Merchant, branch: str, day: date) -> int:
    """The last number that a redemption of that day has so far; 0 where there is none."""
    of = (DayNumber.merchant == merchant) & (DayNumber.branch_slug == branch) & (DayNumber.day == day.isoformat())
    return DayNumber.select(DayNumber.last).where(of).scalar() or 0
