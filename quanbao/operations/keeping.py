"""What a restore replaces is kept: a copy of SQLite's file beside it, or a backup of what is in PostgreSQL."""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

import apsw

from database import db, on_sqlite
from models import Account, Campaign, Merchant, Redemption, Voucher, ZoneData
from quanbao.operations import backups

COUNTED = (Merchant, Campaign, Account, Voucher, Redemption)


def is_in_use() -> bool:
    """Whether the database has a row that a person had a part in: every start notes the time zone data's release."""
    return any(table.select().exists() for table in backups.KEPT if table is not ZoneData)


def summary() -> str:
    """How much there is, in one line."""
    return ", ".join(f"{table._meta.table_name}s: {table.select().count():,}" for table in COUNTED)


@contextmanager
def kept(folder: Path, now: datetime) -> Iterator[Path]:
    """The file in this folder that has all that the database had, on the disk before the block begins.

    For a transaction in which no other writer runs. Removed where the block fails, for then nothing is replaced.
    Raises backups.Refused where it cannot be written.
    """
    name = f"{'database' if on_sqlite() else 'backup'}-before-restore-{now:%Y-%m-%dT%H-%M-%SZ}"
    try:
        path = _written(folder, name, now)
    except (OSError, apsw.Error) as error:
        reason = backups.reason(error)
        raise backups.Refused(f"nothing is replaced: {folder / name}.sqlite3 cannot be written: {reason}") from None
    try:
        yield path
    except BaseException:
        path.unlink()
        raise


def _written(folder: Path, name: str, now: datetime) -> Path:
    draft = folder / f".{name}.{secrets.token_hex(4)}"
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if on_sqlite():
            _copy(Path(db.database), draft)
        else:
            backups.write(draft, now)
        return _named(draft, folder, name)
    finally:
        draft.unlink(missing_ok=True)


def _copy(database: Path, draft: Path) -> None:
    """Copy SQLite's file as it was before the transaction, with what is still in its write-ahead log."""
    with closing(apsw.Connection(str(database))) as source, closing(apsw.Connection(str(draft))) as target:
        with target.backup("main", source, "main") as copying:
            copying.step(-1)
    with open(draft, "rb") as written:
        os.fsync(written.fileno())
    owner = database.stat()
    with suppress(PermissionError):  # of root alone a copy could not be put back for the service
        os.chown(draft, owner.st_uid, owner.st_gid)


def _named(draft: Path, folder: Path, name: str) -> Path:
    """The draft under its name, never over another file, and on the disk with it."""
    for number in count(1):
        path = folder / (f"{name}.sqlite3" if number == 1 else f"{name}-{number}.sqlite3")
        with suppress(FileExistsError):
            os.link(draft, path)
            break
    entries = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)
    return path
