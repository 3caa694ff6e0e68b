"""The list of what happened at a campaign's tills, as its merchant's members read it."""

import pytest

from models import Role
from quanbao.people import accounts, personal_data
from quanbao.reports import attempt_log
from tests.support.factories import WRONG
from tests.support.page_client import Page


def seen(entries: list[attempt_log.Entry]) -> list[tuple]:
    return [(entry.reason, entry.branch, entry.receipt and entry.receipt["number"]) for entry in entries]


@pytest.fixture
def campaign(world):
    """Two redemptions and two refusals, each of its own kind."""
    campaign = world.campaign(uses_per_voucher=2)
    voucher = world.voucher(campaign=campaign)
    world.attempt(voucher, branch="main", amount=12300)
    world.attempt(voucher, typed=WRONG)
    world.attempt(voucher, branch="river")
    world.attempt(voucher)
    world.attempt(world.voucher(holder=world.account()))  # of another campaign
    return campaign


@pytest.mark.parametrize(
    ("only", "found"),
    [
        ("", [("used_up", "", None), (None, "river", 1), ("password_incorrect", "", None), (None, "main", 1)]),
        ("redeemed", [(None, "river", 1), (None, "main", 1)]),
        ("refused", [("used_up", "", None), ("password_incorrect", "", None)]),
        ("used_up", [("used_up", "", None)]),
        ("sold_out", []),
    ],
)
def test_the_newest_first_all_or_some(campaign, only, found):
    assert seen(attempt_log.entries(campaign, only)) == found
    assert seen(attempt_log.all_entries(campaign, only)) == found
    for most in (1, 2, 3):
        first = attempt_log.entries(campaign, only, most=most)
        rest = attempt_log.entries(campaign, only, before=first[-1].number) if first else []
        assert seen(first + rest) == found, "what is older begins where the page before ended"


def test_the_trace_says_what_was_checked_and_in_which_order(campaign):
    used_up, passed, wrong, _ = attempt_log.entries(campaign)
    assert wrong.trace == [["password_incorrect", False]]
    assert used_up.trace[0] == ["password_incorrect", True]
    assert used_up.trace[-1] == ["used_up", False]
    assert [name for name, _ in passed.trace][:-1] == [name for name, _ in used_up.trace][:-1]
    assert all(good for _, good in passed.trace)


def test_whoever_deleted_their_account_is_nobody_and_the_ledger_stays(world, campaign, clock):
    before = seen(attempt_log.entries(campaign))
    personal_data.delete(world.mei, accounts.start_session(world.mei, clock()), clock())
    assert seen(attempt_log.entries(campaign)) == before
    assert {entry.customer for entry in attempt_log.entries(campaign)} == {""}


# The page


def at(client, query: str = "") -> Page:
    return client.get(f"/merchants/lotus/campaigns/tea/attempts{query}")


@pytest.fixture
def tea(client, small_world):
    client.sign_in(small_world.member(role=Role.MANAGER))
    return small_world.campaign(slug="tea", uses_per_voucher=60)


def test_fifty_on_a_page_and_the_older_behind_a_link(client, small_world, tea):
    voucher = small_world.voucher(campaign=tea)
    for _ in range(attempt_log.A_PAGE + 1):
        small_world.attempt(voucher, branch="main")
    page = at(client)
    assert (page.text.count("Riverside"), page.text.count("Main Street")) == (0, attempt_log.A_PAGE)
    [older] = [link["href"] for link in page.all("a") if "before=" in link["href"]]
    page = client.get(older)
    assert page.text.count("Main Street") == 1
    assert not [link for link in page.all("a") if "before=" in link["href"]]


def test_number_and_words_are_those_of_the_receipt(client, small_world, tea):
    verdict = small_world.attempt(small_world.voucher(campaign=tea), branch="river", amount=12300)
    text = at(client).text
    assert f"No. {verdict.receipt['number']} · {verdict.receipt['words']}" in text
    for words in ("Riverside", "¥123", "mei@example.org"):
        assert words in text


def test_who_is_gone_has_a_name_for_that(client, small_world, tea, clock):
    small_world.attempt(small_world.voucher(campaign=tea))
    personal_data.delete(small_world.mei, accounts.start_session(small_world.mei, clock()), clock())
    text = at(client).text
    assert "A customer without an address" in text
    assert "mei@" not in text


@pytest.mark.parametrize(
    "query",
    [
        "?before=0",
        "?before=-1",
        "?before=x",
        "?before=" + "9" * 40,
        "?which=%00",
        "?which=' OR 1=1",
        "?before=9223372036854775807",
        "?before=²",
    ],
)
def test_what_nobody_asks_for_is_no_fault_of_ours(client, small_world, tea, query):
    small_world.attempt(small_world.voucher(campaign=tea))
    at(client, query)
