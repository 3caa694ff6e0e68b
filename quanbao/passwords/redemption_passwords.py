"""The redemption password (消费密码): sealed at rest, compared in constant time."""

import hashlib
import hmac
import secrets
import unicodedata
from datetime import datetime, timedelta

from database import locked, write_transaction
from models import Campaign, Merchant, RedemptionPassword
from quanbao.lib import merging
from quanbao.passwords.sealing import bound_to, newest, seal, unseal

LONGEST = 12
SHIFT = timedelta(hours=12)  # who works at a till hears for so long that a password was changed


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
    """Six digits that are not among the first to be tried."""
    while is_trivial(password := f"{secrets.randbelow(10**6):06d}"):
        pass
    return password


def create(merchant: Merchant, password: str, *, key: str, now) -> RedemptionPassword:
    """A new redemption password of the merchant's; runs in the caller's transaction."""
    row = RedemptionPassword.create(merchant=merchant, sealed=b"", valid_from=now)
    row.sealed = seal(_padded(password), bound_to(row), key)
    row.save(only=[RedemptionPassword.sealed])
    return row


def of_digits(merchant: Merchant, typed: str | None, *, key: str, now) -> RedemptionPassword:
    """The merchant's one row of these digits, or of generated ones; runs in the caller's transaction.

    Digits have one row and with it one budget for guessers, however many campaigns they open.
    """
    lock(merchant)
    password = typed or _unused(merchant, key)
    return _in_use(merchant, password, key) or create(merchant, password, key=key, now=now)


def lock(merchant: Merchant) -> None:
    """Of two members who enter digits at once, the second finds the first's; in the caller's transaction."""
    locked(Merchant.select().where(Merchant.id == merchant.id)).get()


def _in_use(merchant: Merchant, password: str, key: str) -> RedemptionPassword | None:
    rows = RedemptionPassword.select().where(RedemptionPassword.merchant == merchant).order_by(RedemptionPassword.id)
    return next((row for row in rows if matches(row, password, key)), None)


def _unused(merchant: Merchant, key: str) -> str:
    while _in_use(merchant, password := generate(), key):
        pass
    return password


def mark(row: RedemptionPassword) -> str:
    """What tells that the password is still the one that a page spoke of; it says nothing about its digits."""
    return f"{row.id}.{row.version}"


def change(campaign: Campaign, typed: str | None, *, key: str, now, replacing: str | None = None) -> bool:
    """Give the campaign, and all that share its password, another one; none typed to have one made.

    False where it is the same, and nothing changes: a guesser knows as much as before. Digits that the
    merchant has in another row are shared from there, with what was spent on them; else what guessers spent on the
    old ones is forgotten. A redemption that was judged under those cannot commit: the campaigns' versions rise too.
    With `replacing`, only the password of this `mark` is: raises merging.Conflict where it is another by now, so that
    of two taps at once, or of two members' forms, the second changes nothing.
    """

    def write() -> bool:
        lock(campaign.merchant)
        mine = RedemptionPassword.select().join(Campaign).where(Campaign.id == campaign.id).get()
        row = locked(RedemptionPassword.select().where(RedemptionPassword.id == mine.id)).get()
        if typed and matches(row, typed, key):
            return False
        if replacing is not None and replacing != mark(row):
            raise merging.Conflict({"redemption_password": None})
        password = typed or _unused(campaign.merchant, key)
        there = _in_use(campaign.merchant, password, key)
        if there is None:
            RedemptionPassword.update(
                sealed=seal(_padded(password), bound_to(row), key),
                valid_from=now,
                spent_at=None,
                version=RedemptionPassword.version + 1,
            ).where(RedemptionPassword.id == row.id).execute()
        Campaign.update(password=there or row, version=Campaign.version + 1).where(Campaign.password == row).execute()
        return True

    return write_transaction(write)


def shared_with(campaign: Campaign) -> list[str]:
    """The products of the other campaigns that the same password opens."""
    same = (Campaign.password == campaign.password_id) & (Campaign.id != campaign.id)
    return [product for (product,) in Campaign.select(Campaign.product).where(same).order_by(Campaign.id).tuples()]


def changed_lately(merchant: Merchant, now: datetime) -> list[tuple[datetime, list[str]]]:
    """When passwords of the merchant's got other digits, and the products that they open; those of the last hours."""
    rows = (
        RedemptionPassword.select(RedemptionPassword.valid_from, Campaign.product)
        .join(Campaign)
        .where(
            (RedemptionPassword.merchant == merchant)
            & (RedemptionPassword.version > 1)
            & RedemptionPassword.valid_from.between(now - SHIFT, now)
            & Campaign.is_on(now)
        )
        .order_by(RedemptionPassword.valid_from, Campaign.id)
    )
    found: dict[datetime, list[str]] = {}
    for moment, product in rows.tuples():
        found.setdefault(moment, []).append(product)
    return list(found.items())


def reveal(row: RedemptionPassword, key: str) -> str:
    """The password in the clear, for its owner; raises WrongKey."""
    return _open(row, key).rstrip(b"\0").decode()


def matches(row: RedemptionPassword, typed: str, key: str) -> bool:
    """Whether `typed` (ASCII digits) is the password; takes as long whatever it is. Raises WrongKey."""
    return hmac.compare_digest(_open(row, key), _padded(typed))


def tag(row: RedemptionPassword, typed: str, key: str) -> bytes:
    """What tells a repeated wrong value, and says nothing about it without the key."""
    secret = hashlib.sha256(b"quanbao guess tag\0" + newest(key).encode()).digest()
    return hmac.digest(secret, b"%d.%d." % (row.id, row.version) + typed.encode(), "sha256")[:16]


def _open(row: RedemptionPassword, key: str) -> bytes:
    return unseal(bytes(row.sealed), bound_to(row), key)


def _padded(password: str) -> bytes:
    """To one length, so that neither the sealed bytes nor the comparison tell how long it is."""
    return password.encode().ljust(LONGEST, b"\0")
