"""A voucher and the right to it, in one step."""

from flask import abort

from database import write_transaction
from models import Voucher
from quanbao.vouchers import issuing, wallet
from web.auth.sessions import consumer
from web.context import now


def of_holder(code: str) -> Voucher:
    """The voucher in the hand of the one who asks; for anybody else there is nothing here."""
    voucher = wallet.held(code, consumer())
    if voucher is None:
        abort(404)
    return voucher


def held(code: str) -> Voucher:
    """The voucher of the holder who asks; notes the first time that it was opened."""
    voucher = of_holder(code)
    if voucher.opened_at is None:
        write_transaction(lambda: issuing.open_voucher(voucher, now()), housekeeping=True)
    return voucher
