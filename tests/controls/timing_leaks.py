"""The negative control of what time may tell: the real application, made to leak as it starts.

The password is compared digit by digit, a voucher is looked for first and then asked whose it is.
The clock is that of `tests.controls.timed`.
"""

import time

from models import Account, Voucher
from quanbao.redemption import comparing, situation
from quanbao.vouchers import wallet
from tests.controls import timed
from web.server.gateway import Gateway

PAUSE = 0.003  # seconds: for each digit that is right, and for reading a voucher; a busy machine hides less


def is_same(right: str, typed: str) -> bool:
    """As string comparisons do it: on to the next digit where this one is right."""
    for here, there in zip(right, typed, strict=False):
        if here != there:
            return False
        time.sleep(PAUSE)
    return len(right) == len(typed)


def held(code: str, consumer: Account) -> Voucher | None:
    """Whoever's it is, the whole row is read, and that takes its time."""
    found = wallet._with_campaign().where(Voucher.code == code).get_or_none()
    if found is None:
        return None
    time.sleep(PAUSE)
    return found if found.consumer_id == consumer.id else None


def find(consumer: int, attempt_id: str, code: str) -> tuple[int, bool] | None:
    """The same before a try."""
    found = held(code, Account(id=consumer))
    return found and (found.id, False)


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    comparing.is_same, wallet.held, situation.find = is_same, held, find
    return timed.gateway()
