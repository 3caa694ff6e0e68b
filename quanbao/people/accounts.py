"""Accounts, and the sessions of their browsers."""

import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from peewee import IntegrityError

from database import locked, write_transaction
from models import Account, Branch, Link, Member, MemberBranch, Merchant, Session
from quanbao.lib import merging, names
from quanbao.lib.account_lock import lock_unchanged, token_hash
from quanbao.lib.compiled_queries import statement
from quanbao.lib.validation import is_stacked

PASSES, MEMORY = 2, 19 * 1024  # KiB; OWASP Password Storage Cheat Sheet: some 25 ms of one core
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200
CONSUMER_SESSION = timedelta(days=90)
WALLET_SESSION = timedelta(days=400)  # of a wallet without an address: as long as browsers keep a cookie (RFC 6265bis)
MEMBER_SESSION = timedelta(hours=12)
SEEN = timedelta(minutes=10)  # a session's last use is known no finer
FRESH = timedelta(minutes=10)
COMMON = Path(__file__).parents[1] / "word_lists/common-passwords.txt"  # what guessers try first, in lower case
OUR_WORDS = ("quanbao", "券包", "voucher", "vouchers", "coupon", "coupons", "优惠券")


class Refused(Exception):
    """What was typed cannot be taken: `field` is its name, `code` says why."""

    def __init__(self, field: str, code: str):
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


def email_address(text: str) -> str:
    """The case-folded address; raises Refused where it cannot be one."""
    address = names.address(text)
    name, at, host = address.rpartition("@")
    odd = any(c.isspace() or not c.isprintable() for c in address) or is_stacked(address)
    if not (name and at and host) or odd or "@" in name or len(address) > 254:
        raise Refused("email", "not_an_address")
    return address


def check_password(password: str, address: str = "") -> str:
    """The password if it may be used for the account of this address; raises Refused."""
    if len(password) < SHORTEST_PASSWORD:
        raise Refused("password", "too_short")
    if len(password) > LONGEST_PASSWORD:
        raise Refused("password", "too_long")
    if is_common(password, address):
        raise Refused("password", "too_common")
    return password


def is_common(password: str, address: str = "") -> bool:
    """Whether it is among the first that a guesser tries: known lists, the address, our own words with digits."""
    folded, address = password.casefold(), address.casefold()
    bare = re.sub(r"[\W\d_]", "", folded)
    return folded in _common() or folded in (address, address.partition("@")[0]) or bare in OUR_WORDS


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text("utf-8").splitlines())


def hash_password(password: str) -> str:
    """Argon2id, as PASSES and MEMORY say."""
    made = Argon2id(salt=secrets.token_bytes(16), length=32, iterations=PASSES, lanes=1, memory_cost=MEMORY)
    return made.derive_phc_encoded(_bytes(password))


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def password_is(account: Account | None, password: str) -> bool:
    """Whether this is the account's password; takes as long where there is no account or password."""
    known = account.password_hash if account else None
    try:
        Argon2id.verify_phc_encoded(_bytes(password[:LONGEST_PASSWORD]), known or _nobody())
    except InvalidKey:
        return False
    return known is not None and len(password) <= LONGEST_PASSWORD


@cache
def _nobody() -> str:
    return hash_password(secrets.token_hex(16))


def sign_up(email: str, password: str, now: datetime) -> Account:
    """A new account; raises Refused with `taken` where the address has one."""
    address, hashed = email_address(email), hash_password(check_password(password, email))
    try:
        return write_transaction(lambda: Account.create(email=address, password_hash=hashed, created_at=now))
    except IntegrityError:
        raise Refused("email", "taken") from None


def by_email(email: str) -> Account | None:
    """The account of an address as it was typed, if it has one."""
    try:
        return Account.get_or_none(Account.email == email_address(email))
    except Refused:
        return None


def memberships(account: Account) -> list[Member]:
    """Where the account is a member, or was; `places`, a cashier's branches, is set on each."""
    mine = Member.select(Member, Merchant).join(Merchant).where(Member.account == account)
    rows = list(mine.order_by(Merchant.name, Merchant.id))
    for member in rows:
        places = Branch.select().join(MemberBranch).where(MemberBranch.member == member)
        member.places = list(places.order_by(Branch.id))
    return rows


def lock(number: int | None) -> None:
    """Lock the account with this number, before anything else in a transaction."""
    locked(Account.select(Account.id).where(Account.id == number)).get_or_none()


def lock_living(account: Account) -> bool:
    """The same; whether it is neither deleted nor merged into another."""
    living = (Account.id == account.id) & Account.is_living()
    return locked(Account.select(Account.id).where(living)).get_or_none() is not None


# Sessions


def start_session(
    account: Account,
    now: datetime,
    browser: str = "",
    *,
    confirmed_at: datetime | None = None,
    alone: bool = False,
) -> str:
    """Sign a browser in: returns the new token that its cookie carries; only the hash is kept.

    `browser` is what its owner will know it by, `confirmed_at` when the password was typed: now, unless said. `alone`
    ends all others. Raises Overtaken.
    """

    def write() -> str:
        lock_unchanged(account)
        if alone:
            end_all(account)
        return new_session(account, now, browser, confirmed_at=confirmed_at)

    return write_transaction(write)


def new_session(account: Account, now: datetime, browser: str = "", *, confirmed_at: datetime | None = None) -> str:
    """The same in the caller's transaction, which locked the account."""
    token = secrets.token_urlsafe(32)
    Session.create(
        token_hash=token_hash(token),
        account=account,
        browser=browser[:100],
        created_at=now,
        confirmed_at=confirmed_at or now,
        seen_at=now,
        expires_at=now + _lifetime(account),
    )
    return token


def is_fresh(session: Session, now: datetime) -> bool:
    """Whether the password was typed so lately that this browser is still in the hand of who typed it."""
    return abs(now - session.confirmed_at) < FRESH  # both ways: the clock may have been set back


def confirm(session: Session, now: datetime) -> None:
    """The account's password was typed again."""
    write_transaction(lambda: Session.update(confirmed_at=now).where(_is(session)).execute(), housekeeping=True)


def shorten_sessions(account: Account, now: datetime) -> None:
    """A consumer who becomes a member: sessions of months are not worth a member's rights. In a transaction."""
    ends = now + MEMBER_SESSION
    Session.update(expires_at=ends).where((Session.account == account) & (Session.expires_at > ends)).execute()


def session_of(token: str, now: datetime, used: bool = True) -> Session | None:
    """The living session of a token, its account with it; it slides on with each request that is `used`."""
    found = _living.first(token_hash(token), now)
    if found is None:
        return None
    if used and found.account.claim_hash:  # the browser got its answer: its first claim is not sent again
        write_transaction(lambda: _end_claim(found.account), housekeeping=True)
    if used and abs(now - found.seen_at) >= SEEN:  # also where the clock was ahead then: it would live too long
        _slide(found, now)
    return found


def _end_claim(account: Account | int) -> None:
    """What the browser sent with its first claim opens the wallet no more (wallets.open_for). In a transaction."""
    mine = (Account.id == account) & Account.claim_hash.is_null(False)
    Account.update(claim_hash=None).where(mine).execute()


@statement
def _living(hashed, now):
    good = (Session.token_hash == hashed) & (Session.expires_at > now) & Account.is_living()
    return Session.select(Session, Account).join(Account).where(good)


def _slide(session: Session, now: datetime) -> None:
    session.seen_at, session.expires_at = now, now + _lifetime(session.account)
    write_transaction(
        lambda: Session.update(seen_at=session.seen_at, expires_at=session.expires_at).where(_is(session)).execute(),
        housekeeping=True,
    )


def _is(session: Session):
    """The row, if it is still the same session's: SQLite gives the number of one that ended to the next."""
    return Session.token_hash == session.token_hash


def _lifetime(account: Account) -> timedelta:
    if account.is_anonymous:
        return WALLET_SESSION
    is_member = Member.select().where((Member.account == account) & Member.disabled_at.is_null()).exists()
    return MEMBER_SESSION if is_member else CONSUMER_SESSION


def end_session(token: str) -> None:
    """Sign the browser with this token out: its cookie is worth nothing from now on."""
    _end(Session.token_hash == token_hash(token))


def _end(which) -> bool:
    """End a session, and with it a code that was shown there and would begin another one."""

    def write() -> bool:
        row = Session.get_or_none(which)
        if row is None:
            return False
        lock(row.account_id)
        _end_claim(row.account_id)
        Link.delete().where((Link.account == row.account_id) & (Link.purpose == "move")).execute()
        return Session.delete().where(which).execute() == 1

    return write_transaction(write)


def sessions_of(account: Account, now: datetime) -> list[Session]:
    """The account's living sessions, the last used first."""
    mine = (Session.account == account) & (Session.expires_at > now)
    return list(Session.select().where(mine).order_by(Session.seen_at.desc(), Session.id.desc()))


def end_session_of(account: Account, number: int) -> bool:
    """End one of the account's own sessions; false where there is no such."""
    return _end((Session.id == number) & (Session.account == account))


def end_other_sessions(account: Account, token: str) -> str:
    """Sign every browser out but the one with this token, which gets another: returned. Links stop working."""
    return write_transaction(lambda: go_on_alone(account, token))


def go_on_alone(account: Account, token: str) -> str:
    """This browser goes on under another token: a copy of its cookie is signed out too. In a transaction."""
    fresh = secrets.token_urlsafe(32)
    end_all(account, but=token)
    Session.update(token_hash=token_hash(fresh)).where(Session.token_hash == token_hash(token)).execute()
    return fresh


def end_all(account: Account | int, *, but: str | None = None) -> None:
    """Every way in ends: sessions, links and codes that would begin one. In a transaction that locked the account."""
    Session.delete().where((Session.account == account) & (Session.token_hash != token_hash(but or ""))).execute()
    Link.delete().where(Link.account == account).execute()
    _end_claim(account)


def change_password(account: Account, password: str, token: str) -> str:
    """Another password; other browsers and links end. Returns this one's new token; raises Refused, Overtaken."""
    hashed = hash_password(check_password(password, account.email or ""))

    def write() -> str:
        lock_unchanged(account, token)
        Account.update(password_hash=hashed).where(Account.id == account.id).execute()
        return go_on_alone(account, token)

    return write_transaction(write)


def change_email(account: Account, email: str, token: str, *, shown: str | None = None) -> str:
    """Another address, which is not proved; what merchants call the person stays theirs.

    Other browsers and links end. Returns this one's token from now on; raises Refused, Overtaken. `shown` is the
    address that the form was filled beside: where it is another now, raises merging.Conflict.
    """
    address = email_address(email)
    merging.settle(None if shown is None else {"email": shown}, {"email": address}, {"email": account.email})

    def write() -> str:
        lock_unchanged(account, token)  # as the one whose address was looked at
        if address == account.email:
            return token
        Account.update(email=address, proved=False).where(Account.id == account.id).execute()
        return go_on_alone(account, token)

    try:
        return write_transaction(write)
    except IntegrityError:
        raise Refused("email", "taken") from None
