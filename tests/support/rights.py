"""Who may call what: one row for every route there is. tests/proofs/test_tenants.py asks each of them, as everybody,
in their own house and in another's; a route without a row fails there.

A row says who gets what they ask for. Everybody else is asked to sign in where they have not; a member in another
role is forbidden it; for whoever else there is nothing there.
"""

from enum import StrEnum


class Who(StrEnum):
    """Whoever asks; members as their roles are called."""

    SIGNED_OUT = "signed out"
    STRANGER = "stranger"  # has an account, and nothing else here
    WALLET = "wallet"  # has no address; holds a voucher of their own, made an attempt with it
    CONSUMER = "consumer"  # holds the voucher, made the attempt
    CASHIER = "cashier"
    MANAGER = "manager"
    OWNER = "owner"


EVERYBODY = set(Who)  # a page that is the same for all, or whoever has the link
SIGNED_IN = EVERYBODY - {Who.SIGNED_OUT}  # what is their own
HOLDER = {Who.CONSUMER, Who.WALLET}
ALL = {Who.CASHIER, Who.MANAGER, Who.OWNER}
STAFF = {Who.MANAGER, Who.OWNER}
OWNER = {Who.OWNER}
NOBODY: set[Who] = set()  # there is nothing there, signed in or not

MAY = {
    "account.change_email": SIGNED_IN,
    "account.change_password": SIGNED_IN,
    "account.data": SIGNED_IN,
    "account.delete": SIGNED_IN,
    "account.deleted": EVERYBODY,
    "account.end_others": SIGNED_IN,
    "account.end_session": SIGNED_IN,
    "account.show": SIGNED_IN,
    "assets.static_file": EVERYBODY,
    "branches.add": STAFF,
    "branches.change": STAFF,
    "branches.index": STAFF,
    "campaigns.change": STAFF,
    "campaigns.create": STAFF,
    "campaigns.delete": STAFF,
    "campaigns.duplicate": STAFF,
    "campaigns.edit": STAFF,
    "campaigns.end": STAFF,
    "campaigns.index": STAFF,
    "campaigns.new": STAFF,
    "campaigns.preview": STAFF,
    "campaigns.show": STAFF,
    "claims.change": STAFF,
    "claims.claim": EVERYBODY,
    "claims.download": STAFF,
    "claims.index": STAFF,
    "claims.link": STAFF,
    "claims.sheet": STAFF,
    "claims.show": EVERYBODY,
    "counter.make": HOLDER,
    "counter_signs.sheet": STAFF,
    "counter_signs.show": EVERYBODY,
    "customers.index": STAFF,
    "customers.put": STAFF,
    "customers.regroup": STAFF,
    "customers.separate": STAFF,
    "customers.show": STAFF,
    "demo.step_in": NOBODY,  # but as the demo's own people
    "figures.attempts": STAFF,
    "figures.download": STAFF,
    "figures.show": STAFF,
    "figures.table": STAFF,
    "home.show": EVERYBODY,
    "home.switch": EVERYBODY,
    "keeping.keep": SIGNED_IN,
    "keeping.recover": EVERYBODY,
    "keeping.show": SIGNED_IN,
    "keeping.show_recovery": EVERYBODY,
    "members.change": OWNER,
    "members.index": OWNER,
    "members.invite": OWNER,
    "members.join": SIGNED_IN,
    "members.show_join": EVERYBODY,
    "wallet_transfer.enter": EVERYBODY,
    "wallet_transfer.make": SIGNED_IN,
    "wallet_transfer.show": SIGNED_IN,
    "wallet_transfer.use": EVERYBODY,
    "passwords.accept": OWNER,
    "passwords.change": STAFF,
    "passwords.renew": OWNER,
    "passwords.reveal": OWNER,
    "passwords.show": STAFF,
    "pictures.keep": STAFF,
    "pictures.show": EVERYBODY,
    "poster_offer.claim": EVERYBODY,
    "poster_offer.show": EVERYBODY,
    "posters.change": STAFF,
    "posters.index": STAFF,
    "posters.make": STAFF,
    "posters.sheet": STAFF,
    "posters.show": STAFF,
    "practice.attempt": EVERYBODY,
    "practice.card": ALL,
    "practice.charge": ALL,
    "practice.keypad": EVERYBODY,
    "practice.redeem": ALL,
    "practice.show": EVERYBODY,
    "practice.show_code": EVERYBODY,
    "practice.verdict": EVERYBODY,
    "publications.new": STAFF,
    "publications.publish": STAFF,
    "publications.search": STAFF,
    "publications.show": STAFF,
    "push.choices": SIGNED_IN,
    "push.choose": SIGNED_IN,
    "push.subscribe": SIGNED_IN,
    "push.unsubscribe": SIGNED_IN,
    "redemptions.attempt": HOLDER,
    "redemptions.redeem": HOLDER,
    "redemptions.show": HOLDER,
    "revoking.revoke": STAFF,
    "revoking.show": STAFF,
    "rollbacks.roll_back": ALL,
    "rollbacks.show": ALL,
    "set_up.set_up": NOBODY,  # any more: the site has an owner
    "set_up.show": NOBODY,
    "sheets.show": STAFF,
    "shell.healthz": EVERYBODY,
    "shell.manifest": EVERYBODY,
    "shell.offline": EVERYBODY,
    "shell.readyz": EVERYBODY,
    "shell.service_worker": EVERYBODY,
    "shell.till_manifest": EVERYBODY,
    "shop_passwords.add": OWNER,
    "shop_passwords.change": OWNER,
    "shop_passwords.enrol": OWNER,
    "shop_passwords.index": STAFF,
    "shop_passwords.reveal": OWNER,
    "sign_in.show": EVERYBODY,
    "sign_in.show_link": EVERYBODY,
    "sign_in.show_sign_out": EVERYBODY,
    "sign_in.show_sign_up": EVERYBODY,
    "sign_in.sign_in": EVERYBODY,
    "sign_in.sign_out": EVERYBODY,
    "sign_in.sign_up": EVERYBODY,
    "sign_in.use_link": EVERYBODY,
    "till.find": SIGNED_IN,
    "till.new_digits": ALL,
    "till.redeem": ALL,
    "till.show": ALL,
    "till.take": ALL,
    "till.voucher": ALL,
    "till_vouchers.counter": ALL,
    "till_vouchers.show": ALL,
    "vouchers.show": HOLDER | ALL,
    "wallet.archive": HOLDER,
    "wallet.show": SIGNED_IN,
}

# GET at an address that takes a form alone leads to the page that holds it: for those who may open that page.
FORMS = {
    "account.change_email": "account.show",
    "account.change_password": "account.show",
    "account.delete": "account.show",
    "account.end_others": "account.show",
    "account.end_session": "account.show",
    "branches.change": "branches.index",
    "campaigns.delete": "campaigns.show",
    "campaigns.duplicate": "campaigns.show",
    "campaigns.end": "campaigns.show",
    "counter.make": "vouchers.show",
    "customers.separate": "customers.show",
    "demo.step_in": "home.show",
    "home.switch": "home.show",
    "members.change": "members.index",
    "passwords.accept": "passwords.show",
    "passwords.change": "passwords.show",
    "passwords.renew": "passwords.show",
    "practice.show_code": "practice.show",
    "redemptions.attempt": "redemptions.redeem",
    "shop_passwords.change": "shop_passwords.index",
    "shop_passwords.enrol": "shop_passwords.index",
    "shop_passwords.reveal": "shop_passwords.index",
    "till.new_digits": "till.show",
    "wallet.archive": "vouchers.show",
}
MAY |= {f"{act}_form": MAY[page] for act, page in FORMS.items()}
MAY |= {"counter.make_form": HOLDER, "wallet.archive_form": HOLDER}  # a member is led to the till from the page alone
MAY |= {f"shop_passwords.{act}_form": OWNER for act in ("change", "enrol", "reveal")}  # the page is managers' too
