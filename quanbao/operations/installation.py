"""The site that a command works on: its database, opened; or, in one line, why there is none."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from database import db, on_sqlite, open_database
from models import RedemptionPassword
from quanbao.operations import migrate
from quanbao.passwords import redemption_passwords

CURE = "run it with the service's settings, as its user (docs/operating.md)"


class NoSite(Exception):
    """There is no site where the settings lead, or it cannot be opened; the text says why and the cure."""


class Settings(Protocol):
    """What is needed of an operator's settings; a key that is missing is ""."""

    @property
    def data(self) -> Path: ...

    @property
    def database_url(self) -> str | None: ...

    @property
    def password_key(self) -> str: ...

    @property
    def secret_key(self) -> str: ...

    @property
    def vapid_key(self) -> str: ...

    @property
    def sqlite_file(self) -> Path: ...

    @property
    def database_name(self) -> str: ...

    def clock(self) -> Callable[[], datetime]: ...


def open_existing(settings: Settings) -> None:
    """Open the database of a site that is there, and bring it up to date; none is made.

    Raises NoSite where there is none, and passwords.WrongKey where the key is not the site's.
    """
    if not is_there(settings):
        raise NoSite(
            f"there is no site in {settings.database_name} (QUANBAO_DATA and QUANBAO_DATABASE_URL say where): "
            f"{CURE}, or make a site with quanbao serve"
        )
    require_keys(settings)
    open_or_make(settings)


def open_or_make(settings: Settings) -> None:
    """Open the database and bring it up to date; a SQLite file that is missing is made."""
    connect(settings)
    migrate.migrate()
    check_password_key(settings.password_key)


def is_there(settings: Settings) -> bool:
    """Whether the settings lead to a database with tables of ours; nothing is made."""
    with _driver_and_address():
        open_database(settings.database_url, settings.sqlite_file)
        return migrate.is_there()


def connect(settings: Settings) -> None:
    """Connect to the database of these settings; a SQLite file that is missing is made."""
    with _driver_and_address():
        open_database(settings.database_url, settings.sqlite_file)
        db.connect(reuse_if_open=True)


def require_keys(settings: Settings) -> None:
    """Raise NoSite where one of the three keys is missing: a new one would not be the site's."""
    for name in ("password_key", "secret_key", "vapid_key"):
        if not getattr(settings, name):
            path = (settings.data / f"{name}.key").absolute()
            raise NoSite(f"QUANBAO_DATA: {path} is missing: put its copy back, or {CURE}")


def check_password_key(key: str) -> None:
    """Raise passwords.WrongKey where it does not open all: vouchers would be refused at the tills."""
    for row in RedemptionPassword.select():
        redemption_passwords.reveal(row, key)


def database_problem(error: Exception) -> str:
    """What went wrong with the database, in one line; of SQLite's files, the one that it is about."""
    text = " ".join(str(error).split()) or type(error).__name__
    if db.obj is None or not on_sqlite():
        return f"the database: {text}"
    path = Path(db.database).absolute()
    if str(path) in text:
        return f"the database: {text}"
    for each in (path.parent, path, *(Path(f"{path}{end}") for end in ("-wal", "-shm", ".lock"))):
        if each.exists() and not os.access(each, os.R_OK | os.W_OK):
            if os.statvfs(each).f_flag & os.ST_RDONLY:
                return f"the database: {text}: {each} is on a read-only file system"
            return f"the database: Permission denied: {each}: run it as the user that this belongs to ({text})"
    return f"the database: {text}: {path}"


@contextmanager
def _driver_and_address() -> Iterator[None]:
    """Say in one line what the drivers lack, or do not take."""
    try:
        yield
    except ImportError:
        raise NoSite("QUANBAO_DATABASE_URL needs PostgreSQL's driver: pip install 'quanbao[postgres]'") from None
    except TypeError:
        raise NoSite("QUANBAO_DATABASE_URL has a parameter behind its ? that does not belong there") from None
