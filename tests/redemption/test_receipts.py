"""The receipts' words cannot be told beforehand: 100,000 of them look like draws by chance, however they are compared.

Each figure has a bound from its own mean and deviation, so wide that of a million fair draws one would be called
unfair. The key of the test is fixed, and with it what it draws. The controls are words that would help somebody.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from itertools import chain, product
from math import comb, sqrt
from statistics import NormalDist

import pytest

from quanbao.redemption import receipts

KEY, OTHER_KEY = "a key of this test's own", "another key of this test's own"
MERCHANTS, BRANCHES, NUMBERS = (1, 2), ("", "main"), range(1, 1251)
DAYS = range(20)  # from the first one on
RECEIPTS = list(product(MERCHANTS, BRANCHES, DAYS, NUMBERS))  # 100,000
FIRST_DAY = date(2026, 12, 1)
ONES, PAIRS = 256, 256**2
INDEX = {word: index for index, word in enumerate(receipts.word_list("en"))}

# Two receipts each, no receipt twice: whoever knows the one should know nothing of the other.
NEIGHBOURS = {
    "the next number": lambda m, b, d, n: (m, b, d, n + 1) if n % 2 else None,
    "the next day": lambda m, b, d, n: (m, b, d + 1, n) if d % 2 == 0 else None,
    "the other branch": lambda m, b, d, n: (m, "main", d, n) if b == "" else None,
    "the other merchant": lambda m, b, d, n: (2, b, d, n) if m == 1 else None,
}
COMPARISONS = {  # of two receipts' pairs of words, in as many ways that are equally likely
    "first with first": lambda a, b: a // ONES * ONES + b // ONES,
    "first with second": lambda a, b: a // ONES * ONES + b % ONES,
    "second with first": lambda a, b: a % ONES * ONES + b // ONES,
    "second with second": lambda a, b: a % ONES * ONES + b % ONES,
    "difference": lambda a, b: a ^ b,
}
FIGURES = (len(NEIGHBOURS) + 1) * len(COMPARISONS) + 3
WIDE = NormalDist().inv_cdf(1 - 1e-6 / FIGURES / 2)  # standard deviations, to either side: too even is no chance either

Words = Callable[..., str]


def drawn(words: Words, key: str) -> dict[tuple, int]:
    """Each receipt's pair of words as one of 65,536 numbers."""
    found, dates = {}, [(FIRST_DAY + timedelta(days=day)).isoformat() for day in DAYS]
    for merchant, branch, day, number in RECEIPTS:
        first, second = words(key, "en", merchant=merchant, branch=branch, day=dates[day], number=number).split()
        found[merchant, branch, day, number] = INDEX[first] * ONES + INDEX[second]
    return found


def is_even(values: Iterable[int]) -> bool:
    """Pearson's chi-square of 65,536 equally likely values: its mean is one less, its variance twice as much."""
    counts = Counter(values)
    drawn = counts.total()
    expected = drawn / PAIRS
    square = sum(count**2 for count in counts.values()) / expected - drawn
    return abs(square - (PAIRS - 1)) <= WIDE * sqrt(2 * (PAIRS - 1) * (drawn - 1) / drawn)


def repeats_by_chance(groups: Iterable[list[int]]) -> bool:
    """Whether two of a group are alike as often as once in 65,536: such coincidences are independent two by two."""
    alike = couples = 0
    for group in groups:
        couples += comb(len(group), 2)
        alike += sum(comb(count, 2) for count in Counter(group).values())
    expected = couples / PAIRS
    return abs(alike - expected) <= WIDE * sqrt(expected * (1 - 1 / PAIRS))


def faults(words: Words) -> set[str]:
    """What of these words would help somebody who has no key."""
    pairs, others = drawn(words, KEY), drawn(words, OTHER_KEY)
    compared = {
        name: [(pairs[one], pairs[other]) for one in RECEIPTS if (other := beside(*one))]
        for name, beside in NEIGHBOURS.items()
    }
    compared["another key"] = [(pairs[one], others[one]) for one in RECEIPTS]
    found = {
        name
        for name, both in compared.items()
        if not all(is_even(compare(a, b) for a, b in both) for compare in COMPARISONS.values())
    }
    days = [[pairs[m, b, d, n] for n in NUMBERS] for m, b, d in product(MERCHANTS, BRANCHES, DAYS)]
    numbers = [[pairs[m, b, d, n] for d in DAYS] for m, b, n in product(MERCHANTS, BRANCHES, NUMBERS)]
    return found | {
        name
        for name, fair in (
            ("all pairs", is_even(chain.from_iterable(days))),
            ("repeated in a day", repeats_by_chance(days)),
            ("repeated at a number", repeats_by_chance(numbers)),
        )
        if not fair
    }


@pytest.mark.slow
def test_nobody_without_the_key_learns_anything():
    assert len(RECEIPTS) == 100_000
    assert faults(receipts.words) == set()


# Words that would help: the same figures find each of them


def said(pair: int) -> str:
    return f"{receipts.word_list('en')[pair // ONES]} {receipts.word_list('en')[pair % ONES]}"


def mixed(key: str, *what) -> int:
    return int.from_bytes(hmac.digest(key.encode(), repr(what).encode(), hashlib.sha256)[:2])


def counted(key, language, *, number, **_):
    return said(number * 7 % PAIRS)


def keyless(key, language, **what):
    return receipts.words("", language, **what)


def of_every_day(key, language, *, day, **what):
    return receipts.words(key, language, day="", **what)


def of_every_shop(key, language, *, merchant, branch, **what):
    return receipts.words(key, language, merchant=0, branch="", **what)


def masked(key, language, *, merchant, branch, day, number):
    """Each day's list is the first one's under a mask: one receipt tells all of its day."""
    return said(mixed(key, merchant, branch, number) ^ mixed(key, day))


def dealt(key, language, *, merchant, branch, day, number):
    """No pair twice in a day, as cards are dealt: what was said is known not to come again."""
    return said((mixed(key, merchant, branch, day) + number * (2 * mixed(key, day, branch, merchant) + 1)) % PAIRS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (counted, {"all pairs"}),
        (of_every_day, {"the next day", "repeated at a number"}),
        (of_every_shop, {"the other branch", "the other merchant"}),
        (masked, {"the next day"}),
        (dealt, {"repeated in a day"}),
    ],
)
def test_control_words_that_help_are_found(words, found):
    assert found <= faults(words)


@pytest.mark.slow
def test_control_without_the_key_only_another_key_tells():
    """A hash alone looks as fair: it is the key that the promise rests on."""
    assert faults(keyless) == {"another key"}
