"""The real application on a disk that a test lets fail: see `Fault`.

The file named by FAULT says what fails, in all processes at once; where there is none, nothing does.
"""

import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import apsw

import database
import web
from config import from_environment
from quanbao.redemption import redeem
from web import create_app
from web.server.gateway import Gateway

ERRORS = {
    "full": ("write", apsw.SQLITE_FULL),
    "write": ("write", apsw.SQLITE_IOERR_WRITE),
    "sync": ("sync", apsw.SQLITE_IOERR_FSYNC),
    "read": ("read", apsw.SQLITE_IOERR_READ),
    "read-only": ("write", apsw.SQLITE_READONLY),
}


@dataclass(frozen=True)
class Fault:
    """After `left` operations of its kind SQLite is told this error: once, or for as long as the fault `stays`."""

    kind: str
    left: int
    stays: bool


def tell(file: Path, fault: Fault | None) -> None:
    """No process ever sees half of it."""
    if fault is None:
        file.unlink(missing_ok=True)
        return
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(asdict(fault)))
    draft.replace(file)


class Failing(apsw.VFS):
    """SQLite's own way to the disk, that fails where the test wants it; it notes in `<file>.came` that it did."""

    def __init__(self, name: str, file: Path):
        self.file, self.told, self.count = file, None, 0
        super().__init__(name, "")

    def xOpen(self, name, flags):
        return FailingFile(self, name, flags)

    def excepthook(self, *_) -> None:
        """SQLite is told the error; the log is not for it."""

    def come(self, operation: str) -> None:
        try:
            told = self.file.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if told != self.told:
            self.told, self.count = told, 0
            self.fault = Fault(**json.loads(self.file.read_text()))
        wanted, code = ERRORS[self.fault.kind]
        if operation != wanted:
            return
        self.count += 1
        if self.count == self.fault.left + 1 or (self.fault.stays and self.count > self.fault.left):
            self.file.with_suffix(".came").touch()
            error = apsw.exception_for(code & 0xFF)
            error.extendedresult = code
            raise error


class FailingFile(apsw.VFSFile):
    def __init__(self, disk: Failing, name, flags):
        super().__init__("", name, flags)
        self.disk = disk

    def excepthook(self, *_) -> None:
        """As above."""

    def xWrite(self, data, offset):
        self.disk.come("write")
        super().xWrite(data, offset)

    def xSync(self, flags):
        self.disk.come("sync")
        super().xSync(flags)

    def xRead(self, amount, offset):
        self.disk.come("read")
        return super().xRead(amount, offset)


def gateway() -> Gateway:
    """With hardly a cache, so that a redemption reads; PostgreSQL may be silent for two seconds."""
    if "FAULT" in os.environ:
        gateway.disk = Failing("failing", Path(os.environ["FAULT"]))
        database.PRAGMAS["cache_size"] = 10
        database.open_sqlite = partial(database.open_sqlite, vfs="failing")
    if "AUTOCOMMIT" in os.environ:
        redeem.write_transaction = lambda work, **_: work()
    web.SILENCE = 2
    return Gateway(create_app(from_environment()))
