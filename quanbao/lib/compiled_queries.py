"""Queries that are written once: peewee takes longer to write one than the database to answer it.

Only where it matters, in what every redemption asks. All else asks peewee itself.
"""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from peewee import SQL, BaseQuery, Context, Field, NodeList, __exception_wrapper__  # type: ignore[attr-defined]  # the last is not in the stub

from database import db, on_sqlite


class Statement:
    """What `build` makes of its arguments, a query of peewee's, written when it is first asked and kept.

    Called, it is executed with these values: the rows, or how many a writing one without RETURNING changed. `build`
    sees no values, only blanks that stand for them: it may compare and add them, but neither look at them nor choose
    by them. Of another number of them, or other names, it makes another query.
    """

    def __init__(self, build: Callable[..., BaseQuery]):
        self.build = build
        self.written: dict[tuple[Any, ...], _Written] = {}
        update_wrapper(self, build)

    def __call__(self, *values: Any, **named: Any) -> Any:
        key = on_sqlite(), len(values), *named
        if key not in self.written:
            self.written[key] = _Written(self.build, len(values), named)
        return self.written[key].execute((*values, *named.values()))

    def first(self, *values: Any, **named: Any) -> Any | None:
        """The first row, or none."""
        return next(iter(self(*values, **named)), None)


statement = Statement  # the decorator


def by_no_index(field: Field) -> NodeList:
    """The field in a condition that no index is to be read for: an engine without statistics may take the worst one."""
    return NodeList((SQL("+"), field), glue="")


class _Blank:
    """The place of an argument in a query."""

    def __init__(self, place: int):
        self.place = place


class _Written:
    """The text of a query, what is to be filled in, and who makes rows of what comes."""

    def __init__(self, build: Callable[..., BaseQuery], count: int, names: Any):
        blanks = [_Blank(place) for place in range(count + len(names))]
        self.query = build(*blanks[:count], **dict(zip(names, blanks[count:], strict=True)))
        self.sql, self.values = _Writer(**db.get_context_options()).parse(self.query)
        self.make_row: Callable[[tuple], Any] | None = None

    def execute(self, given: tuple) -> Any:
        values = [value(given) if isinstance(value, _Filled) else value for value in self.values]
        cursor = db.execute_sql(self.sql, values)
        if getattr(self.query, "_returning", True) is None:
            return db.rows_affected(cursor)
        with __exception_wrapper__:
            row = cursor.fetchone()
            return [] if row is None else self._rows(cursor, row)

    def _rows(self, cursor, first: tuple) -> list:
        if self.make_row is None:
            reader = self.query._get_cursor_wrapper(cursor)  # type: ignore[attr-defined]  # not in the stub
            reader.initialize()  # it learns the columns; peewee's own loop would have it do so for every answer
            self.make_row = reader.process_row
        return [self.make_row(row) for row in (first, *cursor.fetchall())]


class _Filled:
    """A blank, and how its column stores what is filled in."""

    def __init__(self, blank: _Blank, store: Callable | None):
        self.place, self.store = blank.place, store

    def __call__(self, given: tuple) -> Any:
        value = given[self.place]
        return self.store(value) if self.store else value


class _Writer(Context):
    """Peewee's, which keeps its hands off blanks."""

    def value(self, value, converter=None, add_param=True):
        if isinstance(value, _Blank):
            store = self.state.converter if converter is None else converter
            value, converter = _Filled(value, store or None), False
        return super().value(value, converter, add_param)
