"""The same with a real browser at another site's pages: somebody is signed in here in it, and it keeps their wallet.

`near` is another port of our host: cookies that are Lax go there and back, so that the guard stands alone. `far` is
another site.
"""

import pytest
from playwright.sync_api import Page, expect

from models import Role, Session
from tests.browser.test_offline import CANARY, LIN, WALLETS, kept
from tests.proofs import size
from tests.support.chromium import Visitor, phone
from tests.support.every_route import MEANT_TO_MOVE, changed, columns
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.faulty_proxy import Between
from tests.support.other_site import Elsewhere

pytestmark = [pytest.mark.promise("cross-site"), pytest.mark.browser]

UNSETTLED = "attempt:{code}"  # a try whose answer was lost: the phone must ask for it again
FORM = """<form method=post enctype="{enctype}" action="{to}"><input name=archived value=yes><input name=language
    value=zh></form><script>document.forms[0].submit()</script>"""
# What a page elsewhere does by itself, with an address of ours, until it says that it is done.
SCRIPTS = {
    "fetch": "await fetch('{to}', {{method: 'POST', credentials: 'include', body: new URLSearchParams({{a: 1}})}})",
    "fetch no-cors": "await fetch('{to}', {{method: 'POST', mode: 'no-cors', credentials: 'include', body: '{json}'}})",
    "beacon": "navigator.sendBeacon('{to}', 'archived=yes')",
    "image": "await new Promise(go => {{ const i = new Image(); i.onload = i.onerror = go; i.src = '{to}'; }})",
    "prefetch": "document.head.innerHTML = '<link rel=prefetch href={to}>'",
    "frame": "await new Promise(go => {{ const f = document.createElement('iframe'); f.onload = go; f.src = '{to}';"
    " document.body.append(f); }})",
}
SCRIPTED = """<script>(async () => {{ try {{ {script} }} catch {{ }} document.title = 'done' }})()</script>"""


@pytest.fixture
def elsewhere():
    with Elsewhere() as serving:
        yield serving


@pytest.fixture
def lin(small_world, small_site, network, visit) -> Visitor:
    """Signed in, with a wallet kept, and a try whose answer was lost."""
    account = small_world.member(role=Role.OWNER, email=LIN, password=ACCOUNT_PASSWORD)
    visitor = visit(network, **phone())
    visitor.expect(
        "status of 403",
        "status of 405",
        "status of 404",
        "status of 308",
        "CORS",
        "net::ERR",
        "Refused",
        "blocked",
        "Cross-Origin",
        "frame",
        "opener",
    )
    visitor.voucher = small_world.voucher(campaign=small_world.campaign(product=CANARY), holder=account)
    visitor.sign_in(LIN).page.goto("/wallet")
    kept(visitor.page)
    visitor.page.evaluate(f"localStorage['{UNSETTLED.format(code=visitor.voucher.code)}'] = 'unsettled'")
    return visitor


@pytest.fixture
def network(small_site):
    with Between(small_site) as between:
        yield between


def targets(lin: Visitor) -> list[str]:
    return [
        lin.site.url + path
        for path in (
            "/sign-out",
            "/account/sessions/end",
            "/account/notifications",
            f"/vouchers/{lin.voucher.code}/archive",
            "/push/subscriptions",
            "/sign-in//" + "x" * 22,
            "/language",
            "/merchants/lotus/branches",
        )
    ]


def attack(lin: Visitor, elsewhere: Elsewhere, origin: str, html: str) -> None:
    elsewhere.pages["/attack"] = html
    page = lin.context.new_page()
    page.goto(f"{origin}/attack", wait_until="commit")
    if "<form" in html or "location" in html:
        page.wait_for_url(f"{lin.site.url}/**")
    else:
        expect(page).to_have_title("done")
    page.wait_for_load_state()
    page.close()


def attacks(lin: Visitor) -> list[str]:
    """Pages elsewhere: every way to ask × every address; in the short form some of each."""
    pages = []
    for to in targets(lin):
        forms = [FORM.format(to=to, enctype=kind) for kind in ("text/plain", "application/x-www-form-urlencoded")]
        scripts = [
            SCRIPTED.format(script=script.format(to=to, json='{"endpoint": "https://evil.example"}'))
            for script in SCRIPTS.values()
        ]
        pages += [*forms, *scripts[:3], f"<script>location = '{to}'</script>", *scripts[3:]]
    return pages[:: size(5, 1)]


def untouched(lin: Visitor) -> None:
    """Signed in, with the wallet, and with what was not settled, as before."""
    assert any(CANARY in wallet for wallet in lin.page.evaluate(WALLETS)), "the wallet was thrown away"
    assert lin.page.evaluate(f"localStorage['{UNSETTLED.format(code=lin.voucher.code)}']") == "unsettled"
    assert not lin.page.evaluate("caches.has('signed-out')")
    lin.page.goto("/wallet")
    expect(lin.page.get_by_role("heading", name="Wallet")).to_be_visible()


@pytest.mark.parametrize("where", ["near", "far"])
def test_another_sites_page_does_nothing(lin, elsewhere, proved, where):
    before, origin = columns(), getattr(elsewhere, where)
    for html in (pages := attacks(lin)):
        attack(lin, elsewhere, origin, html)
    assert changed(before) <= MEANT_TO_MOVE
    untouched(lin)
    proved(f"chromium, {where}: {len(pages)} pages")


def test_a_window_that_was_opened_elsewhere_has_no_opener_and_no_frame_holds_us(lin, elsewhere):
    elsewhere.pages["/opens"] = f"""<script>
        const opened = open('{lin.site.url}/wallet');
        setInterval(() => {{ document.title = opened.closed ? 'severed' : 'held' }}, 50)</script>"""
    elsewhere.pages["/frames"] = f"<iframe src='{lin.site.url}/wallet'></iframe>"
    page = lin.context.new_page()
    with page.expect_popup() as popup:
        page.goto(elsewhere.near + "/opens")
    expect(popup.value.get_by_role("heading", name="Wallet")).to_be_visible()
    assert popup.value.evaluate("opener === null")
    expect(page).to_have_title("severed")
    page.goto(elsewhere.near + "/frames")
    (frame,) = page.main_frame.child_frames
    assert CANARY not in (frame.content() if frame.url.startswith("http") else "")


def test_control_the_old_worker_signed_out_for_whoever_asked(lin, elsewhere, network, proved):
    """A worker that does not look who sends the form says it to the server as if it were our page."""
    broken(lin.page, network)
    attack(lin, elsewhere, elsewhere.far, FORM.format(to=f"{lin.site.url}/sign-out", enctype="text/plain"))
    lin.page.wait_for_timeout(200)
    with pytest.raises(AssertionError):
        untouched(lin)
    assert Session.select().count() == 0
    proved("a worker without the guard signs out for another site")


def broken(page: Page, network: Between) -> None:
    network.alter = lambda path, content: content.replace(
        b"sent && path === '/sign-out' && request.referrer.startsWith(origin + '/')", b"path === '/sign-out'"
    )
    page.evaluate("""async () => {
        const worker = await navigator.serviceWorker.getRegistration();
        const taken = new Promise(go => navigator.serviceWorker.addEventListener('controllerchange', go, {once: true}));
        await worker.update();
        const waiting = worker.installing ?? worker.waiting;
        if (waiting.state !== 'installed')
            await new Promise(go => waiting.addEventListener('statechange', go, {once: true}));
        waiting.postMessage('take over');
        await taken;
    }""")
