"""Customers who are ticked: kept over pages and searches in the form itself, in no address and in no storage."""

from dataclasses import dataclass, replace

from flask import request
from peewee import chunked

from models import Customer, Merchant
from quanbao.merchants import customers
from web.request_limits import LARGEST_UPLOAD

MOST = 1000  # customers in one form; more of them are a group
MOST_PARTS = 10 * MOST  # so many fields are read, to say that they are too many and to lose none
LOOKING = ("search", "more", "first", "selected", "clear")  # what the buttons do that change nothing


class TooMany(Exception):
    """More than a thousand are ticked."""

    code = "too_many"


@dataclass(frozen=True)
class Searched:
    """What the list on the screen was searched by; `after` is the last customer of the page before it, or 0."""

    text: str
    among: str
    after: int


@dataclass(frozen=True)
class Found:
    """A page of customers to tick. `kept` are ticked and not among the `rows`; `at` is where the buttons ask."""

    at: str
    rows: list[Customer]
    ticked: set[int]
    kept: list[int]
    searched: Searched
    is_selection: bool  # the rows are those who are ticked
    more: int | None  # the last row's customer, where there are more

    @property
    def size(self) -> int:
        """How many are selected."""
        return len(self.ticked)


def allow_many() -> None:
    """A form may have so many parts; before anything of it is read."""
    request.max_form_parts, request.max_form_memory_size = MOST_PARTS, LARGEST_UPLOAD


def ticked() -> list[int]:
    """The ids that are ticked, each once; raises TooMany."""
    found = _numbers("customer")
    if len(found) > MOST:
        raise TooMany
    return found


def searched() -> Searched:
    """What the list was searched by when it was sent, whatever stands in the field for a search by now."""
    form = request.form
    names = ("shown_q", "shown_among") if "shown_q" in form else ("q", "among")
    return Searched(_printable(names[0])[:254], _printable(names[1]), (_numbers("after") or [0])[0])


def found(merchant: Merchant, at: str) -> Found:
    """What the form's button asks for."""
    do, asked = request.form.get("do"), _asked()
    chosen = _mine(merchant, [] if do == "clear" else _numbers("customer"))
    is_selection, more = do == "selected" and bool(chosen), None
    if is_selection:
        rows = chosen
        customers.name_groups(rows)
    else:
        rows = customers.find(merchant, asked.text, asked.among or None, asked.after, customers.A_PAGE + 1)
        more = rows[customers.A_PAGE - 1].id if len(rows) > customers.A_PAGE else None
        rows = rows[: customers.A_PAGE]
    ids = {row.id for row in chosen}
    return Found(at, rows, ids, sorted(ids - {row.id for row in rows}), asked, is_selection, more)


def _asked() -> Searched:
    """A search begins anew; the other pages are those of the list on the screen."""
    do, shown = request.form.get("do"), searched()
    if do == "search":
        return Searched(_printable("q")[:254], _printable("among"), 0)
    if do in ("more", "first"):
        return replace(shown, after=(_numbers("next") or [0])[0] if do == "more" else 0)
    return shown


def _mine(merchant: Merchant, ids: list[int]) -> list[Customer]:
    """The merchant's own customers among them, in the order of their addresses."""
    known = customers.known(merchant)
    rows = [row for some in chunked(ids, MOST) for row in known.where(Customer.id.in_(list(some)))]
    return sorted(rows, key=lambda row: row.address)


def _numbers(name: str) -> list[int]:
    values = request.values.getlist(name)[:MOST_PARTS]
    return list(dict.fromkeys(int(text) for text in values if text.isascii() and text.isdigit() and len(text) < 19))


def _printable(name: str) -> str:
    text = request.values.get(name, "").strip()
    return text if text.isprintable() else ""
