"""Tables for spreadsheets: CSV (RFC 4180) in UTF-8 with a mark that Excel needs, and no cell that is a formula."""

import csv
import logging
import re
from collections.abc import Iterable, Iterator
from io import SEEK_END, StringIO

from flask import Response, stream_with_context
from flask_babel import gettext

log = logging.getLogger("quanbao")

MARK = "\ufeff"
# OWASP, "CSV Injection": what begins a formula at the start of a cell, or after what a spreadsheet of another
# country takes for the end of one. Marks that are not seen are dropped by some, as spaces are.
UNSEEN = r"[\s\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*"
FORMULA = re.compile(rf"(^{UNSEEN}|[;\t\r\n]{UNSEEN}[\"']?{UNSEEN})(?=[=+\-@＝＋－＠])")
CONTROL = ("\t", "\r", "\n")
A_CHUNK = 500  # rows


def cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front of it; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    safe = FORMULA.sub(r"\1'", value)
    return f"'{safe}" if safe.startswith(CONTROL) else safe


def lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The text of a table, some hundred rows at a time; of one that could not be ended, the last line says so."""
    into = StringIO(MARK)
    into.seek(0, SEEK_END)
    writer = csv.writer(into)
    for written, row in enumerate(_to_the_end(rows), 1):
        writer.writerow([cell(value) for value in row])
        if written % A_CHUNK == 0:
            yield into.getvalue()
            into.seek(0)
            into.truncate()
    yield into.getvalue()


def _to_the_end(rows: Iterable[Iterable[object]]) -> Iterator[Iterable[object]]:
    """The first rows are with the reader already when a later one fails."""
    try:
        yield from rows
    except Exception as error:
        log.error("a table broke off", exc_info=error)
        yield [gettext("This table is not complete. Download it again.")]


def answer(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """A table to download as `name`.csv."""
    return Response(
        stream_with_context(lines(rows)),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
