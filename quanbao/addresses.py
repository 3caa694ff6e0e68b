"""Addresses that an owner typed or sent as a file: each line is read, and those that fail are told apart."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from quanbao import accounts

ENCODINGS = ("utf-8-sig", "gb18030")  # what spreadsheets in Europe and in China write
MOST_FAILURES = 1000  # more of them say that it is the wrong file
LONGEST_SHOWN = 100  # characters of a line that failed
APART = re.compile(r"[\s,;，；、]+")
NAMED = re.compile(r"<([^<>]+)>")

Failure = tuple[int, str]  # the line's number, from 1, and its text


class NotText(Exception):
    """The file is in none of the encodings that we read."""


@dataclass
class Found:
    """Addresses in the order of their first line, each once, and the lines that hold none."""

    addresses: dict[str, None] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def take(self, number: int, text: str, address: str | None) -> None:
        if address:
            self.addresses[address] = None
        elif len(self.failures) < MOST_FAILURES:
            self.failures.append((number, text[:LONGEST_SHOWN]))


def typed(text: str) -> Found:
    """Addresses that were typed, apart by lines, commas, semicolons or spaces; names around them are left out."""
    found = Found()
    for number, line in enumerate(text.splitlines(), 1):
        named = NAMED.findall(line)
        for part in named or filter(None, APART.split(line)):
            found.take(number, part, _address(part))
    return found


def in_file(content: bytes) -> Found:
    """Addresses in a text or CSV file: the first cell of a line that is one; raises NotText.

    A first line without any is the heading of a table and no fault. Empty lines are none either.
    """
    found = Found()
    for number, cells in enumerate(_rows(_text(content)), 1):
        cells = [cell.strip() for cell in cells if cell.strip()]
        address = next(filter(None, map(_address, cells)), None)
        if cells and (address or number > 1 or any("@" in cell for cell in cells)):
            found.take(number, ", ".join(cells), address)
    return found


def _text(content: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise NotText


def _rows(text: str) -> Iterable[list[str]]:
    """The cells of each line; whatever sets most of them apart is the delimiter."""
    lines = text.splitlines()
    delimiter = max(",;\t", key=text.count)
    for line in lines:
        try:
            yield next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            yield [line]


def _address(text: str) -> str | None:
    found = NAMED.search(text)
    try:
        return accounts.email_address(found[1] if found else text)
    except accounts.Refused:
        return None
