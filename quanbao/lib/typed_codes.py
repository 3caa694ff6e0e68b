"""Codes as people type them."""

import unicodedata


def bare(typed: str) -> str:
    """Letters and digits alone, whatever case, width and spaces they were typed with."""
    text = unicodedata.normalize("NFKC", typed[:100]).upper()
    return "".join(character for character in text if character.isalnum())
