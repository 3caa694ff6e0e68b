"""The real application on a database that refuses every commit while the file named by REFUSED is there.

Each comparison of a redemption password is written down as a line in the file named by COMPARED: the process's number.
With UNCOUNTED in the environment it is the control: comparisons whose transaction did not commit are not counted.
"""

import os
from pathlib import Path

from peewee import OperationalError

from config import from_environment
from database import db
from quanbao.passwords import guess_limits
from quanbao.redemption import comparing
from web import create_app
from web.server.gateway import Gateway


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    app = create_app(from_environment())
    engine, is_same = type(db.obj), comparing.is_same
    commit = engine.commit

    def refuse(database) -> None:
        if Path(os.environ["REFUSED"]).exists():
            raise OperationalError("the disk is full")  # peewee rolls back
        commit(database)

    def look(*what) -> bool:
        with open(os.environ["COMPARED"], "a") as file:  # one write, which processes do not mix
            file.write(f"{os.getpid()}\n")
        return is_same(*what)

    engine.commit, comparing.is_same = refuse, look
    if "UNCOUNTED" in os.environ:
        guess_limits.UNCOMMITTED = 10**9
    return Gateway(app)
