"""The redemption password (消费密码): sealed at rest, compared in constant time."""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from database import locked, write_transaction
from models import Campaign, Merchant, PasswordKind, RedemptionPassword
from quanbao.lib import merging
from quanbao.lib.names import folded
from quanbao.passwords import accepting, changing, guess_limits
from quanbao.passwords.sealing import bound_to, newest, seal, unseal

if TYPE_CHECKING:
    from models import Rows

LONGEST = 12
NUMBERED = {"en": "Password {}", "zh": "密码 {}"}  # the names of those that were given none
AT_ONCE = timedelta()
LONGEST_OVERLAP = 24  # hours that digits may stay good after they were changed
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


def create(merchant: Merchant, content: str, *, key: str, now: datetime, **columns: Any) -> RedemptionPassword:
    """A new redemption password of the merchant's, by its digits or its secret; runs in the caller's transaction.

    `columns` are its name (else one is made), kind, branch and member.
    """
    columns = {"name": ""} | columns
    columns["name"] = columns["name"] or free_name(merchant)
    row = RedemptionPassword.create(merchant=merchant, sealed=b"", valid_from=now, **columns)
    row.sealed = seal(padded(content), bound_to(row), key)
    row.save(only=[RedemptionPassword.sealed])
    return row


def of_digits(merchant: Merchant, typed: str | None, *, key: str, now: datetime) -> RedemptionPassword:
    """The merchant's one row of these digits, or of generated ones; runs in the caller's transaction.

    Digits have one row and with it one budget for guessers, however many campaigns they open.
    """
    lock(merchant)
    password = typed or unused(merchant, key, now)
    row = in_use(merchant, password, key, now)
    return _standing_again(row) if row else create(merchant, password, key=key, now=now)


def of_shop(merchant: Merchant, *, key: str, now: datetime) -> RedemptionPassword:
    """The merchant's first password, or a new one where it has none; runs in the caller's transaction."""
    lock(merchant)
    return standing(merchant).first() or create(merchant, generate(), key=key, now=now)


def current(merchant: Merchant, now: datetime) -> "Rows[RedemptionPassword]":
    """As a query: the merchant's passwords that have not ended, the oldest first."""
    ends_at = RedemptionPassword.ends_at
    mine = (RedemptionPassword.merchant == merchant) & (ends_at.is_null() | (ends_at > now))
    return RedemptionPassword.select().where(mine).order_by(RedemptionPassword.id)


def standing(merchant: Merchant) -> "Rows[RedemptionPassword]":
    """As a query: those that have not ended and will not by themselves, the oldest first."""
    mine = (RedemptionPassword.merchant == merchant) & RedemptionPassword.ends_at.is_null()
    return RedemptionPassword.select().where(mine).order_by(RedemptionPassword.id)


def ending(merchant: Merchant, now: datetime) -> "Rows[RedemptionPassword]":
    """As a query: those that were changed and are good for a while beside the new ones."""
    return current(merchant, now).where(RedemptionPassword.ends_at.is_null(False))


def free_name(merchant: Merchant) -> str:
    """A name that none of the merchant's passwords has: its language's word and a number."""
    taken = {folded(row.name) for row in standing(merchant)}
    names = (NUMBERED.get(merchant.language, NUMBERED["en"]).format(number) for number in count(1))
    return next(name for name in names if folded(name) not in taken)


def lock(merchant: Merchant) -> None:
    """Of two members who enter digits at once, the second finds the first's; in the caller's transaction."""
    locked(Merchant.select().where(Merchant.id == merchant.id)).get()


def in_use(merchant: Merchant, digits: str, key: str, now: datetime) -> RedemptionPassword | None:
    """The merchant's fixed password of these digits, if it has one."""
    fixed = current(merchant, now).where(RedemptionPassword.kind == PasswordKind.FIXED)
    return next((row for row in fixed if matches(row, digits, key)), None)


def unused(merchant: Merchant, key: str, now: datetime) -> str:
    """Generated digits that no fixed password of the merchant's has."""
    while in_use(merchant, made := generate(), key, now):
        pass
    return made


def mark(row: RedemptionPassword) -> str:
    """What tells that the password is still the one that a page spoke of; it says nothing about its digits."""
    return f"{row.id}.{row.version}"


def change(
    campaign: Campaign,
    typed: str | None,
    *,
    key: str,
    now: datetime,
    replacing: str | None = None,
    overlap: timedelta = AT_ONCE,
) -> bool:
    """Give the campaign, and all that share its password, another one; none typed to have one made.

    With `replacing`, only the password of this `mark` is changed, which may be any that the campaign accepts: raises
    merging.Conflict where it is another by now, so that of two taps at once, or of two members' forms, the second
    changes nothing; and Enrolled for an authenticator. Else it is the campaign's own. False, and what `overlap` means,
    as `give_content` says.
    """

    def write() -> bool:
        lock(campaign.merchant)
        row = _meant(campaign, replacing, now)
        if typed and row.kind == PasswordKind.FIXED and matches(row, typed, key):
            return False
        if replacing is not None and replacing != mark(row):
            raise merging.Conflict({"redemption_password": None})
        if row.kind == PasswordKind.AUTHENTICATOR:
            raise Enrolled
        return give_content(row, typed, key=key, now=now, overlap=overlap)

    return write_transaction(write)


class Enrolled(Exception):
    """An authenticator's secret changes only where its phone can read the new one."""


def _meant(campaign: Campaign, replacing: str | None, now: datetime) -> RedemptionPassword:
    """The campaign's own password, or the one of this mark where the campaign accepts it; locked."""
    numbers = {str(row.id): row.id for row in accepting.of_campaign(campaign, now)}
    own = Campaign.select(Campaign.password).where(Campaign.id == campaign.id).tuples().get()[0]
    number = numbers.get((replacing or "").partition(".")[0], own)
    row = locked(RedemptionPassword.select().where(RedemptionPassword.id == number)).get()
    row.merchant = campaign.merchant
    return row


def give_content(
    row: RedemptionPassword, typed: str | None, *, key: str, now: datetime, overlap: timedelta = AT_ONCE
) -> bool:
    """Other digits or another secret for this locked password; none typed to have them made; in the caller's
    transaction, which has the merchant's lock.

    False where they are the same, and nothing changes: a guesser knows as much as before. Digits that the merchant has
    in another row are shared from there, with what was spent on them, and this one ends; else what guessers spent on
    the old ones is forgotten. What was judged under those cannot commit: the campaigns' versions rise too.

    With `overlap` the old ones stay good for so long beside the new ones, in a row of their own with what was spent on
    them; not where guessers have used up its budget. One that is ending already ends now.
    """
    is_fixed = row.kind == PasswordKind.FIXED
    if typed and matches(row, typed, key):
        return False
    content = (typed or unused(row.merchant, key, now)) if is_fixed else changing.new_secret()
    opened = [campaign.id for campaign in accepting.campaigns_of(row)]
    there = in_use(row.merchant, content, key, now) if is_fixed and row.ends_at is None else None
    if there is not None:
        _standing_again(there)
    if row.ends_at is not None:
        RedemptionPassword.update(ends_at=now, spent_at=None).where(RedemptionPassword.id == row.id).execute()
    elif overlap and guess_limits.spent(row, now) is None:
        accepting.put_before(row, there or _after(row, content, key, now))
        RedemptionPassword.update(ends_at=now + overlap).where(RedemptionPassword.id == row.id).execute()
    elif there is None:
        RedemptionPassword.update(
            sealed=seal(padded(content), bound_to(row), key),
            valid_from=now,
            spent_at=None,
            version=RedemptionPassword.version + 1,
        ).where(RedemptionPassword.id == row.id).execute()
    else:
        accepting.replace(row, there)
        RedemptionPassword.update(ends_at=now, spent_at=None).where(RedemptionPassword.id == row.id).execute()
    Campaign.update(version=Campaign.version + 1).where(Campaign.id.in_(opened)).execute()
    return True


def _after(row: RedemptionPassword, content: str, key: str, now: datetime) -> RedemptionPassword:
    """The row of the new digits, called like the one of the old ones."""
    like = {"name": row.name, "kind": row.kind, "branch_slug": row.branch_slug, "member": row.member_id}
    return create(row.merchant, content, key=key, now=now, version=row.version + 1, **like)


def _standing_again(row: RedemptionPassword) -> RedemptionPassword:
    """Digits that were ending are chosen once more: they stay, with what was spent on them."""
    if row.ends_at is not None:
        row.ends_at = None
        RedemptionPassword.update(ends_at=None).where(RedemptionPassword.id == row.id).execute()
    return row


def shared_with(campaign: Campaign) -> list[str]:
    """The products of the other campaigns that the same password opens."""
    others = accepting.campaigns_of(campaign.password_id).where(Campaign.id != campaign.id)
    return [other.product for other in others]


def changed_lately(merchant: Merchant, now: datetime) -> list[tuple[datetime, list[str]]]:
    """When passwords of the merchant's got other digits, and the products that they open; those of the last hours.

    Not those of which the digits before are still good.
    """
    both = {row.name for row in ending(merchant, now)}
    rows = (
        RedemptionPassword.select(RedemptionPassword.valid_from, Campaign.product, RedemptionPassword.name)
        .join(Campaign, on=accepting.accepted())
        .where(
            (RedemptionPassword.merchant == merchant)
            & (RedemptionPassword.version > 1)
            & RedemptionPassword.valid_from.between(now - SHIFT, now)
            & Campaign.is_on(now)
        )
        .order_by(RedemptionPassword.valid_from, Campaign.id)
    )
    found: dict[datetime, list[str]] = {}
    for moment, product, name in rows.tuples():
        if name not in both:
            found.setdefault(moment, []).append(product)
    return list(found.items())


def reveal(row: RedemptionPassword, key: str) -> str:
    """The password in the clear, for its owner; raises WrongKey."""
    return _open(row, key).rstrip(b"\0").decode()


def matches(row: RedemptionPassword, typed: str, key: str) -> bool:
    """Whether `typed` (ASCII digits) is the password; takes as long whatever it is. Raises WrongKey."""
    return hmac.compare_digest(_open(row, key), padded(typed))


def tag(row: RedemptionPassword, typed: str, key: str, values: Iterable[str]) -> bytes:
    """What tells a repeated wrong value, and says nothing about it without the key.

    `values` are those that it was compared with: typed again where they have changed, it is another guess.
    """
    secret = hashlib.sha256(b"quanbao guess tag\0" + newest(key).encode()).digest()
    compared = ".".join([typed, *values])
    return hmac.digest(secret, b"%d.%d." % (row.id, row.version) + compared.encode(), "sha256")[:16]


def _open(row: RedemptionPassword, key: str) -> bytes:
    return unseal(bytes(row.sealed), bound_to(row), key)


def padded(password: str) -> bytes:
    """To one length, so that neither the sealed bytes nor the comparison tell how long it is."""
    return password.encode().ljust(LONGEST, b"\0")
