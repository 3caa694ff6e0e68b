"""Wallets without an address: their session, their cookie, what ends them and what keeps them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from database import db, open_database, write_transaction
from models import Account, Session, Voucher
from quanbao.lib.account_lock import Overtaken
from quanbao.merchants import members
from quanbao.operations import backups, migrate
from quanbao.people import accounts, personal_data, wallets
from quanbao.vouchers import wallet_merge, wallet_transfer
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import PageClient
from web import create_app

COOKIE = "quanbao-wallet"
KEEP = {"email": "kept@example.org", "password": ACCOUNT_PASSWORD}


def nothing() -> None:
    """No further check."""


@pytest.fixture
def wallet(small_world) -> Account:
    return small_world.wallet()


@pytest.fixture
def voucher(small_world, wallet) -> Voucher:
    return small_world.voucher(holder=wallet)


@pytest.fixture
def phone(app, small_world, wallet) -> PageClient:
    """The wallet's browser, with the wallet's own cookie alone."""
    client = PageClient(app)
    client.http.set_cookie(COOKIE, accounts.start_session(wallet, small_world.clock(), "Phone"))
    return client


def sign_in(client: PageClient, account: Account, **more) -> None:
    client.post("/sign-in", {"email": account.email, "password": ACCOUNT_PASSWORD}, **more)


def test_its_own_cookie_opens_it(phone, voucher):
    assert phone.get(f"/vouchers/{voucher.code}")
    assert voucher.campaign.product in phone.get("/wallet").text


def test_its_session_lives_400_days_and_slides(phone, clock, wallet):
    clock.forward(days=399)
    answer = phone.get("/wallet")
    (cookie,) = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith(COOKIE)]
    assert f"Max-Age={400 * 86400}" in cookie
    assert "HttpOnly" in cookie
    assert Session.get(Session.account == wallet).expires_at == clock() + timedelta(days=400)
    clock.forward(days=399)
    phone.get("/wallet")
    clock.forward(days=401)
    phone.get("/wallet", status=303)


def test_it_does_not_depend_on_the_secret_key(phone, voucher, sqlite, clock):
    with_other_key = create_app(replace(sqlite, secret_key="another" * 8), clock=clock)
    client = PageClient(with_other_key)
    client.http.set_cookie(COOKIE, phone.http.get_cookie(COOKIE).value)
    assert client.get(f"/vouchers/{voucher.code}")


def test_the_cookie_of_an_account_with_an_address_opens_nothing(app, small_world):
    client = PageClient(app)
    client.http.set_cookie(COOKIE, accounts.start_session(small_world.mei, small_world.clock()))
    client.get("/wallet", status=303)


def test_it_is_in_a_backup_and_alive_after_a_restore(world, tmp_path, clock):
    """On both engines; a signed-in account has to sign in again."""
    wallet, merged = world.wallet(), world.wallet()
    wallet_merge.merge(merged, world.account(), clock())  # whose number is higher than the wallet's that points to it
    token, signed_in = (accounts.start_session(one, clock()) for one in (wallet, world.mei))
    backups.backup(tmp_path / "backup", clock())
    Session.delete().execute()
    backups.restore(tmp_path / "backup", nothing)
    assert accounts.session_of(token, clock()).account == wallet
    assert accounts.session_of(signed_in, clock()) is None
    accounts.start_session(wallet, clock())  # the sequence of ids went along


@pytest.mark.postgresql
def test_it_moves_to_postgresql(small_world, tmp_path, clock, postgres_server):
    token = accounts.start_session(small_world.wallet(), clock())
    backups.backup(tmp_path / "backup", clock())
    db.close()
    open_database(postgres_server.create("moved"), None)
    migrate.migrate()
    backups.restore(tmp_path / "backup", nothing)
    found = accounts.session_of(token, clock())
    db.close()
    postgres_server.drop("moved")
    assert found.account.is_anonymous


# Signing out and in


def test_ending_the_other_browsers_renews_its_own_cookie(phone, voucher, wallet, clock, app):
    other, before = PageClient(app), phone.http.get_cookie(COOKIE).value
    other.http.set_cookie(COOKIE, accounts.start_session(wallet, clock()))
    phone.post("/account/sessions/end")
    assert phone.http.get_cookie(COOKIE).value != before
    phone.http.delete_cookie("quanbao")  # as with another secret key
    assert phone.get(f"/vouchers/{voucher.code}")
    other.get("/wallet", status=303)


def test_signing_out_says_first_what_is_lost(phone, voucher, wallet):
    page = phone.get("/wallet")
    assert not page.all("form", action="/sign-out")
    page = phone.get("/sign-out")
    assert "1 voucher of yours can still be used" in page.text
    assert page.all("a", href="/wallet/keep")
    phone.post("/sign-out")
    assert phone.http.get_cookie(COOKIE) is None
    assert Session.select().where(Session.account == wallet).count() == 0
    phone.get("/wallet", status=303)


def test_who_has_an_address_is_led_home(client, small_world):
    assert client.get("/sign-out", status=303).location == "/"
    client.sign_in(small_world.mei)
    assert client.get("/sign-out", status=303).location == "/"


def test_signing_in_brings_the_vouchers_along(phone, voucher, small_world):
    account = small_world.account(password=ACCOUNT_PASSWORD)
    assert "come along" in phone.get("/sign-in").text
    sign_in(phone, account)
    assert phone.http.get_cookie(COOKIE) is None
    assert phone.get(f"/vouchers/{voucher.code}")
    assert Voucher.get().consumer == account


def test_a_wrong_password_brings_nothing_along(phone, voucher, small_world, wallet):
    account = small_world.account(password=ACCOUNT_PASSWORD)
    phone.post("/sign-in", {"email": account.email, "password": "not-the-secret"}, status=422)
    assert Voucher.get().consumer == wallet
    assert phone.get(f"/vouchers/{voucher.code}")


def test_an_account_that_ends_meanwhile_takes_no_wallet_with_it(phone, voucher, small_world, monkeypatch):
    account, merge = small_world.account(password=ACCOUNT_PASSWORD), wallet_merge.merge

    def ended_meanwhile(wallet, into, now):
        Account.update(deleted_at=now, email=None).where(Account.id == into.id).execute()
        return merge(wallet, into, now)

    monkeypatch.setattr(wallet_merge, "merge", ended_meanwhile)
    sign_in(phone, account, status=422)
    assert phone.get(f"/vouchers/{voucher.code}")


def test_every_way_to_sign_in_says_first_where_they_go(phone, voucher, client):
    for path, words in {"/wallet/recover": "come along", "/move/code": "go to the wallet that made the code"}.items():
        assert words in phone.get(path).text
        assert words not in client.get(path).text


def test_signing_up_brings_them_along_too(phone, voucher):
    phone.post("/sign-up", KEEP)
    assert Voucher.get().consumer.email == KEEP["email"]


def test_a_code_opens_it_on_another_phone_of_ones_own(phone, voucher, app, wallet):
    shown = phone.post("/move", status=200)
    code = shown.html.partition('<p class="code"><code>')[2].partition("<")[0]
    other = PageClient(app)
    other.post("/move/code", {"code": code})
    assert other.get(f"/vouchers/{voucher.code}")
    assert other.http.get_cookie(COOKIE)
    assert Session.select().where(Session.account == wallet).count() == 2


def test_a_code_typed_in_a_wallet_brings_that_one_along(phone, voucher, app, small_world):
    other, account = PageClient(app), small_world.wallet()
    other.http.set_cookie(COOKIE, accounts.start_session(account, small_world.clock()))
    code = other.post("/move", status=200).html.partition('<p class="code"><code>')[2].partition("<")[0]
    phone.post("/move/code", {"code": code})
    assert Voucher.get().consumer == account
    assert phone.get(f"/vouchers/{voucher.code}")


# Keeping it


def test_an_address_keeps_it(phone, voucher, wallet, app):
    assert phone.get("/wallet/keep").all("input", name="email")
    assert phone.post("/wallet/keep", KEEP).location == "/account?done=kept"
    assert "sign in with this e-mail" in phone.get("/account?done=kept").text
    assert phone.get(f"/vouchers/{voucher.code}")
    assert phone.http.get_cookie(COOKIE) is None
    elsewhere = PageClient(app)
    sign_in(elsewhere, Account.get_by_id(wallet.id))
    assert elsewhere.get(f"/vouchers/{voucher.code}")
    assert not Account.get_by_id(wallet.id).proved


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"email": "mei@example.org"}, "cannot be used here"),
        ({"password": "short"}, "8 characters"),
        ({"email": "nowhere"}, "like name@example.org"),
    ],
)
def test_what_cannot_be_kept_is_said_beside_its_field(phone, wallet, form, words):
    assert words in phone.post("/wallet/keep", KEEP | form, status=422).text
    assert Account.get_by_id(wallet.id).is_anonymous


def test_who_has_an_address_has_nothing_to_keep(client, small_world):
    client.sign_in(small_world.mei)
    assert client.get("/wallet/keep", status=303).location == "/account"
    assert client.post("/wallet/keep", KEEP).location == "/account"
    assert Account.get_by_id(small_world.mei.id).email == "mei@example.org"


def test_one_of_two_browsers_keeps_it(small_world, wallet, clock):
    token = accounts.start_session(wallet, clock())
    wallets.keep(wallet, "first@example.org", ACCOUNT_PASSWORD, token, clock())
    with pytest.raises(Overtaken):
        wallets.keep(wallet, "second@example.org", ACCOUNT_PASSWORD, token, clock())


def test_keeping_it_ends_every_other_way_in(world, clock):
    wallet = world.wallet()
    token, other = accounts.start_session(wallet, clock()), accounts.start_session(wallet, clock())
    code = wallet_transfer.new_code(wallet, clock(), token)
    fresh = wallets.keep(wallet, "kept@example.org", ACCOUNT_PASSWORD, token, clock())
    assert [accounts.session_of(old, clock()) for old in (token, other)] == [None, None]
    assert wallet_transfer.use(code, clock()) is None
    assert accounts.session_of(fresh, clock()).expires_at == clock() + accounts.CONSUMER_SESSION


# An account like any other, but for what needs an address


def test_it_may_be_deleted_at_any_time(phone, voucher, clock, wallet):
    clock.forward(days=1)
    phone.post("/account/delete", {"sure": "y"})
    row = Account.get_by_id(wallet.id)
    assert row.deleted_at == clock()
    assert not row.is_anonymous
    phone.get("/wallet", status=303)


def test_its_data_and_its_account_page(phone, voucher, wallet):
    assert phone.json("/account/data")["vouchers"][0]["code"] == voucher.code
    page = phone.get("/account")
    assert page.all("a", href="/wallet/keep")
    assert not page.all("input", name="email")
    for form in ("email", "password"):
        assert phone.post(f"/account/{form}", KEEP | {"new_password": "x" * 20}).location == "/wallet/keep"
    assert Account.get_by_id(wallet.id).is_anonymous


def test_it_does_not_join_a_shop(phone, small_world, wallet):
    _, token = members.invite(small_world.merchant, "new@example.org", "manager", [], small_world.clock())
    assert "Sign up" in phone.get(f"/join/{token}").text
    assert phone.post(f"/join/{token}").location.startswith("/sign-in")
    link = members.usable_link(token, small_world.clock())
    assert members.join(link, wallet, small_world.clock()) is None


def test_it_redeems_and_is_told(phone, voucher, small_world):
    answer = phone.json(
        f"/vouchers/{voucher.code}/redemptions",
        method="POST",
        data={"password": "482913", "attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"},
    )
    assert answer["outcome"] == "redeemed"
    assert phone.json("/wallet")["vouchers"][0]["state"] == "used"


# What a browser sends with its first claim, and again


def opened(claim: str, now) -> Account:
    return write_transaction(lambda: wallets.open_for(claim, now))[0]


def delete(wallet: Account, token: str, world) -> None:
    personal_data.delete(wallet, token, world.clock())


ENDS = {
    "it is used": lambda wallet, token, world: accounts.session_of(token, world.clock()),
    "signed out": lambda wallet, token, world: accounts.end_session(token),
    "others end": lambda wallet, token, world: accounts.end_other_sessions(wallet, token),
    "merged": lambda wallet, token, world: wallet_merge.merge(wallet, world.mei, world.clock()),
    "deleted": delete,
    "an hour": lambda wallet, token, world: world.clock.forward(hours=1),
}


def test_a_first_claim_sent_again_finds_its_wallet(world):
    assert opened("claim", world.clock()) == opened("claim", world.clock())


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_first_claim_opens_its_wallet_no_more(world, end):
    """And is no obstacle for the browser that still sends it."""
    wallet, token = write_transaction(lambda: wallets.open_for("claim", world.clock()))
    end(wallet, token, world)
    another = opened("claim", world.clock())
    assert another != wallet
    assert opened("claim", world.clock()) == another
