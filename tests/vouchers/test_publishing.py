"""Publishing: whom it reaches, that it may be repeated and broken off anywhere, and that the password goes nowhere."""

from collections import Counter

import pytest

from models import (
    Account,
    Audience,
    Campaign,
    Claim,
    Customer,
    Publication,
    PublicationPart,
    Redemption,
    Voucher,
)
from quanbao.campaigns import editing, figures
from quanbao.people import accounts, personal_data
from quanbao.vouchers import issuing, publications
from tests.support.crowds import at_once, counts, finish, holders, linked, make_customers, of, publish, put, start, step
from tests.support.factories import PASSWORD

ALL, GROUPS, CUSTOMERS, ADDRESSES = Audience
STRANGERS = [f"stranger{n}@example.org" for n in range(7)]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Three entries a transaction, so that few people make many steps."""
    monkeypatch.setattr(publications, "STEP", 3)


@pytest.fixture
def other(world):
    """Another merchant, with customers in groups of the same names."""
    merchant = world.make_merchant(slug="other")
    make_customers(world, 4, merchant=merchant, group="regulars")
    return merchant


def test_to_all_customers(world, other):
    people, campaign = make_customers(world, 8), world.campaign()
    assert counts(publish(world, campaign, ALL)) == (8, 0, 8, 8)
    assert holders(campaign) == of(people)


def test_to_groups_each_customer_once(world, other):
    people, campaign = make_customers(world, 8), world.campaign()
    put(people[:5], "regulars")
    put(people[3:6], "常客")
    put(people[7:], "staff")
    assert counts(publish(world, campaign, GROUPS, ["regulars", "常客", "nobody's"])) == (6, 0, 6, 6)
    assert holders(campaign) == of(people[:6])


def test_to_customers_who_were_picked_and_nobody_elses(world, other):
    people, campaign = make_customers(world, 8), world.campaign()
    theirs = Customer.get(Customer.merchant == other)
    entries = [people[6].id, theirs.id, people[1].id, 0, 2**63 - 1, people[2].id, people[6].id]
    assert counts(publish(world, campaign, CUSTOMERS, entries)) == (3, 0, 3, 3)
    assert holders(campaign) == of([people[1], people[2], people[6]])


def test_customers_of_another_merchant_or_who_are_gone_are_nobody(world, other):
    [gone] = make_customers(world, 1)
    Customer.update(address="").where(Customer.id == gone.id).execute()
    theirs = [row.id for row in Customer.select().where(Customer.merchant == other)]
    with pytest.raises(publications.Refused, match="nobody"):
        start(world, world.campaign(), CUSTOMERS, [*theirs, gone.id, 12345])


def test_to_addresses_customers_get_it_and_others_a_link(world, other):
    people, campaign = make_customers(world, 4), world.campaign()
    theirs = Customer.get(Customer.merchant == other)
    hidden = Account.get_by_id(people[3].consumer_id).email  # the merchant knows this customer by another address
    entries = [*STRANGERS, people[0].address, theirs.address, hidden, people[2].address, world.mei.email]
    assert counts(publish(world, campaign, ADDRESSES, entries)) == (2, 10, 12, 12)
    assert holders(campaign) == of([people[0], people[2]])
    assert set(linked(campaign)) == {*STRANGERS, theirs.address, hidden, world.mei.email}


@pytest.mark.parametrize("audience", Audience)
def test_to_publish_again_gives_nothing_again(world, audience):
    people, campaign = make_customers(world, 5, group="regulars"), world.campaign(published_at=None)
    entries = {
        ALL: [],
        GROUPS: ["regulars"],
        CUSTOMERS: [row.id for row in people],
        ADDRESSES: [row.address for row in people] + STRANGERS,
    }[audience]
    links = len(STRANGERS) if audience == ADDRESSES else 0
    assert counts(publish(world, campaign, audience, entries)) == (5, links, 5 + links, 5 + links)
    world.clock.forward(hours=1)
    assert counts(publish(world, campaign, audience, entries)) == (0, 0, 5 + links, 5 + links)
    newcomer = make_customers(world, 1)
    assert counts(publish(world, campaign, ALL)) == (1, 0, 6, 6)
    row = Campaign.get_by_id(campaign.id)
    assert (holders(campaign), row.issued) == (of(people + newcomer), 6)
    assert (row.published_at, row.version) == (people[0].first_seen_at, 2), "published once"
    assert set(linked(campaign).values()) <= {1}


def test_who_holds_one_already_gets_no_second(world):
    campaign, [customer] = world.campaign(), make_customers(world, 1)
    for _ in range(2):  # loaded ones may be several
        world.voucher(campaign=campaign, holder=Account.get_by_id(customer.consumer_id))
    assert counts(publish(world, campaign, ALL)) == (0, 0, 1, 1)
    assert holders(campaign) == {customer.consumer_id: 2}


@pytest.mark.parametrize(("audience", "entries"), [(ALL, []), (GROUPS, ["regulars"])])
def test_customers_of_later_are_not_in_it(world, audience, entries):
    campaign, people = world.campaign(), make_customers(world, 5, group="regulars")
    publication = start(world, campaign, audience, entries)
    assert step(world, publication)
    make_customers(world, 5, group="regulars")
    finish(world, publication)
    assert holders(campaign) == of(people)


@pytest.mark.parametrize("audience", Audience)
def test_who_deleted_the_account_is_not_in_it(world, audience):
    campaign, people = world.campaign(), make_customers(world, 7, group="regulars")
    entries = {
        ALL: [],
        GROUPS: ["regulars"],
        CUSTOMERS: [row.id for row in people],
        ADDRESSES: [row.address for row in people],
    }[audience]
    Customer.update(address="").where(Customer.id == people[0].id).execute()
    publication = start(world, campaign, audience, entries)
    step(world, publication)
    Customer.update(address="").where(Customer.id == people[6].id).execute()
    finish(world, publication)
    assert holders(campaign) == of(people[1:6])


def test_who_joins_a_group_meanwhile_takes_nobodys_place(world):
    campaign, people = world.campaign(), make_customers(world, 9)
    put([*people[:3], people[8]], "regulars")
    publication = start(world, campaign, GROUPS, ["regulars"])
    assert step(world, publication)
    put(people[3:8], "regulars")
    finish(world, publication)
    assert holders(campaign) == of(people)
    assert counts(publication) == (9, 0, 9, 9)


@pytest.mark.parametrize(("audience", "entries"), [(ALL, []), (GROUPS, ["regulars"])])
def test_it_ends_when_nobody_is_left_though_fewer_came(world, audience, entries):
    campaign, people = world.campaign(), make_customers(world, 7, group="regulars")
    publication = start(world, campaign, audience, entries)
    step(world, publication)
    Customer.update(address="").where(Customer.id.in_([row.id for row in people[4:]])).execute()
    row = finish(world, publication)
    assert (counts(row), row.is_stopped) == ((4, 0, 4, 4), False)


def test_who_deletes_the_account_meanwhile_gets_no_link_for_it(world):
    """Nor does the address come to mean whoever takes it next; it may be typed again by who knows of it."""
    campaign, people = world.campaign(), make_customers(world, 6)
    addresses = [row.address for row in people]
    publication = start(world, campaign, ADDRESSES, [*addresses, *STRANGERS])
    step(world, publication)
    token = accounts.start_session(people[5].consumer, world.clock())
    personal_data.delete(Account.get_by_id(people[5].consumer_id), token, world.clock())
    assert counts(finish(world, publication)) == (5, 7, 12, 12)
    assert (holders(campaign), linked(campaign)) == (of(people[:5]), Counter(STRANGERS))
    assert Customer.get_by_id(people[5].id).address == ""
    publish(world, campaign, ADDRESSES, [addresses[5]])
    assert linked(campaign)[addresses[5]] == 1


def test_an_address_that_becomes_a_customers_meanwhile_gets_the_voucher(world):
    campaign = world.campaign()
    publication = start(world, campaign, ADDRESSES, STRANGERS)
    step(world, publication)
    [late] = make_customers(world, 1)
    Customer.update(address=STRANGERS[6]).where(Customer.id == late.id).execute()
    assert counts(finish(world, publication)) == (1, 6, 7, 7)
    assert holders(campaign) == of([late])


def test_to_end_the_campaign_stops_it(world):
    campaign = world.campaign()
    publication = start(world, campaign, ADDRESSES, STRANGERS)
    step(world, publication)
    editing.end(campaign, world.clock())
    assert not step(world, publication)
    row = Publication.get_by_id(publication.id)
    assert (counts(row), row.finished_at, row.is_stopped) == ((0, 3, 3, 7), world.clock(), True)
    assert PublicationPart.select().count() == 0, "no address is kept that nobody needs"
    assert not step(world, publication), "and it stays so"
    assert set(linked(campaign)) == set(STRANGERS[:3])


def test_nothing_is_issued_after_the_period(world):
    campaign = world.campaign()
    make_customers(world, 7)
    publication = start(world, campaign, ALL)
    step(world, publication)
    world.clock.set("2027-01-01T00:00:00+08:00")
    finish(world, publication)
    assert counts(publication) == (3, 0, 3, 7)


@pytest.mark.parametrize(
    ("columns", "audience", "entries", "code"),
    [
        ({"ended_at": "now"}, ALL, [], "ended"),
        ({"ends_at": "now"}, ALL, [], "over"),
        ({}, GROUPS, [], "nobody"),
        ({}, GROUPS, ["no such group"], "nobody"),
        ({}, CUSTOMERS, [], "nobody"),
        ({}, ADDRESSES, [], "nobody"),
        ({"slug": "of-another"}, ALL, [], "nobody"),
    ],
)
def test_what_cannot_be_published_is_refused_and_leaves_nothing(world, columns, audience, entries, code):
    make_customers(world, 1)
    if "slug" in columns:
        columns = {"merchant": world.make_merchant(slug="empty")}
    columns = {name: world.clock() if value == "now" else value for name, value in columns.items()}
    campaign = world.campaign(published_at=None, **columns)
    with pytest.raises(publications.Refused) as caught:
        start(world, campaign, audience, entries)
    assert caught.value.code == code
    assert (Publication.select().count(), PublicationPart.select().count()) == (0, 0)
    assert Campaign.get_by_id(campaign.id).published_at is None, "still a draft"


def test_the_password_goes_nowhere(world):
    people, campaign = make_customers(world, 4), world.campaign()
    publish(world, campaign, ADDRESSES, [*STRANGERS, people[0].address], failures=[("typed", 1, "nobody", "missing")])
    start(world, campaign, ADDRESSES, STRANGERS)
    rows = [row for model in (Publication, PublicationPart, Claim, Voucher) for row in model.select().tuples()]
    assert len(rows) == 2 + 3 + 7 + 1
    sealed = bytes(world.password.sealed)
    assert PASSWORD not in repr(rows)
    assert not any(sealed in bytes(cell) for row in rows for cell in row if isinstance(cell, bytes | memoryview))


# Broken off, and at the same time as others


@pytest.mark.parametrize("place", [(issuing, "issue_once"), (publications, "link"), (Publication, "save")])
def test_a_crash_inside_a_step_undoes_all_of_it_and_the_next_loses_nothing(world, monkeypatch, place):
    people, campaign = make_customers(world, 5), world.campaign()
    entries = [address for pair in zip([row.address for row in people], STRANGERS, strict=False) for address in pair]
    publication = start(world, campaign, ADDRESSES, entries)
    step(world, publication)
    before = counts(publication), holders(campaign), linked(campaign), PublicationPart.select().count()
    where, name = place
    whole = getattr(where, name)

    def breaks(*arguments, **more):
        whole(*arguments, **more)
        raise RuntimeError("the machine went away")

    with monkeypatch.context() as broken:
        broken.setattr(where, name, breaks)
        with pytest.raises(RuntimeError):
            step(world, publication)
    assert before == (counts(publication), holders(campaign), linked(campaign), PublicationPart.select().count())
    assert list(figures.differences()) == []
    assert counts(finish(world, publication)) == (5, 5, 10, 10)
    assert (holders(campaign), linked(campaign)) == (of(people), Counter(STRANGERS[:5]))


@pytest.mark.race
@pytest.mark.parametrize("audience", Audience)
def test_workers_at_once_do_nothing_twice(world, audience):
    people, campaign = make_customers(world, 40, group="regulars"), world.campaign()
    strangers = [f"s{n}@example.org" for n in range(40)]
    entries = {
        ALL: [],
        GROUPS: ["regulars"],
        CUSTOMERS: [row.id for row in people],
        ADDRESSES: [row.address for row in people] + strangers,
    }[audience]
    publication = start(world, campaign, audience, entries)

    def work() -> None:
        while publications.waiting():
            step(world, publication)

    assert at_once(work, work, work) == [None] * 3
    links = 40 if audience == ADDRESSES else 0
    assert counts(publication) == (40, links, 40 + links, 40 + links)
    assert (holders(campaign), linked(campaign)) == (of(people), Counter(strangers[:links]))
    assert list(figures.differences()) == []


@pytest.mark.race
def test_publications_of_one_campaign_at_once_meet_and_give_each_one(world, monkeypatch):
    """The same people in another order, as two owners do who sort their lists differently."""
    monkeypatch.setattr(publications, "STEP", 1000)
    people, campaign = make_customers(world, 300), world.campaign()
    entries = [row.address for row in people] + [f"s{n}@example.org" for n in range(700)]
    made = [start(world, campaign, ADDRESSES, some) for some in (entries, entries[::-1], sorted(entries))]
    assert at_once(*[lambda one=one: finish(world, one) and None for one in made]) == [None] * 3
    sums = [sum(column) for column in zip(*map(counts, made), strict=True)]
    assert sums == [300, 700, 3000, 3000]
    assert (holders(campaign), set(linked(campaign).values())) == (of(people), {1})
    assert list(figures.differences()) == []


@pytest.mark.race
def test_tills_go_on_meanwhile(world, monkeypatch):
    monkeypatch.setattr(publications, "STEP", 100)
    campaign = world.campaign()
    held = [world.voucher(campaign=campaign, holder=world.account()) for _ in range(10)]
    people = make_customers(world, 1500)
    publication = start(world, campaign, ALL)
    *verdicts, done = at_once(
        *[lambda some=held[n::2]: [world.attempt(voucher).reason for voucher in some] for n in range(2)],
        lambda: finish(world, publication).issued,
    )
    assert verdicts == [[None] * 5] * 2
    assert (done, Redemption.select().count(), counts(publication)) == (1500, 10, (1500, 0, 1510, 1510))
    assert holders(campaign) == of(people) + Counter(voucher.consumer_id for voucher in held)
    assert list(figures.differences()) == []
