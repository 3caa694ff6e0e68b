"""Vouchers and claim links that were taken back: what a later publication may issue again, and who withdrew a link."""

COLUMNS = {"sqlite": {"int": "INTEGER"}, "postgresql": {"int": "BIGINT"}}

THIRTY_DAYS = 30 * 86_400_000_000  # microseconds: what a link was good for when it was made, or last made good again

CHANGES = f"""
ALTER TABLE voucher ADD COLUMN revoked_after {{int}};
UPDATE voucher SET revoked_after = (SELECT COALESCE(MAX(id), 0) FROM publication) WHERE revoked_at IS NOT NULL;
ALTER TABLE claim ADD COLUMN nth {{int}} NOT NULL DEFAULT 1;
ALTER TABLE claim ADD COLUMN publication_id {{int}} REFERENCES publication;
ALTER TABLE claim ADD COLUMN made_at {{int}} NOT NULL DEFAULT 0;
ALTER TABLE claim ADD COLUMN withdrawn_at {{int}};
ALTER TABLE claim ADD COLUMN withdrawn_by_id {{int}} REFERENCES member;
ALTER TABLE claim ADD COLUMN released_after {{int}};
UPDATE claim SET made_at = expires_at - {THIRTY_DAYS};
DROP INDEX claim_campaign_id_address;
CREATE UNIQUE INDEX claim_campaign_id_address_nth ON claim (campaign_id, address, nth)
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**COLUMNS[engine]).split(";\n"):
        db.execute_sql(statement)
