"""The account that a transaction is about, locked, and as it was when its password or session was looked at."""

import hashlib

from database import locked
from models import Account, Session


class Overtaken(Exception):
    """The account was changed, or the session ended, after the password was looked at: nothing was written."""


def lock_unchanged(account: Account, token: str | None = None) -> None:
    """Lock the account, before anything else in a transaction, as the one whose password was looked at.

    Raises Overtaken where address or password are others by now, it was deleted or merged into another, or the session
    was ended.
    """
    row = locked(Account.select().where(Account.id == account.id)).get()
    ended = token is not None and not Session.select().where(Session.token_hash == token_hash(token)).exists()
    gone = row.deleted_at is not None or row.merged_into_id is not None
    if ended or gone or (row.email, row.password_hash) != (account.email, account.password_hash):
        raise Overtaken


def token_hash(token: str) -> bytes:
    """What is kept of a token: enough to find it, not to make it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
