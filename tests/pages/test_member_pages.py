"""The owner's page of members, and the page that an invitation opens."""

import pytest

from models import Account, Branch, Link, Member, Merchant, Role
from quanbao.merchants import members
from quanbao.people import accounts, one_time_links
from tests.merchants.test_members import AT, LIN, invite, member_of, places
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import PageClient
from web.auth.access import merchant_of

USED = "This invitation was accepted"


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
    """A page that is loaded again invites nobody again."""
    assert owner.post(AT, {"email": LIN, "role": "cashier", "branches": ["main"]}).location == AT
    page = owner.get(AT)
    assert "works once and for two days" in page.text
    assert page.all("svg", **{"class": "qr"})
    token = link_on(page).rpartition("/")[2]
    listed = owner.get(AT)
    assert token not in listed.html
    assert (LIN in listed.text, "Invited" in listed.text, "Cashier · Main Street" in listed.text) == (True,) * 3
    number = Member.get(Member.address == LIN).id
    assert owner.post(f"{AT}/{number}", {"do": "link"}).location == AT
    assert link_on(owner.get(AT)).rpartition("/")[2] != token


def test_a_link_that_is_good_no_more_is_not_shown(owner, small_world, clock):
    """Somebody else withdrew the invitation, or sent another link, before the page came."""
    owner.post(AT, {"email": LIN, "role": "owner"})
    members.invite_again(Member.get(Member.address == LIN), clock())
    assert "/join/" not in owner.get(AT).html


def test_at_another_merchants_members_the_link_is_not_shown(owner, small_world):
    other = small_world.make_merchant(slug="other")
    Member.create(merchant=other, account=Account.get(Account.email == "owner@example.org"), role="owner", address="o")
    owner.post(AT, {"email": LIN, "role": "owner"})
    assert "/join/" not in owner.get("/merchants/other/members").html


def test_the_page_says_what_is_wrong_where_and_keeps_what_was_typed(owner, small_world):
    page = owner.post(AT, {"email": "lin", "role": "cashier", "branches": ["river"]}, status=422)
    assert page.all("input", id="email", value="lin", **{"aria-invalid": "true"})
    assert [box["value"] for box in page.all("input", name="branches") if "checked" in box] == ["river"]
    page = owner.post(AT, {"email": "owner@example.org", "role": "owner"}, status=422)
    assert "is a member or invited already" in page.text
    manager = member_of(small_world.member(role=Role.MANAGER))
    page = owner.fill(AT, f"{AT}/{manager.id}", {"role": "cashier"}, status=422)
    assert "at least one branch" in page.text
    assert "aria-invalid" not in page.all("input", id="email")[0], "it is not the other form's fault"


def test_who_picks_up_an_open_phone_makes_no_owner(owner, small_world, clock):
    """They would be in for ever. Invited, promoted, enabled, sent another link: each takes the account's password."""
    invited = {"email": LIN, "role": "owner"}
    owner.post(AT, {"email": "bo@example.org", "role": "owner"})
    bo = f"{AT}/{Member.get(Member.address == 'bo@example.org').id}"
    manager, other = (member_of(small_world.member(role=role)) for role in (Role.MANAGER, Role.OWNER))
    owner.post(f"{AT}/{other.id}", {"do": "disable"})
    Account.update(password_hash=accounts.hash_password(ACCOUNT_PASSWORD)).execute()
    third = member_of(small_world.member(role=Role.MANAGER))
    dear = [
        (AT, invited),
        (f"{AT}/{manager.id}", {"role": "owner"}),
        (f"{AT}/{other.id}", {"do": "enable"}),
        (bo, {"do": "link"}),
        (f"{AT}/{third.id}", {"do": "whatever", "role": "owner"}),
    ]
    before = owners()
    for path, form in dear:
        clock.forward(minutes=11)
        for password in ({}, {"password": ""}, {"password": "not-hers"}):
            page = owner.fill(AT, path, form | password, status=422)
            assert "type the password of your account" in page.text
            (field,) = [one for one in page.all("input", name="password") if one.get("aria-invalid")]
            assert not field.get("value")
            assert owners() == before
        assert owner.fill(AT, path, form | {"password": ACCOUNT_PASSWORD}).location == AT
        assert owners() != before
        before = owners()
    clock.forward(minutes=11)
    owner.post(AT, {"email": "cashier@example.org", "role": "cashier", "branches": ["main"]})
    owner.post(f"{AT}/{other.id}", {"do": "disable"})


def owners() -> set[tuple]:
    """Who is, or may become one by a link."""
    members_links = (
        Member.select(Member.id, Link.token_hash)
        .left_outer_join(Link)
        .where((Member.role == Role.OWNER) & Member.disabled_at.is_null())
        .tuples()
    )
    return {(number, bytes(token or b"")) for number, token in members_links}


def test_whoever_guesses_at_the_password_there_is_kept_waiting(owner, small_world, clock):
    clock.forward(minutes=11)
    for _ in range(10):
        owner.post(AT, {"email": LIN, "role": "owner", "password": "not-hers"}, status=422)
    owner.post(AT, {"email": LIN, "role": "owner", "password": "not-hers"}, status=429)
    for _ in range(12):
        owner.post(AT, {"email": "lin", "role": "owner"}, status=422)


def test_disabled_is_out_at_once_and_may_come_back(app, owner, small_world):
    person = small_world.member(role=Role.MANAGER)
    manager, at = PageClient(app).sign_in(person), f"{AT}/{member_of(person).id}"
    manager.get("/merchants/lotus/customers")
    owner.post(at, {"do": "disable"})
    manager.get("/merchants/lotus/customers", status=303)
    manager.sign_in(person).get("/merchants/lotus/customers", status=404)
    assert "Disabled" in owner.get(AT).text
    owner.post(at, {"do": "enable"})
    manager.get("/merchants/lotus/customers")


def test_who_is_disabled_while_their_request_is_under_way_does_nothing_more(owner, small_world, clock, monkeypatch):
    me, other = (Member.get(Member.address == "owner@example.org"), member_of(small_world.member(role=Role.OWNER)))

    def looked_at_and_then_disabled(*which):
        found = merchant_of(*which)
        members.disable(me, clock(), by=other)
        return found

    monkeypatch.setattr("web.routes.members.merchant_of", looked_at_and_then_disabled)
    owner.post(AT, {"email": LIN, "role": "owner"}, status=403)
    assert Member.select().where(Member.address == LIN).count() == 0


def test_who_gives_up_their_own_rights_is_led_out(owner, small_world):
    small_world.member(role=Role.OWNER)
    me = Member.get(Member.address == "owner@example.org")
    assert owner.fill(AT, f"{AT}/{me.id}", {"role": "owner"}).location == AT
    assert owner.fill(AT, f"{AT}/{me.id}", {"role": "manager"}).location == "/account"
    owner.get(AT, status=403)


def test_the_last_owner_is_told(owner):
    me = Member.get(Member.address == "owner@example.org")
    for sent in ({"do": "disable"}, {"role": "manager"}):
        assert "This is the last owner" in owner.fill(AT, f"{AT}/{me.id}", sent, status=422).text


def test_a_cashiers_closed_branch_stays_ticked(owner, small_world):
    member, _ = invite(small_world, role="cashier", places=("main", "river"))
    Branch.update(closed_at=small_world.clock()).where(Branch.slug == "river").execute()
    page = owner.get(AT)
    ticked = [box["value"] for box in page.all("input", name="branches") if "checked" in box]
    assert ticked == ["main", "river", "main"], "the last is who is invited next: there is one open branch"
    assert page.text.count("Riverside (Closed)") == 1, "nobody else is offered it"
    owner.fill(AT, f"{AT}/{member.id}", {"role": "cashier", "branches": ticked[:2]})
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


@pytest.mark.parametrize(
    ("role", "leads"),
    [
        ("owner", "/merchants/lotus/campaigns"),
        ("manager", "/merchants/lotus/campaigns"),
        ("cashier", "/merchants/lotus/till"),
    ],
)
def test_who_joined_is_led_to_their_work(client, small_world, role, leads):
    _, token = invite(small_world, role=role, places=("main",))
    client.sign_in(small_world.mei)
    assert "Join as mei@example.org" in client.get(f"/join/{token}").text
    assert client.post(f"/join/{token}").location == leads
    assert "You work at Lotus Tea now." in client.get(leads).text
    assert "You work at" not in client.get(leads).text, "told once"
    client.get(leads)
    assert USED in client.get(f"/join/{token}", status=404).text
    assert USED in client.post(f"/join/{token}", status=404).text


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("expired", "This invitation has run out"),
        ("withdrawn", "It was withdrawn, or a newer one took its place."),
        ("replaced", "It was withdrawn, or a newer one took its place."),
        ("unknown", "This invitation is no longer good"),
    ],
)
def test_a_dead_link_says_why(client, small_world, clock, end, says):
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
    assert says in client.get(f"/join/{token}", status=404).text
    assert says in client.post(f"/join/{token}", status=404).text
    assert Member.select().where(Member.account == small_world.mei).count() == 0


def test_a_link_of_another_purpose_joins_nobody(client, small_world, clock):
    invite(small_world)
    token = one_time_links.make("sign-in", clock(), small_world.mei)
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
