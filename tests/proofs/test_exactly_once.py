"""A voucher that many tills try at the same moment is redeemed once: on SQLite, on PostgreSQL, and behind PgBouncer.

Every try is sent twice, as a bad network does: the two are one attempt and hear the same.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pytest

from models import Voucher
from quanbao.operations import unguarded
from tests.conftest import POSTGRESQL
from tests.proofs import size
from tests.support.racing import (
    Answer,
    Holder,
    Request,
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

pytestmark = [pytest.mark.promise("exactly once"), pytest.mark.race]

CAMPAIGNS, VOUCHERS = size((4, 25), (20, 50))  # vouchers of each campaign
AT_ONCE = size(16, 64)  # requests for each voucher, all let go together
TOGETHER = size(20, 15)  # vouchers in a burst
PROCESSES = size(2, 4)


def test_every_voucher_is_redeemed_exactly_once(world, database, proved):
    proved(f"{engine(database)}: {race(world, database)}")


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_every_voucher_is_redeemed_exactly_once_behind_pgbouncer(world, database, pgbouncer, proved):
    proved(f"pgbouncer: {race(world, replace(database, database_url=pgbouncer.url('test')))}")


def race(world, settings) -> str:
    """The whole race on a site with these settings; what it proved."""
    holders = [holder for _ in range(CAMPAIGNS) for holder in crowd(settings, world, world.campaign(), VOUCHERS)]
    verdicts, sent = defaultdict(set), 0
    with Site(settings, world, processes=PROCESSES) as site:
        for some in batches(holders, TOGETHER):
            requests = sent_twice(some)
            sent += len(requests)
            for request, answer in zip(requests, persist(site, requests), strict=True):
                if not answer.is_busy:
                    verdicts[request.holder.code, request.attempt_id].add((answer.status, answer.reason))
    assert_one_verdict_each(verdicts, len(holders))
    assert ledger() == {voucher.id: 1 for voucher in Voucher.select()}
    assert_figures_agree(settings, world)
    return f"{len(holders):,} vouchers × {AT_ONCE} requests, {sent:,} in all: {ledger().total():,} redemptions"


def sent_twice(holders: Sequence[Holder]) -> list[Request]:
    """As many requests for each voucher as are to come at once, two and two of them the same attempt."""
    return [
        Request(first.holder, attempt_id=first.attempt_id) for first in tries(holders, AT_ONCE // 2) for _ in range(2)
    ]


def assert_one_verdict_each(verdicts: dict[tuple[str, str], set], vouchers: int) -> None:
    """Each attempt heard one thing; one attempt at each voucher, that it was redeemed."""
    assert set(map(frozenset, verdicts.values())) == {frozenset({(200, None)}), frozenset({(409, "already_redeemed")})}
    redeemed = [code for (code, _), heard in verdicts.items() if (200, None) in heard]
    assert len(redeemed) == len(set(redeemed)) == vouchers


def test_control_unguarded_vouchers_are_redeemed_again(world, database, proved):
    unguarded.drop_last_guard()
    holders: list[Holder] = crowd(database, world, world.campaign(), 5)
    answers: list[Answer] = []
    with Site(database, world, "no_guards", processes=2) as site:
        for holder in holders:
            answers += fire(site, tries([holder], 16))
    assert len({answer.process for answer in answers}) == 2
    assert ledger().total() > len(holders)
    assert tally(answers)[200, None] > len(holders)
    assert_figures_differ(database, world, "uses_left")
    proved(f"{engine(database)} unguarded: {ledger().total()} of {len(holders)}")
