"""Many values in one statement: as an array, which is one parameter, where peewee would write a mark for each."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from peewee import SQL, BaseQuery, Expression, Field, ModelInsert, Select, TextField, fn

from database import db, on_sqlite

SQLITE = {"bigint": "value ->> {place}", "text": "value ->> {place}", "bytea": "unhex(value ->> {place})"}


def plain_rows(query: BaseQuery) -> list[tuple]:
    """What the query finds, as the driver gives it: for numbers and texts, which no field makes anything else of."""
    return db.execute(query).fetchall()


def inserted(insert: ModelInsert, key: Field) -> Sequence[int]:
    """The ids of the rows that it writes: SQLite, which has one writer, numbers them one after the other."""
    if not on_sqlite():
        return [number for (number,) in plain_rows(insert.returning(key))]
    count = insert.as_rowcount().execute()
    last = db.connection().last_insert_rowid()
    return range(last - count + 1, last + 1)


def among(field: Field, values: Collection[Any]) -> Expression:
    """As a condition: the field, of numbers or texts, is one of these."""
    if values and not isinstance(field, TextField) and max(values) - min(values) == len(set(values)) - 1:
        return field.between(min(values), max(values))  # a range of an index is read faster than so many places of it
    if on_sqlite():
        return field.in_(SQL("(SELECT value FROM json_each(?))", [json.dumps(list(values))]))
    kind = "text" if isinstance(field, TextField) else "bigint"
    return field == fn.ANY(SQL(f"%s::{kind}[]", [list(values)]))


def table(columns: dict[str, str], rows: Sequence[tuple]) -> tuple[SQL, dict[str, SQL]]:
    """The rows as a table to select from, and its columns, by their names and PostgreSQL's types."""
    if on_sqlite():
        text = json.dumps(rows, separators=(",", ":"), default=bytes.hex)
        named = {name: SQL(SQLITE[kind].format(place=at)) for at, (name, kind) in enumerate(columns.items())}
        return SQL("json_each(?)", [text]), named
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    source = SQL(
        f"unnest({arrays}) AS made ({', '.join(columns)})", [list(column) for column in zip(*rows, strict=True)]
    )
    return source, {name: SQL(name) for name in columns}


def select(columns: dict[str, str], rows: Sequence[tuple], wanted: Sequence[Any]) -> Select:
    """Of each row what is wanted: a column by its name, anything else as it is."""
    source, named = table(columns, rows)
    return Select([source], [named.get(one, one) if isinstance(one, str) else one for one in wanted])
