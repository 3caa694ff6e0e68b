"""The operator's commands on many rows: `backup` beside the engine's own copy, the memory of `check` beside few."""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from bench.harness import Plan, Row, Stage, opened, row, run, stage
from tests.support.large_ledgers import fill
from tests.support.programs import postgres_program
from tests.support.servers import environment

MANY, FEW = 1_000_000, 10_000
VACUUM = "import apsw, sys; apsw.Connection(sys.argv[1]).execute('VACUUM INTO ?', [sys.argv[2]])"


def measure(large: Stage, plan: Plan) -> Iterator[Row]:
    fill(large.world, plan.rows(MANY))
    folder, numbers = large.settings.data.parent, count()
    ours, theirs = [], []
    for _ in range(plan.rounds):
        targets = [folder / f"copy-{next(numbers)}" for _ in range(2)]
        ours.append(quanbao(large, "backup", str(targets[0]))[0])
        theirs.append(run(copying(large, targets[1]), {}, large.roots)[0])
        for target in targets:
            target.unlink()
    yardstick = "pg_dump -Fc" if large.postgres else "VACUUM INTO"
    yield row(f"backup of {plan.rows(MANY):,}: processor", large.engine, yardstick, "<= 3", ours, theirs, "s")
    with stage(large.engine) as small:
        fill(small.world, plan.rows(FEW))
        peaks = [[quanbao(one, "check")[1] for one in (large, small)] for _ in range(min(plan.rounds, 3))]
    opened(large.settings)
    what = f"check of {plan.rows(MANY):,}: peak memory"
    yield row(what, large.engine, f"{plan.rows(FEW):,}", "<= 1.1", *map(list, zip(*peaks, strict=True)), "MB")


def quanbao(there: Stage, *words: str) -> tuple[float, float]:
    return run(
        [sys.executable, "-m", "cli", *words], environment(there.settings, there.world.clock().isoformat()), there.roots
    )


def copying(there: Stage, target: Path) -> list[str]:
    if there.postgres:
        return [postgres_program("pg_dump"), "-Fc", "-f", str(target), str(there.settings.database_url)]
    return [sys.executable, "-c", VACUUM, str(there.settings.sqlite_file), str(target)]
