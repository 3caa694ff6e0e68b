"""The keys that live outside the database: made, kept in files that are their owner's alone, and changed in use."""

import base64
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric import ec


class KeyInFile(str):
    """A key, or keys one on a line, that stand in a file: they can be changed while they are in use."""

    _read: ClassVar[dict[Path, str]] = {}  # what each file had when this process last read it
    file: Path

    def __new__(cls, text: str, file: Path) -> "KeyInFile":
        key = super().__new__(cls, text)
        key.file = file
        return key

    @property
    def known(self) -> list[str]:
        return self._read.get(self.file, self).split("\n")

    def again(self) -> list[str]:
        """As the file has them now; those known while it cannot be read, or is being edited."""
        with suppress(OSError, UnicodeDecodeError):
            found = self.file.read_text().strip()
            if are_keys(found):
                self._read[self.file] = found
        return self.known

    def replace_by(self, keys: list[str]) -> None:
        """Put these into the file: at no moment is there none, and it stays its owner's alone."""
        there, draft = self.file.stat(), _draft(self.file, "\n".join(keys))
        try:
            os.chmod(draft, there.st_mode & 0o777)
            if os.geteuid() == 0:
                os.chown(draft, there.st_uid, there.st_gid)
            os.replace(draft, self.file)
        finally:
            draft.unlink(missing_ok=True)


def is_key(text: str) -> bool:
    return len(text) >= 32 and text.isprintable()


def are_keys(text: str) -> bool:
    """Keys, one on a line: while the password key is changed, the new one stands before the old one."""
    return all(map(is_key, text.split("\n")))


def new_key() -> str:
    """A key of our own making: 384 bits, in letters that a file and a variable can hold."""
    return secrets.token_urlsafe(48)


def new_vapid() -> str:
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def kept(path: Path, make: Callable[[], str]) -> str:
    """The key in `path`; of several processes that start at once, one makes it and all read it."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    draft = _draft(path, make())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text().strip()


def _draft(path: Path, text: str) -> Path:
    """A file beside it with this text, on the disk, for its owner alone."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}.tmp")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return draft
