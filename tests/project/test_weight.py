"""What a page costs on the way to a phone, and whether what is served is what was written."""

import gzip
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import brotli
import pytest

from tests.support.chromium import Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN
from web import assets
from web.compression import COMPRESSED, COPIES, STATIC, compress, digest

ROOT = Path(__file__).parents[2]
FIRST_VISIT = 30_000  # bytes of scripts and styles, with their headers
OUR_SCRIPTS = 6_000  # bytes of the wallet's own scripts, compressed
# On pages with forms, and a merchant's.
ELSEWHERE = {"copy.js", "counter-till.js", "figures.js", "forms.js", "print.js", "selection.js"}
WORKER = 2_000  # bytes as served, compressed
JSQR = "bc40c8a15196236b2314db0856f72ca0b49980cd5413b8c852a7349f5fee0859"  # 1.4.0, dist/jsQR.js of jsqr on npm
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"  # 2.0.11, dist/htmx.min.js of htmx.org on npm


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
    scripts = [path for path in STATIC.glob("*.js") if path.name not in ELSEWHERE | {"sw.js"}]
    sizes = {path.name: copy_of(path.read_bytes(), ".br").stat().st_size for path in scripts}
    assert sum(sizes.values()) <= OUR_SCRIPTS, sizes


def test_the_worker_is_short(client):
    answer = client.http.get("/sw.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) <= WORKER
    assert gzip.decompress(answer.data) == client.http.get("/sw.js").data


def copy_of(content: bytes, suffix: str) -> Path:
    copy = COPIES / (digest(content) + suffix)
    assert copy.exists(), "run make assets"
    return copy


def test_compressed_copies_hold_what_is_served():
    for content in (path.read_bytes() for path in STATIC.rglob("*") if path.suffix in COMPRESSED):
        assert brotli.decompress(copy_of(content, ".br").read_bytes()) == content
        assert gzip.decompress(copy_of(content, ".gz").read_bytes()) == content


@pytest.mark.parametrize("encodings", ["br, gzip", "gzip", ""])
def test_without_copies_files_are_served_as_they_are(client, monkeypatch, tmp_path, encodings):
    def ask():
        answer = client.http.get(assets.url("app.css"), headers={"Accept-Encoding": encodings})
        assert answer.headers["Vary"] == "Accept-Encoding"
        return answer.status_code, answer.headers.get("Content-Encoding"), answer.data == content

    content = (STATIC / "app.css").read_bytes()
    expected = {"br, gzip": "br", "gzip": "gzip", "": None}[encodings]
    assert ask() == (200, expected, expected is None)
    monkeypatch.setattr(assets, "COPIES", tmp_path / "missing")
    assert ask() == (200, None, True)


def test_a_changed_file_has_a_copy_of_its_own_and_the_old_one_is_removed(tmp_path):
    static, copies = tmp_path / "static", tmp_path / "copies"
    static.mkdir()
    for content in (b"a { color: red }", b"a { color: blue }"):
        (static / "app.css").write_bytes(content)
        compress(static, copies)
        assert {path.name for path in copies.iterdir()} == {f"{digest(content)}.br", f"{digest(content)}.gz"}
        assert brotli.decompress((copies / f"{digest(content)}.br").read_bytes()) == content


@pytest.mark.slow
def test_a_wheel_from_a_clean_checkout_has_the_compressed_copies(tmp_path):
    """Also what is not committed yet; nothing that git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "checkout" / name)
    assert not (tmp_path / "checkout/web/compressed").exists()
    wheel = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path]
    subprocess.run([sys.executable, *wheel, tmp_path / "checkout"], check=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as built:
        there = {
            name.removeprefix("web/compressed/") for name in built.namelist() if name.startswith("web/compressed/")
        }
    contents = [path.read_bytes() for path in STATIC.rglob("*") if path.suffix in COMPRESSED]
    assert there == {digest(content) + suffix for content in contents for suffix in (".br", ".gz")}


def test_vendored_scripts_are_those_that_their_makers_published():
    assert hashlib.sha256((STATIC / "vendor/jsQR.js").read_bytes()).hexdigest() == JSQR
    assert hashlib.sha256((STATIC / "vendor/htmx.min.js").read_bytes()).hexdigest() == HTMX
