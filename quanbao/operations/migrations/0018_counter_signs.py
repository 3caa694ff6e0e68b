"""What stands in the address of each branch's counter sign."""

import secrets

MARKS = {"sqlite": "?", "postgresql": "%s"}


def up(migrator, db):
    mark = MARKS["sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"]
    db.execute_sql("ALTER TABLE branch ADD COLUMN sign TEXT")
    for (number,) in db.execute_sql("SELECT id FROM branch ORDER BY id").fetchall():
        db.execute_sql(f"UPDATE branch SET sign = {mark} WHERE id = {mark}", (secrets.token_hex(7), number))
    db.execute_sql("ALTER TABLE branch ALTER COLUMN sign SET NOT NULL")
    db.execute_sql("CREATE UNIQUE INDEX branch_sign ON branch (sign)")
