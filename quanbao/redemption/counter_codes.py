"""Counter codes: six characters that a holder shows a merchant's own screen, in the password's place.

Good once, for 60 seconds, at the till of the voucher's merchant. A member who types one has taken it: the right to
redeem is theirs, for a while. As with passwords, a try is committed before the code is looked at: any other order
lets guesses through that are sent at once.
"""

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from peewee import IntegrityError

from database import Changed, locked, write_transaction
from models import Account, Attempt, Campaign, CounterCode, CounterTry, Member, Merchant, Session, Voucher
from quanbao.lib import typed_codes
from quanbao.people import accounts
from quanbao.vouchers.issuing import ALPHABET

LENGTH = 6  # of 31 letters: 30 bits, for a minute
LIFETIME = timedelta(seconds=60)
REDEEM_WITHIN = timedelta(minutes=3)  # what a member has for amount and branch, and to ask again where no answer came
WRONG_CODES = 10
WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Shown:
    """A code as its holder's phone shows it, and the id under which the phone asks what became of it."""

    code: str
    attempt_id: str


@dataclass(frozen=True)
class Stopped:
    """This member typed too many wrong codes; all others go on."""

    retry_after: int  # seconds


def new_code(voucher: Voucher, session: Session, token: str, *, now: datetime, key: str) -> Shown:
    """A code for the voucher, in its holder's session; the one before is good no more. Raises Overtaken."""

    def write() -> Shown:
        accounts.lock_unchanged(session.account, token)
        shown = Shown("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)), str(uuid.uuid4()))
        CounterCode.delete().where(CounterCode.voucher == voucher).execute()
        try:
            CounterCode.create(
                voucher=voucher,
                session=session,
                attempt_id=shown.attempt_id,
                expires_at=now + LIFETIME,
                code_hash=code_hash(shown.code, voucher.campaign.merchant_id, key),
            )
        except IntegrityError as error:
            raise Changed from error  # another voucher has the same: make another
        return shown

    return write_transaction(write)


def code_hash(code: str, merchant: int, key: str) -> bytes:
    """What is kept of a code. Without the server's key there is no finding the code to it, few as codes are."""
    return hmac.digest(key.encode(), f"counter code\0{merchant}\0{code}".encode(), hashlib.sha256)


def plain(typed: str) -> str | None:
    """The code as it was made; none if what was typed can be no code."""
    code = typed_codes.bare(typed)
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None


def unused(typed: str) -> list[str]:
    """The letters and digits in what was typed that stand in no code, each once: they look like others."""
    return [character for character in dict.fromkeys(typed_codes.bare(typed)) if character not in ALPHABET]


def take(code: str, member: Member, *, clock: Callable[[], datetime], key: str) -> CounterCode | Stopped | None:
    """The code (as `plain` has it) becomes this member's; none where it is good for nothing at their till.

    The member who took it may type it again while it lives and nothing was redeemed. What is none costs a try.
    """
    reserved = write_transaction(partial(_reserve, member, clock()), housekeeping=True)
    if isinstance(reserved, Stopped):
        return reserved
    return write_transaction(lambda: _take(code_hash(code, member.merchant_id, key), member, reserved, clock()))


def _reserve(member: Member, now: datetime) -> CounterTry | Stopped:
    """One try of ten in ten minutes; the member's tries are counted one after another."""
    locked(Member.select().where(Member.id == member.id)).get()
    mine = CounterTry.member == member
    CounterTry.delete().where(mine & (CounterTry.made_at <= now - WITHIN)).execute()
    made = [row.made_at for row in CounterTry.select().where(mine).order_by(CounterTry.made_at, CounterTry.id)]
    if len(made) >= WRONG_CODES:
        return Stopped(max(1, ceil((made[-WRONG_CODES] + WITHIN - now).total_seconds())))
    return CounterTry.create(member=member, made_at=now)


def _take(hashed: bytes, member: Member, reserved: CounterTry, now: datetime) -> CounterCode | None:
    if now >= reserved.made_at + WITHIN:
        return None  # it hung until its reservation was forgotten: it may not look
    row = _with_voucher(CounterCode.code_hash == hashed)
    if row is None or now >= row.expires_at or not _is_signed_in(row, now) or _is_settled(row):
        return None
    if row.taken_by_id is None and not _mark_taken(row, member, now) or row.taken_by_id != member.id:
        return None
    CounterTry.delete().where(CounterTry.id == reserved.id).execute()
    return row


def _mark_taken(row: CounterCode, member: Member, now: datetime) -> bool:
    """Whether this member was the first of all who typed it."""
    free = (CounterCode.id == row.id) & CounterCode.taken_by.is_null()
    row.taken_by, row.taken_at = member, now
    return CounterCode.update(taken_by=member, taken_at=now).where(free).execute() == 1


def taken(member: Member, attempt_id: str) -> CounterCode | None:
    """The code that this member took, good or not, with its voucher; for other members there is nothing."""
    return _with_voucher((CounterCode.attempt_id == attempt_id) & (CounterCode.taken_by == member))


def _with_voucher(which) -> CounterCode | None:
    rows = (
        CounterCode.select(CounterCode, Voucher, Account, Campaign, Merchant)
        .join(Voucher)
        .join(Account, on=Voucher.consumer)
    )
    return rows.switch(Voucher).join(Campaign).join(Merchant).where(which).get_or_none()


def may_redeem(code: CounterCode, voucher: Voucher, attempt_id: str, now: datetime) -> bool:
    """Whether the member may still redeem what they took, and this is it; read anew, in the caller's transaction."""
    row = CounterCode.get_or_none(
        (CounterCode.id == code.id)
        & (CounterCode.taken_by == code.taken_by_id)
        & (CounterCode.voucher == voucher)
        & (CounterCode.attempt_id == attempt_id)
        & (CounterCode.taken_at > now - REDEEM_WITHIN)
    )
    able = Member.select().where((Member.id == code.taken_by_id) & Member.disabled_at.is_null())
    return row is not None and able.exists() and _is_signed_in(row, now)


def _is_signed_in(row: CounterCode, now: datetime) -> bool:
    """Whether the holder's session, in which the code was made, still lives."""
    return Session.select().where((Session.id == row.session_id) & (Session.expires_at > now)).exists()


def _is_settled(row: CounterCode) -> bool:
    mine = Account.of_wallet(Attempt.consumer, row.voucher.consumer_id) & (Attempt.attempt_id == row.attempt_id)
    return Attempt.select().where(mine).exists()
