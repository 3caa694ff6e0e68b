"""What the form of a campaign says, followed."""

from io import BytesIO

from werkzeug.datastructures import MultiDict

from models import Campaign
from quanbao.merchants import branches
from tests.advice.stage import CAMPAIGNS, ENTERED, NEW, follows
from tests.campaigns.test_pictures import encoded, red
from tests.support.factories import utc

CAMPAIGN = {  # field: what is refused, and what the text asks for
    "kind": ("?", "prize"),
    "product": ("", "Tea"),
    "original_price": ("x", "30.50"),
    "offer_price": ("x", "0"),
    "quantity": ("0", "1000000000"),
    "starts_at": ("", "2026-12-01"),
    "starts_time": ("25:00", "09:30"),
    "ends_at": ("", "2026-12-31"),
    "ends_time": ("x", "18:00"),
    "place": ("x" * 501, "x" * 500),
    "uses_per_voucher": ("0", "10000"),
    "per_consumer": ("0", ""),
    "groups": ("x" * 101, "x" * 100),
    "minimum_spend": ("x", "150"),
    "weekdays": ("8", "7"),
    "hours": (["10:00", ""], ["10:00", "22:00"]),
    "branches": ("nowhere", "river"),
    "terms": ("x" * 5001, "x" * 5000),
    "redemption_password": ("12", ""),
    "password_in_use": ("999", ""),
}


@follows("campaign", *CAMPAIGN)
def _(stage):
    for field, (bad, good) in CAMPAIGN.items():
        sent = {"more_groups" if field == "groups" else field: bad}
        page = stage.owner.post(NEW, MultiDict(ENTERED | sent), status=422)
        stage.says(page, "campaign", field)
        sent = dict.fromkeys(sent, good)
        if field == "kind":
            sent |= {"original_price": "", "offer_price": ""}
        if field == "uses_per_voucher":
            sent |= {"quantity": good}  # more uses than there are in all would be a question
        stage.owner.post(NEW, MultiDict(ENTERED | sent))


@follows("campaign", "picture")
@follows("picture", "not_a_picture")
def _(stage):
    sent = ENTERED | {"picture": (BytesIO(b"no picture"), "a.png")}
    stage.says(stage.owner.post(NEW, sent, status=422), "picture", "not_a_picture")
    stage.owner.post(NEW, ENTERED | {"picture": (BytesIO(encoded(red(), "PNG")), "a.png")})


FAULTS = {
    ("offer_price", "above"): ({"offer_price": "31"}, {"offer_price": "30"}),
    ("ends_at", "starts_at"): ({"ends_at": "2026-11-30"}, {"ends_at": "2026-12-01"}),
    ("redemption_password", "easy"): ({"redemption_password": "123456"}, {"redemption_password": "739164"}),
}


@follows("campaign too", *FAULTS)
def _(stage):
    for key, (bad, good) in FAULTS.items():
        stage.says(stage.owner.post(NEW, ENTERED | bad, status=422), "campaign too", key)
        stage.owner.post(NEW, ENTERED | good)


@follows("campaign too", ("redemption_password", "twice"))
def _(stage):
    both = {"redemption_password": "739164", "password_in_use": str(stage.world.campaign().password_id)}
    page = stage.owner.post(NEW, ENTERED | both, status=422)
    stage.says(page, "campaign too", ("redemption_password", "twice"))
    for name in both:
        stage.owner.post(NEW, ENTERED | {name: both[name]})


@follows("campaign too", ("quantity", "rise"))
def _(stage):
    campaign = stage.world.campaign(quantity=100)
    stage.says(stage.edit(campaign, {"quantity": "99"}, status=422), "campaign too", ("quantity", "rise"))
    stage.edit(campaign, {"quantity": "101"})


@follows("campaign too", ("branches", "closed"))
def _(stage):
    """A campaign that was over when its branch was closed gets another period."""
    past = {"starts_at": utc("2026-10-01T00:00Z"), "ends_at": utc("2026-11-01T00:00Z")}
    campaign = stage.world.campaign(branch_slugs=["river"], **past)
    branches.close(stage.branch("river"), stage.clock())
    page = stage.edit(campaign, {"quantity": "100"}, status=422)
    stage.says(page, "campaign too", ("branches", "closed"))
    stage.edit(campaign, {"quantity": "100", "branches": ["river", "main"]})
    stage.redeemed(stage.world.voucher(campaign=Campaign.get_by_id(campaign.id)), branch="main")


@follows("alone", "new password")
def _(stage):
    page = f"{CAMPAIGNS}/{stage.world.campaign().slug}/password"
    path = f"{page}/change"
    stage.says(stage.owner.fill(page, path, {"redemption_password": "12"}, status=422), "alone", "new password")
    stage.owner.fill(page, path, {"redemption_password": "739164"})
