"""Passwords under attack: when their merchant was told, what counts against them, and messages to members."""

COLUMNS = {"sqlite": {"int": "INTEGER"}, "postgresql": {"int": "BIGINT"}}

CHANGES = """
ALTER TABLE redemption_password ADD COLUMN spent_at {int};
CREATE INDEX redemption_password_spent ON redemption_password (merchant_id) WHERE spent_at IS NOT NULL;
CREATE INDEX guess_spent ON guess (password_id, version, made_at) WHERE wrong AND counted;
UPDATE redemption_password SET spent_at = (
    SELECT MAX(made_at) FROM guess
    WHERE password_id = redemption_password.id AND version = redemption_password.version AND wrong AND counted
    HAVING COUNT(*) >= 100
)
"""

EVENT = "'under_attack'"
OF_ONE = "(campaign_id IS NULL) = (voucher_id IS NOT NULL)"


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
    (_allow_sqlite if engine == "sqlite" else _allow_postgresql)(db)


def _allow_sqlite(db):
    """Both tables are made anew with all that they have by now, since neither CHECK nor NOT NULL can be changed."""
    _remake(db, "news", lambda made: made.replace("event IN (", f"event IN ({EVENT}, "))
    _remake(
        db,
        "delivery",
        lambda made: _closed(
            made.replace("event IN (", f"event IN ({EVENT}, ").replace(
                "voucher_id INTEGER NOT NULL REFERENCES", "voucher_id INTEGER REFERENCES"
            ),
            f", campaign_id INTEGER REFERENCES campaign, CHECK ({OF_ONE})",
        ),
    )


def _closed(made, more):
    """The statement with more before its last parenthesis."""
    head, _, tail = made.rpartition(")")
    return f"{head.rstrip()}{more}){tail}"


def _remake(db, table, change):
    made = db.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()[0]
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


def _allow_postgresql(db):
    for table in ("news", "delivery"):
        name, rule = db.execute_sql(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%%event%%'",
            (table,),
        ).fetchone()
        db.execute_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        db.execute_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule.replace('ARRAY[', f'ARRAY[{EVENT}, ')}")
    db.execute_sql(
        "ALTER TABLE delivery ALTER COLUMN voucher_id DROP NOT NULL, "
        f"ADD COLUMN campaign_id BIGINT REFERENCES campaign, ADD CHECK ({OF_ONE})"
    )
