"""A redemption keeps product and prices that it was made at; those of before have them from their stored verdicts.

Nothing of it passes through this process, and each statement changes a limited number of rows. Where no attempt has
the verdict, the columns stay empty. What was exchanged had no price: 0 was charged for it.
"""

from quanbao.operations.table_changes import without_guards

STEP = 10_000  # ids
COLUMNS = {"sqlite": "INTEGER", "postgresql": "BIGINT"}
READ = {  # a text, and a number, of the voucher as the verdict describes it
    "sqlite": ("json_extract(attempt.verdict, '$.voucher.{}')",) * 2,
    "postgresql": (
        "attempt.verdict::json -> 'voucher' ->> '{}'",
        "(attempt.verdict::json -> 'voucher' ->> '{}')::bigint",
    ),
}
MARKS = {"sqlite": "?", "postgresql": "%s"}


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    db.execute_sql("ALTER TABLE redemption ADD COLUMN product TEXT")
    for name in ("original_price", "charged"):
        db.execute_sql(f"ALTER TABLE redemption ADD COLUMN {name} {COLUMNS[engine]} CHECK ({name} >= 0)")
    guards = without_guards(db, "redemption")
    _fill(engine, db)
    for statement in guards:
        db.execute_sql(statement)


def _fill(engine, db):
    text, number = READ[engine]
    mark = MARKS[engine]
    statement = f"""
        UPDATE redemption SET
            product = {text.format("product")},
            original_price = {number.format("original_price")},
            charged = COALESCE({number.format("offer_price")}, 0)
        FROM attempt
        WHERE attempt.consumer_id = redemption.consumer_id AND attempt.attempt_id = redemption.attempt_id
            AND attempt.reason IS NULL AND redemption.id > {mark} AND redemption.id <= {mark}"""
    last = db.execute_sql("SELECT MAX(id) FROM redemption").fetchone()[0] or 0
    for before in range(0, last, STEP):
        db.execute_sql(statement, (before, before + STEP))
