"""What the page of a claim link says, and what is told of taking one back, followed."""

from models import Campaign, Claim, Voucher
from quanbao.campaigns import editing
from quanbao.redemption import revocations
from quanbao.vouchers import claims, publications
from tests.advice.stage import CAMPAIGNS, SHOP, Stage, follows
from tests.support.crowds import link_to
from tests.support.factories import LIN, utc


def published_again(stage: Stage, row: Claim) -> str:
    """The link's path, after the owner published to its address once more."""
    key = stage.app.extensions["quanbao"].secret_key
    stage.owner.post(f"{CAMPAIGNS}/{row.campaign.slug}/publications", {"audience": "addresses", "addresses": LIN})
    for number in publications.waiting():
        publications.step(number, now=stage.clock(), key=key)
    [(_number, _address, token)] = claims.open_links(row.campaign, stage.clock(), key)
    return f"/claim/{token}"


def hrefs(page) -> set[str | None]:
    return {link["href"] for link in page.all("a")}


@follows("claim link", claims.Standing.USED)
@follows("alone", "used by you")
def _(stage):
    _row, token = link_to(stage.world, LIN)
    place = stage.holder.post(f"/claim/{token}").location
    stage.says(stage.browser().get(f"/claim/{token}", status=404), "claim link", claims.Standing.USED)
    page = stage.holder.get(f"/claim/{token}", status=404)
    stage.says(page, "alone", "used by you")
    assert place in hrefs(page)


@follows("claim link", claims.Standing.WITHDRAWN)
@follows("withdrawing", "withdrawn")
def _(stage):
    row, token = link_to(stage.world, LIN)
    path = f"{CAMPAIGNS}/{row.campaign.slug}/links/{row.id}"
    stage.owner.post(path, {"do": "withdraw"})
    page = stage.owner.post(path, {"do": "correct", "address": "lyn@example.org"}, status=422)
    stage.says(page, "withdrawing", "withdrawn")
    stage.says(stage.holder.get(f"/claim/{token}", status=404), "claim link", claims.Standing.WITHDRAWN)
    stage.holder.post(published_again(stage, row))


@follows("claim link", claims.Standing.EXPIRED)
def _(stage):
    row, token = link_to(stage.world, LIN, stage.world.campaign(ends_at=utc("2027-06-01T00:00Z")))
    stage.clock.forward(days=31)
    stage.says(stage.holder.get(f"/claim/{token}", status=404), "claim link", claims.Standing.EXPIRED)
    stage.owner.sign_in(stage.boss.account)
    stage.holder.post(published_again(stage, row))


@follows("claim link", claims.Standing.TAKEN_BACK)
def _(stage):
    row, token = link_to(stage.world, LIN)
    revocations.revoke(stage.world.voucher(campaign=row.campaign), stage.boss, "misuse", "", stage.clock())
    for page in (stage.holder.get(f"/claim/{token}", status=409), stage.holder.post(f"/claim/{token}", status=409)):
        stage.says(page, "claim link", claims.Standing.TAKEN_BACK)
    stage.holder.post(published_again(stage, row))
    stage.redeemed(Voucher.get(Voucher.revoked_at.is_null()))


@follows("withdrawing", "used")
def _(stage):
    row, token = link_to(stage.world, LIN)
    stage.holder.post(f"/claim/{token}")
    path = f"{CAMPAIGNS}/{row.campaign.slug}/links/{row.id}"
    page = stage.owner.post(path, {"do": "withdraw"}, status=422)
    stage.says(page, "withdrawing", "used")
    place = f"{SHOP}/vouchers/{Voucher.get().code}"
    assert place in hrefs(page)
    stage.owner.post(place, {"reason": "wrong_customer"})
    assert Voucher.get().revoked_at is not None


@follows("withdrawing", "same", "not_an_address")
def _(stage):
    row, _token = link_to(stage.world, "jon@exmaple.net")
    path, sent = f"{CAMPAIGNS}/{row.campaign.slug}/links/{row.id}", {"do": "correct"}
    for code, address in (("same", "Jon@exmaple.net"), ("not_an_address", "jon")):
        stage.says(stage.owner.post(path, sent | {"address": address}, status=422), "withdrawing", code)
    made = stage.owner.post(path, sent | {"address": "jon@example.net"}).location
    assert "jon@example.net" in stage.owner.get(made).text


@follows("withdrawing", "over")
@follows("claim link", claims.Standing.ENDED, claims.Standing.OVER)
def _(stage):
    """Nothing is left to do: the link of a campaign that is over gives nobody a voucher."""
    row, token = link_to(stage.world, LIN)
    editing.end(row.campaign, stage.clock())
    path = f"{CAMPAIGNS}/{row.campaign.slug}/links/{row.id}"
    page = stage.owner.post(path, {"do": "correct", "address": "lyn@example.org"}, status=422)
    stage.says(page, "withdrawing", "over")
    assert [link.address for link in Claim.select()] == [LIN]
    stage.says(stage.holder.get(f"/claim/{token}", status=404), "claim link", claims.Standing.ENDED)
    Campaign.update(ended_at=None, ends_at=stage.clock()).execute()
    stage.says(stage.holder.get(f"/claim/{token}", status=404), "claim link", claims.Standing.OVER)


@follows("alone", "held")
def _(stage):
    """Also where the link is good no more: who holds the voucher is not sent to ask for another link."""
    row, token = link_to(stage.world, LIN)
    held = stage.world.voucher(campaign=row.campaign)
    page = stage.holder.get(f"/claim/{token}")
    stage.says(page, "alone", "held")
    assert "Put it into my wallet" not in page.text
    assert {f"/vouchers/{held.code}", f"/sign-in?next=/claim/{token}"} <= hrefs(page)
    stage.browser(stage.world.account()).post(f"/claim/{token}")
    page = stage.holder.get(f"/claim/{token}", status=404)
    stage.says(page, "alone", "held")
    assert f"/vouchers/{held.code}" in hrefs(page)
    assert "another link" not in page.text
