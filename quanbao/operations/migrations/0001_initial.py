"""The first tables, by hand: the generator would drop every CHECK."""

COLUMNS = {
    "sqlite": {"id": "INTEGER PRIMARY KEY", "int": "INTEGER", "bool": "INTEGER", "bytes": "BLOB", "end": "STRICT"},
    "postgresql": {"id": "BIGSERIAL PRIMARY KEY", "int": "BIGINT", "bool": "BOOLEAN", "bytes": "BYTEA", "end": ""},
}

TABLES = """
CREATE TABLE account (
    id {id}, email TEXT UNIQUE, password_hash TEXT, proved {bool} NOT NULL, created_at {int} NOT NULL
) {end};
CREATE TABLE session (
    id {id}, token_hash {bytes} NOT NULL UNIQUE,
    account_id {int} NOT NULL REFERENCES account ON DELETE CASCADE, browser TEXT NOT NULL,
    created_at {int} NOT NULL, confirmed_at {int} NOT NULL, seen_at {int} NOT NULL, expires_at {int} NOT NULL
) {end};
CREATE INDEX session_account_id ON session (account_id);
CREATE TABLE merchant (
    id {id}, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, time_zone TEXT NOT NULL,
    currency TEXT NOT NULL, language TEXT NOT NULL, created_at {int} NOT NULL
) {end};
CREATE TABLE branch (
    id {id}, merchant_id {int} NOT NULL REFERENCES merchant,
    slug TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, closed_at {int}
) {end};
CREATE UNIQUE INDEX branch_merchant_id_slug ON branch (merchant_id, slug);
CREATE INDEX branch_merchant_id ON branch (merchant_id);
CREATE TABLE member (
    id {id}, merchant_id {int} NOT NULL REFERENCES merchant, account_id {int} REFERENCES account,
    address TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('owner', 'manager', 'cashier')), disabled_at {int}
) {end};
CREATE UNIQUE INDEX member_merchant_id_account_id ON member (merchant_id, account_id);
CREATE INDEX member_merchant_id ON member (merchant_id);
CREATE INDEX member_account_id ON member (account_id);
CREATE TABLE link (
    id {id}, token_hash {bytes} NOT NULL UNIQUE,
    purpose TEXT NOT NULL CHECK (purpose IN ('sign-in', 'set-up', 'join', 'move')),
    account_id {int} REFERENCES account ON DELETE CASCADE,
    member_id {int} REFERENCES member ON DELETE CASCADE,
    expires_at {int} NOT NULL, used_at {int}
) {end};
CREATE INDEX link_account_id ON link (account_id);
CREATE INDEX link_member_id ON link (member_id);
CREATE TABLE member_branch (
    member_id {int} NOT NULL REFERENCES member ON DELETE CASCADE, branch_id {int} NOT NULL REFERENCES branch,
    PRIMARY KEY (member_id, branch_id)
) {end};
CREATE INDEX member_branch_member_id ON member_branch (member_id);
CREATE INDEX member_branch_branch_id ON member_branch (branch_id);
CREATE TABLE customer (
    id {id}, merchant_id {int} NOT NULL REFERENCES merchant, consumer_id {int} NOT NULL REFERENCES account,
    address TEXT NOT NULL, first_seen_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX customer_merchant_id_consumer_id ON customer (merchant_id, consumer_id);
CREATE INDEX customer_merchant_id_address ON customer (merchant_id, address);
CREATE INDEX customer_consumer_id ON customer (consumer_id);
CREATE TABLE customer_group (
    customer_id {int} NOT NULL REFERENCES customer ON DELETE CASCADE, name TEXT NOT NULL,
    PRIMARY KEY (customer_id, name)
) {end};
CREATE TABLE redemption_password (
    id {id}, merchant_id {int} NOT NULL REFERENCES merchant, sealed {bytes} NOT NULL,
    version {int} NOT NULL, valid_from {int} NOT NULL
) {end};
CREATE INDEX redemption_password_merchant_id ON redemption_password (merchant_id);
CREATE TABLE guess (
    id {id}, password_id {int} NOT NULL REFERENCES redemption_password, version {int} NOT NULL,
    consumer_id {int} NOT NULL REFERENCES account, made_at {int} NOT NULL,
    wrong {bool}, counted {bool} NOT NULL, tag {bytes}
) {end};
CREATE INDEX guess_password_id_version_made_at ON guess (password_id, version, made_at);
CREATE INDEX guess_consumer_id ON guess (consumer_id);
CREATE TABLE picture (
    id {id}, merchant_id {int} NOT NULL REFERENCES merchant, digest TEXT NOT NULL, content {bytes} NOT NULL
) {end};
CREATE UNIQUE INDEX picture_merchant_id_digest ON picture (merchant_id, digest);
CREATE TABLE campaign (
    id {id}, merchant_id {int} NOT NULL REFERENCES merchant, slug TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('discount', 'prize', 'gift', 'giveaway')),
    product TEXT NOT NULL, picture TEXT NOT NULL,
    original_price {int}, offer_price {int}, quantity {int} NOT NULL,
    starts_at {int} NOT NULL, ends_at {int} NOT NULL, place TEXT NOT NULL, terms TEXT NOT NULL,
    uses_per_voucher {int} NOT NULL, per_consumer {int}, new_customers_only {bool} NOT NULL,
    groups TEXT NOT NULL, minimum_spend {int}, weekdays TEXT NOT NULL, hours TEXT NOT NULL,
    branch_slugs TEXT NOT NULL, password_id {int} NOT NULL REFERENCES redemption_password,
    version {int} NOT NULL, created_at {int} NOT NULL, published_at {int}, ended_at {int}, reminded_at {int},
    issued {int} NOT NULL, opened {int} NOT NULL, redeemed {int} NOT NULL, consumers {int} NOT NULL,
    discount_given {int} NOT NULL, rolled_back {int} NOT NULL,
    CHECK (redeemed BETWEEN 0 AND quantity),
    CHECK (starts_at < ends_at),
    CHECK (uses_per_voucher BETWEEN 1 AND 10000),
    CHECK (kind = 'discount' OR uses_per_voucher = 1),
    CHECK ((kind = 'discount') = (original_price IS NOT NULL)),
    CHECK ((kind = 'discount') = (offer_price IS NOT NULL)),
    CHECK (offer_price IS NULL OR 0 <= offer_price AND offer_price <= original_price)
) {end};
CREATE UNIQUE INDEX campaign_merchant_id_slug ON campaign (merchant_id, slug);
CREATE INDEX campaign_password_id ON campaign (password_id);
CREATE TABLE voucher (
    id {id}, code TEXT NOT NULL UNIQUE, campaign_id {int} NOT NULL REFERENCES campaign,
    consumer_id {int} NOT NULL REFERENCES account, nth {int} NOT NULL,
    uses {int} NOT NULL, uses_left {int} NOT NULL, issued_at {int} NOT NULL,
    opened_at {int}, revoked_at {int}, ended_at {int}, archived_at {int},
    CHECK (uses_left BETWEEN 0 AND uses)
) {end};
CREATE UNIQUE INDEX voucher_campaign_id_consumer_id_nth ON voucher (campaign_id, consumer_id, nth);
CREATE INDEX voucher_consumer_id ON voucher (consumer_id);
CREATE TABLE attempt (
    id {id}, consumer_id {int} NOT NULL REFERENCES account, attempt_id TEXT NOT NULL,
    voucher_id {int} NOT NULL REFERENCES voucher, campaign_id {int} NOT NULL REFERENCES campaign,
    at {int} NOT NULL, reason TEXT, trace TEXT NOT NULL, verdict TEXT NOT NULL
) {end};
CREATE UNIQUE INDEX attempt_consumer_id_attempt_id ON attempt (consumer_id, attempt_id);
CREATE INDEX attempt_campaign_id_reason_id ON attempt (campaign_id, reason, id);
CREATE INDEX attempt_campaign_id_id ON attempt (campaign_id, id);
CREATE INDEX attempt_refused ON attempt (campaign_id, id) WHERE reason IS NOT NULL;
CREATE INDEX attempt_voucher_id ON attempt (voucher_id);
CREATE TABLE redemption (
    id {id}, consumer_id {int} NOT NULL REFERENCES account, attempt_id TEXT NOT NULL,
    voucher_id {int} NOT NULL REFERENCES voucher, use_number {int} NOT NULL CHECK (use_number >= 1),
    campaign_id {int} NOT NULL REFERENCES campaign, merchant_id {int} NOT NULL REFERENCES merchant,
    branch_slug TEXT NOT NULL, day TEXT NOT NULL, number {int} NOT NULL CHECK (number >= 1),
    words TEXT NOT NULL, amount {int}, discount {int} NOT NULL CHECK (discount >= 0),
    redeemed_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX redemption_consumer_id_attempt_id ON redemption (consumer_id, attempt_id);
CREATE UNIQUE INDEX redemption_voucher_id_use_number ON redemption (voucher_id, use_number);
CREATE UNIQUE INDEX redemption_merchant_id_branch_slug_day_number
    ON redemption (merchant_id, branch_slug, day, number);
CREATE INDEX redemption_campaign_id ON redemption (campaign_id);
CREATE TABLE day_number (
    merchant_id {int} NOT NULL REFERENCES merchant, branch_slug TEXT NOT NULL, day TEXT NOT NULL,
    last {int} NOT NULL, PRIMARY KEY (merchant_id, branch_slug, day)
) {end};
CREATE TABLE figure (
    campaign_id {int} NOT NULL REFERENCES campaign,
    heading TEXT NOT NULL CHECK (heading IN ('day', 'hour', 'branch', 'refused')), name TEXT NOT NULL,
    count {int} NOT NULL, PRIMARY KEY (campaign_id, heading, name)
) {end};
CREATE TABLE publication (
    id {id}, campaign_id {int} NOT NULL REFERENCES campaign,
    audience TEXT NOT NULL CHECK (audience IN ('all', 'groups', 'customers', 'addresses')),
    groups TEXT NOT NULL, failures TEXT NOT NULL, total {int} NOT NULL, done {int} NOT NULL,
    cursor {int} NOT NULL, last_customer {int} NOT NULL, issued {int} NOT NULL, linked {int} NOT NULL,
    created_at {int} NOT NULL, finished_at {int}
) {end};
CREATE INDEX publication_campaign_id ON publication (campaign_id);
CREATE INDEX publication_finished_at ON publication (finished_at);
CREATE TABLE publication_part (
    publication_id {int} NOT NULL REFERENCES publication ON DELETE CASCADE, nth {int} NOT NULL,
    entries TEXT NOT NULL, PRIMARY KEY (publication_id, nth)
) {end};
CREATE TABLE claim (
    id {id}, token_hash {bytes} NOT NULL UNIQUE, seed {bytes} NOT NULL,
    campaign_id {int} NOT NULL REFERENCES campaign, address TEXT NOT NULL,
    expires_at {int} NOT NULL, claimed_at {int}, customer_id {int} REFERENCES customer
) {end};
CREATE UNIQUE INDEX claim_campaign_id_address ON claim (campaign_id, address);
CREATE INDEX claim_campaign_id_id ON claim (campaign_id, id);
CREATE INDEX claim_customer_id ON claim (customer_id);
CREATE TABLE subscription (
    id {id}, session_id {int} NOT NULL REFERENCES session ON DELETE CASCADE,
    account_id {int} NOT NULL REFERENCES account ON DELETE CASCADE,
    endpoint TEXT NOT NULL UNIQUE, service TEXT NOT NULL, p256dh TEXT NOT NULL, auth TEXT NOT NULL,
    vapid_key TEXT NOT NULL, origin TEXT NOT NULL, language TEXT NOT NULL, created_at {int} NOT NULL
) {end};
CREATE INDEX subscription_session_id ON subscription (session_id);
CREATE INDEX subscription_account_id ON subscription (account_id);
CREATE TABLE delivery (
    id {id}, subscription_id {int} NOT NULL REFERENCES subscription ON DELETE CASCADE,
    voucher_id {int} NOT NULL REFERENCES voucher,
    event TEXT NOT NULL CHECK (event IN ('issued', 'redeemed', 'price_changed', 'ended', 'ends_soon')),
    about {int} NOT NULL, due_at {int} NOT NULL, tries {int} NOT NULL, made_at {int} NOT NULL
) {end};
CREATE UNIQUE INDEX delivery_subscription_id_voucher_id_event_about
    ON delivery (subscription_id, voucher_id, event, about);
CREATE INDEX delivery_due_at ON delivery (due_at);
CREATE TABLE news (
    campaign_id {int} NOT NULL REFERENCES campaign,
    event TEXT NOT NULL CHECK (event IN ('issued', 'redeemed', 'price_changed', 'ended', 'ends_soon')),
    about {int} NOT NULL, cursor {int} NOT NULL, made_at {int} NOT NULL, PRIMARY KEY (campaign_id, event)
) {end};
CREATE TABLE mute (
    account_id {int} NOT NULL REFERENCES account ON DELETE CASCADE, what TEXT NOT NULL,
    PRIMARY KEY (account_id, what)
) {end};
"""


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in TABLES.format(**COLUMNS[engine]).split(";\n"):
        if statement.strip():
            db.execute_sql(statement)
