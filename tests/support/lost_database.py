"""A database that goes away in the middle of a request, at a commit that a test chooses, and comes back as it was."""

import shutil
from collections.abc import Callable
from typing import Self

import psycopg
from peewee import OperationalError

from config import Settings
from database import db, on_sqlite
from models import TABLES
from tests.support.servers import Postgres

NAMES = [table._meta.table_name for table in TABLES]


class Losing:
    """Takes the database away after commit number `at` of what is asked meanwhile; none where that never comes.

    `told` is whether the commit itself is still answered. SQLite's file is moved away, PostgreSQL ends the connections
    and takes no more. Used as a context manager around a request; `gone` says whether it came so far. `restore`
    brings back the rows that were there when this was made.
    """

    def __init__(self, settings: Settings, server: Callable[[], Postgres], patch: Callable):
        self.file, self.server = settings.sqlite_file, None if on_sqlite() else server()
        self.away = self.file.with_name("away")
        self.at, self.told, self.gone, self.seen = 0, True, False, 0
        db.close()
        if self.server:
            self._postgres("CREATE SCHEMA kept", *(f'CREATE TABLE kept."{t}" AS TABLE "{t}"' for t in NAMES))
        else:
            shutil.copy(self.file, self.away.with_name("as-it-was"))
        engine = type(db.obj)
        self.commit = engine.commit
        patch(engine, "commit", lambda database: self._commit(database))

    def __call__(self, at: int, *, told: bool = True) -> Self:
        self.at, self.told = at, told
        return self

    def __enter__(self) -> Self:
        self.gone, self.seen = False, 0
        return self

    def __exit__(self, *_) -> None:
        self.at = 0
        if not self.gone:
            return
        if self.server:
            self._allow("true")
        else:
            self.file.rmdir()
            self.away.rename(self.file)
        db.close()

    def restore(self) -> None:
        db.close()
        if self.server:
            self._postgres(
                "SET session_replication_role = replica",  # the ledger's triggers refuse to forget
                *(f'DELETE FROM "{t}"; INSERT INTO "{t}" SELECT * FROM kept."{t}"' for t in NAMES),
            )
            return
        for end in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + end).unlink(missing_ok=True)
        shutil.copy(self.away.with_name("as-it-was"), self.file)

    def _commit(self, database) -> object:
        answer = self.commit(database)
        self.seen += 1
        if self.at == self.seen:
            self.gone = True
            self._take_away()
            if not self.told:
                raise OperationalError("the connection was lost")
        return answer

    def _take_away(self) -> None:
        if self.server:
            self._allow("false")
            return
        db.close()  # the last connection folds the WAL into the file
        self.file.rename(self.away)
        self.file.mkdir()

    def _allow(self, whether: str) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as other:
            other.execute(f"ALTER DATABASE test ALLOW_CONNECTIONS {whether}")
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'test'")

    def _postgres(self, *words: str) -> None:
        """In one transaction."""
        with psycopg.connect(self.server.url("test")) as other:
            other.execute("; ".join(words))
