"""One-time links: looked at as often as one likes, used once. Only the hash of a link's token is kept."""

import secrets
from datetime import datetime, timedelta

from peewee import Expression

from database import write_transaction
from models import Account, Claim, Link
from quanbao.messages.events import AHEAD
from quanbao.people import accounts

CLAIM_LINK = timedelta(days=30)
LIFETIMES = {
    "sign-in": timedelta(hours=1),
    "set-up": timedelta(hours=1),
    "join": timedelta(days=2),
    "move": timedelta(minutes=10),
}


def make(purpose: str, now: datetime, account: Account | None = None) -> str:
    """A new link's token of 128 bits."""
    return write_transaction(lambda: new(purpose, now, account=account))


def new(purpose: str, now: datetime, **about) -> str:
    """The same in the caller's transaction; `about` are the link's account or member."""
    token = secrets.token_urlsafe(16)
    ends = now + LIFETIMES[purpose]
    Link.create(token_hash=accounts.token_hash(token), purpose=purpose, expires_at=ends, **about)
    return token


def usable(purpose: str, token: str, now: datetime) -> Link | None:
    """The link if it may still be used; changes nothing."""
    link = Link.get_or_none((Link.token_hash == accounts.token_hash(token)) & (Link.purpose == purpose))
    return link if link and link.used_at is None and now < link.expires_at else None


def why_not(purpose: str, token: str, now: datetime) -> str | None:
    """Why a link may not be used: it was `used`, or has `expired`; none where there is no such link any more."""
    link = Link.get_or_none((Link.token_hash == accounts.token_hash(token)) & (Link.purpose == purpose))
    if link is None:
        return None
    return "used" if link.used_at else "expired" if now >= link.expires_at else None


def used(purpose: str, token: str) -> Link | None:
    """The link if it was used."""
    link = Link.get_or_none((Link.token_hash == accounts.token_hash(token)) & (Link.purpose == purpose))
    return link if link and link.used_at is not None else None


def use_up(link: Link, now: datetime) -> bool:
    """Whether this call was the one that used the link; in the caller's transaction."""
    fresh = (Link.id == link.id) & Link.used_at.is_null() & (Link.expires_at > now)
    return Link.update(used_at=now).where(fresh).execute() == 1


def put_right(now: datetime) -> None:
    """Links that a clock made which was ahead and is set back: they live no longer than one that is made now."""
    for purpose, lifetime in LIFETIMES.items():
        _shorten(Link, now + lifetime, Link.purpose == purpose)
    _shorten(Claim, now + CLAIM_LINK, Claim.claimed_at.is_null())


def _shorten(table: type[Link] | type[Claim], ends: datetime, which: Expression) -> None:
    late = which & (table.expires_at > ends + AHEAD)
    if table.select().where(late).exists():
        write_transaction(lambda: table.update(expires_at=ends).where(late).execute())


def sign_in(token: str, new_password: str | None, now: datetime) -> Account | None:
    """The account of a sign-in link, used up by this; sets the password if asked, and ends what was open by then.

    Raises accounts.Refused for a password that is too short, or lacks where the address was not proved before
    (who signed up with it must not stay in), and then the link stays good.
    """
    link = usable("sign-in", token, now)
    account = link.account if link else None
    if account and not new_password and not account.proved:
        raise accounts.Refused("password", "needed")
    hashed = None
    if new_password:
        hashed = accounts.hash_password(accounts.check_password(new_password, (account and account.email) or ""))

    def use() -> Account | None:
        if link is None or not use_up(link, now):
            return None
        if hashed and link.account_id:
            Account.update(password_hash=hashed, proved=True).where(Account.id == link.account_id).execute()
            accounts.end_all(link.account_id)
        return Account.get_by_id(link.account_id)

    return write_transaction(use)
