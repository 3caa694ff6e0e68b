"""What people are told, in words: what happened, and what to do next, without blame."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from models import Door, Event, Kind, Role
from quanbao.redemption.reasons import Reason, Revoked, RolledBack
from quanbao.vouchers.address_lists import Fault
from quanbao.vouchers.claims import Standing

Text = tuple[str, str]  # what happened, what to do next

REASONS: dict[Reason, Text] = {
    Reason.NOT_FOUND: (_("No such voucher."), _("Open your wallet to see the vouchers you hold.")),
    Reason.MALFORMED: (_("Something was missing."), _("Go back and try once more.")),
    Reason.TOO_MANY_ATTEMPTS: (
        _("Too many wrong passwords."),
        _("The keypad opens again by itself."),
    ),
    Reason.BUSY: (_("The server is busy."), _("Nothing was redeemed. Type the password again in a moment.")),
    Reason.PASSWORD_INCORRECT: (_("That is not the password."), _("Ask the cashier to type it once more.")),
    Reason.PASSWORD_USED: (_("These digits were used already."), _("They are good once. Ask for new ones.")),
    Reason.REVOKED: (_("This voucher was taken back by the shop."), _("Ask the shop about it.")),
    Reason.CAMPAIGN_ENDED: (_("The shop has ended this offer."), _("Ask the shop what is on offer now.")),
    Reason.NOT_YET_VALID: (_("This voucher is not valid yet."), _("Come back when its time begins.")),
    Reason.EXPIRED: (_("This voucher has expired."), _("Ask the shop what is on offer now.")),
    Reason.OUTSIDE_HOURS: (_("Not at this hour."), _("Come back at the hours printed on the voucher.")),
    Reason.SOLD_OUT: (_("Sold out."), _("Nothing of this offer is left. Ask the shop what is on offer now.")),
    Reason.GROUP_ONLY: (_("This offer is for a group of customers."), _("Ask the shop whether you belong to it.")),
    Reason.NEW_CUSTOMERS_ONLY: (
        _("This offer is for new customers."),
        _("You have redeemed a voucher of this shop before."),
    ),
    Reason.CUSTOMER_LIMIT_REACHED: (
        _("You have had your share of this offer."),
        _("Each customer may take it only so many times."),
    ),
    Reason.MINIMUM_SPEND: (_("The bill is too small for this offer."), _("See the least amount on the voucher.")),
    Reason.WRONG_BRANCH: (_("Not at this branch."), _("See on the voucher where it is good.")),
    Reason.PRICE_CHANGED: (_("The price has changed."), _("Look at the new price; if you like it, redeem again.")),
    Reason.ALREADY_REDEEMED: (_("Already redeemed."), _("A voucher is good once; this one has been used.")),
    Reason.USED_UP: (_("Used up."), _("All uses of this voucher have been redeemed.")),
}

# The checks of the trace by name, each as what holds where it passed.
CHECKS: dict[str, str] = {
    Door.COUNTER_CODE: _("Counter code"),
    Reason.PASSWORD_INCORRECT: _("Password"),
    Reason.PASSWORD_USED: _("Password used before"),
    Reason.REVOKED: _("Not taken back"),
    Reason.CAMPAIGN_ENDED: _("Campaign not ended"),
    Reason.NOT_YET_VALID: _("Already begun"),
    Reason.EXPIRED: _("Not expired"),
    Reason.OUTSIDE_HOURS: _("Within the hours"),
    Reason.SOLD_OUT: _("Some left"),
    Reason.GROUP_ONLY: _("Group"),
    Reason.NEW_CUSTOMERS_ONLY: _("New customer, if required"),
    Reason.CUSTOMER_LIMIT_REACHED: _("Within the customer’s limit"),
    Reason.MINIMUM_SPEND: _("Bill large enough"),
    Reason.WRONG_BRANCH: _("Right branch"),
    Reason.PRICE_CHANGED: _("Price unchanged"),
    Reason.ALREADY_REDEEMED: _("Not redeemed before"),
    Reason.USED_UP: _("Uses left"),
}

# No try would be taken: the budget of the password is spent, not one person's.
CLOSED: Text = (_("The keypad is closed for now."), _("Show a code at the counter instead."))

# What a member reads at the counter, where the customer's words would not fit.
AT_COUNTER: dict[Reason, Text] = {
    Reason.NOT_FOUND: (_("This code is no longer good."), _("Ask the customer for a new one.")),
    Reason.BUSY: (_("The server is busy."), _("Nothing was redeemed. Press Redeem again in a moment.")),
}

PROBLEMS: dict[str, Text] = {
    "malformed": (_("We could not read that request."), _("Go back and try once more.")),
    "signed_out": (_("You are signed out."), _("Sign in and try again.")),
    "forbidden": (_("That is not for this account."), _("Ask the owner of the business for the right to see it.")),
    "cross_site": (_("This request came from another site."), _("Open Quanbao itself and try again there.")),
    "not_found": (_("There is nothing here."), _("The address may be mistyped, or what was here is gone.")),
    "too_large": (_("That was too much at once."), _("Shorten it and try again.")),
    "push_off": (_("Notifications are switched off on this site."), _("Its operator has to name a contact first.")),
    "too_often": (_("Too many tries."), _("Wait a little and try again.")),
    "busy": (_("The server is busy."), _("Nothing was changed. Try again in a moment.")),
    "failed": (_("Something went wrong on our side."), _("Nothing was changed. Try again in a moment.")),
    "unknown": (
        _("We do not know whether this was done."),
        _("Something went wrong before the answer was ready. Look first, and do it again only if it was not done."),
    ),
}
UNKNOWN_REDEMPTION: Text = (
    _("We do not know whether this was redeemed."),
    _("Something went wrong before the answer was ready. Look first: the same try never counts twice."),
)

KINDS: dict[Kind, str] = {
    Kind.DISCOUNT: _("Discount"),
    Kind.PRIZE: _("Prize"),
    Kind.GIFT: _("Gift"),
    Kind.GIVEAWAY: _("Giveaway"),
}

# What the form of a redemption may lack, by field.
FIELDS: dict[str, Text] = {
    "attempt_id": (_("The attempt has no usable number."), _("Open the voucher again and press Redeem.")),
    "password": (_("The password must be 6 to 12 digits."), _("Type it once more.")),
    "amount": (_("The amount is not a sum of money."), _("Go back and enter the bill as on the receipt.")),
    "branch": (_("The branch is not one of the list."), _("Go back and choose where you are.")),
    "offer_price": (_("The price is not a sum of money."), _("Open the voucher again and press Redeem.")),
}

EVENTS: dict[Event, str] = {
    Event.ISSUED: _("New vouchers"),
    Event.REDEEMED: _("Redemptions"),
    Event.PRICE_CHANGED: _("Changed prices"),
    Event.PERIOD_CHANGED: _("Changed periods"),
    Event.TERMS_CHANGED: _("Changed terms"),
    Event.ENDED: _("Offers that end early"),
    Event.ENDS_SOON: _("Offers that end tomorrow"),
    Event.ROLLED_BACK: _("Redemptions rolled back"),
    Event.REVOKED: _("Vouchers taken back"),
    Event.UNDER_ATTACK: _("Guesses at a redemption password of my business"),
}

# What a browser's subscription may lack, by field.
SUBSCRIPTION_FIELDS: dict[str, str] = {
    "endpoint": _("The endpoint is at no push service that this site sends to."),
    "keys.p256dh": _("The key p256dh must be a point on P-256 in base64url."),
    "keys.auth": _("The key auth must be 16 bytes in base64url."),
}

REFUSED_FIELDS: dict[str, str] = {
    "not_an_address": _("Enter an e-mail address, like name@example.org."),
    "too_short": _("Use at least 8 characters."),
    "needed": _("Choose a new password: the old one may be somebody else's."),
    "too_long": _("Use at most 200 characters."),
    "too_common": _("Many people use this password, or it is your address. Choose another one."),
    "taken": _("This address cannot be used here. If it is yours, sign in with it."),
}

SET_UP_FIELDS: dict[str, str] = {
    "email": _("Enter an e-mail address, like name@example.org."),
    "password": _("Use at least 8 characters. An address that has an account already keeps its own password."),
    "too_common": REFUSED_FIELDS["too_common"],
    "name": _("Enter a name of 1 to 200 characters."),
    "time_zone": _("Choose a time zone from the list, like Asia/Shanghai."),
    "currency": _("Enter the three letters of a currency that shops charge in today, like CNY or EUR."),
    "branch": _("Enter a name of 1 to 200 characters."),
    "address": _("Enter at most 500 characters."),
}

# What the form of a campaign asks for, by field; and what else may be wrong with one.
CAMPAIGN_FIELDS: dict[str, str] = {
    "kind": _("Choose one of the kinds."),
    "product": _("Enter a name of 1 to 200 characters."),
    "original_price": _("Enter the price as on the price tag, like {example}."),
    "offer_price": _("Enter the price as on the price tag, like {example}; 0 is free."),
    "quantity": _("Enter a whole number from 1 to 1,000,000,000."),
    "starts_at": _("Choose the first day."),
    "starts_time": _("Enter a time, like {09:30}, or nothing."),
    "ends_at": _("Choose the last day."),
    "ends_time": _("Enter a time, like {18:00}, or nothing."),
    "place": _("Enter at most 500 characters."),
    "uses_per_voucher": _("Enter a whole number from 1 to 10,000."),
    "per_consumer": _("Enter a whole number from 1 to 10,000, or nothing."),
    "groups": _("A group's name has at most 100 characters."),
    "minimum_spend": _("Enter an amount, like 150, or nothing."),
    "weekdays": _("Choose among the seven days."),
    "hours": _("Enter from and until, like {10:00} and {22:00}, or leave both empty."),
    "branches": _("Choose among your branches."),
    "terms": _("Enter at most 5,000 characters."),
    "redemption_password": _("Enter 6 to 12 digits, or nothing."),
    "password_in_use": _("Choose one of the list."),
    "picture": _("Send the picture once more."),
}
CAMPAIGN_FAULTS: dict[tuple[str, str], str] = {
    ("groups", "at most"): _("Choose at most 200 groups."),
    ("hours", "at most"): _("Enter at most 200 hours."),
    ("branches", "closed"): _("These branches are all closed. Add one that is open, or open one again."),
    ("branches", "at most"): _("Choose at most 200 branches, or none for all."),
    ("offer_price", "above"): _("The offer must not be above the original price."),
    ("ends_at", "starts_at"): _("The end must come after the start."),
    ("quantity", "rise"): _("It may only rise: so much was promised."),
    ("redemption_password", "easy"): _("That is too easy to guess. Use other digits than one run or two of a kind."),
    ("redemption_password", "twice"): _("Enter a new one or choose one in use, not both."),
}

OVERLAP = _("Enter whole hours, 0 to 24.")
NEW_PASSWORD = _("Enter 6 to 12 digits, or nothing.")

PICTURES: dict[str, str] = {
    "too_large": _("This file is too large. Send one of at most 12 MB."),
    "not_a_picture": _("Send a photo: a JPEG, PNG or WebP file."),
    "too_many_pixels": _("This picture is too large. Send one of at most 25 megapixels, or 12 as WebP."),
}

PUBLISHING: dict[str, str] = {
    "over": _("The campaign is over. Change its period first, or duplicate it."),
    "ended": _("The shop has ended this campaign, and that cannot be undone. Duplicate it, and publish the copy."),
    "nowhere": _("Its branches are all closed. Open one of them again, or add another one to the campaign."),
    "nobody": _("Nobody is chosen yet. Choose whom the vouchers are for."),
    "not_text": _("The file is no text. Save the list as CSV and send that."),
    "too_many": _("That is more than 1,000 customers. Put them into a group and publish to the group."),
}
SOLD_OUT = _("Sold out: nothing of it is left. Raise the quantity first, or nobody can redeem what you publish.")
ADDRESS_FAULTS: dict[Fault, str] = {
    Fault.MISSING: _("There is no @ in it."),
    Fault.HALF: _("Something is missing before or after the @."),
    Fault.SEVERAL: _("There is more than one @ in it."),
    Fault.ODD: _("It is too long, or has a character that no address has."),
}
# Why a claim link was not withdrawn, or its address not corrected.
CLAIM_LINKS: dict[str, str] = {
    "used": _("Nothing was withdrawn: the link was used a moment earlier. Its voucher can be revoked instead."),
    "withdrawn": _("This link had been withdrawn a moment earlier. Nothing else was changed."),
    "over": _("The campaign is over, so no new link was made, and this one is as it was."),
    "same": _("The link is for this address already. Enter the right one."),
    "not_an_address": _("Enter an e-mail address, like name@example.org."),
}

# Why a claim link gives no voucher.
LINK_STANDINGS: dict[Standing, Text] = {
    Standing.USED: (
        _("This link was used"),
        _(
            "It works once. If that was you, sign in with that account: the voucher is in its wallet. If not, ask the "
            "shop for another link."
        ),
    ),
    Standing.WITHDRAWN: (
        _("The shop has withdrawn this link"),
        _("It gives no voucher any more. Ask the shop about it."),
    ),
    Standing.ENDED: (_("The shop has ended this offer"), _("Ask the shop what is on offer now.")),
    Standing.OVER: (_("This offer is over"), _("Ask the shop what is on offer now.")),
    Standing.EXPIRED: (_("This link has run out"), _("It was good for 30 days. Ask the shop for another one.")),
    Standing.TAKEN_BACK: (
        _("Your voucher was taken back by the shop"),
        _("This link was made before that, and gives you no second one. Ask the shop about it."),
    ),
}
USED_BY_YOU: Text = (_("You used this link"), _("It works once: the voucher is in your wallet."))
HELD: Text = (_("You hold its voucher already."), _("Nobody gets a second one by a link."))

# What stands against a branch, a member or a group; `about` is the campaign that does.
PEOPLE: dict[str, str] = {
    "name": _("Enter a name of 1 to 200 characters."),
    "address": _("Enter at most 500 characters."),
    "twin": _("You have a branch of this name: “%(about)s”. Choose another one, so that people can tell them apart."),
    "closed_twin": _("A closed branch has this name: “%(about)s”. Open that one again, or choose another name."),
    "last": _("This is the last open branch: open another one first."),
    "only_place": _(
        "“%(about)s” can be redeemed here only: edit it and add another branch first, or keep this one "
        "open until it is over."
    ),
    "not_an_address": _("Enter an e-mail address, like name@example.org."),
    "member_already": _("Whoever has this address is a member or invited already."),
    "role": _("Choose one of the roles."),
    "branches": _("Choose at least one branch for a cashier."),
    "last_owner": _("This is the last owner: make somebody else an owner first, who has joined."),
    "works_here": _(
        "This account works here already: the invitation is for somebody else. Hand it on, or sign in as somebody else."
    ),
    "disabled_here": _("This account was disabled here. Ask an owner to enable it again, or sign in with another one."),
    "gone": _("This invitation was withdrawn a moment ago."),
    "not_me": _("Owners are made by owners alone: type the password of your account."),
    "nobody": _("Nobody is ticked yet: tick customers in the list."),
    "too_many": _("More than 1,000 are selected. Select fewer, or search for them and take all whom it finds."),
    "group": _("Enter a group's name of 1 to 100 characters."),
}

ROLES: dict[Role, str] = {
    Role.OWNER: _("Owner"),
    Role.MANAGER: _("Manager"),
    Role.CASHIER: _("Cashier"),
}

# Why a member took something back; and what the forms for that ask for, by field.
WHY_ROLLED_BACK: dict[RolledBack, str] = {
    RolledBack.WRONG_VOUCHER: _("Wrong voucher"),
    RolledBack.WRONG_CUSTOMER: _("Wrong customer"),
    RolledBack.BY_MISTAKE: _("Typed by mistake"),
    RolledBack.CHANGED_MIND: _("The customer changed their mind"),
    RolledBack.GOODS_RETURNED: _("Goods returned"),
    RolledBack.OTHER: _("Another reason"),
}
WHY_REVOKED: dict[Revoked, str] = {
    Revoked.BY_MISTAKE: _("Issued by mistake"),
    Revoked.WRONG_CUSTOMER: _("Wrong customer"),
    Revoked.CUSTOMER_ASKED: _("The customer asked for it"),
    Revoked.MISUSE: _("Misuse"),
    Revoked.OFFER_WITHDRAWN: _("The offer was withdrawn"),
    Revoked.OTHER: _("Another reason"),
}
WHY_FAULTS: dict[str, str] = {
    "reason": _("Choose a reason."),
    "note": _("Say which reason in 1 to 500 characters."),
}

# What has become of one's own account.
ACCOUNT_CHANGES: dict[str, str] = {
    "kept": _("Your wallet is kept: sign in with this e-mail and password on any phone."),
    "email": _("The e-mail is changed. Sign in with the new one from now on; all other browsers are signed out."),
    "password": _("The password is changed; all other browsers are signed out."),
    "session": _("That browser is signed out."),
    "others": _("All other browsers are signed out."),
}

# What is counted, by the names that programs know it by: on the page, and in its table to download.
FIGURES: dict[str, str] = {
    "quantity": _("Quantity"),
    "issued": _("Issued"),
    "opened": _("Opened"),
    "redeemed": _("Redeemed"),
    "remaining": _("Remaining"),
    "consumers": _("Consumers"),
    "discount_given": _("Discount given"),
    "rolled_back": _("Rolled back"),
    "forfeited": _("Forfeited"),
    "by_day": _("Redeemed by day"),
    "by_hour": _("Redeemed by hour"),
    "by_branch": _("Redeemed by branch"),
    "refused": _("Refused"),
}
OUTCOMES = {"redeemed": FIGURES["redeemed"], "refused": FIGURES["refused"]}


def sentences(what: str, then: str) -> str:
    """Two sentences in a row: Chinese has no space between them."""
    return gettext("%(what)s %(then)s", what=what, then=then)
