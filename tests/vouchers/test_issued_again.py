"""What was taken back may be issued again: by a publication that was made afterwards, and by that alone."""

import time

import pytest

from database import db
from models import Account, Audience, Campaign, Claim, Customer, Redemption, Voucher
from quanbao.campaigns import figures
from quanbao.lib import pace
from quanbao.merchants import customers
from quanbao.redemption import revocations
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import claims, issuing, publications
from quanbao.vouchers.claims import Spent, TakenBack
from tests.redemption.test_rollbacks import member
from tests.support.crowds import (
    at_once,
    counts,
    finish,
    holders,
    link_to,
    make_customers,
    of,
    publish,
    put,
    start,
    step,
)
from tests.vouchers.test_claims import LIN, MEI, use

ALL, GROUPS, CUSTOMERS, ADDRESSES = Audience


@pytest.fixture
def owner(world):
    return member(world)


def revoke(world, owner, customer: Customer, campaign: Campaign) -> None:
    """Revoke all that the customer holds of the campaign."""
    mine = (Voucher.consumer == customer.consumer_id) & (Voucher.campaign == campaign)
    for voucher in list(Voucher.select().where(mine)):
        revocations.revoke(voucher, owner, "by_mistake", "", world.clock())


def good(campaign: Campaign) -> dict[int, int]:
    """How many vouchers that were not revoked each account holds."""
    return dict(holders_of(campaign, Voucher.revoked_at.is_null()))


def holders_of(campaign: Campaign, which) -> list:
    rows = Voucher.select(Voucher.consumer).where((Voucher.campaign == campaign) & which).tuples()
    found = [consumer for (consumer,) in rows]
    return [(consumer, found.count(consumer)) for consumer in set(found)]


@pytest.mark.parametrize("audience", Audience)
def test_who_had_it_revoked_gets_another_one_once(world, owner, audience):
    people, campaign = make_customers(world, 5, group="regulars"), world.campaign()
    entries = {
        ALL: [],
        GROUPS: ["regulars"],
        CUSTOMERS: [row.id for row in people],
        ADDRESSES: [row.address for row in people],
    }[audience]
    publish(world, campaign, audience, entries)
    revoke(world, owner, people[2], campaign)
    assert counts(publish(world, campaign, audience, entries)) == (1, 0, 5, 5)
    assert counts(publish(world, campaign, audience, entries)) == (0, 0, 5, 5), "nothing twice"
    assert good(campaign) == of(people)
    assert holders(campaign)[people[2].consumer_id] == 2
    assert Campaign.get_by_id(campaign.id).issued == 6
    revoke(world, owner, people[2], campaign)
    assert counts(publish(world, campaign, audience, entries)) == (1, 0, 5, 5), "as often as it is taken back"


def test_one_of_several_revoked_leaves_a_holder_with_what_they_hold(world, owner):
    campaign, [customer] = world.campaign(), make_customers(world, 1)
    first, _ = (world.voucher(campaign=campaign, holder=Account.get_by_id(customer.consumer_id)) for _ in range(2))
    revocations.revoke(first, owner, "by_mistake", "", world.clock())
    assert counts(publish(world, campaign, ALL)) == (0, 0, 1, 1)


def test_a_used_voucher_counts_as_had(world):
    campaign, people = world.campaign(), make_customers(world, 1)
    publish(world, campaign, ALL)
    assert world.attempt(Voucher.get()).redeemed
    assert counts(publish(world, campaign, ALL)) == (0, 0, 1, 1)
    assert holders(campaign) == of(people)


@pytest.mark.parametrize("audience", Audience)
def test_a_publication_that_goes_on_after_a_revocation_gives_nothing_back(world, owner, monkeypatch, audience):
    """It was made before; whoever publishes anew knows of the revocation, who resumes an older one may not."""
    monkeypatch.setattr(publications, "STEP", 2)
    people, campaign = make_customers(world, 4, group="regulars"), world.campaign()
    entries = {
        ALL: [],
        GROUPS: ["regulars"],
        CUSTOMERS: [row.id for row in people],
        ADDRESSES: [row.address for row in people],
    }[audience]
    publish(world, campaign, audience, entries)
    older = start(world, campaign, audience, entries)
    step(world, older)
    revoke(world, owner, people[3], campaign)
    assert counts(finish(world, older)) == (0, 0, 4, 4)
    assert counts(publish(world, campaign, audience, entries)) == (1, 0, 4, 4)


def test_a_crash_in_the_step_that_issues_again_undoes_it_and_the_next_issues_once(world, owner, monkeypatch):
    people, campaign = make_customers(world, 3), world.campaign()
    publish(world, campaign, ALL)
    revoke(world, owner, people[0], campaign)
    publication = start(world, campaign, ALL)
    whole = issuing.issue_once

    def breaks(*arguments):
        whole(*arguments)
        raise RuntimeError("the machine went away")

    with monkeypatch.context() as broken:
        broken.setattr(issuing, "issue_once", breaks)
        with pytest.raises(RuntimeError):
            step(world, publication)
    assert holders(campaign) == of(people)
    assert counts(finish(world, publication)) == (1, 0, 3, 3)
    assert good(campaign) == of(people)


@pytest.mark.race
def test_publications_at_once_after_revocations_give_each_one(world, owner, monkeypatch):
    monkeypatch.setattr(publications, "STEP", 7)
    people, campaign = make_customers(world, 40), world.campaign()
    publish(world, campaign, ALL)
    for customer in people[::2]:
        revoke(world, owner, customer, campaign)
    entries = [row.address for row in people]
    made = [start(world, campaign, ADDRESSES, some) for some in (entries, entries[::-1], sorted(entries))]
    assert at_once(*[lambda one=one: finish(world, one) and None for one in made]) == [None] * 3
    assert sum(counts(one)[0] for one in made) == 20
    assert good(campaign) == of(people)
    assert list(figures.differences()) == []


@pytest.mark.race
def test_control_without_the_unique_key_publications_at_once_give_more(world, owner, monkeypatch):
    """What was seen is waited with until all have looked: the guard of the test above would let them pass."""
    people, campaign = make_customers(world, 1), world.campaign()
    publish(world, campaign, ALL)
    revoke(world, owner, people[0], campaign)
    db.execute_sql("DROP INDEX voucher_campaign_id_issued_to_id_nth")
    for module in (publications, pace):
        monkeypatch.setattr(module, "write_transaction", lambda work: work())
    look = issuing._without
    monkeypatch.setattr(issuing, "_without", lambda *what: (look(*what), time.sleep(0.5))[0])
    made = [start(world, campaign, ALL) for _ in range(3)]
    at_once(*[lambda one=one: step(world, one) for one in made])
    assert good(campaign)[people[0].consumer_id] > 1


@pytest.mark.race
def test_a_revocation_beside_a_publication_leaves_one_at_most(world, owner):
    """The older one never gives it back, whenever it comes to them."""
    for _ in range(4):
        people, campaign = make_customers(world, 2), world.campaign()
        entries = [row.id for row in people]
        publish(world, campaign, CUSTOMERS, entries)
        older = start(world, campaign, CUSTOMERS, entries)
        acts = (lambda: finish(world, older) and None, lambda: revoke(world, owner, people[0], campaign))  # noqa: B023
        assert at_once(*acts) == [None, None]
        assert good(campaign) == of(people[1:])
    assert list(figures.differences()) == []


def test_what_was_redeemed_of_the_first_still_counts_for_the_limit(world, owner):
    campaign, people = world.campaign(uses_per_voucher=2, per_consumer=1), make_customers(world, 1)
    publish(world, campaign, ALL)
    first = Voucher.get()
    assert world.attempt(first).redeemed
    revoke(world, owner, people[0], campaign)
    publish(world, campaign, ALL)
    second = Voucher.get(Voucher.revoked_at.is_null())
    assert world.attempt(first).reason is Reason.REVOKED
    assert world.attempt(second).reason is Reason.CUSTOMER_LIMIT_REACHED
    assert Redemption.select().count() == 1
    assert list(figures.differences()) == []


# Links


def test_a_link_that_was_made_afterwards_gives_another_voucher(world, owner):
    campaign, [customer] = world.campaign(), make_customers(world, 1)
    publish(world, campaign, ALL)
    _, older = link_to(world, MEI, campaign)
    revoke(world, owner, customer, campaign)
    revoked = Voucher.get()
    with pytest.raises(TakenBack) as caught:
        use(world, older, customer.consumer)
    assert (caught.value.voucher, Claim.get().claimed_at, Voucher.select().count()) == (revoked, None, 1)
    publish(world, campaign, ADDRESSES, [MEI])  # the same link, made good again
    second = use(world, older, customer.consumer)
    assert (second.nth, second.revoked_at) == (2, None)
    assert list(figures.differences()) == []


def test_a_link_that_only_an_older_publication_makes_good_again_gives_none(world, owner):
    campaign, [customer] = world.campaign(), make_customers(world, 1)
    publish(world, campaign, ALL)
    older = start(world, campaign, ADDRESSES, [MEI])
    _, token = link_to(world, MEI, campaign)
    revoke(world, owner, customer, campaign)
    finish(world, older)
    with pytest.raises(TakenBack):
        use(world, token, customer.consumer)
    assert use(world, token, world.mei).consumer == world.mei, "for anybody else it is as good as before"


def test_a_link_that_another_made_good_again_is_not_made_older(world, owner):
    campaign, [customer] = world.campaign(), make_customers(world, 1)
    publish(world, campaign, ALL)
    older = start(world, campaign, ADDRESSES, [MEI])
    revoke(world, owner, customer, campaign)
    _, token = link_to(world, MEI, campaign)
    finish(world, older)
    assert use(world, token, customer.consumer).nth == 2


def test_who_used_the_link_of_another_is_separated_and_the_address_gets_a_new_link(world, owner):
    campaign = world.campaign()
    _, first = link_to(world, MEI, campaign)
    finder = world.account()
    kept = use(world, first, finder)
    customers.separate(Customer.get(Customer.consumer == finder))
    assert counts(publish(world, campaign, ADDRESSES, [MEI])) == (0, 1, 1, 1)
    assert counts(publish(world, campaign, ADDRESSES, [MEI])) == (0, 0, 1, 1), "nothing twice"
    [(_, address, second)] = claims.open_links(campaign, world.clock(), world.keys.receipts)
    assert address == MEI
    with pytest.raises(Spent):
        use(world, first, world.mei)
    theirs = use(world, second, world.mei)
    assert (theirs.consumer, Voucher.get_by_id(kept.id).revoked_at) == (world.mei, None), "what they hold they keep"
    assert counts(publish(world, campaign, ADDRESSES, [MEI])) == (0, 0, 1, 1)
    assert list(figures.differences()) == []


def test_to_be_separated_from_one_address_opens_no_other(world):
    """The link for Lin's address was used by a customer who is known by Mei's: it is Lin's voucher all the same."""
    campaign, other = world.campaign(), world.campaign()
    _, token = link_to(world, MEI, other)
    use(world, token, world.mei)
    _, token = link_to(world, LIN, campaign)
    use(world, token, world.mei)
    customers.separate(Customer.get())
    assert counts(publish(world, campaign, ADDRESSES, [LIN])) == (0, 0, 1, 1)
    assert counts(publish(world, other, ADDRESSES, [MEI])) == (0, 1, 1, 1)


def test_a_used_link_whose_voucher_was_revoked_counts_no_more(world, owner):
    campaign, [customer] = world.campaign(), make_customers(world, 1)
    _, token = link_to(world, MEI, campaign)
    use(world, token, customer.consumer)  # who is known by another address, and stays so
    older = start(world, campaign, ADDRESSES, [MEI])
    assert counts(publish(world, campaign, ADDRESSES, [MEI])) == (0, 0, 1, 1)
    revoke(world, owner, customer, campaign)
    assert counts(finish(world, older)) == (0, 0, 1, 1)
    assert counts(publish(world, campaign, ADDRESSES, [MEI])) == (0, 1, 1, 1)


@pytest.mark.race
def test_publications_at_once_make_one_link_for_a_separated_address(world, monkeypatch):
    campaign = world.campaign()
    names = [f"s{number}@example.org" for number in range(6)]
    for name in names:
        _, token = link_to(world, name, campaign)
        use(world, token, world.account())
    for customer in Customer.select():
        customers.separate(customer)
    made = [start(world, campaign, ADDRESSES, some) for some in (names, names[::-1], names)]
    assert at_once(*[lambda one=one: finish(world, one) and None for one in made]) == [None] * 3
    assert sum(counts(one)[1] for one in made) == 6
    assert len(claims.open_links(campaign, world.clock(), world.keys.receipts)) == 6


@pytest.mark.race
def test_a_separation_beside_a_claim_comes_before_or_after_it(world):
    """After it the address gets a new link; before it the link's user goes for whose address it is, anew."""
    for _ in range(4):
        first, second, finder = world.campaign(), world.campaign(), world.account()
        address = f"{next(world.numbers)}@example.org"
        _, token = link_to(world, address, second)
        use(world, link_to(world, address, first)[1], finder)
        customer = Customer.get(Customer.consumer == finder)
        acts = (lambda: customers.separate(customer), lambda: use(world, token, finder).consumer)  # noqa: B023
        assert at_once(*acts) == [None, finder]
        done = publish(world, second, ADDRESSES, [address])
        came_back = Customer.get_by_id(customer.id).address == address
        assert (done.issued, done.linked) == ((0, 0) if came_back else (0, 1))
    assert list(figures.differences()) == []


def test_the_report_counts_what_there_is(world, owner):
    campaign, people = world.campaign(), make_customers(world, 3)
    put(people, "regulars")
    publish(world, campaign, GROUPS, ["regulars"])
    revoke(world, owner, people[1], campaign)
    done = publish(world, campaign, GROUPS, ["regulars"])
    assert (done.issued, done.done - done.issued) == (1, 2)
    assert figures.of_campaign(Campaign.get_by_id(campaign.id)).issued == 4
