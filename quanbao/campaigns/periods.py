"""The instants of periods, computed again from what was entered when the time zone data has a newer release.

A date stays that date, and a time of the wall clock that time, whatever a government has decided since. What is over
is left alone, so that no voucher comes back: a campaign that was ended, and one whose end has passed. A start that has
passed moves only as far as it stays passed. A time that was entered with its offset is one instant for ever.
"""

from datetime import datetime

from database import Changed, locked, write_transaction
from models import Campaign, Merchant, ZoneData
from quanbao.campaigns import rules
from quanbao.messages import events
from zones import RELEASE, ZoneInfo, ZoneInfoNotFoundError

ONLY = 1  # the id of the one row
Period = tuple[datetime, datetime]


def is_behind(release: str = RELEASE) -> bool:
    """Whether the periods were computed with an older release than this one."""
    row = ZoneData.get_or_none()
    return row is None or row.release < release


def is_ahead(release: str = RELEASE) -> bool:
    """Whether another installation has computed the periods with a newer release than this one."""
    row = ZoneData.get_or_none()
    return row is not None and row.release > release


def catch_up(now: datetime, release: str = RELEASE) -> int:
    """Compute the periods again where the time zone data is newer than what they come from; how many changed.

    One transaction, once for all processes that start together; where nothing is newer, one query and no lock. An
    older release changes nothing back. The version of what changed rises; holders are told of another period.
    """
    return write_transaction(lambda: _catch_up(now, release)) if is_behind(release) else 0


def _catch_up(now: datetime, release: str) -> int:
    ZoneData.insert(id=ONLY, release="").on_conflict_ignore().execute()
    row = locked(ZoneData.select()).get()
    if row.release >= release:  # another process was faster
        return 0
    to_come = Campaign.ended_at.is_null() & (Campaign.ends_at > now)
    rows = Campaign.select(Campaign, Merchant).join(Merchant).where(to_come).order_by(Campaign.id)
    changed = sum(_move(campaign, now) for campaign in list(rows))
    ZoneData.update(release=release).execute()
    return changed


def _move(campaign: Campaign, now: datetime) -> bool:
    """Give the campaign the period that its entries mean now; whether that is another one."""
    before = campaign.starts_at, campaign.ends_at
    starts, ends = period = _meant(campaign, now)
    if period == before or starts >= ends:  # the latter: of two entries one had an offset
        return False
    columns = {"starts_at": starts, "ends_at": ends, "version": campaign.version + 1}
    if ends != before[1]:
        columns["reminded_at"] = None
    unchanged = (Campaign.id == campaign.id) & (Campaign.version == campaign.version)
    if not Campaign.update(columns).where(unchanged).execute():
        raise Changed
    campaign.version += 1
    if ends != before[1] or max(starts, before[0]) > now:  # a start that stays passed is no news
        events.period_changed(campaign, now)
    return True


def _meant(campaign: Campaign, now: datetime) -> Period:
    try:
        zone = ZoneInfo(campaign.merchant.time_zone)
    except ZoneInfoNotFoundError:
        return campaign.starts_at, campaign.ends_at
    starts, ends = campaign.starts_at, campaign.ends_at
    if campaign.starts_entered:
        starts = rules.instant(campaign.starts_entered, zone)
    if campaign.ends_entered:
        ends = rules.instant(campaign.ends_entered, zone, is_end=True)
    return campaign.starts_at if campaign.starts_at <= now < starts else starts, ends
