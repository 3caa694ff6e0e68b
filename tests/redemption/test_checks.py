"""Why a voucher is refused: every reason by itself, every two of them at once, and each condition's edges.

A reason is a row of FAULTS, in the contract's order; singles and pairs are made from the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest
from peewee import IntegrityError

from models import Attempt, Branch, Campaign, Customer, CustomerGroup, Voucher
from quanbao.redemption import checks
from quanbao.redemption.case import case as case_of
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import wallet
from tests.support.factories import WRONG, World, utc

NOW = utc("2026-12-01T12:00:00+08:00")  # where the world's clock stands
LATER = utc("2026-12-01T12:00:01+08:00")
RIGHT = {"branch": "main", "amount": 5000, "offer_price": 1800}


def redeem(world: World, voucher: Voucher, times: int = 1) -> None:
    """What happened before; it has to pass, or the fault that it prepares is not there."""
    for _ in range(times):
        assert world.attempt(voucher, **RIGHT).redeemed


def spend(world: World, voucher: Voucher) -> None:
    redeem(world, voucher, voucher.uses)


def another_redeems(world: World, voucher: Voucher) -> None:
    redeem(world, world.voucher(campaign=voucher.campaign, holder=world.account()))


def holder_redeems_elsewhere(world: World, voucher: Voucher) -> None:
    redeem(world, world.voucher(campaign=world.campaign(), holder=voucher.consumer))


def holder_redeems_another(world: World, voucher: Voucher) -> None:
    redeem(world, world.voucher(campaign=voucher.campaign, holder=voucher.consumer))


@dataclass(frozen=True)
class Fault:
    """How to bring one fault about: what happens `before`, then columns of the rows, then what is sent."""

    campaign: dict[str, Any] = field(default_factory=dict)
    voucher: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)
    uses: int = 1
    before: Callable[[World, Voucher], None] = lambda world, voucher: None


FAULTS = {
    Reason.REVOKED: Fault(voucher={"revoked_at": NOW}),
    Reason.CAMPAIGN_ENDED: Fault(campaign={"ended_at": NOW}),
    Reason.NOT_YET_VALID: Fault(campaign={"starts_at": LATER}),
    Reason.EXPIRED: Fault(campaign={"ends_at": NOW}),
    Reason.OUTSIDE_HOURS: Fault(campaign={"hours": [["10:00", "12:00"]]}),
    Reason.SOLD_OUT: Fault(campaign={"quantity": Campaign.redeemed}, before=another_redeems),
    Reason.GROUP_ONLY: Fault(campaign={"groups": ["regulars"]}),
    Reason.NEW_CUSTOMERS_ONLY: Fault(campaign={"new_customers_only": True}, before=holder_redeems_elsewhere),
    Reason.CUSTOMER_LIMIT_REACHED: Fault(campaign={"per_consumer": 1}, before=holder_redeems_another),
    Reason.MINIMUM_SPEND: Fault(campaign={"minimum_spend": 5000}, sent={"amount": 4999}),
    Reason.WRONG_BRANCH: Fault(campaign={"branch_slugs": ["main"]}, sent={"branch": "river"}),
    Reason.PRICE_CHANGED: Fault(campaign={"offer_price": 1900}, sent={"offer_price": 1800}),
    Reason.ALREADY_REDEEMED: Fault(before=spend),
    Reason.USED_UP: Fault(uses=2, before=spend),
}
AT_THE_TILL = {Reason.MINIMUM_SPEND, Reason.WRONG_BRANCH, Reason.PRICE_CHANGED}  # no page can tell these beforehand
NOT_CHECKS = {  # the reasons of the other statuses
    Reason.NOT_FOUND,
    Reason.MALFORMED,
    Reason.TOO_MANY_ATTEMPTS,
    Reason.BUSY,
    Reason.PASSWORD_INCORRECT,
    Reason.PASSWORD_USED,
}
IMPOSSIBLE = {
    (Reason.NOT_YET_VALID, Reason.EXPIRED): "a period ends after it has started; the table refuses any other",
    (Reason.ALREADY_REDEEMED, Reason.USED_UP): "a voucher is good for one use or for several",
}
SECOND_WINS = {(Reason.SOLD_OUT, Reason.ALREADY_REDEEMED), (Reason.SOLD_OUT, Reason.USED_UP)}
PAIRS = [pair for pair in combinations(FAULTS, 2) if pair not in IMPOSSIBLE]


def stage(world: World, *reasons: Reason) -> tuple[Voucher, dict[str, Any]]:
    """A new consumer's voucher with exactly these faults, and what its phone sends."""
    faults = [FAULTS[reason] for reason in reasons]
    campaign = world.campaign(uses_per_voucher=max([fault.uses for fault in faults], default=1))
    voucher = world.voucher(campaign=campaign, holder=world.account())
    sent = dict(RIGHT)
    for fault in faults:
        fault.before(world, voucher)
    for fault in faults:
        change(campaign, **fault.campaign)
        change(voucher, **fault.voucher)
        sent |= fault.sent
    case = case_of(wallet.held(voucher.code, voucher.consumer), NOW, checks.TillEntry(**sent))
    assert {reason for reason, is_wrong in checks.CHECKS.items() if is_wrong(case)} == set(reasons)
    return voucher, sent


def change(row: Campaign | Voucher, **columns: Any) -> None:
    if columns:
        columns |= {"version": Campaign.version + 1} if isinstance(row, Campaign) else {}
        type(row).update(**columns).where(type(row).id == row.id).execute()


def told(world: World, *reasons: Reason) -> tuple[Reason | None, Reason | None]:
    """What the holder's page says before anybody types, and what the till then says."""
    voucher, sent = stage(world, *reasons)
    page = checks.foreseen(case_of(wallet.held(voucher.code, voucher.consumer), world.clock()))
    return page, world.attempt(voucher, **sent).reason


def winner(*reasons: Reason) -> Reason | None:
    """The contract's answer to at most two faults, given in its order."""
    return reasons[-1] if reasons in SECOND_WINS else next(iter(reasons), None)


def expected(*reasons: Reason) -> tuple[Reason | None, Reason | None]:
    return winner(*[reason for reason in reasons if reason not in AT_THE_TILL]), winner(*reasons)


def outcomes(world: World, campaign: Campaign, sent: list[dict[str, Any]]) -> list[str | None]:
    """The reasons, each of a fresh voucher of the campaign in Mei's wallet; none where it passed."""
    return [world.attempt(world.voucher(campaign=campaign), **one).reason for one in sent]


# Every reason, and every two


def test_every_reason_of_a_check_has_a_row_here_in_the_same_order():
    """Whoever adds a reason adds a row, and with it the pairs that it makes."""
    assert list(FAULTS) == list(checks.CHECKS) == [reason for reason in Reason if reason not in NOT_CHECKS]
    assert IMPOSSIBLE.keys() | SECOND_WINS <= set(combinations(FAULTS, 2))


def test_without_a_fault_it_is_redeemed(world):
    """Otherwise the rows would show nothing."""
    assert told(world) == (None, None)


def test_every_reason_by_itself(world):
    """The page says the same as the till, and the trace ends with the check that failed."""
    assert {reason: told(world, reason) for reason in FAULTS} == {reason: expected(reason) for reason in FAULTS}
    made = ["password_incorrect", *FAULTS]
    traces = Attempt.select().where(Attempt.reason.is_null(False)).order_by(Attempt.id)
    assert [row.trace for row in traces] == [
        [[check, check != reason] for check in made[: made.index(reason) + 1]] for reason in FAULTS
    ]


@pytest.mark.slow
def test_of_two_faults_the_first_in_the_order_is_told(world):
    """On the page as well; a sold-out campaign alone gives way to a voucher that is spent itself."""
    assert {pair: told(world, *pair) for pair in PAIRS} == {pair: expected(*pair) for pair in PAIRS}


def test_a_period_cannot_lie_ahead_and_behind(world):
    with pytest.raises(IntegrityError):
        world.campaign(starts_at=LATER, ends_at=NOW)


def test_a_spent_voucher_is_told_exactly_where_sold_out_would_be(world):
    """With a third fault: an earlier one still wins, a later one no longer matters."""
    sold_out = list(FAULTS).index(Reason.SOLD_OUT)
    earlier, later = list(FAULTS)[:sold_out], list(FAULTS)[sold_out + 1 : -2]
    spent = Reason.ALREADY_REDEEMED
    got = {other: told(world, other, Reason.SOLD_OUT, spent)[1] for other in earlier + later}
    assert got == {other: other for other in earlier} | dict.fromkeys(later, spent)


def test_the_password_is_checked_before_all_of_them(world):
    """Who cannot type it learns nothing about the voucher."""
    for reason in FAULTS:
        voucher, sent = stage(world, reason)
        assert world.attempt(voucher, typed=WRONG, **sent).reason is Reason.PASSWORD_INCORRECT
        assert Attempt.select().order_by(Attempt.id.desc()).get().trace == [["password_incorrect", False]]


# The edges of the conditions


def test_the_limit_counts_redemptions_of_the_holders_other_vouchers_of_the_campaign(world):
    """Redemptions, not vouchers; nobody else's, no other campaign's, and never the voucher's own."""
    campaign = world.campaign(uses_per_voucher=3, per_consumer=2)
    first, second = world.voucher(campaign=campaign), world.voucher(campaign=campaign)
    holder_redeems_elsewhere(world, first)
    another_redeems(world, first)
    redeem(world, first)
    redeem(world, second, 3)
    assert world.attempt(first).reason is Reason.CUSTOMER_LIMIT_REACHED


def test_new_is_who_has_redeemed_no_other_voucher_of_the_merchant(world):
    """Another merchant's customer is new here, and so is the holder of vouchers that were never used."""
    campaign = world.campaign(uses_per_voucher=2, new_customers_only=True)
    voucher, unused = world.voucher(campaign=campaign), world.voucher(campaign=campaign)
    elsewhere = world.make_merchant(slug="rose")
    abroad = world.campaign(merchant=elsewhere, password=world.make_password(merchant=elsewhere))
    redeem(world, world.voucher(campaign=abroad))
    another_redeems(world, voucher)
    redeem(world, voucher, 2)
    assert world.attempt(unused).reason is Reason.NEW_CUSTOMERS_ONLY


def test_a_campaign_for_groups_is_for_members_of_any_of_them(world):
    """The customer's own groups at this merchant; the same name at another one is another group."""
    voucher = world.voucher(campaign=world.campaign(groups=["regulars", "students"]))
    elsewhere = world.make_merchant(slug="rose")
    stranger = Customer.create(merchant=elsewhere, consumer=world.mei, address="mei@example.org", first_seen_at=NOW)
    CustomerGroup.create(customer=stranger, name="regulars")
    world.group("regulars", holder=world.account())
    world.group("staff")
    assert world.attempt(voucher).reason is Reason.GROUP_ONLY
    world.group("students")
    assert world.attempt(voucher).redeemed


def test_a_minimum_spend_is_reached_by_the_amount_itself(world):
    sent = [{}, {"amount": 0}, {"amount": 4999}, {"amount": 5000}, {"amount": 5001}]
    short = Reason.MINIMUM_SPEND
    assert outcomes(world, world.campaign(minimum_spend=5000), sent) == [short, short, short, None, None]
    assert outcomes(world, world.campaign(), [{}, {"amount": 0}]) == [None, None]


def test_a_branch_that_is_named_must_be_one_of_the_campaigns(world):
    """Unrestricted, that is any of the merchant's own, or none named; restricted, one must be."""
    Branch.create(merchant=world.make_merchant(slug="rose"), slug="their-own", name="Elsewhere")
    sent = [{}, {"branch": "main"}, {"branch": "river"}, {"branch": "unknown"}, {"branch": "their-own"}]
    wrong = Reason.WRONG_BRANCH
    assert outcomes(world, world.campaign(), sent) == [None, None, None, wrong, wrong]
    assert outcomes(world, world.campaign(branch_slugs=["main"]), sent) == [wrong, None, wrong, wrong, wrong]
    both = world.campaign(branch_slugs=["main", "river"])
    assert outcomes(world, both, sent) == [wrong, None, None, wrong, wrong]


def test_a_price_that_was_shown_must_be_the_offer_price(world):
    """Not sent, it is not checked; nothing at all is a price too."""
    sent = [{}, {"offer_price": 1800}, {"offer_price": 1799}, {"offer_price": 1801}, {"offer_price": 0}]
    changed = Reason.PRICE_CHANGED
    assert outcomes(world, world.campaign(), sent) == [None, None, changed, changed, changed]
    free = [{}, {"offer_price": 0}, {"offer_price": 1}]
    assert outcomes(world, world.campaign(offer_price=0), free) == [None, None, changed]


def test_exchange_vouchers_have_no_price_to_check(world):
    sent = [{}, {"offer_price": 0}, {"offer_price": 1}]
    for kind in ("prize", "gift", "giveaway"):
        assert outcomes(world, world.campaign(kind=kind), sent) == [None, None, None]
