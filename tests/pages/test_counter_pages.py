"""The till page and the counter code over HTTP: who sees what, and what each is told."""

import re
import string
import uuid

import pytest

from models import Account, Attempt, Branch, CounterCode, CounterTry, Member, MemberBranch, Redemption, Role, Session
from quanbao.redemption import counter_codes
from quanbao.redemption.reasons import Reason, RolledBack
from quanbao.vouchers.issuing import ALPHABET
from tests.support.factories import ACCOUNT_PASSWORD, WRONG
from tests.support.page_client import Page, PageClient
from web.auth.security import HEADERS

TILL = "/merchants/lotus/till"
HTMX = {"HX-Request": "true"}


def cashier_of(world, *slugs: str) -> Account:
    person = world.member(role=Role.CASHIER, password=ACCOUNT_PASSWORD)
    row = Member.get(Member.account == person)
    for branch in Branch.select().where((Branch.merchant == world.merchant) & Branch.slug.in_(slugs)):
        MemberBranch.create(member=row, branch=branch)
    return person


@pytest.fixture
def cashier(small_world, app) -> PageClient:
    return PageClient(app).sign_in(cashier_of(small_world, "main"))


@pytest.fixture
def manager(small_world, app) -> PageClient:
    return PageClient(app).sign_in(small_world.member(role=Role.MANAGER))


def shown(holder: PageClient, voucher) -> tuple[str, str]:
    """The code on the phone, and its attempt's id."""
    page = holder.post(f"/vouchers/{voucher.code}/counter-code", status=200)
    [part] = [found for _, found in page.tags if "data-attempt" in found]
    [text] = [line for line in page.text.splitlines() if counter_codes.plain(line.strip())]
    return text, part["data-attempt"]


def taken(till: PageClient, code: str) -> str:
    """Where the voucher of this code is shown."""
    return till.post(TILL, {"code": code}).location


def lines(page: Page) -> list[str]:
    return [found["data-attempt"] for tag, found in page.tags if tag == "li" and "data-attempt" in found]


# The counter code


def test_a_holder_shows_a_code_and_a_cashier_redeems_it(small_world, client, cashier):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher(campaign=small_world.campaign(minimum_spend=15000))
    code, attempt_id = shown(client, voucher)
    assert client.get(f"/attempts/{attempt_id}", status=404)
    page = cashier.get(address := taken(cashier, code.lower()))
    assert "Oolong, 500 ml" in page.text
    assert "¥18" in page.text
    assert page.all("input", name="branch", value="main")
    faulty = cashier.post(address, {"branch": "main", "amount": "149", "offer_price": "1800"}, status=422)
    assert faulty.all("input", id="amount", **{"aria-invalid": "true"})
    done = cashier.post(address, {"branch": "main", "amount": "200", "offer_price": "1800"}, status=200)
    assert done.verdict()["data-outcome"] == "redeemed"
    row = Redemption.get()
    assert (row.branch_slug, row.amount, row.attempt_id) == ("main", 20000, attempt_id)
    phone = client.get(f"/attempts/{attempt_id}")
    assert row.words in done.text
    assert row.words in phone.text
    assert "Give the phone back" not in phone.text
    assert attempt_id in lines(cashier.get(TILL))
    assert cashier.get(address).verdict()["data-outcome"] == "redeemed"


def test_a_refusal_is_the_same_on_both_screens(small_world, client, manager):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher()
    code, attempt_id = shown(client, voucher)
    address = taken(manager, code)
    manager.post(address, {"offer_price": "1"}, status=422)  # of several branches one is named, or said to be none
    done = manager.post(address, {"offer_price": "1", "branch": "-"}, status=409)
    assert done.verdict()["data-reason"] == "price_changed"
    assert client.get(f"/attempts/{attempt_id}").verdict()["data-reason"] == "price_changed"
    assert "The price has changed." in manager.get(TILL).text
    again = manager.json(address, method="POST", data={}, status=409)
    assert (again["reason"], again["attempt_id"]) == ("price_changed", attempt_id)


def test_a_cashier_names_no_branch_but_their_own(small_world, client, cashier):
    client.sign_in(small_world.mei)
    code, _ = shown(client, small_world.voucher())
    address = taken(cashier, code)
    for branch in ("river", ""):
        cashier.post(address, {"branch": branch}, status=422)
    assert Attempt.select().count() == 0


def test_a_voucher_for_another_branch_is_told_before_its_code_is_spent(small_world, client, cashier):
    client.sign_in(small_world.mei)
    code, attempt_id = shown(client, small_world.voucher(campaign=small_world.campaign(branch_slugs=["river"])))
    address = taken(cashier, code)
    for page in (cashier.get(address), cashier.post(address, {"branch": "main"}, status=422)):
        assert "Not at this branch. It can be redeemed at: Riverside" in page.text
        assert not page.all("form", action=address)
        assert "To charge" not in page.text
    client.get(f"/attempts/{attempt_id}", status=404)
    assert Attempt.select().count() == 0


def test_who_stands_at_another_of_their_branches_reads_where_it_is_good(small_world, client, manager):
    client.sign_in(small_world.mei)
    code, _ = shown(client, small_world.voucher(campaign=small_world.campaign(branch_slugs=["river"])))
    address = taken(manager, code)
    for at, told in (("main", True), ("river", False), ("-", False)):
        page = manager.get(f"{address}?at={at}")
        assert ("Not at this branch." in page.text) is told
        assert page.all("form", action=address), "at the other one it is good"
    manager.post(address, {"branch": "river"}, status=200)


def test_what_cannot_be_redeemed_has_no_code(small_world, client):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher(uses_left=0)
    assert client.post(f"/vouchers/{voucher.code}/counter-code").location == f"/vouchers/{voucher.code}"
    assert CounterCode.select().count() == 0


def test_only_whoever_took_a_code_has_its_voucher(small_world, client, cashier, manager):
    client.sign_in(small_world.mei)
    code, attempt_id = shown(client, small_world.voucher())
    for somebody in (cashier, manager):
        somebody.get(f"{TILL}/{attempt_id}", status=404)
    address = taken(cashier, code)
    manager.get(address, status=404)
    manager.post(address, {"branch": "main"}, status=404)
    cashier.get(f"{TILL}/{uuid.uuid4()}", status=404)


@pytest.mark.parametrize(
    ("typed", "named"),
    [("ABC123", "1"), ("abc 12o", "1 O"), ("K7M30X", "0"), ("０il ２３４", "0 I L"), ("éKM234", "É")],
)
def test_a_character_that_is_in_no_code_is_named(cashier, typed, named):
    """Six letters and digits they are: that is not what is wrong with them."""
    page = cashier.post(TILL, {"code": typed}, status=422)
    text = page.text.replace("\u2068", "").replace("\u2069", "")  # what isolates the characters from the sentence
    assert f"No code has {named} in it: 0, 1, I, L and O are not used" in text
    assert "six letters and digits" not in page.text
    assert page.all("input", id="code", value=typed)
    assert CounterTry.select().count() == 0, "it costs no try"


def test_the_characters_that_are_named_are_those_of_no_code():
    assert set(string.ascii_uppercase + string.digits) - set(ALPHABET) == {"0", "1", "I", "L", "O"}


def test_wrong_codes_stop_their_member_with_a_plain_sentence(small_world, client, cashier, manager):
    for typed in ("", "K7M", "K7M-K7M-K"):
        page = cashier.post(TILL, {"code": typed}, status=422)
        assert "six letters and digits" in page.text
        assert page.all("input", id="code", value=typed), "what was typed is kept"
    for _ in range(10):
        page = cashier.post(TILL, {"code": "222222"}, status=422)
        assert "not good here" in page.text
        assert page.all("input", id="code", value="222222")
    stopped = cashier.post(TILL, {"code": "222222"}, status=429)
    assert stopped.all("input", id="code", value="222222")
    assert stopped.headers["Retry-After"] == "600"
    assert "Try again in 10 minutes" in stopped.text
    manager.post(TILL, {"code": "222222"}, status=422)
    cashier.get(TILL)


def test_who_signs_out_takes_their_code_along(small_world, client, manager):
    client.sign_in(small_world.mei)
    code, _ = shown(client, small_world.voucher())
    address = taken(manager, code)
    Session.delete().where(Session.account == small_world.mei).execute()
    assert "This code is no longer good." in manager.get(address).text
    manager.post(address, {"branch": "main"}, status=404)
    assert Redemption.select().count() == 0


def test_the_code_stands_in_no_address_and_the_page_is_not_kept(small_world, client):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher()
    page = client.post(f"/vouchers/{voucher.code}/counter-code", status=200)
    assert page.headers["Cache-Control"] == "no-store"
    code = next(text for line in page.text.splitlines() if (text := counter_codes.plain(line.strip())))
    assert not [found for _, found in page.tags for value in found.values() if value and code in value]


def test_the_owner_sees_by_which_door_and_which_member(small_world, client, manager, app):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher()
    code, _ = shown(client, voucher)
    manager.post(taken(manager, code), {"branch": "-"}, status=200)
    page = manager.get(f"/merchants/lotus/campaigns/{voucher.campaign.slug}/attempts")
    who = Member.get(Member.role == Role.MANAGER).address
    assert f"at the counter, by {who}" in page.text
    assert "✓ Counter code" in page.text
    assert "✓ Not expired" in page.text
    assert not {reason for reason in Reason if "_" in reason and reason in page.text}, "codes are for programs"


# The till page


def test_a_cashier_sees_their_branches_and_what_named_none(small_world, app, cashier, manager):
    campaign = small_world.campaign(uses_per_voucher=9)
    voucher = small_world.voucher(campaign=campaign)
    main, river, none = (small_world.attempt(voucher, branch=slug).attempt_id for slug in ("main", "river", None))
    assert set(lines(cashier.get(TILL))) == {main, none}
    assert set(lines(manager.get(TILL))) == {main, river, none}
    assert set(lines(manager.get(f"{TILL}?at=river"))) == {river, none}
    assert lines(cashier.get(f"{TILL}?at=-")) == [none]
    cashier.get(f"{TILL}?at=river", status=404)


def test_a_branchs_tab_shows_what_named_none_and_hears_of_it(small_world, manager):
    """Where the phone asked for no branch, a cashier who looks at their own tab must not miss it."""
    voucher = small_world.voucher(campaign=small_world.campaign(uses_per_voucher=9))
    page = manager.get(tab := f"{TILL}?at=main")
    for typed, count in ((None, 1), (WRONG, 1)):
        address = page.all("section", id="day")[0]["hx-get"]
        tried = small_world.attempt(voucher, **{"typed": typed} if typed else {}).attempt_id
        page = manager.get(address, headers=HTMX)
        assert tried in lines(page)
        assert re.search(rf"\b{count}\s+redeemed", page.text)
    small_world.attempt(voucher, branch="main")
    page = manager.get(tab)
    assert re.search(r"\b2\s+redeemed", page.text)
    assert page.text.count("No branch named") == 1 + 2, "the tab, and the two that named none"
    assert "Main Street" in page.text
    assert "No branch named" not in manager.get(f"{TILL}?at=-").text.replace("No branch named", "", 1)


def test_one_branch_needs_no_tabs(small_world, manager):
    assert "Riverside" in manager.get(TILL).text
    Branch.update(closed_at=small_world.clock()).where(Branch.slug == "river").execute()
    small_world.attempt(small_world.voucher())
    page = manager.get(TILL)
    assert not page.all("nav", **{"class": "narrowing"})
    assert "No branch named" not in page.text, "the one that is open books all"


def test_a_redemption_is_rolled_back_from_the_till(small_world, cashier):
    for _ in range(2):
        small_world.attempt(small_world.voucher(), branch="main")
    page = cashier.get(TILL)
    latest, _ = [link["href"] for link in page.all("a") if "/redemptions/" in link["href"]]
    assert "Back to the till" in cashier.get(latest).text
    cashier.post(latest, {"reason": RolledBack.WRONG_VOUCHER})
    page = cashier.get(TILL)
    assert [link["href"] for link in page.all("a")].count(latest) == 0
    assert "Rolled back" in page.text
    assert re.search(r"\b1\s+redeemed", page.text), "two were, one of them is no more"


def test_who_asks_again_hears_nothing_until_something_happened(small_world, manager):
    voucher = small_world.voucher(campaign=small_world.campaign(uses_per_voucher=9))
    small_world.clock.forward(hours=1)
    page = manager.get(TILL)  # by hand: that keeps the session alive until tomorrow
    for act in (
        lambda: small_world.attempt(voucher),
        lambda: small_world.attempt(voucher, typed=WRONG),
        lambda: small_world.clock.forward(hours=11),
    ):
        address = page.all("section", id="day")[0]["hx-get"]
        assert manager.get(address, status=204, headers=HTMX).text == ""
        act()
        page = manager.get(address, headers=HTMX)
    assert lines(page) == []


def test_the_camera_is_for_the_till_page_alone(small_world, client, manager):
    assert "camera=(self)" in manager.get(TILL).headers["Permissions-Policy"]
    assert "camera=()" in HEADERS["Permissions-Policy"]
    for path in ("/wallet", "/merchants/lotus/campaigns"):
        assert manager.get(path).headers["Permissions-Policy"] == HEADERS["Permissions-Policy"]


def test_a_cashier_who_signs_in_lands_at_the_till(small_world, client):
    person = cashier_of(small_world, "main")
    form = {"email": person.email, "password": ACCOUNT_PASSWORD}
    assert client.post("/sign-in", form).location == "/till"
    assert client.get("/till", status=303).location == TILL
    assert client.post("/sign-in", form | {"next": "/account"}).location == "/account"


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_who_runs_a_shop_lands_at_its_campaigns(small_world, client, role):
    person = small_world.member(role=role, password=ACCOUNT_PASSWORD)
    small_world.voucher(holder=person)
    form = {"email": person.email, "password": ACCOUNT_PASSWORD}
    for more, place in (
        ({}, "/merchants/lotus/campaigns"),
        ({"next": ""}, "/merchants/lotus/campaigns"),
        ({"next": "/wallet"}, "/wallet"),
    ):
        assert client.post("/sign-in", form | more).location == place
    assert client.get("/", status=302).location == "/merchants/lotus/campaigns"
    Member.update(disabled_at=small_world.clock()).execute()
    assert client.get("/", status=302).location == "/wallet"


def test_who_works_nowhere_has_no_till(small_world, client):
    assert client.sign_in(small_world.mei).get("/till", status=303).location == "/wallet"


def test_the_till_is_an_application_of_its_own(client, manager):
    about = client.json("/till.webmanifest")
    assert (about["start_url"], about["id"], about["display"]) == ("/till", "/till", "standalone")
    assert manager.get(TILL).all("link", rel="manifest", href="/till.webmanifest")
