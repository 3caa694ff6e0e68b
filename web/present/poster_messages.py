"""What people are told about posters."""

from flask_babel import lazy_gettext as _

from models import ClaimedBy
from quanbao.redemption.reasons import Reason
from web.present.messages import REASONS, Text

# Why a poster gives nothing now, by the reasons that programs know.
POSTER_REASONS: dict[str, Text] = {
    "unknown": (_("There is no such poster."), _("Look at its address once more, or ask the shop.")),
    "campaign_ended": REASONS[Reason.CAMPAIGN_ENDED],
    "not_yet_valid": (_("This offer has not begun yet."), _("Come back when its time begins.")),
    "expired": (_("This offer is over."), _("Ask the shop what is on offer now.")),
    "sold_out": (_("All vouchers of this offer are taken."), _("Ask the shop what is on offer now.")),
    "poster_closed": (_("The shop gives out no vouchers here now."), _("Ask the shop about it.")),
    "poster_limit": (_("All of today’s vouchers are taken."), _("Come back tomorrow.")),
    "address_needed": (
        _("This offer is for accounts whose e-mail the shop knows to be theirs."),
        _("Sign in with yours, or ask the shop."),
    ),
    "at_counter": (
        _("This offer is for who is in the shop."),
        _("Scan the code on the screen at the counter; it changes every half minute."),
    ),
    "too_often": (_("Many people are taking one right now."), _("Try again in a minute.")),
}
POSTER_FAULTS: dict[str, str] = {
    "name": _("Enter a name of 1 to 100 characters."),
    "quantity": _("Enter a whole number, at least 1."),
    "per_day": _("Enter a whole number, at least 1, or leave it empty."),
    "per_minute": _("Enter a whole number from 1 to 10,000."),
    "claimed_by": _("Choose one of the two."),
    "ended": _("This campaign was ended: nothing of it is given out any more."),
    "over": _("This campaign is over: nothing of it is given out any more."),
    "nowhere": _("All branches of this campaign are closed: its vouchers could be redeemed nowhere."),
}
CLAIMED_BY: dict[ClaimedBy, str] = {
    ClaimedBy.ANYBODY: _("Anybody"),
    ClaimedBy.PROVED: _("Only accounts with a proved e-mail"),
}
