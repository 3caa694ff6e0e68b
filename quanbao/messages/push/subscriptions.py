"""Browsers that are to be told of news: kept for the account signed in there, each with the keys to write to it."""

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from peewee import IntegrityError

from database import Changed, write_transaction
from models import STAFF, Account, Customer, Event, Member, Merchant, Mute, Session, Subscription
from quanbao.lib import account_lock, merging
from quanbao.messages.push.endpoints import service_of

MOST = 20  # an account; the oldest goes
BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)
POINT = 65  # bytes, uncompressed, on P-256 (RFC 8291, section 3)
SECRET = 16  # bytes (RFC 8291, section 3.2)
OF_MERCHANT = "merchant:"


class Refused(Exception):
    """It is no subscription that can be kept; the text names its field: `endpoint`, `keys.p256dh` or `keys.auth`."""


@dataclass(frozen=True)
class Browser:
    """What a browser's subscription says (W3C Push API, `PushSubscription.toJSON`)."""

    endpoint: str
    service: str
    p256dh: str
    auth: str


@dataclass(frozen=True)
class Circumstances:
    """What is kept with it: our public key, the address of the site, and the reader's language with its region."""

    vapid_key: str
    origin: str
    language: str


def read(document: Any, hosts: Collection[str]) -> Browser:
    """The subscription in a browser's JSON, checked; raises Refused."""
    said = document if isinstance(document, dict) else {}
    endpoint, keys = said.get("endpoint"), said.get("keys")
    keys = keys if isinstance(keys, dict) else {}
    service = service_of(endpoint, hosts) if isinstance(endpoint, str) else None
    if not isinstance(endpoint, str) or service is None:
        raise Refused("endpoint")
    point, secret = _bytes(keys.get("p256dh"), POINT), _bytes(keys.get("auth"), SECRET)
    if point is None or not _is_on_curve(point):
        raise Refused("keys.p256dh")
    if secret is None:
        raise Refused("keys.auth")
    return Browser(endpoint, service, base64url(point), base64url(secret))


def base64url(content: bytes) -> str:
    """Without padding, as browsers write it."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: Any, length: int) -> bytes | None:
    if not isinstance(text, str) or len(text) > 2 * length or not BASE64URL.fullmatch(text):
        return None
    bare = text.rstrip("=")
    try:
        found = base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        return None
    return found if len(found) == length else None


def _is_on_curve(point: bytes) -> bool:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return False
    return point[0] == 4


def keep(browser: Browser, session: Session, token: str, with_: Circumstances, now: datetime) -> bool:
    """Keep a signed-in browser's subscription, or bring it up to date; whether it is new. Known: nothing is written.

    One that another account had is moved only where the keys are the same: the same browser, another account. Raises
    Refused otherwise, and account_lock.Overtaken where the browser was signed out meanwhile.
    """
    columns = {"session_id": session.id, "account_id": session.account_id, **asdict(browser), **asdict(with_)}
    known = Subscription.get_or_none(Subscription.endpoint == browser.endpoint)
    if known and all(getattr(known, name) == value for name, value in columns.items()):
        return False
    return write_transaction(lambda: _keep(columns, session.account, token, now))


def _keep(columns: dict[str, Any], account: Account, token: str, now: datetime) -> bool:
    account_lock.lock_unchanged(account, token)
    known = Subscription.get_or_none(Subscription.endpoint == columns["endpoint"])
    try:
        if known and known.account_id == account.id:
            Subscription.update(**columns).where(Subscription.id == known.id).execute()
            return False
        if known and (known.p256dh, known.auth) != (columns["p256dh"], columns["auth"]):
            raise Refused("endpoint")
        if known:  # with what was on its way to another account
            Subscription.delete().where(Subscription.id == known.id).execute()
        Subscription.create(**columns, created_at=now)
    except IntegrityError as error:
        raise Changed from error  # another tab was faster, or the session was ended: look again
    _forget_oldest(account)
    return True


def _forget_oldest(account: Account) -> None:
    rows = Subscription.select(Subscription.id).where(Subscription.account == account)
    surplus = [row.id for row in rows.order_by(Subscription.id.desc()).offset(MOST)]
    if surplus:
        Subscription.delete().where(Subscription.id.in_(surplus)).execute()


def speak(session: Session, language: str) -> None:
    """From now on, messages to the session's browser are in this language, a BCP 47 tag."""
    other = (Subscription.session == session.id) & (Subscription.language != language)
    if Subscription.select().where(other).exists():
        write_transaction(lambda: Subscription.update(language=language).where(other).execute())


def forget(account: Account, endpoint: str) -> None:
    """Forget a browser, if it is the account's own."""
    own = (Subscription.endpoint == endpoint) & (Subscription.account == account)
    if Subscription.select().where(own).exists():
        write_transaction(lambda: Subscription.delete().where(own).execute())


def mine(account: Account) -> list[Subscription]:
    """The account's subscriptions with their sessions, the oldest first."""
    rows = Subscription.select(Subscription, Session).join(Session).where(Subscription.account == account)
    return list(rows.order_by(Subscription.id))


# What a person does not want to hear of


def events(account: Account) -> list[Event]:
    """What the account may be told of: an attack is for who could do something about it."""
    able = (Member.account == account) & Member.role.in_(STAFF) & Member.disabled_at.is_null()
    is_staff = Member.select().where(able).exists()
    return [event for event in Event if is_staff or event != Event.UNDER_ATTACK]


def merchants(account: Account) -> list[Merchant]:
    """Whose customer the account is."""
    rows = Merchant.select().join(Customer).where(Customer.consumer == account)
    return list(rows.order_by(Merchant.name, Merchant.id))


def mutes(account: Account) -> set[str]:
    """What the account is told nothing of: names of events, and `merchant:<slug>`."""
    return {what for (what,) in Mute.select(Mute.what).where(Mute.account == account).tuples()}


def heard(account: Account) -> set[str]:
    """What the account is told of now: events, and merchants as `merchant:<slug>`."""
    there = {event.value for event in events(account)} | {OF_MERCHANT + row.slug for row in merchants(account)}
    return there - mutes(account)


def listen(account: Account, wanted: Iterable[str], *, shown: Iterable[str] | None = None) -> None:
    """Be told of these events, and by these merchants as `merchant:<slug>`, and of nothing else there is now.

    With `shown`, what was ticked when the form was filled, only what was ticked or unticked since then is changed:
    each is a choice of its own, and another tab's stay.
    """
    of_merchants = {OF_MERCHANT + merchant.slug for merchant in merchants(account)}
    there = {event.value for event in events(account)} | of_merchants

    def write() -> None:
        account_lock.lock_unchanged(account)
        listening = set(wanted) if shown is None else merging.toggled(set(shown), set(wanted), there - mutes(account))
        silent = there - listening
        Mute.delete().where((Mute.account == account) & Mute.what.in_(there)).execute()
        if silent:
            Mute.insert_many([{"account": account.id, "what": what} for what in sorted(silent)]).execute()

    write_transaction(write)
