"""Claim links on the owner's pages, and the page that a link opens on somebody's phone."""

from datetime import timedelta

import pytest

from models import Account, Audience, Campaign, Claim, Customer, Member, Publication, Role, Voucher
from quanbao.campaigns import editing
from quanbao.merchants import customers
from quanbao.redemption import revocations
from quanbao.vouchers import claims, publications
from quanbao.vouchers.issuing import ALPHABET
from tests.support.crowds import link_to, publish, start
from tests.support.factories import ACCOUNT_PASSWORD, LIN, PASSWORD, WRONG
from tests.support.page_client import Page, PageClient
from web.routes.claims import A_PAGE, A_SHEET

MEI = "mei@example.org"
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
    links = claims.all_open_links(campaign, world.clock(), world.keys.receipts)
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
        f"Claim link for {n}@example.org" for n in (A_SHEET, A_SHEET + 1)
    ]
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
    claims.claim(claims.usable(used_token, small_world.clock()), small_world.mei, small_world.clock())
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
    publications.step(publication.id, now=small_world.clock(), key="the key before")
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


def test_links_are_found_by_a_piece_of_the_address(owner, small_world, campaign):
    many(small_world, campaign, A_PAGE + 30)
    page = owner.get(f"{at(campaign)}?q=22")
    assert [address for address, _ in listed(page)] == [
        "22@example.org",
        "122@example.org",
        *(f"{n}@example.org" for n in range(220, 230)),
    ]
    assert page.all("input", id="q", value="22")
    assert "No link for such an address." in owner.get(f"{at(campaign)}?q=nobody").text
    for odd in ("%00", "%ED%A0%80", "x" * 3000, "%25"):
        owner.get(f"{at(campaign)}?q={odd}")
        owner.get(f"{at(campaign)}?which={odd}")


def test_a_link_whose_time_is_over_is_listed_apart(owner, small_world, clock):
    """Each link stands on one tab: one that ran out is not open, and neither used nor withdrawn."""
    campaign = small_world.campaign(ends_at=clock() + timedelta(days=900))
    link_to(small_world, MEI, campaign)
    Claim.update(expires_at=clock() + timedelta(hours=1)).execute()
    link_to(small_world, LIN, campaign)

    def tabs(address: str) -> list[str]:
        pages = {which: owner.get(f"{at(campaign)}?which={which}") for which in ("open", "used", "withdrawn", "dead")}
        return [which for which, page in pages.items() if address in page.text]

    assert tabs(MEI) == ["open"]
    clock.forward(hours=1)
    assert (tabs(MEI), tabs(LIN)) == (["dead"], ["open"])
    editing.end(campaign, clock())
    assert tabs(LIN) == ["dead"]


def test_an_open_link_is_withdrawn_on_its_page(owner, small_world, campaign):
    row, token = link_to(small_world, MEI, campaign)
    [place] = [href for href in hrefs(owner.get(at(campaign)), "/links/") if href.endswith(str(row.id))]
    page = owner.get(place)
    for text in (MEI, "Dec 1, 2026", "Dec 31, 2026", f"{SITE}/claim/{token}"):
        assert text in page.text
    for _ in range(2):
        assert owner.post(place, {"do": "withdraw"}).location == place
    page = owner.get(place)
    assert "Withdrawn" in page.text
    assert Claim.get().withdrawn_by.address in page.text
    assert token not in page.html
    assert "No link is waiting" in owner.get(at(campaign)).text
    gone = owner.get(f"{at(campaign)}?which=withdrawn")
    assert (MEI in gone.text, Claim.get().withdrawn_by.address in gone.text) == (True, True)
    visitor = PageClient(owner.app)
    for page in (
        visitor.get(f"/claim/{token}", status=404),
        visitor.post(f"/claim/{token}", status=404),
        visitor.sign_in(small_world.mei).post(f"/claim/{token}", status=404),
    ):
        assert "The shop has withdrawn this link" in page.text
        assert MEI not in page.text.replace(f"{MEI} Sign out", ""), "nothing about whom it was for"
        assert Claim.get().withdrawn_by.address not in page.text


def test_its_address_is_corrected_on_its_page(owner, small_world, campaign):
    row, token = link_to(small_world, "jon@exmaple.net", campaign)
    place = at(campaign, f"links/{row.id}")
    for typed, says in (("jon", "Enter an e-mail address"), ("JON@exmaple.net ", "for this address already")):
        page = owner.post(place, {"do": "correct", "address": typed}, status=422)
        assert says in page.text
        assert page.all("input", id="address", value=typed, **{"aria-invalid": "true"}), "what was typed is kept"
    made = owner.post(place, {"do": "correct", "address": "jon@example.net"}).location
    new = Claim.get(Claim.address == "jon@example.net")
    assert made == at(campaign, f"links/{new.id}")
    page = owner.get(made)
    assert "This is the link for the right address." in page.text
    assert "This is the link" not in owner.get(made).text, "told once"
    assert [address for address, _ in listed(owner.get(at(campaign)))] == ["jon@example.net"]
    PageClient(owner.app).get(f"/claim/{token}", status=404)
    page = owner.post(place, {"do": "correct", "address": LIN}, status=422)
    assert "had been withdrawn a moment earlier" in page.text
    known = Customer.create(
        merchant=small_world.merchant, consumer=small_world.mei, address=MEI, first_seen_at=small_world.clock()
    )
    assert owner.post(made, {"do": "correct", "address": known.address}).location == made
    assert "who has the voucher now" in owner.get(made).text
    assert Voucher.get().consumer == small_world.mei


def test_a_used_link_leads_to_its_voucher_and_is_not_withdrawn(owner, small_world, campaign):
    row, token = link_to(small_world, MEI, campaign)
    voucher = claims.claim(claims.usable(token, small_world.clock()), small_world.account(), small_world.clock())
    customers.separate(Customer.get())
    place = at(campaign, f"links/{row.id}")
    page = owner.post(place, {"do": "withdraw"}, status=422)
    assert "the link was used a moment earlier" in page.text
    assert not page.all("button", value="withdraw")
    assert hrefs(owner.get(f"{at(campaign)}?which=used"), place)
    [way] = hrefs(owner.get(place), "/vouchers/")
    assert way == f"/merchants/lotus/vouchers/{voucher.code}", "though its holder is known by no address any more"
    owner.get(way)


def test_a_link_is_its_own_campaigns_and_merchants(owner, small_world, campaign):
    other = small_world.make_merchant(slug="other")
    theirs = small_world.campaign(merchant=other, password=small_world.make_password(merchant=other))
    mine, foreign = link_to(small_world, MEI, small_world.campaign())[0], link_to(small_world, MEI, theirs)[0]
    for number in (mine.id, foreign.id, 0, 2**63, 10**40):
        owner.get(at(campaign, f"links/{number}"), status=404)
        owner.post(at(campaign, f"links/{number}"), {"do": "withdraw"}, status=404)
    assert Claim.select().where(Claim.withdrawn_at.is_null(False)).count() == 0


# Somebody's with the link


def test_whose_voucher_was_taken_back_is_told_so_before_and_after(client, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    voucher = small_world.voucher(campaign=campaign)
    boss = Member.get(Member.account == small_world.member(role=Role.OWNER))
    revocations.revoke(voucher, boss, "misuse", "", small_world.clock())
    client.sign_in(small_world.mei)
    for page in (client.get(f"/claim/{token}", status=409), client.post(f"/claim/{token}", status=409)):
        assert "Your voucher was taken back by the shop" in page.text
        assert hrefs(page, voucher.code)
    assert Claim.get().claimed_at is None, "the link is as good as before, for whom it is"
    publish(small_world, campaign, Audience.ADDRESSES, [LIN])
    assert "has a voucher for you" in client.get(f"/claim/{token}").text
    assert client.post(f"/claim/{token}").location != f"/vouchers/{voucher.code}"


@pytest.mark.parametrize(
    ("end", "says"),
    [("ended", "The shop has ended this offer"), ("over", "This offer is over"), ("expired", "This link has run out")],
)
def test_a_dead_link_says_why(client, small_world, clock, end, says):
    campaign = small_world.campaign(ends_at=clock() + timedelta(days=100))
    _, token = link_to(small_world, LIN, campaign)
    if end == "ended":
        editing.end(campaign, clock())
    elif end == "over":
        Campaign.update(ends_at=clock()).execute()
    else:
        clock.forward(days=30)
    assert says in client.get(f"/claim/{token}", status=404).text
    assert says in client.post(f"/claim/{token}", status=404).text


def test_a_link_shows_the_voucher_and_gives_it_without_an_account(client, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    page = client.get(f"/claim/{token}")
    for text in ("Lotus Tea has a voucher for you", "Oolong & ice", "¥18", "Not with other offers", "Main Street"):
        assert text in page.text
    assert hrefs(page, "/sign-up?") == [f"/sign-up?next=/claim/{token}"]
    assert hrefs(page, "/sign-in?")[-1] == f"/sign-in?next=/claim/{token}"
    assert LIN not in page.html, "whoever opens it need not learn for whom it was made"
    assert PASSWORD not in page.html
    assert Voucher.select().count() == 0
    assert client.post(f"/claim/{token}").location == f"/vouchers/{Voucher.get().code}"
    assert Voucher.get().consumer.is_anonymous
    assert "No account is needed" in page.text
    assert "You used this link" in client.get(f"/claim/{token}", status=404).text
    client.post(f"/claim/{token}", status=404)
    assert Voucher.select().count() == 1


def test_an_answer_that_was_lost_gives_the_same_voucher(client, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    client.get(f"/claim/{token}")
    noted = client.http.get_cookie("quanbao").value
    client.post(f"/claim/{token}")
    client.http.delete_cookie("quanbao-wallet")
    client.http.set_cookie("quanbao", noted)  # as if the answer had not come
    assert client.post(f"/claim/{token}").location == f"/vouchers/{Voucher.get().code}"
    assert client.get(f"/vouchers/{Voucher.get().code}")


def test_another_browser_gets_nothing_from_a_link_that_was_used(client, small_world, campaign, app):
    _, token = link_to(small_world, LIN, campaign)
    client.post(f"/claim/{token}")
    other = PageClient(app)
    other.get("/sign-in")
    other.post(f"/claim/{token}", status=404)
    other.get("/wallet", status=303)
    assert Account.select().where(Account.email.is_null()).count() == 1


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
    for who, says in ((small_world.mei, "You used this link"), (small_world.account(), "This link was used")):
        client.sign_in(who)
        for page in (client.get(f"/claim/{token}", status=404), client.post(f"/claim/{token}", status=404)):
            assert says in page.text
            assert "Oolong" not in page.text
            assert bool(hrefs(page, place)) is (who == small_world.mei), "its user is led to the voucher, nobody else"
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


@pytest.mark.parametrize(
    "token", ["0" * 22, "x", "A" * 64, "A" * 65, "%00" * 22, "..%2Fwallet00000000000", "é" * 22, ALPHABET[:16]]
)
def test_what_is_no_link_is_not_found(client, small_world, campaign, token):
    link_to(small_world, LIN, campaign)
    client.get(f"/claim/{token}", status=404)
    client.sign_in(small_world.mei).post(f"/claim/{token}", status=404)


def test_another_site_cannot_use_a_link_up(app, small_world, campaign):
    _, token = link_to(small_world, LIN, campaign)
    victim = PageClient(app).sign_in(small_world.mei)
    victim.post(f"/claim/{token}", status=403, headers={"Sec-Fetch-Site": "cross-site"})
    assert claims.usable(token, small_world.clock())


def test_a_token_is_in_no_log(client, small_world, campaign, caplog, monkeypatch):
    _, token = link_to(small_world, LIN, campaign)

    def breaks(*_):
        raise RuntimeError("as asked")

    monkeypatch.setattr(claims, "claim", breaks)
    client.sign_in(small_world.mei).post(f"/claim/{token}", status=500)
    assert "failed: POST /claim/<token:token>" in caplog.text
    assert token not in caplog.text
