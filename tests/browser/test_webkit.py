"""A second engine, close to Safari's: the wallet without a server, the keypad, and nothing for the next one."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Remote
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from models import Role, Session, Voucher
from tests.browser.test_offline import CANARY, KEPT, LIN, WALLETS, WORKING
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD, WRONG, World, stored
from tests.support.servers import Screen, Site

pytestmark = [
    pytest.mark.webkit,
    pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning"),  # selenium's own doing
]

PATIENCE = 30  # seconds; only what fails takes so long


class Phone:
    """Lin's, with somebody else's browser."""

    def __init__(self, driver: Remote, site: Site):
        self.driver, self.site = driver, site

    def go(self, path: str) -> None:
        self.driver.get(self.site.url + path)

    def run(self, function: str) -> Any:
        """What an async function of the page's comes to."""
        tell = "arguments[0], error => arguments[0](String(error))"
        return self.driver.execute_async_script(f"({function})().then({tell})")

    def press(self, name: str) -> None:
        """The visible button or link of this name, once it is there."""
        self.until(lambda: [found for found in self.all("a, button") if found.accessible_name == name])[0].click()

    def all(self, selector: str) -> list[WebElement]:
        return [found for found in self.driver.find_elements(By.CSS_SELECTOR, selector) if found.is_displayed()]

    def says(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def until(self, holds) -> Any:
        wait = WebDriverWait(self.driver, PATIENCE, 0.05, [StaleElementReferenceException])  # it went meanwhile
        return wait.until(lambda _: holds(), self.driver.page_source)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.says())

    def verdict(self) -> tuple[str | None, str | None]:
        (found,) = self.until(lambda: self.all("[role=alert][data-outcome]"))
        return found.get_attribute("data-outcome"), found.get_attribute("data-reason")


@pytest.fixture(scope="module")
def driver(webkit_paths) -> Iterator[Remote]:
    program, browser, screen = webkit_paths
    options = Options()
    options.binary_location = browser
    options.add_argument("--automation")
    with Screen(screen) as drawn:
        environment = os.environ | {
            "DISPLAY": drawn.name,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        }
        service = Service(program, env=environment)
        service.start()
        address = service.service_url
        patient = ClientConfig(address, timeout=2 * PATIENCE)  # a driver that hangs holds up nobody for long
        opened = Remote(address, options=options, client_config=patient)
        opened.set_window_size(400, 800)
        opened.set_script_timeout(PATIENCE)
        opened.set_page_load_timeout(PATIENCE)
        yield opened
        opened.quit()
        service.stop()


@pytest.fixture
def tea(small_world) -> Voucher:
    small_world.one_branch()
    return small_world.voucher(
        campaign=small_world.campaign(product=CANARY, place="Behind the canal"),
        holder=small_world.account(email=LIN, password=ACCOUNT_PASSWORD),
    )


@pytest.fixture
def lin(driver, sqlite, tea) -> Iterator[Phone]:
    """Signed in, with the wallet open, and kept."""
    with Site(sqlite) as site:
        phone = Phone(driver, site)
        phone.go("/sign-in")
        for name, value in (("email", LIN), ("password", ACCOUNT_PASSWORD)):
            driver.find_element(By.NAME, name).send_keys(value)
        phone.press("Sign in")
        phone.until_said(CANARY)
        phone.run(WORKING)
        phone.until(lambda: any(CANARY in wallet for wallet in phone.run(WALLETS)))
        yield phone


def see_stored(phone: Phone, what: str) -> None:
    phone.until_said("No answer from the server.")
    assert what in phone.says()
    states = [state.text for state in phone.all(".ticket .state")]
    assert states
    assert all("as of" in state for state in states), states
    assert not [found for found in phone.all("a, button") if found.accessible_name == "Redeem"]


def test_with_the_server_dead_wallet_and_voucher_open(lin, tea):
    os.killpg(lin.site.keeper.pid, signal.SIGKILL)
    lin.go("/wallet")
    see_stored(lin, CANARY)
    lin.go(f"/vouchers/{tea.code}")
    see_stored(lin, "Behind the canal")
    lin.go(f"/vouchers/{tea.code}/redeem?branch=main")
    lin.until_said("nothing was redeemed")
    assert not lin.all("[data-digit]")


def test_the_keypad_redeems(small_world: World, lin, tea):
    lin.go(f"/vouchers/{tea.code}")
    lin.press("Redeem")
    for digits, verdict in ((WRONG, ("refused", "password_incorrect")), (PASSWORD, ("redeemed", None))):
        for digit in digits:
            lin.press(digit)
        lin.press("Confirm")
        assert lin.verdict() == verdict
        if verdict[1]:
            lin.press("Try again")
    assert stored() == (2, 1)


def test_a_sign_out_leaves_nothing(lin, tea):
    lin.go(f"/vouchers/{tea.code}/redeem?branch=main")
    lin.go("/wallet")
    assert CANARY in lin.run(KEPT), "nothing would be found, whatever was left"
    lin.press("Sign out")
    lin.until(lambda: any(link.accessible_name == "Sign in" for link in lin.all("a")))
    nothing_left(lin, tea)
    assert Session.select().count() == 0
    lin.go("/wallet")
    lin.until(lambda: lin.driver.find_elements(By.NAME, "password"))
    assert CANARY not in lin.says()


def test_a_sign_out_with_the_server_dead_leaves_nothing(lin, tea):
    lin.go(f"/vouchers/{tea.code}")
    lin.go("/wallet")
    assert CANARY in lin.run(KEPT), "nothing would be found, whatever was left"
    os.killpg(lin.site.keeper.pid, signal.SIGKILL)
    lin.press("Sign out")
    lin.until_said("You are signed out")
    nothing_left(lin, tea)
    lin.go("/wallet")
    lin.until_said("No connection")
    assert CANARY not in lin.says()
    assert Session.select().count() == 1, "nobody could tell the server, so this test says nothing"


def nothing_left(lin: Phone, tea: Voucher) -> None:
    left = lin.run(KEPT)
    assert "shell-" in left, "nothing was looked at"
    for canary in (CANARY, tea.code, LIN, "Behind the canal"):
        assert canary not in left


def test_back_after_a_redemption_shows_no_voucher_that_is_unused(lin, tea):
    lin.go(f"/vouchers/{tea.code}")
    lin.press("Redeem")
    for digit in PASSWORD:
        lin.press(digit)
    lin.press("Confirm")
    assert lin.verdict() == ("redeemed", None)
    lin.press("Give the phone back")
    lin.until_said("Used")
    for _ in range(3):  # the verdict, the voucher, the wallet
        lin.driver.back()
        lin.until(lambda: lin.all("main"))
        assert "Unused" not in lin.says()
        assert not [found for found in lin.all("button") if found.accessible_name == "Redeem"]


def test_the_address_of_a_refused_form_leads_to_the_form(driver, sqlite, small_world):
    """WebKitGTK asks by GET where a script reloads the answer of a POST: that was 405."""
    small_world.member(role=Role.OWNER, email=LIN, password=ACCOUNT_PASSWORD)
    with Site(sqlite) as site:
        owner = Phone(driver, site)
        owner.go("/sign-in?next=/merchants/lotus/branches")
        for name, value in (("email", LIN), ("password", ACCOUNT_PASSWORD)):
            driver.find_element(By.NAME, name).send_keys(value)
        owner.press("Sign in")
        owner.until_said("New branch")
        driver.execute_script("""
            const form = document.querySelector('form[action$="/branches/main"]');
            form.querySelector('[name=name]').value = '';
            HTMLFormElement.prototype.submit.call(form);""")
        owner.until(lambda: driver.current_url.endswith("/branches/main"))
        driver.execute_script("location.reload()")
        owner.until(lambda: driver.current_url.endswith("/branches"))
        owner.until_said("New branch")


def test_a_form_outlives_a_server_that_is_gone(driver, sqlite, small_world):
    small_world.member(role=Role.OWNER, email=LIN, password=ACCOUNT_PASSWORD)
    with Site(sqlite) as site:
        owner = Phone(driver, site)
        owner.go("/sign-in?next=/merchants/lotus/branches")
        for name, value in (("email", LIN), ("password", ACCOUNT_PASSWORD)):
            driver.find_element(By.NAME, name).send_keys(value)
        owner.press("Sign in")
        owner.until_said("New branch")
        driver.find_element(By.ID, "new-name").send_keys("Harbour")
        os.killpg(site.keeper.pid, signal.SIGKILL)
        owner.press("Add")
        owner.until_said("not known whether this arrived")
        assert driver.find_element(By.ID, "new-name").get_property("value") == "Harbour"
