"""Backups: one SQLite file with every row that lasts, whatever engine is in use; restored to either.

Signed-in browsers, one-time links, counter codes, subscriptions and messages on their way are not in it, nor are
the keys: redemption passwords stay sealed, and all sign in again after a restore. Only wallets without an address
cannot: their sessions are in it, as hashes of tokens that do not depend on a key.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import apsw
from peewee import Field, Model

from database import UuidField, db, on_sqlite, snapshot, write_transaction
from models import (
    TABLES,
    CounterCode,
    CounterTry,
    Delivery,
    Link,
    OneTimeValue,
    RedemptionPassword,
    Session,
    Subscription,
)
from quanbao.campaigns import figures
from quanbao.operations import migrate

MARK = 0x51626B70  # SQLite's application_id of a backup
PASSING = (Session, Link, CounterCode, CounterTry, OneTimeValue, Subscription, Delivery)
KEPT = [table for table in TABLES if table not in PASSING]
PARTLY: dict[type[Model], str] = {Session: "account_id IN (SELECT id FROM account WHERE email IS NULL)"}
STORED = [table for table in TABLES if table in KEPT or table in PARTLY]
CHUNK = 5000  # rows
BLANK = 64 * "0"  # in the place of the digest while it is made
HEAD, BLOCK = 64 * 1024, 1024 * 1024  # bytes: where the digest is, and what is read at once

Row = tuple[Any, ...]


class Refused(Exception):
    """A file that cannot be restored, or a place where none can be written; the text says why."""


def reason(error: OSError | apsw.Error) -> str:
    """What is wrong with a file, in words; SQLite's copying has none for its own errors."""
    if isinstance(error, apsw.FullError):
        return "the disk is full"
    text = getattr(error, "strerror", None) or str(error)
    return type(error).__name__ if text == "not an error" else text


def backup(path: Path, now: datetime) -> int:
    """Write a backup of one moment to `path`, which must not exist; returns how many rows. Serving goes on."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with snapshot():
            rows = write(draft, now)
        os.link(draft, path)  # never over another file
    except FileExistsError:
        raise Refused(f"{path} exists already: name another file") from None
    except (OSError, apsw.Error) as error:
        raise Refused(f"{path} cannot be written: {reason(error)}") from None
    finally:
        with suppress(OSError):  # a folder that is none has no draft either
            draft.unlink()
    return rows


def write(draft: Path, now: datetime) -> int:
    """Write every row that lasts to this empty file, and sync it; returns how many.

    PostgreSQL's are those of the caller's transaction; SQLite's file is read by the connection that writes.
    """
    file = apsw.Connection(str(draft))
    file.execute("PRAGMA journal_mode = off; PRAGMA synchronous = off")  # a draft that is not finished is thrown away
    if on_sqlite():
        file.execute("ATTACH ? AS source", (str(Path(db.database).absolute()),))
    with _one_moment(file):
        file.execute(f"PRAGMA application_id = {MARK}")
        file.execute("CREATE TABLE backup (made_at, migrations, digest)")
        file.execute("INSERT INTO backup VALUES (?, ?, ?)", (now.isoformat(), json.dumps(_known()), BLANK))
        count = sum(_write_table(file, table) for table in STORED)
    file.close()
    with open(draft, "r+b") as written:
        at = written.read(HEAD).index(BLANK.encode())
        digest = _digest(written, BLANK)
        written.seek(at)
        written.write(digest.encode())
        written.flush()
        os.fsync(written.fileno())
    return count


def _one_moment(file: apsw.Connection) -> AbstractContextManager:
    """A transaction of SQLite's, in which all that is read of one attached file is of one moment."""
    return file


def _write_table(file: apsw.Connection, table: type[Model]) -> int:
    """In the order of its key; returns how many rows."""
    name, columns = table._meta.table_name, ", ".join(f'"{name}"' for name in _columns(table))
    file.execute(f'CREATE TABLE main."{name}" ({columns})')
    if on_sqlite():
        order, which = ", ".join(f'"{name}"' for name in _key(table)), PARTLY.get(table, "true")
        file.execute(f'INSERT INTO main."{name}" SELECT {columns} FROM source."{name}" WHERE {which} ORDER BY {order}')
        return file.execute(f'SELECT COUNT(*) FROM main."{name}"').get
    insert, count = f'INSERT INTO main."{name}" VALUES ({", ".join("?" * len(_columns(table)))})', 0
    for rows in _chunks(table):
        file.executemany(insert, rows)
        count += len(rows)
    return count


def _digest(file: BinaryIO, kept: str) -> str:
    """SHA-256 of the whole file, as it is without the digest that it keeps; raises ValueError where it keeps none."""
    file.seek(0)
    head = file.read(HEAD)
    if len(kept) != len(BLANK) or kept.encode() not in head:
        raise ValueError("its digest is gone")
    digest = hashlib.sha256(head.replace(kept.encode(), BLANK.encode(), 1))
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _columns(table: type[Model]) -> list[str]:
    return [field.column_name for field in table._meta.sorted_fields]


def _key(table: type[Model]) -> list[str]:
    return [field.column_name for field in table._meta.get_primary_keys()]


def _chunks(table: type[Model]) -> Iterator[list[Row]]:
    """PostgreSQL's rows in the order of the table's key, some at a time, in what SQLite has: numbers, text, bytes."""
    names, key = _columns(table), _key(table)
    order, fields = ", ".join(f'"{name}"' for name in key), table._meta.sorted_fields
    chosen = ", ".join(f'"{field.column_name}"{_cast(field)}' for field in fields)
    select, last = f'SELECT {chosen} FROM "{table._meta.table_name}" WHERE {PARTLY.get(table, "true")}', ()
    while True:
        after = f" AND ({order}) > ({', '.join(['%s'] * len(key))})" if last else ""
        rows = db.execute_sql(f"{select}{after} ORDER BY {order} LIMIT {CHUNK}", last).fetchall()
        if not rows:
            return
        yield rows
        last = tuple(rows[-1][names.index(name)] for name in key)


def _cast(field: Field) -> str:
    """Of PostgreSQL's types that SQLite does not have, to what stands for them there."""
    if isinstance(field, UuidField):
        return "::text"
    return "::int" if field.field_type == "BOOL" else ""


def _known() -> list[str]:
    return sorted(path.stem for path in migrate.DIRECTORY.glob("[0-9]*.py"))


def restore(
    path: Path,
    check: Callable[[], None],
    *,
    ask: Callable[[datetime, list[RedemptionPassword]], None] | None = None,
    keep: Callable[[], AbstractContextManager] = nullcontext,
) -> tuple[datetime, int]:
    """Put what is in a backup into the place of all that is in the database, in one transaction.

    Returns when it was made and how many rows it has. `ask` may raise when the file is found good, with the redemption
    passwords in it, and nothing is begun; it may also open the database. Inside the transaction no other writer runs,
    and `keep` stands around the replacing. `check` may raise in the middle: then, and where the file is damaged,
    foreign, of another version (Refused), or does not reconcile, the database stays as it was.
    """
    file = _opened(path)
    try:
        with _as_damage(path):
            made_at = _verified(path, file)
            sealed = [
                RedemptionPassword(**dict(zip(_columns(RedemptionPassword), row, strict=True)))
                for rows in _stored(file, RedemptionPassword)
                for row in rows
            ]
        if ask:
            ask(made_at, sealed)
        rows = write_transaction(lambda: _alone(path, file, check, keep))
    finally:
        file.close()
    return made_at, rows


@contextmanager
def _as_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (apsw.Error, ValueError, TypeError) as error:
        raise Refused(f"{path} is damaged: {error}") from None


def _opened(path: Path) -> apsw.Connection:
    """The file, opened where its head says that it is a backup; beside another database SQLite would make files."""
    try:
        if not path.is_file():
            raise Refused(f"{path} is no file")
        with open(path, "rb") as file:
            head = file.read(100)  # https://sqlite.org/fileformat2.html#the_database_header
        if head[:16] != b"SQLite format 3\0" or len(head) < 100:
            raise Refused(f"{path} is no backup of Quanbao, or damaged")
        if head[68:72] != MARK.to_bytes(4):
            raise Refused(
                f"{path} is no backup of Quanbao, but a database; how one that a restore has kept "
                "goes back is in docs/operating.md"
            )
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except (OSError, apsw.Error) as error:
        raise Refused(f"{path} cannot be read: {reason(error)}") from None


def _verified(path: Path, file: apsw.Connection) -> datetime:
    """When the backup was made; raises Refused unless every byte of it is as it was written."""
    made_at, migrations, digest = file.execute("SELECT made_at, migrations, digest FROM backup").get
    if newer := sorted(set(json.loads(migrations)) - set(_known())):
        raise Refused(f"{path} is of a newer version, which has {newer[-1]}: upgrade Quanbao")
    if json.loads(migrations) != _known():
        raise Refused(f"{path} is of an older version: restore it with that one, then upgrade")
    with open(path, "rb") as whole:
        if _digest(whole, str(digest)) != digest:
            raise Refused(f"{path} is damaged: it is not as it was written")
    return datetime.fromisoformat(made_at)


def _stored(file: apsw.Connection, table: type[Model]) -> Iterator[list[Row]]:
    names = ", ".join(f'"{name}"' for name in _columns(table))
    cursor = file.execute(f'SELECT {names} FROM "{table._meta.table_name}" ORDER BY rowid')
    while rows := [row for _, row in zip(range(CHUNK), cursor, strict=False)]:
        yield rows


def _alone(path: Path, file: apsw.Connection, check: Callable[[], None], keep: Callable) -> int:
    """In the caller's transaction, whose rows no other writer changes until it ends; reading goes on."""
    if not on_sqlite():
        names = ", ".join(f'"{table._meta.table_name}"' for table in TABLES)
        db.execute_sql(f"LOCK TABLE {names} IN EXCLUSIVE MODE")
    with keep(), _as_damage(path):
        return _replace(path, file, check)


def _replace(path: Path, file: apsw.Connection, check: Callable[[], None]) -> int:
    """In the caller's transaction, with the ledger's triggers away; they are back before it ends."""
    count, triggers = 0, _without_triggers()
    for table in reversed(TABLES):
        db.execute_sql(f'DELETE FROM "{table._meta.table_name}"')
    for table in STORED:
        for rows in _stored(file, table):
            _insert(table, rows)
            count += len(rows)
    _with_triggers(triggers)
    if wrong := next(figures.recounted(), None):
        raise Refused(f"{path} does not reconcile: {wrong}")
    check()
    return count


def _insert(table: type[Model], rows: list[Row]) -> None:
    fields = table._meta.sorted_fields
    typed = [
        tuple(
            bool(value) if value is not None and field.field_type == "BOOL" else value
            for field, value in zip(fields, row, strict=True)
        )
        for row in rows
    ]
    names = ", ".join(f'"{field.column_name}"' for field in fields)
    marks = ", ".join(["?" if on_sqlite() else "%s"] * len(fields))
    statement = f'INSERT INTO "{table._meta.table_name}" ({names}) VALUES ({marks})'
    db.cursor().executemany(statement, typed)


def _without_triggers() -> list[str]:
    """Take the ledger's triggers away; returns what brings them back."""
    ledger = ("redemption", "attempt", "campaign_version", "rollback", "revocation")
    if not on_sqlite():
        db.execute_sql("SET LOCAL statement_timeout = 0")
        for table in ledger:
            db.execute_sql(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        return [f'ALTER TABLE "{table}" ENABLE TRIGGER USER' for table in ledger]
    db.execute_sql("PRAGMA defer_foreign_keys = ON")
    found = db.execute_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in found:
        db.execute_sql(f'DROP TRIGGER "{name}"')
    return [sql for _, sql in found]


def _with_triggers(triggers: list[str]) -> None:
    for statement in triggers:
        db.execute_sql(statement)
    if on_sqlite():
        return
    for table in STORED:
        if "id" in _columns(table):
            name = table._meta.table_name
            db.execute_sql(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), GREATEST(1, (SELECT MAX(id) FROM \"{name}\")))"
            )
