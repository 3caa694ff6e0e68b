"""Redeeming at the counter: Mei's phone stays in her hand, and the shop's own screen sees what it says."""

from contextlib import ExitStack
from pathlib import Path

import pytest
import qrcode
from PIL import Image
from playwright.sync_api import expect

from models import Branch, Member, MemberBranch, Redemption, Role
from tests.support.chromium import FLAGS, GREEN, Visitor, phone
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER, PASSWORD, World

pytestmark = pytest.mark.browser

MEI = "mei.w@example.org"


def at_work(world: World) -> None:
    """A cashier at Main Street."""
    account = world.member(role=Role.CASHIER, email=CASHIER, password=ACCOUNT_PASSWORD)
    MemberBranch.create(member=Member.get(Member.account == account), branch=Branch.get(Branch.slug == "main"))


def shows_code(world: World, site, visit, *, clock: bool = False, **campaign) -> Visitor:
    """Mei taps "Redeem at the counter"; with a clock, the test moves that of her phone."""
    mei = world.account(email=MEI, password=ACCOUNT_PASSWORD)
    world.voucher(campaign=world.campaign(**campaign), holder=mei)
    holder = visit(site, **phone()).sign_in(MEI)
    holder.expect("/attempts/")  # it asks until there is a verdict
    if clock:
        holder.page.clock.install()
    holder.page.goto("/wallet")
    holder.press("Oolong, 500 ml")
    holder.press("Redeem at the counter")
    return holder


def test_mei_shows_a_code_and_both_screens_say_the_same(world, site, visit):
    at_work(world)
    cashier = visit(site, **phone()).sign_in_by_form(CASHIER)
    expect(cashier.page.get_by_text("Nothing yet today.")).to_be_visible()
    holder = shows_code(world, site, visit, minimum_spend=15000)
    code = holder.page.locator(".counter-code").inner_text()

    # The cashier types it as it comes; the voucher, what to charge, and the bill.
    cashier.page.get_by_label("Counter code").fill(code.lower())
    cashier.press("Show the voucher")
    expect(cashier.page.get_by_role("heading", level=1)).to_have_text("Oolong, 500 ml")
    expect(cashier.page.get_by_text("¥18")).to_be_visible()
    expect(cashier.page.get_by_text("Main Street")).to_be_visible()
    cashier.page.get_by_label("Amount").fill("200")
    cashier.press("Redeem")

    # Green on both, with the same number and words.
    verdicts = [visitor.verdict("redeemed") for visitor in (cashier, holder)]
    redemption = Redemption.get()
    assert (redemption.branch_slug, redemption.amount) == ("main", 20000)
    for verdict in verdicts:
        expect(verdict).to_contain_text(f"No. {redemption.number}")
        expect(verdict).to_contain_text(redemption.words)
    assert holder.background() == GREEN
    holder.press("Back to the voucher")
    expect(holder.page.get_by_role("article")).to_contain_text("Used")
    cashier.press("Next customer")
    first = cashier.page.locator("li.row").first
    expect(first).to_contain_text(redemption.words)
    expect(first).to_contain_text("at the counter")


def test_the_till_page_keeps_up_with_a_keypad(world, site, visit):
    at_work(world)
    cashier = visit(site, **phone()).sign_in_by_form(CASHIER)
    mei = world.account(email=MEI, password=ACCOUNT_PASSWORD)
    voucher = world.voucher(holder=mei)
    holder = visit(site, **phone()).sign_in(MEI)
    holder.page.goto(f"/vouchers/{voucher.code}/redeem?branch=main")
    holder.type_digits(PASSWORD)
    holder.press("Confirm")
    said = holder.verdict("redeemed").locator(".words").inner_text()
    row = cashier.page.locator("li.row")
    expect(row).to_contain_text(said)
    expect(row).to_contain_text("Main Street")
    expect(cashier.page.locator(".total")).to_contain_text("1")


def test_a_code_runs_out_and_a_new_one_is_a_tap_away(small_world, small_site, visit):
    holder = shows_code(small_world, small_site, visit, clock=True)
    page = holder.page
    shown = page.locator(".counter-code")
    first = shown.inner_text()
    expect(page.get_by_role("timer")).to_be_visible()
    expect(holder.named("New code")).to_be_hidden()
    page.clock.fast_forward(61_000)
    expect(shown).to_be_hidden()
    expect(page.get_by_role("status")).to_contain_text("run out")
    expect(page.get_by_text("Nothing was redeemed with it.")).to_be_hidden()
    page.clock.fast_forward(210_000)
    expect(page.get_by_role("status")).to_contain_text("Nothing was redeemed with it.")
    holder.press("New code")
    expect(shown).to_be_visible()
    assert shown.inner_text() != first


def test_what_the_till_took_in_time_is_not_said_to_be_nothing(small_world, small_site, visit):
    """The cashier typed the code in its last seconds and redeems when the phone has counted down."""
    at_work(small_world)
    cashier = visit(small_site, **phone()).sign_in_by_form(CASHIER)
    holder = shows_code(small_world, small_site, visit, clock=True)
    cashier.page.get_by_label("Counter code").fill(holder.page.locator(".counter-code").inner_text())
    cashier.press("Show the voucher")
    expect(cashier.named("Redeem")).to_be_visible()
    holder.page.clock.fast_forward(61_000)
    expect(holder.page.get_by_role("status")).to_contain_text("Where the till has it already")
    cashier.press("Redeem")
    cashier.verdict("redeemed")
    holder.page.clock.run_for(2_000)
    holder.verdict("redeemed")


# The camera


def film(path: Path, text: str) -> Path:
    """A video of a QR code for Chromium's camera: uncompressed frames (YUV4MPEG2), grey but for the code."""
    picture = Image.new("L", (640, 480), 128)
    code = qrcode.make(text, box_size=8, border=4).convert("L")
    picture.paste(code.resize((360, 360)), (140, 60))
    frame = b"FRAME\n" + picture.tobytes() + bytes([128]) * (640 * 480 // 2)
    path.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + frame * 5)
    return path


@pytest.fixture
def camera(tmp_path, browser, browser_path):
    """`camera(site, text)`: a cashier's phone whose camera sees a QR code of this text."""
    with ExitStack() as leaving:

        def start(site, text: str) -> Visitor:
            seen = film(tmp_path / "seen.y4m", text)
            opened = browser.browser_type.launch(
                executable_path=browser_path,
                args=[
                    *FLAGS,
                    "--use-fake-ui-for-media-stream",
                    "--use-fake-device-for-media-stream",
                    f"--use-file-for-fake-video-capture={seen}",
                ],
            )
            leaving.callback(opened.close)
            visitor = Visitor(opened, site, **phone(), permissions=["camera"])
            leaving.callback(visitor.leave)
            return visitor

        yield start


def test_the_cashier_scans_the_code_with_the_camera(small_world, small_site, visit, camera):
    at_work(small_world)
    holder = shows_code(small_world, small_site, visit)
    code = holder.page.locator(".counter-code").inner_text().replace("\u200a", "").replace(" ", "")
    cashier = camera(small_site, f"{small_site.url}/till#{code}").sign_in(CASHIER)
    cashier.page.goto("/till")
    loaded = []
    cashier.page.on("request", lambda request: loaded.append(request.url))
    assert not cashier.page.locator("script[src*=jsQR]").count(), "nobody who types needs the decoder"
    cashier.press("Scan")
    expect(cashier.page.get_by_role("heading", level=1)).to_have_text("Oolong, 500 ml")
    assert [url for url in loaded if "jsQR" in url], "this Chromium has no reader of its own"
    cashier.press("Redeem")
    cashier.verdict("redeemed")
    holder.verdict("redeemed")
    assert Redemption.get().branch_slug == "main"


def test_another_qr_code_is_passed_over_and_the_camera_can_be_stopped(small_world, small_site, camera):
    at_work(small_world)
    cashier = camera(small_site, "https://example.org/K7M3QX").sign_in(CASHIER)
    cashier.page.goto("/till")
    cashier.press("Scan")
    expect(cashier.page.locator("#video")).to_be_visible()
    cashier.page.wait_for_timeout(1000)
    expect(cashier.page.get_by_label("Counter code")).to_have_value("")
    expect(cashier.page.get_by_text("This QR code is not one of ours")).to_be_visible()
    cashier.press("Stop the camera")
    expect(cashier.page.locator("#video")).to_be_hidden()
    expect(cashier.named("Scan")).to_be_visible()


def test_the_vouchers_own_code_shows_how_it_stands(small_world, small_site, camera):
    at_work(small_world)
    voucher = small_world.voucher(holder=small_world.wallet())
    cashier = camera(small_site, f"{small_site.url}/vouchers/{voucher.code}").sign_in(CASHIER)
    cashier.page.goto("/till")
    cashier.press("Scan")
    expect(cashier.page.get_by_role("heading", level=1)).to_have_text("Oolong, 500 ml")
    expect(cashier.page.get_by_role("article")).to_contain_text("Unused")
    expect(cashier.page.get_by_text("Nothing is redeemed by this number")).to_be_visible()
    expect(cashier.named("Redeem")).to_have_count(0)
    assert Redemption.select().count() == 0
