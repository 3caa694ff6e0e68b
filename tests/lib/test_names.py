"""Names that people type: compared as people mean them, kept as they were first spelled."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Audience, Branch, Campaign, CustomerGroup, Merchant, Publication
from quanbao.campaigns import editing, entered_values
from quanbao.lib.names import address, folded, tidy
from quanbao.merchants import branches, customers, groups
from quanbao.operations import bulk_import
from quanbao.people import accounts
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import address_lists, publications
from tests.campaigns.test_editing import make, now
from tests.support.crowds import at_once, make_customers

FIRST = "Stammgäste"
SPELLINGS = [
    "Stammgäste ",
    "stammgäste",
    "STAMMGÄSTE",
    "Ｓｔａｍｍｇäste",
    unicodedata.normalize("NFD", FIRST),
    "Stamm\u200dgäste",
    "\u3000Stammgäste",
]
TWINS = [
    ("High Street", "high  street"),
    ("Café", "Cafe\u0301"),
    ("店１", "店1"),
    ("Main", "Main\u200d"),
    ("Straße", "STRASSE"),
]


@pytest.mark.parametrize(("one", "other"), [*TWINS, *((FIRST, spelling) for spelling in SPELLINGS)])
def test_what_people_take_for_one_name_is_one(one, other):
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("Main", "Main 2"), ("常客", "常客们"), ("a b", "ab"), ("Cafe", "Café")])
def test_what_people_tell_apart_stays_apart(one, other):
    assert folded(one) != folded(other)


@given(st.text())
def test_folding_and_tidying_twice_is_folding_and_tidying_once(name):
    assert folded(folded(name)) == folded(name)
    assert tidy(tidy(name)) == tidy(name)
    assert folded(tidy(name)) == folded(name)


# Groups


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_of_a_group_is_that_group(world, spelling):
    one, other = make_customers(world, 2)
    customers.put(world.merchant, [one.id], FIRST, into=True)
    customers.put(world.merchant, [other.id, one.id], spelling, into=True)
    assert groups.names(world.merchant) == [FIRST]
    assert {row.address for row in customers.find(world.merchant, "", spelling)} == {one.address, other.address}
    assert customers.put(world.merchant, [one.id, other.id], spelling, into=False) == 2
    assert CustomerGroup.select().count() == 0


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_condition_asks_for_the_group_however_it_is_spelled(world, spelling):
    made = make(world, conditions={"groups": [spelling, FIRST]})
    assert now(made).groups == [tidy(spelling)], "the first spelling, once"
    (row,) = make_customers(world, 1)
    customers.put(world.merchant, [row.id], FIRST, into=True)
    assert [group.name for group in row.groups] == [tidy(spelling)]
    campaign = world.campaign(groups=[FIRST])
    voucher = world.voucher(campaign=campaign)
    assert world.attempt(voucher).reason is Reason.GROUP_ONLY
    world.group(spelling)  # written as it is: also what is not merged is judged as it is meant
    assert world.attempt(voucher).redeemed


def test_a_changed_condition_keeps_the_first_spelling(world):
    world.group(FIRST)
    draft = world.campaign(published_at=None)
    entered = entered_values.document(draft) | {"conditions": {"groups": ["stammgäste", "Neue"]}}
    editing.change(draft, entered, now=world.clock(), password_key=world.keys.password)
    assert now(draft).groups == [FIRST, "Neue"]


def test_a_publication_goes_to_the_group_however_it_is_spelled(world):
    rows = make_customers(world, 2)
    customers.put(world.merchant, [rows[0].id], FIRST, into=True)
    publication = publications.start(world.campaign(), Audience.GROUPS, ["STAMMGÄSTE "], now=world.clock())
    assert (publication.total, Publication.get().groups) == (1, [FIRST])


def test_another_merchants_spelling_is_their_own(world):
    other = world.make_merchant(slug="other")
    (row,) = make_customers(world, 1)
    world.campaign(groups=["STAMMGÄSTE"], merchant=other, password=world.make_password(merchant=other))
    customers.put(world.merchant, [row.id], FIRST, into=True)
    assert (groups.names(world.merchant), groups.names(other)) == ([FIRST], ["STAMMGÄSTE"])


@pytest.mark.race
def test_two_spellings_at_once_are_one_group(world):
    rows = make_customers(world, 6)
    at_once(
        *(
            lambda row=row, name=name: customers.put(world.merchant, [row.id], name, into=True)
            for row, name in zip(rows, SPELLINGS, strict=False)
        )
    )
    assert (CustomerGroup.select().count(), len({row.name for row in CustomerGroup.select()})) == (6, 1)


def shop(**more) -> dict:
    return {"slug": "shop", "name": "Shop", "time_zone": "Europe/Berlin", "currency": "EUR"} | more


def load(world, document: dict) -> None:
    bulk_import.load(document, now=world.clock(), password_key=world.keys.password)


def test_load_knows_a_group_by_any_spelling(world):
    campaign = {
        "slug": "c",
        "kind": "gift",
        "product": "Cup",
        "quantity": 1,
        "starts_at": "2026-12-01",
        "ends_at": "2026-12-31",
        "conditions": {"groups": ["STAMMGÄSTE", "stammgäste"]},
    }
    load(
        world,
        {
            "merchants": [shop(campaigns=[campaign])],
            "consumers": [{"email": "a@example.org", "groups": {"shop": ["Stammgäste ", FIRST]}}],
        },
    )
    load(world, {"consumers": [{"email": "b@example.org", "groups": {"shop": ["stammgäste"]}}]})
    assert {row.name for row in CustomerGroup.select()} == {FIRST}
    assert CustomerGroup.select().count() == 2
    assert Campaign.get(Campaign.slug == "c").groups == [FIRST]


# Branches


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_two_branches_of_one_name_are_refused(world, one, other):
    made = branches.open_(world.merchant, one, "")
    river = Branch.get(Branch.slug == "river")
    for act in (lambda: branches.open_(world.merchant, other, ""), lambda: branches.change(river, other, "")):
        with pytest.raises(branches.Refused) as caught:
            act()
        assert (caught.value.field, caught.value.code, caught.value.about) == ("name", "twin", one)
    branches.close(made, world.clock())
    with pytest.raises(branches.Refused, match="closed_twin"):
        branches.open_(world.merchant, other, "")
    branches.change(made, other, ""), branches.open_(world.make_merchant(slug="elsewhere"), one, "")


@pytest.mark.race
def test_of_two_that_open_the_same_branch_at_once_one_does(world):
    answers = at_once(*(lambda name=name: branches.open_(world.merchant, name, "") for name in ("Harbour", "harbour ")))
    assert sorted(isinstance(answer, Branch) for answer in answers) == [False, True]


def test_load_refuses_two_branches_of_one_name(world):
    twins = [{"slug": "a", "name": "Main"}, {"slug": "b", "name": "ＭＡＩＮ"}]
    with pytest.raises(bulk_import.Refused) as caught:
        load(world, {"merchants": [shop(branches=twins)]})
    assert caught.value.faults == ["merchants[0].branches[1].name: ＭＡＩＮ is there twice"]
    assert not Merchant.select().where(Merchant.slug == "shop").exists()


# Addresses


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Mei@Example.ORG\u3000", "mei@example.org"),
        ("\u202amei@example.org\u202c", "mei@example.org"),
        ("\ufeffmei@example.org", "mei@example.org"),
        ("ｍｅｉ＠ｅｘａｍｐｌｅ．ｏｒｇ", "mei@example.org"),
        ("mei@example。org", "mei@example.org"),
        ("mei@xn--mnchen-3ya.example", "mei@münchen.example"),
        ("Mei@MÜNCHEN.example", "mei@münchen.example"),
        ("mei@mu\u0308nchen.example", "mei@münchen.example"),
        ("mei@xn--fiqs8s", "mei@中国"),
        ("mei@straße.example", "mei@straße.example"),
        ("mei@xn--strae-oqa.example", "mei@straße.example"),
        ("mei@strasse.example", "mei@strasse.example"),
        ("mei@xn--a.example", "mei@xn--a.example"),
        ("mei@xn--\u00fc.example", "mei@xn--\u00fc.example"),
    ],
)
def test_an_address_is_kept_as_it_is_meant(typed, kept):
    assert accounts.email_address(typed) == kept
    assert address(kept) == kept
    assert list(address_lists.typed(typed.strip("\u202a\u202c\ufeff")).addresses) == [kept]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_folding_an_address_twice_is_folding_it_once(text):
    assert address(address(text)) == address(text)


def test_a_long_label_takes_no_time():
    assert address(f"a@xn--{'a' * 100_000}") == f"a@xn--{'a' * 100_000}"
