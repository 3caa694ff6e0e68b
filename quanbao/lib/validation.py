"""Reading a document that people wrote: every fault is kept with its path, nothing stops at the first."""

import difflib
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
MISSING = object()
UNSEEN = "\u200c\u200d\u2800\u115f\u1160\u3164\uffa0"  # joiners, and letters that are blank
MOST_MARKS = 6  # on one letter; Tibetan and Hebrew need five


class Reader:
    """One object of the document. Reading a field gives its value, or the default after a fault."""

    def __init__(self, value: Any, path: str, faults: list[str]):
        self.path, self.faults = path, faults
        self.read: set[str] = set()
        self.value = value if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            self.fault("", "must be an object")

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key or "document"

    def fault(self, key: str, what: str) -> None:
        printable = "".join(c if c.isprintable() else "\ufffd" for c in self.at(key))
        self.faults.append(f"{printable}: {what}")

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return self.value.get(key, default)

    def take(self, key: str, default: Any, wanted: str, usable: Callable[[Any], bool]) -> Any:
        """The value if usable; left out (or null) it is the default, or a fault where that is MISSING."""
        value = self.get(key)
        if value is None:
            if default is MISSING:
                self.fault(key, "is missing")
                return None
            return default
        if not usable(value):
            self.fault(key, f"must be {wanted}")
            return None if default is MISSING else default
        return value

    def text(self, key: str, longest: int, default: Any = MISSING) -> Any:
        return self.take(key, default, f"text of 1 to {longest} characters", lambda v: is_text(v, longest))

    def slug(self, key: str = "slug") -> Any:
        wanted = "lower-case letters, digits and single hyphens, 63 at most"
        return self.take(key, MISSING, wanted, is_slug)

    def integer(self, key: str, least: int, most: int, default: Any = MISSING) -> Any:
        wanted = f"a whole number from {least:,} to {most:,}"
        return self.take(key, default, wanted, lambda v: type(v) is int and least <= v <= most)

    def flag(self, key: str, default: bool = False) -> bool:
        return self.take(key, default, "true or false", lambda v: type(v) is bool)

    def one_of(self, key: str, values: list[str], default: Any = MISSING) -> Any:
        return self.take(key, default, f"one of {', '.join(values)}", lambda v: isinstance(v, str) and v in values)

    def one_of_many(self, key: str, values: Collection[str], wanted: str) -> Any:
        return self.take(key, MISSING, wanted, lambda v: isinstance(v, str) and v in values)

    def items(self, key: str, wanted: str, usable: Callable[[Any], bool], most: int | None = None) -> list:
        """A list whose every item is usable; the faulty ones are named and left out."""
        values = self.take(key, [], "a list", lambda v: isinstance(v, list))
        if most is not None and len(values) > most:
            self.fault(key, f"has at most {most:,} items")
            return []
        for number, value in enumerate(values):
            if not usable(value):
                self.fault(f"{key}[{number}]", f"must be {wanted}")
        return [value for value in values if usable(value)]

    def readers(self, key: str) -> Iterator["Reader"]:
        values = self.take(key, [], "a list", lambda v: isinstance(v, list))
        for number, value in enumerate(values):
            yield Reader(value, self.at(f"{key}[{number}]"), self.faults)

    def inner(self, key: str) -> "Reader":
        """The object under a key, empty where it was left out."""
        value = self.get(key)
        return Reader({} if value is None else value, self.at(key), self.faults)

    def done(self) -> None:
        """Name the fields that the document has no place for: mostly a slip of the pen."""
        for key in sorted(self.value.keys() - self.read):
            near = difflib.get_close_matches(str(key), self.read, 1)
            self.fault(str(key)[:40], f"is not a field here{f'; did you mean {near[0]}?' if near else ''}")


def is_text(value: Any, longest: int) -> bool:
    """Printable text, line breaks and tabs allowed, that both engines can store."""
    return (
        isinstance(value, str)
        and len(value) <= longest
        and not is_stacked(value)
        and all(c.isprintable() or c in "\n\r\t\u200d\u200c\u3000\xa0" for c in value)
        and not all(c.isspace() or c in UNSEEN for c in value)
    )


def is_stacked(text: str) -> bool:
    """Whether more marks stand on one letter than any script needs: they would be drawn over the lines above."""
    marks = 0
    for character in () if text.isascii() else text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks > MOST_MARKS:
            return True
    return False


def is_slug(value: Any) -> bool:
    """Whether it may stand in an address as the name of something."""
    return isinstance(value, str) and len(value) <= 63 and SLUG.fullmatch(value) is not None


def slug_of(name: str) -> str:
    """A name as it may stand in an address; one of its own where the name has no letters for that."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:50].strip("-")
    return slug or f"m-{secrets.token_hex(3)}"
