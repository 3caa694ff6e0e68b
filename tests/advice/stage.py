"""The stage for tests/advice/test_advice.py: every text that refuses something, and the acts that follow its advice."""

import re
from collections.abc import Callable
from typing import Any

from models import Account, Branch, Campaign, Member, Role, Voucher
from quanbao.redemption.reasons import Reason
from tests.support.factories import ACCOUNT_PASSWORD, OWNER, World
from tests.support.page_client import Page, PageClient
from web.present import forms, messages

SHOP = "/merchants/lotus"
CAMPAIGNS, NEW = f"{SHOP}/campaigns", f"{SHOP}/new-campaign"
ENTERED = {
    "kind": "discount",
    "product": "Tea",
    "original_price": "30",
    "offer_price": "18",
    "quantity": "9",
    "starts_at": "2026-12-01",
    "ends_at": "2026-12-31",
    "uses_per_voucher": "1",
    "place": "",
    "terms": "",
}
PAGES = {  # what pages say themselves, each by its beginning
    "see below": "Not saved yet: see the marked fields.",
    "past end": "This end is in the past",
    "many uses": "One voucher would be good for more uses than there are redemptions in all.",
    "conflict": "Save again to replace what was saved meanwhile: ",
    "published meanwhile": "The campaign was published meanwhile, so this cannot change any more",
    "nothing to end": "Its last day is over, so there was nothing to end.",
    "other password": "Nothing was changed: the password was changed since you opened this page.",
    "other currency": "Shops do not charge in ",
    "other address": "Send this again to replace what another tab has saved meanwhile: ",
    "old choices": "Nothing was saved: the page was too old.",
    "not sure": "Tick this if you are sure.",
    "leaves no owner": "You are the last owner of ",
    "account": "Nothing was changed yet: see the marked field.",
    "not together": "E-mail and password do not belong together.",
    "unused characters": "No code has ",
    "move code": "This code does not work, or no longer.",
    "wrong words": "These words open no wallet, or no longer.",
    "not received": "The server answers again, and your try did not reach it.",
    "no connection": "The server did not confirm a redemption, so do not count on one.",
}
TABLES = {
    "reason": messages.REASONS,
    "at the counter": messages.AT_COUNTER,
    "problem": messages.PROBLEMS,
    "redemption": messages.FIELDS,
    "subscription": messages.SUBSCRIPTION_FIELDS,
    "account": messages.REFUSED_FIELDS,
    "set-up": messages.SET_UP_FIELDS,
    "campaign": messages.CAMPAIGN_FIELDS,
    "campaign too": messages.CAMPAIGN_FAULTS,
    "picture": messages.PICTURES,
    "publishing": messages.PUBLISHING,
    "line": messages.ADDRESS_FAULTS,
    "people": messages.PEOPLE,
    "why": messages.WHY_FAULTS,
    "claim link": messages.LINK_STANDINGS,
    "withdrawing": messages.CLAIM_LINKS,
    "page": PAGES,
    "alone": {
        "closed": messages.CLOSED,
        "sold out": messages.SOLD_OUT,
        "held": messages.HELD,
        "new password": messages.NEW_PASSWORD,
        "wrong password": forms.WRONG_PASSWORD,
        "no password": forms.NO_PASSWORD,
        "required": forms.REQUIRED.message,
        "used by you": messages.USED_BY_YOU,
        "unknown redemption": messages.UNKNOWN_REDEMPTION,
    },
}


class Stage:
    """A shop with an owner and a customer, each in a browser of their own."""

    def __init__(self, world: World, app):
        self.world, self.app, self.clock = world, app, world.clock
        account = world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
        self.boss = Member.get(Member.account == account)
        self.owner, self.holder = self.browser(account), self.browser(world.mei)

    def browser(self, account: Account | None = None) -> PageClient:
        return PageClient(self.app).sign_in(account) if account else PageClient(self.app)

    def branch(self, slug: str) -> Branch:
        return Branch.get((Branch.merchant == self.world.merchant) & (Branch.slug == slug))

    def says(self, page: Page, table: str, code: Any) -> None:
        text = TABLES[table][code]
        for part in text if isinstance(text, tuple) else (text,):
            assert re.split(r"%\(|{", str(part))[0] in page.text, (table, code)

    def edit(self, campaign: Campaign, entered: dict | None = None, *, status: int = 303) -> Page:
        """The owner's form of a campaign, sent as its page has it now."""
        at = f"{CAMPAIGNS}/{campaign.slug}/edit"
        return self.owner.fill(at, at, ENTERED | (entered or {}), status=status)

    def refused(self, reason: str, voucher: Voucher, **till: Any) -> None:
        assert self.world.attempt(voucher, **till).reason == reason

    def redeemed(self, voucher: Voucher, **till: Any) -> None:
        assert self.world.attempt(voucher, **till).redeemed

    def shown(self, voucher: Voucher) -> str:
        return self.holder.get(f"/vouchers/{voucher.code}").text


Follow = Callable[[Stage], None]
FOLLOWED: dict[tuple[str, Any], Follow] = {}
TOLD = (
    {
        ("reason", code)
        for code in (
            Reason.REVOKED,
            Reason.CAMPAIGN_ENDED,
            Reason.EXPIRED,
            Reason.NEW_CUSTOMERS_ONLY,
            Reason.CUSTOMER_LIMIT_REACHED,
            Reason.ALREADY_REDEEMED,
            Reason.USED_UP,
        )
    }
    | {("problem", code) for code in ("not_found", "push_off", "busy", "failed", "cross_site", "too_large")}
    | {
        ("page", "see below"),
        ("page", "nothing to end"),
        ("account", "taken"),
        ("reason", Reason.BUSY),
        ("at the counter", Reason.BUSY),
        ("people", "member_already"),
        ("people", "gone"),
        ("campaign too", ("groups", "at most")),
        ("campaign too", ("hours", "at most")),
        ("campaign too", ("branches", "at most")),
    }
    | {("subscription", code) for code in messages.SUBSCRIPTION_FIELDS}
    | {("picture", code) for code in messages.PICTURES if code != "not_a_picture"}
)


def follows(table: str, *codes: Any) -> Callable[[Follow], Follow]:
    def keep(act: Follow) -> Follow:
        FOLLOWED.update({(table, code): act for code in codes})
        return act

    return keep
