"""What every measurement shares: careful engines, processor time of process trees, rounds in turn, ratios."""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from time import monotonic, sleep

from bench.load import Load, fire
from config import Settings, from_environment
from database import db, open_database
from quanbao.operations import migrate
from quanbao.redemption.redeem import Keys
from tests.support.clock import Clock
from tests.support.factories import World
from tests.support.servers import NOON, Postgres

ROOT = Path(__file__).parents[1]
ENGINES = ("SQLite", "PostgreSQL")
CAREFUL = {"fsync": "on", "full_page_writes": "on"}  # the tests' own server is not
TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP = 1.0  # seconds
SPARE = 1.6  # times the requests that the warm-up says are needed: a server gets faster when it is warm
GOOD = {">=": float.__ge__, "<=": float.__le__}


@dataclass(frozen=True)
class Plan:
    """How long is measured: `scale` 1 has as many rows as the table in RESULTS.md says."""

    rounds: int = 5
    seconds: float = 10.0
    scale: float = 1.0
    engines: tuple[str, ...] = ENGINES

    def rows(self, count: int) -> int:
        return max(50, round(count * self.scale))


@dataclass
class Row:
    """One figure beside its yardstick: a ratio a round. `ours` and `theirs` are medians in `unit`."""

    what: str
    engine: str
    yardstick: str
    goal: str  # such as "<= 1.5"; empty where there is none
    ratios: list[float]
    ours: float
    theirs: float
    unit: str

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def holds(self) -> bool | None:
        if not self.goal:
            return None
        compare, than = self.goal.split()
        return GOOD[compare](float(self.ratio), float(than))


def row(what: str, engine: str, yardstick: str, goal: str, ours: list[float], theirs: list[float], unit: str) -> Row:
    """Ours by theirs, each round's by that round's."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Row(what, engine, yardstick, goal, ratios, median(ours), median(theirs), unit)


# Engines


@dataclass
class Stage:
    """An engine that writes to the disk as it does in use, with a database that Quanbao is set up in."""

    engine: str
    settings: Settings
    world: World
    postgres: Postgres | None

    @property
    def roots(self) -> list[int]:
        """The processes that work for every server here."""
        return [self.postgres.keeper.pid] if self.postgres else []

    def another(self, name: str) -> str:
        """The address of an empty database beside ours, or a folder for a SQLite file."""
        if self.postgres:
            return self.postgres.create(name)
        folder = self.settings.data.parent / name
        folder.mkdir()
        return str(folder)


@contextmanager
def stage(engine: str) -> Iterator[Stage]:
    """Raises Missing where the machine has no PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="quanbao-bench-") as folder:
        settings = from_environment({"QUANBAO_DATA": f"{folder}/data"})
        if engine == "SQLite":
            yield _set_up(engine, settings, None)
            return
        with Postgres(**CAREFUL) as server:
            yield _set_up(engine, replace(settings, database_url=server.create("bench")), server)
            db.close()


def _set_up(engine: str, settings: Settings, postgres: Postgres | None) -> Stage:
    opened(settings)
    migrate.migrate()
    keys = Keys(password=settings.password_key, receipts=settings.secret_key)
    return Stage(engine, settings, World(Clock(NOON), keys), postgres)


def opened(settings: Settings) -> None:
    """Our own connection, on which a statement may take longer than a till may wait."""
    open_database(settings.database_url, settings.sqlite_file)
    if settings.database_url:
        db.execute_sql("SET statement_timeout = 0")
        db.execute_sql("SET idle_in_transaction_session_timeout = 0")


@contextmanager
def copied(settings: Settings) -> Iterator[Settings]:
    """The same rows in a database of their own, open for us, and gone afterwards."""
    db.close()
    if settings.database_url:
        base, _, name = settings.database_url.rpartition("/")
        made = f"{name}_copy"
        _psql(base, f'CREATE DATABASE "{made}" TEMPLATE "{name}"')
        there = replace(settings, database_url=f"{base}/{made}")
    else:
        made = settings.data.with_name(f"{settings.data.name}-copy")
        shutil.copytree(settings.data, made)
        there = replace(settings, data=made)
    opened(there)
    try:
        yield there
    finally:
        db.close()
        if settings.database_url:
            _psql(base, f'DROP DATABASE "{made}" WITH (FORCE)')
        else:
            shutil.rmtree(made)
        opened(settings)


def _psql(base: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(statement)


# Processor time


def family(*roots: int) -> list[int]:
    """The processes that these started, and themselves."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        if stat := _stat(int(name)):
            parents[int(name)] = int(stat[1])
    found, new = set(), set(roots)
    while new:
        found |= new
        new = {pid for pid, parent in parents.items() if parent in found} - found
    return sorted(found)


def _stat(pid: int) -> list[str]:
    """From /proc/PID/stat, what follows the name; nothing of a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def processor(*roots: int) -> float:
    """Seconds that these process trees have used, with those of their processes that have ended."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in family(*roots)) / TICKS


def run(words: list[str], environment: dict[str, str], roots: list[int]) -> tuple[float, float]:
    """Seconds of the processor that a command takes, and makes `roots` take; and its peak in megabytes."""
    before = processor(*roots)
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            words, cwd=ROOT, env=environment or None, stdout=told, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        peak, ended = 0, 0
        while not ended:  # what wait4 says of memory begins with ours
            peak = max(peak, _peak(process.pid))
            sleep(0.01)
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
        process.returncode = status
        told.seek(0)
        assert status == 0, (words, told.read()[-500:])
    return used.ru_utime + used.ru_stime + processor(*roots) - before, peak / 1024


def _peak(pid: int) -> int:
    """Kilobytes."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


# Servers in turn


@dataclass
class Side:
    """A server and what it is asked. `make` writes so many new requests; `roots` start all that works for it."""

    name: str
    port: int
    roots: list[int]
    make: Callable[[int], list[bytes]]
    good: bytes
    least: float = 0.98  # of the answers are good
    pool: list[bytes] = field(default_factory=list)
    rate: float = 0.0  # the highest so far

    def take(self, seconds: float, clients: int) -> tuple[Load, float]:
        """One round, and the seconds of the processor that all its processes took."""
        before = processor(*self.roots)
        load = fire(self.port, self.pool, good=self.good, clients=clients, seconds=seconds, least=self.least)
        spent = processor(*self.roots) - before
        del self.pool[: len(load.times)]
        self.rate = max(self.rate, load.rate)
        return load, spent

    def warm_up(self, plan: Plan, clients: int) -> None:
        """Afterwards there are requests for all rounds."""
        self.rate = 0.0
        for seconds in (0.1, WARM_UP, plan.seconds * plan.rounds):
            self.fill(seconds, clients)
            if seconds <= WARM_UP:
                self.take(seconds, clients)

    def fill(self, seconds: float, clients: int) -> None:
        """Requests for so many seconds, and some to spare."""
        wanted = 100 + clients + round(SPARE * self.rate * seconds)
        if len(self.pool) < wanted:
            self.pool += self.make(wanted - len(self.pool))


@dataclass
class Measured:
    """By round."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)  # milliseconds of the processor a good answer
    loads: list[Load] = field(default_factory=list)


def in_turn(sides: list[Side], plan: Plan, clients: int) -> dict[str, Measured]:
    """Every side in every round, so that all meet the same weather."""
    for side in sides:
        side.warm_up(plan, clients)
    found = {side.name: Measured() for side in sides}
    for number in range(plan.rounds):
        for side in sides[:: -1 if number % 2 else 1]:
            side.fill(plan.seconds, clients)
            load, spent = side.take(plan.seconds, clients)
            found[side.name].rates.append(load.rate)
            found[side.name].costs.append(1000 * spent / load.good)
            found[side.name].loads.append(load)
    return found


# What is told


def print_table(rows: list[Row]) -> None:
    print(f"\n{'what':62} {'engine':11} {'ours':>10} {'yardstick':>10} {'unit':10} {'ratio':>7}  {'rounds':15} goal")
    for one in rows:
        spread = f"{min(one.ratios):.2f}–{max(one.ratios):.2f}"
        verdict = {True: "met", False: "MISSED", None: ""}[one.holds]
        print(
            f"{f'{one.what} / {one.yardstick}':62} {one.engine:11} {one.ours:10.2f} {one.theirs:10.2f} {one.unit:10} "
            f"{one.ratio:7.2f}  {spread:15} {one.goal:8} {verdict}"
        )


def write_json(path: Path, plan: Plan, rows: list[Row], left_out: list[str]) -> None:
    about = {"commit": _commit(), "machine": machine(), "plan": asdict(plan), "left_out": left_out}
    told = [asdict(one) | {"ratio": one.ratio, "holds": one.holds} for one in rows]
    path.write_text(json.dumps(about | {"rows": told}, indent=1, ensure_ascii=False) + "\n", "utf-8")


def machine() -> str:
    names = [line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return f"{len(names)} × {names[0]}, {platform.release()}, Python {platform.python_version()}"


def _commit() -> str:
    told = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return told.stdout.strip()


def until(holds: Callable[[], bool], what: str, patience: float = 600) -> None:
    """Wait for what another thread or process does; looked at seldom, as one who asks is one whom it gives way to."""
    deadline = monotonic() + patience
    while not holds():
        assert monotonic() < deadline, f"{what}: not within {patience} s"
        sleep(0.05)
