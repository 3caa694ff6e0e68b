"""How long after the verdict a shop's own screen, and a phone that shows a counter code, say the same.

    .venv/bin/python bench/till.py [--rounds 40]

A server of two processes; the till page open in one browser, a voucher redeemed over HTTP, and the time from its
answer to the row on the page; then the same for a counter code, from the till's answer to the verdict on the
phone. Exits with 1 where p95 is above a second and a half.
"""

import argparse
import random
import sys
import tempfile
import uuid
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' helpers are of no installed package

from playwright.sync_api import sync_playwright

from config import from_environment
from database import db, open_database
from models import Member, Role
from quanbao.operations import migrate
from quanbao.redemption.redeem import Keys
from tests.support.chromium import FLAGS, Visitor, phone
from tests.support.clock import Clock
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD, World
from tests.support.programs import Missing, browser_executable
from tests.support.servers import NOON, Postgres, Site

MOST = 1500  # ms
TILL, MEI = "/merchants/lotus/till", "mei.w@example.org"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds, slow = parser.parse_args().rounds, False
    for engine in ("SQLite", "PostgreSQL"):
        with ExitStack() as leaving:
            settings = from_environment({"QUANBAO_DATA": leaving.enter_context(tempfile.TemporaryDirectory())})
            try:
                if engine == "PostgreSQL":
                    server = leaving.enter_context(Postgres())
                    settings = replace(settings, database_url=server.create("bench"))
            except Missing as missing:
                print(f"{missing.what} is missing: {missing.cure}")
                continue
            for name, times in measure(settings, rounds, leaving).items():
                p95 = quantiles(times, n=20)[-1]
                print(f"{engine:11}{name:28} median {median(times):5.0f} ms   p95 {p95:5.0f} ms")
                slow |= p95 > MOST
            db.close()
    sys.exit(slow)


def measure(settings, rounds: int, leaving: ExitStack) -> dict[str, list[float]]:
    """Milliseconds, by what was waited for."""
    open_database(settings.database_url, settings.sqlite_file)
    migrate.migrate()
    world = World(Clock(NOON), Keys(password=settings.password_key, receipts=settings.secret_key))
    mei = world.account(email=MEI, password=ACCOUNT_PASSWORD)
    till = world.member(role=Role.MANAGER, password=ACCOUNT_PASSWORD)
    assert Member.get(Member.account == till)
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=10_000, quantity=10_000), holder=mei)
    site = leaving.enter_context(Site(settings, world, processes=2))
    site.url = f"http://127.0.0.1:{site.port}"
    playwright = leaving.enter_context(sync_playwright())
    browser = playwright.chromium.launch(executable_path=browser_executable(), args=FLAGS)
    leaving.callback(browser.close)
    screen, holder = (Visitor(browser, site, **phone()).sign_in(who.email) for who in (till, mei))
    screen.page.goto(TILL)
    return {
        "keypad to till page": [keypad(screen, holder, voucher.code) for _ in range(rounds)],
        "counter to phone": [counter(screen, holder, voucher.code) for _ in range(rounds)],
    }


def keypad(screen: Visitor, holder: Visitor, code: str) -> float:
    form = {"password": PASSWORD, "attempt_id": str(uuid.uuid4())}
    holder.page.wait_for_timeout(random.uniform(0, 1000))  # anywhere between two of the page's questions
    send(holder, f"/vouchers/{code}/redemptions", form)
    return waited(screen, f"[data-attempt='{form['attempt_id']}']")


def counter(screen: Visitor, holder: Visitor, code: str) -> float:
    holder.page.goto(f"/vouchers/{code}")
    holder.page.locator("form[action$='/counter-code'] button").click()
    attempt_id = holder.page.locator("#counter").get_attribute("data-attempt")
    typed = holder.page.locator(".counter-code").inner_text()
    send(screen, TILL, {"code": typed})
    send(screen, f"{TILL}/{attempt_id}", {})
    return waited(holder, "[data-outcome=redeemed]")


def send(who: Visitor, path: str, form: dict[str, str]) -> None:
    answer = who.context.request.post(path, form=form, headers={"Origin": who.site.url})
    assert answer.ok, (answer.status, answer.text()[:300])


def waited(who: Visitor, selector: str) -> float:
    """From now until it is on the page."""
    start = perf_counter()
    who.page.locator(selector).wait_for()
    return (perf_counter() - start) * 1000


if __name__ == "__main__":
    main()
