"""An older form undoes no newer save, whatever is edited: the rule of each act, on both engines; and races."""

import pytest

from models import Branch, Campaign, Event, Member, News, Role
from quanbao.campaigns import editing, entered_values
from quanbao.lib import merging
from quanbao.merchants import branches, customers, members
from quanbao.messages.push import subscriptions
from quanbao.passwords import redemption_passwords
from quanbao.people import accounts
from tests.campaigns.test_editing import make, now
from tests.support.crowds import at_once, make_customers

NEW, OTHER = "750264", "918273"


def save(world, campaign, shown, **changes) -> None:
    """What a form sends that was filled with `shown`."""
    sent = entered_values.nested(entered_values.document(campaign), shown) | changes
    editing.change(campaign, sent, now=world.clock(), password_key=world.keys.password, shown=shown)


def conflict(act, *what, **how) -> dict:
    with pytest.raises(merging.Conflict) as caught:
        act(*what, **how)
    return caught.value.there


# Campaigns


def test_who_changes_the_terms_alone_undoes_no_price(world):
    """The owner's story: B saves 25, and A, whose form is older, another text."""
    campaign = world.campaign()
    form = entered_values.values_of(campaign)
    save(world, campaign, form, offer_price=2500)
    save(world, campaign, form, terms="One a day")
    after = now(campaign)
    assert (after.offer_price, after.terms, after.version) == (2500, "One a day", 3)
    assert {row.event: row.about for row in News.select()} == {Event.PRICE_CHANGED: 1, Event.TERMS_CHANGED: 2}


def test_control_without_what_was_shown_the_older_form_undoes_the_newer_save(world):
    campaign = world.campaign()
    older = entered_values.document(campaign) | {"terms": "One a day"}
    save(world, campaign, entered_values.values_of(campaign), offer_price=2500)
    editing.change(campaign, older, now=world.clock(), password_key=world.keys.password)
    assert now(campaign).offer_price == 1800


@pytest.mark.parametrize("published", [True, False])
def test_both_changed_the_price_and_nothing_is_saved_before_the_second_decides(world, published):
    campaign = world.campaign(published_at=world.clock() if published else None)
    form = entered_values.values_of(campaign)
    save(world, campaign, form, offer_price=2500)
    assert conflict(save, world, campaign, form, offer_price=1600, terms="One a day") == {"offer_price": 2500}
    assert (now(campaign).offer_price, now(campaign).terms, now(campaign).version) == (2500, "", 2)
    save(world, campaign, entered_values.values_of(now(campaign)), offer_price=1600)
    assert now(campaign).offer_price == 1600
    save(world, campaign, form, offer_price=1600)  # the same twice is no conflict


def test_every_field_of_a_draft_is_merged(world):
    changes = {
        "product": "Tea",
        "picture": "",
        "original_price": 4000,
        "offer_price": 900,
        "quantity": 7,
        "place": "here",
        "starts_at": "2026-11-01",
        "ends_at": "2027-02-01",
        "uses_per_voucher": 2,
        "terms": "x",
        "rollback_gives_back": False,
    }
    inside = {
        "per_consumer": 5,
        "new_customers_only": True,
        "groups": ["a"],
        "minimum_spend": 5,
        "weekdays": [1],
        "hours": [["10:00", "11:00"]],
        "branches": ["river"],
    }
    draft = world.campaign(published_at=None, picture="")
    form, conditions = entered_values.values_of(draft), entered_values.document(draft)["conditions"]
    for name, value in changes.items():
        save(world, draft, form, **{name: value})
    for name, value in inside.items():
        save(world, draft, form, conditions=conditions | {name: value})
    after = entered_values.flat(entered_values.document(now(draft)))
    assert {name: after[name] for name in changes | inside} == changes | inside


def test_a_password_that_another_chose_is_not_replaced_unseen(world):
    draft = make(world)
    form = entered_values.values_of(draft)
    save(world, draft, form, redemption_password=NEW)
    assert conflict(save, world, draft, form, redemption_password=OTHER).keys() == {"password"}
    save(world, draft, form, terms="x")
    assert redemption_passwords.reveal(now(draft).password, world.keys.password) == NEW
    assert not {NEW, OTHER} & set(str(entered_values.values_of(now(draft))).split("'")), (
        "no digits are among what is shown"
    )


def test_what_was_typed_into_a_draft_is_not_dropped_in_silence_where_it_was_published_meanwhile(world):
    draft = world.campaign(published_at=None)
    form = entered_values.values_of(draft)
    Campaign.update(published_at=world.clock()).execute()
    assert conflict(save, world, draft, form, product="Water", terms="x") == {"product": draft.product}
    assert (now(draft).product, now(draft).terms) == (draft.product, "")
    save(world, draft, form, terms="x")
    assert now(draft).terms == "x"


def test_prices_that_were_typed_for_a_discount_ask_about_the_kind(world):
    draft = world.campaign(published_at=None)
    form = entered_values.values_of(draft)
    save(world, draft, form, kind="gift", original_price=None, offer_price=None)
    found = conflict(save, world, draft, form, offer_price=900)
    assert found == {"offer_price": None, "kind": "gift"}


def test_two_changes_that_each_were_right_are_judged_together(world):
    campaign = world.campaign()
    form = entered_values.values_of(campaign)
    save(world, campaign, form, original_price=2000)
    with pytest.raises(editing.Refused) as caught:
        save(world, campaign, form, offer_price=2500)
    assert set(caught.value.faults) == {"offer_price"}


# What else is edited


def test_a_branchs_name_and_address(world):
    row = Branch.get(Branch.slug == "main")
    form = branches.values_of(row)
    branches.change(row, "High Street", form["address"], shown=form)
    branches.change(row, form["name"], "3 Quay", shown=form)
    assert branches.values_of(Branch.get_by_id(row.id)) == {"name": "High Street", "address": "3 Quay"}
    assert conflict(branches.change, row, "Low Street", "", shown=form).keys() == {"name", "address"}
    assert conflict(branches.change, row, "Low Street", "3 Quay", shown={}) == {"name": "High Street"}


def test_a_members_role_and_branches(world):
    world.member(role=Role.OWNER)
    member, _ = members.invite(world.merchant, "till@example.org", "cashier", ["main"], world.clock())
    form = members.values_of(member)
    members.change(member, "cashier", ["river"], shown=form)
    members.change(member, "manager", form["branches"], shown=form)
    assert members.values_of(Member.get_by_id(member.id))["role"] == "manager"
    members.change(member, "cashier", ["river"], shown=members.values_of(Member.get_by_id(member.id)))
    there = {"branches": ["river"]}
    assert conflict(members.change, member, "cashier", ["main", "river"], shown=form) == there
    assert conflict(members.change, member, "cashier", ["main"], shown={}) == there


def test_a_redemption_password_is_replaced_by_who_saw_it(world):
    campaign, key = world.campaign(), world.keys.password
    form = redemption_passwords.mark(campaign.password)
    redemption_passwords.change(campaign, NEW, key=key, now=world.clock(), replacing=form)
    for typed in (OTHER, None):
        conflict(redemption_passwords.change, campaign, typed, key=key, now=world.clock(), replacing=form)
    assert not redemption_passwords.change(campaign, NEW, key=key, now=world.clock(), replacing=form), "the same digits"
    assert redemption_passwords.reveal(now(campaign).password, key) == NEW


def test_the_address_of_an_account_in_two_tabs(world):
    token = accounts.start_session(world.mei, world.clock())
    mine = accounts.change_email(world.mei, "a@example.org", token, shown=world.mei.email)
    person = type(world.mei).get_by_id(world.mei.id)
    assert conflict(accounts.change_email, person, "b@example.org", mine, shown=world.mei.email) == {
        "email": "a@example.org"
    }
    accounts.change_email(person, "b@example.org", mine, shown="a@example.org")


def test_choices_of_what_one_is_told_in_two_tabs(world):
    form = subscriptions.heard(world.mei)
    subscriptions.listen(world.mei, form - {"ended"}, shown=form)
    world.voucher()  # meanwhile a shop is there that the older page does not have
    subscriptions.listen(world.mei, form - {"redeemed"}, shown=form)
    assert subscriptions.mutes(world.mei) == {"ended", "redeemed"}


def test_groups_are_acts_of_their_own_and_undo_none(world):
    (row,) = make_customers(world, 1)
    customers.put(world.merchant, [row.id], "regulars", into=True)
    customers.put(world.merchant, [row.id], "tea", into=True)
    customers.put(world.merchant, [row.id], "regulars", into=False)
    assert [group.name for group in row.groups] == ["tea"]


# At once


@pytest.mark.race
@pytest.mark.parametrize("merging_is_on", [True, False], ids=["merged", "control"])
def test_forms_that_are_saved_at_once_each_keep_what_they_changed(world, merging_is_on):
    """The control saves without what was shown: then all but one are lost."""
    changes = {
        "terms": "x",
        "offer_price": 2500,
        "original_price": 4000,
        "ends_at": "2027-01-31",
        "rollback_gives_back": False,
    }
    campaign = world.campaign()
    form, before = entered_values.values_of(campaign), entered_values.document(campaign)

    def act(name):
        return lambda: editing.change(
            Campaign.get_by_id(campaign.id),
            before | {name: changes[name]},
            now=world.clock(),
            password_key=world.keys.password,
            shown=form if merging_is_on else None,
        )

    assert at_once(*map(act, changes)) == [None] * len(changes)
    after = entered_values.document(now(campaign))
    lost = [name for name, value in changes.items() if after[name] != value]
    assert len(lost) == (0 if merging_is_on else len(changes) - 1)


@pytest.mark.race
def test_of_several_prices_that_are_saved_at_once_one_is_saved_and_the_others_are_told(world):
    campaign = world.campaign()
    form = entered_values.values_of(campaign)
    acts = [
        lambda price=price: save(world, Campaign.get_by_id(campaign.id), form, offer_price=price)
        for price in (2100, 2200, 2300, 2400)
    ]
    ended = at_once(*acts)
    assert sorted(error is None for error in ended) == [False, False, False, True]
    assert {error.there["offer_price"] for error in ended if error} == {now(campaign).offer_price}
