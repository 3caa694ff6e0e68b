"""Why a try at the till was refused: the codes of CONTRACT.md."""

from enum import StrEnum


class Reason(StrEnum):
    NOT_FOUND = "not_found"
    MALFORMED = "malformed"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    BUSY = "busy"
    PASSWORD_INCORRECT = "password_incorrect"
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
