"""The till over HTTP: the step, the keypad, the verdict in three forms, and what leaks nothing."""

import pytest

from models import Branch, Member, Merchant, Redemption, Role, Voucher
from quanbao.redemption import rollbacks
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import issuing
from tests.support.factories import PASSWORD, WRONG, money_of, stored, utc
from web.present import formats

ID = "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def voucher(small_world, client):
    client.sign_in(small_world.mei)
    return small_world.voucher()


def form(**more):
    return {"password": PASSWORD, "attempt_id": ID, **more}


def redeem(client, voucher, status=200, **more):
    path = f"/vouchers/{voucher.code}/redemptions"
    return client.json(path, method="POST", data=form(**more), status=status)


def test_the_verdict_as_json_has_the_contracts_fields(client, voucher):
    verdict = redeem(client, voucher, branch="main", offer_price="1800", amount="5000")
    assert set(verdict) == {"outcome", "reason", "message", "attempt_id", "voucher", "receipt", "redeemed_at"}
    assert (verdict["outcome"], verdict["reason"], verdict["attempt_id"]) == ("redeemed", None, ID)
    assert verdict["receipt"]["number"] == 1
    assert len(verdict["receipt"]["words"].split()) == 2
    assert verdict["redeemed_at"] == "2026-12-01T04:00:00Z"
    assert verdict["voucher"] == client.json(f"/vouchers/{voucher.code}")


def test_a_voucher_as_json_has_the_contracts_fields(client, voucher):
    assert client.json(f"/vouchers/{voucher.code}") == {
        "code": voucher.code,
        "state": "unused",
        "kind": "discount",
        "product": "Oolong, 500 ml",
        "merchant": "Lotus Tea",
        "original_price": 3000,
        "offer_price": 1800,
        "currency": "CNY",
        "starts_at": "2026-11-30T16:00:00Z",
        "ends_at": "2026-12-31T16:00:00Z",
        "place": "",
        "terms": "",
        "conditions": {
            "per_consumer": None,
            "new_customers_only": False,
            "groups": [],
            "minimum_spend": None,
            "weekdays": [],
            "hours": [],
            "branches": [],
        },
        "uses": 1,
        "uses_left": 1,
        "ended_at": None,
        "branches": [
            {"slug": "main", "name": "Main Street", "address": "1 Main St"},
            {"slug": "river", "name": "Riverside", "address": ""},
        ],
    }
    wallet = client.json("/wallet")
    assert wallet["as_of"] == "2026-12-01T04:00:00Z"
    assert wallet["vouchers"] == [client.json(f"/vouchers/{voucher.code}")]


@pytest.mark.parametrize(
    ("arrange", "status", "reason"),
    [
        (lambda world, voucher: {"password": WRONG}, 403, "password_incorrect"),
        (lambda world, voucher: Voucher.update(revoked_at=world.clock()).execute() and {}, 409, "revoked"),
        (lambda world, voucher: {"offer_price": "1"}, 409, "price_changed"),
        (lambda world, voucher: {"branch": "nowhere"}, 409, "wrong_branch"),
        (lambda world, voucher: world.spend_password(), 429, "too_many_attempts"),
        (lambda world, voucher: {"password": "12345"}, 422, "malformed"),
        (lambda world, voucher: {"password": "1234567890123"}, 422, "malformed"),
        (lambda world, voucher: {"password": "48291a"}, 422, "malformed"),
        (lambda world, voucher: {"password": ""}, 422, "malformed"),
        (lambda world, voucher: {"amount": "12.50"}, 422, "malformed"),
        (lambda world, voucher: {"amount": "-1"}, 422, "malformed"),
        (lambda world, voucher: {"amount": "9" * 5000}, 422, "malformed"),
        (lambda world, voucher: {"offer_price": "٣"}, 422, "malformed"),
        (lambda world, voucher: {"branch": "Main Street"}, 422, "malformed"),
        (lambda world, voucher: {"branch": "a\x00b"}, 422, "malformed"),
        (lambda world, voucher: {"attempt_id": "1"}, 422, "malformed"),
        (lambda world, voucher: {"attempt_id": ""}, 422, "malformed"),
        (lambda world, voucher: {"attempt_id": "{" + ID + "}"}, 422, "malformed"),
    ],
)
def test_each_reason_has_its_status(client, small_world, voucher, arrange, status, reason):
    verdict = redeem(client, voucher, status, **(arrange(small_world, voucher) or {}))
    assert (verdict["outcome"], verdict["reason"]) == ("refused", reason)
    assert verdict["message"]
    assert verdict["receipt"] is None
    assert stored() == ((1, 0) if status in (403, 409) else (0, 0))


def test_a_spent_budget_says_when_to_come_back(client, small_world, voucher):
    small_world.spend_password()
    page = client.post(f"/vouchers/{voucher.code}/redemptions", form(), status=429)
    assert page.headers["Retry-After"] == str(24 * 3600)
    assert page.verdict()["data-reason"] == "too_many_attempts"


def test_the_password_may_be_typed_in_any_scripts_digits(client, voucher):
    assert redeem(client, voucher, password="４８２９１３")["outcome"] == "redeemed"


def test_an_attempt_id_in_capitals_is_the_same_attempt(client, voucher):
    first = redeem(client, voucher)
    assert redeem(client, voucher, attempt_id=ID.upper()) == first
    assert client.json(f"/attempts/{ID.upper()}") == first


def test_attempts_are_for_who_made_them(client, small_world, voucher):
    redeem(client, voucher, 403, password=WRONG)
    assert client.json(f"/attempts/{ID}")["reason"] == "password_incorrect"
    assert client.json("/attempts/not-a-uuid", status=404)["reason"] == "not_found"
    client.sign_in(small_world.account())
    assert client.json(f"/attempts/{ID}", status=404)["reason"] == "not_found"


def test_somebody_elses_voucher_and_none_at_all_look_the_same(client, small_world, voucher):
    foreign = small_world.voucher(holder=small_world.account())
    absent = issuing.new_code()
    answers = []
    for code in (foreign.code, absent):
        seen = client.json(f"/vouchers/{code}", status=404)
        tried = client.json(f"/vouchers/{code}/redemptions", method="POST", data=form(), status=404)
        answers.append((seen, {**tried, "attempt_id": None}, client.get(f"/vouchers/{code}/redeem", status=404).text))
    assert answers[0] == answers[1]
    assert stored() == (0, 0)


class TestThreeForms:
    def test_a_page_where_a_page_is_asked_for(self, client, voucher):
        page = client.post(f"/vouchers/{voucher.code}/redemptions", form(), status=200)
        assert page.verdict()["data-outcome"] == "redeemed"
        assert "Give the phone back" in page.text

    def test_a_fragment_for_htmx(self, client, voucher):
        page = client.post(f"/vouchers/{voucher.code}/redemptions", form(), status=200, headers=HTMX)
        assert not page.all("html")
        assert page.verdict()["data-outcome"] == "redeemed"

    def test_what_htmx_restores_from_history_is_a_page(self, client, voucher):
        headers = {**HTMX, "HX-History-Restore-Request": "true"}
        assert client.get(f"/vouchers/{voucher.code}/redeem", headers=headers).all("html")

    def test_a_refusal_says_why_what_next_and_the_normal_price(self, client, small_world, voucher):
        small_world.clock.set("2027-01-02T12:00:00+08:00")
        client.sign_in(small_world.mei)
        page = client.post(f"/vouchers/{voucher.code}/redemptions", form(), status=409, headers=HTMX)
        assert page.verdict()["data-reason"] == "expired"
        for words in ("has expired", "Normal price", "¥30", "Nothing was redeemed"):
            assert words in page.text

    def test_a_changed_price_shows_the_new_one(self, client, voucher):
        page = client.post(f"/vouchers/{voucher.code}/redemptions", form(offer_price="900"), status=409, headers=HTMX)
        assert "New price: ¥18" in page.text

    def test_a_malformed_field_is_named(self, client, voucher):
        page = client.post(f"/vouchers/{voucher.code}/redemptions", form(amount="x"), status=422, headers=HTMX)
        assert "amount" in page.text


def test_a_verdict_given_again_later_says_that_it_is_of_the_past(client, small_world, voucher):
    redeem(client, voucher)
    path = f"/attempts/{ID}"
    assert client.get(path).all("span", **{"class": "clock"})
    small_world.clock.forward(minutes=1)
    page = client.get(path)
    assert "not now" in page.text
    assert not page.all("span", **{"class": "clock"})


def test_digits_that_come_late_under_a_settled_id_get_no_green_screen(client, small_world, voucher):
    """A network that doubles does so within seconds; what was typed anew shows what happened before, as of then."""
    redeem(client, voucher)
    path = f"/vouchers/{voucher.code}/redemptions"
    for seconds, fresh in ((14, True), (2, False)):
        small_world.clock.forward(seconds=seconds)
        page = client.post(path, form(), status=200, headers={"Accept": "text/html"})
        assert bool(page.all("section", **{"class": "verdict redeemed"})) is fresh
        assert ("not now" in page.text) is not fresh


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("15", 1500),
        ("15.5", 1550),
        ("15,50", 1550),
        ("15.05", 1505),
        ("1,500", 150000),
        ("1,250.50", 125050),
        ("1.250,50", 125050),
        ("1 250,50", 125050),
        ("12'345'678.90", 1234567890),
        ("0", 0),
        ("007", 700),
        ("1.500", None),
        ("15,00,00", None),
        ("1,5,0", None),
        ("1,,5", None),
        ("1,50,000", None),
        ("15.005", None),
        ("1e3", None),
        ("-1", None),
        (".5", None),
        ("5.", None),
        ("9" * 20, None),
        ("a", None),
        ("１５", 1500),
        ("¥200", 20000),
        ("￥１，２００", 120000),
        ("200元", 20000),
        ("€ 15,50", 1550),
        ("", None),
    ],
)
def test_an_amount_is_read_in_one_way_or_asked_for_again(app, typed, minor):
    with app.test_request_context():
        assert formats.minor_units(typed, Merchant(**money_of("EUR"))) == minor


@pytest.mark.parametrize(
    ("currency", "typed", "minor"),
    [
        ("JPY", "1500", 1500),
        ("JPY", "1,500", 1500),
        ("JPY", "15.00", None),
        ("JPY", "1.500", None),
        ("KWD", "1.505", 1505),
        ("KWD", "0.505", 505),
        ("KWD", "1.5", 1500),
        ("KWD", "1505,250", 1505250),
        ("KWD", "1,250.505", 1250505),
        ("KWD", "1.250,505", 1250505),
        ("KWD", "1,505,250", 1505250000),
        ("KWD", "1,505", None),
        ("KWD", "1.5055", None),
        ("CLF", "1.5055", 15055),
        ("CLF", "1.505", 15050),
    ],
)
def test_a_currency_has_coins_of_its_own(app, currency, typed, minor):
    with app.test_request_context():
        assert formats.minor_units(typed, Merchant(**money_of(currency))) == minor


@pytest.mark.parametrize("currency", ["JPY", "CNY", "KWD", "CLF"])
def test_what_is_shown_in_a_field_is_read_the_same(app, currency):
    merchant = Merchant(**money_of(currency))
    with app.test_request_context():
        for minor in (0, 1, 10, 505, 1505, 123_456, 1_500_000, 10**12):
            assert formats.minor_units(formats.as_typed(minor, merchant), merchant) == minor


@pytest.mark.parametrize(
    ("currency", "typed", "example"),
    [("KWD", "1.505", "200.500."), ("JPY", "1,505", "200."), ("CNY", "15.05", "200.50.")],
)
def test_the_bill_is_typed_in_the_currencys_coins(client, small_world, currency, typed, example):
    Merchant.update(money_of(currency)).execute()
    voucher = small_world.voucher(campaign=small_world.campaign(minimum_spend=1))
    client.sign_in(small_world.mei)
    keypad = client.get(f"/vouchers/{voucher.code}/redeem", query_string={"amount": typed, "branch": "main"})
    assert keypad.all("input", name="amount", value="1505")
    for wrong in ("?", "9" * 14):
        page = client.get(
            f"/vouchers/{voucher.code}/redeem", query_string={"amount": wrong, "branch": "main"}, status=422
        )
        assert f"like {example}" in page.text


def test_a_spent_voucher_shows_its_receipt_and_no_price_to_pay(client, voucher):
    """Who reloads the green screen must not read that nothing was redeemed."""
    receipt = redeem(client, voucher)["receipt"]
    for path in (f"/vouchers/{voucher.code}", f"/vouchers/{voucher.code}/redeem"):
        page = client.get(path)
        assert f"No. {receipt['number']} · {receipt['words']}" in page.text
    assert "Already redeemed" in page.text
    assert "Nothing was redeemed" not in page.text
    assert "Normal price" not in page.text


def test_the_keypad_of_a_voucher_for_several_uses_says_how_many_are_left_and_when_the_last_was(client, small_world):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher(campaign=small_world.campaign(uses_per_voucher=5))
    words = redeem(client, voucher)["receipt"]["words"]
    text = client.get(f"/vouchers/{voucher.code}/redeem?branch=-").text
    assert "4 of 5 uses left" in text
    assert f"Last redeemed: No. 1 · {words}" in text


def test_a_use_that_was_taken_back_is_not_the_last_one(client, small_world):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher(campaign=small_world.campaign(uses_per_voucher=5))
    redeem(client, voucher)
    owner = small_world.member(role=Role.OWNER)
    by = Member.get(Member.account == owner)
    rollbacks.roll_back(rollbacks.find(Redemption.get().id, by), by, "by_mistake", "", small_world.clock())
    text = client.get(f"/vouchers/{voucher.code}/redeem?branch=-").text
    assert "5 of 5 uses left" in text
    assert "Last redeemed" not in text


def test_a_spent_budget_says_for_how_long_and_names_no_price(client, small_world, voucher):
    for number in range(5):
        redeem(client, voucher, 403, password=f"60241{number}", attempt_id=ID[:-1] + str(number))
    page = client.post(f"/vouchers/{voucher.code}/redemptions", form(attempt_id=ID[:-1] + "9"), status=429)
    assert "Try again in 30 seconds." in page.text
    assert "Normal price" not in page.text


class TestBeforeAnybodyTypes:
    """What is known beforehand is said beforehand, by the voucher's page and by the keypad's address."""

    @pytest.mark.parametrize(
        ("columns", "reason"),
        [
            ({"ends_at": utc("2026-12-01T12:00:00+08:00")}, Reason.EXPIRED),
            ({"starts_at": utc("2026-12-01T12:00:01+08:00")}, Reason.NOT_YET_VALID),
            ({"redeemed": 100}, Reason.SOLD_OUT),
            ({"groups": ["regulars"]}, Reason.GROUP_ONLY),
            ({"weekdays": [1]}, Reason.OUTSIDE_HOURS),
        ],
    )
    def test_no_keypad_opens_for_nothing(self, client, small_world, columns, reason):
        client.sign_in(small_world.mei)
        voucher = small_world.voucher(campaign=small_world.campaign(**columns))
        page = client.get(f"/vouchers/{voucher.code}")
        assert page.all("p", **{"data-reason": reason.value})
        assert "Redeem" not in page.text.split()
        for agreeing in (page, client.get("/wallet")):
            chips = {name for found in agreeing.all("span") if "chip" in (name := found.get("class") or "").split()}
            assert chips in ({"chip waiting"}, {"chip expired"}), "nothing green that cannot be redeemed now"
        page = client.get(f"/vouchers/{voucher.code}/redeem")
        assert page.verdict()["data-reason"] == reason
        assert not page.all("form", id="keypad")
        assert stored() == (0, 0)


def chosen(page) -> list[str]:
    """What is chosen in the step's list of branches."""
    return [option["value"] for option in page.all("option") if "selected" in option and option["value"]]


class TestTheStep:
    """Amount and branch are asked for once, where the campaign needs them, or the shop has several branches."""

    @pytest.fixture
    def voucher(self, small_world, client):
        client.sign_in(small_world.mei)
        return small_world.voucher(campaign=small_world.campaign(minimum_spend=5000, branch_slugs=["main", "river"]))

    def test_it_comes_before_the_keypad(self, client, voucher):
        page = client.get(f"/vouchers/{voucher.code}/redeem")
        assert not page.all("form", id="keypad")
        assert {"Amount", "Branch"} <= set(page.text.split())

    def test_several_branches_are_chosen_among_and_none_is_chosen_beforehand(self, client, small_world):
        client.sign_in(small_world.mei)
        voucher = small_world.voucher()
        address = f"/vouchers/{voucher.code}/redeem"
        page = client.get(address)
        assert [option["value"] for option in page.all("option")][-4:] == ["", "main", "river", "-"]
        assert not chosen(page)
        assert client.get(f"{address}?branch=river").all("input", name="branch", value="river")
        keypad = client.get(f"{address}?branch=-")
        assert keypad.all("form", id="keypad")
        assert not keypad.all("input", name="branch")
        client.get(f"{address}?branch=", status=422)

    def test_it_remembers_the_last_branch_at_that_shop(self, client, small_world):
        client.sign_in(small_world.mei)
        voucher = small_world.voucher(campaign=small_world.campaign(uses_per_voucher=9))
        address = f"/vouchers/{voucher.code}/redeem"
        for branch, then in (("river", ["river"]), (None, ["river"]), ("main", ["main"])):
            small_world.attempt(voucher, branch=branch)
            assert chosen(client.get(address)) == then, "that it was at none is never chosen beforehand"
        other = small_world.make_merchant(slug="other")
        password = small_world.make_password(merchant=other)
        there = small_world.voucher(campaign=small_world.campaign(merchant=other, password=password))
        assert not chosen(client.get(f"/vouchers/{there.code}/redeem")), "of another shop"
        Branch.update(closed_at=small_world.clock()).where(Branch.slug == "main").execute()
        assert client.get(address).all("form", id="keypad"), "one is left: no need to ask"

    def test_one_open_branch_books_all(self, client, small_world):
        client.sign_in(small_world.mei)
        Branch.update(closed_at=small_world.clock()).where(Branch.slug == "river").execute()
        assert small_world.attempt(small_world.voucher()).redeemed
        by = Member.get(Member.account == small_world.member(role=Role.MANAGER))
        assert small_world.redeem(small_world.take(small_world.counter_code(small_world.voucher()).code, by)).redeemed
        assert [(row.branch_slug, row.number) for row in Redemption.select().order_by(Redemption.id)] == [
            ("main", 1),
            ("main", 2),
        ], "by either door: one number 1 a day"

    @pytest.mark.parametrize(
        ("amount", "branch"),
        [
            ("x", "main"),
            ("", "main"),
            ("1e9", "main"),
            ("-5", "main"),
            ("12.345", "main"),
            ("50", "nowhere"),
            ("50", ""),
        ],
    )
    def test_what_cannot_be_taken_is_kept_and_named(self, client, voucher, amount, branch):
        page = client.get(
            f"/vouchers/{voucher.code}/redeem", status=422, query_string={"amount": amount, "branch": branch}
        )
        assert page.all("input", id="amount")[0]["value"] == amount
        faulty = "branch" if branch != "main" else "amount"
        assert any("wrong" in (a.get("class") or "") for a in page.all("div")), faulty

    def test_a_bill_below_the_least_is_told_before_the_cashier_types(self, client, voucher):
        page = client.get(
            f"/vouchers/{voucher.code}/redeem", status=422, query_string={"amount": "49.99", "branch": "main"}
        )
        assert "The bill is ¥49.99; this offer begins at ¥50." in page.text

    def test_the_keypad_carries_both_on_in_minor_units(self, client, voucher):
        page = client.get(f"/vouchers/{voucher.code}/redeem", query_string={"amount": "1,250.50", "branch": "main"})
        assert page.all("input", name="amount")[0]["value"] == "125050"
        assert page.all("input", name="branch")[0]["value"] == "main"

    def test_the_cashier_sees_both_on_the_keypad_and_in_the_verdict(self, client, voucher):
        page = client.get(f"/vouchers/{voucher.code}/redeem", query_string={"amount": "60", "branch": "river"})
        assert "Riverside · Bill: ¥60" in page.text
        page = client.post(
            f"/vouchers/{voucher.code}/redemptions", form(amount="6000", branch="river"), status=200, headers=HTMX
        )
        assert "Riverside · Bill: ¥60" in page.text

    def test_the_verdict_leads_back_to_it(self, client, voucher):
        page = client.post(
            f"/vouchers/{voucher.code}/redemptions", form(amount="4999", branch="main"), status=409, headers=HTMX
        )
        assert page.verdict()["data-reason"] == "minimum_spend"
        assert page.all("a", href=f"/vouchers/{voucher.code}/redeem")


def test_no_page_that_a_consumer_gets_has_the_password(client, voucher):
    address = f"/vouchers/{voucher.code}"
    answers = [client.get(path).html for path in ("/wallet", address, f"{address}/redeem")]
    answers.append(client.post(f"{address}/redemptions", form(), status=200).html)
    answers += [str(client.json(path)) for path in ("/wallet", address, f"/attempts/{ID}")]
    assert not [answer for answer in answers if PASSWORD in answer]


def test_the_keypad_has_one_voucher_and_no_field_for_digits(client, voucher):
    page = client.get(f"/vouchers/{voucher.code}/redeem?branch=-")
    assert {field["name"] for field in page.all("input")} == {"attempt_id", "offer_price"}
    assert all(field["type"] == "hidden" for field in page.all("input"))
    assert not page.all("nav")
    assert not page.all("header")


def test_opening_is_counted_once_and_only_by_the_holder(client, small_world, voucher):
    campaign = voucher.campaign
    for _ in range(2):
        client.get(f"/vouchers/{voucher.code}")
    assert Voucher.get().opened_at == small_world.clock()
    client.sign_in(small_world.account())
    client.get(f"/vouchers/{voucher.code}", status=404)
    assert type(campaign).get_by_id(campaign.id).opened == 1


def test_the_wallet_puts_what_is_due_soon_first_and_the_past_apart(client, small_world):
    client.sign_in(small_world.mei)
    late = small_world.voucher(campaign=small_world.campaign(product="Late"))
    small_world.voucher(campaign=small_world.campaign(product="Soon", ends_at=utc("2026-12-02T00:00:00+08:00")))
    small_world.voucher(campaign=small_world.campaign(product="Gone", ends_at=utc("2026-12-01T01:00:00+08:00")))
    small_world.voucher(campaign=small_world.campaign(product="Taken"), revoked_at=small_world.clock())
    small_world.voucher(campaign=small_world.campaign(product="Spent"), uses_left=0)
    text = client.get("/wallet").text
    order = [text.index(word) for word in ("Soon", "Late", "Spent", "Taken", "Gone")]
    assert order[0] < order[1] < order[2] < min(order[3:])
    assert late.code not in text
    for state in ("Unused", "Used", "Expired", "Taken back"):
        assert state in text


def test_the_wallet_says_what_cannot_be_redeemed_now_and_puts_it_last(client, small_world):
    client.sign_in(small_world.mei)
    for product, columns in {
        "Gone": {"redeemed": 100, "ends_at": utc("2026-12-02T00:00:00+08:00")},
        "Closed": {"groups": ["regulars"]},
        "Night": {"hours": [["22:00", "23:00"]]},
        "Open": {},
    }.items():
        small_world.voucher(campaign=small_world.campaign(product=product, **columns))
    text = client.get("/wallet").text
    night, open_, not_now, gone, closed = map(text.index, ("Night", "Open", "Not now", "Gone", "Closed"))
    assert max(night, open_) < not_now < gone < closed
    assert "Sold out." in text
    assert "for a group of customers" in text
