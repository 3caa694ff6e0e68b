"""What redemptions leave behind: bytes in the database, and memory of the server's two processes."""

from collections.abc import Iterator
from pathlib import Path

from bench import redemption
from bench.harness import Plan, Row, Stage, family
from bench.load import fire
from database import db, on_sqlite
from tests.support.servers import Site

MANY, AT_ONCE, CLIENTS = 100_000, 10_000, 8
BYTES = {"SQLite": 600, "PostgreSQL": 800}
MEMORY = 130  # MB


def measure(stage: Stage, plan: Plan) -> Iterator[Row]:
    wanted, left = plan.rows(MANY), 0
    with Site(stage.settings, stage.world, processes=2) as site:
        side = redemption.ours(stage, site)
        side.pool = side.make(AT_ONCE // 10)
        side.take(60, CLIENTS)  # what a process loads once
        at_start = memory(site)
        for start in range(0, wanted, AT_ONCE):
            some = side.make(min(AT_ONCE, wanted - start))
            before = bytes_used()
            load = fire(site.port, some, good=side.good, clients=CLIENTS, seconds=3600)
            assert load.good == len(some), load.others
            left += bytes_used() - before
        after = memory(site)
    allowed = BYTES[stage.engine]
    yield ratio(f"bytes a redemption leaves, of {wanted:,}", stage, left / wanted, allowed, "bytes")
    yield ratio(f"memory (PSS) after {wanted:,} redemptions", stage, after, MEMORY, "MB")
    yield ratio("memory (PSS) at start", stage, at_start, MEMORY, "MB")


def ratio(what: str, stage: Stage, ours: float, allowed: float, unit: str) -> Row:
    return Row(what, stage.engine, f"{allowed} {unit}", "<= 1", [ours / allowed], ours, allowed, unit)


def bytes_used() -> int:
    """Of all tables and indexes; PostgreSQL's dead rows are swept before."""
    if on_sqlite():
        pages, free, size = (
            db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size
    db.connection().autocommit = True
    db.execute_sql("VACUUM")
    (size,) = db.execute_sql(
        "SELECT SUM(pg_total_relation_size(oid)) FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchone()
    return int(size)


def memory(site: Site) -> float:
    """Megabytes of all its processes, what they share counted once."""
    found = 0
    for pid in family(site.keeper.pid):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        found += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return found / 1024
