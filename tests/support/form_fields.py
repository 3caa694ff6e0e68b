"""What each route reads of what is sent with a request: the fields of its form and the words of its address's query.

tests/project/test_form_fields.py fails where a route reads what has no place here. `usual` are forms as they should be.
"""

from typing import Any

from tests.support.factories import PASSWORD
from tests.support.full_merchants import Firm

ACCOUNT = "done email new_password password sure"
CAMPAIGN = (
    "branches ends_at ends_time groups hours kept_picture kind minimum_spend more_groups new_customers_only no_picture "
    "offer_price original_price password password_in_use per_consumer picture place product quantity "
    "redemption_password rollback_gives_back starts_at starts_time sure terms theirs uses_per_voucher weekdays"
)
SELECTION = "after among customer do next q shown_among shown_q"
CUSTOMERS = f"{SELECTION} everybody group name"
MEMBER = "branches do email password role"
OWN_PASSWORD = "overlap password redemption_password replacing"
PUBLICATION = f"{SELECTION} addresses audience file groups"
POSTER = "at_counter claimed_by name per_day per_minute quantity"
REASON = "note reason"
SIGN_IN = "email next password"
TILL = "alarm at before code seen"

FIELDS = {
    endpoint: frozenset(words.split())
    for endpoint, words in {
        "account.change_email": f"{ACCOUNT} shown",
        "account.change_password": ACCOUNT,
        "account.delete": ACCOUNT,
        "account.show": "done",
        "branches.add": "address name",
        "branches.change": "address do name shown theirs",
        "campaigns.change": f"{CAMPAIGN} shown",
        "campaigns.create": CAMPAIGN,
        "campaigns.edit": "sure theirs",
        "campaigns.new": "sure",
        "campaigns.preview": f"{CAMPAIGN} campaign",
        "claims.change": "address do",
        "claims.index": "after q which",
        "claims.link": "address",
        "claims.sheet": "after",
        "customers.index": CUSTOMERS,
        "customers.put": CUSTOMERS,
        "customers.regroup": "do group name",
        "customers.show": "name",
        "demo.sign_in": "email",
        "figures.attempts": "before which",
        "figures.download": "which",
        "figures.show": "alarm seen",
        "home.switch": "language next",
        "keeping.keep": "email password words",
        "keeping.recover": "end_others words",
        "members.change": f"{MEMBER} shown theirs",
        "members.index": MEMBER,
        "members.invite": MEMBER,
        "passwords.accept": f"accepted {OWN_PASSWORD}",
        "passwords.change": OWN_PASSWORD,
        "passwords.renew": OWN_PASSWORD,
        "passwords.reveal": "overlap password redemption_password",
        "pictures.keep": "kept picture",
        "posters.change": "do note reason",
        "posters.make": POSTER,
        "posters.index": POSTER,
        "poster_offer.claim": "pass",
        "poster_offer.show": "pass",
        "till_vouchers.counter": "seen",
        "posters.sheet": "paper",
        "counter_signs.sheet": "paper",
        "posters.show": REASON,
        "practice.attempt": "currency password zone",
        "practice.charge": "at branch",
        "practice.keypad": "currency zone",
        "practice.redeem": "at branch offer_price amount",
        "practice.show": "currency zone",
        "practice.show_code": "currency zone",
        "practice.verdict": "currency zone",
        "publications.new": f"{SELECTION} audience",
        "publications.publish": PUBLICATION,
        "publications.search": PUBLICATION,
        "publications.show": "done",
        "push.choices": "done",
        "push.choose": "done events merchants shown",
        "push.subscribe": "endpoint",  # JSON, with what a browser says beside it
        "push.unsubscribe": "endpoint",
        "redemptions.attempt": "amount attempt_id branch offer_price password",
        "redemptions.redeem": "amount branch",
        "revoking.revoke": REASON,
        "revoking.show": REASON,
        "rollbacks.roll_back": REASON,
        "rollbacks.show": REASON,
        "set_up.set_up": "address branch currency email name password time_zone",
        "sheets.show": "at count day first paper",
        "shop_passwords.add": "branch kind member name password redemption_password",
        "shop_passwords.change": "branch do member name overlap password redemption_password",
        "shop_passwords.enrol": "branch code enrolment kind member name redemption_password",
        "shop_passwords.index": "kind",
        "shop_passwords.reveal": "password",
        "sign_in.show": "next",
        "sign_in.show_sign_up": "next",
        "sign_in.sign_in": SIGN_IN,
        "sign_in.sign_up": SIGN_IN,
        "sign_in.use_link": "next password",
        "till.new_digits": "alarm at before code seen",
        "till.redeem": "amount at branch offer_price",
        "till.show": TILL,
        "till.take": TILL,
        "till.voucher": "at branch",
        "wallet.archive": "archived",
        "wallet_transfer.make": "password",
        "wallet_transfer.use": "code",
    }.items()
}
NAMES = frozenset().union(*FIELDS.values())


def usual(of: Firm) -> dict[str, dict[str, Any]]:
    """What the forms of this merchant hold where nothing is amiss, by route."""
    campaign = {
        "kind": "discount",
        "product": "Own tea",
        "original_price": "30",
        "offer_price": "18",
        "quantity": "2000000",
        "starts_at": "2026-12-01",
        "ends_at": "2026-12-31",
        "uses_per_voucher": "1000",
        "rollback_gives_back": "y",
    }
    branch, why = {"name": "Own", "address": "1 Own Street"}, {"reason": "other", "note": "Own."}
    group = {"customer": of.names["customer"], "name": "regulars", "do": "in"}
    till = {"branch": of.values["branch"], "offer_price": "1800"}
    place = {"role": "cashier", "branches": of.names["branch"]}
    picked = {"audience": "customers", "customer": of.names["customer"]}
    return {
        "account.change_email": {"email": "t@example.org", "password": "not-mine"},
        "account.change_password": {"password": "not-mine", "new_password": "a-long-secret"},
        "account.delete": {"password": "not-mine", "sure": "y"},
        "branches.add": branch,
        "branches.change": branch,
        "campaigns.change": campaign,
        "campaigns.create": campaign,
        "campaigns.preview": campaign,
        "claims.change": {"do": "correct", "address": "d@example.org"},
        "customers.put": group,
        "customers.regroup": group,
        "home.switch": {"language": "en", "next": "/wallet"},
        "keeping.keep": {"email": "k@example.org", "password": "a-long-secret"},
        "keeping.recover": {"words": "acorn airport alpaca anchor apricot apron aquarium armchair", "end_others": "y"},
        "members.change": place,
        "members.invite": {"email": "new@example.org", **place},
        "passwords.change": {"redemption_password": PASSWORD},
        "passwords.reveal": {"password": "not-mine"},
        "posters.change": why | {"do": "revoke"},
        "posters.make": {"name": "Door", "quantity": "9", "per_day": "", "per_minute": "30", "claimed_by": "anybody"},
        "publications.publish": picked,
        "publications.search": picked,
        "push.choose": {"events": ["issued"], "merchants": ["x"]},
        "redemptions.attempt": {"password": PASSWORD, **till},
        "revoking.revoke": why,
        "rollbacks.roll_back": why,
        "sign_in.sign_in": {"email": "mei@example.org", "password": "not-hers-at-all"},
        "sign_in.sign_up": {"email": "s@example.org", "password": "a-long-secret"},
        "sign_in.use_link": {"password": "a-long-secret"},
        "till.redeem": till,
        "till.take": {"code": "K7M3QX"},
        "wallet.archive": {"archived": "yes"},
        "wallet_transfer.use": {"code": "ABCDE-FGHIJ"},
    }
