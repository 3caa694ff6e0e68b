"""Claim links on the owner's pages, and the page that a link opens on somebody's phone."""

from datetime import timedelta

import pytest

from models import Audience, Customer, Publication, Role, Voucher
from quanbao import claiming, editing, publishing
from quanbao.issuing import ALPHABET
from tests.crowds import link_to, publish, start
from tests.factories import ACCOUNT_PASSWORD, PASSWORD, WRONG
from tests.pages import Page, PageClient
from web.routes.claims import A_PAGE, A_SHEET

MEI, LIN = "mei@example.org", "lin@example.org"
SITE = "http://localhost"


@pytest.fixture
def owner(app, small_world):
    return PageClient(app).sign_in(small_world.member(role=Role.OWNER))


@pytest.fixture
def campaign(small_world):
    return small_world.campaign(product="Oolong & ice", terms="Not with other offers")


def at(campaign, place: str = "links") -> str:
    return f"/merchants/lotus/campaigns/{campaign.slug}/{place}"


def listed(page: Page) -> list[tuple[str, str]]:
    """What stands in the field to copy: address and link."""
    return [tuple(line.split()) for line in page.text.splitlines() if f"{SITE}/claim/" in line]


def hrefs(page: Page, part: str) -> list[str]:
    return [link["href"] for link in page.all("a") if part in link.get("href", "")]


def many(world, campaign, size: int) -> list[tuple[str, str]]:
    """Links of so many addresses, as they are listed."""
    publish(world, campaign, Audience.ADDRESSES, [f"{n}@example.org" for n in range(size)])
    links = claiming.all_open_links(campaign, world.clock(), world.keys.receipts)
    return [(address, f"{SITE}/claim/{token}") for _, address, token in links]


# The owner's


def test_links_are_listed_two_hundred_a_page(owner, small_world, campaign):
    links = many(small_world, campaign, 2 * A_PAGE + 1)
    first = owner.get(at(campaign))
    assert f"{2 * A_PAGE + 1} open, 0 used" in first.text
    seen, page = listed(first), first
    while after := hrefs(page, "links?after="):
        page = owner.get(after[0])
        seen += listed(page)
    assert (seen, len(listed(first)), len(listed(page))) == (links, A_PAGE, 1)
    many(small_world, whole := small_world.campaign(), A_PAGE)
    assert not hrefs(owner.get(at(whole)), "links?after="), "no page without any link"


def test_a_sheet_has_twenty_four_codes_and_leads_to_the_next(owner, small_world, campaign):
    many(small_world, campaign, A_SHEET + 2)
    sheet = owner.get(at(campaign, "links/sheet"))
    codes = sheet.all("svg", role="img")
    assert [button for button in sheet.all("button") if "data-print" in button]
    assert [code["aria-label"] for code in codes] == [f"Claim link for {n}@example.org" for n in range(A_SHEET)]
    assert sheet.text.count("Oolong & ice") >= A_SHEET
    [after] = hrefs(sheet, "after=")
    last = owner.get(after)
    assert [code["aria-label"] for code in last.all("svg", role="img")] == [
        f"Claim link for {n}@example.org" for n in (A_SHEET, A_SHEET + 1)]
    assert not hrefs(last, "after=")


def test_the_file_has_every_link(owner, small_world, campaign):
    links = many(small_world, campaign, 1203)
    answer = owner._send("GET", at(campaign, "links.csv"), {}, {})
    lines = answer.get_data().decode("utf-8-sig").splitlines()
    assert (answer.status_code, answer.mimetype, lines[0]) == (200, "text/csv", "Address,Claim link")
    assert lines[1:] == [f"{address},{link}" for address, link in links]


def test_only_this_campaigns_open_links_are_shown_and_the_same_each_time(owner, small_world, campaign):
    (_, used_token), (_, kept) = link_to(small_world, MEI, campaign), link_to(small_world, LIN, campaign)
    link_to(small_world, "elsewhere@example.org")
    claiming.claim(claiming.usable(used_token, small_world.clock()), small_world.mei, small_world.clock())
    for _ in range(2):
        page = owner.get(at(campaign))
        assert listed(page) == [(LIN, f"{SITE}/claim/{kept}")]
        assert "1 open, 1 used" in page.text
    small_world.clock.forward(days=30)
    owner.sign_in(small_world.member(role=Role.OWNER))
    assert "No link is waiting" in owner.get(at(campaign)).text
    assert "No link is waiting" in owner.get(at(campaign, "links/sheet")).text


@pytest.mark.parametrize("over", ["ended", "past"])
def test_once_the_campaign_is_over_no_link_is_handed_out_and_the_pages_say_why(owner, small_world, over):
    campaign = small_world.campaign(ends_at=small_world.clock() + timedelta(hours=1))
    _, token = link_to(small_world, LIN, campaign)
    published = at(campaign, f"publications/{Publication.get().id}")
    before = [owner.get(place).text for place in (at(campaign), at(campaign, "links/sheet"), published)]
    if over == "ended":
        editing.end(campaign, small_world.clock())
    else:
        small_world.clock.forward(hours=1)
    after = [owner.get(place) for place in (at(campaign), at(campaign, "links/sheet"), published)]
    assert [("The campaign is over" in text) for text in before] == [False] * 3
    assert [("The campaign is over" in page.text) for page in after] == [True] * 3
    assert not any(hrefs(page, "links.csv") + hrefs(page, "links/sheet") for page in after)
    assert not hrefs(after[2], "/links")
    assert not after[1].all("svg", role="img")
    answer = owner._send("GET", at(campaign, "links.csv"), {}, {})
    assert answer.get_data().decode("utf-8-sig").splitlines() == ["Address,Claim link"]
    assert token not in "".join(page.html for page in after)


def test_links_of_an_older_key_are_told(owner, small_world, campaign):
    publication = start(small_world, campaign, Audience.ADDRESSES, [MEI])
    publishing.step(publication.id, now=small_world.clock(), key="the key before")
    _, token = link_to(small_world, LIN, campaign)
    page = owner.get(at(campaign))
    assert listed(page) == [(LIN, f"{SITE}/claim/{token}")]
    assert "1 link was made under an earlier key" in page.text
    publish(small_world, campaign, Audience.ADDRESSES, [MEI])
    assert "earlier key" not in owner.get(at(campaign)).text


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 18, "9" * 19, "9" * 5000, "%00", "²"])
@pytest.mark.parametrize("place", ["links", "links/sheet"])
def test_any_place_to_go_on_from_is_a_page(owner, small_world, campaign, place, after):
    link_to(small_world, LIN, campaign)
    owner.get(f"{at(campaign, place)}?after={after}")


# Somebody's with the link


def test_a_link_shows_the_voucher_and_asks_to_sign_in(client, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    page = client.get(f"/claim/{token}")
    for text in ("Lotus Tea has a voucher for you", "Oolong & ice", "¥18", "Not with other offers", "Main Street"):
        assert text in page.text
    assert hrefs(page, "/sign-up?") == [f"/sign-up?next=/claim/{token}"]
    assert hrefs(page, "/sign-in?")[-1] == f"/sign-in?next=/claim/{token}"
    assert not page.all("form", method="post") or "Put it into my wallet" not in page.text
    assert LIN not in page.html, "whoever opens it need not learn for whom it was made"
    assert PASSWORD not in page.html
    assert client.post(f"/claim/{token}").location == f"/sign-in?next=/claim/{token}"
    assert Voucher.select().count() == 0


def test_who_signs_up_comes_back_to_the_voucher(client, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    back = {"name": "next", "value": f"/claim/{token}"}
    assert client.get(f"/sign-up?next=/claim/{token}").all("input", **back)
    person = {"email": "new@example.org", "password": ACCOUNT_PASSWORD, "next": back["value"]}
    again = client.post("/sign-up", {**person, "password": "short"}, status=422)
    assert again.all("input", **back), "a mistake does not lose the way back"
    assert client.post("/sign-up", person).location == f"/claim/{token}"
    page = client.get(f"/claim/{token}")
    assert "As new@example.org." in page.text
    voucher = client.get(client.post(f"/claim/{token}").location)
    assert "Oolong & ice" in voucher.text
    assert "It is in your wallet now." in voucher.text
    assert "Oolong & ice" in client.get("/wallet").text
    assert "It is in your wallet now." not in client.get(f"/vouchers/{Voucher.get().code}").text, "told once"
    assert [customer.address for customer in Customer.select()] == [LIN]


def test_who_signs_in_comes_back_to_the_voucher(client, small_world, campaign):
    small_world.account(email="old@example.org", password=ACCOUNT_PASSWORD)
    _, token = link_to(small_world, LIN, campaign)
    person = {"email": "old@example.org", "password": ACCOUNT_PASSWORD, "next": f"/claim/{token}"}
    again = client.post("/sign-in", {**person, "password": WRONG}, status=422)
    assert again.all("input", name="next", value=f"/claim/{token}")
    assert client.post("/sign-in", person).location == f"/claim/{token}"
    client.post(f"/claim/{token}")
    assert Voucher.select().count() == 1


def test_a_link_works_once_and_says_so_then(client, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    place = client.sign_in(small_world.mei).post(f"/claim/{token}").location
    for who in (small_world.mei, small_world.account()):
        client.sign_in(who)
        for page in (client.get(f"/claim/{token}", status=404), client.post(f"/claim/{token}", status=404)):
            assert "This link is no longer good" in page.text
            assert "Oolong" not in page.text
    assert Voucher.select().count() == 1
    client.get(place, status=404)
    client.sign_in(small_world.mei).get(place)


def test_a_link_is_gone_with_its_time_or_its_campaign(client, small_world, campaign):
    tokens = [link_to(small_world, LIN, campaign)[1], link_to(small_world, LIN)[1]]
    editing.end(campaign, small_world.clock())
    client.get(f"/claim/{tokens[0]}", status=404)
    client.get(f"/claim/{tokens[1]}")
    small_world.clock.forward(days=30)
    client.get(f"/claim/{tokens[1]}", status=404)
    client.sign_in(small_world.mei).post(f"/claim/{tokens[1]}", status=404)


@pytest.mark.parametrize("token", [
    "0" * 22, "x", "A" * 64, "A" * 65, "%00" * 22, "..%2Fwallet00000000000", "é" * 22, ALPHABET[:16]])
def test_what_is_no_link_is_not_found(client, small_world, campaign, token):
    link_to(small_world, LIN, campaign)
    client.get(f"/claim/{token}", status=404)
    client.sign_in(small_world.mei).post(f"/claim/{token}", status=404)


def test_another_site_cannot_use_a_link_up(app, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    victim = PageClient(app).sign_in(small_world.mei)
    victim.post(f"/claim/{token}", status=403, headers={"Sec-Fetch-Site": "cross-site"})
    assert claiming.usable(token, small_world.clock())


def test_a_token_is_in_no_log(client, small_world, campaign, caplog, monkeypatch):
    _, token = link_to(small_world, LIN, campaign)

    def breaks(*_):
        raise RuntimeError("as asked")

    monkeypatch.setattr(claiming, "claim", breaks)
    client.sign_in(small_world.mei).post(f"/claim/{token}", status=500)
    assert "failed: POST /claim/<token:token>" in caplog.text
    assert token not in caplog.text
