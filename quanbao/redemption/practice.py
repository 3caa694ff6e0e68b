"""Practice: a voucher of a shop that is nowhere, to try both doors with. Nothing of it is kept, so it counts nowhere.

It opens nothing real, and nothing real opens it: no merchant may have its password, no code of ours has the letters
of its codes, no redemption its number or its words. What is typed is compared with its password and forgotten.
"""

from datetime import UTC, datetime, time, timedelta

from models import Campaign, Kind, Merchant, Voucher
from quanbao.lib import typed_codes
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.reasons import Reason
from quanbao.redemption.redeem import Verdict
from quanbao.vouchers import wallet

PASSWORD = "123456"  # passwords.is_trivial: refused wherever one is entered
VOUCHER = "PRACTICEPRACTICE"  # issuing.ALPHABET has no I
COUNTER_CODE = "TRYOUT"  # and no O
NUMBER = 0  # the first redemption of a day is number 1
WORDS = {"en": "practice only", "zh": "练习 专用"}  # none of them is in quanbao/word_lists/
AROUND = timedelta(days=30)  # so long the campaign runs before and after


def voucher(merchant: Merchant, product: str, now: datetime) -> Voucher:
    """An unused voucher for a discount; the merchant may be one that is nowhere kept either."""
    starts_at, ends_at = (
        datetime.combine(merchant.day(now) + days, time(), merchant.zone).astimezone(UTC) for days in (-AROUND, AROUND)
    )
    campaign = Campaign(
        merchant=merchant,
        kind=Kind.DISCOUNT,
        product=product,
        original_price=3000,
        offer_price=1800,
        quantity=100,
        starts_at=starts_at,
        ends_at=ends_at,
        uses_per_voucher=1,
        published_at=now,
    )
    return Voucher(campaign=campaign, code=VOUCHER, uses=1, uses_left=1)


def is_code(typed: str) -> bool:
    """Whether this is the counter code of practice, which `counter.plain` takes for no code at all."""
    return typed_codes.bare(typed) == COUNTER_CODE


def attempt(of: Voucher, typed: str | None, attempt_id: str, now: datetime) -> Verdict:
    """What the keypad says to `typed`, the digits as `passwords.digits` has them."""
    if typed == PASSWORD:
        return redeem(of, TillEntry(), attempt_id, now)
    reason = Reason.MALFORMED if typed is None else Reason.PASSWORD_INCORRECT
    return Verdict(attempt_id, reason, _described(of, now))


def redeem(of: Voucher, till: TillEntry, attempt_id: str, now: datetime) -> Verdict:
    """A verdict as of a redemption, whose number and words are plainly none."""
    of.uses_left, of.ended_at = 0, now
    words = WORDS.get(of.campaign.merchant.language, WORDS["en"])
    return Verdict(
        attempt_id,
        None,
        _described(of, now),
        {"number": NUMBER, "words": words},
        wallet.moment(now),
        {"branch": till.branch, "amount": till.amount, "counter": False},
    )


def _described(of: Voucher, now: datetime) -> wallet.Description:
    """As a real one is described, of which nothing is kept to be looked up."""
    return wallet.describe(of, now, places=[], shown=wallet.on_offer(of.campaign))
