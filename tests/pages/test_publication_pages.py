"""The owner's pages of publishing and of claim links, and the page that a link opens."""

from datetime import timedelta
from io import BytesIO

import pytest
from werkzeug.datastructures import MultiDict

from models import Account, Audience, Campaign, Claim, Customer, Publication, Role, Voucher
from quanbao.campaigns import editing
from quanbao.vouchers import publications
from tests.support.crowds import counts, finish, holders, make_customers, of, put, start, step
from tests.support.factories import ACCOUNT_PASSWORD, LIN
from tests.support.page_client import Page, PageClient
from web import create_app
from web.present.selection import LOOKING
from web.present.selection import MOST as MOST_PICKED

HTMX = {"HX-Request": "true"}
MEI = "mei@example.org"


@pytest.fixture
def owner(client, small_world):
    return client.sign_in(small_world.member(role=Role.OWNER))


@pytest.fixture
def campaign(small_world):
    return small_world.campaign(published_at=None)


def at(campaign: Campaign, place: str = "publications") -> str:
    return f"/merchants/{campaign.merchant.slug}/campaigns/{campaign.slug}/{place}"


def post(owner: PageClient, campaign: Campaign, fields: dict, file: bytes | None = None, *, status: int = 303) -> Page:
    """The form as a browser sends it, with a file or none."""
    sent = MultiDict({"addresses": "", "q": "", **fields})
    sent["file"] = (BytesIO(file or b""), "" if file is None else "list.csv")
    return owner.post(at(campaign), sent, status=status, content_type="multipart/form-data")


def rows(page: Page) -> list[str]:
    return [text.strip() for text in page.text.splitlines() if text.strip()]


def checked(page: Page) -> list[str]:
    return [box["value"] for box in page.all("input") if "checked" in box]


def assert_nothing_came_of_it(campaign: Campaign) -> None:
    assert (Publication.select().count(), Voucher.select().count(), Claim.select().count()) == (0, 0, 0)
    assert Campaign.get_by_id(campaign.id).published_at is None


# The form


def test_the_form_offers_who_there_is(owner, small_world, campaign):
    assert checked(owner.get(at(campaign))) == ["addresses"], "without customers there is nothing else"
    people = make_customers(small_world, 3, group="常客")
    Customer.update(address="").where(Customer.id == people[0].id).execute()
    page = owner.get(at(campaign))
    assert checked(page) == [], "one tap must not send to everybody"
    assert [box["value"] for box in page.all("input", name="groups")] == ["常客"]
    assert [box["value"] for box in page.all("input", name="customer")] == [str(row.id) for row in people[:0:-1]]
    assert checked(owner.get(at(campaign) + "?audience=customers")) == ["customers"]


@pytest.mark.parametrize(("audience", "issued"), [("all", 3), ("groups", 2), ("customers", 1), ("addresses", 1)])
def test_each_audience_by_its_form(owner, small_world, campaign, audience, issued):
    people = make_customers(small_world, 1) + make_customers(small_world, 2, group="常客")
    answer = post(
        owner,
        campaign,
        {
            "audience": audience,
            "groups": "常客",
            "customer": people[0].id,
            "addresses": f"{people[1].address.upper()}\n{MEI}",
        },
    )
    publication = Publication.get()
    assert answer.location == f"{at(campaign)}/{publication.id}"
    assert (publication.audience, publication.issued) == (audience, issued)
    page = owner.get(answer.location)
    assert f"Vouchers issued{issued}" in page.text
    assert ("Hand out the links" in page.text) is (audience == "addresses")
    assert Campaign.get_by_id(campaign.id).published_at is not None


def test_a_file_and_what_was_typed_go_together_and_lines_that_failed_are_told(owner, small_world, campaign):
    file = f"姓名,邮箱\n李梅,{MEI}\n王五,没有\n林,{LIN}\n".encode("gb18030")
    answer = post(owner, campaign, {"audience": "addresses", "addresses": f"lin(at)x\n{LIN}\n<b"}, file)
    assert counts(Publication.get()) == (0, 2, 2, 2)
    for page in (owner.get(answer.location), owner.get(answer.location)):
        for text in ("3 lines could not be read", "lin(at)x", "<b", "王五, 没有"):
            assert text in page.text


def test_who_forgot_to_say_for_whom_loses_nothing(owner, small_world, campaign):
    [picked] = make_customers(small_world, 1, group="staff")
    page = post(owner, campaign, {"addresses": MEI, "groups": "staff", "customer": picked.id}, status=422)
    assert checked(page) == ["staff", str(picked.id)]
    assert MEI in page.text
    assert_nothing_came_of_it(campaign)


@pytest.mark.parametrize(
    ("fields", "file", "says"),
    [
        ({"audience": "groups"}, None, "Nobody is chosen yet"),
        ({"audience": "groups", "groups": "no such group"}, None, "Nobody is chosen yet"),
        ({"audience": "customers"}, None, "Nobody is chosen yet"),
        ({"audience": "addresses"}, None, "Nobody is chosen yet"),
        ({"audience": "addresses", "addresses": "nobody\0<i>"}, b"\0\n\0@x", "2 lines could not be read"),
        ({"audience": "addresses", "addresses": MEI}, b"\x81\0\xff", "The file is no text"),
        ({}, None, "Nobody is chosen yet"),
        ({"audience": "everybody"}, None, "Nobody is chosen yet"),
        ({"audience": "all\0"}, None, "Nobody is chosen yet"),
    ],
)
def test_what_designates_nobody_is_refused_and_kept(owner, small_world, campaign, fields, file, says):
    make_customers(small_world, 2, group="staff")
    page = post(owner, campaign, fields, file, status=422)
    assert says in page.text
    assert page.all("p", role="alert")
    if "Nobody is chosen" in says:
        assert page.all("fieldset", **{"aria-invalid": "true", "aria-describedby": "audience-error"})
    if fields.get("audience") in list(Audience):
        assert checked(page)[0] == fields["audience"]
    assert fields.get("addresses", "").replace("\0", "") in page.text.replace("\0", "").replace("\ufffd", "")
    assert_nothing_came_of_it(campaign)


@pytest.mark.parametrize("text", ["x", "-1", "9" * 19, "9" * 5000, "²", "1.0", "\0", "1 OR 1=1"])
def test_an_id_that_is_nobodys_is_nobody(owner, small_world, campaign, text):
    make_customers(small_world, 2)
    post(owner, campaign, {"audience": "customers", "customer": text}, status=422)
    assert_nothing_came_of_it(campaign)


def test_forty_thousand_addresses_may_be_typed(owner, campaign):
    post(owner, campaign, {"audience": "addresses", "addresses": "\n".join(f"{n}@example.org" for n in range(40_000))})
    assert (Publication.get().done, Publication.get().total) == (1000, 40_000)


def test_a_thousand_customers_may_be_picked_and_one_more_is_refused_in_words(owner, small_world, campaign):
    people = make_customers(small_world, MOST_PICKED + 1)
    ids = [str(row.id) for row in people]
    page = post(owner, campaign, {"audience": "customers", "customer": ids}, status=422)
    assert "That is more than 1,000 customers." in page.text
    kept = [box["value"] for box in page.all("input", name="customer") if "checked" in box or box["type"] == "hidden"]
    assert (checked(page)[0], sorted(kept)) == ("customers", sorted(ids)), "none is lost"
    assert_nothing_came_of_it(campaign)
    post(owner, campaign, {"audience": "customers", "customer": ids[1:]})
    assert holders(campaign) == of(people[1:])


def test_customers_of_another_merchant_or_who_are_gone_are_nobody(owner, small_world, campaign):
    theirs = make_customers(small_world, 2, merchant=small_world.make_merchant(slug="other"))
    gone, mine = make_customers(small_world, 2)
    Customer.update(address="").where(Customer.id == gone.id).execute()
    foreign = [theirs[0].id, theirs[1].id, gone.id, 99999]
    page = post(owner, campaign, {"audience": "customers", "customer": foreign}, status=422)
    assert "Nobody is chosen yet" in page.text
    assert checked(page) == ["customers"]
    assert theirs[0].address not in page.html
    assert_nothing_came_of_it(campaign)
    answer = post(owner, campaign, {"audience": "customers", "customer": [*foreign, mine.id]})
    assert counts(Publication.get()) == (1, 0, 1, 1)
    assert "already" not in owner.get(answer.location).text


def test_each_line_that_failed_is_told_with_its_place_and_reason(owner, campaign):
    file = f'Name,Mail\n"Li,\nMei",{MEI}\n"Wu",wu@\n'.encode()
    answer = post(owner, campaign, {"audience": "addresses", "addresses": f"{LIN}\na@b@c"}, file)
    table = owner.get(answer.location).text.partition("Why")[2].strip()
    assert table.startswith(
        "2a@b@cThere is more than one @ in it.File, 4Wu, wu@Something is missing before or after the @."
    )
    assert counts(Publication.get()) == (0, 2, 2, 2)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (1000, "1000 lines could not be read"),
        (1001, "More than 1,000 lines could not be read."),
        (5000, "Here are the first 1,000."),
    ],
)
def test_a_report_that_is_cut_says_so(owner, campaign, lines, says):
    file = ("nobody@\n" * lines).encode()
    answer = post(owner, campaign, {"audience": "addresses", "addresses": MEI}, file)
    refused = post(owner, campaign, {"audience": "addresses"}, file, status=422)
    for page in (owner.get(answer.location), refused):
        assert says in page.text
        assert page.text.count("nobody@") == 1000


def test_only_groups_that_there_are_are_kept(owner, small_world, campaign):
    make_customers(small_world, 1, group="常客")
    post(owner, campaign, {"audience": "groups", "groups": ["x" * 100_000, "常客", "\0"]})
    assert Publication.get().groups == ["常客"]


def test_a_draft_that_is_deleted_meanwhile_is_not_found(owner, small_world, campaign, monkeypatch):
    make_customers(small_world, 1)
    whole = publications.start

    def late(row, *arguments, **more):
        editing.delete(row)
        return whole(row, *arguments, **more)

    monkeypatch.setattr(publications, "start", late)
    post(owner, campaign, {"audience": "all"}, status=404)


def test_a_campaign_that_is_over_is_not_published(owner, small_world):
    make_customers(small_world, 1)
    campaign = small_world.campaign(ends_at=small_world.clock())
    page = owner.get(at(campaign))
    assert "The campaign is over" in page.text
    assert page.all("form", action=at(campaign)), "its period may be changed in another tab"
    page = post(owner, campaign, {"audience": "all"}, status=422)
    assert "The campaign is over" in page.text
    assert Voucher.select().count() == 0
    editing.end(ended := small_world.campaign(), small_world.clock())
    assert not owner.get(at(ended)).all("form", action=at(ended)), "a form that can only be refused"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"addresses": "a@example.org\n" * 900_000}, 413),
        ({"addresses": "x" * 600_000}, 422),
        ({"audience": "customers", "customer": [str(n) for n in range(20_000)]}, 413),
    ],
)
def test_more_than_a_form_may_have_is_refused_in_words(owner, campaign, sent, status):
    page = post(owner, campaign, {"audience": "addresses", **sent}, status=status)
    assert page.all("h1")
    assert_nothing_came_of_it(campaign)


def test_the_answer_is_the_same_whether_an_address_has_an_account_or_not(owner, small_world):
    """Nor whether it is another merchant's customer, or this one's under another address."""
    small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    [theirs] = make_customers(small_world, 1, merchant=small_world.make_merchant(slug="other"))
    [mine] = make_customers(small_world, 1)
    seen = set()
    for address in (LIN, theirs.address, Account.get_by_id(mine.consumer_id).email, "nobody@example.org"):
        campaign = small_world.campaign(slug="always")
        answer = post(owner, campaign, {"audience": "addresses", "addresses": address})
        pages = [owner.get(path) for path in (answer.location, at(campaign, "links"), at(campaign)[:-13], at(campaign))]
        texts = [page.html.replace(address, "…").replace(answer.location, "…") for page in pages]
        token = publications.token(Claim.get().seed, small_world.keys.receipts)
        seen.add("".join(texts).replace(token, "…"))
        for model in (Claim, Publication, Campaign):
            model.delete().execute()
    assert len(seen) == 1


# The search


def found(owner: PageClient, campaign: Campaign, fields: dict) -> list[str]:
    """The addresses that the search shows, those that are ticked with a mark; and the ids of others that it keeps."""
    page = owner.post(at(campaign, "publications/customers"), {"do": "search", **fields}, headers=HTMX, status=200)
    boxes = page.all("input", name="customer", type="checkbox")
    shown = [line for line in rows(page) if "@" in line]
    kept = [box["value"] for box in page.all("input", name="customer", type="hidden")]
    return ["*" * ("checked" in box) + text for box, text in zip(boxes, shown, strict=True)] + kept


def test_the_search_finds_by_a_part_and_keeps_who_is_ticked(owner, small_world, campaign):
    names = ["anna_b@example.org", "annab@example.org", "ben%@example.org", "李@example.org"]
    for name, row in zip(names, make_customers(small_world, 4), strict=True):
        Customer.update(address=name).where(Customer.id == row.id).execute()
    anna = Customer.get(Customer.address == names[0])
    assert found(owner, campaign, {"q": "ANNA"}) == ["annab@example.org", "anna_b@example.org"]
    assert found(owner, campaign, {"q": "a_b"}) == ["anna_b@example.org"], "no wildcard"
    assert found(owner, campaign, {"q": "%"}) == ["ben%@example.org"]
    assert found(owner, campaign, {"q": "李", "customer": anna.id}) == ["李@example.org", str(anna.id)]
    assert found(owner, campaign, {"q": "anna", "customer": anna.id}) == ["annab@example.org", "*anna_b@example.org"]
    assert found(owner, campaign, {"q": "zzz", "customer": anna.id}) == [str(anna.id)]
    assert found(owner, campaign, {"q": "zzz"}) == []
    assert found(owner, campaign, {"do": "selected", "q": "zzz", "customer": anna.id}) == ["*anna_b@example.org"]
    assert found(owner, campaign, {"do": "clear", "shown_q": "zzz", "customer": anna.id}) == []


def test_without_script_the_search_is_a_page_that_keeps_the_whole_form(owner, small_world, campaign):
    people = make_customers(small_world, 60, group="常客")
    sent = MultiDict(
        {
            "do": "search",
            "q": people[0].address,
            "customer": people[9].id,
            "audience": "customers",
            "addresses": MEI,
            "groups": "常客",
        }
    )
    page = owner.post(at(campaign, "publications/customers"), sent, status=200, content_type="multipart/form-data")
    assert checked(page) == ["常客", "customers"]
    assert [box["value"] for box in page.all("input", name="customer")] == [str(people[9].id), str(people[0].id)]
    assert page.all("input", id="q")[0]["value"] == people[0].address
    assert "1 of those selected is not in this list." in page.text
    assert MEI in page.text


@pytest.mark.parametrize("do", sorted(LOOKING))
def test_a_button_that_looks_never_publishes_even_at_the_forms_own_address(owner, small_world, campaign, do):
    """A script that sends the form to its own address and not to the button's must not publish."""
    make_customers(small_world, 2)
    page = post(owner, campaign, {"audience": "all", "do": do, "addresses": MEI}, status=200)
    assert MEI in page.text
    assert_nothing_came_of_it(campaign)


@pytest.mark.parametrize(
    "fields",
    [
        {"q": "\0"},
        {"q": "x" * 5000},
        {"customer": ["\0", "9" * 30, "9" * 18]},
        {"q": b"\xed\xa0\x80"},
        {"q": "\u202e'\"\\", "audience": "\0"},
        {"do": "more", "next": "\0", "after": "9" * 40},
        {"do": "\0"},
    ],
)
def test_the_search_bears_anything(world, database, clock, fields):
    owner = PageClient(create_app(database, clock=clock)).sign_in(world.member(role=Role.OWNER))
    campaign = world.campaign()
    assert found(owner, campaign, fields) == []
    for query in ("?q=%00", "?q=%ED%A0%80", "?customer=%00&customer=" + "9" * 30, "?after=%00"):
        owner.get(at(campaign) + query)
        owner.get(at(campaign, "publications/customers") + query)


@pytest.mark.parametrize(
    "fields",
    [
        {"audience": "groups", "groups": "\0"},
        {"audience": "addresses", "addresses": "\0"},
        {"audience": "x", "q": "\0"},
    ],
)
def test_the_form_bears_anything(world, database, clock, fields):
    owner = PageClient(create_app(database, clock=clock)).sign_in(world.member(role=Role.OWNER))
    post(owner, world.campaign(), fields, status=422)


def test_a_thousand_ticks_stay_in_a_search(owner, small_world, campaign):
    people = make_customers(small_world, 1000)
    asked = {"do": "search", "q": people[0].address, "customer": [row.id for row in people[1:]]}
    page = owner.post(at(campaign, "publications/customers"), asked, status=200, headers=HTMX)
    assert len(page.all("input", name="customer", type="hidden")) == 999
    assert len(page.all("input", name="customer")) == 1000
    assert owner.post(at(campaign, "publications/customers"), asked, status=200).all("h1"), "as a page too"


# How far it is


@pytest.fixture
def going(owner, small_world, campaign, monkeypatch):
    """A publication of seven, of which three had their turn in the request."""
    monkeypatch.setattr(publications, "STEP", 3)
    make_customers(small_world, 7)
    post(owner, campaign, {"audience": "all"})
    return Publication.get()


def test_the_progress_moves_and_is_there_after_a_reload(owner, small_world, campaign, going):
    here = f"{at(campaign)}/{going.id}"
    for page in (owner.get(here), owner.get(here)):
        [bar] = page.all("progress")
        assert (bar["value"], bar["max"]) == ("3", "7")
        assert "3 of 7" in page.text
        [asks] = [attributes for _, attributes in page.tags if "every" in attributes.get("hx-trigger", "")]
    assert owner.get(asks["hx-get"], headers=HTMX, status=204).html == ""
    assert step(small_world, going)
    page = owner.get(asks["hx-get"], headers=HTMX)
    assert page.all("progress")[0]["value"] == "6"
    [asks] = [attributes for _, attributes in page.tags if "hx-get" in attributes]
    owner.get(asks["hx-get"], headers=HTMX, status=204)
    finish(small_world, going)
    page = owner.get(asks["hx-get"], headers=HTMX)
    assert "Vouchers issued7" in page.text
    assert not [attributes for _, attributes in page.tags if "hx-get" in attributes], "it asks no more"
    assert "Vouchers issued7" in owner.get(asks["hx-get"], headers=HTMX).text
    assert owner.get(asks["hx-get"]).all("h1"), "as a page too"


@pytest.mark.parametrize("over", ["ended", "past"])
def test_a_publication_that_was_stopped_says_so(owner, small_world, monkeypatch, over):
    monkeypatch.setattr(publications, "STEP", 3)
    campaign = small_world.campaign(ends_at=small_world.clock() + timedelta(hours=1))
    post(owner, campaign, {"audience": "addresses", "addresses": "\n".join(f"{n}@x.org" for n in range(7))})
    going = Publication.get()
    if over == "ended":
        editing.end(campaign, small_world.clock())
    else:
        small_world.clock.forward(hours=1)
    assert not step(small_world, going)
    page = owner.get(f"{at(campaign)}/{going.id}")
    assert "Stopped at 3 of 7, because the campaign was over. The addresses that were left are not kept." in page.text
    assert not page.all("progress")
    Campaign.update(ended_at=None, ends_at=small_world.clock() + timedelta(days=1)).execute()
    assert "Stopped at 3 of 7" in owner.get(f"{at(campaign)}/{going.id}").text, "whatever becomes of the campaign"


def test_who_joins_a_group_meanwhile_is_in_the_progress(owner, small_world, campaign, monkeypatch):
    monkeypatch.setattr(publications, "STEP", 3)
    people = make_customers(small_world, 7)
    put(people[:4], "regulars")
    post(owner, campaign, {"audience": "groups", "groups": "regulars"})
    put(people[4:], "regulars")
    assert step(small_world, Publication.get())
    page = owner.get(f"{at(campaign)}/{Publication.get().id}")
    assert (page.all("progress")[0]["value"], page.all("progress")[0]["max"]) == ("6", "6")


def test_the_campaigns_page_lists_the_latest_first(owner, small_world, campaign):
    make_customers(small_world, 1)
    made = [start(small_world, campaign, Audience.ALL).id for _ in range(22)]
    links = [link["href"] for link in owner.get(at(campaign)[:-13]).all("a") if "/publications/" in link["href"]]
    assert links == [f"{at(campaign)}/{number}" for number in made[:1:-1]]


@pytest.mark.parametrize("done", ["", "x", "-1", "9" * 5000, "%00", "4"])
def test_who_asks_wrongly_sees_how_far_it_is(owner, campaign, going, done):
    assert "3 of 7" in owner.get(f"{at(campaign)}/{going.id}?done={done}", headers=HTMX).text


@pytest.mark.parametrize("number", ["0", 2**31, 2**63 - 1, 2**63, "9" * 400, "9" * 5000, "-1", "x", "1.5", "%00"])
def test_a_number_that_is_no_publication(owner, campaign, going, number):
    owner.get(f"{at(campaign)}/{number}", status=404)


def test_a_publication_is_its_own_campaigns_and_merchants(owner, small_world, campaign, going):
    other = small_world.make_merchant(slug="other")
    theirs = small_world.campaign(merchant=other, password=small_world.make_password(merchant=other))
    make_customers(small_world, 1, merchant=other)
    there = start(small_world, theirs, Audience.ALL)
    for page in (f"{at(campaign)}/{there.id}", f"{at(theirs)}/{there.id}", f"{at(small_world.campaign())}/{going.id}"):
        owner.get(page, status=404)
        owner.get(page, headers=HTMX, status=404)


@pytest.mark.parametrize(("role", "status"), [(Role.MANAGER, 200), (Role.CASHIER, 403)])
def test_managers_may_and_cashiers_may_not(client, small_world, campaign, role, status):
    client.sign_in(small_world.member(role=role))
    make_customers(small_world, 1)
    for place in ("publications", "publications/customers", "links", "links/sheet"):
        client.get(at(campaign, place), status=status)
    post(client, campaign, {"audience": "all"}, status=303 if status == 200 else 403)
    assert Voucher.select().count() == (status == 200)


def test_a_form_that_is_sent_twice_gives_one_each(owner, small_world, campaign):
    people = make_customers(small_world, 2)
    for _ in range(2):
        post(owner, campaign, {"audience": "addresses", "addresses": f"{MEI} {people[0].address}"})
    assert [counts(row) for row in Publication.select().order_by(Publication.id)] == [(1, 1, 2, 2), (0, 0, 2, 2)]
