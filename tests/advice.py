"""The stage for tests/test_advice.py: every text that refuses something, and the acts that follow its advice."""

from collections.abc import Callable
from typing import Any

from models import Account, Branch, Member, Role, Voucher
from quanbao import claiming
from quanbao.reasons import Reason
from tests.factories import ACCOUNT_PASSWORD, World
from tests.pages import Page, PageClient
from web import forms, messages

OWNER, SHOP, NEW = "owner@example.org", "/merchants/lotus", "/merchants/lotus/campaigns"
ENTERED = {
    "kind": "discount", "product": "Tea", "original_price": "30", "offer_price": "18", "quantity": "9",
    "starts_at": "2026-12-01", "ends_at": "2026-12-31", "uses_per_voucher": "1", "place": "", "terms": "",
}
TABLES = {
    "reason": messages.REASONS, "at the counter": messages.AT_COUNTER, "problem": messages.PROBLEMS,
    "redemption": messages.FIELDS, "subscription": messages.SUBSCRIPTION_FIELDS, "account": messages.REFUSED_FIELDS,
    "set-up": messages.SET_UP_FIELDS, "campaign": messages.CAMPAIGN_FIELDS, "campaign too": messages.CAMPAIGN_FAULTS,
    "picture": messages.PICTURES, "publishing": messages.PUBLISHING, "line": messages.ADDRESS_FAULTS,
    "people": messages.PEOPLE, "why": messages.WHY_FAULTS, "claim link": messages.CLAIM_LINKS,
    "alone": {"closed": messages.CLOSED, "sold out": messages.SOLD_OUT, "held": messages.HELD,
              "new password": messages.NEW_PASSWORD, "wrong password": forms.WRONG_PASSWORD,
              "no password": forms.NO_PASSWORD, "required": forms.REQUIRED.message},
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
            assert str(part).partition("%(")[0].partition("{example}")[0] in page.text, (table, code)

    def refused(self, reason: str, voucher: Voucher, **till: Any) -> None:
        assert self.world.attempt(voucher, **till).reason == reason

    def redeemed(self, voucher: Voucher, **till: Any) -> None:
        assert self.world.attempt(voucher, **till).redeemed

    def shown(self, voucher: Voucher) -> str:
        return self.holder.get(f"/vouchers/{voucher.code}").text


Follow = Callable[[Stage], None]
FOLLOWED: dict[tuple[str, Any], Follow] = {}
TOLD = {
    ("reason", code) for code in (
        Reason.REVOKED, Reason.CAMPAIGN_ENDED, Reason.EXPIRED, Reason.NEW_CUSTOMERS_ONLY,
        Reason.CUSTOMER_LIMIT_REACHED, Reason.ALREADY_REDEEMED, Reason.USED_UP)
} | {
    ("problem", code) for code in ("not_found", "push_off", "busy", "failed", "cross_site", "too_large")
} | {
    ("claim link", claiming.Standing.ENDED), ("claim link", claiming.Standing.OVER), ("account", "taken"),
    ("reason", Reason.BUSY), ("at the counter", Reason.BUSY), ("people", "member_already"), ("people", "gone"),
    ("campaign too", ("groups", "at most")), ("campaign too", ("hours", "at most")),
    ("campaign too", ("branches", "at most")),
} | {("subscription", code) for code in messages.SUBSCRIPTION_FIELDS} | {
    ("picture", code) for code in messages.PICTURES if code != "not_a_picture"}


def follows(table: str, *codes: Any) -> Callable[[Follow], Follow]:
    def keep(act: Follow) -> Follow:
        FOLLOWED.update({(table, code): act for code in codes})
        return act

    return keep
