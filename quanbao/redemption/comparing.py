"""Comparing what was typed with all the values that are good now, which takes as long whatever it is."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import Attempt, Campaign, OneTimeValue, PasswordKind, RedemptionPassword
from quanbao.campaigns import opening_hours
from quanbao.lib.compiled_queries import statement
from quanbao.passwords import accepting, changing, redemption_passwords
from quanbao.passwords.guess_limits import Tries

LIFETIME = timedelta(seconds=60)  # of the digits of a one-time password


@dataclass(frozen=True)
class Value:
    """Digits that are good now; `step` tells which of a password's, where each is good once."""

    digits: str
    step: int | None = None


@dataclass(frozen=True)
class Accepted:
    """A password that a campaign accepts, with its values of now and what stands in its budgets."""

    row: RedemptionPassword
    tries: Tries
    values: Sequence[Value]

    @property
    def lengths(self) -> list[int]:
        return [len(value.digits) for value in self.values]


@dataclass(frozen=True)
class Match:
    """The password that was typed; `used` where its step was used up before."""

    row: RedemptionPassword
    step: int | None
    used: bool = False


def accepted(
    campaign: Campaign, rows: Iterable[tuple[RedemptionPassword, Tries]], now: datetime, key: str, branch: str | None
) -> list[Accepted]:
    """Of the passwords that the campaign accepts those that are good now, in the order of their ids; of many those of
    the branch that was sent."""
    tries = {row: of for row, of in rows if accepting.is_good(row, campaign, now)}
    compared = accepting.to_compare(list(tries), branch)
    return [Accepted(row, tries[row], values(row, campaign, now, key)) for row in compared]


def values(row: RedemptionPassword, campaign: Campaign, now: datetime, key: str) -> list[Value]:
    """The password's values for the campaign now. Raises WrongKey."""
    secret = redemption_passwords.reveal(row, key)
    if row.kind == PasswordKind.DAILY:
        wall = now.astimezone(campaign.merchant.zone)
        days = changing.good_days(wall, opening_hours.began_yesterday(wall, campaign.weekdays, campaign.hours))
        return [Value(changing.of_day(secret, day)) for day in days]
    if row.kind == PasswordKind.AUTHENTICATOR:
        return [Value(changing.at_step(secret, step), step) for step in changing.good_steps(now)]
    if row.kind == PasswordKind.ONE_TIME:
        return [Value(changing.at_step(secret, step), step) for (step,) in _shown(row.id, now - LIFETIME, now)]
    return [Value(secret)]


def matching(compared: Sequence[Accepted], typed: str, branch: str | None) -> list[Match]:
    """The passwords of which `typed` (ASCII digits) is a value: those of the branch that was sent first, else by id.

    Every value is looked at, also after one that matches.
    """
    found = []
    for one in compared:
        same = [value for value in one.values if is_same(value.digits, typed)]
        found += [Match(one.row, value.step, is_used(one.row, value.step)) for value in same]
    return sorted(found, key=lambda match: (branch is None or match.row.branch_slug != branch, match.row.id))


def is_same(digits: str, typed: str) -> bool:
    """Whether they are the same; takes as long whatever was typed."""
    return hmac.compare_digest(redemption_passwords.padded(digits), redemption_passwords.padded(typed))


def is_used(row: RedemptionPassword, step: int | None) -> bool:
    """Whether a stored verdict has used up this step of the password, at whatever door."""
    return step is not None and bool(_with_step(row.id, step))


@statement
def _with_step(password, step):
    this = (Attempt.password == password) & (Attempt.password_step == step)
    return Attempt.select(Attempt.id).where(this).tuples()


@statement
def _shown(password, since, until):
    live = (OneTimeValue.password == password) & (OneTimeValue.made_at > since) & (OneTimeValue.made_at <= until)
    return OneTimeValue.select(OneTimeValue.step).where(live).order_by(OneTimeValue.id).tuples()
