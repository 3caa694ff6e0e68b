"""Moving the wallet to another browser: a one-time code signs it in.

An app on an iPhone's home screen has a storage of its own, so who is signed in in the browser is not
signed in there.
"""

import secrets
from datetime import UTC, datetime

from database import write_transaction
from models import Account, Link
from quanbao.lib import typed_codes
from quanbao.people import accounts, one_time_links
from quanbao.vouchers.issuing import ALPHABET

LIFETIME = one_time_links.LIFETIMES["move"]
LENGTH = 10  # of 31 letters: 49 bits
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # no password was typed: what asks for it anew asks here too


def new_code(account: Account, now: datetime, token: str | None = None) -> str:
    """A code that signs one other browser in as this account; earlier ones stop working.

    It ends with every session of the account that is ended. Raises account_lock.Overtaken where that of `token` was.
    """
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))

    def write() -> None:
        accounts.lock_unchanged(account, token)
        mine = (Link.account == account) & (Link.purpose == "move")
        Link.delete().where(mine).execute()
        Link.create(token_hash=accounts.token_hash(code), purpose="move", account=account, expires_at=now + LIFETIME)

    write_transaction(write)
    return code


def plain(typed: str) -> str:
    """The code as it was made, whatever case, width, spaces and dashes it was typed with."""
    return typed_codes.bare(typed)


def use(typed: str, now: datetime) -> Account | None:
    """The account of a code, which is used up by this; none where there is no such code any more."""
    link = one_time_links.usable("move", plain(typed), now)

    def write() -> Account | None:
        if link is None or not one_time_links.use_up(link, now):
            return None
        return Account.get_or_none((Account.id == link.account_id) & Account.is_living())

    return write_transaction(write)
