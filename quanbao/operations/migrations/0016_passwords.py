"""Passwords of a shop: names, kinds, branches and members; which of them a campaign accepts; what a guess could hit.

So far a campaign had one password, of fixed digits. It goes on accepting that one alone. A wrong value counted as one
of a hundred a day, however many digits there were: each counts as one of a million from now on, as six digits have.
One that no campaign has, as a deleted draft left it behind, has ended.
"""

COLUMNS = {
    "sqlite": {
        "id": "INTEGER PRIMARY KEY",
        "int": "INTEGER",
        "bool": "INTEGER",
        "no": "0",
        "end": "STRICT, WITHOUT ROWID",
        "strict": "STRICT",
    },
    "postgresql": {
        "id": "BIGSERIAL PRIMARY KEY",
        "int": "BIGINT",
        "bool": "BOOLEAN",
        "no": "false",
        "end": "",
        "strict": "",
    },
}
MARKS = {"sqlite": "?", "postgresql": "%s"}
NAMES = {"zh": "密码 {}"}  # in a merchant's language

CHANGES = """
ALTER TABLE redemption_password ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE redemption_password ADD COLUMN kind TEXT NOT NULL DEFAULT 'fixed'
    CHECK (kind IN ('fixed', 'daily', 'authenticator', 'one-time'));
ALTER TABLE redemption_password ADD COLUMN branch_slug TEXT;
ALTER TABLE redemption_password ADD COLUMN member_id {int} REFERENCES member;
ALTER TABLE redemption_password ADD COLUMN ends_at {int};
UPDATE redemption_password SET ends_at = valid_from WHERE id NOT IN (SELECT password_id FROM campaign);
ALTER TABLE campaign ADD COLUMN accepts_all {bool} NOT NULL DEFAULT {no};
CREATE TABLE campaign_password (
    campaign_id {int} NOT NULL REFERENCES campaign ON DELETE CASCADE,
    password_id {int} NOT NULL REFERENCES redemption_password, PRIMARY KEY (campaign_id, password_id)
) {end};
CREATE INDEX campaign_password_password_id ON campaign_password (password_id);
CREATE TABLE one_time_value (
    id {id}, password_id {int} NOT NULL REFERENCES redemption_password,
    session_id {int} NOT NULL REFERENCES session ON DELETE CASCADE, step {int} NOT NULL, made_at {int} NOT NULL
) {strict};
CREATE INDEX one_time_value_password_id ON one_time_value (password_id);
CREATE INDEX one_time_value_session_id ON one_time_value (session_id);
CREATE UNIQUE INDEX one_time_value_password_id_session_id ON one_time_value (password_id, session_id);
ALTER TABLE guess ADD COLUMN chance {int} NOT NULL DEFAULT 1000000;
ALTER TABLE guess ADD COLUMN total {int} NOT NULL DEFAULT 0;
UPDATE guess SET total = before.total FROM (
    SELECT id, SUM(CASE WHEN counted THEN 1000000 ELSE 0 END)
        OVER (PARTITION BY password_id, version ORDER BY made_at, id) AS total FROM guess
) AS before WHERE before.id = guess.id;
DROP INDEX guess_spent;
DROP INDEX guess_password_id_version_made_at;
CREATE INDEX guess_password_id_version_made_at_total ON guess (password_id, version, made_at, total)
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
    _name(db, MARKS[engine])


def _name(db, mark):
    """Each merchant's passwords are numbered in the order in which they were made."""
    rows = db.execute_sql(
        "SELECT redemption_password.id, merchant_id, language FROM redemption_password "
        "JOIN merchant ON merchant.id = merchant_id ORDER BY redemption_password.id"
    ).fetchall()
    count = {}
    for number, merchant, language in rows:
        count[merchant] = count.get(merchant, 0) + 1
        name = NAMES.get(language, "Password {}").format(count[merchant])
        db.execute_sql(f"UPDATE redemption_password SET name = {mark} WHERE id = {mark}", (name, number))
