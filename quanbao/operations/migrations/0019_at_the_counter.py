"""Posters whose vouchers are claimed at the counter alone, by a code that changes."""

COLUMNS = {
    "sqlite": {"int": "INTEGER", "bool": "INTEGER", "no": "0"},
    "postgresql": {"int": "BIGINT", "bool": "BOOLEAN", "no": "false"},
}
CHANGES = """
ALTER TABLE poster ADD COLUMN at_counter {bool} NOT NULL DEFAULT {no};
ALTER TABLE poster ADD COLUMN step {int} NOT NULL DEFAULT 0;
ALTER TABLE poster ADD COLUMN claimed_this_step {int} NOT NULL DEFAULT 0;
ALTER TABLE poster ADD COLUMN claimed_last_step {int} NOT NULL DEFAULT 0
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
