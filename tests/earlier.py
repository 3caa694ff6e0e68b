"""Rows in a database of an earlier version, which knows fewer columns than the models."""

from datetime import datetime

from database import EPOCH, MICROSECOND, db, on_sqlite


def put(table: str, **columns) -> int:
    """A row, as that version would have written it; its id."""
    values = [(value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value for value in columns.values()]
    names, marks = (", ".join(f'"{name}"' for name in columns), ", ".join(["?" if on_sqlite() else "%s"] * len(values)))
    return db.execute_sql(f'INSERT INTO "{table}" ({names}) VALUES ({marks}) RETURNING id', values).fetchone()[0]


def shop(now: datetime) -> dict[str, int]:
    """A merchant, a consumer who has an unused voucher of a published campaign, and the ids of them all."""
    ids = {"merchant": put("merchant", slug="lotus", name="Lotus Tea", time_zone="Asia/Shanghai", currency="CNY",
                           language="zh", created_at=now)}
    ids["account"] = put("account", email="mei@example.org", proved=True, created_at=now)
    ids["password"] = put(
        "redemption_password", merchant_id=ids["merchant"], sealed=b"sealed", version=1, valid_from=now)
    ids["campaign"] = put(
        "campaign", merchant_id=ids["merchant"], slug="tea", kind="prize", product="Tea", picture="", quantity=10,
        starts_at=now, ends_at=now.replace(year=now.year + 1), place="", terms="", uses_per_voucher=1,
        new_customers_only=False, groups="[]", weekdays="[]", hours="[]", branch_slugs="[]",
        password_id=ids["password"], version=1, created_at=now, published_at=now, issued=1, opened=0, redeemed=0,
        consumers=0, discount_given=0, rolled_back=0)
    ids["voucher"] = put(
        "voucher", code="K" * 16, campaign_id=ids["campaign"], consumer_id=ids["account"], nth=1, uses=1, uses_left=1,
        issued_at=now)
    return ids
