"""A password under attack on the pages: what the keypad says, what a merchant's people see, and the one tap."""

import re
from collections.abc import Callable

import pytest

from models import Attempt, Campaign, Member, RedemptionPassword, Role
from quanbao.passwords import guess_limits, redemption_passwords
from tests.pages.test_counter_pages import HTMX, TILL, shown, taken
from tests.pages.test_till import form
from tests.support.factories import ACCOUNT_PASSWORD, WRONG
from tests.support.page_client import Page, PageClient

CLOSED, OFFER = "The keypad is closed for now.", "Show a code at the counter instead."
ALARM = "The keypads are closed Oolong, 500 ml"
TEA = "/merchants/lotus/campaigns/tea"
RENEW = TEA + "/password/renew"


@pytest.fixture
def voucher(small_world):
    return small_world.voucher(campaign=small_world.campaign(slug="tea", uses_per_voucher=9))


@pytest.fixture
def people(app, small_world, voucher) -> dict[Role, PageClient]:
    return {role: PageClient(app).sign_in(small_world.member(role=role, password=ACCOUNT_PASSWORD)) for role in Role}


@pytest.fixture
def holder(client, small_world) -> PageClient:
    return client.sign_in(small_world.mei)


@pytest.fixture
def attack(small_world, voucher) -> None:
    small_world.spend_password()


def offered(page: Page, voucher) -> bool:
    return bool(page.all("form", method="post", action=f"/vouchers/{voucher.code}/counter-code"))


def digits_of(world) -> str:
    return redemption_passwords.reveal(RedemptionPassword.get(), world.keys.password)


# The customer's phone


def test_there_is_no_keypad_that_cannot_work(holder, voucher, attack):
    page = holder.get(f"/vouchers/{voucher.code}/redeem")
    assert CLOSED in page.text
    assert OFFER in page.text
    assert page.verdict()["data-reason"] == "too_many_attempts"
    assert not page.all("form", id="keypad")
    assert "Try again in" not in page.text
    assert offered(page, voucher)


def test_nobody_is_asked_for_amount_and_branch_before_they_hear_it(holder, voucher, attack):
    Campaign.update(minimum_spend=15000, branch_slugs=["main"]).execute()
    page = holder.get(f"/vouchers/{voucher.code}/redeem")
    assert CLOSED in page.text
    assert not page.all("input", name="amount")


def test_who_typed_it_a_moment_too_late_hears_the_same(holder, voucher, attack):
    address = f"/vouchers/{voucher.code}/redemptions"
    for headers in ({}, HTMX):
        page = holder.post(address, form(), status=429, headers=headers)
        assert (CLOSED in page.text, OFFER in page.text, offered(page, voucher)) == (True, True, True)
        assert page.headers["Retry-After"] == str(24 * 3600)
    said = holder.json(address, method="POST", data=form(), status=429)
    assert (said["outcome"], said["reason"], said["receipt"]) == ("refused", "too_many_attempts", None)
    assert said["message"] == f"{CLOSED} {OFFER}"
    assert Attempt.select().count() == 0


def test_the_code_at_the_counter_works_meanwhile(holder, people, voucher, attack):
    code, attempt_id = shown(holder, voucher)
    till = people[Role.MANAGER]
    done = till.post(taken(till, code), {"branch": "main"}, status=200)
    assert done.verdict()["data-outcome"] == "redeemed"
    assert holder.get(f"/attempts/{attempt_id}").verdict()["data-outcome"] == "redeemed"


def test_whose_own_tries_are_used_up_waits_or_goes_to_the_counter(holder, small_world, voucher):
    for _ in range(guess_limits.CONSUMER_FREE):
        small_world.attempt(voucher, typed=WRONG)
    assert holder.get(f"/vouchers/{voucher.code}/redeem?branch=main").all("form", id="keypad")
    page = holder.post(f"/vouchers/{voucher.code}/redemptions", form(), status=429)
    assert CLOSED not in page.text
    assert "Try again in 30 seconds." in page.text
    assert offered(page, voucher)


def test_another_shop_s_keypads_are_none_of_its_business(holder, small_world, attack):
    other = small_world.make_merchant(slug="other")
    there = small_world.voucher(
        campaign=small_world.campaign(merchant=other, password=small_world.make_password(merchant=other))
    )
    assert holder.get(f"/vouchers/{there.code}/redeem?branch=main").all("form", id="keypad")


# The merchant's people


def test_every_page_of_the_merchants_says_so(people, attack, small_world):
    for path in (
        "/merchants/lotus/campaigns",
        TEA,
        TEA + "/figures",
        TEA + "/password",
        "/merchants/lotus/branches",
        "/merchants/lotus/members",
        TILL,
    ):
        assert ALARM in people[Role.OWNER].get(path).text, path
    for role in (Role.MANAGER, Role.CASHIER):
        assert ALARM in people[role].get(TILL).text


def test_while_all_is_quiet_no_page_does(people):
    for path in (TEA, TILL):
        page = people[Role.OWNER].get(path)
        assert "keypads are closed" not in page.text
        assert page.all("div", id="alarm"), "where it will be told"


def test_each_is_offered_what_they_may_do(people, attack):
    may = {}
    for role, who in people.items():
        page = who.get(TILL)
        may[role] = (
            bool(page.all("form", action=RENEW)),
            bool(page.all("a", href=TEA + "/password")),
            "Tell an owner or manager" in page.text,
        )
    assert may == {
        Role.OWNER: (True, False, False),
        Role.MANAGER: (False, True, False),
        Role.CASHIER: (False, False, True),
    }


@pytest.mark.parametrize(("path", "id_"), [(TILL, "day"), (TEA + "/figures", "figures")])
def test_an_open_page_hears_of_it_once_and_of_its_end(people, small_world, path, id_):
    who = people[Role.OWNER]

    def ask_after(page: Page, act: Callable[[], object]) -> tuple[Page, bool]:
        """What comes when the page asks again after something happened, and whether the alarm is beside it."""
        [part] = [found for _, found in page.tags if found.get("id") == id_]
        who.get(part["hx-get"], status=204, headers=HTMX)
        act()
        page = who.get(part["hx-get"], headers=HTMX)
        return page, bool(page.all("div", **{"hx-swap-oob": "innerHTML"}))

    def redeem() -> None:
        tea = small_world.voucher(campaign=Campaign.get(slug="tea"))
        small_world.redeem(small_world.take(small_world.counter_code(tea).code, Member.get(role=Role.OWNER)))

    def change() -> None:
        redemption_passwords.change(
            Campaign.get(slug="tea"), None, key=small_world.keys.password, now=small_world.clock()
        )

    page, beside = ask_after(who.get(path), small_world.spend_password)
    assert (beside, ALARM in page.text) == (True, True)
    page, beside = ask_after(page, redeem)
    assert not beside, "what is on the screen already is not said again"
    page, beside = ask_after(page, change)
    assert (beside, ALARM in page.text) == (True, False)


def test_a_page_that_is_whole_says_it_once(people, attack):
    page = people[Role.OWNER].get(TILL, headers=HTMX | {"HX-History-Restore-Request": "true"})
    assert len(page.all("div", id="alarm")) == 1


# One tap


def tap(page: Page) -> dict[str, str]:
    """What the button of the alarm sends."""
    (entry,) = page.all("input", name="replacing")
    return {"replacing": entry["value"]}


def test_an_owner_changes_it_with_one_tap_and_the_keypads_are_back(people, holder, small_world, voucher, attack):
    owner = people[Role.OWNER]
    sent = tap(owner.get(TILL))
    page = owner.post(RENEW, sent, status=200)
    digits = digits_of(small_world)
    assert digits in page.text, "who has just signed in sees it at once"
    assert page.headers["Cache-Control"] == "no-store"
    assert "the keypads are open again" in page.text
    assert "keypads are closed" not in page.text
    assert holder.get(f"/vouchers/{voucher.code}/redeem?branch=main").all("form", id="keypad")
    assert (
        holder.json(f"/vouchers/{voucher.code}/redemptions", method="POST", data=form(password=digits))["outcome"]
        == "redeemed"
    )


def test_a_reload_or_another_owner_s_tap_changes_nothing_more(people, app, small_world, attack):
    sent = tap(people[Role.OWNER].get(TILL))
    people[Role.OWNER].post(RENEW, sent, status=200)
    digits = digits_of(small_world)
    second = PageClient(app).sign_in(small_world.member(role=Role.OWNER))
    for who in (people[Role.OWNER], second):
        page = who.post(RENEW, sent, status=200)
        assert "It had been changed before" in page.text
        assert digits in page.text
    for nonsense in ({}, {"replacing": "1"}, {"replacing": "\0"}, {"replacing": "9" * 5000}):
        people[Role.OWNER].post(RENEW, nonsense, status=200)
    assert digits_of(small_world) == digits


def test_minutes_after_signing_in_it_is_changed_but_not_shown(people, small_world, clock, attack):
    clock.forward(minutes=11)
    owner = people[Role.OWNER]
    page = owner.post(RENEW, tap(owner.get(TILL)), status=200)
    digits = digits_of(small_world)
    assert "the keypads are open again" in page.text
    assert digits not in page.html
    assert page.all("input", name="password"), "the account's, to see it"
    assert digits in owner.post(TEA + "/password", {"password": ACCOUNT_PASSWORD}, status=200).text


@pytest.mark.parametrize("role", [Role.MANAGER, Role.CASHIER])
def test_nobody_else_has_one_made(people, small_world, role, attack):
    before = digits_of(small_world)
    people[role].post(RENEW, {"replacing": redemption_passwords.mark(RedemptionPassword.get())}, status=403)
    assert digits_of(small_world) == before


def test_another_site_taps_for_nobody(people, small_world, attack):
    before = digits_of(small_world)
    sent = tap(people[Role.OWNER].get(TILL))
    people[Role.OWNER].post(RENEW, sent, status=403, headers={"Sec-Fetch-Site": "cross-site"})
    assert digits_of(small_world) == before


def test_the_tills_hear_that_there_is_another_one(people, small_world, attack):
    people[Role.OWNER].post(RENEW, tap(people[Role.OWNER].get(TILL)), status=200)
    for who in people.values():
        page = who.get(TILL)
        assert re.search(r"The password for Oolong, 500 ml was changed at 12:00\sPM\.", page.text)
        assert digits_of(small_world) not in page.html


def test_members_choose_whether_they_are_told(people, holder):
    """What a push says of it: tests/passwords/test_attack_alerts.py."""
    for role, who in people.items():
        ticks = who.get("/account/notifications").all("input", value="under_attack")
        assert bool(ticks) is (role is not Role.CASHIER)
    assert not holder.get("/account/notifications").all("input", value="under_attack")
