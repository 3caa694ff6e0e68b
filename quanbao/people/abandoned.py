"""Anonymous wallets that are not opened any more: after 400 days, where they hold nothing that can still be used."""

from datetime import datetime
from functools import partial

from peewee import fn

from database import write_transaction
from models import Account, Campaign, Session, Voucher
from quanbao.people import accounts, personal_data

STEP = 100  # wallets in a query


def forget(now: datetime) -> int:
    """Delete them like an account whose holder deletes it, each in a transaction of its own; returns how many."""
    count = 0
    while some := [account.id for account in _abandoned(now).order_by(Account.id).limit(STEP)]:
        count += sum(write_transaction(partial(_forget, number, now), housekeeping=True) for number in some)
    return count


def _forget(number: int, now: datetime) -> int:
    """Looked at again under its lock: it may have been opened meanwhile, or been given a voucher."""
    accounts.lock(number)
    account = _abandoned(now).where(Account.id == number).get_or_none()
    if account is None:
        return 0
    personal_data.erase(account, now)
    return 1


def _abandoned(now: datetime):
    """As a query. A session lives 400 days from its last use; one that was ended left `opened_at` behind."""
    since = now - accounts.WALLET_SESSION
    unopened = (Account.created_at < since) & (Account.opened_at.is_null() | (Account.opened_at < since))
    open_still = Session.select(Session.id).where((Session.account == Account.id) & (Session.expires_at > now))
    lasts = Campaign.ended_at.is_null() & (Campaign.ends_at > now)
    good = (Voucher.consumer == Account.id) & (Voucher.uses_left > 0) & Voucher.revoked_at.is_null() & lasts
    holds = Voucher.select(Voucher.id).join(Campaign).where(good)
    mine = Account.email.is_null() & Account.is_living() & unopened
    return Account.select().where(mine & ~fn.EXISTS(open_still) & ~fn.EXISTS(holds))
