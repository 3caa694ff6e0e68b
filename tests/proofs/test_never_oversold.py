"""A campaign is never oversold: far more consumers than it has to give to, with vouchers good for one to five uses.

While they redeem, somebody else looks at the campaign and its ledger again and again.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest

from database import db, snapshot, write_transaction
from models import Campaign, Redemption, Voucher
from tests.proofs import size
from tests.support.push_fixtures import until
from tests.support.racing import (
    assert_figures_agree,
    assert_figures_differ,
    batches,
    crowd,
    engine,
    fire,
    ledger,
    persist,
    tally,
    tries,
)
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("never oversold"), pytest.mark.race]

QUANTITY, CONSUMERS = size((50, 1000), (1000, 20_000))
AT_ONCE = 1000  # requests let go together
EAGER = 3  # how often each of the first tries at once: some of their vouchers are good for so many uses, some not
PROCESSES = size(2, 4)
REFUSALS = {"sold_out", "already_redeemed", "used_up"}
PAUSE = 0.02  # seconds between two looks

Look = tuple[int, int]  # what the campaign says was redeemed, and how many rows the ledger has


def test_a_campaign_is_never_oversold(world, database, proved):
    campaign = world.campaign(quantity=QUANTITY)
    holders = [holder for _ in range(CONSUMERS // 1000) for holder in crowd(database, world, campaign, 1000)]
    for uses in range(1, 6):
        codes = [holder.code for holder in holders[uses - 1 :: 5]]
        Voucher.update(uses=uses, uses_left=uses).where(Voucher.code.in_(codes)).execute()
    eager = holders[: QUANTITY // 2]
    requests, answers = tries(eager, EAGER) + tries(holders[len(eager) :]), []
    with Site(database, world, processes=PROCESSES) as site, sampled(campaign) as looks:
        for some in batches(requests, AT_ONCE):
            answers += persist(site, some)
    assert wrong(looks, QUANTITY) == []
    told = tally(answers)
    assert told[200, None] == ledger().total() == QUANTITY
    assert set(told) - {(200, None)} <= {(409, reason) for reason in REFUSALS}
    assert len(answers) == len(requests)
    assert_figures_agree(database, world)
    uses = Counter(ledger().values())
    proved(
        f"{engine(database)}: {CONSUMERS:,} consumers, {QUANTITY:,} redemptions of {len(ledger()):,} vouchers "
        f"used up to {max(uses)} times, never more in {len(looks):,} looks"
    )


@contextmanager
def sampled(campaign: Campaign) -> Iterator[list[Look]]:
    """What campaign and ledger say at one moment, again and again, on a connection of its own."""
    looks, stop = [look(campaign)], Event()

    def run() -> None:
        try:
            while not stop.wait(PAUSE):
                looks.append(look(campaign))
        finally:
            db.close()

    with ThreadPoolExecutor(1) as beside:
        sampling = beside.submit(run)
        try:
            yield looks
        finally:
            stop.set()
        sampling.result()
    looks.append(look(campaign))


def wrong(looks: list[Look], quantity: int) -> list[Look]:
    """Those that saw more than there is, or a campaign and a ledger that do not agree."""
    return [(redeemed, rows) for redeemed, rows in looks if not redeemed == rows <= quantity]


def look(campaign: Campaign) -> Look:
    with snapshot():
        rows = Redemption.select().where(Redemption.campaign == campaign).count()
        return Campaign.get_by_id(campaign.id).redeemed, rows


def test_control_an_unguarded_campaign_is_oversold(world, database, proved):
    campaign = world.campaign(quantity=5)
    holders = crowd(database, world, campaign, 32)
    with Site(database, world, "no_guards", processes=2) as site, sampled(campaign) as looks:
        answers = fire(site, tries(holders))
    assert wrong(looks[:-1], campaign.quantity), "before the end"
    assert ledger().total() > campaign.quantity
    assert tally(answers)[200, None] > campaign.quantity
    assert_figures_differ(database, world, "redeemed")
    proved(f"{engine(database)} unguarded: {ledger().total()} of {campaign.quantity}")


def test_control_what_is_wrong_for_a_moment_is_seen(world, database):
    """One more than the ledger has, and put right again: only the looks meanwhile can tell."""
    campaign = world.campaign(quantity=5)
    with sampled(campaign) as looks:
        for by in (1, -1):
            more = Campaign.update(redeemed=Campaign.redeemed + by).where(Campaign.id == campaign.id)
            write_transaction(more.execute)
            seen = len(looks)
            until(lambda: len(looks) > seen + 1, "two looks")  # noqa: B023
    assert wrong(looks, campaign.quantity)
    assert wrong([looks[0], looks[-1]], campaign.quantity) == []
