"""What a page costs on the way to a phone, and whether what is served is what was written."""

import gzip
import hashlib

import brotli
import pytest

from tests.support.chromium import Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD
from web.assets import COMPRESSED, STATIC, names

FIRST_VISIT = 30_000  # bytes of scripts and styles, with their headers
OUR_SCRIPTS = 6_000  # bytes of the wallet's own scripts, compressed
# On pages with forms, and a merchant's.
ELSEWHERE = {"copy.js.br", "counter-till.js.br", "figures.js.br", "forms.js.br", "print.js.br", "selection.js.br"}
WORKER = 2_000  # bytes as served, compressed
JSQR = "bc40c8a15196236b2314db0856f72ca0b49980cd5413b8c852a7349f5fee0859"  # 1.4.0, dist/jsQR.js of jsqr on npm
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"  # 2.0.11, dist/htmx.min.js of htmx.org on npm
LIN = "lin@example.org"


@pytest.mark.browser
def test_the_first_visit_to_the_wallet_is_light_and_the_second_free(small_world, small_site, visit):
    lin = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    for _ in range(5):
        small_world.voucher(campaign=small_world.campaign(), holder=lin)
    customer = visit(small_site, **phone()).sign_in(LIN)
    first, second = transferred(customer), transferred(customer)
    assert {name.rsplit(".", 1)[1] for name in first} == {"css", "js"}
    assert 0 < sum(first.values()) <= FIRST_VISIT, first
    assert not any(second.values()), second


def transferred(customer: Visitor) -> dict[str, int]:
    """Bytes that came over the wire for each script and style of the wallet, in a new tab."""
    page = customer.context.new_page()
    wire = customer.context.new_cdp_session(page)
    names, sizes = {}, {}

    def answered(event):
        if event["type"] in ("Script", "Stylesheet"):
            names[event["requestId"]] = event["response"]["url"].rsplit("/", 1)[1]
            coding = {k.lower(): v for k, v in event["response"]["headers"].items()}.get("content-encoding")
            assert coding == "br", f"{names[event['requestId']]} came without brotli: run make assets"

    wire.on("Network.responseReceived", answered)
    wire.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    wire.send("Network.enable")
    page.goto("/wallet", wait_until="networkidle")
    page.close()
    return {name: int(sizes[request]) for request, name in names.items()}


def test_our_own_scripts_are_short():
    sizes = {path.name: path.stat().st_size for path in STATIC.glob("*.js.br") if path.name not in ELSEWHERE}
    assert sum(sizes.values()) <= OUR_SCRIPTS, sizes


def test_the_worker_is_short(client):
    answer = client.http.get("/sw.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) <= WORKER
    assert gzip.decompress(answer.data) == client.http.get("/sw.js").data


def test_compressed_files_hold_what_is_written_now():
    """Servers send the sibling: an old one would show the page of yesterday."""
    for path in sorted(STATIC / name for name in names()):
        if path.suffix not in COMPRESSED:
            continue
        for suffix, unpack in ((".br", brotli.decompress), (".gz", gzip.decompress)):
            sibling = path.with_name(path.name + suffix)
            fresh = sibling.exists() and unpack(sibling.read_bytes()) == path.read_bytes()
            assert fresh, f"{sibling.name} is not of {path.name} as it is now: run make assets"


def test_no_compressed_file_is_left_of_one_that_is_gone():
    siblings = [path.relative_to(STATIC) for path in STATIC.rglob("*") if path.suffix in (".br", ".gz")]
    alone = [path.as_posix() for path in siblings if path.with_suffix("").as_posix() not in names()]
    assert not alone, f"delete {alone}"


def test_vendored_scripts_are_those_that_their_makers_published():
    assert hashlib.sha256((STATIC / "vendor/jsQR.js").read_bytes()).hexdigest() == JSQR
    assert hashlib.sha256((STATIC / "vendor/htmx.min.js").read_bytes()).hexdigest() == HTMX
