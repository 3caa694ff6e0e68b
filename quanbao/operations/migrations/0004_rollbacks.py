"""Redemptions taken back and vouchers revoked: tables that are only added to, what they count, and news of them."""

from quanbao.operations.table_changes import allow_events

COLUMNS = {
    "sqlite": {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "bool": "INTEGER", "yes": "1", "end": "STRICT"},
    "postgresql": {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "bool": "BOOLEAN", "yes": "TRUE", "end": ""},
}

CHANGES = """
ALTER TABLE campaign ADD COLUMN rollback_gives_back {bool} NOT NULL DEFAULT {yes};
ALTER TABLE campaign ADD COLUMN forfeited {int} NOT NULL DEFAULT 0
    CHECK (forfeited >= 0 AND redeemed + forfeited <= quantity);
ALTER TABLE voucher ADD COLUMN returned {int} NOT NULL DEFAULT 0 CHECK (returned >= 0);
CREATE TABLE "rollback" (
    id {id}, redemption_id {int} NOT NULL REFERENCES redemption, member_id {int} NOT NULL REFERENCES member,
    role TEXT NOT NULL CHECK (role IN ('owner', 'manager', 'cashier')), reason TEXT NOT NULL, note TEXT NOT NULL,
    gave_back {bool} NOT NULL, rolled_back_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX rollback_redemption_id ON "rollback" (redemption_id);
CREATE INDEX rollback_member_id ON "rollback" (member_id);
CREATE TABLE revocation (
    id {id}, voucher_id {int} NOT NULL REFERENCES voucher, member_id {int} NOT NULL REFERENCES member,
    role TEXT NOT NULL CHECK (role IN ('owner', 'manager', 'cashier')), reason TEXT NOT NULL, note TEXT NOT NULL,
    revoked_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX revocation_voucher_id ON revocation (voucher_id);
CREATE INDEX revocation_member_id ON revocation (member_id)
"""

LEDGER = ("rollback", "revocation")
WORDS = "the ledger is only added to"


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
    for table in LEDGER:
        (_guard_sqlite if engine == "sqlite" else _guard_postgresql)(db, table)
    allow_events(db, "rolled_back", "revoked")


def _guard_sqlite(db, table):
    for act in ("UPDATE", "DELETE"):
        db.execute_sql(
            f'CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON "{table}" '
            f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        )


def _guard_postgresql(db, table):
    db.execute_sql(
        f'CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}" '
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_only_added_to()"
    )
