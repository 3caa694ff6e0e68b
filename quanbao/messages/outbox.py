"""The outbox: messages are taken from it for a while, written when they are sent, and struck off afterwards.

Between taking and striking off no transaction is open. Who dies in between has taken them only until the lease
runs out; what was sent twice then replaces itself, on the way and on the screen.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from peewee import JOIN, fn

from database import on_sqlite, write_transaction
from models import Campaign, Delivery, Event, Merchant, Mute, Session, Subscription, Voucher
from quanbao.messages import events
from quanbao.messages.push.subscriptions import OF_MERCHANT

OF_A_USE = (Event.REDEEMED, Event.ROLLED_BACK)  # `about` is its number
LEASE = timedelta(minutes=2)  # longer than a message may be on its way
COLUMNS = {
    "id": Delivery.id,
    "subscription": Delivery.subscription,
    "event": Delivery.event,
    "about": Delivery.about,
    "tries": Delivery.tries,
    "due_at": Delivery.due_at,
    "made_at": Delivery.made_at,
    "endpoint": Subscription.endpoint,
    "service": Subscription.service,
    "p256dh": Subscription.p256dh,
    "auth": Subscription.auth,
    "vapid_key": Subscription.vapid_key,
    "origin": Subscription.origin,
    "language": Subscription.language,
    "account": Subscription.account,
    "code": Voucher.code,
    "campaign": fn.COALESCE(Voucher.campaign, Delivery.campaign),
    "uses": Voucher.uses,
    "uses_left": Voucher.uses_left,
    "revoked_at": Voucher.revoked_at,
    "archived_at": Voucher.archived_at,
    "session_ends": Session.expires_at,
}


Concerns = Callable[[int, Campaign, datetime], bool]


@dataclass(frozen=True)
class Notice:
    """What a message is about, as far as its words go; `uses` are those of a voucher."""

    event: Event
    campaign: Campaign
    uses: int | None
    uses_left: int | None
    language: str

    @cached_property
    def key(self) -> tuple:
        """Two with the same have the same words."""
        return self.event, self.campaign.id, self.campaign.version, self.uses, self.uses_left, self.language


@dataclass(frozen=True)
class Message:
    """A delivery that was taken, and all that is needed to send it; `badge` is how many vouchers wait unopened."""

    row: Any  # the columns above
    notice: Notice
    badge: int

    @property
    def address(self) -> str:
        """The holder's voucher, or where a member changes the password."""
        campaign = self.notice.campaign
        return f"{self.row.origin}/" + (
            f"vouchers/{self.row.code}"
            if self.row.code
            else f"merchants/{campaign.merchant.slug}/campaigns/{campaign.slug}/password"
        )

    @cached_property
    def topic(self) -> str:
        """The same for what is the same news of the same voucher: the later takes the place of the earlier."""
        row = self.row
        which = f"{row.code or row.campaign} {row.event} {row.about if row.event in OF_A_USE else ''}"
        return hashlib.sha256(which.encode()).hexdigest()[:32]


@dataclass
class Outcome:
    """What became of messages, to be written down."""

    done: list[int] = field(default_factory=list)  # deliveries: sent, or not to be sent any more
    gone: list[int] = field(default_factory=list)  # subscriptions: their service knows them no more
    later: list[tuple[Any, datetime]] = field(default_factory=list)  # rows, and when they are due again

    def __len__(self) -> int:
        return len(self.done) + len(self.gone) + len(self.later)


def is_waiting(now: datetime) -> bool:
    """Whether any message is due."""
    return Delivery.select().where(Delivery.due_at <= now).exists()


def take(
    most: int, now: datetime, vapid_key: str, *, concerns: Concerns, but: Collection[str] = ()
) -> list[Message] | None:
    """Take messages that are due, and leave out the push services `but`; strikes off what is not to be sent.

    `concerns` tells whether an attack still goes on and an account may do something about it. None where nothing was
    due.
    """
    ids = _take(most, now, but) if is_waiting(now) else []
    if not ids:
        return None
    rows = list(_rows().where(Delivery.id.in_(ids)).order_by(Delivery.id).namedtuples())
    campaigns = {
        campaign.id: campaign
        for campaign in Campaign.select(Campaign, Merchant)
        .join(Merchant)
        .where(Campaign.id.in_({row.campaign for row in rows}))
    }
    muted = _muted({row.account for row in rows})
    good = [
        row
        for row in rows
        if row.vapid_key == vapid_key
        and _is_wanted(row, campaigns[row.campaign], muted)
        and _is_true(row, campaigns[row.campaign], now, concerns)
    ]
    settle(Outcome(done=sorted({row.id for row in rows} - {row.id for row in good})))
    badges = _badges({row.account for row in good}, now)
    return [
        Message(
            row,
            Notice(Event(row.event), campaigns[row.campaign], row.uses, row.uses_left, row.language),
            badges.get(row.account, 0),
        )
        for row in good
    ]


def _take(most: int, now: datetime, but: Collection[str]) -> list[int]:
    due = Delivery.select(Delivery.id).where(Delivery.due_at <= now).order_by(Delivery.due_at, Delivery.id)
    if but:
        due = due.join(Subscription).where(Subscription.service.not_in(list(but)))
    due = due.limit(most)
    if not on_sqlite():
        due = due.for_update("FOR NO KEY UPDATE", of=Delivery, skip_locked=True)

    def write() -> list[int]:
        taken = Delivery.update(due_at=now + LEASE, tries=Delivery.tries + 1).where(Delivery.id.in_(due))
        return [row.id for row in taken.returning(Delivery.id)]

    return write_transaction(write)


def _rows():
    return (
        Delivery.select(*(column.alias(name) for name, column in COLUMNS.items()))
        .join(Subscription)
        .join(Session)
        .switch(Delivery)
        .join(Voucher, JOIN.LEFT_OUTER)
    )


def _muted(accounts: set[int]) -> set[tuple[int, str]]:
    return set(Mute.select(Mute.account, Mute.what).where(Mute.account.in_(accounts)).tuples())


def _is_wanted(row: Any, campaign: Campaign, muted: set[tuple[int, str]]) -> bool:
    """A shop that tells its customers too much for a person may be their own: an attack on it is another matter."""
    of_merchant = set() if row.event == Event.UNDER_ATTACK else {(row.account, OF_MERCHANT + campaign.merchant.slug)}
    return not muted & {(row.account, row.event), *of_merchant}


def _is_true(row: Any, campaign: Campaign, now: datetime, concerns: Concerns) -> bool:
    """Whether it is still so, and still said to who was told that they would be."""
    if row.session_ends <= now or row.made_at + events.PATIENCE <= now:
        return False
    if row.event == Event.UNDER_ATTACK:
        return concerns(row.account, campaign, now)
    if row.event in (*OF_A_USE, Event.REVOKED):
        return True
    left = row.uses_left > 0 and row.revoked_at is None
    if row.event == Event.ENDED:
        return left and campaign.ended_at is not None
    if row.event == Event.PERIOD_CHANGED:  # also where it is over by that
        return left and campaign.ended_at is None
    if row.event == Event.ENDS_SOON and (row.archived_at or not events.ends_tomorrow(campaign, now)):
        return False
    return left and not campaign.is_over(now)


def _badges(accounts: set[int], now: datetime) -> dict[int, int]:
    """How many vouchers of each wait to be opened: good ones that are not archived, as the wallet counts them."""
    good = (
        Voucher.opened_at.is_null()
        & Voucher.revoked_at.is_null()
        & (Voucher.uses_left > 0)
        & Voucher.archived_at.is_null()
        & Campaign.ended_at.is_null()
        & (Campaign.ends_at > now)
    )
    rows = (
        Voucher.select(Voucher.consumer, fn.COUNT(Voucher.id))
        .join(Campaign)
        .where(good & Voucher.consumer.in_(accounts))
        .group_by(Voucher.consumer)
    )
    return dict(rows.tuples())


def settle(outcome: Outcome) -> None:
    """Write down what became of messages; what another worker has taken meanwhile stays its own."""

    def write() -> None:
        if outcome.done:
            Delivery.delete().where(Delivery.id.in_(outcome.done)).execute()
        if outcome.gone:
            Subscription.delete().where(Subscription.id.in_(outcome.gone)).execute()
        for row, due_at in outcome.later:
            mine = (Delivery.id == row.id) & (Delivery.due_at == row.due_at)
            Delivery.update(due_at=due_at).where(mine).execute()

    if len(outcome):
        write_transaction(write)
