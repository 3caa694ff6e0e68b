"""What a link's page says before anybody acts is what happens then: whether it is good, for what, and for whom."""

import pytest

from models import Account, Campaign, Claim, Role, Voucher
from quanbao.campaigns import editing, entered_values
from quanbao.merchants import branches, members
from quanbao.people import one_time_links
from quanbao.redemption import revocations
from quanbao.vouchers import claims
from quanbao.vouchers.claims import Spent, Standing
from tests.merchants.test_branches import branch
from tests.merchants.test_branches import refusal as branch_refused
from tests.support.crowds import link_to
from tests.support.factories import ACCOUNT_PASSWORD, LIN, utc
from tests.support.page_client import PageClient
from web import create_app


def sold_out(campaign: Campaign) -> None:
    Campaign.update(redeemed=Campaign.quantity).where(Campaign.id == campaign.id).execute()


def standing(world, token: str, person: Account | None = None) -> Standing:
    return claims.standing(claims.find(token), person, world.clock())


# Claim links


def test_a_link_is_what_it_is_good_for(world, clock):
    row, token = link_to(world, LIN)
    assert standing(world, token) == standing(world, token, world.mei) == Standing.OPEN
    world.voucher(campaign=row.campaign)
    assert (standing(world, token), standing(world, token, world.mei)) == (Standing.OPEN, Standing.HELD)
    sold_out(row.campaign)
    assert standing(world, token) == Standing.SOLD_OUT
    clock.forward(days=30)
    assert standing(world, token) == Standing.EXPIRED
    clock.forward(days=10)
    assert standing(world, token) == Standing.OVER
    Campaign.update(ended_at=clock()).execute()
    assert standing(world, token) == Standing.ENDED
    Claim.update(claimed_at=clock()).execute()
    assert standing(world, token, world.mei) == Standing.USED
    assert claims.find("0" * 22) is None


def test_who_had_one_that_was_taken_back_does_not_hold_it(world):
    row, token = link_to(world, LIN)
    voucher = world.voucher(campaign=row.campaign)
    by = world.member(role=Role.OWNER).memberships.get()
    revocations.revoke(revocations.find(voucher.code, by), by, "misuse", "", world.clock())
    assert standing(world, token, world.mei) != Standing.HELD


def test_nobody_uses_a_link_up_for_what_is_sold_out(world):
    """Not even who was shown it a moment before; when there is more again the same link is good."""
    row, token = link_to(world, LIN)
    found = claims.usable(token, world.clock())
    sold_out(row.campaign)
    with pytest.raises(Spent):
        claims.claim(found, world.mei, world.clock())
    assert (Claim.get_by_id(row.id).claimed_at, Voucher.select().count()) == (None, 0)
    Campaign.update(quantity=Campaign.quantity + 1).execute()
    assert claims.claim(found, world.mei, world.clock()).consumer == world.mei


def test_before_anybody_signs_up_for_it_they_hear_that_it_is_sold_out(client, small_world):
    row, token = link_to(small_world, LIN)
    assert "Sign up" in client.get(f"/claim/{token}").text
    sold_out(row.campaign)
    for page in (client.get(f"/claim/{token}"), client.post(f"/claim/{token}", status=409)):
        assert "Sold out." in page.text
        assert "Sign up" not in page.text
    client.sign_in(small_world.mei)
    page = client.get(f"/claim/{token}")
    assert "Sold out." in page.text
    assert "Put it into my wallet" not in page.text


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"groups": ["regulars"]}, "group_only"),
        ({"new_customers_only": True}, "new_customers_only"),
        ({"starts_at": utc("2026-12-20T00:00Z")}, "not_yet_valid"),
        ({"hours": [["20:00", "22:00"]]}, None),
        ({}, None),
    ],
)
def test_who_could_not_redeem_it_hears_why_before_they_take_it(client, small_world, columns, reason):
    small_world.attempt(small_world.voucher())  # they are no new customer
    row, token = link_to(small_world, LIN, small_world.campaign(**columns))
    page = client.sign_in(small_world.mei).get(f"/claim/{token}")
    assert [a["data-reason"] for _, a in page.tags if "data-reason" in a] == ([reason] if reason else [])
    assert "Put it into my wallet" in page.text, "it may become true"
    client.post(f"/claim/{token}")
    assert small_world.attempt(Voucher.get(Voucher.campaign == row.campaign)).reason in (reason, "outside_hours", None)


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("used", "This link was used"),
        ("ended", "The shop has ended this offer"),
        ("over", "This offer is over"),
        ("expired", "This link has run out"),
        ("withdrawn", "The shop has withdrawn this link"),
        ("unknown", "It works once and for 30 days"),
    ],
)
def test_a_link_that_is_good_no_more_says_why(client, small_world, clock, end, says):
    row, token = link_to(small_world, LIN, small_world.campaign(ends_at=utc("2027-06-01T00:00Z")))
    if end == "used":
        claims.claim(claims.usable(token, clock()), small_world.mei, clock())
    elif end == "ended":
        editing.end(row.campaign, clock())
    elif end == "over":
        Campaign.update(ends_at=clock()).execute()
    elif end == "withdrawn":
        Claim.update(withdrawn_at=clock()).execute()
    elif end == "expired":
        clock.forward(days=30)
    else:
        token = "0" * 22
    for page in (client.get(f"/claim/{token}", status=404), client.post(f"/claim/{token}", status=404)):
        assert says in page.text
        assert "Oolong" not in page.text


# Join links and sign-in links


def test_an_invitation_says_for_whom_it_was_made(client, small_world):
    _, token = members.invite(small_world.merchant, LIN, "manager", [], small_world.clock())
    for who in (None, small_world.mei):
        if who:
            client.sign_in(who)
        assert f"The invitation was made for {LIN}." in client.get(f"/join/{token}").text


def test_who_joined_by_a_link_is_shown_where_they_work(client, small_world):
    _, token = members.invite(small_world.merchant, LIN, "manager", [], small_world.clock())
    client.sign_in(small_world.mei).post(f"/join/{token}")
    page = client.get(f"/join/{token}", status=404)
    assert "You joined Lotus Tea by it." in page.text
    assert "/merchants/lotus/campaigns" in {link["href"] for link in page.all("a")}
    assert "You joined" not in client.sign_in(small_world.account()).get(f"/join/{token}", status=404).text


def test_a_sign_in_link_says_whom_it_signs_in_and_out(client, small_world):
    person = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    path = f"/sign-in/{one_time_links.make('sign-in', small_world.clock(), account=person)}"
    note = "In this browser mei@example.org is signed in now"
    assert note not in client.get(path).text
    assert note in client.sign_in(small_world.mei).get(path).text
    client.post(path)
    assert LIN in client.get("/account").text
    page = client.get(path, status=404)
    assert "This link was used" in page.text
    assert "Whoever runs this site can make a new one." in page.text


# Branches of a published campaign


def test_a_published_campaign_gets_more_branches_and_loses_none(world):
    campaign = world.campaign(branch_slugs=["river"])
    campaign.merchant = world.merchant

    def change(*sent: str) -> list[str]:
        entered = entered_values.document(campaign)
        entered["conditions"]["branches"] = list(sent)
        editing.change(campaign, entered, now=world.clock(), password_key=world.keys.password)
        return Campaign.get_by_id(campaign.id).branch_slugs

    assert change() == change("river") == ["river"]
    assert branch_refused(branches.close, branch(world, "river"), world.clock())[1] == "only_place"
    assert change("main") == ["river", "main"], "what was promised stays"
    assert change() == ["river", "main"]
    branches.close(branch(world, "river"), world.clock())
    assert world.attempt(world.voucher(campaign=campaign), branch="main").redeemed


def test_one_that_is_good_everywhere_stays_so(world):
    campaign = world.campaign()
    campaign.merchant = world.merchant
    entered = entered_values.document(campaign)
    entered["conditions"]["branches"] = ["main"]
    editing.change(campaign, entered, now=world.clock(), password_key=world.keys.password)
    assert Campaign.get_by_id(campaign.id).branch_slugs == []


def test_on_either_engine_the_pages_say_it(world, database):
    row, token = link_to(world, LIN)
    client = PageClient(create_app(database, clock=world.clock)).sign_in(world.mei)
    assert "Put it into my wallet" in client.get(f"/claim/{token}").text
    world.voucher(campaign=row.campaign)
    assert "You hold its voucher already." in client.get(f"/claim/{token}").text
