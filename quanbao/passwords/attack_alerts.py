"""A password under attack: guessers have spent its budget, and no keypad of its campaigns can work for a while.

The shop is not closed: counter codes need no password. Its members are told, and a changed password opens
the keypads again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from models import STAFF, Campaign, Member, Merchant, RedemptionPassword
from quanbao.messages import events
from quanbao.passwords import accepting, guess_limits


@dataclass(frozen=True)
class Alarm:
    """A password under attack, and the campaigns that it opens and that are not over."""

    password: RedemptionPassword
    campaigns: list[Campaign]


def sound(campaign: Campaign, compared: Iterable[RedemptionPassword], now: datetime) -> None:
    """Tell the merchant's members, where the wrong try that was just written spent the budget of one of these.

    In the transaction of that try, after `guess_limits.spend`. Once in 24 hours: while guessers go on, a try becomes
    free now and then and is spent at once, and all of it is one attack.
    """
    told, untold = RedemptionPassword.spent_at, False
    for password in compared:
        if guess_limits.spent(password, now) is not None:
            late = told.is_null() | (told <= now - guess_limits.DAY) | (told > now)
            this = (RedemptionPassword.id == password.id) & (RedemptionPassword.version == password.version)
            untold |= RedemptionPassword.update(spent_at=now).where(this & late).execute() > 0
    if untold:
        events.under_attack(campaign, now)


def going_on(merchant: Merchant, now: datetime) -> list[Alarm]:
    """The attacks on passwords of the merchant's; of those that open nothing any more there is nothing to say.

    Every page of the merchant's asks: usually it is one look at an index that is empty.
    """
    mine = (RedemptionPassword.merchant == merchant) & RedemptionPassword.spent_at.is_null(False)
    found = []
    for password in RedemptionPassword.select().where(mine).order_by(RedemptionPassword.id):
        ended = password.ends_at is not None and password.ends_at <= now
        spent = not ended and guess_limits.spent(password, now)
        rows = list(accepting.campaigns_of(password).where(Campaign.is_on(now))) if spent else []
        if rows:
            found.append(Alarm(password, rows))
    return found


def concerns(account: int, campaign: Campaign, now: datetime) -> bool:
    """Whether the attack still goes on, and the member who was to be told may still do something about it."""
    able = (Member.account == account) & (Member.merchant == campaign.merchant_id)
    able &= Member.role.in_(STAFF) & Member.disabled_at.is_null()
    rows = accepting.of_campaign(campaign, now)
    return any(guess_limits.spent(row, now) for row in rows) and Member.select().where(able).exists()
