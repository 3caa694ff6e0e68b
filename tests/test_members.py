"""Members: invited by a link that works once, given a role, disabled; one owner always stays."""

import threading
from collections.abc import Callable

import pytest

from database import db
from models import Account, Branch, Link, Member, MemberBranch, Merchant, Role, Session
from quanbao import accounts, leaving, members
from tests.factories import World
from tests.pages import PageClient

AT = "/merchants/lotus/members"
LIN = "lin@example.org"
DEAD = "This link is used up"


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
    return Member.select().where(
        (Member.merchant == world.merchant) & (Member.role == Role.OWNER) & Member.disabled_at.is_null()
        & Member.account.is_null(False)).count()


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


@pytest.mark.parametrize(("email", "role", "at", "field"), [
    ("nobody", "owner", (), "email"), ("", "owner", (), "email"), ("a\0@example.org", "owner", (), "email"),
    ("\ud800@example.org", "owner", (), "email"), (LIN, "", (), "role"), (LIN, "king", (), "role"),
    (LIN, "\0", (), "role"), (LIN, "cashier", (), "branches"), (LIN, "cashier", ("theirs",), "branches"),
    (LIN, "cashier", ("\0",), "branches"),
])
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
        text = client.post(AT, {"email": address, "role": "manager"}, status=200).text
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


def test_an_invitation_of_who_deletes_their_account_is_gone_with_its_link(world, clock):
    _, token = invite(world, world.mei.email)
    leaving.delete(world.mei, accounts.start_session(world.mei, clock()), clock())
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
    assert refusal(join, world, token, manager) == ("", "joined_already")
    members.disable(member_of(manager), clock())
    assert refusal(join, world, token, manager) == ("", "joined_already")
    assert join(world, token, world.mei)


def test_an_account_that_was_deleted_meanwhile_does_not_join(world, clock):
    _, token = invite(world)
    leaving.delete(world.mei, accounts.start_session(world.mei, clock()), clock())
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


@pytest.mark.postgresql
def test_control_without_the_lock_none_stays(world, monkeypatch, database):
    if not database.database_url:
        pytest.skip("a file has one writer at a time")
    monkeypatch.setattr(members, "_lock", lambda merchant: None)
    slowly(monkeypatch)
    assert demote_each_other(world) == [None, None]
    assert owners(world) == 0


# The owner's page


@pytest.fixture
def owner(client, small_world):
    return client.sign_in(small_world.member(role=Role.OWNER, email="owner@example.org"))


def link_on(page) -> str:
    """The path of the link that the page shows."""
    (address,) = [word for word in page.text.split() if "/join/" in word]
    assert address.startswith("http://localhost/join/")
    return address.removeprefix("http://localhost")


def test_the_link_is_shown_once_with_a_qr_code(owner):
    page = owner.post(AT, {"email": LIN, "role": "cashier", "branches": ["main"]}, status=200)
    assert "works once and for two days" in page.text
    assert page.all("svg", **{"class": "qr"})
    token = link_on(page).rpartition("/")[2]
    listed = owner.get(AT)
    assert token not in listed.html
    assert (LIN in listed.text, "Invited" in listed.text, "Cashier · Main Street" in listed.text) == (True,) * 3
    number = Member.get(Member.address == LIN).id
    assert link_on(owner.post(f"{AT}/{number}", {"do": "link"}, status=200)).rpartition("/")[2] != token


def test_the_page_says_what_is_wrong_where_and_keeps_what_was_typed(owner, small_world):
    page = owner.post(AT, {"email": "lin", "role": "cashier", "branches": ["river"]}, status=422)
    assert page.all("input", id="email", value="lin", **{"aria-invalid": "true"})
    assert [box["value"] for box in page.all("input", name="branches") if "checked" in box] == ["river"]
    page = owner.post(AT, {"email": "owner@example.org", "role": "owner"}, status=422)
    assert "is a member or invited already" in page.text
    manager = member_of(small_world.member(role=Role.MANAGER))
    page = owner.post(f"{AT}/{manager.id}", {"role": "cashier"}, status=422)
    assert "at least one branch" in page.text
    assert "aria-invalid" not in page.all("input", id="email")[0], "it is not the other form's fault"


def test_disabled_is_out_at_once_and_may_come_back(app, owner, small_world):
    person = small_world.member(role=Role.MANAGER)
    manager, at = PageClient(app).sign_in(person), f"{AT}/{member_of(person).id}"
    manager.get("/merchants/lotus/customers")
    owner.post(at, {"do": "disable"})
    manager.get("/merchants/lotus/customers", status=404)
    assert "Disabled" in owner.get(AT).text
    owner.post(at, {"do": "enable"})
    manager.get("/merchants/lotus/customers")


def test_who_gives_up_their_own_rights_is_led_out(owner, small_world):
    small_world.member(role=Role.OWNER)
    me = Member.get(Member.address == "owner@example.org")
    assert owner.post(f"{AT}/{me.id}", {"role": "owner"}).location == AT
    assert owner.post(f"{AT}/{me.id}", {"role": "manager"}).location == "/account"
    owner.get(AT, status=403)


def test_the_last_owner_is_told(owner):
    me = Member.get(Member.address == "owner@example.org")
    for sent in ({"do": "disable"}, {"role": "manager"}):
        assert "This is the last owner" in owner.post(f"{AT}/{me.id}", sent, status=422).text


def test_a_cashiers_closed_branch_stays_ticked(owner, small_world):
    member, _ = invite(small_world, role="cashier", places=("main", "river"))
    Branch.update(closed_at=small_world.clock()).where(Branch.slug == "river").execute()
    page = owner.get(AT)
    ticked = [box["value"] for box in page.all("input", name="branches") if "checked" in box]
    assert sorted(ticked) == ["main", "river"]
    assert page.text.count("Riverside (Closed)") == 1, "nobody else is offered it"
    owner.post(f"{AT}/{member.id}", {"role": "cashier", "branches": ticked})
    assert places(member) == {"main", "river"}


@pytest.mark.parametrize("number", [0, 2**63, 10**40])
def test_a_member_who_is_not_there(owner, number):
    owner.post(f"{AT}/{number}", {"do": "disable"}, status=404)


# The page of the link


def test_looking_changes_nothing(client, small_world, clock):
    _, token = invite(small_world)
    for _ in range(2):
        page = client.get(f"/join/{token}")
        assert ("Join Lotus Tea" in page.text, "Manager" in page.text) == (True, True)
    leads = {link["href"] for link in page.all("a") if link["href"].startswith("/sign-")}
    assert leads == {f"/sign-in?next=/join/{token}", f"/sign-up?next=/join/{token}"}
    assert client.post(f"/join/{token}").location == f"/sign-in?next=/join/{token}"
    assert (Member.get().account_id, Link.get().used_at) == (None, None)


@pytest.mark.parametrize(("role", "leads"), [
    ("owner", "/merchants/lotus/campaigns"), ("manager", "/merchants/lotus/campaigns"), ("cashier", "/account")])
def test_who_joined_is_led_to_their_work(client, small_world, role, leads):
    _, token = invite(small_world, role=role, places=("main",))
    client.sign_in(small_world.mei)
    assert "Join as mei@example.org" in client.get(f"/join/{token}").text
    assert client.post(f"/join/{token}").location == leads
    client.get(leads)
    assert DEAD in client.get(f"/join/{token}", status=404).text
    assert DEAD in client.post(f"/join/{token}", status=404).text


@pytest.mark.parametrize("end", ["expired", "withdrawn", "replaced", "unknown"])
def test_a_dead_link(client, small_world, clock, end):
    member, token = invite(small_world)
    if end == "expired":
        clock.forward(days=2)
    elif end == "withdrawn":
        members.disable(member, clock())
    elif end == "replaced":
        members.invite_again(member, clock())
    else:
        token = "0" * 22
    client.sign_in(small_world.mei)
    assert DEAD in client.get(f"/join/{token}", status=404).text
    assert DEAD in client.post(f"/join/{token}", status=404).text
    assert Member.select().where(Member.account == small_world.mei).count() == 0


def test_a_link_of_another_purpose_joins_nobody(client, small_world, clock):
    invite(small_world)
    token = accounts.make_link("sign-in", accounts.SIGN_IN_LINK, clock(), small_world.mei)
    client.get(f"/join/{token}", status=404)


def test_who_works_here_is_told_and_can_come_as_somebody_else(client, small_world):
    _, token = invite(small_world)
    client.sign_in(small_world.member(role=Role.OWNER))
    page = client.post(f"/join/{token}", status=422)
    assert "sign in as somebody else" in page.text
    assert f"/sign-in?next=/join/{token}" in {link["href"] for link in page.all("a")}
    client.get(f"/join/{token}")


def test_invited_by_two_merchants(client, small_world):
    other: Merchant = small_world.make_merchant(slug="other")
    client.sign_in(small_world.mei)
    for merchant in (small_world.merchant, other):
        _, token = members.invite(merchant, LIN, "manager", [], small_world.clock())
        client.post(f"/join/{token}")
        client.get(f"/merchants/{merchant.slug}/customers")
