"""`quanbao restore`: a backup into the place of all that is in a database, which is asked about first and kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote

import apsw

from models import RedemptionPassword
from quanbao.operations import backups, installation, keeping, migrate
from quanbao.operations.backups import Refused
from quanbao.operations.installation import Settings
from quanbao.passwords import redemption_passwords


@dataclass
class Restoring:
    """One restore. `settings` were read without making anything; `make` reads them again and makes what is missing.

    `agree` is asked where the site is in use, with what it has and what comes, and may raise.
    """

    file: Path
    settings: Settings
    make: Callable[[], Settings]
    agree: Callable[[str, str], None]
    agreed: bool = False
    kept: Path | None = None

    def run(self) -> tuple[datetime, int]:
        """Verify the backup, ask, keep what is there, replace it; returns the backup's time and how many rows it has.

        A site that is missing is made, once the backup is known to be good. Raises backups.Refused, and NoSite or
        passwords.WrongKey where the keys are not the backup's; then nothing is replaced, and nothing made.
        """
        return backups.restore(self.file, self._check, ask=self._ask, keep=self._keep)

    def way_back(self) -> str:
        """The commands that bring back what was kept."""
        if self.settings.database_url:
            return f"quanbao restore {quote(str(self.kept))}"
        file = str(self.settings.sqlite_file.absolute())
        return (
            f"stop quanbao serve, then  rm -f {quote(file + '-wal')} {quote(file + '-shm')} && "
            f"mv {quote(str(self.kept))} {quote(file)}"
        )

    def _ask(self, made_at: datetime, sealed: list[RedemptionPassword]) -> None:
        is_there = self._is_there()
        if is_there:
            installation.require_keys(self.settings)
        elif sealed and not self.settings.password_key:
            missing = (self.settings.data / "password_key.key").absolute()
            raise Refused(
                f"there is no site in {self.settings.database_name}, and no {missing} to open the backup's "
                f"redemption passwords with: put a copy of its keys there, or {installation.CURE}"
            )
        for row in sealed:
            redemption_passwords.reveal(row, self.settings.password_key)
        if not is_there:
            self.settings = self.make()
        installation.connect(self.settings)
        try:
            migrate.migrate()
        except migrate.NewerDatabase as newer:
            raise Refused(f"{newer}, or restore into an empty place, with a copy of the keys") from None
        if keeping.is_in_use():
            self.agree(
                f"{self.settings.database_name} is in use ({keeping.summary()})",
                f"the backup of {made_at:%Y-%m-%d %H:%M} UTC",
            )
            self.agreed = True

    def _is_there(self) -> bool:
        try:
            return installation.is_there(self.settings)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise Refused(
                f"{self.settings.database_name} is damaged ({error}): move it away, together with the files "
                "beside it whose names end in -wal and -shm, and restore again"
            ) from None

    @contextmanager
    def _keep(self) -> Iterator[None]:
        """When no other writer runs: a database that was empty may have come into use since it was looked at."""
        if not keeping.is_in_use():
            yield
            return
        if not self.agreed:
            raise Refused(f"{self.settings.database_name} came into use meanwhile: nothing was replaced")
        with keeping.kept(self.settings.data.absolute(), self.settings.clock()()) as self.kept:
            yield

    def _check(self) -> None:
        installation.check_password_key(self.settings.password_key)
