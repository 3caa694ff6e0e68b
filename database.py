"""Opening either engine, the fields both store alike, and the one way to write."""

import fcntl
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from select import POLLIN, poll
from threading import Thread
from typing import IO, TypeVar

import apsw
from peewee import (
    BigIntegerField,
    DatabaseProxy,
    InterfaceError,
    InternalError,
    OperationalError,
    PeeweeException,
    PostgresqlDatabase,
    TextField,
)
from playhouse.apsw_ext import APSWDatabase
from playhouse.db_url import parse

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
RETRIES = 12
PATIENCE_OF_A_WRITER = 10  # seconds until a writer that waits is told that it is busy, as long as SQLite itself waits
SILENCE = 35  # seconds without a word from PostgreSQL, which itself ends each statement of a request after 30
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "cache_size": -16_000}
RETRYABLE = {"40001", "40P01"}  # serialization failure, deadlock: it was rolled back, and may be tried again
NOT_NOW = {"25P03", "25006"}  # idle too long inside a transaction; read-only, as after a failover: InternalError

# A server that vanished from the network answers nothing: without these a query would wait for hours.
PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 40_000,
}  # seconds, and milliseconds
TIMEOUTS = "-c lock_timeout=5000 -c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000"
db = DatabaseProxy()
_committed: ContextVar[bool] = ContextVar("committed", default=False)


class Busy(Exception):
    """The database could not take the work now; nothing was written. Try again in a moment."""


class Unknown(Exception):
    """The connection was lost while PostgreSQL committed: the work is written or not, which is not known yet."""


class Changed(Exception):
    """What a transaction had judged was changed before it could write: judge again."""


class UtcField(BigIntegerField):
    """An aware UTC time, stored as microseconds since 1970 on both engines.

    apsw binds no datetimes, and PostgreSQL gives aware ones back naive through peewee.
    """

    def db_value(self, value):
        return (value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value

    def python_value(self, value):
        return value if value is None else EPOCH + value * MICROSECOND


class JsonField(TextField):
    """A small JSON document, stored as text on both engines."""

    def db_value(self, value):
        return value if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def python_value(self, value):
        return value if value is None else json.loads(value)


class UuidField(TextField):
    """A UUID as its text (RFC 9562): a column of text on SQLite, of 16 bytes on PostgreSQL."""

    def python_value(self, value):
        return value if value is None else str(value)


def sqlite_is_safe(version: str) -> bool:
    """Whether this SQLite has the WAL-reset fix: 3.51.3, or its backports 3.44.6 and 3.50.7."""
    number = tuple(int(part) for part in version.split("."))
    return number >= (3, 51, 3) or (3, 50, 7) <= number < (3, 51) or (3, 44, 6) <= number < (3, 45)


def open_sqlite(path: Path, **extra) -> APSWDatabase:
    """The SQLite file at `path`; raises OSError with the cure where this SQLite could corrupt it."""
    if not sqlite_is_safe(apsw.sqlitelibversion()):
        raise OSError(
            f"SQLite {apsw.sqlitelibversion()} can corrupt a database that two processes write: "
            "upgrade with  pip install -U apsw"
        )
    return APSWDatabase(str(path), pragmas=PRAGMAS, lock_type="IMMEDIATE", timeout=10, **extra)


class Postgresql(PostgresqlDatabase):
    """PostgreSQL, also behind a pooler that hands out another connection in each transaction.

    Nothing is kept in a session: no lock, no setting, and prepared statements only where the server itself answers.
    A pooler that refuses our timeouts has them from the role or not at all. A server that is frozen keeps no time
    limit of its own: it is hung up on after `silence` seconds.
    """

    def __init__(self, *what, silence: float | None = None, **how):
        super().__init__(*what, **how)
        self.silence = silence

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            return super().connect(reuse_if_open)
        except OperationalError as error:
            refused = "unsupported startup parameter" in str(error)
            if not refused or self.connect_params.get("options") != TIMEOUTS:
                raise
        del self.connect_params["options"]
        return super().connect(reuse_if_open)

    def _connect(self):
        connection = super()._connect()
        if self.silence:
            connection.wait = partial(self._wait, connection, connection.wait)
        if connection.prepare_threshold is None:
            answering = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
            connection.rollback()
            if answering == (connection.info.backend_pid,):  # a pooler names a process that is none of the server's
                connection.prepare_threshold = 5  # times that it was asked, as psycopg does by itself
        return connection

    def _wait(self, connection, wait: Callable, generator, **how):
        from psycopg.errors import OperationalError, _WaitTimeout

        try:
            return wait(generator, **{"timeout": self.silence} | how)
        except _WaitTimeout:
            connection.close()
            raise OperationalError(f"PostgreSQL said nothing for {self.silence} s") from None


def open_postgresql(url: str, silence: float | None = None) -> Postgresql:
    """PostgreSQL at this address; `silence` is for servers, whose statements are all short."""
    settings = parse(url, unquote_password=True, unquote_user=True)
    for name, value in PATIENCE.items():
        settings.setdefault(name, value)
    settings.setdefault("options", TIMEOUTS)
    settings.setdefault("prepare_threshold", None)
    return Postgresql(**settings, prefer_psycopg3=True, silence=silence)


def open_database(database_url: str | None, sqlite_file: Path | None, *, silence: float | None = None) -> None:
    """Point every model at PostgreSQL by URL, or at the SQLite file where there is none."""
    if db.obj is not None and not db.is_closed():
        db.close()
    if database_url:
        db.initialize(open_postgresql(database_url, silence))
    else:
        assert sqlite_file is not None, "there is neither a URL nor a file"
        db.initialize(open_sqlite(sqlite_file))


def on_sqlite() -> bool:
    return isinstance(db.obj, APSWDatabase)


_left: set[Future] = set()  # places in the queue, of writers who were told that it is busy


@contextmanager
def turn(patience: float | None = PATIENCE_OF_A_WRITER) -> Iterator[None]:
    """Queue to write: SQLite's own busy handler is unfair, a file lock is not.

    Raises Busy where there is no lock to be had, or it does not come within `patience` seconds: none waits for ever.
    """
    if not on_sqlite() or db.database == ":memory:":
        yield
        return
    try:
        lock = open(f"{db.database}.lock", "a")  # noqa: SIM115  (closed at the end, or when the queue has moved)
        _take(lock, patience)
    except OSError as error:
        reason = error.strerror or "it does not move"
        raise Busy(f"the queue of writers: {reason}: {Path(db.database).absolute()}.lock") from error
    with lock:
        yield


def _take(lock: IO, patience: float | None) -> None:
    """Take the lock; raises TimeoutError where the process that has it may have been stopped with it.

    The system's queue is fair but knows no time limit. So a thread waits in it, and where its owner gives up it stands
    there until the queue moves again; as long as one does, no other need wait.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        if _left and patience is not None:
            raise TimeoutError from None
    place: Future = Future()
    Thread(target=_stand, args=(lock, place), name="line", daemon=True).start()
    try:
        place.result(patience)
    except TimeoutError:
        _left.add(place)
        place.add_done_callback(partial(_leave, lock))
        raise


def _leave(lock: IO, place: Future) -> None:
    lock.close()
    _left.discard(place)


def _stand(lock: IO, place: Future) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.set_result(None)
    except OSError as error:
        place.set_exception(error)


def forget_commits() -> None:
    """A request begins."""
    _committed.set(False)


def may_have_committed() -> bool:
    """Whether what was asked for since, in this thread or context, is written or may be: no answer may deny that."""
    return _committed.get()


def write_transaction(work: Callable[[], T], *, housekeeping: bool = False) -> T:
    """Run `work` in one write transaction and give back what it returns.

    `work` may run more than once: after a serialization failure, a deadlock, or when it raises Changed. Raises Busy
    when the database did not take it; nothing is written then. Raises Unknown when the connection was lost at the
    commit. `housekeeping`, as a session that slides on, is not what `may_have_committed` means: lost, it is Busy.
    """
    assert not db.in_transaction(), "a write transaction inside another would be a mere savepoint"
    for _ in range(RETRIES):
        written = False  # or may be written
        try:
            with turn(), db.atomic():
                answer = work()
                written = True
            return answer
        except Changed:
            continue
        except (OperationalError, InterfaceError, InternalError) as error:
            code = _code(error)
            if isinstance(error, InternalError) and code not in NOT_NOW:
                raise
            # SQLite takes back what it cannot commit, and PostgreSQL what it refuses with these codes.
            written = written and not on_sqlite() and code not in RETRYABLE | NOT_NOW
            if code in RETRYABLE:
                continue
            drop_broken_connection()
            raise (Unknown if written and not housekeeping else Busy)(str(error)) from error
        finally:
            if written and not housekeeping:
                _committed.set(True)
    raise Busy("others kept changing the same rows")


@contextmanager
def snapshot() -> Iterator[None]:
    """One moment of the whole database, for reading while others write."""
    if on_sqlite():
        with db.atomic("DEFERRED"):
            yield
        return
    with db.atomic("REPEATABLE READ"):
        yield


def locked(query):
    """The query with its rows locked; SQLite's writer is alone already."""
    return query if on_sqlite() else query.for_update("FOR NO KEY UPDATE")


def drop_broken_connection() -> None:
    """Close a connection that the server has ended, so that the next use opens a new one."""
    try:
        if not on_sqlite() and not db.is_closed() and not db.is_connection_usable():
            db.close()
    except PeeweeException:
        db.obj._state.reset()


def drop_ended_connection() -> None:
    """Close a connection that the server has ended since it was last used, before a caller comes to notice it.

    An idle server says nothing: where something is there to be read, it is a farewell.
    """
    if on_sqlite() or db.is_closed():
        return
    connection, ear = db.connection(), poll()
    if not connection.closed:
        ear.register(connection.fileno(), POLLIN)
    if connection.closed or ear.poll(0):
        drop_connection()


def drop_connection() -> None:
    """Close this thread's connection, whatever state it is in: the next use opens a new one."""
    try:
        db.close()
    except PeeweeException:
        db.obj._state.reset()


def _code(error: PeeweeException) -> str | None:
    """PostgreSQL's SQLSTATE, from the driver's own error."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)
