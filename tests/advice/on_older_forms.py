"""What is told of a form that is older than what is saved, or that may be a slip, followed."""

from models import Account, Branch, Campaign, Mute, Role
from quanbao.merchants import branches
from quanbao.passwords import redemption_passwords
from tests.advice.stage import CAMPAIGNS, ENTERED, NEW, SHOP, follows
from tests.pages.test_campaign_pages import entries
from tests.pages.test_older_form_pages import save
from tests.support.factories import ACCOUNT_PASSWORD


def other_password(stage, campaign: Campaign) -> None:
    redemption_passwords.change(campaign, "918273", key=stage.world.keys.password, now=stage.clock())


@follows("page", "conflict")
def _(stage):
    """Sent again one's own value is saved; with the tick, the other's."""
    campaign = stage.world.campaign()
    path = f"{CAMPAIGNS}/{campaign.slug}/edit"
    for taken, becomes in ((), 1600), (("offer_price",), 2500):
        save(stage.world, campaign, offer_price=1800)
        older = entries(stage.owner.get(path))
        save(stage.world, campaign, offer_price=2500)
        page = stage.owner.post(path, older | {"offer_price": ["16"]}, status=422)
        stage.says(page, "page", "conflict")
        stage.says(page, "page", "see below")
        stage.owner.post(path, entries(page) | {"theirs": list(taken)})
        assert Campaign.get_by_id(campaign.id).offer_price == becomes


@follows("page", "published meanwhile")
def _(stage):
    """The rest is saved, and a duplicate takes what cannot change any more."""
    campaign = stage.world.campaign(published_at=None)
    at = f"{CAMPAIGNS}/{campaign.slug}"
    older = entries(stage.owner.get(f"{at}/edit"))
    Campaign.update(published_at=stage.clock()).execute()
    page = stage.owner.post(f"{at}/edit", older | {"product": ["Water"], "terms": ["Mine"]}, status=422)
    stage.says(page, "page", "published meanwhile")
    stage.owner.post(f"{at}/edit", entries(page))
    assert Campaign.get_by_id(campaign.id).terms == "Mine"
    copy = stage.owner.post(f"{at}/duplicate").location
    stage.owner.fill(copy, copy, ENTERED | {"product": "Water"})


@follows("page", "past end", "many uses")
def _(stage):
    """Two ways on from each: another value, or the tick that says that it is meant."""
    slips = {"past end": {"starts_at": "2026-11-01", "ends_at": "2026-11-02"}, "many uses": {"uses_per_voucher": "10"}}
    for code, typed in slips.items():
        slip = ENTERED | typed
        page = stage.owner.post(NEW, slip, status=422)
        stage.says(page, "page", code)
        [tick] = page.all("input", name="sure")
        stage.owner.post(NEW, ENTERED)
        stage.owner.post(NEW, slip | {"sure": tick["value"]})


@follows("page", "other password")
def _(stage):
    campaign = stage.world.campaign()
    at = f"{CAMPAIGNS}/{campaign.slug}/password"
    older = stage.owner.get(at).hidden[f"{at}/change"]
    other_password(stage, campaign)
    page = stage.owner.post(f"{at}/change", older | {"redemption_password": "739164"}, status=422)
    stage.says(page, "page", "other password")
    stage.owner.post(f"{at}/change", page.hidden[f"{at}/change"] | {"redemption_password": "739164"})
    assert (
        redemption_passwords.reveal(campaign.password.get_by_id(campaign.password_id), stage.world.keys.password)
        == "739164"
    )


@follows("people", "twin", "closed_twin")
def _(stage):
    """A conflict about a branch, too: both values are seen there as everywhere."""
    path, name = f"{SHOP}/branches", stage.branch("river").name
    stage.says(stage.owner.post(path, {"name": name.upper()}, status=422), "people", "twin")
    stage.owner.post(path, {"name": f"{name} West"})
    stage.owner.post(f"{path}/river", {"do": "close"})
    stage.says(stage.owner.post(path, {"name": name.upper()}, status=422), "people", "closed_twin")
    stage.owner.post(f"{path}/river", {"do": "reopen"})
    older = stage.owner.get(path).hidden[f"{path}/river"]
    branches.change(stage.branch("river"), "Pier", "")
    page = stage.owner.post(f"{path}/river", older | {"name": "Quay", "address": ""}, status=422)
    stage.says(page, "page", "conflict")
    stage.owner.post(f"{path}/river", page.hidden[f"{path}/river"] | {"name": "Quay", "address": ""})
    assert Branch.get(Branch.slug == "river").name == "Quay"


@follows("page", "other address", "account")
def _(stage):
    person = stage.world.account(email="mine@example.org", password=ACCOUNT_PASSWORD)
    own, sent = stage.browser(person), {"password": ACCOUNT_PASSWORD}
    older = own.get("/account").hidden["/account/email"]
    own.fill("/account", "/account/email", sent | {"email": "a@example.org"})
    page = own.post("/account/email", older | sent | {"email": "b@example.org"}, status=422)
    stage.says(page, "page", "other address")
    stage.says(page, "page", "account")
    own.post("/account/email", page.hidden["/account/email"] | sent | {"email": "b@example.org"})
    assert Account.get_by_id(person.id).email == "b@example.org"


@follows("page", "old choices")
def _(stage):
    path, chosen = "/account/notifications", {"events": ["issued"]}
    page = stage.holder.post(path, chosen, status=422)
    stage.says(page, "page", "old choices")
    stage.holder.post(path, page.hidden[path] | chosen)
    assert "ended" in {row.what for row in Mute.select()}


@follows("page", "not sure", "leaves no owner")
def _(stage):
    """Who runs a shop alone leaves when another owner has joined."""
    path, sent = "/account/delete", {"password": ACCOUNT_PASSWORD}
    stage.says(stage.owner.post(path, sent, status=422), "page", "not sure")
    stage.says(stage.owner.post(path, sent | {"sure": "y"}, status=422), "page", "leaves no owner")
    other = stage.world.member(role=Role.MANAGER).memberships.get()
    stage.owner.fill(f"{SHOP}/members", f"{SHOP}/members/{other.id}", {"role": "owner"})
    stage.owner.post(path, sent | {"sure": "y"})
    assert Account.get_by_id(stage.boss.account_id).email is None
