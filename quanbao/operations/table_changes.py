"""Changes of tables that SQLite has no statement for: several migrations make them."""

from collections.abc import Callable

from database import on_sqlite

TOLD = ("news", "delivery")  # tables with a CHECK of their events


def allow_events(db, *events: str) -> None:
    """Let the CHECKs of the tables of events take these as well, where they do not yet."""
    for table in TOLD:
        if on_sqlite():
            remake(db, table, lambda made: made.replace("event IN (", f"event IN ({_lacking(events, made)}"))
        else:
            _allow_on_postgresql(db, table, events)


def remake(db, table: str, change: Callable[[str], str]) -> None:
    """Make a SQLite table anew by its changed CREATE statement, with rows and indexes; not where nothing changes."""
    made = db.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()[0]
    if change(made) == made:
        return
    indexes = db.execute_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
    ).fetchall()
    columns = ", ".join(row[1] for row in db.execute_sql(f"PRAGMA table_info({table})").fetchall())
    db.execute_sql(f"ALTER TABLE {table} RENAME TO old_{table}")
    db.execute_sql(change(made))
    db.execute_sql(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM old_{table}")
    db.execute_sql(f"DROP TABLE old_{table}")
    for (index,) in indexes:
        db.execute_sql(index)


def without_guards(db, table: str) -> list[str]:
    """Let the rows of an append-only table be changed; returns the statements that forbid it again."""
    if not on_sqlite():
        db.execute_sql(f"ALTER TABLE {table} DISABLE TRIGGER {table}_only_added")
        return [f"ALTER TABLE {table} ENABLE TRIGGER {table}_only_added"]
    name, made = db.execute_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (f"{table}_no_update",)
    ).fetchone()
    db.execute_sql(f"DROP TRIGGER {name}")
    return [made]


def _allow_on_postgresql(db, table: str, events: tuple[str, ...]) -> None:
    name, rule = db.execute_sql(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%%event%%'",
        (table,),
    ).fetchone()
    if lacking := _lacking(events, rule):
        db.execute_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        db.execute_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule.replace('ARRAY[', f'ARRAY[{lacking}')}")


def _lacking(events: tuple[str, ...], rule: str) -> str:
    """The events that a rule does not have, to write before those that it has."""
    return "".join(f"'{event}', " for event in events if f"'{event}'" not in rule)
