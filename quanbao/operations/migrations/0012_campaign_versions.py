"""An attempt points to the campaign's version that it was judged under, and keeps only what does not follow from it.

So far it kept its whole verdict as JSON, most of which is the same for all attempts of a version. What those of before
say of their campaigns becomes rows without a number, one for each that differs, so that all answers stay what they are.

The ledger also gets the columns that later versions fill: it can never be filled in afterwards. On PostgreSQL the ids
of attempts become 16 bytes.

A guess is now written where a password was wrong, and not before it is compared: reservations are gone, of which a
start of the new version finds none alive.
"""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from quanbao.operations.table_changes import without_guards

STEP = 10_000  # ids
COLUMNS = {
    "sqlite": {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "uuid": "TEXT", "end": "STRICT"},
    "postgresql": {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "uuid": "UUID", "end": ""},
}
MARKS = {"sqlite": "?", "postgresql": "%s"}

TABLES = """
CREATE TABLE campaign_version (
    id {id}, campaign_id {int} NOT NULL REFERENCES campaign, version INTEGER, described TEXT NOT NULL
) {end};
CREATE UNIQUE INDEX campaign_version_campaign_id_version ON campaign_version (campaign_id, version);
CREATE TABLE new_attempt (
    id {id}, consumer_id {int} NOT NULL REFERENCES account, voucher_id {int} NOT NULL REFERENCES voucher,
    campaign_id {int} NOT NULL REFERENCES campaign, merchant_id {int} NOT NULL REFERENCES merchant, at {int} NOT NULL,
    campaign_version_id {int} NOT NULL REFERENCES campaign_version, member_id {int} REFERENCES member,
    password_id {int} REFERENCES redemption_password, password_step {int}, ended_at {int}, amount {int},
    password_version INTEGER, uses_left INTEGER NOT NULL, attempt_id {uuid} NOT NULL,
    door TEXT NOT NULL CHECK (door IN ('password', 'counter_code', 'scan', 'program')),
    state TEXT NOT NULL
        CHECK (state IN ('revoked', 'used', 'exchanged', 'used_up', 'expired', 'partly_used', 'unused')),
    reason TEXT, branch_slug TEXT, worth TEXT, trace TEXT, CHECK ((reason IS NULL) = (trace IS NULL))
) {end}
"""

GUESSES = """
DROP INDEX guess_spent;
DELETE FROM guess WHERE wrong IS NULL;
ALTER TABLE guess DROP COLUMN wrong;
CREATE INDEX guess_spent ON guess (password_id, version, made_at) WHERE counted
"""

LEDGER = """
DROP INDEX redemption_consumer_id_attempt_id;
ALTER TABLE redemption ADD COLUMN campaign_version_id {int} REFERENCES campaign_version;
ALTER TABLE redemption ADD COLUMN line INTEGER NOT NULL DEFAULT 1 CHECK (line >= 1);
ALTER TABLE redemption ADD COLUMN uses INTEGER NOT NULL DEFAULT 1 CHECK (uses >= 1)
"""

FILL = """
    UPDATE redemption SET campaign_version_id = new_attempt.campaign_version_id FROM new_attempt
    WHERE new_attempt.consumer_id = redemption.consumer_id AND new_attempt.reason IS NULL
        AND CAST(new_attempt.attempt_id AS TEXT) = CAST(redemption.attempt_id AS TEXT)
        AND redemption.id > {mark} AND redemption.id <= {mark}
"""

REPLACE = """
DROP TABLE attempt;
ALTER TABLE new_attempt RENAME TO attempt;
CREATE INDEX attempt_campaign_id_reason_id ON attempt (campaign_id, reason, id);
CREATE INDEX attempt_campaign_id_id ON attempt (campaign_id, id);
CREATE INDEX attempt_refused ON attempt (campaign_id, id) WHERE reason IS NOT NULL;
CREATE INDEX attempt_merchant_refused ON attempt (merchant_id, id) WHERE reason IS NOT NULL;
CREATE INDEX attempt_member_id ON attempt (member_id) WHERE member_id IS NOT NULL;
CREATE UNIQUE INDEX attempt_password_id_password_step ON attempt (password_id, password_step)
    WHERE password_step IS NOT NULL;
CREATE UNIQUE INDEX redemption_consumer_id_attempt_id_line ON redemption (consumer_id, attempt_id, line)
"""

POSTGRESQL = """
ALTER TABLE redemption ALTER COLUMN attempt_id TYPE UUID USING attempt_id::uuid;
ALTER SEQUENCE new_attempt_id_seq RENAME TO attempt_id_seq;
ALTER INDEX new_attempt_pkey RENAME TO attempt_pkey;
ALTER INDEX new_attempt_consumer_id_attempt_id RENAME TO attempt_consumer_id_attempt_id;
SELECT setval('attempt_id_seq', (SELECT COALESCE(MAX(id), 0) + 1 FROM attempt), false)
"""

OWN = ("code", "state", "uses", "uses_left", "ended_at")  # of a described voucher, what its campaign does not say
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    _run(db, GUESSES, engine)
    _run(db, TABLES, engine)
    if engine == "postgresql":  # found by its rows below; SQLite names an index for ever
        db.execute_sql(
            "CREATE UNIQUE INDEX new_attempt_consumer_id_attempt_id ON new_attempt (consumer_id, attempt_id)"
        )
    _copy(db, MARKS[engine])
    guards = without_guards(db, "redemption")
    _run(db, LEDGER, engine)
    _in_steps(db, "redemption", lambda first, last: db.execute_sql(FILL.format(mark=MARKS[engine]), (first, last)))
    _run(db, REPLACE, engine)
    if engine == "postgresql":
        _run(db, POSTGRESQL, engine)
    else:
        db.execute_sql("CREATE UNIQUE INDEX attempt_consumer_id_attempt_id ON attempt (consumer_id, attempt_id)")
    for statement in [*guards, *_guards(engine)]:
        db.execute_sql(statement)


def _run(db, statements, engine):
    for statement in statements.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)


def _in_steps(db, table, work):
    last = db.execute_sql(f"SELECT MAX(id) FROM {table}").fetchone()[0] or 0
    for before in range(0, last, STEP):
        work(before, before + STEP)


def _copy(db, mark):
    """The attempts as they are kept now, and what they said of their campaigns, each once."""
    names = (
        "id, consumer_id, voucher_id, campaign_id, merchant_id, at, campaign_version_id, member_id, ended_at, amount, "
        "uses_left, attempt_id, door, state, reason, branch_slug, trace"
    )
    insert = f"INSERT INTO new_attempt ({names}) VALUES ({', '.join([mark] * len(names.split(', ')))})"
    select = (
        "SELECT attempt.id, consumer_id, voucher_id, attempt.campaign_id, campaign.merchant_id, at, member_id, "
        "attempt_id, reason, trace, verdict FROM attempt JOIN campaign ON campaign.id = attempt.campaign_id "
        f"WHERE attempt.id > {mark} AND attempt.id <= {mark} ORDER BY attempt.id"
    )
    versions = {}

    def copy(first, last):
        rows = [_row(db, mark, versions, *row) for row in db.execute_sql(select, (first, last)).fetchall()]
        if rows:
            db.cursor().executemany(insert, rows)

    _in_steps(db, "attempt", copy)


def _row(db, mark, versions, number, consumer, voucher, campaign, merchant, at, member, attempt, reason, trace, said):
    said = json.loads(said)
    its, till = said["voucher"], said.get("till") or {}
    described = json.dumps({name: its[name] for name in its if name not in OWN}, ensure_ascii=False, separators=",:")
    key = campaign, sha256(described.encode()).digest()
    if key not in versions:
        versions[key] = db.execute_sql(
            f"INSERT INTO campaign_version (campaign_id, described) VALUES ({mark}, {mark}) RETURNING id",
            (campaign, described),
        ).fetchone()[0]
    ended = None if reason is None else _microseconds(its["ended_at"])
    return (
        *(number, consumer, voucher, campaign, merchant, at, versions[key], member, ended, till.get("amount")),
        *(its["uses_left"], attempt, "counter_code" if member else "password", its["state"], reason),
        *(till.get("branch"), trace if reason else None),
    )


def _microseconds(text):
    return (datetime.fromisoformat(text) - EPOCH) // MICROSECOND if text else None


def _guards(engine):
    """What forbids to change the new tables; the function is that of migration 0002."""
    for table in ("attempt", "campaign_version"):
        if engine == "postgresql":
            yield (
                f"CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_only_added_to()"
            )
            continue
        for act in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END"
            )
