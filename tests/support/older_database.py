"""A database as an older version left it, to be brought up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

from peewee import BlobField, BooleanField, TextField

from database import db, on_sqlite
from models import TABLES
from quanbao.operations import migrate


@contextmanager
def older(last: str) -> Iterator[None]:
    """The open, empty database with all migrations up to `last`.

    Columns that came later are there inside, since the code of today writes them, and gone with what is in them after.
    """
    migrate._Runner().up(last)
    kinds = (
        (BooleanField, "INTEGER" if on_sqlite() else "BOOLEAN"),
        (TextField, "TEXT"),
        (BlobField, "BLOB" if on_sqlite() else "BYTEA"),
    )
    added = []
    for table in TABLES:
        name = table._meta.table_name
        known = {column.name for column in db.get_columns(name)} if name in db.get_tables() else set()
        for field in table._meta.sorted_fields if known else ():
            if field.column_name not in known:
                number = "INTEGER" if on_sqlite() else "BIGINT"
                kind = next((kind for of, kind in kinds if isinstance(field, of)), number)
                db.execute_sql(f'ALTER TABLE "{name}" ADD COLUMN {field.column_name} {kind}')
                added.append((name, field.column_name))
    yield
    for name, column in added:
        db.execute_sql(f'ALTER TABLE "{name}" DROP COLUMN {column}')
