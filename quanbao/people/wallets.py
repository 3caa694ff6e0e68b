"""Wallets without an address: made by a browser's first claim, opened by their sessions, kept by an address."""

from datetime import datetime, timedelta

from peewee import IntegrityError

from database import locked, write_transaction
from models import Account, Session
from quanbao.lib.account_lock import lock_unchanged, token_hash
from quanbao.people import accounts

SENT_AGAIN = timedelta(hours=1)  # how long a first claim without an answer finds its wallet


def new(now: datetime) -> Account:
    """An account without an address, in the caller's transaction; a session that begins with it has all its rights."""
    return Account.create(created_at=now)


def open_for(claim: str, now: datetime, browser: str = "") -> tuple[Account, str]:
    """The anonymous wallet of a browser's first claim, and a session's token for it; in the caller's transaction.

    `claim` is random, made by us and sent again by the browser where it got no answer: for an hour it opens the same
    wallet, unless that was used, or a session of it ended. After that it makes another one. A race for it ends in an
    IntegrityError of one, which looks again then.
    """
    hashed = token_hash(claim)
    mine = Account.email.is_null() & Account.is_living() & (Account.created_at > now - SENT_AGAIN)
    account = locked(Account.select().where((Account.claim_hash == hashed) & mine)).get_or_none()
    if account is None:
        Account.update(claim_hash=None).where((Account.claim_hash == hashed) & ~mine).execute()
        account = Account.create(created_at=now, claim_hash=hashed)
    return account, accounts.new_session(account, now, browser)


def keep(account: Account, email: str, password: str, token: str, now: datetime) -> str:
    """Give an anonymous wallet an address and a password; it stays signed in here alone, by the token returned.

    Recovery words, links and other browsers end: the password is the way in. Raises Refused, Overtaken.
    """
    address, hashed = accounts.email_address(email), accounts.hash_password(accounts.check_password(password, email))

    def write() -> str:
        lock_unchanged(account, token)
        kept = {"email": address, "password_hash": hashed, "recovery_hash": None}
        Account.update(kept).where(Account.id == account.id).execute()
        fresh = accounts.go_on_alone(account, token)
        ends = now + accounts.CONSUMER_SESSION
        Session.update(expires_at=ends).where(Session.account == account).execute()
        return fresh

    try:
        return write_transaction(write)
    except IntegrityError:
        raise accounts.Refused("email", "taken") from None
