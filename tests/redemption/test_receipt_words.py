"""The receipts' words: two people tell them apart aloud, at a noisy counter, in either language."""

import re
from collections import defaultdict
from itertools import combinations, pairwise
from pathlib import Path

import pytest

LISTS = Path(__file__).resolve().parents[2] / "quanbao" / "word_lists"


def lines(language: str) -> list[str]:
    return (LISTS / f"receipts_{language}.txt").read_bytes().decode("utf-8").removesuffix("\n").split("\n")


def shared(words: list[str], part) -> list[list[str]]:
    """The groups of words that have a part in common."""
    groups = defaultdict(list)
    for word in words:
        groups[part(word)].append(word)
    return [group for group in groups.values() if len(group) > 1]


def distance(one: str, other: str) -> int:
    """Levenshtein's: how many letters to change, add or leave out."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


@pytest.fixture(scope="module")
def english() -> list[str]:
    return lines("en")


@pytest.fixture(scope="module")
def chinese() -> list[str]:
    return lines("zh")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_byte_picks_one_word(language):
    """A 257th word would never be picked; a word twice would be picked more often."""
    assert len(lines(language)) == len(set(lines(language))) == 256


def test_english_words_are_short_and_plain(english):
    """Nobody has to spell out a capital, a hyphen or an accent."""
    assert [word for word in english if not re.fullmatch("[a-z]{4,8}", word)] == []


def test_english_words_are_sorted(english):
    """A reader sees at once whether a word is there."""
    assert [pair for pair in pairwise(english) if pair[0] >= pair[1]] == []


def test_english_words_differ_in_their_first_four_letters(english):
    """Half a word is enough to know it; and so none is the beginning of another."""
    assert shared(english, lambda word: word[:4]) == []


def test_english_words_differ_in_three_letters(english):
    """One word misheard or misread is not another one."""
    assert [pair for pair in combinations(english, 2) if distance(*pair) < 3] == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("otter", "otter", 0), ("kettle", "cattle", 2), ("cat", "chart", 2), ("", "maple", 5), ("ab", "ba", 2)],
)
def test_distance(one, other, expected):
    """The measure itself, on pairs counted by hand."""
    assert distance(one, other) == distance(other, one) == expected


def test_chinese_words_have_two_characters(chinese):
    """All words take the same room, and two syllables are harder to mishear than one."""
    assert [word for word in chinese if not re.fullmatch("[\u4e00-\u9fff]{2}", word)] == []


def test_chinese_words_are_simplified_and_common(chinese):
    """GB 2312 has the simplified characters in daily use, which every phone's fonts cover."""
    common = [word for word in chinese if word.encode("gb2312", "ignore").decode("gb2312") == word]
    assert common == chinese


def test_chinese_words_differ_in_their_first_character(chinese):
    """One character is enough to know the word."""
    assert shared(chinese, lambda word: word[0]) == []


def test_no_chinese_word_is_another_one_backwards(chinese):
    """AB and BA are easily taken for each other."""
    assert shared(chinese, frozenset) == []
