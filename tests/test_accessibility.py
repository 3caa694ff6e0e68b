"""Every page, in the light and in the dark, in both languages: axe finds nothing, and nothing runs off the side."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from config import from_environment
from database import db, open_database
from models import Role
from quanbao import accounts
from quanbao.redemption import Keys
from tests.browser import NOON, Site, Visitor, desktop, phone
from tests.clock import Clock
from tests.factories import ACCOUNT_PASSWORD, PASSWORD, WRONG, World, utc
from web import create_app

pytest_plugins = ["tests.browser"]

AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = {
    "phone-light-en": phone(), "phone-dark-zh": phone(language="zh", dark=True), "desktop-dark-en": desktop(dark=True),
}
LIN, NOBODY_YET, OWNER = "lin@example.org", "new@example.org", "owner@example.org"
OTHER_ANSWERS = {  # what has an address and is no page
    "assets.static_file", "shell.healthz", "shell.readyz", "shell.manifest", "shell.service_worker",
}


def too_short(page: Page) -> None:
    """Sign up with a password that is refused: a fault beside its field."""
    page.locator("[name=email]").fill("somebody@example.org")
    page.locator("[name=password]").fill("short")
    page.locator("main form button").click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()


def mistaken(page: Page) -> None:
    """Sign in with a wrong password: a fault above the form."""
    page.locator("[name=email]").fill("somebody@example.org")
    page.locator("[name=password]").fill("not-the-password")
    page.locator("main form button").click()
    expect(page.get_by_role("alert")).to_be_visible()


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
    "wallet, empty": Row("wallet.show", "/wallet", NOBODY_YET),
    "wallet, full": Row("wallet.show", "/wallet", LIN, act=unfold),
    **{f"voucher, {name}": Row("vouchers.show", f"/vouchers/{{{name}}}", LIN) for name in (
        "discount", "prize", "gift", "giveaway", "used", "exchanged", "partly_used", "used_up", "expired", "revoked",
        "early", "wordy")},
    "step": Row("redemptions.redeem", "/vouchers/{dinner}/redeem", LIN),
    "step, mistaken": Row("redemptions.redeem", "/vouchers/{dinner}/redeem?amount=x&branch=", LIN, 422),
    "keypad": Row("redemptions.redeem", "/vouchers/{discount}/redeem", LIN,
                  act=lambda page: page.keyboard.type(PASSWORD)),
    "keypad, wordy": Row("redemptions.redeem", "/vouchers/{wordy}/redeem", LIN),
    "keypad, too late": Row("redemptions.redeem", "/vouchers/{expired}/redeem", LIN),
    **{f"verdict, {name}": Row("redemptions.show", f"/attempts/{{{name}}}", LIN) for name in (
        "redeemed", "password_incorrect", "price_changed", "sold_out")},
    "campaigns": Row("campaigns.index", "/merchants/lotus/campaigns", OWNER),
    "figures": Row("campaigns.show", "/merchants/lotus/campaigns/oolong/figures", OWNER),
    "figures, none yet": Row("campaigns.show", "/merchants/lotus/campaigns/early/figures", OWNER),
    "nothing here": Row(None, "/nothing-here", status=404),
    "offline": Row("shell.offline", "/offline"),
}


def test_every_page_of_the_application_has_a_row(sqlite):
    app = create_app(replace(sqlite, demo=True))
    pages = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in rule.methods} - OTHER_ANSWERS
    assert pages == {row.endpoint for row in PAGES.values()} - {None}, "give each page a row in PAGES"


# The sites, and who is at which


def fill(world: World) -> dict[str, str]:
    """A voucher of every kind and state, and verdicts; returns the codes, ids and tokens in their addresses."""
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    world.account(email=NOBODY_YET, password=ACCOUNT_PASSWORD)
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    past = {"starts_at": utc("2026-10-01T00:00:00+08:00"), "ends_at": utc("2026-11-01T00:00:00+08:00")}
    campaigns = {
        "discount": {"weekdays": [1, 2, 3, 4, 5], "hours": [["10:00", "22:00"]], "groups": [], "per_consumer": 2},
        "prize": {"kind": "prize"}, "gift": {"kind": "gift"}, "giveaway": {"kind": "giveaway"},
        "used": {"slug": "oolong"}, "exchanged": {"kind": "prize"}, "partly_used": {"uses_per_voucher": 5},
        "used_up": {"uses_per_voucher": 2}, "expired": past, "revoked": {},
        "early": {"slug": "early", "starts_at": utc("2026-12-24T00:00:00+08:00")},
        "wordy": {"product": "Geburtstagsfrühstücksüberraschung" * 2, "original_price": 123_456_789_00,
                  "offer_price": 12_345_678_99, "terms": "https://example.org/" + "x" * 80, "place": "y" * 60},
        "dinner": {"minimum_spend": 15000, "branch_slugs": ["main", "river"]},
        "gone": {"quantity": 1},
    }
    vouchers = {name: world.voucher(campaign=world.campaign(**columns), holder=lin, **(
        {"revoked_at": world.clock()} if name == "revoked" else {})) for name, columns in campaigns.items()}
    wrong = world.attempt(vouchers["used"], typed=WRONG)
    price = world.attempt(vouchers["used"], offer_price=1)
    done = [world.attempt(vouchers[name], branch="main")
            for name in ("used", "exchanged", "partly_used", "used_up", "used_up")]
    world.attempt(world.voucher(campaign=vouchers["gone"].campaign, holder=world.account()))
    verdicts = {"redeemed": done[0], "password_incorrect": wrong, "price_changed": price,
                "sold_out": world.attempt(vouchers["gone"])}
    link = accounts.make_link("sign-in", accounts.SIGN_IN_LINK, world.clock(), lin)
    return {name: voucher.code for name, voucher in vouchers.items()} | {
        name: verdict.attempt_id for name, verdict in verdicts.items()} | {"link": link}


@dataclass
class Town:
    """Three sites: a shop's, one that nobody has set up, and the demo."""

    sites: dict[str, Site]
    places: dict[str, str]

    def address(self, row: Row) -> str:
        return self.sites[row.site].url + row.path.format_map(self.places)


@pytest.fixture(scope="module")
def town(tmp_path_factory, browser_path) -> Iterator[Town]:
    shop, empty, demo = (from_environment({"QUANBAO_DATA": str(tmp_path_factory.mktemp(name))})
                         for name in ("shop", "empty", "demo"))
    with Site(shop) as at_shop, Site(empty) as at_empty, Site(demo, "demo") as at_demo:
        open_database(None, shop.sqlite_file)
        places = fill(World(Clock(NOON), Keys(password=shop.password_key, receipts=shop.secret_key)))
        db.close()
        places["set_up"] = re.search(r"/set-up/(\S+)", (at_empty.folder / "log").read_text())[1]
        yield Town({"shop": at_shop, "empty": at_empty, "demo": at_demo}, places)


@pytest.fixture(scope="module")
def people(browser, town) -> Iterator[Callable[[str, str, str | None], Visitor]]:
    """Each person comes once to each site with each look, and stays."""
    here: dict[tuple, Visitor] = {}

    def person(look: str, site: str, who: str | None) -> Visitor:
        if (look, site, who) not in here:
            visitor = here[look, site, who] = Visitor(browser, town.sites[site], **LOOKS[look])
            visitor.context.add_init_script(AXE)  # comes by DevTools, so the content policy lets it in
            if who:
                visitor.sign_in(who)
        return here[look, site, who]

    yield person
    for visitor in here.values():
        visitor.leave()


# What is wrong with a page


def violations(page: Page) -> list[str]:
    """What axe finds, a line each."""
    found = page.evaluate("""tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})
        .then(result => result.violations)""", RULES)
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def wider_than(page: Page, width: int) -> list[str]:
    """The elements that reach over the right edge at this width, if the page can be scrolled sideways."""
    page.set_viewport_size({"width": width, "height": 740})
    return page.evaluate("""width => document.documentElement.scrollWidth <= width ? [] :
        [...document.querySelectorAll('body *')].filter(element => element.getBoundingClientRect().right > width)
        .map(element => element.outerHTML.slice(0, 80))""", width)


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
    answer = page.goto(town.address(row))
    if row.act:
        row.act(page)
    else:
        assert answer.status == row.status
    assert violations(page) == []
    if "is_mobile" in LOOKS[look]:
        assert [wider_than(page, width) for width in (360, 320)] == [[], []]


@pytest.mark.browser
@pytest.mark.parametrize("look", LOOKS)
def test_the_screens_without_an_answer_are_for_everybody(town, visit, look):
    visitor = visit(town.sites["shop"], **LOOKS[look]).sign_in(LIN)
    visitor.expect("net::ERR_", "htmx:sendError", "htmx:afterRequest")
    visitor.context.add_init_script(AXE)
    page = visitor.page
    page.goto(town.address(PAGES["keypad"]))
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
def test_the_keypad_bears_letters_of_twice_the_size(town, people):
    page = people("phone-light-en", "shop", LIN).page
    page.set_viewport_size(LOOKS["phone-light-en"]["viewport"])
    page.goto(town.address(PAGES["keypad"]))
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
    page.goto(town.address(PAGES["sign in"]))
    page.evaluate("document.querySelector('label').remove()")
    assert "label:" in violations(page)[0]
