"""What every redemption asks is found along an index, however many accounts, attempts and redemptions there are."""

import re

import pytest

from database import db, on_sqlite

GROWING = ("account", "attempt", "redemption", "voucher", "customer", "guess", "subscription")


@pytest.fixture
def asked(monkeypatch):
    """The statements of the business since it was made, with their values."""
    engine, statements = type(db.obj), []
    execute = engine.execute_sql

    def noted(database, sql, params=None, *more):
        statements.append((sql, params))
        return execute(database, sql, params, *more)

    monkeypatch.setattr(engine, "execute_sql", noted)
    return statements


def plan(sql: str, values) -> str:
    """How the engine would answer; PostgreSQL without its right to read a small table whole."""
    if on_sqlite():
        rows = db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values)
        return "\n".join(row[3] for row in rows)
    with db.atomic():
        db.execute_sql("SET LOCAL enable_seqscan = off")
        return "\n".join(row[0] for row in db.execute_sql(f"EXPLAIN {sql}", values))


def far(text: str) -> list[str]:
    """What grows with use and is read whole, and indexes of the ledger that lead past other people's rows."""
    whole = re.findall(r"(?:Seq Scan on|^SCAN) (\w+)(?!.*INDEX)", text, re.MULTILINE)
    indexes = re.findall(r"(?:INDEX|using|on) ((?:attempt|redemption)_(?!consumer_id_|password)\w+)", text)
    halves = re.findall(r"Index Cond: \(+attempt_id.*", text)
    return [name for name in whole if name in GROWING] + indexes + halves


def test_a_redemption_is_found_along_its_consumer(world, asked):
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=9, per_consumer=3, new_customers_only=True))
    assert world.attempt(voucher).redeemed
    asked.clear()
    assert world.attempt(voucher).redeemed
    statements = [(sql, values) for sql, values in asked if re.match(r"\s*(SELECT|UPDATE)", sql)]
    assert len(statements) > 5
    for sql, values in statements:
        assert not far(plan(sql, values)), f"{sql}\n{plan(sql, values)}"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT trace FROM attempt WHERE trace IS NULL",
        "SELECT id FROM redemption WHERE campaign_id = 1 AND consumer_id IN (SELECT id FROM account WHERE proved)",
    ],
)
def test_control_what_is_read_whole_is_found_out(world, sql):
    assert far(plan(sql, None))
