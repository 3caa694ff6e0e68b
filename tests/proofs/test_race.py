"""Redemptions raced over HTTP against a server of two processes, on both engines.

The last three tests are the control: without the guards the same races must do damage, or they prove nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import pytest

from models import Attempt, Guess, Redemption, Voucher
from quanbao import unguarded
from quanbao.budgets import CONSUMER_FREE
from quanbao.reasons import Reason
from tests.racing import Answer, Holder, Request, Site, check, crowd, fire, persist

pytestmark = [pytest.mark.promise("exactly once"), pytest.mark.race]

AT_ONCE = 16  # for each voucher: as many as two processes work on at a time
UNGUARDED = "tests.unguarded"


def test_every_voucher_is_redeemed_exactly_once(world, database):
    campaign = world.campaign(quantity=1000)
    holders, answers = crowd(database, world, campaign, 200), []
    with Site(database, world) as site:
        for some in batches(holders, 10):
            answers += fire(site, tries(some, AT_ONCE))
    settled = [answer for answer in answers if not answer.is_busy]
    assert tally(settled) == {(200, None): 200, (409, "already_redeemed"): len(settled) - 200}
    assert ledger() == {voucher.id: 1 for voucher in Voucher.select()}
    assert_figures_agree(database, world)


def test_a_campaign_is_never_oversold(world, database):
    campaign = world.campaign(quantity=50)
    holders = crowd(database, world, campaign, 1000)
    with Site(database, world) as site:
        answers = persist(site, tries(holders))
    assert tally(answers) == {(200, None): 50, (409, "sold_out"): 950}
    assert Counter(ledger().values()) == {1: 50}
    assert_figures_agree(database, world)


def test_guesses_sent_at_once_are_compared_no_more_often(world, database):
    [holder] = crowd(database, world, world.campaign(), 1)
    with Site(database, world) as site:
        answers = fire(site, guesses(holder))
    refused = [answer for answer in answers if answer.status != 403 and not answer.is_busy]
    assert all((answer.status, answer.reason) == (429, "too_many_attempts") for answer in refused)
    assert all(answer.retry_after for answer in refused)
    assert 0 < compared() <= CONSUMER_FREE
    assert tally(answers)[403, "password_incorrect"] == compared()
    assert Guess.select().where(Guess.wrong).count() == Guess.select().count() == compared()
    assert ledger() == {}


def test_control_unguarded_vouchers_are_redeemed_again(world, database):
    unguarded.drop_last_guard()
    holders, answers = crowd(database, world, world.campaign(), 5), []
    with Site(database, world, UNGUARDED) as site:
        for holder in holders:
            answers += fire(site, tries([holder], AT_ONCE))
    assert len({answer.process for answer in answers}) == 2
    assert ledger().total() > len(holders)
    assert tally(answers)[200, None] > len(holders)
    assert_figures_differ(database, world, "uses_left")


def test_control_an_unguarded_campaign_is_oversold(world, database):
    campaign = world.campaign(quantity=5)
    holders = crowd(database, world, campaign, 32)
    with Site(database, world, UNGUARDED) as site:
        answers = fire(site, tries(holders))
    assert ledger().total() > campaign.quantity
    assert tally(answers)[200, None] > campaign.quantity
    assert_figures_differ(database, world, "redeemed")


def test_control_unguarded_guesses_are_compared_more_often(world, database):
    [holder] = crowd(database, world, world.campaign(), 1)
    with Site(database, world, UNGUARDED) as site:
        fire(site, guesses(holder))
    assert compared() > CONSUMER_FREE


def batches(holders: Sequence[Holder], size: int) -> Iterable[Sequence[Holder]]:
    return (holders[start:start + size] for start in range(0, len(holders), size))


def tries(holders: Iterable[Holder], each: int = 1) -> list[Request]:
    """The right password, under an attempt id of its own each time."""
    return [Request(holder) for holder in holders for _ in range(each)]


def guesses(holder: Holder) -> list[Request]:
    """Sixty different wrong passwords."""
    return [Request(holder, password=f"{number}") for number in range(700_100, 700_160)]


def tally(answers: Iterable[Answer]) -> Counter[tuple[int, str | None]]:
    return Counter((answer.status, answer.reason) for answer in answers)


def ledger() -> Counter[int]:
    """How often each voucher was redeemed."""
    return Counter(voucher for (voucher,) in Redemption.select(Redemption.voucher).tuples())


def compared() -> int:
    """How many wrong passwords were looked at: those tries were stored."""
    return Attempt.select().where(Attempt.reason == Reason.PASSWORD_INCORRECT).count()


def assert_figures_agree(database, world) -> None:
    result = check(database, world)
    assert (result.returncode, result.stderr) == (0, "")


def assert_figures_differ(database, world, figure: str) -> None:
    result = check(database, world)
    assert result.returncode == 1
    assert f" {figure}: " in result.stderr
