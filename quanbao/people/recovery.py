"""Recovery words: eight words that open an anonymous wallet in any browser. Only their hash is kept.

Eight of 256 are 64 bits. A wallet is found by the hash, so its salt is the same for all; it is as slow as a password's,
so that a thief of the database tries no 2^64 of them.
"""

import secrets
import unicodedata
from datetime import datetime

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from database import write_transaction
from models import Account
from quanbao.lib.account_lock import lock_unchanged
from quanbao.lib.word_lists import word_list
from quanbao.people.accounts import MEMORY, PASSES

COUNT = 8
LONGEST = 200  # characters that are looked at
SALT = b"quanbao recovery words"


def make(wallet: Account, language: str, token: str, now: datetime) -> list[str]:
    """New words for an anonymous wallet, which end the ones before. Raises account_lock.Overtaken."""
    words = [secrets.choice(word_list(language)) for _ in range(COUNT)]
    hashed = _hash("".join(words))

    def write() -> None:
        lock_unchanged(wallet, token)
        Account.update(recovery_hash=hashed, opened_at=now).where(Account.id == wallet.id).execute()

    write_transaction(write)
    return words


def open_wallet(typed: str, now: datetime) -> Account | None:
    """The anonymous wallet of these words, whatever case, width, spaces and commas they were typed with."""
    letters = "".join(c for c in unicodedata.normalize("NFKC", typed[:LONGEST]).casefold() if c.isalpha())
    mine = (Account.recovery_hash == _hash(letters)) & Account.email.is_null() & Account.is_living()
    wallet = Account.get_or_none(mine)
    if wallet:
        opened(wallet, now)
    return wallet


def opened(wallet: Account, now: datetime) -> None:
    """A wallet with recovery words was opened by them, or left: it lives on from now (quanbao/people/abandoned.py)."""
    mine = (Account.id == wallet.id) & Account.recovery_hash.is_null(False)
    write_transaction(lambda: Account.update(opened_at=now).where(mine).execute(), housekeeping=True)


def _hash(letters: str) -> bytes:
    """The words without what is between them: none of a list begins another, so they stay told apart."""
    made = Argon2id(salt=SALT, length=32, iterations=PASSES, lanes=1, memory_cost=MEMORY)
    return made.derive(letters.encode("utf-8", "surrogatepass"))
