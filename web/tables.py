"""Tables for spreadsheets: CSV (RFC 4180) in UTF-8 with a mark that Excel needs, and no cell that is a formula."""

import csv
import unicodedata
from collections.abc import Iterable, Iterator
from io import SEEK_END, StringIO

from flask import Response, stream_with_context

MARK = "\ufeff"
FORMULAS = "=+-@\t\r\n"  # OWASP, "CSV Injection"
A_CHUNK = 500  # rows


def cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    plain = unicodedata.normalize("NFKC", value).lstrip(" ")
    risky = value[:1] in ("\t", "\r", "\n") or plain[:1] != "" and plain[0] in FORMULAS
    return f"'{value}" if risky else value


def lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The text of a table, some hundred rows at a time."""
    into = StringIO(MARK)
    into.seek(0, SEEK_END)
    writer = csv.writer(into)
    for written, row in enumerate(rows, 1):
        writer.writerow([cell(value) for value in row])
        if written % A_CHUNK == 0:
            yield into.getvalue()
            into.seek(0)
            into.truncate()
    yield into.getvalue()


def answer(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """A table to download as `name`.csv."""
    return Response(stream_with_context(lines(rows)), mimetype="text/csv", headers={
        "Content-Disposition": f'attachment; filename="{name}.csv"'})
