"""The negative control of the conditions: the real application without the lock of the customer.

The voucher stays locked, and what is counted is still counted as it was judged. On SQLite, where the writers' one
turn is everybody's lock, there is no transaction either.
"""

import time

from config import from_environment
from database import on_sqlite
from quanbao.operations import unguarded
from quanbao.redemption import queries, redeem, situation
from quanbao.redemption.checks import judge
from web import create_app
from web.server.gateway import Gateway


def lock(voucher: int, *, password: bool) -> None:
    """Tries of one password wait for its row as well."""
    if not on_sqlite():
        queries.lock_voucher(voucher)


def judge_slowly(*what):
    """So that whoever tries the other voucher judges meanwhile, too."""
    judged = judge(*what)
    time.sleep(unguarded.PAUSE)
    return judged


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    settings = from_environment()
    situation.lock, redeem.judge = lock, judge_slowly
    if settings.database_url is None:
        redeem.write_transaction = unguarded._write_transaction
    return Gateway(create_app(settings))
