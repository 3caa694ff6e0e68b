"""Claiming by one-time link: once, by whoever has it, and nobody learns more than they knew."""

from datetime import timedelta

import pytest

from models import TABLES, Account, Audience, Campaign, Claim, Customer, CustomerGroup, Voucher
from quanbao.campaigns import editing, figures
from quanbao.merchants import customers
from quanbao.vouchers import claims, publications
from quanbao.vouchers.claims import Spent
from tests.support.crowds import at_once, counts, link_to, make_customers, publish, start
from tests.support.factories import LIN
from tests.support.page_client import PageClient
from web import create_app

MEI = "mei@example.org"


@pytest.fixture
def lin(world):
    return world.account(email=LIN)


@pytest.fixture
def browser(world, database, clock):
    """The pages, on either engine."""
    return PageClient(create_app(database, clock=clock))


def use(world, token: str, consumer: Account) -> Voucher:
    """As the page does; raises Spent."""
    found = claims.usable(token, world.clock())
    if found is None:
        raise Spent
    return claims.claim(found, consumer, world.clock())


def everything() -> dict[str, list]:
    """All rows of all tables."""
    return {model.__name__: sorted(map(repr, model.select().tuples())) for model in TABLES}


def assert_good_no_more(world, token: str, consumer: Account) -> None:
    before = everything()
    with pytest.raises(Spent):
        use(world, token, consumer)
    assert everything() == before


def test_who_used_a_link_that_was_not_for_them_is_separated_from_the_address(world):
    """Until then they go for whose address it is: what is published to it comes to them."""
    _, token = link_to(world, MEI)
    finder, holder = world.account(), world.account()
    first = use(world, token, finder)
    row = Customer.get(Customer.consumer == finder)
    customers.put(world.merchant, [row.id], "regulars", into=True)
    customers.separate(row)
    customers.separate(row)
    assert Voucher.get().id == first.id, "what they hold they keep"
    assert (customers.find(world.merchant, ""), CustomerGroup.select().count()) == ([], 0)
    _, second = link_to(world, MEI)
    assert use(world, second, holder).consumer == holder
    assert [row.consumer for row in customers.find(world.merchant, MEI)] == [holder]
    _, third = link_to(world, LIN)
    use(world, third, finder)
    assert [row.consumer for row in customers.find(world.merchant, LIN)] == [finder], "by an address of their own"
    assert list(figures.differences()) == []


def test_a_link_gives_a_voucher_once(world):
    row, token = link_to(world, MEI)
    voucher = use(world, token, world.mei)
    assert (voucher.consumer, voucher.campaign_id, voucher.nth) == (world.mei, row.campaign_id, 1)
    assert (voucher.uses_left, voucher.issued_at) == (1, world.clock())
    used = Claim.get_by_id(row.id)
    assert (used.claimed_at, used.customer.consumer) == (world.clock(), world.mei)
    assert Campaign.get_by_id(row.campaign_id).issued == 1
    assert list(figures.differences()) == []
    for again in (world.mei, world.account()):
        assert_good_no_more(world, token, again)


def test_whoever_has_the_link_may_use_it_and_the_merchant_knows_them_by_its_address(world, lin):
    row, token = link_to(world, MEI)
    assert use(world, token, lin).consumer == lin
    [customer] = Customer.select()
    assert (customer.consumer, customer.address, customer.merchant) == (lin, MEI, world.merchant)
    next_one = world.campaign()
    assert counts(publish(world, next_one, Audience.ADDRESSES, [MEI, LIN])) == (1, 1, 2, 2)
    assert Voucher.get(Voucher.campaign == next_one).consumer == lin, "the address is theirs as far as the shop knows"


def test_an_address_with_two_links_is_one_customer(world, lin):
    for campaign in (world.campaign(), world.campaign()):
        _, token = link_to(world, f"{campaign.slug}@example.org", campaign)
        use(world, token, lin)
    assert [customer.address.split("@")[0] for customer in Customer.select()] == [Campaign.select().first().slug]
    assert Voucher.select().where(Voucher.consumer == lin).count() == 2


def test_a_customer_stays_who_they_are(world):
    [known] = make_customers(world, 1, group="regulars")
    _, token = link_to(world, MEI)
    use(world, token, known.consumer)
    [after] = Customer.select()
    assert (after.id, after.address, after.first_seen_at) == (known.id, known.address, known.first_seen_at)
    assert CustomerGroup.select().count() == 1


def test_who_holds_one_already_is_led_to_that_one(world):
    campaign = world.campaign(uses_per_voucher=3)
    first, second = (world.voucher(campaign=campaign) for _ in range(2))
    world.attempt(first)
    row, token = link_to(world, "other@example.org", campaign)
    assert use(world, token, world.mei) == first
    assert (Voucher.select().count(), Claim.get_by_id(row.id).claimed_at) == (2, world.clock())
    assert list(figures.differences()) == []
    assert_good_no_more(world, token, world.mei)


@pytest.mark.parametrize(("days", "good"), [(29.99, True), (30, False), (3000, False)])
def test_a_link_lives_for_thirty_days(world, days, good):
    campaign = world.campaign(ends_at=world.clock() + timedelta(days=4000))
    _, token = link_to(world, MEI, campaign)
    world.clock.forward(days=days)
    if good:
        use(world, token, world.mei)
    else:
        assert_good_no_more(world, token, world.mei)


def test_a_link_is_worth_nothing_once_the_campaign_is_over(world):
    ended, past = (link_to(world, MEI, world.campaign()) for _ in range(2))
    found = claims.usable(ended[1], world.clock())  # its page is open when the owner ends the campaign
    editing.end(Campaign.get_by_id(ended[0].campaign_id), world.clock())
    before = everything()
    with pytest.raises(Spent):
        claims.claim(found, world.mei, world.clock())
    assert everything() == before, "neither used up nor a customer"
    assert_good_no_more(world, ended[1], world.mei)
    world.clock.set("2027-01-01T00:00:00+08:00")
    Claim.update(expires_at=world.clock() + timedelta(days=1)).execute()
    assert_good_no_more(world, past[1], world.mei)


def test_to_publish_again_keeps_the_link_and_gives_it_thirty_days_more(world):
    row, token = link_to(world, MEI)
    spent, spent_token = link_to(world, LIN, row.campaign)
    use(world, spent_token, world.account())
    Customer.update(address="").execute()  # gone since: the address is nobody's, and its link was used
    world.clock.forward(days=20)
    assert counts(publish(world, row.campaign, Audience.ADDRESSES, [MEI, LIN])) == (0, 0, 2, 2)
    same = Claim.get_by_id(row.id)
    assert (bytes(same.token_hash), same.expires_at) == (bytes(row.token_hash), world.clock() + timedelta(days=30))
    assert Claim.get_by_id(spent.id).expires_at == spent.expires_at
    use(world, token, world.mei)
    assert_good_no_more(world, spent_token, world.mei)


@pytest.mark.parametrize("token", ["0" * 22, "", "x", "é" * 22, "\0" * 22, "A" * 64, "\ud800" * 22])
def test_what_is_no_link_is_none(world, token):
    link_to(world, MEI)
    assert claims.usable(token, world.clock()) is None


def test_a_link_is_of_one_campaign_and_one_address(world):
    campaign = world.campaign()
    (first, one), (_, two) = link_to(world, MEI, campaign), link_to(world, LIN, campaign)
    (_, three) = link_to(world, MEI, world.campaign())
    assert len({one, two, three}) == 3
    assert all(len(token) == 22 for token in (one, two, three)), "128 bits in base64"
    use(world, one, world.mei)
    assert use(world, three, world.mei).campaign_id != first.campaign_id


# At once


@pytest.mark.race
def test_two_who_use_a_link_at_once(world, lin):
    for _ in range(5):
        row, token = link_to(world, f"{next(world.numbers)}@example.org")
        one, other = at_once(lambda: use(world, token, world.mei), lambda: use(world, token, lin))  # noqa: B023
        assert sorted(type(answer).__name__ for answer in (one, other)) == ["Spent", "Voucher"]
        [voucher] = Voucher.select().where(Voucher.campaign == row.campaign_id)
        assert voucher.consumer == Claim.get_by_id(row.id).customer.consumer
    assert list(figures.differences()) == []


@pytest.mark.race
def test_one_who_uses_two_links_at_once_holds_one_voucher(world):
    for _ in range(5):
        campaign = world.campaign()
        tokens = [link_to(world, f"{next(world.numbers)}@example.org", campaign)[1] for _ in range(3)]
        made = at_once(*[lambda token=token: use(world, token, world.mei) for token in tokens])
        assert made == [Voucher.get(Voucher.campaign == campaign)] * 3
    assert list(figures.differences()) == []


@pytest.mark.race
def test_links_are_used_while_the_campaign_is_published(world, monkeypatch):
    monkeypatch.setattr(publications, "STEP", 20)
    campaign = world.campaign()
    people = make_customers(world, 200)
    tokens = [link_to(world, f"{n}@example.org", campaign)[1] for n in range(10)]
    takers = [customer.consumer for customer in people[::20]]
    done, *taken = at_once(
        lambda: publish(world, campaign, Audience.ALL).done,
        *[lambda n=n: [use(world, tokens[k], takers[k]).consumer for k in (n, n + 5)] for n in range(5)],
    )
    assert done == 200
    assert taken == [[takers[n], takers[n + 5]] for n in range(5)]
    assert (Voucher.select().count(), Campaign.get_by_id(campaign.id).issued) == (200, 200)


# What is kept


def test_the_database_alone_makes_no_link(world):
    row, token = link_to(world, MEI)
    assert token not in repr(everything())
    assert publications.token(row.seed, "") != token != publications.token(row.seed, "another key")
    assert claims.usable(bytes(row.seed).hex(), world.clock()) is None
    _, other = link_to(world, LIN, row.campaign)
    assert publications.token(row.seed, world.keys.receipts) == token != other


def test_the_owner_sees_the_same_link_until_it_is_used(world, lin):
    campaign, key = world.campaign(), world.keys.receipts
    (mine, token), (other, other_token) = link_to(world, MEI, campaign), link_to(world, LIN, campaign)
    link_to(world, MEI, world.campaign())
    open_now = [(mine.id, MEI, token), (other.id, LIN, other_token)]
    assert claims.open_links(campaign, world.clock(), key) == open_now
    assert list(claims.all_open_links(campaign, world.clock(), key)) == open_now
    assert claims.open_links(campaign, world.clock(), key, after=mine.id) == open_now[1:]
    use(world, token, lin)
    assert claims.open_links(campaign, world.clock(), key) == open_now[1:]
    assert claims.counts(campaign, world.clock()) == (1, 1, 0)
    world.clock.forward(days=30)
    assert claims.open_links(campaign, world.clock(), key) == []
    assert claims.counts(campaign, world.clock()) == (0, 1, 1)


def test_links_of_an_older_key_crowd_out_no_later_ones(world, monkeypatch):
    monkeypatch.setattr(claims, "A_READ", 4)
    campaign, key = world.campaign(), world.keys.receipts
    older = [f"older{n}@example.org" for n in range(9)]
    publication = start(world, campaign, Audience.ADDRESSES, older)
    publications.step(publication.id, now=world.clock(), key="the key before")
    later = [
        (row.id, row.address, token)
        for row, token in (link_to(world, f"later{n}@example.org", campaign) for n in range(5))
    ]
    assert claims.open_links(campaign, world.clock(), key, most=3) == later[:3]
    assert claims.open_links(campaign, world.clock(), key, most=3, after=later[2][0]) == later[3:]
    assert list(claims.all_open_links(campaign, world.clock(), key)) == later
    assert claims.counts(campaign, world.clock()) == (14, 0, 0)
    row = Claim.get(Claim.address == older[0])
    use(world, publications.token(row.seed, "the key before"), world.mei)


def test_to_publish_again_makes_a_link_of_an_older_key_anew(world, lin):
    campaign, key = world.campaign(), world.keys.receipts
    publication = start(world, campaign, Audience.ADDRESSES, [MEI, LIN])
    publications.step(publication.id, now=world.clock(), key="the key before")
    lost = publications.token(Claim.get(Claim.address == MEI).seed, "the key before")
    spent = publications.token(Claim.get(Claim.address == LIN).seed, "the key before")
    use(world, spent, lin)
    Customer.update(address="").execute()
    assert counts(publish(world, campaign, Audience.ADDRESSES, [MEI, LIN])) == (0, 1, 2, 2)
    [(_, address, token)] = claims.open_links(campaign, world.clock(), key)
    assert (address, Claim.select().count()) == (MEI, 2)
    assert_good_no_more(world, lost, world.mei)
    assert_good_no_more(world, spent, world.mei)
    use(world, token, world.mei)


@pytest.mark.parametrize("over", ["ended", "past"])
def test_no_link_is_handed_out_once_the_campaign_is_over(world, over):
    campaign, key = world.campaign(ends_at=world.clock() + timedelta(days=5)), world.keys.receipts
    link_to(world, MEI, campaign)
    if over == "ended":
        editing.end(campaign, world.clock())
    else:
        world.clock.forward(days=5)
    campaign = Campaign.get_by_id(campaign.id)
    assert claims.open_links(campaign, world.clock(), key) == []
    assert list(claims.all_open_links(campaign, world.clock(), key)) == []
    assert claims.counts(campaign, world.clock()) == (0, 0, 1)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_to_look_at_a_link_changes_nothing(world, browser, method):
    """Mail programs and chats open links before anybody does."""
    row, token = link_to(world, MEI)
    for who in (None, world.mei):
        if who:
            browser.sign_in(who)
        before = everything()
        for _ in range(3):
            assert browser._send(method, f"/claim/{token}", {}, {}).status_code == 200
        assert everything() == before
    assert browser.post(f"/claim/{token}").location == f"/vouchers/{Voucher.get().code}"
    assert browser._send(method, f"/claim/{token}", {}, {}).status_code == 404
    assert claims.counts(row.campaign, world.clock()) == (0, 1, 0)
