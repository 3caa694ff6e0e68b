"""Members: invited by a link that works once, given a role, disabled; one owner always stays."""

import threading
from collections.abc import Callable

import pytest

from database import db
from models import Account, Branch, Link, Member, MemberBranch, Role, Session
from quanbao.merchants import members
from quanbao.people import accounts, personal_data
from tests.conftest import POSTGRESQL
from tests.support.factories import LIN, World

AT = "/merchants/lotus/members"


def member_of(account: Account) -> Member:
    return Member.get(Member.account == account)


def invite(world: World, email: str = LIN, role: str = "manager", places: tuple = ()) -> tuple[Member, str]:
    return members.invite(world.merchant, email, role, list(places), world.clock())


def join(world: World, token: str, account: Account) -> Member | None:
    link = members.usable_link(token, world.clock())
    return link and members.join(link, account, world.clock())


def refusal(act: Callable, *what) -> tuple[str, str]:
    with pytest.raises(members.Refused) as caught:
        act(*what)
    return caught.value.field, caught.value.code


def places(member: Member) -> set[str]:
    return {row.branch.slug for row in MemberBranch.select().where(MemberBranch.member == member)}


def owners(world: World) -> int:
    return (
        Member.select()
        .where(
            (Member.merchant == world.merchant)
            & (Member.role == Role.OWNER)
            & Member.disabled_at.is_null()
            & Member.account.is_null(False)
        )
        .count()
    )


# Inviting


def test_an_invitation_is_a_member_without_an_account_and_a_link_for_two_days(world, clock):
    member, token = invite(world, " Lin@Example.ORG ", "cashier", ("main", "river"))
    row = Member.get_by_id(member.id)
    assert (row.address, row.role, row.account_id, row.disabled_at) == (LIN, "cashier", None, None)
    assert places(row) == {"main", "river"}
    assert [bytes(link.token_hash) for link in Link.select()] == [accounts.token_hash(token)], "only the hash is kept"
    clock.forward(days=2, seconds=-1)
    assert members.usable_link(token, clock()).member == row
    clock.forward(seconds=1)
    assert members.usable_link(token, clock()) is None


@pytest.mark.parametrize(
    ("email", "role", "at", "field"),
    [
        ("nobody", "owner", (), "email"),
        ("", "owner", (), "email"),
        ("a\0@example.org", "owner", (), "email"),
        ("\ud800@example.org", "owner", (), "email"),
        (LIN, "", (), "role"),
        (LIN, "king", (), "role"),
        (LIN, "\0", (), "role"),
        (LIN, "cashier", (), "branches"),
        (LIN, "cashier", ("theirs",), "branches"),
        (LIN, "cashier", ("\0",), "branches"),
    ],
)
def test_what_cannot_be_an_invitation(world, email, role, at, field):
    Branch.create(merchant=world.make_merchant(slug="other"), slug="theirs", name="Theirs")
    assert refusal(invite, world, email, role, at)[0] == field
    assert (Member.select().count(), Link.select().count()) == (0, 0)


def test_an_address_is_invited_once(world):
    """Whether they have joined, have not, or were disabled."""
    invite(world)
    assert refusal(invite, world, LIN.upper()) == ("email", "member_already")
    manager = world.member(role=Role.MANAGER, email="manager@example.org")
    assert refusal(invite, world, manager.email) == ("email", "member_already")
    members.disable(member_of(manager), world.clock())
    assert refusal(invite, world, manager.email) == ("email", "member_already")
    members.invite(world.make_merchant(slug="other"), LIN, "owner", [], world.clock())


def test_the_answer_is_the_same_whether_or_not_an_address_has_an_account(client, small_world):
    client.sign_in(small_world.member(role=Role.OWNER))
    small_world.account(email="has@example.org", password="a-long-secret")

    def answer(address: str) -> str:
        client.post(AT, {"email": address, "role": "manager"})
        text = client.get(AT).text
        member = Member.get(Member.address == address)
        told = text.replace(address, "…").replace(next(word for word in text.split() if "/join/" in word), "…")
        members.disable(member, small_world.clock())
        return told

    assert answer("has@example.org") == answer("not@example.org")


def test_a_new_link_is_the_only_one_that_works(world, clock):
    member, first = invite(world)
    second = members.invite_again(member, clock())
    assert members.usable_link(first, clock()) is None
    assert join(world, second, world.mei) == member
    assert refusal(members.invite_again, member, clock()) == ("email", "member_already")


def test_a_withdrawn_invitation_is_gone_with_its_link(world, clock):
    member, token = invite(world, role="cashier", places=("main",))
    held = members.usable_link(token, clock())
    members.disable(member, clock())
    assert members.usable_link(token, clock()) is None
    assert members.join(held, world.mei, clock()) is None, "also for who has its page open"
    assert (Member.select().count(), MemberBranch.select().count(), Link.select().count()) == (0, 0, 0)
    for act in (members.disable, members.enable, members.invite_again):
        assert refusal(act, member, clock()) == ("", "gone")
    invite(world)


def test_who_is_disabled_is_signed_out_everywhere_and_nobody_else(world, clock):
    person, other = (world.member(role=Role.MANAGER) for _ in range(2))
    for account in (person, person, other):
        accounts.start_session(account, clock())
    members.disable(member_of(person), clock())
    assert [session.account for session in Session.select()] == [other]
    assert refusal(members.disable, member_of(world.member(role=Role.OWNER)), clock()) == ("role", "last_owner")


@pytest.mark.parametrize("joined", [False, True])
def test_no_link_of_a_disabled_member_is_left(world, clock, joined):
    """Whatever the database does by itself: a link without its member must never be found."""
    member, token = invite(world)
    if joined:
        join(world, token, world.mei)
    members.disable(member, clock())
    assert Link.select().count() == 0


def test_an_invitation_of_who_deletes_their_account_is_gone_with_its_link(world, clock):
    _, token = invite(world, world.mei.email)
    personal_data.delete(world.mei, accounts.start_session(world.mei, clock()), clock())
    assert members.usable_link(token, clock()) is None
    assert Member.select().count() == 0


# Joining


def test_joining_binds_the_account_and_uses_the_link_up(world, clock):
    member, token = invite(world)
    accounts.start_session(world.mei, clock())
    joined = join(world, token, world.mei)
    assert (joined.id, joined.account_id, joined.address) == (member.id, world.mei.id, LIN)
    assert members.usable_link(token, clock()) is None
    assert Session.get().expires_at == clock() + accounts.MEMBER_SESSION, "a member's session is short"


def test_who_works_here_already_cannot_join_again_and_the_link_stays_good(world, clock):
    _, token = invite(world)
    manager = world.member(role=Role.MANAGER)
    assert refusal(join, world, token, manager) == ("", "works_here")
    members.disable(member_of(manager), clock())
    assert refusal(join, world, token, manager) == ("", "disabled_here")
    assert join(world, token, world.mei)


def test_an_account_that_was_deleted_meanwhile_does_not_join(world, clock):
    _, token = invite(world)
    personal_data.delete(world.mei, accounts.start_session(world.mei, clock()), clock())
    assert join(world, token, world.mei) is None
    assert Member.get().account_id is None
    assert members.usable_link(token, clock()), "and the link stays good"


@pytest.mark.parametrize("round", range(3))
def test_of_two_accounts_with_one_link_at_once_one_joins(world, clock, round):
    _, token = invite(world)
    held = members.usable_link(token, clock())
    lin = world.account()
    joined = together(*[lambda account=account: members.join(held, account, clock()) for account in (world.mei, lin)])
    winner = Member.get().account
    assert winner in (world.mei, lin)
    assert sorted(member is not None for member in joined) == [False, True]


def together(*acts: Callable) -> list:
    """What the acts return, or raise as a refusal, when they are let go at one moment."""
    barrier, answers = threading.Barrier(len(acts)), []

    def run(act: Callable) -> None:
        barrier.wait()
        try:
            answers.append(act())
        except members.Refused as refused:
            answers.append(refused.code)
        finally:
            db.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# Roles


def test_another_role_and_other_branches(world, clock):
    member = member_of(world.member(role=Role.MANAGER))
    assert refusal(members.change, member, "cashier", []) == ("branches", "branches")
    assert Member.get_by_id(member.id).role == "manager"
    members.change(member, "cashier", ["river"])
    assert (Member.get_by_id(member.id).role, places(member)) == ("cashier", {"river"})
    members.change(member, "cashier", ["main"])
    assert places(member) == {"main"}
    members.change(member, "owner", ["main"])
    assert (Member.get_by_id(member.id).role, places(member)) == ("owner", set())
    assert refusal(members.change, member, "king", []) == ("role", "role")


def test_the_last_owner_who_is_there_stays_one(world, clock):
    """One who is invited, disabled, or another merchant's is not there."""
    owner = member_of(world.member(role=Role.OWNER))
    invite(world, role="owner")
    off = member_of(world.member(role=Role.OWNER))
    members.disable(off, clock())
    world.member(role=Role.OWNER, merchant=world.make_merchant(slug="other"))
    assert refusal(members.disable, owner, clock()) == ("role", "last_owner")
    assert refusal(members.change, owner, "manager", []) == ("role", "last_owner")
    members.change(owner, "owner", [])
    members.enable(off, clock())
    members.change(owner, "manager", [])
    assert refusal(members.disable, off, clock()) == ("role", "last_owner")
    assert owners(world) == 1


@pytest.mark.parametrize("gone", ["disabled", "manager now"])
def test_whose_rights_went_while_their_request_was_under_way_changes_nothing(world, clock, gone):
    """Or they would invite a friend with their last breath."""
    owner, other = (member_of(world.member(role=Role.OWNER)) for _ in range(2))
    waiting, _ = invite(world)
    members.disable(owner, clock(), by=other) if gone == "disabled" else members.change(owner, "manager", [], by=other)
    before = list(Member.select().order_by(Member.id).dicts())
    for act, what in (
        (members.invite, (world.merchant, "friend@example.org", "owner", [], clock())),
        (members.invite_again, (waiting, clock())),
        (members.disable, (other, clock())),
        (members.enable, (owner, clock())),
        (members.change, (other, "manager", [])),
    ):
        with pytest.raises(members.Refused, match="no_owner"):
            act(*what, by=owner)
    assert list(Member.select().order_by(Member.id).dicts()) == before


def slowly(monkeypatch) -> None:
    """Each looks for other owners and then waits a moment for the other to have looked as well."""
    look, both = members._keep_an_owner, threading.Barrier(2)

    def look_then_wait(member: Member) -> None:
        look(member)
        try:
            both.wait(0.5)
        except threading.BrokenBarrierError:
            pass  # the other waits until this one is through

    monkeypatch.setattr(members, "_keep_an_owner", look_then_wait)


def demote_each_other(world: World) -> list:
    one, two = (member_of(world.member(role=Role.OWNER)) for _ in range(2))
    return together(lambda: members.change(one, "manager", []), lambda: members.disable(two, world.clock()))


def test_of_two_owners_who_demote_each_other_at_once_one_stays(world, monkeypatch):
    slowly(monkeypatch)
    assert sorted(demote_each_other(world), key=str) == [None, "last_owner"]
    assert owners(world) == 1


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)  # a file has one writer at a time
def test_control_without_the_lock_none_stays(world, monkeypatch):
    monkeypatch.setattr(members, "_lock", lambda merchant, by=None: None)
    slowly(monkeypatch)
    assert demote_each_other(world) == [None, None]
    assert owners(world) == 0
