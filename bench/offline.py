"""How soon the wallet is painted when the phone was switched off and the server is dead.

    .venv/bin/python bench/offline.py [starts]

Each start is a browser of its own on the profile of the last one. Beside the wallet with 20 vouchers it opens the bare
page "No connection", static and kept by the same service worker: what the browser itself takes, in the same run.
"""

import math
import os
import signal
import sys
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import BrowserType, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from config import from_environment
from database import db, open_database
from quanbao.redemption.redeem import Keys
from tests.browser.test_offline import LIN, WALLETS, WORKING
from tests.support.chromium import FLAGS, phone
from tests.support.clock import Clock
from tests.support.factories import ACCOUNT_PASSWORD, World
from tests.support.programs import browser_executable
from tests.support.servers import NOON, Site

VOUCHERS = 20
TARGETS = {1: 300, 4: 700}  # by how many times the processor is slowed down: first paint p95 in milliseconds
PAGES = ("/wallet", "/offline")
PAINTED = """() => new Promise(go => {
    new PerformanceObserver((list, observer) => {
        const [entry] = list.getEntriesByName('first-contentful-paint');
        if (entry) { observer.disconnect(); go(entry.startTime); }
    }).observe({type: 'paint', buffered: true});
})"""


def fill(settings) -> None:
    open_database(None, settings.sqlite_file)
    world = World(Clock(NOON), Keys(password=settings.password_key, receipts=settings.secret_key))
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    for number in range(VOUCHERS):
        world.voucher(campaign=world.campaign(product=f"Oolong no. {number}"), holder=lin)
    db.close()


def keep(browser: BrowserType, profile: str, how: dict) -> None:
    """The first visit, with a server."""
    with browser.launch_persistent_context(profile, **how) as context:
        form = {"email": LIN, "password": ACCOUNT_PASSWORD}
        context.request.post("/sign-in", form=form, headers={"Origin": how["base_url"]})
        page = context.new_page()
        page.goto("/wallet")
        page.evaluate(WORKING)
        while not any("no. 0" in wallet for wallet in page.evaluate(WALLETS)):
            page.wait_for_timeout(50)


def start(browser: BrowserType, profile: str, how: dict, path: str, slower: int) -> float:
    """Milliseconds from asking for the page to the first contentful paint."""
    with browser.launch_persistent_context(profile, **how) as context:
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        page.goto(path)
        assert (page.locator("html[data-served]").count() == 1) == (path == "/wallet"), "not the stored page"
        return page.evaluate(PAINTED)


def p95(times: list[float]) -> float:
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]


def main(starts: int) -> int:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = from_environment({"QUANBAO_DATA": f"{folder}/data"})
        how = {"executable_path": browser_executable(), "args": FLAGS, **phone()}
        with Site(settings) as site:
            fill(settings)
            how["base_url"] = site.url
            keep(playwright.chromium, f"{folder}/profile", how)
            os.killpg(site.keeper.pid, signal.SIGKILL)
            print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
            within = [compare(playwright.chromium, f"{folder}/profile", how, slower, starts) for slower in TARGETS]
    return 0 if all(within) else 1


def compare(browser: BrowserType, profile: str, how: dict, slower: int, starts: int) -> bool:
    """A line with both pages' p95, and whether the wallet's is within its target."""
    times = {path: [] for path in PAGES}
    for _ in range(starts):
        for path in PAGES:
            times[path].append(start(browser, profile, how, path, slower))
    wallet, static = (times[path] for path in PAGES)
    print(
        f"CPU × {slower}, {starts} starts: first paint p95 {p95(wallet):.0f} ms (at most {TARGETS[slower]}), "
        f"median {median(wallet):.0f}; static page p95 {p95(static):.0f}, median {median(static):.0f}; "
        f"ratio of the medians {median(wallet) / median(static):.2f}",
        flush=True,
    )
    return p95(wallet) <= TARGETS[slower]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
