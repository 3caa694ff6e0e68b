"""Recovery words: made once, kept as a hash, opened in another browser."""

import re
import unicodedata
from datetime import timedelta

import pytest

from database import db
from models import Account, Session, Voucher
from quanbao.lib.account_lock import Overtaken
from quanbao.lib.word_lists import word_list
from quanbao.people import abandoned, accounts, personal_data, recovery, wallets
from quanbao.vouchers import wallet_merge
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import PageClient

COOKIE = "quanbao-wallet"


@pytest.fixture
def wallet(world) -> Account:
    return world.wallet()


@pytest.fixture
def token(world, wallet) -> str:
    return accounts.start_session(wallet, world.clock(), "Phone")


@pytest.fixture
def words(world, wallet, token) -> list[str]:
    return recovery.make(wallet, "en", token, world.clock())


def opened(words: str | list[str], world) -> Account | None:
    return recovery.open_wallet(words if isinstance(words, str) else " ".join(words), world.clock())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_they_are_64_bits_in_the_holders_language(world, wallet, token, language):
    words = recovery.make(wallet, language, token, world.clock())
    known = word_list(language)
    assert len(set(known)) == 256
    assert len(words) == 8
    assert set(words) <= set(known)
    assert not [(one, other) for one in known for other in known if one != other and other.startswith(one)]
    assert opened(words, world) == wallet
    assert opened("".join(words), world) == wallet


@pytest.mark.parametrize(
    "typed",
    [
        str.upper,
        lambda words: words.replace(" ", ", "),
        lambda words: f"1. {words}\n",
        lambda words: "".join(chr(ord(c) + 0xFEE0) if "a" <= c <= "z" else c for c in words),
        lambda words: unicodedata.normalize("NFD", words),
    ],
)
def test_case_width_and_what_is_between_do_not_matter(world, wallet, words, typed):
    assert opened(typed(" ".join(words)), world) == wallet


def test_others_open_nothing(world, words):
    for typed in (words[:-1], words[::-1], [*words, words[0]], [], ["x" * 10_000]):
        assert opened(typed, world) is None


def test_only_a_hash_is_kept(world, words):
    for table in db.get_tables():
        for row in db.execute_sql(f'SELECT * FROM "{table}"').fetchall():
            assert not [word for word in words if f" {word} " in f" {row} "], table
    assert len(bytes(Account.get(Account.recovery_hash.is_null(False)).recovery_hash)) == 32


def test_new_ones_end_the_ones_before(world, wallet, token, words):
    newer = recovery.make(wallet, "zh", token, world.clock())
    assert opened(words, world) is None
    assert opened(newer, world) == wallet


def test_a_browser_that_was_signed_out_makes_none(world, wallet, token):
    accounts.end_session(token)
    with pytest.raises(Overtaken):
        recovery.make(wallet, "en", token, world.clock())


def kept(world, wallet, token):
    wallets.keep(wallet, "kept@example.org", ACCOUNT_PASSWORD, token, world.clock())


def merged(world, wallet, token):
    wallet_merge.merge(wallet, world.mei, world.clock())


def deleted(world, wallet, token):
    personal_data.delete(wallet, token, world.clock())


@pytest.mark.parametrize("end", [kept, merged, deleted])
def test_they_end_with_the_anonymous_wallet(world, wallet, token, words, end):
    end(world, wallet, token)
    assert opened(words, world) is None


# In browsers


def shown(phone: PageClient) -> list[str]:
    page = phone.post("/wallet/keep", {"words": "new"}, status=200)
    return re.findall(r"<li>(\w+)</li>", page.html.partition('<ol class="recovery-words">')[2].partition("</ol>")[0])


@pytest.fixture
def phone(app, small_world) -> PageClient:
    client, wallet = PageClient(app), small_world.wallet()
    small_world.voucher(holder=wallet)
    client.http.set_cookie(COOKIE, accounts.start_session(wallet, small_world.clock(), "Phone"))
    return client


@pytest.fixture
def other(app) -> PageClient:
    return PageClient(app)


def test_shown_once_and_opened_elsewhere(phone, other):
    words = shown(phone)
    assert len(words) == 8
    assert not [word for word in words if word in phone.get("/wallet/keep").text.split()]
    other.post("/wallet/recover", {"words": " ".join(words)})
    code = Voucher.get().code
    assert other.get(f"/vouchers/{code}")
    assert other.http.get_cookie(COOKIE)
    assert phone.get(f"/vouchers/{code}")


def test_the_old_browser_can_be_signed_out(phone, other):
    other.post("/wallet/recover", {"words": " ".join(shown(phone)), "end_others": "y"})
    assert other.get("/wallet")
    phone.get("/wallet", status=303)
    assert Session.select().count() == 1


def test_what_the_other_browser_held_comes_along(phone, other, small_world):
    mine = small_world.wallet()
    voucher = small_world.voucher(holder=mine)
    other.http.set_cookie(COOKIE, accounts.start_session(mine, small_world.clock()))
    other.post("/wallet/recover", {"words": " ".join(shown(phone))})
    assert len({row.consumer_id for row in Voucher.select()}) == 1
    assert other.get(f"/vouchers/{voucher.code}")


def test_wrong_ones_are_told_and_limited(other):
    for _ in range(10):
        page = other.post("/wallet/recover", {"words": "acorn airport"}, status=422)
        assert "These words open no wallet" in page.text
    other.post("/wallet/recover", {"words": "acorn airport"}, status=429)


def test_an_account_with_an_address_gets_none(client, small_world):
    client.sign_in(small_world.mei)
    assert client.post("/wallet/keep", {"words": "new"}, status=303).location == "/account"
    assert Account.get_by_id(small_world.mei.id).recovery_hash is None


# Wallets that nobody opens any more


def later(world, days: int) -> int:
    world.clock.forward(days=days)
    return abandoned.forget(world.clock())


def used_up(world, wallet):
    assert world.attempt(world.voucher(holder=wallet)).redeemed


def expired(world, wallet):
    world.voucher(holder=wallet, campaign=world.campaign(ends_at=world.clock() + timedelta(days=9)))


def nothing(world, wallet):
    """It holds none."""


@pytest.mark.parametrize("holding", [used_up, expired, nothing])
def test_after_400_days_it_is_deleted_where_it_holds_nothing_good(world, wallet, holding):
    holding(world, wallet)
    accounts.start_session(wallet, world.clock())
    assert later(world, 400) == 0
    assert later(world, 1) == 1
    assert Account.get_by_id(wallet.id).deleted_at == world.clock()
    assert Session.select().where(Session.account == wallet).count() == 0
    assert later(world, 1) == 0


def test_not_while_it_holds_a_good_voucher(world, wallet):
    world.voucher(holder=wallet, campaign=world.campaign(ends_at=world.clock() + timedelta(days=900)))
    assert later(world, 500) == 0
    assert later(world, 500) == 1


def test_not_while_it_is_opened(world, wallet, token):
    world.clock.forward(days=300)
    accounts.session_of(token, world.clock())
    assert later(world, 300) == 0
    assert later(world, 101) == 1


def test_not_where_its_words_opened_it(world, wallet, token, words):
    accounts.end_session(token)
    world.clock.forward(days=300)
    assert opened(words, world) == wallet
    assert later(world, 300) == 0
    assert opened(words, world) == wallet
    assert later(world, 401) == 1
    assert opened(words, world) is None


def test_never_an_account_with_an_address(world):
    assert later(world, 5000) == 0
    assert Account.get_by_id(world.mei.id).email


def test_what_changed_meanwhile_is_seen_under_the_lock(world, wallet, monkeypatch):
    world.clock.forward(days=401)
    look = abandoned._abandoned
    monkeypatch.setattr(abandoned, "_abandoned", lambda now: (accounts.start_session(wallet, now), look(now))[1])
    assert abandoned._forget(wallet.id, world.clock()) == 0
