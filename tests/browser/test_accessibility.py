"""Every page, in the light and in the dark, in both languages: axe finds nothing, and nothing runs off the side."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_offline import kept
from tests.support.chromium import Visitor, desktop, phone
from tests.support.every_route import WALLET
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER, LIN, OWNER, PASSWORD, STRANGER
from tests.support.faulty_proxy import Between
from tests.support.sites import BESIEGED, BOTH, Town
from web import create_app
from web.form_addresses import only_leads

AXE = (Path(__file__).parents[1] / "vendor/axe-core/axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = {
    "phone-light-en": phone(),
    "phone-dark-zh": phone(language="zh", dark=True),
    "desktop-dark-en": desktop(dark=True),
}
OTHER_ANSWERS = {  # what has an address and is no page
    "assets.static_file",
    "shell.healthz",
    "shell.readyz",
    "shell.manifest",
    "shell.service_worker",
    "shell.till_manifest",
    "account.data",
    "claims.download",
    "figures.download",
    "figures.table",
    "pictures.show",
}


def recovery_words(page: Page) -> None:
    """New words, shown once."""
    page.locator("[name=words]").click()
    expect(page.locator(".recovery-words")).to_be_visible()


def too_short(page: Page) -> None:
    """Sign up with a password that is refused: a fault beside its field."""
    page.locator("[name=email]").fill("somebody@example.org")
    page.locator("[name=password]").fill("short")
    page.locator("main form button").first.click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()


def mistaken(page: Page) -> None:
    """Sign in with a wrong password: a fault above the form."""
    page.locator("[name=email]").fill("somebody@example.org")
    page.locator("[name=password]").fill("not-the-password")
    page.locator("main form button").click()
    expect(page.get_by_role("alert")).to_be_visible()


def unsaid(page: Page) -> None:
    """Save a campaign of which nothing is said: faults beside their fields."""
    page.locator(".campaign-form button").click()
    expect(page.get_by_role("alert")).to_be_visible()


def reveal(page: Page) -> None:
    """The redemption password, after the account's own where that was typed too long ago."""
    for field in page.locator("form[action$='/password'] [name=password]").all():
        field.fill(ACCOUNT_PASSWORD)
    page.locator("form[action$='/password'] button").click()
    expect(page.locator(".digits")).to_be_visible()


def not_mine(page: Page) -> None:
    """Change one's e-mail with a password that is not one's own, and to nothing: faults beside their fields."""
    page.locator("#email summary").click()
    page.locator("#email-email").fill("")
    page.locator("#email button").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()


def moved(page: Page) -> None:
    page.locator("main form button").click()
    expect(page.locator(".code")).to_be_visible()


def show_code(page: Page) -> None:
    """Redeem at the counter."""
    page.locator("form[action$='/counter-code'] button").click()
    expect(page.locator("#counter .counter-code")).to_be_visible()


def no_other_address(page: Page) -> None:
    """Correct a link's address to the one that it has."""
    page.locator("[value=correct]").click()
    expect(page.locator("#address")).to_have_attribute("aria-invalid", "true")


def select_some(page: Page) -> None:
    """Tick a customer, and look for others."""
    page.locator("#found [type=checkbox]").first.check()
    page.get_by_role("searchbox").fill("nobody")
    expect(page.locator(".selection")).to_contain_text("1")


def wrong_code(page: Page) -> None:
    """Type a code that is none: a fault at its field."""
    page.locator("#code").fill("K7M")
    page.locator("#take button").first.click()
    expect(page.locator("#code")).to_have_attribute("aria-invalid", "true")


def invite(page: Page) -> None:
    """Somebody new each time: the link and its QR code."""
    page.locator("#email").fill(f"{uuid.uuid4()}@example.org")
    page.locator("#new-role").select_option("manager")
    page.locator("#invite button").click()
    expect(page.locator(".invited svg")).to_be_visible()


def unexplained(page: Page) -> None:
    """Take something back without a reason."""
    page.locator(".why button").click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()


def unnamed(page: Page) -> None:
    """Make a poster without a name."""
    page.locator("main .card button").click()
    expect(page.locator("#name")).to_have_attribute("aria-invalid", "true")


def unfold(page: Page) -> None:
    for summary in page.locator("summary").all():
        summary.click()


@dataclass(frozen=True)
class Row:
    """A page to look at: who sees it where, the status it comes with, and what they do there first."""

    endpoint: str | None
    path: str
    who: str | None = None
    status: int = 200
    act: Callable[[Page], None] | None = None
    site: str = "shop"


PAGES = {
    "home": Row("home.show", "/"),
    "demo": Row("home.show", "/", site="demo"),
    "sign in": Row("sign_in.show", "/sign-in"),
    "sign in, mistaken": Row("sign_in.show", "/sign-in", status=422, act=mistaken),
    "sign up": Row("sign_in.show_sign_up", "/sign-up"),
    "sign up, too short": Row("sign_in.show_sign_up", "/sign-up", status=422, act=too_short),
    "link": Row("sign_in.show_link", "/sign-in/{link}"),
    "spent link": Row("sign_in.show_link", "/sign-in/0123456789abcdef", status=404),
    "set up": Row("set_up.show", "/set-up/{set_up}", site="empty"),
    "wallet, empty": Row("wallet.show", "/wallet", STRANGER),
    "wallet, full": Row("wallet.show", "/wallet", LIN, act=unfold),
    **{
        f"voucher, {name}": Row("vouchers.show", f"/vouchers/{{{name}}}", LIN)
        for name in (
            "discount",
            "prize",
            "gift",
            "giveaway",
            "used",
            "exchanged",
            "partly_used",
            "used_up",
            "expired",
            "revoked",
            "early",
            "wordy",
        )
    },
    "step": Row("redemptions.redeem", "/vouchers/{dinner}/redeem", LIN),
    "step, mistaken": Row("redemptions.redeem", "/vouchers/{dinner}/redeem?amount=x&branch=", LIN, 422),
    "keypad": Row(
        "redemptions.redeem",
        "/vouchers/{discount}/redeem?branch=main",
        LIN,
        act=lambda page: page.keyboard.type(PASSWORD),
    ),
    "keypad, wordy": Row("redemptions.redeem", "/vouchers/{wordy}/redeem?branch=main", LIN),
    "keypad, closed": Row("redemptions.redeem", "/vouchers/{closed}/redeem", LIN),
    "keypad, too late": Row("redemptions.redeem", "/vouchers/{expired}/redeem", LIN),
    **{
        f"verdict, {name}": Row("redemptions.show", f"/attempts/{{{name}}}", LIN)
        for name in ("redeemed", "password_incorrect", "price_changed", "sold_out")
    },
    "campaigns": Row("campaigns.index", "/merchants/lotus/campaigns", OWNER),
    "account": Row("account.show", "/account", LIN, act=unfold),
    "account of a member": Row("account.show", "/account", OWNER, act=unfold),
    "account, mistaken": Row("account.show", "/account", LIN, 422, act=not_mine),
    "notifications": Row("push.choices", "/account/notifications", LIN),
    "account, deleted": Row("account.deleted", "/account/deleted"),
    "claim": Row("claims.show", "/claim/{claim}", LIN),
    "claim, signed out": Row("claims.show", "/claim/{claim}"),
    "claim, spent": Row("claims.show", "/claim/0123456789abcdef", status=404),
    "move": Row("wallet_transfer.show", "/move", LIN),
    "move, code": Row("wallet_transfer.show", "/move", LIN, act=moved),
    "enter code": Row("wallet_transfer.enter", "/move/code"),
    "join": Row("members.show_join", "/join/{join}"),
    "join, signed in": Row("members.show_join", "/join/{join}", LIN),
    "new campaign": Row("campaigns.new", "/merchants/lotus/new-campaign", OWNER, act=unfold),
    "new campaign, mistaken": Row("campaigns.new", "/merchants/lotus/new-campaign", OWNER, status=422, act=unsaid),
    "campaign": Row("campaigns.show", "/merchants/lotus/campaigns/oolong", OWNER, act=unfold),
    "campaign, draft": Row("campaigns.show", "/merchants/lotus/campaigns/draft", OWNER, act=unfold),
    "edit": Row("campaigns.edit", "/merchants/lotus/campaigns/oolong/edit", OWNER),
    "edit a draft": Row("campaigns.edit", "/merchants/lotus/campaigns/draft/edit", OWNER, act=unfold),
    "password": Row("passwords.show", "/merchants/lotus/campaigns/oolong/password", OWNER, act=unfold),
    "password, shown": Row("passwords.show", "/merchants/lotus/campaigns/oolong/password", OWNER, act=reveal),
    "passwords of the shop": Row("shop_passwords.index", "/merchants/lotus/passwords", OWNER, act=unfold),
    "publish": Row("publications.new", "/merchants/lotus/campaigns/oolong/publications?audience=customers", OWNER),
    "publish, searched": Row(
        "publications.search", "/merchants/lotus/campaigns/oolong/publications/customers?audience=addresses", OWNER
    ),
    "published": Row("publications.show", "/merchants/lotus/campaigns/oolong/publications/{publication}", OWNER),
    "claim links": Row("claims.index", "/merchants/lotus/campaigns/oolong/links", OWNER),
    "claim links, none withdrawn": Row(
        "claims.index", "/merchants/lotus/campaigns/oolong/links?which=withdrawn", OWNER
    ),
    "claim link": Row("claims.link", "/merchants/lotus/campaigns/oolong/links/{claim_number}", OWNER, act=unfold),
    "claim link, mistaken": Row(
        "claims.link", "/merchants/lotus/campaigns/oolong/links/{claim_number}", OWNER, 422, act=no_other_address
    ),
    "claim links, sheet": Row("claims.sheet", "/merchants/lotus/campaigns/oolong/links/sheet", OWNER),
    "attempts": Row("figures.attempts", "/merchants/lotus/campaigns/oolong/attempts", OWNER, act=unfold),
    "redemption": Row("rollbacks.show", "/merchants/lotus/redemptions/{redemption}", OWNER),
    "redemption, unexplained": Row(
        "rollbacks.show", "/merchants/lotus/redemptions/{redemption}", OWNER, 422, act=unexplained
    ),
    "redemption, rolled back": Row("rollbacks.show", "/merchants/lotus/redemptions/{undone}", OWNER),
    **{
        f"revoke, {name}": Row("revoking.show", f"/merchants/lotus/vouchers/{{{name}}}", OWNER)
        for name in ("discount", "used", "revoked")
    },
    "branches": Row("branches.index", "/merchants/lotus/branches", OWNER, act=unfold),
    "members": Row("members.index", "/merchants/lotus/members", OWNER, act=unfold),
    "members, invited": Row("members.index", "/merchants/lotus/members", OWNER, act=invite),
    "customers": Row("customers.index", "/merchants/lotus/customers", OWNER),
    "customers, selected": Row("customers.index", "/merchants/lotus/customers", OWNER, act=select_some),
    "customer": Row("customers.show", "/merchants/lotus/customers/{customer}", OWNER),
    "figures": Row("figures.show", "/merchants/lotus/campaigns/oolong/figures", OWNER),
    "figures, none yet": Row("figures.show", "/merchants/lotus/campaigns/early/figures", OWNER),
    "counter code": Row("vouchers.show", "/vouchers/{discount}", LIN, 404, act=show_code),  # 404: no verdict yet
    "till": Row("till.show", "/merchants/lotus/till", OWNER),
    "till, of a cashier": Row("till.show", "/merchants/lotus/till", CASHIER),
    "till, mistaken": Row("till.show", "/merchants/lotus/till", OWNER, 422, act=wrong_code),
    "till, found": Row("till.find", "/till", CASHIER),
    "till, under attack": Row("till.show", "/merchants/plum/till", BESIEGED),
    "campaign, under attack": Row("campaigns.show", "/merchants/plum/campaigns/peach", BESIEGED),
    "till, two of them": Row("till.find", "/till", BOTH),
    "till, a voucher": Row("till.voucher", "/merchants/lotus/till/{taken}", CASHIER),
    "till, a verdict": Row("till.voucher", "/merchants/lotus/till/{counted}", CASHIER),
    "confirm sheet": Row("sheets.show", "/merchants/lotus/sheet", OWNER),
    "till card": Row("practice.card", "/merchants/lotus/till/card", CASHIER),
    "poster": Row("poster_offer.show", "/p/{poster}"),
    "poster, closed": Row("poster_offer.show", "/p/{closed_poster}"),
    "poster, taken": Row("poster_offer.show", "/p/{poster}", WALLET),
    "poster, none": Row("poster_offer.show", "/p/0123456789", status=404),
    "posters": Row("posters.index", "/merchants/lotus/campaigns/oolong/posters", OWNER),
    "posters, mistaken": Row("posters.index", "/merchants/lotus/campaigns/oolong/posters", OWNER, 422, act=unnamed),
    "poster, of the shop": Row(
        "posters.show", "/merchants/lotus/campaigns/oolong/posters/{poster_number}", OWNER, act=unfold
    ),
    **{
        f"poster, on {paper}": Row(
            "posters.sheet", f"/merchants/lotus/campaigns/oolong/posters/{{poster_number}}/print?paper={paper}", OWNER
        )
        for paper in ("a4", "a5", "card")
    },
    "keep the wallet": Row("keeping.show", "/wallet/keep", WALLET),
    "keep the wallet, too short": Row("keeping.show", "/wallet/keep", WALLET, 422, act=too_short),
    "poster at the counter": Row("till_vouchers.counter", "/merchants/lotus/till/posters/{counter_poster}", CASHIER),
    "counter sign": Row("counter_signs.show", "/at/{sign}"),
    "counter sign, of a wallet": Row("counter_signs.show", "/at/{sign}", WALLET),
    "counter sign, on paper": Row("counter_signs.sheet", "/merchants/lotus/branches/main/sign", OWNER),
    "voucher at the till": Row("till_vouchers.show", "/merchants/lotus/till/vouchers/{discount}", CASHIER),
    "recovery words": Row("keeping.show", "/wallet/keep", WALLET, act=recovery_words),
    "recover a wallet": Row("keeping.show_recovery", "/wallet/recover"),
    "account of a wallet": Row("account.show", "/account", WALLET, act=unfold),
    "wallet without an address": Row("wallet.show", "/wallet", WALLET),
    "sign out of a wallet": Row("sign_in.show_sign_out", "/sign-out", WALLET),
    "sign in from a wallet": Row("sign_in.show", "/sign-in", WALLET),
    "practice": Row("practice.show", "/practice"),
    "practice, keypad": Row("practice.keypad", "/practice/redeem", act=lambda page: page.keyboard.type(PASSWORD)),
    "practice, counter code": Row("practice.show", "/practice", act=show_code),
    "practice, verdict": Row("practice.verdict", "/practice/verdict"),
    "practice, at the till": Row("practice.charge", "/merchants/lotus/till/practice", CASHIER),
    "nothing here": Row(None, "/nothing-here", status=404),
    "offline": Row("shell.offline", "/offline"),
}


def test_every_page_of_the_application_has_a_row(sqlite):
    app = create_app(replace(sqlite, demo=True))
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in rule.methods} - OTHER_ANSWERS
    pages -= {rule.endpoint for rule in app.url_map.iter_rules() if only_leads(rule.endpoint)}
    assert pages == {row.endpoint for row in PAGES.values()} - {None}, "give each page a row in PAGES"


@pytest.fixture(scope="module")
def people(browser, town) -> Iterator[Callable[[str, str, str | None], Visitor]]:
    """Each person comes once to each site with each look, and stays."""
    here: dict[tuple, Visitor] = {}

    def person(look: str, site: str, who: str | None) -> Visitor:
        if (look, site, who) not in here:
            visitor = here[look, site, who] = Visitor(browser, town.sites[site], **LOOKS[look])
            visitor.context.add_init_script(AXE)  # comes by DevTools, so the content policy lets it in
            if who == WALLET:
                at = f"/p/{town.places['poster']}"
                assert visitor.context.request.post(at, headers={"Origin": visitor.site.url}).status == 200
            elif who:
                visitor.sign_in(who)
        return here[look, site, who]

    yield person
    for visitor in here.values():
        visitor.leave()


def address(town: Town, row: Row) -> str:
    return town.sites[row.site].url + row.path.format_map(town.places)


# What is wrong with a page


def violations(page: Page) -> list[str]:
    """What axe finds, a line each."""
    found = page.evaluate(
        """tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})
        .then(result => result.violations)""",
        RULES,
    )
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def wider_than(page: Page, width: int) -> list[str]:
    """The elements that reach over the right edge at this width, if the page can be scrolled sideways."""
    page.set_viewport_size({"width": width, "height": 740})
    return page.evaluate(
        """width => document.documentElement.scrollWidth <= width ? [] :
        [...document.querySelectorAll('body *')].filter(element => element.getBoundingClientRect().right > width)
        .map(element => element.outerHTML.slice(0, 80))""",
        width,
    )


@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("look", LOOKS)
def test_a_page_is_for_everybody(town, people, look, name):
    row = PAGES[name]
    visitor = people(look, row.site, row.who)
    page = visitor.page
    page.set_viewport_size(LOOKS[look]["viewport"])
    if row.status >= 400:
        visitor.expect(f"status of {row.status}")
    answer = page.goto(address(town, row))
    if row.act:
        row.act(page)
    else:
        assert answer.status == row.status
    assert (violations(page), visitor.odd()) == ([], [])
    if "is_mobile" in LOOKS[look]:
        assert [wider_than(page, width) for width in (360, 320)] == [[], []]


@pytest.mark.browser
@pytest.mark.parametrize("look", LOOKS)
def test_the_screens_without_an_answer_are_for_everybody(town, visit, look):
    visitor = visit(town.sites["shop"], **LOOKS[look]).sign_in(LIN)
    visitor.expect("net::ERR_", "htmx:sendError", "htmx:afterRequest")
    visitor.context.add_init_script(AXE)
    page = visitor.page
    page.goto(address(town, PAGES["keypad"]))
    page.clock.install()
    visitor.context.set_offline(True)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#screen").get_by_role("status")).to_be_visible()
    assert violations(page) == []
    page.clock.fast_forward(20_000)
    visitor.verdict("refused", "no_connection")
    assert violations(page) == []


@pytest.mark.browser
@pytest.mark.parametrize("look", LOOKS)
def test_what_a_phone_kept_is_for_everybody(town, visit, look):
    with Between(town.sites["shop"]) as network:
        visitor = visit(network, **LOOKS[look]).sign_in(LIN)
        visitor.expect("net::ERR_")
        visitor.context.add_init_script(AXE)
        page = visitor.page
        page.goto("/wallet")
        kept(page, "Oolong")
        network.always("refuse")
        for path in ("/wallet", f"/vouchers/{town.places['wordy']}", "/account", "/offline#signed-out"):
            page.goto(path)
            expect(page.locator("main")).to_be_visible()
            assert violations(page) == [], path
            if "is_mobile" in LOOKS[look]:
                assert wider_than(page, 320) == [], path


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("sign up, too short", ["password"]),
        ("step, mistaken", ["amount", "branch"]),
        ("new campaign, mistaken", ["product", "quantity", "ends_at"]),
        ("account, mistaken", ["email"]),
    ],
)
def test_a_fault_is_told_with_its_field(town, people, name, fields):
    """Who only hears the page hears the fault when they come to the field."""
    row = PAGES[name]
    visitor = people("desktop-dark-en", row.site, row.who)
    visitor.expect(f"status of {row.status}")
    visitor.page.goto(address(town, row))
    if row.act:
        row.act(visitor.page)
    for field in fields:
        entry = visitor.page.locator(f"[name={field}]")
        expect(entry).to_have_attribute("aria-invalid", "true")
        expect(entry).to_have_accessible_description(re.compile("."))


@pytest.mark.browser
def test_the_keypad_bears_letters_of_twice_the_size(town, people):
    visitor = people("phone-light-en", "shop", LIN)
    visitor.expect("/attempts/")  # the keypad was open before: it asks what became of that, and hears 404
    page = visitor.page
    page.set_viewport_size(LOOKS["phone-light-en"]["viewport"])
    page.goto(address(town, PAGES["keypad"]))
    page.keyboard.type(PASSWORD)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert wider_than(page, 360) == []
    for key in page.get_by_role("button").all():
        key.scroll_into_view_if_needed()
        assert key.evaluate("key => key.scrollWidth <= key.clientWidth && key.scrollHeight <= key.clientHeight")
        key.click(trial=True)  # nothing else lies over it


@pytest.mark.browser
def test_axe_is_awake(town, people):
    """A page with a fault, so that finding none elsewhere means something."""
    page = people("desktop-dark-en", "shop", None).page
    page.goto(address(town, PAGES["sign in"]))
    page.evaluate("document.querySelector('label').remove()")
    assert "label:" in violations(page)[0]
