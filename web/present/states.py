"""The words of a voucher's state, and of a campaign's, with the day since when: the same on every page and message.

`expired` in docs/contract.md is two states in words: a campaign whose time is over, and one that its shop ended before.
"""

from datetime import datetime

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from models import Campaign, State, Voucher
from web.present import formats

STATES: dict[State, str] = {
    State.UNUSED: _("Unused"),
    State.PARTLY_USED: _("Partly used"),
    State.USED: _("Used"),
    State.EXCHANGED: _("Exchanged"),
    State.USED_UP: _("Used up"),
    State.EXPIRED: _("Expired"),
    State.REVOKED: _("Taken back"),
}
ENDED_EARLY = _("Ended early")  # of a campaign, and of its vouchers, whose state is `expired`: the shop ended it

# Since when, or until when. Of a state that is not here the ticket says how long the voucher is good.
SINCE: dict[State, str] = {
    State.USED: _("on %(day)s"),
    State.EXCHANGED: _("on %(day)s"),
    State.USED_UP: _("on %(day)s"),
    State.EXPIRED: _("was good until %(day)s"),
    State.REVOKED: _("taken back by the shop on %(day)s"),
}
ENDED_ON = _("ended by the shop on %(day)s")

# One that the shop ended is ENDED_EARLY.
CAMPAIGN_STATES: dict[str, str] = {
    "draft": _("Draft"),
    "not_started": _("Not started yet"),
    "running": _("Running"),
    "over": _("Over"),
}

GOOD = (State.UNUSED, State.PARTLY_USED)  # something of the voucher can still be redeemed, now or later
PAST = (State.EXPIRED, State.REVOKED)  # what is left of the voucher cannot be redeemed any more


def word(voucher: Voucher, now: datetime) -> str:
    """The state in a word or two."""
    state = _state(voucher, now)
    return str(ENDED_EARLY if _was_ended(voucher, state) else STATES[state])


def since(voucher: Voucher, now: datetime) -> str:
    """How long the voucher is good, or when it came to its end: days of the merchant."""
    campaign, state = voucher.campaign, _state(voucher, now)
    if not (campaign.starts_at and campaign.ends_at):
        return "…"  # a preview of what is not entered yet
    zone = campaign.merchant.zone
    if _was_ended(voucher, state):
        return ENDED_ON % {"day": formats.day(campaign.ended_at, zone)}
    if state == State.EXPIRED:
        return SINCE[state] % {"day": formats.last_day(campaign.ends_at, zone)}
    ended_at = voucher.revoked_at if state == State.REVOKED else voucher.ended_at
    if state in SINCE and ended_at:
        return SINCE[state] % {"day": formats.day(ended_at, zone)}
    if now < campaign.starts_at and state in GOOD:
        return gettext("from %(day)s", day=formats.day(campaign.starts_at, zone))
    return gettext("until %(day)s", day=formats.last_day(campaign.ends_at, zone))


def in_full(voucher: Voucher, now: datetime) -> str:
    """The state and since when, in one line."""
    return f"{word(voucher, now)} · {since(voucher, now)}"


def uses(voucher: Voucher, now: datetime) -> str:
    """How many uses are left, or how many were taken where none can be any more; empty for a voucher of one use."""
    if voucher.uses == 1:
        return ""
    if _state(voucher, now) in PAST:
        return gettext(
            "used %(done)s of %(uses)s times",
            done=formats.count(voucher.uses - voucher.uses_left),
            uses=formats.count(voucher.uses),
        )
    return gettext(
        "%(left)s of %(uses)s uses left", left=formats.count(voucher.uses_left), uses=formats.count(voucher.uses)
    )


def of_campaign(campaign: Campaign, now: datetime) -> str:
    """The state of a campaign in words, with the day where the shop ended it."""
    if campaign.ended_at is not None:
        day = formats.day(campaign.ended_at, campaign.merchant.zone)
        return gettext("%(what)s, %(day)s", what=ENDED_EARLY, day=day)
    names = ["draft"] if campaign.published_at is None else []
    if campaign.is_over(now):
        names.append("over")
    elif not names:
        names.append("not_started" if now < campaign.starts_at else "running")
    return " · ".join(str(CAMPAIGN_STATES[name]) for name in names)


def _state(voucher: Voucher, now: datetime) -> State:
    campaign = voucher.campaign
    return voucher.state(campaign, now) if campaign.ends_at else State.UNUSED


def _was_ended(voucher: Voucher, state: State) -> bool:
    return state == State.EXPIRED and voucher.campaign.ended_at is not None
