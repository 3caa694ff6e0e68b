"""The promises of SECURITY.md, each a bounded program: a short form in `make test`, a long one in `make prove`.

A module is one promise and says so: `pytestmark = [pytest.mark.promise("exactly once"), …]`. Its tests named
`test_control…` switch the guard off and must see the damage: without one that passed, the promise is void.
"""

import os
from typing import TypeVar

from database import on_sqlite

T = TypeVar("T")

LONG = bool(os.environ.get("LONG"))


def size(short: T, long: T) -> T:
    """What this run does: `make prove` sets LONG."""
    return long if LONG else short


def engine() -> str:
    """The engine that is open, for what `proved` says."""
    return "sqlite" if on_sqlite() else "postgresql"
