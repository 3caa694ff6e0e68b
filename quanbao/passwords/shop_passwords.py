"""A shop's passwords: made, renamed, given a branch or a member, ended; and the digits that its till pages show."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import IntegrityError

from database import locked, write_transaction
from models import (
    Branch,
    Campaign,
    CampaignPassword,
    Member,
    Merchant,
    OneTimeValue,
    PasswordKind,
    RedemptionPassword,
    Session,
)
from quanbao.lib import merging
from quanbao.lib.account_lock import Overtaken
from quanbao.lib.names import folded, tidy
from quanbao.lib.validation import is_text
from quanbao.passwords import accepting, changing, guess_limits, redemption_passwords

LONGEST_NAME = 100
MOST = 50  # of a shop: every try is compared with all that its campaign accepts


class Refused(Exception):
    """It cannot be so: `field` and `code` say why; `about` names what stands against it."""

    def __init__(self, field: str, code: str, about: str = ""):
        super().__init__(f"{field}: {code}")
        self.field, self.code, self.about = field, code, about


@dataclass(frozen=True)
class Entered:
    """What people say of a password: its name, and the branch and member that it stands for."""

    name: str
    branch: str | None = None
    member: int | None = None


def is_name(value: Any) -> bool:
    """Whether a password may be called so: one line of text as it is kept."""
    return is_text(value, LONGEST_NAME) and tidy(value) == value


def of_merchant(merchant: Merchant, now: datetime) -> list[RedemptionPassword]:
    """Those that have not ended, the oldest first."""
    return list(redemption_passwords.current(merchant, now))


def check(merchant: Merchant, entered: Entered) -> None:
    """Raise Refused where no password can be made of this."""
    _judged(merchant, entered)


def add(
    merchant: Merchant, entered: Entered, kind: PasswordKind, content: str | None, *, key: str, now: datetime
) -> RedemptionPassword:
    """Another password; raises Refused. `content` are its digits or its secret, none to have them made."""

    def write() -> RedemptionPassword:
        redemption_passwords.lock(merchant)
        columns = _judged(merchant, entered)
        if redemption_passwords.standing(merchant).count() >= MOST:
            raise Refused("name", "too_many")
        made = content
        if kind == PasswordKind.FIXED:
            if content and redemption_passwords.in_use(merchant, content, key, now):
                raise Refused("redemption_password", "twice")
            made = content or redemption_passwords.unused(merchant, key, now)
        return redemption_passwords.create(
            merchant, made or changing.new_secret(), key=key, now=now, kind=kind, **columns
        )

    return write_transaction(write)


def change(row: RedemptionPassword, entered: Entered) -> None:
    """Another name, branch or member; raises Refused. Tries that are under way are judged by what was before."""

    def write() -> None:
        redemption_passwords.lock(row.merchant)
        columns = _judged(row.merchant, entered, but=row)
        _lock(row)
        RedemptionPassword.update(**columns).where(RedemptionPassword.id == row.id).execute()
        _raise_versions(row)

    write_transaction(write)


def renew(row: RedemptionPassword, typed: str | None, overlap: timedelta, *, key: str, now: datetime) -> None:
    """Other digits or another secret, as `redemption_passwords.give_content` says; raises Refused where they are the
    same."""

    def write() -> None:
        redemption_passwords.lock(row.merchant)
        fresh = locked(RedemptionPassword.select().where(RedemptionPassword.id == row.id)).get()
        fresh.merchant = row.merchant
        if not redemption_passwords.give_content(fresh, typed, key=key, now=now, overlap=overlap):
            raise Refused("redemption_password", "same")

    write_transaction(write)


def end(row: RedemptionPassword, now: datetime, after: timedelta = redemption_passwords.AT_ONCE) -> None:
    """It opens nothing from then on; raises Refused where it is all that a campaign accepts that is not over."""

    def write() -> None:
        redemption_passwords.lock(row.merchant)
        _lock(row)
        for campaign in list(accepting.campaigns_of(row)):
            good = accepting.of_campaign(campaign, now)
            others = [other for other in good if other != row and other.ends_at is None]
            if not others and not campaign.is_over(now):
                raise Refused("end", "only_password", campaign.product)
            if others and campaign.password_id == row.id:
                Campaign.update(password=others[0]).where(Campaign.id == campaign.id).execute()
                if after:
                    CampaignPassword.insert(campaign=campaign, password=row).on_conflict_ignore().execute()
        _raise_versions(row)
        at = now + after if row.ends_at is None else min(row.ends_at, now + after)
        RedemptionPassword.update(ends_at=at, spent_at=None).where(RedemptionPassword.id == row.id).execute()

    write_transaction(write)


def accept(campaign: Campaign, chosen: set[int], now: datetime) -> None:
    """From now on the campaign accepts these of its shop's passwords, by their ids, or all where that is none.

    What is ending beside one of them, under its name, stays good until then. Raises merging.Conflict where one of them
    does not stand any more: all would be more than was chosen.
    """

    def write() -> None:
        redemption_passwords.lock(campaign.merchant)
        rows = list(redemption_passwords.standing(campaign.merchant))
        listed = [row for row in rows if row.id in chosen]
        if len(listed) != len(chosen):
            raise merging.Conflict({"accepted": sorted(row.id for row in rows)})
        names = {folded(row.name) for row in listed}
        good = accepting.of_campaign(campaign, now)
        ending = [row for row in good if row.ends_at is not None and folded(row.name) in names]
        own = next(
            (row for row in listed if row.id == campaign.password_id), (listed or rows or [campaign.password])[0]
        )
        accepting.accept(campaign, own=own, beside=[*(row for row in listed if row != own), *ending], all_=not listed)

    write_transaction(write)


def shown_at(member: Member, places: Iterable[Branch]) -> list[RedemptionPassword]:
    """The daily and one-time passwords whose digits this member's till page shows: their own and of their branches."""
    slugs = {place.slug for place in places}
    rows = redemption_passwords.standing(member.merchant).where(
        RedemptionPassword.kind.in_((PasswordKind.DAILY, PasswordKind.ONE_TIME))
    )
    return [
        row
        for row in rows
        if row.member_id in (None, member.id) and (row.branch_slug is None or row.branch_slug in slugs)
    ]


def mistakes(rows: Iterable[RedemptionPassword], key: str) -> int:
    """How often a day cashiers may mistype where all of these are compared at once, as the budgets allow."""
    lengths = []
    for row in rows:
        fixed = row.kind == PasswordKind.FIXED
        digits = len(redemption_passwords.reveal(row, key)) if fixed else changing.DIGITS
        lengths += [digits] * accepting.VALUES[PasswordKind(row.kind)]
    return guess_limits.mistakes(lengths)


def shown(row: RedemptionPassword, now: datetime, key: str) -> str | None:
    """The digits that an owner may be shown, fixed ones or today's; none where they change by the minute.

    The secret behind digits that change is shown nowhere.
    """
    if row.kind == PasswordKind.FIXED:
        return redemption_passwords.reveal(row, key)
    return of_today(row, now, key) if row.kind == PasswordKind.DAILY else None


def of_today(row: RedemptionPassword, now: datetime, key: str) -> str:
    """The digits of a daily password on the merchant's day."""
    return changing.of_day(redemption_passwords.reveal(row, key), row.merchant.day(now))


def new_digits(row: RedemptionPassword, session: Session, now: datetime, key: str) -> str:
    """Digits of a one-time password for this session, good once and for a minute; those before are good no more.

    Raises account_lock.Overtaken where the session ended a moment ago.
    """
    step = secrets.randbits(62)

    def write() -> None:
        _lock(row)
        OneTimeValue.delete().where((OneTimeValue.password == row) & (OneTimeValue.session == session)).execute()
        OneTimeValue.create(password=row, session=session, step=step, made_at=now)

    try:
        write_transaction(write)
    except IntegrityError:  # the values of a session go with it
        raise Overtaken from None
    return changing.at_step(redemption_passwords.reveal(row, key), step)


def _lock(row: RedemptionPassword) -> None:
    """Tries that compare with it are through, or wait."""
    locked(RedemptionPassword.select().where(RedemptionPassword.id == row.id)).get()


def _raise_versions(row: RedemptionPassword) -> None:
    opened = [campaign.id for campaign in accepting.campaigns_of(row)]
    Campaign.update(version=Campaign.version + 1).where(Campaign.id.in_(opened)).execute()


def _judged(merchant: Merchant, entered: Entered, but: RedemptionPassword | None = None) -> dict[str, object]:
    name = tidy(entered.name)
    if not is_text(name, LONGEST_NAME):
        raise Refused("name", "name")
    for other in redemption_passwords.standing(merchant):
        if other != but and folded(other.name) == folded(name):
            raise Refused("name", "twin", other.name)
    places = Branch.select().where((Branch.merchant == merchant) & (Branch.slug == entered.branch))
    if entered.branch is not None and not places.exists():
        raise Refused("branch", "branch")
    people = Member.select().where((Member.merchant == merchant) & (Member.id == entered.member))
    if entered.member is not None and not people.exists():
        raise Refused("member", "member")
    return {"name": name, "branch_slug": entered.branch, "member": entered.member}
