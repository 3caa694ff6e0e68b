"""Addresses that an owner typed or sent as a file: all are found, and the lines that hold none are told apart."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from quanbao.lib.names import narrow
from quanbao.people import accounts

# What spreadsheets and mail programs write. UTF-16 only with its mark: without it, much that is no text would pass.
ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
MARKS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
NO_TEXT = re.compile(r"[\x01-\x08\x0e-\x1f]")

MOST_FAILURES = 1000  # more of them say that it is the wrong file
SHORT = 250  # characters: no address of so many is too long
LONGEST_SHOWN = 100  # characters of a line that failed

PARTS = re.compile(r"[,;，；、]+")
WORDS = re.compile(r"[\s,;，；、|:：<>《》()（）\[\]\"“”]+")
PLAIN = re.compile(r"[a-z0-9._%+-]+@[a-z0-9.-]+")  # as accounts spell them: most are, and that is quickly seen
PUNYCODE = "xn--"  # of a host's name in other letters
ENDS = "'`‘’.…"
TRIED_IN_A_CELL = re.compile(r"\w@")
DELIMITERS = ",;\t"
QUOTED = re.compile(r'"[^"]*"')
SEPARATOR = re.compile(r"sep=([,;\t|])[\r\n]+", re.IGNORECASE)  # Excel's own first line
SAMPLE = 100_000  # characters


class Source(StrEnum):
    TYPED = "typed"
    FILE = "file"


class Fault(StrEnum):
    """Why a line holds no address."""

    MISSING = "missing"  # there is no @ in it
    HALF = "half"  # nothing before the @, or nothing after
    SEVERAL = "several"  # more than one @
    ODD = "odd"  # too long, or a character that no address has


Failure = tuple[Source, int, str, Fault]  # the line's number, from 1, and its text


class NotText(Exception):
    """The file is in none of the encodings that we read."""


@dataclass
class Found:
    """Addresses in the order of their first line, each once, and the lines that failed.

    One failure more than MOST_FAILURES says that there were more.
    """

    addresses: dict[str, None] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def fail(self, source: Source, number: int, text: str) -> None:
        if len(self.failures) <= MOST_FAILURES:
            shown = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text[:LONGEST_SHOWN])
            self.failures.append((source, number, shown, _fault(text)))

    def add(self, other: "Found") -> None:
        self.addresses |= other.addresses
        self.failures = (self.failures + other.failures)[: MOST_FAILURES + 1]


def typed(text: str) -> Found:
    """Addresses that were typed, apart by lines, commas, semicolons or spaces.

    A name beside an address is left out; a piece without any is told, but for a name that goes on before a `<`.
    """
    found = Found()
    for number, line in enumerate(text.splitlines(), 1):
        if not line:
            continue
        read = [(part.strip(), *_read(part)) for part in PARTS.split(line) if part.strip()]
        found.addresses |= {address: None for _, good, _ in read for address in good}
        for place, (part, good, bad) in enumerate(read):
            continued = any(good and "<" in later for later, good, _ in read[place + 1 : place + 2])  # Li, Mei <mei@…>
            for piece in bad if good else [part] if bad or not continued else []:
                found.fail(Source.TYPED, number, piece)
    return found


def in_file(content: bytes) -> Found:
    """Addresses in a text or CSV file; raises NotText.

    A first line without any is a heading and no fault. In a table, where it heads several columns, a row is one
    person, and its first address counts. Empty lines are no faults either.
    """
    found, is_table, begun = Found(), False, False
    for number, cells in _rows(_text(content)):
        if not begun:
            begun = True
            if not any("@" in narrow(cell) for cell in cells):
                is_table = len(cells) > 1
                continue
        _take(found, number, cells, is_table)
    return found


def _take(found: Found, number: int, cells: list[str], is_table: bool) -> None:
    read = [_read(cell) for cell in cells]
    good = [addresses for addresses, _ in read if addresses]
    bad = [word for _, words in read for word in words if TRIED_IN_A_CELL.search(word)]
    found.addresses |= {address: None for some in (good[:1] if is_table else good) for address in some}
    if not good:
        found.fail(Source.FILE, number, ", ".join(cells))
    elif not is_table:
        for word in bad:
            found.fail(Source.FILE, number, word)


def _text(content: bytes) -> str:
    encodings = ("utf-16",) if content.startswith(MARKS_OF_UTF_16) else ENCODINGS
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "cp1252" and NO_TEXT.search(text):
            break
        return text
    raise NotText


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells that are not empty, of each row that has any, with the number of its first line."""
    said = SEPARATOR.match(text)
    sample = QUOTED.sub("", text[:SAMPLE])
    delimiter = said[1] if said else max(DELIMITERS, key=sample.count)
    try:
        rows: Iterable[tuple[int, list[str]]] = list(_table(text, delimiter))
    except csv.Error:  # quotes that are none: then a line is a row
        rows = _lines(text, delimiter)
    for number, cells in rows:
        cells = [cell.strip() for cell in cells if cell.strip()]
        if cells and not (said and number == 1):
            yield number, cells


def _table(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """RFC 4180 to the letter, cells of several lines with it; raises csv.Error."""
    reader, number = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1
    for cells in reader:
        if cells:
            yield number, cells
        number = reader.line_num + 1


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if line.isspace():
            continue
        try:
            yield number, next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            yield number, [line]


def _read(text: str) -> tuple[list[str], list[str]]:
    """The addresses in a piece of text, and the words with an @ that are none."""
    good: list[str] = []
    bad: list[str] = []
    for word in _words(text):
        address = _address(word)
        (good if address else bad).append(address or word)
    return good, bad


def _address(word: str) -> str | None:
    if len(word) <= SHORT and PLAIN.fullmatch(word) and PUNYCODE not in word:
        return word
    try:
        return accounts.email_address(word)
    except accounts.Refused:
        return None


def _words(text: str) -> Iterable[str]:
    text = narrow(text)
    if "@" not in text:
        return []
    return [word.strip(ENDS) for word in WORDS.split(text) if "@" in word]


def _fault(text: str) -> Fault:
    """Of the first thing in the text that tried to be an address."""
    word = next(iter(_words(text)), "")
    if not word:
        return Fault.MISSING
    if word.count("@") > 1:
        return Fault.SEVERAL
    return Fault.HALF if word[0] == "@" or word[-1] == "@" else Fault.ODD
