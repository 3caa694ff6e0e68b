"""Wallets without an address: when an account was deleted, what a wallet was merged into, whom a voucher was issued to.

So far a missing address meant that an account was deleted; when is not known of those, so it is the moment of this.
"""

NOW = {
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER) * 1000000",
    "postgresql": "CAST(extract(epoch FROM now()) * 1000000 AS BIGINT)",
}
COLUMNS = {
    "sqlite": {"int": "INTEGER", "bytes": "BLOB", "deferred": ""},
    "postgresql": {
        "int": "BIGINT",
        "bytes": "BYTEA",
        "deferred": " DEFERRABLE INITIALLY DEFERRED",  # a restore writes row by row
    },
}
CHANGES = """
ALTER TABLE account ADD COLUMN deleted_at {int};
ALTER TABLE account ADD COLUMN merged_into_id {int} REFERENCES account{deferred};
UPDATE account SET deleted_at = {now} WHERE email IS NULL;
ALTER TABLE account ADD COLUMN claim_hash {bytes};
CREATE UNIQUE INDEX account_claim_hash ON account (claim_hash);
CREATE INDEX account_merged_into_id ON account (merged_into_id) WHERE merged_into_id IS NOT NULL;
ALTER TABLE voucher ADD COLUMN issued_to_id {int} REFERENCES account;
UPDATE voucher SET issued_to_id = consumer_id;
ALTER TABLE voucher ALTER COLUMN issued_to_id SET NOT NULL;
DROP INDEX voucher_campaign_id_consumer_id_nth;
CREATE UNIQUE INDEX voucher_campaign_id_issued_to_id_nth ON voucher (campaign_id, issued_to_id, nth);
CREATE INDEX voucher_campaign_id_consumer_id ON voucher (campaign_id, consumer_id)
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine], now=NOW[engine]).split(";\n"):
        db.execute_sql(statement)
