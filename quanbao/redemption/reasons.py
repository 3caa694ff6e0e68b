"""Why a try at the till was refused (the codes of docs/contract.md), a redemption rolled back, a voucher revoked."""

from enum import StrEnum

from quanbao.lib.validation import is_text

LONGEST_NOTE = 500


class Reason(StrEnum):
    NOT_FOUND = "not_found"
    MALFORMED = "malformed"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    BUSY = "busy"
    PASSWORD_INCORRECT = "password_incorrect"
    PASSWORD_USED = "password_used"
    # From here on in the order of the checks.
    REVOKED = "revoked"
    CAMPAIGN_ENDED = "campaign_ended"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    OUTSIDE_HOURS = "outside_hours"
    SOLD_OUT = "sold_out"
    GROUP_ONLY = "group_only"
    NEW_CUSTOMERS_ONLY = "new_customers_only"
    CUSTOMER_LIMIT_REACHED = "customer_limit_reached"
    MINIMUM_SPEND = "minimum_spend"
    WRONG_BRANCH = "wrong_branch"
    PRICE_CHANGED = "price_changed"
    ALREADY_REDEEMED = "already_redeemed"
    USED_UP = "used_up"


class RolledBack(StrEnum):
    WRONG_VOUCHER = "wrong_voucher"
    WRONG_CUSTOMER = "wrong_customer"
    BY_MISTAKE = "by_mistake"
    CHANGED_MIND = "changed_mind"
    GOODS_RETURNED = "goods_returned"
    OTHER = "other"


class Revoked(StrEnum):
    BY_MISTAKE = "by_mistake"
    WRONG_CUSTOMER = "wrong_customer"
    CUSTOMER_ASKED = "customer_asked"
    MISUSE = "misuse"
    OFFER_WITHDRAWN = "offer_withdrawn"
    OTHER = "other"


class Unexplained(Exception):
    """No reason of the list was given, or a note that cannot be taken; `field` is `reason` or `note`."""

    def __init__(self, field: str):
        super().__init__(field)
        self.field = field


def explained(reasons: type[StrEnum], reason: str, note: str) -> tuple[str, str]:
    """One of these reasons and its note, as they are kept; raises Unexplained. Another reason says which."""
    note = note.replace("\r\n", "\n").strip()
    if reason not in set(reasons):
        raise Unexplained("reason")
    if not is_text(note, LONGEST_NOTE) if note else reason == "other":
        raise Unexplained("note")
    return reason, note
