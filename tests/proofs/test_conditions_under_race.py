"""Of two vouchers that exclude each other only one is redeemed, also when both are tried at the same moment."""

from itertools import chain

import pytest

from models import Account, Campaign, Voucher
from quanbao.vouchers import issuing
from tests.proofs import size
from tests.support.racing import (
    Answer,
    Holder,
    Request,
    assert_figures_agree,
    batches,
    crowd,
    engine,
    fire,
    ledger,
    persist,
)
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("conditions hold under a race"), pytest.mark.race]

PAIRS = size(50, 500)
AT_ONCE = 100  # pairs let go together
CONTROLS = 8  # pairs: as many requests as two processes work on at a time

Pair = tuple[Holder, Holder]

each_condition = pytest.mark.parametrize("condition", ["customer_limit_reached", "new_customers_only"])


@each_condition
def test_only_one_of_two_is_redeemed(world, database, condition, proved):
    both = pairs(database, world, excluding(world, condition), PAIRS)
    with Site(database, world, processes=2) as site:
        answers = list(chain.from_iterable(together(persist, site, some) for some in batches(both, AT_ONCE)))
    for pair in answers:
        assert {(answer.status, answer.reason) for answer in pair} == {(200, None), (409, condition)}
    assert len(ledger()) == ledger().total() == PAIRS
    assert_figures_agree(database, world)
    proved(f"{engine(database)} {condition}: {PAIRS} pairs, one each")


@each_condition
def test_control_without_the_customers_lock_both_are_redeemed(world, database, condition, proved):
    both = pairs(database, world, excluding(world, condition), CONTROLS)
    with Site(database, world, "no_customer_lock", processes=2) as site:
        answers = together(fire, site, both)
    twice = [pair for pair in answers if all(answer.status == 200 for answer in pair)]
    assert twice
    assert ledger().total() > CONTROLS
    proved(f"{engine(database)} unlocked: both of {len(twice)} of {CONTROLS}")


def excluding(world, condition: str) -> tuple[Campaign, Campaign]:
    """The campaigns of a pair's vouchers: one that a consumer may redeem once, or two for new customers."""
    if condition == "customer_limit_reached":
        campaign = world.campaign(per_consumer=1, quantity=1000)
        return campaign, campaign
    return tuple(world.campaign(new_customers_only=True, quantity=1000) for _ in range(2))


def pairs(settings, world, campaigns: tuple[Campaign, Campaign], count: int) -> list[Pair]:
    """New consumers with a voucher of each of the two campaigns."""
    first, second = campaigns
    holders = crowd(settings, world, first, count)
    consumer = dict(Voucher.select(Voucher.code, Voucher.consumer).where(Voucher.campaign == first).tuples())
    consumers = list(Account.select().where(Account.id.in_(list(consumer.values()))))
    already = {voucher.id for voucher in Voucher.select(Voucher.id)}
    issuing.issue(second, consumers, world.clock(), already=int(first == second))
    other = {voucher.consumer_id: voucher.code for voucher in Voucher.select() if voucher.id not in already}
    return [(holder, Holder(holder.cookie, other[consumer[holder.code]])) for holder in holders]


def together(send, site: Site, both: list[Pair]) -> list[tuple[Answer, Answer]]:
    """The answers to each pair's two tries, all let go at once."""
    answers = send(site, [Request(holder) for holder in chain.from_iterable(both)])
    return list(zip(answers[::2], answers[1::2], strict=True))
