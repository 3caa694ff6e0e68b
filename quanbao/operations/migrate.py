"""Bringing a database up to date, one process at a time."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
from peewee import CharField, IntegerField
from playhouse.migrations import Runner

from database import db, on_sqlite, turn

DIRECTORY = Path(__file__).parent / "migrations"
# Any number does, as long as no other program on this PostgreSQL server locks the same.
ADVISORY_LOCK = 0x5175616E62616F
PATIENCE = 10_000  # milliseconds that another process may have SQLite's file locked


class NewerDatabase(Exception):
    """The database was made by a newer Quanbao than this one."""


class _Runner(Runner):
    def __init__(self):
        super().__init__(db.obj, str(DIRECTORY))

        class History(db.Model):
            # peewee's own history table stores a datetime, which apsw does not bind.
            name = CharField(unique=True)
            applied = IntegerField(default=lambda: int(time.time()))

            class Meta:
                legacy_table_names = False
                table_name = "schema_migration"

        self.History = History


def migrate() -> list[str]:
    """Apply what is missing, under a lock, and name what was applied.

    Raises NewerDatabase when the database has migrations that this version does not know.
    """
    with _alone():
        runner = _Runner()
        _refuse_newer(runner)
        return runner.up()


def is_there() -> bool:
    """Whether the database has tables of ours; nothing is made or changed, not even a SQLite file."""
    if not on_sqlite():
        return db.execute_sql("SELECT to_regclass('schema_migration')").fetchone()[0] is not None
    path = Path(db.database)
    if not path.exists():
        return False
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
        connection.set_busy_timeout(PATIENCE)
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_migration'").get)


def pending() -> list[str]:
    """The migrations this database still lacks; raises NewerDatabase like `migrate`."""
    runner = _Runner()
    _refuse_newer(runner)
    applied = runner.applied()
    return [migration.name for migration in runner.migrations() if migration.name not in applied]


def _refuse_newer(runner: Runner) -> None:
    unknown = sorted(set(runner.applied()) - {migration.name for migration in runner.migrations()})
    if unknown:
        raise NewerDatabase(f"the database has {unknown[-1]}, which this version does not know: upgrade Quanbao")


@contextmanager
def _alone() -> Iterator[None]:
    """The writers' file lock on SQLite; on PostgreSQL an advisory lock that ends with the one transaction of it all."""
    if on_sqlite():
        with turn(patience=None):
            yield
        return
    with db.atomic():
        db.execute_sql("SET LOCAL lock_timeout = 0")
        db.execute_sql("SET LOCAL statement_timeout = 0")
        db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        yield
