"""From the last tap to the painted verdict, in Chromium with a processor four times slower."""

from collections.abc import Iterator
from contextlib import ExitStack
from statistics import quantiles

from playwright.sync_api import sync_playwright

from bench.harness import Plan, Row, Stage
from tests.support.chromium import FLAGS, Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD
from tests.support.programs import browser_executable
from tests.support.servers import Site

TAPS = 20  # a round
SLOWER, MOST = 4, 150  # times, milliseconds
WATCH = """() => { window.painted = new Promise(go => {
    let tapped;
    document.querySelector('.confirm').addEventListener('click', event => { tapped ??= event.timeStamp; }, true);
    addEventListener('htmx:afterSwap', () => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => go(performance.now() - tapped);
        port2.postMessage(null);
    }));
}); }"""


def measure(stage: Stage, plan: Plan) -> Iterator[Row]:
    mei = stage.world.account(email="mei.w@example.org", password=ACCOUNT_PASSWORD)
    campaign = stage.world.campaign(uses_per_voucher=10_000, quantity=10_000)
    code = stage.world.voucher(campaign=campaign, holder=mei).code
    with ExitStack() as leaving:
        site = leaving.enter_context(Site(stage.settings))
        playwright = leaving.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=browser_executable(), args=FLAGS)
        leaving.callback(browser.close)
        holder = Visitor(browser, site, **phone()).sign_in("mei.w@example.org")
        holder.context.new_cdp_session(holder.page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        times = [tap(holder, code) for _ in range(TAPS * plan.rounds)]
    p95 = quantiles(times, n=20)[-1]
    what = f"last tap to painted verdict, {SLOWER} × slower, p95 of {len(times)}"
    yield Row(what, stage.engine, f"{MOST} ms", "<= 1", [p95 / MOST], p95, MOST, "ms")


def tap(holder: Visitor, code: str) -> float:
    holder.page.goto(f"/vouchers/{code}/redeem?branch=main")
    holder.type_digits(PASSWORD)
    holder.page.evaluate(WATCH)
    holder.press("Confirm")
    return holder.page.evaluate("() => window.painted")
