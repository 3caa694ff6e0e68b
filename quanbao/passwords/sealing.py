"""What PASSWORD_KEY guards: sealed at rest with AES-SIV (RFC 5297), each bound to its row; and how that key is changed.

While it is changed its file has two lines: the first key seals, each of them opens. A process that meets what it
cannot open reads the file again, so that none has to be started anew.
"""

import hashlib
from functools import lru_cache, partial

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from database import db, locked, on_sqlite, write_transaction
from keys import KeyInFile
from models import RedemptionPassword

SEALERS = 0x7175616E62616F21  # PostgreSQL's advisory lock: shared by those who seal
AT_ONCE = 100  # rows in one transaction


class WrongKey(Exception):
    """The key in use does not open what this database holds."""


class NotHere(Exception):
    """The key can't be changed from here; the text says why, and what to do."""


def seal(content: bytes, bound_to: bytes, key: str) -> bytes:
    """Sealed with the newest key; runs in the caller's write transaction.

    Who changes the key waits for this transaction, or is waited for: none is committed under a key that is gone.
    """
    if not on_sqlite():
        db.execute_sql("SELECT pg_advisory_xact_lock_shared(%s)", (SEALERS,))
    return _box(_again(key)[0]).encrypt(content, [bound_to])


def unseal(sealed: bytes, bound_to: bytes, key: str) -> bytes:
    """The content; raises WrongKey where no key opens it."""
    for keys in (_known(key), _again(key)):
        for one in keys:
            try:
                return _box(one).decrypt(sealed, [bound_to])
            except (InvalidTag, ValueError):
                continue
    raise WrongKey("QUANBAO_PASSWORD_KEY does not open the redemption passwords of this database")


def newest(key: str) -> str:
    """The key that seals, as this process knows it."""
    return _known(key)[0]


def rotate(key: str, new: str) -> int:
    """Seal everything with a new key, while others serve; how many rows that were.

    A key in a file is replaced by `new`; broken off, the next run goes on with the same two keys. One that is set as a
    variable has the new key before the old one already: raises NotHere where it has not.
    """
    keys = _again(key)
    if len(keys) == 1:
        if not isinstance(key, KeyInFile):
            raise NotHere(
                "QUANBAO_PASSWORD_KEY is set as a variable: put a new key on a line before the old one, start every "
                "server with both, and run this again"
            )
        keys = [new, *keys]
        key.replace_by(keys)
    write_transaction(_wait_for_sealers)
    done, last = 0, 0
    while rows := write_transaction(partial(_seal_anew, last, key)):
        done, last = done + len(rows), rows[-1]
    if isinstance(key, KeyInFile):
        key.replace_by(keys[:1])
    return done


def _wait_for_sealers() -> None:
    """Who read the file before it had two keys has committed; on SQLite the turn to write says so."""
    if not on_sqlite():
        db.execute_sql("SELECT pg_advisory_xact_lock(%s)", (SEALERS,))


def _seal_anew(after: int, key: str) -> list[int]:
    """The next rows, in the order of their ids; the ids of those that are done now."""
    rows = RedemptionPassword.select().where(RedemptionPassword.id > after).order_by(RedemptionPassword.id)
    found = list(locked(rows.limit(AT_ONCE)))
    for row in found:
        row.sealed = seal(unseal(bytes(row.sealed), bound_to(row), key), bound_to(row), key)
        row.save(only=[RedemptionPassword.sealed])
    return [row.id for row in found]


def bound_to(row: RedemptionPassword) -> bytes:
    """What is sealed opens for this row alone, wherever it is copied to."""
    return b"redemption_password %d" % row.id


def _known(key: str) -> list[str]:
    return key.known if isinstance(key, KeyInFile) else key.split("\n")


def _again(key: str) -> list[str]:
    return key.again() if isinstance(key, KeyInFile) else key.split("\n")


@lru_cache(maxsize=8)
def _box(key: str) -> AESSIV:
    return AESSIV(hashlib.sha512(b"quanbao redemption password\0" + key.encode()).digest())
