"""The words of receipts and of recovery: 256 of a language, in `quanbao/word_lists/`."""

from functools import cache
from pathlib import Path

LISTS = Path(__file__).parents[1] / "word_lists"


@cache
def word_list(language: str) -> tuple[str, ...]:
    """The 256 words of a language; English where there is no list of its own."""
    path = LISTS / f"receipts_{language}.txt"
    return tuple((path if path.exists() else LISTS / "receipts_en.txt").read_text("utf-8").split())
