"""Counter codes and the tries at them; an attempt knows its merchant, and the member who redeemed it at the counter."""

COLUMNS = {
    "sqlite": {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "bytes": "BLOB", "end": "STRICT"},
    "postgresql": {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "bytes": "BYTEA", "end": ""},
}

CHANGES = """
CREATE TABLE counter_code (
    id {id}, voucher_id {int} NOT NULL UNIQUE REFERENCES voucher,
    session_id {int} REFERENCES session ON DELETE SET NULL, code_hash {bytes} NOT NULL UNIQUE,
    attempt_id TEXT NOT NULL UNIQUE, expires_at {int} NOT NULL, taken_by_id {int} REFERENCES member, taken_at {int}
) {end};
CREATE INDEX counter_code_session_id ON counter_code (session_id);
CREATE INDEX counter_code_taken_by_id ON counter_code (taken_by_id);
CREATE TABLE counter_try (
    id {id}, member_id {int} NOT NULL REFERENCES member, made_at {int} NOT NULL
) {end};
CREATE INDEX counter_try_member_id_made_at ON counter_try (member_id, made_at);
ALTER TABLE attempt ADD COLUMN merchant_id {int} REFERENCES merchant;
ALTER TABLE attempt ADD COLUMN member_id {int} REFERENCES member;
CREATE INDEX attempt_merchant_refused ON attempt (merchant_id, id) WHERE reason IS NOT NULL;
CREATE INDEX attempt_member_id ON attempt (member_id) WHERE member_id IS NOT NULL;
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        if statement.strip():
            db.execute_sql(statement)
