"""The redemption password (消费密码): sealed at rest, compared in constant time."""

import hashlib
import hmac
import secrets
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from database import locked, write_transaction
from models import Campaign, Merchant, RedemptionPassword

LONGEST = 12


class WrongKey(Exception):
    """The key in use does not open a password that this database holds."""


def digits(text: str) -> str | None:
    """The password typed in any script's digits, as ASCII; none if it is not 6 to 12 digits."""
    values = [unicodedata.decimal(character, None) for character in text.strip()]
    if not 6 <= len(values) <= LONGEST or None in values:
        return None
    return "".join(map(str, values))


def is_trivial(password: str) -> bool:
    """Fewer than three different digits, or a run up or down: the first that a guesser tries."""
    steps = {(int(b) - int(a)) % 10 for a, b in zip(password, password[1:], strict=False)}
    return len(set(password)) < 3 or steps in ({1}, {9})


def generate() -> str:
    """Six digits that nobody would try first."""
    while is_trivial(password := f"{secrets.randbelow(10**6):06d}"):
        pass
    return password


def create(merchant: Merchant, password: str, *, key: str, now) -> RedemptionPassword:
    """A new redemption password of the merchant's; runs in the caller's transaction."""
    row = RedemptionPassword.create(merchant=merchant, sealed=b"", valid_from=now)
    row.sealed = _box(key).encrypt(_padded(password), [_bound_to(row)])
    row.save(only=[RedemptionPassword.sealed])
    return row


def change(row: RedemptionPassword, password: str, *, key: str, now) -> None:
    """Put another password in its place, in every campaign that points here.

    What guessers spent on the old one is forgotten. A redemption that was judged under it cannot commit:
    the versions of the campaigns rise too.
    """
    def write() -> None:
        now_in_use = locked(RedemptionPassword.select().where(RedemptionPassword.id == row.id)).get()
        if matches(now_in_use, password, key):
            return  # whoever guessed at it knows as much as before
        RedemptionPassword.update(
            sealed=_box(key).encrypt(_padded(password), [_bound_to(row)]), version=RedemptionPassword.version + 1,
            valid_from=now,
        ).where(RedemptionPassword.id == row.id).execute()
        Campaign.update(version=Campaign.version + 1).where(Campaign.password == row).execute()

    write_transaction(write)


def shared_with(campaign: Campaign) -> list[str]:
    """The products of the other campaigns that the same password opens."""
    same = (Campaign.password == campaign.password_id) & (Campaign.id != campaign.id)
    return [product for product, in Campaign.select(Campaign.product).where(same).order_by(Campaign.id).tuples()]


def reveal(row: RedemptionPassword, key: str) -> str:
    """The password in the clear, for its owner; raises WrongKey."""
    return _open(row, key).rstrip(b"\0").decode()


def matches(row: RedemptionPassword, typed: str, key: str) -> bool:
    """Whether `typed` (ASCII digits) is the password; takes as long whatever it is. Raises WrongKey."""
    return hmac.compare_digest(_open(row, key), _padded(typed))


def tag(row: RedemptionPassword, typed: str, key: str) -> bytes:
    """What tells a repeated wrong value, and says nothing about it without the key."""
    secret = hashlib.sha256(b"quanbao guess tag\0" + key.encode()).digest()
    return hmac.digest(secret, b"%d.%d." % (row.id, row.version) + typed.encode(), "sha256")[:16]


def _open(row: RedemptionPassword, key: str) -> bytes:
    try:
        return _box(key).decrypt(bytes(row.sealed), [_bound_to(row)])
    except (InvalidTag, ValueError):
        raise WrongKey("QUANBAO_PASSWORD_KEY does not open the redemption passwords of this database") from None


def _box(key: str) -> AESSIV:
    return AESSIV(hashlib.sha512(b"quanbao redemption password\0" + key.encode()).digest())


def _bound_to(row: RedemptionPassword) -> bytes:
    return b"redemption_password %d" % row.id


def _padded(password: str) -> bytes:
    """To one length, so that neither the sealed bytes nor the comparison tell how long it is."""
    return password.encode().ljust(LONGEST, b"\0")
