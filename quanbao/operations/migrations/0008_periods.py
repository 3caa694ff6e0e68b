"""Periods are kept as they were entered, and the release of the time zone data that they were computed with.

What was entered before is found by the system's zone files, where there are any: earlier versions took those first. A
period whose ends are the borders of days there was entered as dates; anything else, as times of the wall clock. No
release is noted, so that the start that follows computes all periods by the package.
"""

from datetime import UTC, date, datetime, time, timedelta

from quanbao.operations.table_changes import allow_events
from zones import ZoneInfoNotFoundError, of_the_system

TYPES = {
    "sqlite": {"id": "INTEGER PRIMARY KEY", "end": "STRICT"},
    "postgresql": {"id": "BIGSERIAL PRIMARY KEY", "end": ""},
}
CHANGES = """
ALTER TABLE campaign ADD COLUMN starts_entered TEXT;
ALTER TABLE campaign ADD COLUMN ends_entered TEXT;
CREATE TABLE zone_data (id {id}, release TEXT NOT NULL) {end}
"""
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def up(migrator, db):
    engine = "sqlite" if type(migrator).__name__ == "SqliteMigrator" else "postgresql"
    for statement in CHANGES.format(**TYPES[engine]).split(";\n"):
        db.execute_sql(statement)
    _fill(db, "?" if engine == "sqlite" else "%s")
    allow_events(db, "period_changed")


def _fill(db, mark):
    zones = {}
    rows = db.execute_sql(
        "SELECT campaign.id, time_zone, starts_at, ends_at FROM campaign "
        "JOIN merchant ON merchant.id = campaign.merchant_id"
    ).fetchall()
    for number, name, starts, ends in rows:
        try:
            zone = zones[name] = zones.get(name) or of_the_system(name)
        except ZoneInfoNotFoundError:
            continue  # it stays the instant that it is
        entered = _entered(starts, zone, is_end=False), _entered(ends, zone, is_end=True)
        db.execute_sql(
            f"UPDATE campaign SET starts_entered = {mark}, ends_entered = {mark} WHERE id = {mark}", (*entered, number)
        )


def _entered(microseconds, zone, *, is_end):
    """A date where one means this instant, else a time of the wall clock, with its offset where that comes twice."""
    moment = EPOCH + microseconds * MICROSECOND
    day = (moment - (MICROSECOND if is_end else timedelta(0))).astimezone(zone).date()
    if _utc(day, zone, is_end=is_end) == moment:
        return day.isoformat()
    wall = moment.astimezone(zone)
    plain = wall.replace(tzinfo=None, fold=0)
    return (plain if _utc(plain, zone, is_end=is_end) == moment else wall).isoformat()


def _utc(entered, zone, *, is_end):
    if type(entered) is date:
        entered = datetime.combine(entered + timedelta(days=1) if is_end else entered, time())
    return entered.replace(tzinfo=zone).astimezone(UTC)
