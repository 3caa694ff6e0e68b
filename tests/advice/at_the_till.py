"""What a customer or a cashier is told at the till, followed."""

from datetime import timedelta
from unittest.mock import patch

from models import Campaign, PasswordKind
from quanbao.redemption.reasons import Reason
from tests.advice.stage import CAMPAIGNS, PAGES, SHOP, follows
from tests.pages.test_clocks import plain
from tests.passwords.test_kinds import code, make
from tests.support.factories import PASSWORD, WRONG, stored
from web.present import messages

ATTEMPT = "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"


@follows("reason", Reason.NOT_FOUND)
def _(stage):
    voucher = stage.world.voucher()
    path, sent = "/vouchers/AAAABBBBCCCCDDDD/redemptions", {"attempt_id": ATTEMPT}
    stage.says(stage.holder.post(path, sent | {"password": PASSWORD}, status=404), "reason", Reason.NOT_FOUND)
    assert voucher.campaign.product in stage.holder.get("/wallet").text


@follows("reason", Reason.MALFORMED)
def _(stage):
    voucher = stage.world.voucher()
    stage.refused("malformed", voucher, typed=None)
    stage.redeemed(voucher)


@follows("reason", Reason.PASSWORD_INCORRECT)
def _(stage):
    voucher = stage.world.voucher()
    stage.refused("password_incorrect", voucher, typed=WRONG)
    stage.redeemed(voucher)


@follows("reason", Reason.PASSWORD_USED)
def _(stage):
    make(stage.world, PasswordKind.AUTHENTICATOR)
    campaign = stage.world.campaign(accepts_all=True)
    first, second = (stage.world.voucher(campaign=campaign) for _ in range(2))
    used = code(stage.world)
    stage.redeemed(first, typed=used)
    stage.refused("password_used", second, typed=used)
    stage.clock.forward(seconds=30)
    stage.redeemed(second, typed=code(stage.world))


@follows("reason", Reason.TOO_MANY_ATTEMPTS)
def _(stage):
    voucher = stage.world.voucher()
    for digits in ("918273", "918274", "918275", "918276", "918277"):
        stage.refused("password_incorrect", voucher, typed=digits)
    wait = stage.world.attempt(voucher).retry_after
    stage.clock.forward(seconds=wait)
    stage.redeemed(voucher)


@follows("alone", "closed")
def _(stage):
    voucher = stage.world.voucher()
    stage.world.spend_password()
    page = stage.holder.get(f"/vouchers/{voucher.code}/redeem")
    stage.says(page, "alone", "closed")
    assert f"/vouchers/{voucher.code}/counter-code" in {form.get("action") for form in page.all("form")}
    taken = stage.world.take(stage.world.counter_code(voucher).code, stage.boss)
    assert stage.world.redeem(taken).redeemed


@follows("at the counter", Reason.NOT_FOUND)
def _(stage):
    voucher = stage.world.voucher()
    old = stage.world.take(stage.world.counter_code(voucher).code, stage.boss)
    stage.clock.forward(minutes=10)
    page = stage.owner.get(f"{SHOP}/till/{old.attempt_id}")
    stage.says(page, "at the counter", Reason.NOT_FOUND)
    assert stage.world.redeem(stage.world.take(stage.world.counter_code(voucher).code, stage.boss)).redeemed


@follows("reason", Reason.NOT_YET_VALID)
def _(stage):
    voucher = stage.world.voucher(campaign=stage.world.campaign(starts_at=stage.clock() + timedelta(days=2)))
    stage.refused("not_yet_valid", voucher)
    assert "from Dec 3" in stage.shown(voucher) or "from 3 Dec" in stage.shown(voucher)
    stage.clock.forward(days=2)
    stage.redeemed(voucher)


@follows("reason", Reason.OUTSIDE_HOURS)
def _(stage):
    voucher = stage.world.voucher(campaign=stage.world.campaign(hours=[["20:00", "22:00"]]))
    stage.refused("outside_hours", voucher)
    assert "8:00 PM – 10:00 PM" in plain(stage.shown(voucher))
    stage.clock.set("2026-12-01T20:30:00+08:00")
    stage.redeemed(voucher)


@follows("reason", Reason.SOLD_OUT)
def _(stage):
    campaign = stage.world.campaign(quantity=1, redeemed=1)
    stage.refused("sold_out", stage.world.voucher(campaign=campaign))
    stage.redeemed(stage.world.voucher())  # what is on offer now


@follows("alone", "sold out")
def _(stage):
    campaign = stage.world.campaign(quantity=1, redeemed=1)
    at = f"{CAMPAIGNS}/{campaign.slug}"
    stage.says(stage.owner.get(f"{at}/publications"), "alone", "sold out")
    stage.edit(campaign, {"quantity": "2"})
    assert "Sold out" not in stage.owner.get(f"{at}/publications").text
    stage.redeemed(stage.world.voucher(campaign=Campaign.get_by_id(campaign.id)))


@follows("reason", Reason.GROUP_ONLY)
def _(stage):
    voucher = stage.world.voucher(campaign=stage.world.campaign(groups=["regulars"]))
    stage.refused("group_only", voucher)
    stage.world.group("regulars")
    stage.redeemed(voucher)


@follows("reason", Reason.MINIMUM_SPEND)
def _(stage):
    voucher = stage.world.voucher(campaign=stage.world.campaign(minimum_spend=15000))
    stage.refused("minimum_spend", voucher, amount=100)
    assert "¥150" in stage.shown(voucher)
    stage.redeemed(voucher, amount=15000)


@follows("reason", Reason.WRONG_BRANCH)
def _(stage):
    voucher = stage.world.voucher(campaign=stage.world.campaign(branch_slugs=["river"]))
    stage.refused("wrong_branch", voucher, branch="main")
    assert stage.branch("river").name in stage.shown(voucher)
    stage.redeemed(voucher, branch="river")


@follows("reason", Reason.PRICE_CHANGED)
def _(stage):
    voucher = stage.world.voucher()
    stage.refused("price_changed", voucher, offer_price=1)
    stage.redeemed(voucher, offer_price=1800)


@follows("alone", "unknown redemption")
@follows("page", "not received", "no connection")
def _(stage):
    """The same try, as often as it is sent, counts once."""
    voucher = stage.world.voucher()
    keypad = stage.holder.get(f"/vouchers/{voucher.code}/redeem?branch=main").html
    assert all(PAGES[code] in keypad for code in ("not received", "no connection")), "kept there for the script"
    at, sent = f"/vouchers/{voucher.code}/redemptions", {"attempt_id": ATTEMPT, "password": PASSWORD}
    with patch("web.routes.redemptions.answer", side_effect=RuntimeError):
        page = stage.holder.post(at, sent, status=500)
    stage.says(page, "alone", "unknown redemption")
    assert f"/attempts/{ATTEMPT}" in {link["href"] for link in page.all("a")}
    assert stage.holder.get(f"/attempts/{ATTEMPT}").verdict()["data-outcome"] == "redeemed"
    assert stage.holder.post(at, sent, status=200).verdict()["data-outcome"] == "redeemed"
    assert stored() == (1, 1)


@follows("redemption", *messages.FIELDS)
def _(stage):
    voucher = stage.world.voucher(campaign=stage.world.campaign(minimum_spend=100))
    right = {"attempt_id": ATTEMPT, "password": PASSWORD, "amount": "200"}
    for field, bad in (("attempt_id", "1"), ("password", "12"), ("amount", "x"), ("branch", "!"), ("offer_price", "x")):
        page = stage.holder.post(f"/vouchers/{voucher.code}/redemptions", right | {field: bad}, status=422)
        stage.says(page, "redemption", field)
    assert stage.holder.post(f"/vouchers/{voucher.code}/redemptions", right, status=200).verdict()
