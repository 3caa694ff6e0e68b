"""A receipt's two words, which both sides of the counter can compare."""

import hashlib
import hmac
from functools import cache
from pathlib import Path

LISTS = Path(__file__).parent / "words"


@cache
def word_list(language: str) -> tuple[str, ...]:
    """The 256 words of a language; English where there is no list of its own."""
    path = LISTS / f"{language}.txt"
    return tuple((path if path.exists() else LISTS / "en.txt").read_text("utf-8").split())


def words(key: str, language: str, *, merchant: int, branch: str, day: str, number: int) -> str:
    """Two of 256 words for one receipt. Without the server's key nobody can tell them beforehand."""
    what = f"quanbao receipt\0{merchant}\0{branch}\0{day}\0{number}"
    first, second = hmac.digest(key.encode(), what.encode(), hashlib.sha256)[:2]
    of = word_list(language)
    return f"{of[first]} {of[second]}"
