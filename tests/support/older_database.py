"""A database as an older version left it, to be brought up to date."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from peewee import BlobField, BooleanField, TextField

from database import JsonField, db, on_sqlite
from models import TABLES, Attempt, CampaignPassword, CampaignVersion
from quanbao.operations import migrate
from quanbao.redemption import attempts
from quanbao.redemption.attempts import Verdict


@contextmanager
def older(last: str) -> Iterator[None]:
    """The open, empty database with all migrations up to `last`.

    Columns that came later are there inside, since the code of today writes them, and gone with what is in them after.
    """
    migrate._Runner().up(last)
    with _verdicts_as_json() if last < "0012" else nullcontext():
        db.create_tables([CampaignPassword])
        added = [*_add_columns()]
        yield
        if last < "0012":
            _write_verdicts()
        db.drop_tables([CampaignPassword])
    for name, column in added:
        db.execute_sql(f'ALTER TABLE "{name}" DROP COLUMN {column}')


def _add_columns() -> Iterator[tuple[str, str]]:
    kinds = (
        (BooleanField, "INTEGER" if on_sqlite() else "BOOLEAN"),
        (TextField, "TEXT"),
        (BlobField, "BLOB" if on_sqlite() else "BYTEA"),
    )
    for table in TABLES:
        name = table._meta.table_name
        known = {column.name for column in db.get_columns(name)} if name in db.get_tables() else set()
        for field in table._meta.sorted_fields if known else ():
            if field.column_name not in known:
                number = "INTEGER" if on_sqlite() else "BIGINT"
                kind = next((kind for of, kind in kinds if isinstance(field, of)), number)
                db.execute_sql(f'ALTER TABLE "{name}" ADD COLUMN {field.column_name} {kind}')
                yield name, field.column_name


@contextmanager
def _verdicts_as_json() -> Iterator[None]:
    """Before migration 0012 an attempt had its verdict, and always its trace, and there were no campaign versions.

    The code of today leaves both columns empty; they are filled at the end, and the ledger is guarded again then. A
    guess said whether it was wrong, as all are that are written today.
    """
    db.create_tables([CampaignVersion])
    guards = _unguarded() if on_sqlite() else []
    for column in ("trace", "verdict"):
        if not on_sqlite():
            db.execute_sql(f"ALTER TABLE attempt ALTER COLUMN {column} DROP NOT NULL")
    yield
    db.execute_sql(f"UPDATE guess SET wrong = {1 if on_sqlite() else 'true'}")
    for statement in guards:
        db.execute_sql(statement)
    db.drop_tables([CampaignVersion])


def _unguarded() -> list[str]:
    """The table made anew, where both columns may be empty; returns what makes its guards again."""
    made, *more = (
        sql
        for (sql,) in db.execute_sql(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'attempt' AND sql IS NOT NULL ORDER BY type = 'table' DESC"
        ).fetchall()
    )
    db.execute_sql("DROP TABLE attempt")
    for column in ("trace", "verdict"):
        made = made.replace(f"{column} TEXT NOT NULL", f"{column} TEXT")
    db.execute_sql(made)
    for statement in more:
        if not statement.startswith("CREATE TRIGGER"):
            db.execute_sql(statement)
    return [statement for statement in more if statement.startswith("CREATE TRIGGER")]


def _as_kept(verdict: Verdict) -> dict[str, Any]:
    """All of it but what had a column of its own."""
    return {name: getattr(verdict, name) for name in ("voucher", "receipt", "redeemed_at", "till")}


def _write_verdicts() -> None:
    mark, store = ("?" if on_sqlite() else "%s"), JsonField().db_value
    verdicts = attempts.verdicts(Attempt.id > 0)
    rows = [
        (store(_as_kept(verdicts[row.consumer_id, row.attempt_id])), store(attempts.trace(row)), row.id)
        for row in Attempt.select()
    ]
    if not on_sqlite():
        db.execute_sql("ALTER TABLE attempt DISABLE TRIGGER USER")
    for row in rows:
        db.execute_sql(f"UPDATE attempt SET verdict = {mark}, trace = {mark} WHERE id = {mark}", row)
    if not on_sqlite():
        db.execute_sql("ALTER TABLE attempt ENABLE TRIGGER USER")
        db.execute_sql("ALTER TABLE attempt ALTER COLUMN verdict SET NOT NULL, ALTER COLUMN trace SET NOT NULL")
