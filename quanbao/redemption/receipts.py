"""A receipt's number and two words, which both sides of the counter can compare."""

import hashlib
import hmac

from models import DayNumber, Merchant
from quanbao.lib.compiled_queries import statement
from quanbao.lib.word_lists import word_list


def next_number(merchant: Merchant, branch: str, day: str) -> int:
    """The number of the next redemption at this branch on its day; in the caller's transaction."""
    [row] = _one_more(merchant.id, branch, day)
    return row.last


@statement
def _one_more(merchant, branch, day):
    return (
        DayNumber.insert(merchant=merchant, branch_slug=branch, day=day, last=1)
        .on_conflict(
            conflict_target=[DayNumber.merchant, DayNumber.branch_slug, DayNumber.day],
            update={DayNumber.last: DayNumber.last + 1},
        )
        .returning(DayNumber.last)
    )


def words(key: str, language: str, *, merchant: int, branch: str, day: str, number: int) -> str:
    """Two of 256 words for one receipt. Without the server's key they cannot be told beforehand."""
    what = f"quanbao receipt\0{merchant}\0{branch}\0{day}\0{number}"
    first, second = hmac.digest(key.encode(), what.encode(), hashlib.sha256)[:2]
    of = word_list(language)
    return f"{of[first]} {of[second]}"
