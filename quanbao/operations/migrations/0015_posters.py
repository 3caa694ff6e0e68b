"""Posters, and which of them gave a voucher."""

COLUMNS = {
    "sqlite": {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "end": "STRICT"},
    "postgresql": {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "end": ""},
}
CHANGES = """
CREATE TABLE poster (
    id {id}, campaign_id {int} NOT NULL REFERENCES campaign, name TEXT NOT NULL, token TEXT NOT NULL,
    claimed_by TEXT NOT NULL, quantity {int} NOT NULL, per_day {int}, per_minute {int} NOT NULL,
    created_at {int} NOT NULL, paused_at {int}, ended_at {int}, seen {int} NOT NULL, claimed {int} NOT NULL,
    day TEXT NOT NULL, claimed_today {int} NOT NULL, minute {int} NOT NULL, claimed_this_minute {int} NOT NULL,
    CHECK (claimed_by IN ('anybody', 'proved')),
    CHECK (claimed BETWEEN 0 AND quantity),
    CHECK (claimed_today BETWEEN 0 AND COALESCE(per_day, claimed_today)),
    CHECK (claimed_this_minute BETWEEN 0 AND per_minute)
) {end};
CREATE UNIQUE INDEX poster_token ON poster (token);
CREATE INDEX poster_campaign_id ON poster (campaign_id);
ALTER TABLE voucher ADD COLUMN poster_id {int} REFERENCES poster;
CREATE UNIQUE INDEX voucher_poster_id_issued_to_id ON voucher (poster_id, issued_to_id)
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
