"""What is told of publishing, followed."""

from io import BytesIO

from werkzeug.datastructures import MultiDict

from models import Branch
from quanbao.campaigns import editing
from tests.advice.stage import CAMPAIGNS, ENTERED, SHOP, follows
from tests.support.factories import utc
from web.present import messages


@follows("publishing", "over")
def _(stage):
    campaign = stage.world.campaign(starts_at=utc("2026-10-01T00:00Z"), ends_at=utc("2026-11-01T00:00Z"))
    at = f"{CAMPAIGNS}/{campaign.slug}"
    stage.says(stage.owner.get(f"{at}/publications"), "publishing", "over")
    stage.says(stage.owner.post(f"{at}/publications", {"audience": "all"}, status=422), "publishing", "over")
    stage.edit(campaign, {"quantity": "100"})
    stage.world.group("regulars")
    stage.owner.post(f"{at}/publications", {"audience": "all"})


@follows("publishing", "ended")
def _(stage):
    campaign = stage.world.campaign()
    editing.end(campaign, stage.clock())
    at = f"{CAMPAIGNS}/{campaign.slug}"
    stage.says(stage.owner.get(f"{at}/publications"), "publishing", "ended")
    assert stage.owner.post(f"{at}/edit", ENTERED).location.endswith(at), "its period cannot be changed"
    copy = stage.owner.post(f"{at}/duplicate").location.removesuffix("/edit")
    stage.world.group("regulars")
    stage.owner.post(f"{copy}/publications", {"audience": "all"})


@follows("publishing", "nowhere")
def _(stage):
    stage.world.group("regulars")
    for cure in ("open", "add"):
        campaign = stage.world.campaign(branch_slugs=["river"], published_at=None)
        Branch.update(closed_at=stage.clock()).where(Branch.slug == "river").execute()
        at = f"{CAMPAIGNS}/{campaign.slug}"
        stage.says(stage.owner.post(f"{at}/publications", {"audience": "all"}, status=422), "publishing", "nowhere")
        if cure == "open":
            stage.owner.post(f"{SHOP}/branches/river", {"do": "reopen"})
        else:
            stage.edit(campaign, {"branches": ["river", "main"]})
        stage.owner.post(f"{at}/publications", {"audience": "all"})


@follows("publishing", "nobody", "not_text", "too_many")
def _(stage):
    path = f"{CAMPAIGNS}/{stage.world.campaign().slug}/publications"
    stage.says(stage.owner.post(path, status=422), "publishing", "nobody")
    file = {"audience": "addresses", "file": (BytesIO(b"\x00\x01\xff" * 50), "a.xls")}
    stage.says(stage.owner.post(path, file, status=422), "publishing", "not_text")
    picked = MultiDict([("audience", "customers"), *(("customer", str(n)) for n in range(1, 1002))])
    stage.says(stage.owner.post(path, picked, status=422), "publishing", "too_many")
    stage.owner.post(path, {"audience": "addresses", "file": (BytesIO(b"lin@example.org"), "a.csv")})
    stage.world.group("many")
    stage.owner.post(path, {"audience": "groups", "groups": "many"})


@follows("line", *messages.ADDRESS_FAULTS)
def _(stage):
    path = f"{CAMPAIGNS}/{stage.world.campaign().slug}/publications"
    bad = {"missing": "lin", "half": "lin@", "several": "a@b@c.org", "odd": "x" * 300 + "@example.org"}
    page = stage.owner.get(
        stage.owner.post(
            path, {"audience": "addresses", "addresses": "\n".join(["mei@example.org", *bad.values()])}
        ).location
    )
    for fault in messages.ADDRESS_FAULTS:
        stage.says(page, "line", fault)
    again = {"audience": "addresses", "addresses": "mei@example.org\nlin@example.org"}
    assert "could not be read" not in stage.owner.get(stage.owner.post(path, again).location).text
