"""Whatever is sent, nothing of ours fails: no 5xx, no traceback, no memory that grows, and the tills go on.

Requests of every kind of malice go to every route, from strangers, consumers, cashiers and owners, while somebody
honest redeems at another merchant's. The last test is the control.
"""

from dataclasses import dataclass
from itertools import islice

import pytest

from tests.factories import World
from tests.flood import Flood, Outcome, Till, memory
from tests.houses import house
from tests.malice import Malice
from tests.proofs import engine, size
from tests.racing import Site, assert_figures_agree, crowd
from web import create_app

pytestmark = [pytest.mark.promise("bad input"), pytest.mark.race]

REQUESTS = size(5_000, 250_000)  # on each engine
CARELESS = 2_000
A_HOUSE = 1_000  # requests until the next merchant is attacked
SEED = "2026-11-28"
MEGABYTE = 1024 * 1024
BOUND = size(32, 64) * MEGABYTE  # of all processes together, once they are warm
CLOSED = {"set_up.show", "set_up.set_up"}  # there is nothing to set up any more
@pytest.fixture
def malice(world, database) -> Malice:
    houses = [house(database, world, f"house-{number}") for number in range(size(4, 40))]
    return Malice(create_app(database), houses, seed=SEED, each=A_HOUSE)


@dataclass(frozen=True)
class Attacked:
    """What came of it: the answers, what the honest till heard, what the server wrote, and how it grew."""

    outcome: Outcome
    till: Till
    log: str
    warm: int
    end: int


def attacked(settings, world: World, malice: Malice, requests: int, program: str = "cli") -> Attacked:
    """The server is warm when it has seen a quarter of the requests."""
    [honest] = crowd(settings, world, world.campaign(uses_per_voucher=10_000, quantity=10**6), 1)
    attacks = (malice.attack(number) for number in range(requests))
    with Site(settings, world, program, processes=1, QUANBAO_TRUSTED_PROXIES="1") as site, Till(site.port, honest) as till:
        flood = Flood(site.port)
        flood.send(islice(attacks, requests // 4))
        warm = memory(site)
        flood.send(attacks)
        return Attacked(flood.outcome, till, (site.folder / "log").read_text(errors="replace"), warm, memory(site))


def test_nothing_fails_whatever_is_sent(world, database, malice, proved):
    found = attacked(database, world, malice, REQUESTS)
    outcome, till = found.outcome, found.till
    assert not outcome.wrong, "\n\n".join([f"{len(outcome.wrong)} of {REQUESTS}, seed {SEED}", *outcome.wrong[:5]])
    assert [line for line in found.log.splitlines() if not line.startswith(("Serving on", "The clock"))] == []
    assert outcome.statuses[503] <= REQUESTS / 1000
    assert set(till.told) == {(200, None)}
    assert found.end - found.warm < BOUND
    assert {rule.endpoint for rule in malice.rules} - CLOSED <= outcome.reached
    assert_figures_agree(database, world)
    proved(f"{engine()}: {REQUESTS:,} requests, {len(till.told)} redeemed meanwhile, {found.warm // MEGABYTE} MB and "
           f"then {found.end // MEGABYTE}")


def test_control_carelessness_is_seen(world, database, malice):
    found = attacked(database, world, malice, CARELESS, "tests.careless")
    assert found.outcome.statuses[500]
    assert any("tells [b'Traceback" in wrong or "answered 500" in wrong for wrong in found.outcome.wrong)
    assert found.end - found.warm > BOUND
