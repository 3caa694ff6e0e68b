"""What owners and managers are told of branches, members and customers, followed."""

from models import Customer, CustomerGroup, Member, Role
from quanbao.merchants import members
from tests.advice.stage import CAMPAIGNS, SHOP, follows
from tests.support.crowds import make_customers
from tests.support.factories import ACCOUNT_PASSWORD
from web.present import messages


@follows("people", "only_place")
def _(stage):
    """For a draft and for what customers hold: another branch is added, and this one closed."""
    for published_at in (None, stage.clock()):
        campaign = stage.world.campaign(product="Tea", branch_slugs=["river"], published_at=published_at)
        page = stage.owner.post(f"{SHOP}/branches/river", {"do": "close"}, status=422)
        stage.says(page, "people", "only_place")
        assert "“Tea”" in page.text
        voucher = stage.world.voucher(campaign=campaign) if published_at else None
        form = stage.owner.get(f"{CAMPAIGNS}/{campaign.slug}/edit")
        assert form.all("input", name="branches", value="main"), "there is such a box"
        stage.edit(campaign, {"quantity": "100", "branches": ["river", "main"]})
        stage.owner.post(f"{SHOP}/branches/river", {"do": "close"})
        if voucher:
            stage.redeemed(voucher, branch="main")
        stage.owner.post(f"{SHOP}/branches/river", {"do": "reopen"})


@follows("people", "last")
def _(stage):
    stage.owner.post(f"{SHOP}/branches/main", {"do": "close"})
    stage.says(stage.owner.post(f"{SHOP}/branches/river", {"do": "close"}, status=422), "people", "last")
    stage.owner.post(f"{SHOP}/branches", {"name": "Harbour"})
    stage.owner.post(f"{SHOP}/branches/river", {"do": "close"})


@follows("people", "name", "address")
def _(stage):
    for code, bad in (("name", {"name": ""}), ("address", {"name": "A", "address": "x" * 501})):
        stage.says(stage.owner.post(f"{SHOP}/branches", bad, status=422), "people", code)
    stage.owner.post(f"{SHOP}/branches", {"name": "x" * 200, "address": "x" * 500})


@follows("people", "not_an_address", "role", "branches")
def _(stage):
    right = {"email": "lin@example.org", "role": "cashier", "branches": "main"}
    for code, bad in (("not_an_address", {"email": "lin"}), ("role", {"role": "king"}), ("branches", {"branches": ""})):
        stage.says(stage.owner.post(f"{SHOP}/members", right | bad, status=422), "people", code)
    stage.owner.post(f"{SHOP}/members", right)


@follows("people", "not_me")
def _(stage):
    stage.clock.forward(minutes=11)
    sent = {"email": "lin@example.org", "role": "owner"}
    stage.says(stage.owner.post(f"{SHOP}/members", sent, status=422), "people", "not_me")
    stage.owner.post(f"{SHOP}/members", sent | {"password": ACCOUNT_PASSWORD})


@follows("people", "last_owner")
def _(stage):
    """An owner who has not joined is none yet."""
    me = f"{SHOP}/members/{stage.boss.id}"
    members.invite(stage.world.merchant, "invited@example.org", "owner", [], stage.clock(), by=stage.boss)
    stage.says(stage.owner.post(me, {"do": "disable"}, status=422), "people", "last_owner")
    other = Member.get(Member.account == stage.world.member(role=Role.MANAGER))
    stage.owner.fill(f"{SHOP}/members", f"{SHOP}/members/{other.id}", {"role": "owner"})
    assert stage.owner.post(me, {"do": "disable"}).location.endswith("/account")


@follows("people", "works_here", "disabled_here")
def _(stage):
    _member, token = members.invite(stage.world.merchant, "lin@example.org", "manager", [], stage.clock())
    person = stage.world.member(role=Role.MANAGER, email="works@example.org", password=ACCOUNT_PASSWORD)
    own, row = stage.browser(person), Member.get(Member.account == person)
    page = own.get(f"/join/{token}")
    stage.says(page, "people", "works_here")
    assert "Join as" not in page.text
    stage.says(own.post(f"/join/{token}", status=422), "people", "works_here")
    members.disable(row, stage.clock(), by=stage.boss)
    own.sign_in(person)
    stage.says(own.get(f"/join/{token}"), "people", "disabled_here")
    stage.owner.post(f"{SHOP}/members/{row.id}", {"do": "enable"})
    own.get(f"{SHOP}/customers")
    lin = stage.world.account(email="lin@example.org", password=ACCOUNT_PASSWORD)
    path = own.get(f"/join/{token}")
    assert f"/sign-in?next=/join/{token}" in {link["href"] for link in path.all("a")}
    sent = {"email": lin.email, "password": ACCOUNT_PASSWORD, "next": f"/join/{token}"}
    assert own.post("/sign-in", sent).location == f"/join/{token}", "as somebody else, in the same browser"
    own.post(f"/join/{token}")


@follows("people", "nobody", "group")
def _(stage):
    stage.world.group("regulars")
    mei = str(Customer.get().id)
    stage.says(stage.owner.post(f"{SHOP}/customers", {"name": "vip"}, status=422), "people", "nobody")
    stage.says(stage.owner.post(f"{SHOP}/customers", {"customer": mei}, status=422), "people", "group")
    stage.owner.post(f"{SHOP}/customers", {"customer": mei, "name": "vip"})


@follows("people", "too_many")
def _(stage):
    """Fewer; or all whom a search finds, at once."""
    path, many = f"{SHOP}/customers", [str(row.id) for row in make_customers(stage.world, 1001)]
    page = stage.owner.post(path, {"customer": many, "name": "vip"}, status=422)
    stage.says(page, "people", "too_many")
    stage.owner.post(path, {"customer": many[1:], "name": "vip"})
    stage.owner.post(path, {"everybody": "y", "q": "@lotus.example", "name": "all"})
    assert CustomerGroup.select().where(CustomerGroup.name == "all").count() == 1001


@follows("why", *messages.WHY_FAULTS)
def _(stage):
    path = f"{SHOP}/vouchers/{stage.world.voucher().code}"
    stage.says(stage.owner.post(path, status=422), "why", "reason")
    stage.says(stage.owner.post(path, {"reason": "other"}, status=422), "why", "note")
    stage.owner.post(path, {"reason": "other", "note": "x"})
