"""Customers: found by what the merchant calls them, put into groups, and nobody else's."""

import pytest

from database import db
from models import Account, Customer, CustomerGroup, Merchant, Role
from quanbao import customers, groups
from quanbao.reasons import Reason
from tests.crowds import make_customers
from tests.factories import World
from tests.pages import PageClient
from web import create_app

AT = "/merchants/lotus/customers"
LIN, MEI, ZOE = "lin_a@x.example", "mei@tea.example", "zoë@tea.example"


def customer(world: World, address: str, *groups: str, merchant: Merchant | None = None) -> Customer:
    row = Customer.create(merchant=merchant or world.merchant, consumer=world.account(), address=address,
                          first_seen_at=world.clock())
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


@pytest.mark.parametrize(("text", "who"), [
    ("", [LIN, MEI, ZOE]), ("mei", [MEI]), ("MEI", [MEI]), ("tea.exa", [MEI, ZOE]), ("@x", [LIN]), ("n_a", [LIN]),
    ("_", [LIN]), ("%", []), ("\\", []), ("ZOË", [ZOE]), ("zoe\u0308", [ZOE]), ("nobody", []), ("'", []),
])
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


def test_paging_on_the_page_keeps_search_and_group(manager, small_world):
    make_customers(small_world, 120, group="regulars")
    seen, path = [], f"{AT}?q=lotus&among=regulars"
    while path:
        page = manager.get(path)
        seen += [box["value"] for box in page.all("input", name="customer")]
        path = next((link["href"] for link in page.all("a") if "after=" in link["href"]), None)
        assert path is None or "q=lotus&among=regulars" in path
    assert (len(seen), len(set(seen))) == (120, 120)


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
    for text in ("Tea", "Partly used", "2 of 3 uses left", f"No. {verdict.receipt['number']}", verdict.receipt["words"],
                 "Dec 1, 2026"):
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


@pytest.mark.parametrize("query", [
    "?q=%00", "?q=%ED%A0%80", "?q=" + "x" * 3000, "?among=%00", "?after=-1", "?after=" + "9" * 60, "?after=%C2%B2",
    "?q=%25&among=%27", "?customer=" + "9" * 19,
])
def test_the_search_bears_anything(world, database, clock, query):
    app = create_app(database, clock=clock, sleep=clock.sleep)
    manager = PageClient(app).sign_in(world.member(role=Role.MANAGER))
    customer(world, "mei@tea.example")
    manager.get(AT + query)
    manager.post(AT + query, {"customer": ["\0", "9" * 30, "1"], "q": "\0", "among": "\0", "name": "\0"}, status=422)
    manager.post(AT + query, {"customer": ["9" * 18], "after": "\0", "name": "regulars", "do": "\0"})
