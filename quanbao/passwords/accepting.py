"""Which redemption passwords a campaign accepts: its own and those that it lists, or all of its shop's.

Of those, the ones that have not ended and, where the campaign is restricted to branches, are of one of them or of none.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from peewee import Expression, fn

from models import Campaign, CampaignPassword, PasswordKind, RedemptionPassword
from quanbao.lib.compiled_queries import statement

if TYPE_CHECKING:
    from models import Rows


VALUES = {  # that a password has at once, at most; of one-time digits, each till page that shows some
    PasswordKind.FIXED: 1,
    PasswordKind.DAILY: 2,
    PasswordKind.AUTHENTICATOR: 3,
    PasswordKind.ONE_TIME: 1,
}
MOST_VALUES = 3  # of six digits each: then thirty mistakes a day are left


def accepted() -> Expression:
    """As a condition on a password and a campaign of one query; ended ones are among them."""
    this = (CampaignPassword.campaign == Campaign.id) & (CampaignPassword.password == RedemptionPassword.id)
    listed = fn.EXISTS(CampaignPassword.select(CampaignPassword.campaign).where(this))
    own = RedemptionPassword.id == Campaign.password
    return (RedemptionPassword.merchant == Campaign.merchant) & (Campaign.accepts_all | own | listed)


def is_good(row: RedemptionPassword, campaign: Campaign, now: datetime) -> bool:
    """Whether a password that the campaign accepts is good now."""
    if row.ends_at is not None and row.ends_at <= now:
        return False
    return not campaign.branch_slugs or row.branch_slug is None or row.branch_slug in campaign.branch_slugs


def to_compare(rows: Sequence[RedemptionPassword], branch: str | None) -> list[RedemptionPassword]:
    """Of the passwords that are good for a campaign those that are compared where this branch was chosen.

    All of them while they are few. Of many, those of the branch and those of none, so that cashiers may go on
    mistyping; the oldest where that leaves none, so that no try is free. Which are compared does not tell how many
    digits they have.
    """
    if branch is None or not are_many(rows):
        return list(rows)
    return [row for row in rows if row.branch_slug in (None, branch)] or list(rows[:1])


def are_many(rows: Iterable[RedemptionPassword]) -> bool:
    """Whether so many values are compared at once that the branch is asked for first."""
    return sum(VALUES[PasswordKind(row.kind)] for row in rows) > MOST_VALUES


def of_campaign(campaign: Campaign, now: datetime) -> list[RedemptionPassword]:
    """The passwords that are good for the campaign now, the oldest first."""
    return [row for row in _of_campaign(campaign.id) if is_good(row, campaign, now)]


@statement
def _of_campaign(campaign):
    rows = RedemptionPassword.select().join(Campaign, on=accepted()).where(Campaign.id == campaign)
    return rows.order_by(RedemptionPassword.id)


def campaigns_of(password: RedemptionPassword | int) -> "Rows[Campaign]":
    """As a query: the campaigns that accept it, the oldest first."""
    rows = Campaign.select().join(RedemptionPassword, on=accepted())
    return rows.where(RedemptionPassword.id == password).order_by(Campaign.id)


def beside(campaign: Campaign) -> "Rows[CampaignPassword]":
    """As a query: the ids of the passwords that the campaign lists beside its own."""
    return CampaignPassword.select(CampaignPassword.password).where(CampaignPassword.campaign == campaign)


def replace(old: RedemptionPassword, new: RedemptionPassword) -> None:
    """Campaigns that accept the one by name accept the other instead; in the caller's transaction."""
    Campaign.update(password=new).where(Campaign.password == old).execute()
    listing = CampaignPassword.select(CampaignPassword.campaign).where(CampaignPassword.password == old)
    for (campaign,) in list(listing.tuples()):
        CampaignPassword.insert(campaign=campaign, password=new).on_conflict_ignore().execute()
    CampaignPassword.delete().where(CampaignPassword.password == old).execute()


def put_before(old: RedemptionPassword, new: RedemptionPassword) -> None:
    """Campaigns that accept the one by name accept the other too, and take it for their own; in the caller's
    transaction."""
    listing = CampaignPassword.select(CampaignPassword.campaign).where(CampaignPassword.password == old)
    for (campaign,) in list(listing.tuples()):
        CampaignPassword.insert(campaign=campaign, password=new).on_conflict_ignore().execute()
    for row in list(Campaign.select(Campaign.id).where(Campaign.password == old)):
        CampaignPassword.insert(campaign=row, password=old).on_conflict_ignore().execute()
    Campaign.update(password=new).where(Campaign.password == old).execute()


def accept(
    campaign: Campaign, *, own: RedemptionPassword, beside: Iterable[RedemptionPassword] = (), all_: bool
) -> None:
    """From now on the campaign accepts these; in the caller's transaction."""
    CampaignPassword.delete().where(CampaignPassword.campaign == campaign).execute()
    for row in beside:
        CampaignPassword.create(campaign=campaign, password=row)
    Campaign.update(password=own, accepts_all=all_, version=Campaign.version + 1).where(
        Campaign.id == campaign.id
    ).execute()
