"""Customers: found by what the merchant calls them, put into groups, and nobody else's."""

import pytest

from database import db
from models import Account, Customer, CustomerGroup, Merchant, Role
from quanbao.merchants import customers, groups
from quanbao.redemption.reasons import Reason
from tests.support.crowds import make_customers
from tests.support.factories import World
from tests.support.page_client import Page, PageClient
from web import create_app

AT = "/merchants/lotus/customers"
LIN, MEI, ZOE = "lin_a@x.example", "mei@tea.example", "zoë@tea.example"


def customer(world: World, address: str, *groups: str, merchant: Merchant | None = None) -> Customer:
    row = Customer.create(
        merchant=merchant or world.merchant, consumer=world.account(), address=address, first_seen_at=world.clock()
    )
    for name in groups:
        CustomerGroup.create(customer=row, name=name)
    return row


def found(world: World, text: str = "", group: str | None = None) -> list[str]:
    return [row.address for row in customers.find(world.merchant, text, group)]


def inside(group: str) -> set[str]:
    return {row.customer.address for row in CustomerGroup.select().where(CustomerGroup.name == group)}


def refusal(act, *what, **more) -> str:
    with pytest.raises(customers.Refused) as caught:
        act(*what, **more)
    return caught.value.code


# Finding


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("", [LIN, MEI, ZOE]),
        ("mei", [MEI]),
        ("MEI", [MEI]),
        ("tea.exa", [MEI, ZOE]),
        ("@x", [LIN]),
        ("n_a", [LIN]),
        ("_", [LIN]),
        ("%", []),
        ("\\", []),
        ("ZOË", [ZOE]),
        ("zoe\u0308", [ZOE]),
        ("nobody", []),
        ("'", []),
    ],
)
def test_a_piece_of_the_address_finds_it(world, text, who):
    for address in (ZOE, MEI, LIN):
        customer(world, address)
    customer(world, "mei@other.example", merchant=world.make_merchant(slug="other"))
    assert sorted(found(world, text)) == who


def test_a_group_narrows_the_search(world):
    customer(world, "mei@tea.example", "regulars", "tea")
    customer(world, "lin@tea.example", "regulars")
    customer(world, "theirs@tea.example", "regulars", merchant=world.make_merchant(slug="other"))
    assert found(world, "", "regulars") == ["lin@tea.example", "mei@tea.example"], "the latest first"
    assert found(world, "lin", "regulars") == ["lin@tea.example"]
    assert found(world, "lin", "tea") == []
    assert [row.group_names for row in customers.find(world.merchant, "")] == [["regulars"], ["regulars", "tea"]]


def test_who_deleted_their_account_is_not_found(world):
    gone = customer(world, "", "regulars")
    assert (found(world), found(world, "", "regulars")) == ([], [])
    assert customers.put(world.merchant, [gone.id], "tea", into=True) == 0


def test_pages_follow_each_other_without_a_gap(world):
    rows = make_customers(world, 120)
    pages, after = [], 0
    while page := customers.find(world.merchant, "", None, after):
        pages.append([row.id for row in page])
        after = page[-1].id
        customer(world, f"late{after}@example.org")  # who comes meanwhile moves nothing
    assert [len(page) for page in pages] == [50, 50, 20]
    assert sum(pages, []) == sorted((row.id for row in rows), reverse=True)


def test_the_groups_in_use_and_those_that_campaigns_ask_for(world):
    other = world.make_merchant(slug="other")
    customer(world, "mei@tea.example", "regulars", "常客")
    customer(world, "theirs@tea.example", "theirs", merchant=other)
    world.campaign(groups=["regulars", "birthday"])
    world.campaign(groups=["asked"], merchant=other, password=world.make_password(merchant=other))
    assert groups.names(world.merchant) == ["birthday", "regulars", "常客"]


# Groups


def test_into_a_group_and_out_of_it(world):
    mei, lin = customer(world, "mei@tea.example"), customer(world, "lin@tea.example", "regulars")
    assert customers.put(world.merchant, [mei.id, lin.id], " regulars ", into=True) == 1
    assert inside("regulars") == {"mei@tea.example", "lin@tea.example"}
    assert customers.put(world.merchant, [lin.id], "regulars", into=False) == 1
    assert inside("regulars") == {"mei@tea.example"}
    assert customers.put(world.merchant, [lin.id], "regulars", into=False) == 0


def test_a_group_counts_at_the_till_at_once(world):
    voucher = world.voucher(campaign=world.campaign(groups=["regulars"]))
    Customer.delete().execute()
    row = Customer.create(merchant=world.merchant, consumer=world.mei, address="m", first_seen_at=world.clock())
    assert world.attempt(voucher).reason is Reason.GROUP_ONLY
    customers.put(world.merchant, [row.id], "regulars", into=True)
    assert world.attempt(voucher).redeemed


def test_another_merchants_customers_stay_where_they_are(world):
    theirs = customer(world, "theirs@tea.example", "regulars", merchant=world.make_merchant(slug="other"))
    assert customers.put(world.merchant, [theirs.id], "tea", into=True) == 0
    assert customers.put(world.merchant, [theirs.id], "regulars", into=False) == 0
    assert (inside("tea"), inside("regulars")) == (set(), {"theirs@tea.example"})


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "\0", "a\0", "\ud800"])
def test_what_is_no_groups_name(world, name):
    mei = customer(world, "mei@tea.example")
    for into in (True, False):
        assert refusal(customers.put, world.merchant, [mei.id], name, into=into) == "group"
        assert refusal(customers.put_found, world.merchant, "", None, name, into=into) == "group"
    assert refusal(customers.put, world.merchant, [], "regulars", into=True) == "nobody"
    assert CustomerGroup.select().count() == 0


def test_all_that_a_search_finds_some_at_a_time(world, monkeypatch):
    """Also those who leave the very group that is searched in."""
    monkeypatch.setattr(customers, "STEP", 3)
    make_customers(world, 10)
    make_customers(world, 10, merchant=world.make_merchant(slug="other"))
    mei = customer(world, "mei@tea.example")
    assert customers.put_found(world.merchant, "shop.example", None, "lotus", into=True) == 0
    assert customers.put_found(world.merchant, "@lotus", None, "crowd", into=True) == 10
    assert "mei@tea.example" not in inside("crowd")
    customers.put(world.merchant, [mei.id], "crowd", into=True)
    assert customers.put_found(world.merchant, "@lotus", "crowd", "crowd", into=False) == 10
    assert inside("crowd") == {"mei@tea.example"}


# The pages


@pytest.fixture
def manager(client, small_world):
    return client.sign_in(small_world.member(role=Role.MANAGER))


def test_nobody_sees_what_an_account_is_called(manager, small_world):
    row = customer(small_world, "known-as@tea.example")
    Account.update(email="private@secret.example").where(Account.id == row.consumer_id).execute()
    for path in (AT, f"{AT}?q=known", f"{AT}?q=private", f"{AT}/{row.id}"):
        assert "private@" not in manager.get(path).text
    assert "known-as@tea.example" in manager.get(AT).text
    assert "Nobody found." in manager.get(f"{AT}?q=private@secret").text


def test_a_page_costs_the_same_with_many_customers(manager, small_world, monkeypatch):
    def queries() -> int:
        asked = []
        execute = type(db.obj).execute_sql
        with monkeypatch.context() as patch:
            patch.setattr(type(db.obj), "execute_sql", lambda *a, **m: asked.append(a[1]) or execute(*a, **m))
            manager.get(AT)
        return len(asked)

    make_customers(small_world, 1, group="regulars")
    few = queries()
    make_customers(small_world, 200, group="regulars")
    assert 0 < queries() == few


def boxes(page: Page, *, ticked: bool) -> list[str]:
    """The ids of the customers in the list, or of all who are selected, in the list or not."""
    rows = page.all("input", name="customer")
    return [
        row["value"]
        for row in rows
        if not ticked and row["type"] == "checkbox" or ticked and ("checked" in row or row["type"] == "hidden")
    ]


def press(manager: PageClient, page: Page, do: str, **more) -> Page:
    """A button of the form that only looks, with what the form has, and what the person changed."""
    names = ("q", "shown_q", "shown_among", "after")
    fields = {name: box["value"] for name in names for box in page.all("input", name=name)}
    after = [box["value"] for box in page.all("input", name="next") if box["value"].isdigit()]
    sent = {**fields, "next": after, "among": "", "customer": boxes(page, ticked=True), "do": do, **more}
    return manager.post(AT, sent, status=200)


def test_what_is_ticked_stays_over_pages_and_searches_and_can_be_cleared(manager, small_world):
    rows = make_customers(small_world, 120)
    page = manager.get(AT)
    seen, chosen = boxes(page, ticked=False), [str(rows[119].id), str(rows[80].id)]
    page = press(manager, page, "more", customer=chosen)
    assert sorted(boxes(page, ticked=True)) == sorted(chosen), "both are on the page before"
    assert "2 of those selected are not in this list." in page.text
    seen += boxes(page, ticked=False)
    chosen.append(str(rows[50].id))
    page = press(manager, page, "more", customer=chosen)
    seen += boxes(page, ticked=False)
    assert seen == [str(row.id) for row in rows[::-1]], "pages follow each other without a gap"
    page = press(manager, page, "search", q=rows[80].address)
    assert boxes(page, ticked=False) == [str(rows[80].id)]
    assert (sorted(boxes(page, ticked=True)), "2 of those selected are" in page.text) == (sorted(chosen), True)
    page = press(manager, page, "selected")
    assert sorted(boxes(page, ticked=False)) == sorted(boxes(page, ticked=True)) == sorted(chosen)
    page = press(manager, page, "first", customer=chosen[:2])
    assert boxes(page, ticked=False) == [str(rows[80].id)], "back to what was searched"
    assert sorted(boxes(page, ticked=True)) == sorted(chosen[:2]), "one was unticked in the list of the selected"
    manager.post(AT, {"customer": boxes(page, ticked=True), "name": "tea", "do": "in"})
    assert inside("tea") == {rows[119].address, rows[80].address}
    page = press(manager, page, "clear")
    assert boxes(page, ticked=True) == []
    assert boxes(page, ticked=False) == [str(rows[80].id)], "the search stays"


def test_paging_keeps_search_and_group(manager, small_world):
    make_customers(small_world, 120, group="regulars")
    make_customers(small_world, 20)
    page, seen = manager.get(f"{AT}?q=lotus&among=regulars"), []
    while True:
        seen += boxes(page, ticked=False)
        if not page.all("button", value="more"):
            break
        page = press(manager, page, "more")
        assert page.all("input", name="q", value="lotus")
    assert (len(seen), len(set(seen))) == (120, 120)


def test_who_is_ticked_is_in_no_address(manager, small_world):
    rows = make_customers(small_world, 60)
    page = press(manager, manager.get(AT), "more", customer=[rows[59].id])
    assert not [link["href"] for link in page.all("a") if "customer=" in link["href"] or "after=" in link["href"]]
    assert {form.get("method", "get") for form in page.all("form")} == {"post"}


def test_only_ones_own_customers_are_kept(manager, small_world):
    theirs = make_customers(small_world, 2, merchant=small_world.make_merchant(slug="other"))
    make_customers(small_world, 1)
    page = press(manager, manager.get(AT), "search", customer=[row.id for row in theirs], q="lotus")
    assert boxes(page, ticked=True) == []
    assert "selected" not in page.text.replace("Show the selected", "")


def test_more_than_a_thousand_are_refused_in_words_and_none_is_lost(manager, small_world):
    rows = make_customers(small_world, 1001)
    sent = {"customer": [row.id for row in rows], "name": "tea", "do": "in"}
    page = manager.post(AT, sent, status=422)
    assert "More than 1,000 are selected." in page.text
    assert (len(boxes(page, ticked=True)), inside("tea")) == (1001, set())
    manager.post(AT, sent | {"customer": [row.id for row in rows[1:]]})
    assert len(inside("tea")) == 1000


def test_everybody_are_those_of_the_list_on_the_screen(manager, small_world):
    """Not of what stands in the field by now, and was not searched yet."""
    rows = make_customers(small_world, 5)
    page = press(manager, manager.get(AT), "search", q=rows[3].address)
    sent = {row["name"]: row["value"] for row in page.all("input", type="hidden") if row["name"].startswith("shown")}
    manager.post(AT, {**sent, "q": "", "everybody": "y", "name": "tea", "do": "in"})
    assert inside("tea") == {rows[3].address}


def test_a_search_without_a_page_is_a_part_of_it(manager, small_world):
    rows = make_customers(small_world, 60)
    part = manager.post(
        AT, {"do": "more", "next": rows[10].id, "customer": rows[30].id}, status=200, headers={"HX-Request": "true"}
    )
    assert "<html" not in part.html
    assert boxes(part, ticked=True) == [str(rows[30].id)]
    assert boxes(part, ticked=False) == [str(row.id) for row in rows[9::-1]]


def test_ticking_leads_back_to_the_same_page(manager, small_world):
    rows = make_customers(small_world, 60)
    after = rows[10].id
    sent = {"customer": [rows[3].id, rows[4].id], "name": "常客", "q": "lotus", "among": "", "after": after, "do": "in"}
    answer = manager.post(AT, sent)
    assert answer.location == f"{AT}?q=lotus&after={after}"
    assert inside("常客") == {rows[3].address, rows[4].address}
    assert manager.get(answer.location).text.count("常客") == 4, "two chips, and the name in two lists to choose from"
    manager.post(AT, {"everybody": "y", "q": rows[3].address, "group": "常客", "do": "out"})
    assert inside("常客") == {rows[4].address}


def test_what_is_missing_is_said_and_ticks_are_kept(manager, small_world):
    row = customer(small_world, "mei@tea.example", "regulars")
    page = manager.post(AT, {"customer": row.id, "name": "x" * 101, "do": "in"}, status=422)
    name = page.all("input", id="name")[0]
    assert (name["aria-invalid"], name["value"]) == ("true", "x" * 101)
    assert "checked" in page.all("input", name="customer")[0]
    assert "Nobody is ticked yet" in manager.post(AT, {"group": "regulars", "do": "in"}, status=422).text
    page = manager.post(f"{AT}/{row.id}", {"name": "", "do": "in"}, status=422)
    assert "Enter a group's name" in page.text


def test_a_customers_page(manager, small_world):
    holder = small_world.account()
    voucher = small_world.voucher(campaign=small_world.campaign(product="Tea", uses_per_voucher=3), holder=holder)
    verdict = small_world.attempt(voucher, branch="main")
    other = small_world.make_merchant(slug="other")
    small_world.voucher(campaign=small_world.campaign(product="Not ours", merchant=other), holder=holder)
    row = Customer.get((Customer.consumer == holder) & (Customer.merchant == small_world.merchant))
    page = manager.get(f"{AT}/{row.id}")
    for text in (
        "Tea",
        "Partly used",
        "2 of 3 uses left",
        f"No. {verdict.receipt['number']}",
        verdict.receipt["words"],
        "Dec 1, 2026",
    ):
        assert text in page.text
    assert "Not ours" not in page.text
    assert manager.post(f"{AT}/{row.id}", {"name": "regulars", "do": "in"}).location == f"{AT}/{row.id}"
    assert "regulars" in manager.get(f"{AT}/{row.id}").text
    manager.post(f"{AT}/{row.id}", {"group": "regulars", "do": "out"})
    assert inside("regulars") == set()


def test_a_customer_is_separated_on_their_page(manager, small_world):
    row = customer(small_world, LIN, "regulars")
    page = manager.get(f"{AT}/{row.id}")
    (form,) = page.all("form", action=f"{AT}/{row.id}/separate")
    for _ in range(2):
        assert manager.post(form["action"]).location == AT
    assert LIN not in manager.get(AT).text
    manager.get(f"{AT}/{row.id}", status=404)
    theirs = customer(small_world, MEI, merchant=small_world.make_merchant(slug="other"))
    manager.post(f"{AT}/{theirs.id}/separate", status=404)
    assert Customer.get_by_id(theirs.id).address == MEI


def test_a_deleted_customer_has_no_page(manager, small_world):
    manager.get(f"{AT}/{customer(small_world, '').id}", status=404)
    for number in (0, 2**63, 10**40):
        manager.get(f"{AT}/{number}", status=404)


@pytest.mark.parametrize(
    "query",
    [
        "?q=%00",
        "?q=%ED%A0%80",
        "?q=" + "x" * 3000,
        "?among=%00",
        "?after=-1",
        "?after=" + "9" * 60,
        "?after=%C2%B2",
        "?q=%25&among=%27",
        "?customer=" + "9" * 19,
    ],
)
def test_the_search_bears_anything(world, database, clock, query):
    app = create_app(database, clock=clock)
    manager = PageClient(app).sign_in(world.member(role=Role.MANAGER))
    customer(world, "mei@tea.example")
    manager.get(AT + query)
    manager.post(AT + query, {"customer": ["\0", "9" * 30, "1"], "q": "\0", "among": "\0", "name": "\0"}, status=422)
    manager.post(AT + query, {"customer": ["9" * 18], "after": "\0", "name": "regulars", "do": "\0"})
