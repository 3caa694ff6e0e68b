"""Draws the pictures of docs/pictures anew, from the demo on a fixed day: `make screenshots`."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page, sync_playwright

from config import Settings, from_environment
from database import open_database
from models import Account, Guess, Merchant, RedemptionPassword
from quanbao.operations.demo import REDEMPTION_PASSWORD
from quanbao.passwords import guess_limits

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))  # the tests' helpers are of no installed package

PICTURES = DOCS / "pictures"
STATIC = DOCS.parent / "web/static/screenshots"  # what a browser shows before it installs the wallet
LARGEST = 200_000  # bytes; a README loads them all
NOW = "2026-12-01T18:24:00+08:00"
SECRET = "for-pictures-only-for-pictures-only-"  # the receipt's words come from it, and should not change
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
WIDE = {"viewport": {"width": 1280, "height": 800}}
DESKTOP = {"viewport": {"width": 1120, "height": 1040}}
TABLET = {"viewport": {"width": 1080, "height": 720}, "has_touch": True, "is_mobile": True}
PAPER = {"viewport": {"width": 794, "height": 560}}  # the upper half of A4 is A5
ENGLISH, CHINESE = {"locale": "en-US"}, {"locale": "zh-CN"}
DARK = {"color_scheme": "dark"}


def main() -> None:
    from tests.support.chromium import FLAGS
    from tests.support.programs import browser_executable
    from tests.support.servers import Site

    PICTURES.mkdir(exist_ok=True)
    STATIC.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_executable(), args=FLAGS)
        for language, plan in PLANS.items():
            with tempfile.TemporaryDirectory() as data:
                settings = from_environment({"QUANBAO_DATA": data, "QUANBAO_SECRET_KEY": SECRET})
                with Site(settings, command="demo", QUANBAO_NOW=NOW, QUANBAO_SECRET_KEY=SECRET) as demo:
                    speak(settings, language)
                    for name, (person, look, steps) in plan.items():
                        with somebody(chromium, demo.url, person, look) as page:
                            steps(page)
                            draw(page, name)
        chromium.close()


def speak(settings: Settings, language: str) -> None:
    """The tea house's receipts have their words in the language of the pictures."""
    open_database(None, settings.sqlite_file)
    Merchant.update(language=language).where(Merchant.slug == "lotus").execute()


@contextmanager
def somebody(browser: Browser, url: str, person: str, look: dict) -> Iterator[Page]:
    """A person of the demo's cast with a browser of their own."""
    with browser.new_context(base_url=url, **look) as context:
        page = context.new_page()
        page.goto("/")
        page.locator(f"button[value='{person}@lotus.example']").click()
        yield page


def draw(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    target = (STATIC if name in ("narrow", "wide") else PICTURES) / f"{name}.png"
    page.screenshot(path=target, animations="disabled", caret="hide")
    size = target.stat().st_size
    assert size <= LARGEST, f"{name} has {size} bytes: make it simpler or smaller"
    print(f"{target.relative_to(DOCS.parent)}  {size // 1000} kB")


# What is on them


def wallet(page: Page) -> None:
    page.goto("/wallet")


def voucher(product: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("link", name=product).click()


def keypad(product: str) -> Callable[[Page], None]:
    def steps(page: Page) -> None:
        voucher(product)(page)
        page.locator("main a.button, main form button").first.click()
        page.locator("[name=branch], button[data-digit='0']").first.wait_for(state="attached")
        if page.locator("select[name=branch]").count():
            page.locator("select[name=branch]").select_option("main")
            page.locator("main form button").first.click()
        page.locator("button[data-digit='0']").wait_for()  # the script shows the keys when it listens
        page.keyboard.type(REDEMPTION_PASSWORD)

    return steps


def redeemed(product: str) -> Callable[[Page], None]:
    def steps(page: Page) -> None:
        page.clock.set_system_time(NOW)
        keypad(product)(page)
        page.keyboard.press("Enter")
        verdict = page.locator("[data-outcome=redeemed]")
        at = datetime.fromisoformat(verdict.locator("time").get_attribute("datetime"))
        page.clock.set_fixed_time(at + timedelta(seconds=3))  # the phone's clock, at the till's hour
        page.wait_for_timeout(1500)  # it ticks once a second

    return steps


def refused(product: str) -> Callable[[Page], None]:
    def steps(page: Page) -> None:
        keypad(product)(page)
        page.keyboard.press("Backspace")
        page.keyboard.type("0")
        page.keyboard.press("Enter")
        page.locator("[data-outcome=refused]").wait_for()

    return steps


def figures(page: Page) -> None:
    page.goto("/merchants/lotus/campaigns/oolong/figures")


def new_campaign(page: Page) -> None:
    page.goto("/merchants/lotus/new-campaign")
    for name, text in (
        ("product", "White peony, 50 g"),
        ("original_price", "88"),
        ("offer_price", "58"),
        ("quantity", "50"),
        ("ends_at", "2026-12-31"),
    ):
        page.locator(f"[name={name}]").fill(text)
    page.locator("#preview .product", has_text="White peony").wait_for()
    page.wait_for_timeout(600)  # the last figure typed comes to the voucher
    page.evaluate("scrollTo(0, 0)")


def publish(page: Page) -> None:
    page.goto("/merchants/lotus/campaigns/spring/publications")
    page.locator("#audience-addresses").check()
    page.locator("[name=addresses]").fill("customer@lotus.example")


def attempts(page: Page) -> None:
    page.goto("/merchants/lotus/campaigns/oolong/attempts")


def till(page: Page) -> None:
    page.goto("/till")


def show_code(page: Page, product: str) -> str:
    voucher(product)(page)
    page.locator("form[action$='/counter-code'] button").click()
    return page.locator(".counter-code").inner_text()


def counter_code(product: str) -> Callable[[Page], None]:
    return lambda page: show_code(page, product)


def charge(product: str) -> Callable[[Page], None]:
    """The cashier types the code that a customer shows."""

    def steps(page: Page) -> None:
        till(page)
        with somebody(page.context.browser, urljoin(page.url, "/"), "customer", PHONE) as holder:
            page.locator("#code").fill(show_code(holder, product))
        page.locator("#take button").first.click()
        page.locator(".charging").wait_for()

    return steps


def printed(address: str) -> Callable[[Page], None]:
    def steps(page: Page) -> None:
        page.goto(address)
        page.emulate_media(media="print")
        page.evaluate("document.body.style.padding = '28px'")  # a printer leaves a margin

    return steps


def practice(page: Page) -> None:
    page.goto("/practice/redeem")
    page.locator("button[data-digit='0']").wait_for()


def closed(product: str) -> Callable[[Page], None]:
    """After as many wrong passwords as a day has room for."""

    def steps(page: Page) -> None:
        attacked, guesser = RedemptionPassword.get(), Account.get()
        now = datetime.fromisoformat(NOW).astimezone(UTC)
        Guess.insert_many(
            [
                {
                    "password": attacked.id,
                    "version": attacked.version,
                    "consumer": guesser.id,
                    "made_at": now,
                    "counted": True,
                    "tag": b"%d" % number,
                }
                for number in range(guess_limits.PASSWORD_A_DAY)
            ]
        ).execute()
        RedemptionPassword.update(spent_at=now).where(RedemptionPassword.id == attacked.id).execute()
        voucher(product)(page)
        page.locator("main form button").first.click()
        page.locator("[data-reason=too_many_attempts]").wait_for()

    return steps


OOLONG, TEAS = "Oolong, 500 ml", "Five teas, one price"


def at_the_till(ending: str, language: dict) -> dict[str, tuple]:
    """What docs/at-the-till.md shows, in the order in which one thing leads to the next."""
    phone, paper = PHONE | language, PAPER | language
    return {
        name + ending: picture
        for name, picture in {
            "keypad": ("customer", phone, keypad(OOLONG)),
            "counter-code": ("customer", phone, counter_code(OOLONG)),
            "refused": ("customer", phone, refused(OOLONG)),
            "redeemed": ("customer", phone, redeemed(OOLONG)),
            "till": ("till", phone, till),
            "charge": ("till", phone, charge(TEAS)),
            "practice": ("till", phone | {"device_scale_factor": 1.5}, practice),  # its watermark weighs
            "sheet": ("manager", paper, printed("/merchants/lotus/sheet")),
        }.items()
    }


def under_attack(ending: str, language: dict) -> dict[str, tuple]:
    """The last ones: from then on each page of the merchant's says so."""
    return {
        name + ending: picture
        for name, picture in {
            "closed": ("customer", PHONE | language, closed(TEAS)),
            "till-closed": ("till", TABLET | language, till),
        }.items()
    }


PLANS = {
    "en": {
        "new-campaign": ("owner", PHONE | ENGLISH, new_campaign),
        "publish": ("owner", PHONE | ENGLISH, publish),
        "attempts": ("owner", PHONE | ENGLISH, attempts),
        "wallet": ("customer", PHONE | ENGLISH, wallet),
        "voucher": ("customer", PHONE | ENGLISH, voucher(OOLONG)),
        **at_the_till("", ENGLISH),
        "narrow": ("customer", PHONE | ENGLISH, wallet),
        "wide": ("customer", WIDE | ENGLISH, wallet),
        "figures": ("owner", DESKTOP | ENGLISH, figures),
        "card": ("till", PAPER | ENGLISH, printed("/merchants/lotus/till/card")),
        **under_attack("", ENGLISH),
    },
    "zh": {
        "wallet-zh-dark": ("newcomer", PHONE | CHINESE | DARK, wallet),
        "keypad-zh-dark": ("newcomer", PHONE | CHINESE | DARK, keypad(OOLONG)),
        **at_the_till("-zh", CHINESE),
        "figures-zh-dark": ("owner", DESKTOP | CHINESE | DARK, figures),
        **under_attack("-zh", CHINESE),
    },
}

if __name__ == "__main__":
    main()
