"""Recovery words of wallets without an address, and when such a wallet was opened by them or left."""

COLUMNS = {"sqlite": {"int": "INTEGER", "bytes": "BLOB"}, "postgresql": {"int": "BIGINT", "bytes": "BYTEA"}}
CHANGES = """
ALTER TABLE account ADD COLUMN recovery_hash {bytes};
ALTER TABLE account ADD COLUMN opened_at {int};
CREATE UNIQUE INDEX account_recovery_hash ON account (recovery_hash);
CREATE INDEX account_anonymous ON account (created_at)
    WHERE email IS NULL AND deleted_at IS NULL AND merged_into_id IS NULL
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
