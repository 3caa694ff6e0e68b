"""Passwords under attack: when their merchant was told, what counts against them, and messages to members."""

from quanbao.operations.table_changes import allow_events, remake

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

OF_ONE = "(campaign_id IS NULL) = (voucher_id IS NOT NULL)"


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
    allow_events(db, "under_attack")
    (_of_one_on_sqlite if engine == "sqlite" else _of_one_on_postgresql)(db)


def _of_one_on_sqlite(db):
    """A message is of a voucher or of a campaign. Made anew, since NOT NULL cannot be taken from a column."""
    remake(
        db,
        "delivery",
        lambda made: _closed(
            made.replace("voucher_id INTEGER NOT NULL REFERENCES", "voucher_id INTEGER REFERENCES"),
            f", campaign_id INTEGER REFERENCES campaign, CHECK ({OF_ONE})",
        ),
    )


def _closed(made, more):
    """The statement with more before its last parenthesis."""
    head, _, tail = made.rpartition(")")
    return f"{head.rstrip()}{more}){tail}"


def _of_one_on_postgresql(db):
    db.execute_sql(
        "ALTER TABLE delivery ALTER COLUMN voucher_id DROP NOT NULL, "
        f"ADD COLUMN campaign_id BIGINT REFERENCES campaign, ADD CHECK ({OF_ONE})"
    )
