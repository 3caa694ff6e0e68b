"""What a person takes along, and the page on which they go."""

import json
from dataclasses import replace

import pytest

from models import Account, Attempt, Redemption, Role, Session, Voucher
from quanbao.operations import demo
from quanbao.reports import own_data
from quanbao.vouchers import wallet
from tests.people.test_personal_data import BROWSER, CANARY, Canary
from tests.support.crowds import make_customers
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD, WRONG
from tests.support.page_client import PageClient
from tests.support.two_browsers import GOING, RIGHT, is_signed_in, now_of, wrong_fields
from web import create_app


def test_all_that_is_kept_about_a_person_is_in_the_file(world, clock):
    canary = Canary.of(world)
    make_customers(world, 3, group="others")
    world.attempt(world.voucher(holder=world.mei), branch="river")
    clock.forward(minutes=1)
    seen = own_data.data(canary.account, clock())
    assert seen["account"] == {"email": CANARY, "proved": True, "created_at": "2026-12-01T04:00:00Z"}
    assert seen["sessions"] == [
        {"browser": BROWSER, "signed_in_at": "2026-12-01T04:00:00Z", "last_used_at": "2026-12-01T04:00:00Z"}
    ]
    assert seen["memberships"] == [
        {"merchant": "Lotus Tea", "known_as": CANARY, "role": "cashier", "disabled": False, "branches": ["main"]}
    ]
    assert seen["merchants"] == [
        {"merchant": "Lotus Tea", "known_as": CANARY, "since": "2026-12-01T04:00:00Z", "groups": ["regulars"]}
    ]
    kept_too = {"revoked_at": None, "campaign_ended_at": None}
    described = wallet.describe_all(wallet.wallet(canary.account), clock())
    assert seen["vouchers"] == [{**one, "state_in_words": one["state"], **kept_too} for one in described]
    used = Voucher.get(Voucher.uses == 2)
    redemption = Redemption.get(Redemption.voucher == used)
    assert seen["redemptions"] == [
        {
            "voucher": used.code,
            "number": 1,
            "words": redemption.words,
            "day": "2026-12-01",
            "branch": "main",
            "amount": 12300,
            "product": "Oolong, 500 ml",
            "original_price": 3000,
            "charged": 1800,
            "discount": 1200,
            "redeemed_at": "2026-12-01T04:00:00Z",
            "rolled_back": None,
        }
    ]
    assert [(row["voucher"], row["reason"]) for row in seen["attempts"]] == [
        (used.code, "password_incorrect"),
        (used.code, None),
    ]


def test_nothing_secret_and_nobody_else_is_in_the_file(world, clock):
    canary = Canary.of(world)
    make_customers(world, 3, group="others")
    text = json.dumps(own_data.data(canary.account, clock()))
    session = Session.get()
    for secret in (
        PASSWORD,
        WRONG,
        canary.account.password_hash,
        canary.token,
        bytes(session.token_hash).hex(),
        "others",
        "mei@example.org",
        "lotus.example",
        Attempt.get().attempt_id,
    ):
        assert secret not in text


# The page


def test_the_data_come_as_one_file_that_nothing_keeps(here, small_world):
    voucher = small_world.voucher()
    answer = here._send("GET", "/account/data", {}, {})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="quanbao.json"'
    assert (answer.headers["Cache-Control"], answer.mimetype) == ("no-store", "application/json")
    assert [row["code"] for row in answer.json["vouchers"]] == [voucher.code]


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        ({}, "sure", "Tick this if you are sure."),
        (RIGHT, "sure", "Tick this if you are sure."),
        ({"sure": "y", "password": "wrong"}, "password", "That is not the password of your account."),
    ],
)
def test_nobody_deletes_their_account_by_mistake(here, mei, form, field, says):
    page = here.post("/account/delete", form, status=422)
    assert says in page.text
    assert wrong_fields(page) == [field]
    assert now_of(mei).email
    assert is_signed_in(here)


def test_the_last_owner_hears_where_they_are_needed(client, small_world):
    owner = small_world.member(role=Role.OWNER, password=ACCOUNT_PASSWORD)
    page = client.sign_in(owner).post("/account/delete", GOING, status=422)
    assert "You are the last owner of Lotus Tea. Make somebody else an owner first." in page.text
    assert is_signed_in(client)


def test_who_is_gone_is_signed_out_in_every_tab(here, there, mei, small_world):
    voucher = small_world.voucher()
    assert here.post("/account/delete", GOING).location == "/account/deleted"
    assert "Your account is deleted" in here.get("/account/deleted").text
    for path in ("/account", "/account/data", "/wallet", f"/vouchers/{voucher.code}"):
        assert there.get(path, status=303).location.startswith("/sign-in?next=/")
    for path in ("/account/email", "/account/delete", "/account/sessions/end", f"/vouchers/{voucher.code}/redemptions"):
        assert there.post(path, GOING).location.startswith("/sign-in")
    unknown = here.post("/sign-in", {"email": "nobody@example.org", **RIGHT}, status=422)
    gone = here.post("/sign-in", {"email": "mei@example.org", **RIGHT}, status=422)
    assert gone.html.replace("mei@", "nobody@") == unknown.html


def test_the_page_that_says_so_is_for_those_who_are_gone(here):
    assert here.get("/account/deleted", status=303).location == "/account"


def test_a_session_that_is_left_of_a_deleted_account_is_none(here, mei):
    Account.update(email=None, deleted_at=mei.created_at).where(Account.id == mei.id).execute()
    assert here.get("/account", status=303).location == "/sign-in?next=/account"


def test_in_the_demo_too(sqlite, small_world, clock):
    person = demo.CAST[0].email
    small_world.account(email=person, password=demo.PASSWORD)
    visitor = PageClient(create_app(replace(sqlite, demo=True), clock=clock))
    visitor.post("/demo/step-in", {"email": person})
    visitor.post("/account/delete", {"sure": "y", "password": demo.PASSWORD})
    visitor.post("/demo/step-in", {"email": person}, status=404)
    visitor.get("/")
