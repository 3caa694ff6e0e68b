"""A merchant keeps how many digits its currency's minor unit has: those with which its amounts were entered so far."""

from quanbao.lib.currencies import former_digits

COLUMNS = {"sqlite": {"int": "INTEGER", "mark": "?"}, "postgresql": {"int": "BIGINT", "mark": "%s"}}


def up(migrator, db):
    of = COLUMNS["sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"]
    db.execute_sql(
        f"ALTER TABLE merchant ADD COLUMN currency_digits {of['int']} CHECK (currency_digits BETWEEN 0 AND 4)"
    )
    for (code,) in db.execute_sql("SELECT DISTINCT currency FROM merchant").fetchall():
        db.execute_sql(
            f"UPDATE merchant SET currency_digits = {of['mark']} WHERE currency = {of['mark']}",
            (former_digits(code), code),
        )
    db.execute_sql("ALTER TABLE merchant ALTER COLUMN currency_digits SET NOT NULL")
