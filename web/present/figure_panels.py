"""The panels of the figures page: a chart each, and the numbers behind it."""

from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import gettext

from models import Campaign
from quanbao.campaigns.figures import Figures
from quanbao.redemption.reasons import Reason
from web.present import charts, formats
from web.present.messages import REASONS

Rows = list[tuple[str, int]]


@dataclass(frozen=True)
class Panel:
    """`head` is what the rows are of; a drawing is there once something was counted."""

    id: str
    title: str
    head: str
    rows: Rows
    columns: charts.Columns | None = None
    bars: list[charts.Bar] | None = None
    share: bool = False  # whether each bar is a part of the first one


def panels(campaign: Campaign, table: Figures, branches: dict[str, str], now: datetime) -> list[Panel]:
    """The panels in their order; `branches` are names by slug."""
    return [_funnel(campaign, table), *_redeemed(campaign, table, now), _by_branch(table, branches), _refused(table)]


def _funnel(campaign: Campaign, table: Figures) -> Panel:
    rows = [(gettext("Issued"), table.issued), (gettext("Opened"), table.opened), (gettext("Redeemed"), table.redeemed)]
    drawn = charts.bars(rows) if table.issued else None
    return Panel(
        "funnel",
        gettext("From issued to redeemed"),
        gettext("Vouchers"),
        rows,
        bars=drawn,
        share=campaign.uses_per_voucher == 1,
    )


def _redeemed(campaign: Campaign, table: Figures, now: datetime) -> list[Panel]:
    """By day, from the first day of the period to today or its last; and by hour."""
    day_of = campaign.merchant.day
    days = [day_of(campaign.starts_at), *map(date.fromisoformat, table.by_day)]
    last = max(min(day_of(now), day_of(campaign.ends_at)), *days)
    by_day = charts.by_day(table.by_day, min(days), last, formats.day) if table.by_day else None
    by_hour = charts.by_hour(table.by_hour, formats.wall_time) if table.by_hour else None
    return [
        Panel(
            "by-day",
            gettext("Redeemed by day"),
            gettext("Day"),
            [(formats.day(day), count) for day, count in table.by_day.items()],
            by_day,
        ),
        Panel(
            "by-hour",
            gettext("Redeemed by hour"),
            gettext("Hour"),
            [(formats.wall_time(f"{hour}:00"), count) for hour, count in table.by_hour.items()],
            by_hour,
        ),
    ]


def _by_branch(table: Figures, branches: dict[str, str]) -> Panel:
    rows = _most_first(
        [(branches.get(slug, gettext("No branch named")), count) for slug, count in table.by_branch.items()]
    )
    return Panel("by-branch", gettext("Redeemed by branch"), gettext("Branch"), rows, bars=_bars(rows))


def _refused(table: Figures) -> Panel:
    rows = _most_first([(str(REASONS[Reason(reason)][0]), count) for reason, count in table.refused.items()])
    return Panel("refused", gettext("Refused"), gettext("Reason"), rows, bars=_bars(rows))


def _bars(rows: Rows) -> list[charts.Bar] | None:
    return charts.bars(rows, gettext("All others")) if rows else None


def _most_first(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: -row[1])
