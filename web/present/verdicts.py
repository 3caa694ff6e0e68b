"""How a verdict is told to programs, and which screen it stays on."""

from flask_babel import gettext

from quanbao.redemption.reasons import Reason
from quanbao.redemption.redeem import Verdict
from web.present.messages import Text, sentences

STATUS = {
    None: 200,
    Reason.PASSWORD_INCORRECT: 403,
    Reason.PASSWORD_USED: 403,
    Reason.NOT_FOUND: 404,
    Reason.MALFORMED: 422,
    Reason.TOO_MANY_ATTEMPTS: 429,
    Reason.BUSY: 503,
}
# Another try may go better.
SAME_SCREEN = {Reason.PASSWORD_INCORRECT, Reason.PASSWORD_USED, Reason.MALFORMED, Reason.BUSY}


def verdict_as_json(verdict: Verdict, texts: Text | None) -> dict:
    return {
        "outcome": "redeemed" if verdict.redeemed else "refused",
        "reason": verdict.reason,
        "message": sentences(*texts) if texts else gettext("Redeemed."),
        "attempt_id": verdict.attempt_id or None,
        "voucher": verdict.voucher,
        "receipt": verdict.receipt,
        "redeemed_at": verdict.redeemed_at,
    }
