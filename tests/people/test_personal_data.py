"""Nothing is left of a person who deletes their account; the ledger keeps an opaque id."""

from dataclasses import dataclass

import pytest

from models import (
    TABLES,
    Account,
    Attempt,
    Audience,
    Claim,
    Customer,
    CustomerGroup,
    Link,
    Member,
    MemberBranch,
    Redemption,
    Role,
    Session,
    Voucher,
)
from quanbao.campaigns import figures
from quanbao.lib import account_lock
from quanbao.merchants import customers, members
from quanbao.people import accounts, one_time_links, personal_data
from quanbao.reports import own_data
from quanbao.vouchers import claims, wallet
from tests.support.crowds import at_once, link_to, make_customers, publish
from tests.support.factories import ACCOUNT_PASSWORD, WRONG, World

CANARY = "canary@example.org"
BROWSER = "Canary · Phone"
ROUNDS = 8


@dataclass
class Canary:
    """Somebody who has been through everything, and the session in which they leave."""

    account: Account
    token: str

    @classmethod
    def of(cls, world: World, *, proved: bool = True) -> "Canary":
        account = world.account(email=CANARY, password=ACCOUNT_PASSWORD, proved=proved)
        now, house = world.clock(), world.make_merchant(slug="house")
        claim, _ = link_to(world, CANARY)
        link_to(world, CANARY)  # to the same merchant, and never used
        claims.claim(claim, account, now)
        world.group("regulars", account)
        voucher = world.voucher(campaign=world.campaign(uses_per_voucher=2), holder=account)
        world.attempt(voucher, typed=WRONG)
        world.attempt(voucher, branch="main", amount=12300)
        for merchant, role, places in ((world.merchant, "cashier", ["main"]), (house, "manager", [])):
            _, invitation = members.invite(merchant, CANARY, role, places, now)
            if merchant == world.merchant:
                members.join(members.usable_link(invitation, now), account, now)
        link_to(world, CANARY, world.campaign(merchant=house, password=world.make_password(merchant=house)))
        one_time_links.make("sign-in", now, account)
        return cls(account, accounts.start_session(account, now, BROWSER))

    def leave(self, world: World) -> None:
        personal_data.delete(self.account, self.token, world.clock())


def traces(*marks: str) -> set[str]:
    """The tables in which any of these stands, whatever the column and its case."""
    return {
        table.__name__
        for table in TABLES
        for row in table.select().tuples()
        if any(mark.casefold() in repr(row).casefold() for mark in marks)
    }


# Deleting


def test_nothing_is_left_of_a_person(world):
    canary = Canary.of(world)
    hashed = canary.account.password_hash
    everywhere = {"Account", "Session", "Member", "Customer", "Claim"}
    assert traces("canary", hashed) == everywhere, "or the search below finds nothing anyway"
    counted = {table: table.select().count() for table in (Voucher, Attempt, Redemption, Claim)}
    canary.leave(world)
    assert traces("canary", hashed) == set()
    assert (Session.select().count(), Link.select().count(), CustomerGroup.select().count()) == (0, 0, 0)
    assert {table: table.select().count() for table in counted} == counted, "the ledger is only ever added to"
    assert {row.consumer_id for row in Redemption.select()} == {canary.account.id}
    assert list(figures.differences()) == []


def test_what_merchants_wrote_for_an_earlier_address_goes_too(world):
    canary = Canary.of(world)
    canary.token = accounts.change_email(canary.account, "finch@example.org", canary.token)
    canary.account = Account.get_by_id(canary.account.id)
    canary.leave(world)
    assert not traces("finch")
    assert traces("canary") == {"Member", "Claim"}, "of a merchant that never learnt whose it is"
    assert Customer.select().where(Customer.address != "").count() == 0


def test_who_only_typed_an_address_takes_nothing_from_whose_it_is(world, clock):
    """Anybody may sign up with anybody's address."""
    _, invitation = members.invite(world.merchant, CANARY, "manager", [], clock())
    claim, _ = link_to(world, CANARY)
    squatter = Canary(accounts.sign_up(CANARY, ACCOUNT_PASSWORD, clock()), "")
    squatter.token = accounts.start_session(squatter.account, clock())
    squatter.leave(world)
    assert traces("canary") == {"Member", "Claim"}
    owner = accounts.sign_up(CANARY, ACCOUNT_PASSWORD, clock())
    assert claims.claim(claim, owner, clock()).consumer == owner
    assert members.join(members.usable_link(invitation, clock()), owner, clock()).account == owner


def test_a_link_to_one_address_that_another_person_used_is_theirs(world, clock):
    claim, _ = link_to(world, CANARY)
    friend = world.account(email="friend@example.org")
    claims.claim(claim, friend, clock())
    canary = world.account(email=CANARY)
    world.voucher(holder=canary)
    Canary(canary, accounts.start_session(canary, clock())).leave(world)
    assert Claim.get().address == CANARY
    assert Customer.get(Customer.consumer == friend).address == CANARY


def test_open_links_to_the_address_are_worth_nothing_any_more(world, clock):
    claim, token = link_to(world, CANARY)
    canary = world.account(email=CANARY)
    Canary(canary, accounts.start_session(canary, clock())).leave(world)
    assert claims.usable(token, clock()) is None
    assert claims.open_links(claim.campaign, clock(), world.keys.receipts) == []
    again, _ = link_to(world, CANARY, claim.campaign)
    assert again.id != claim.id


def test_the_address_can_begin_anew_and_sees_nothing_of_the_old(world, clock):
    canary = Canary.of(world)
    canary.leave(world)
    assert accounts.by_email(CANARY) is None
    again = accounts.sign_up(CANARY, ACCOUNT_PASSWORD, clock())
    assert again.id != canary.account.id
    assert wallet.wallet(again) == []
    assert accounts.memberships(again) == []
    assert publish(world, world.campaign(), Audience.ADDRESSES, [CANARY]).linked == 1, "nobody's customer"
    seen = own_data.data(again, clock())
    assert not any(seen[name] for name in ("sessions", "memberships", "merchants", "vouchers", "redemptions"))


def test_a_merchant_sees_a_customer_less_and_publishes_to_one_less(world):
    make_customers(world, 2)
    canary = Canary.of(world)
    assert len(customers.find(world.merchant, "")) == 3
    canary.leave(world)
    assert len(customers.find(world.merchant, "")) == 2
    assert publish(world, world.campaign(), Audience.ALL).issued == 2


def test_a_cashiers_work_ends(world):
    canary = Canary.of(world)
    canary.leave(world)
    row = Member.get()
    assert (row.account_id, row.address, row.role, bool(row.disabled_at)) == (None, "", "cashier", True)
    assert MemberBranch.select().count() == 1


# The last owner


def test_a_merchant_keeps_an_owner(world, clock):
    first, second = (world.member(role=Role.OWNER, email=f"{name}@example.org") for name in ("first", "second"))
    world.member(role=Role.MANAGER)
    members.invite(world.merchant, "third@example.org", "owner", [], clock())
    gone = world.member(role=Role.OWNER)
    Member.update(disabled_at=clock()).where(Member.account == gone).execute()
    personal_data.delete(first, accounts.start_session(first, clock()), clock())
    token = accounts.start_session(second, clock())
    with pytest.raises(personal_data.LastOwner, match="^Lotus Tea$"):
        personal_data.delete(second, token, clock())


def test_who_must_stay_loses_nothing(world, clock):
    canary = Canary.of(world)
    last = world.make_merchant(slug="last", name="Last House")
    Member.create(merchant=last, account=canary.account, address=CANARY, role=Role.OWNER)
    before = [list(table.select().tuples()) for table in TABLES]
    with pytest.raises(personal_data.LastOwner, match="^Last House$"):
        canary.leave(world)
    assert [list(table.select().tuples()) for table in TABLES] == before


def test_of_two_owners_who_leave_at_once_one_stays(world, clock):
    for number in range(ROUNDS):
        merchant = world.make_merchant(slug=f"shop-{number}")
        pair = [world.member(role=Role.OWNER, merchant=merchant) for _ in range(2)]
        tokens = [accounts.start_session(owner, clock()) for owner in pair]
        answers = at_once(
            *(
                lambda o=owner, t=token: personal_data.delete(o, t, clock())
                for owner, token in zip(pair, tokens, strict=True)
            )
        )
        assert sorted(type(answer) for answer in answers if answer) == [personal_data.LastOwner]
        assert Member.select().where((Member.merchant == merchant) & Member.disabled_at.is_null()).count() == 1


# At the same time


def test_a_redemption_in_flight_harms_nothing(world, clock):
    for _ in range(ROUNDS):
        person = world.account(email=CANARY, password=ACCOUNT_PASSWORD)
        voucher = world.voucher(campaign=world.campaign(groups=["regulars"]), holder=person)
        world.group("regulars", person)
        token = accounts.start_session(person, clock())
        verdict, gone = at_once(
            lambda v=voucher, p=person: world.attempt(v, by=p),
            lambda p=person, t=token: personal_data.delete(p, t, clock()),
        )
        assert gone is None
        assert verdict.reason in (None, "group_only")
        assert Redemption.select().where(Redemption.voucher == voucher).count() == int(verdict.redeemed)
        assert traces("canary") == set()
    assert list(figures.differences()) == []


def test_nobody_is_put_into_a_group_while_they_leave(world, clock):
    for _ in range(ROUNDS):
        person = world.account(email=CANARY)
        world.voucher(holder=person)
        customer = Customer.get(Customer.consumer == person)
        token = accounts.start_session(person, clock())
        at_once(
            lambda c=customer: customers.put(world.merchant, [c.id], "birds", into=True),
            lambda p=person, t=token: personal_data.delete(p, t, clock()),
        )
        assert CustomerGroup.select().count() == 0


def test_it_is_done_once(world, clock):
    canary = Canary.of(world)
    answers = at_once(*[lambda: canary.leave(world)] * 2)
    assert [type(answer) for answer in answers if answer] == [account_lock.Overtaken]
    assert traces("canary") == set()


def test_who_signs_in_while_the_account_goes_is_not_in(world, clock):
    for _ in range(ROUNDS):
        person = world.account(email=CANARY, password=ACCOUNT_PASSWORD)
        token = accounts.start_session(person, clock())
        at_once(
            lambda p=person: accounts.start_session(p, clock(), BROWSER),
            lambda p=person, t=token: personal_data.delete(p, t, clock()),
        )
        assert Session.select().count() == 0
        with pytest.raises(account_lock.Overtaken):
            accounts.start_session(person, clock(), BROWSER)
