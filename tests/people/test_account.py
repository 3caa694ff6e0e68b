"""A person's own account: another e-mail or password, the browsers that are signed in, the way out."""

import json

import pytest
from playwright.sync_api import expect

from models import Account, Branch, Customer, Link, Member, MemberBranch, Role, Session
from quanbao.lib import account_lock
from quanbao.people import accounts, one_time_links, personal_data
from tests.support.chromium import desktop, phone
from tests.support.crowds import at_once
from tests.support.factories import ACCOUNT_PASSWORD, LIN
from tests.support.page_client import PageClient
from tests.support.two_browsers import GOING, RIGHT, is_signed_in, now_of, wrong_fields

NEW = "a-new-secret"
TO_LIN = {"email": " Lin@Example.ORG ", **RIGHT}
TO_NEW = {"new_password": NEW, **RIGHT}
SENSITIVE = {"/account/email": TO_LIN, "/account/password": TO_NEW, "/account/delete": GOING}


# Changing


@pytest.fixture
def person(world):
    return world.account(email="mei.w@example.org", password=ACCOUNT_PASSWORD)


def start(world, account: Account) -> str:
    return accounts.start_session(account, world.clock())


def test_another_address_has_to_be_proved_anew_and_merchants_keep_theirs(world, person):
    world.voucher(holder=person)
    Member.create(merchant=world.merchant, account=person, address=person.email, role=Role.OWNER)
    token, other = start(world, person), start(world, person)
    link = one_time_links.make("sign-in", world.clock(), person)
    mine = accounts.change_email(person, " Lin@Example.ORG ", token)
    assert (now_of(person).email, now_of(person).proved) == (LIN, False)
    assert accounts.session_of(mine, world.clock())
    assert [accounts.session_of(ended, world.clock()) for ended in (token, other)] == [None, None]
    assert one_time_links.usable("sign-in", link, world.clock()) is None
    assert {Customer.get().address, Member.get().address} == {"mei.w@example.org"}
    assert accounts.by_email("mei.w@example.org") is None


def test_ones_own_address_again_changes_nothing(world, person):
    token, other = start(world, person), start(world, person)
    assert accounts.change_email(person, person.email.upper(), token) == token
    assert now_of(person).proved
    assert all(accounts.session_of(one, world.clock()) for one in (token, other))


def test_an_address_is_one_accounts(world, person):
    token, others = start(world, person), [world.account() for _ in range(4)]
    with pytest.raises(accounts.Refused, match="email: taken"):
        accounts.change_email(person, others[0].email, token)
    tokens = [start(world, other) for other in others]
    answers = at_once(
        *(lambda o=other, t=mine: accounts.change_email(o, LIN, t) for other, mine in zip(others, tokens, strict=True))
    )
    assert [str(answer) for answer in answers if not isinstance(answer, str)] == ["email: taken"] * 3


def test_another_password_ends_other_sessions_and_links(world, person):
    token, other, strangers = start(world, person), start(world, person), start(world, world.mei)
    one_time_links.make("sign-in", world.clock(), person)
    one_time_links.make("sign-in", world.clock(), world.mei)
    mine = accounts.change_password(person, NEW, token)
    assert accounts.password_is(now_of(person), NEW)
    assert not accounts.password_is(now_of(person), ACCOUNT_PASSWORD)
    alive = [bool(accounts.session_of(one, world.clock())) for one in (mine, token, other, strangers)]
    assert alive == [True, False, False, True]
    assert [link.account for link in Link.select()] == [world.mei]


def test_whose_browser_was_signed_out_meanwhile_changes_nothing(world, person):
    mine, thiefs = start(world, person), start(world, person)
    accounts.end_other_sessions(person, mine)
    for act in (accounts.change_password, accounts.change_email):
        with pytest.raises(account_lock.Overtaken):
            act(person, "theirs@example.org", thiefs)
    with pytest.raises(account_lock.Overtaken):
        personal_data.delete(person, thiefs, world.clock())
    assert (now_of(person).email, now_of(person).password_hash) == (person.email, person.password_hash)


@pytest.mark.parametrize(
    "act",
    [
        lambda person, token: accounts.change_password(person, "a-third-secret", token),
        lambda person, token: accounts.change_email(person, LIN, token),
    ],
)
def test_with_the_old_password_nobody_changes_anything_after_the_new(world, person, act):
    """The old password was right when it was looked at; the rightful owner was faster."""
    mine, thiefs = start(world, person), start(world, person)
    new = accounts.change_password(Account.get_by_id(person.id), NEW, mine)
    for token in (thiefs, mine, new):
        with pytest.raises(account_lock.Overtaken):
            act(person, token)
    with pytest.raises(account_lock.Overtaken):
        start(world, person)
    assert accounts.password_is(now_of(person), NEW)
    assert now_of(person).email == "mei.w@example.org"


# The page


def test_the_page_of_somebody_who_works_nowhere(here):
    page = here.get("/account")
    assert "mei@example.org" in page.text
    assert "Where you work" not in page.text
    assert not page.all("button", **{"class": "danger", "disabled": ""})


def test_where_one_works(client, small_world):
    cashier = small_world.member(role=Role.CASHIER)
    river = Branch.get(Branch.slug == "river")
    MemberBranch.create(member=Member.get(), branch=river)
    house = small_world.make_merchant(slug="house", name="House of Cake")
    Member.create(merchant=house, account=cashier, address="x@example.org", role=Role.MANAGER)
    left = small_world.make_merchant(slug="left", name="Left Long Ago")
    Member.create(
        merchant=left, account=cashier, address="x@example.org", role=Role.OWNER, disabled_at=small_world.clock()
    )
    page = client.sign_in(cashier).get("/account")
    assert "Cashier · Riverside" in page.text
    assert page.all("a", href="/merchants/house/campaigns")
    assert not page.all("a", href="/merchants/lotus/campaigns")
    assert "Left Long Ago" not in page.text


def test_the_e_mail_is_changed_on_the_page(here, there, mei):
    assert here.fill("/account", "/account/email", TO_LIN).location == "/account?done=email"
    assert "The e-mail is changed" in here.get("/account?done=email").text
    assert now_of(mei).email == LIN
    assert not is_signed_in(there)
    there.post("/sign-in", {"email": "mei@example.org", **RIGHT}, status=422)
    there.post("/sign-in", {"email": LIN, **RIGHT})


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("", "Please fill this in."),
        ("nobody", "Enter an e-mail address"),
        ("n\x00w@example.org", "Enter an e-mail"),
        ("x" * 300 + "@example.org", "longer than 254"),
        ("taken@example.org", "This address cannot be used"),
    ],
)
def test_an_address_that_cannot_be_stands_with_its_fault(here, small_world, mei, email, says):
    small_world.account(email="taken@example.org")
    page = here.fill("/account", "/account/email", {"email": email, **RIGHT}, status=422)
    assert says in page.text
    assert page.all("input", name="email")[0]["value"] == email
    assert wrong_fields(page) == ["email"]
    assert now_of(mei).email == "mei@example.org"


def test_without_the_password_nobody_hears_whether_an_address_is_taken(here, small_world):
    small_world.account(email="taken@example.org")
    taken, free = (
        here.fill("/account", "/account/email", {"email": email, "password": "wrong"}, status=422)
        for email in ("taken@example.org", "other@example.org")
    )
    assert wrong_fields(taken) == ["password"]
    assert taken.html.replace("taken@", "other@") == free.html


def test_the_password_is_changed_on_the_page(here, there, mei):
    assert here.post("/account/password", TO_NEW).location == "/account?done=password"
    assert (is_signed_in(here), is_signed_in(there)) == (True, False)
    assert accounts.password_is(now_of(mei), NEW)


@pytest.mark.parametrize(
    ("path", "form"), [("/account/password", TO_NEW), ("/account/email", TO_LIN), ("/account/sessions/end", {})]
)
def test_who_copied_this_very_cookie_is_out_too(app, here, mei, path, form):
    thief = PageClient(app)
    thief.http.set_cookie("quanbao", here.http.get_cookie("quanbao").value)
    assert is_signed_in(thief)
    before = Session.get()
    hidden = here.get("/account").hidden.get(path, {})
    here.post(path, hidden | form)
    assert (is_signed_in(here), is_signed_in(thief)) == (True, False)
    now = Session.get()
    assert (now.id, now.confirmed_at) == (before.id, before.confirmed_at), "the same session, and what belongs to it"


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        ({"new_password": NEW, "password": "wrong"}, "password", "That is not the password of your account."),
        ({"new_password": NEW}, "password", "That is not the password of your account."),
        ({"new_password": "short", **RIGHT}, "new_password", "Use at least 8 characters."),
        ({"new_password": "iloveyou1", **RIGHT}, "new_password", "Many people use"),
        ({"new_password": "x" * 201, **RIGHT}, "new_password", "longer than 200"),
        (RIGHT, "new_password", "Please fill this in."),
    ],
)
def test_a_password_that_cannot_be_stands_with_its_fault(here, there, mei, form, field, says):
    page = here.post("/account/password", form, status=422)
    assert says in page.text
    assert wrong_fields(page) == [field]
    assert not any(found.get("value") for found in page.all("input", type="password"))
    assert accounts.password_is(now_of(mei), ACCOUNT_PASSWORD)
    assert is_signed_in(there)


@pytest.mark.parametrize(("path", "form"), SENSITIVE.items())
def test_who_has_no_password_shows_it_by_a_fresh_sign_in(client, small_world, clock, path, form):
    """An account that came by a link."""
    client.sign_in(small_world.mei)
    clock.forward(minutes=10)
    assert "Your account has no password yet" in client.post(path, form, status=422).text
    assert not client.get("/account").all("input", type="password")
    client.http.delete_cookie("quanbao")
    client.sign_in(small_world.mei)
    page = client.get("/account")
    assert not page.all("input", name="password")
    client.post(path, page.hidden[path] | form)


def test_ten_wrong_passwords_a_quarter_of_an_hour_whatever_the_form(here, there, app, small_world):
    for turn in range(10):
        path, form = list(SENSITIVE.items())[turn % 3]
        here.post(path, {**form, "password": "wrong"}, status=422)
    for path, form in SENSITIVE.items():
        for browser in (here, there):
            assert int(browser.post(path, form, status=429).headers["Retry-After"]) > 0
    here.get("/account")
    somebody = PageClient(app).sign_in(small_world.account(password=ACCOUNT_PASSWORD))
    somebody.post("/account/password", TO_NEW)


def test_addresses_tried_out_here_and_at_sign_up_are_counted_together(here):
    """Both tell whether an address has an account: sixty refusals an hour for one network, wherever."""
    here.fill("/account", "/account/email", {"email": "nobody", **RIGHT}, status=422)
    for _ in range(59):
        here.post("/sign-up", {"email": "nobody", "password": "x"}, status=422)
    here.post("/account/email", TO_LIN, status=429)
    here.post("/sign-up", {"email": "new@example.org", "password": NEW}, status=429)


def test_what_is_done_right_is_not_counted(here):
    for old, new in [(ACCOUNT_PASSWORD, NEW), (NEW, ACCOUNT_PASSWORD)] * 8:
        here.post("/account/password", {"password": old, "new_password": new})


# As people live it


@pytest.mark.browser
def test_a_person_looks_after_their_account_and_leaves(world, site, visit):
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    voucher = world.voucher(holder=lin)
    here, laptop = visit(site, **phone()), visit(site, **desktop())
    page = here.sign_in_by_form(LIN).page
    laptop.sign_in_by_form(LIN)
    here.press(LIN)
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()

    # Another password, wrong at first: the laptop is signed out by it.
    page.get_by_role("heading", name="Change the password").click()
    form = page.get_by_role("group").filter(has=page.get_by_label("New password"))
    here.expect("status of 422")
    for typed in ("not-my-password", ACCOUNT_PASSWORD):
        form.get_by_label("Password", exact=True).fill(typed)
        form.get_by_label("New password").fill(NEW)
        form.get_by_role("button", name="Change the password").click()
        if typed != ACCOUNT_PASSWORD:
            expect(form.get_by_label("Password", exact=True)).to_be_focused()
            expect(form).to_contain_text("That is not the password of your account.")
    expect(page.get_by_role("status")).to_contain_text("The password is changed")
    laptop.page.reload()
    expect(laptop.page.get_by_role("heading", name="Sign in")).to_be_visible()

    # It signs in again, stands in the list, and is signed out from there.
    laptop.page.get_by_label("E-mail").fill(LIN)
    laptop.page.get_by_label("Password").fill(NEW)
    laptop.press("Sign in")
    expect(laptop.page.get_by_role("heading", name="Wallet")).to_be_visible()
    page.goto("/account")
    browsers = page.get_by_role("listitem")
    expect(browsers).to_have_count(2)
    expect(browsers.filter(has_text="This one")).to_have_count(1)
    expect(browsers.filter(has_text="Chrome · ")).to_have_count(2)
    here.press("Sign it out")
    expect(page.get_by_role("status")).to_contain_text("That browser is signed out.")
    expect(browsers).to_have_count(1)
    laptop.page.reload()
    expect(laptop.page.get_by_role("heading", name="Sign in")).to_be_visible()

    # The data come along, and then the account goes.
    with page.expect_download() as download:
        here.press("Download my data")
    taken = json.loads(download.value.path().read_text("utf-8"))
    assert (taken["account"]["email"], taken["vouchers"][0]["code"]) == (LIN, voucher.code)
    page.get_by_role("heading", name="Delete the account").click()
    form = page.get_by_role("group").filter(has=page.get_by_label("I want to delete my account"))
    form.get_by_label("Password").fill(NEW)
    form.get_by_label("I want to delete my account").check()
    form.get_by_role("button", name="Delete the account").click()
    expect(page.get_by_role("heading", name="Your account is deleted")).to_be_visible()
    page.goto("/wallet")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert Account.get_by_id(lin.id).email is None
