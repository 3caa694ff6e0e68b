"""A redemption over HTTP, two processes, beside a bare function and a pretix check-in."""

from collections.abc import Iterator
from contextlib import ExitStack

from bench import bare, peer
from bench.harness import Plan, Row, Side, Stage, in_turn, row
from tests.support.racing import Request, crowd
from tests.support.servers import Site

CLIENTS = (8, 32)
LESS = {"SQLite": ">= 30", "PostgreSQL": ">= 10"}  # processor time than pretix
MORE = {"SQLite": ">= 25", "PostgreSQL": ""}  # requests a second than pretix


def measure(stage: Stage, plan: Plan) -> Iterator[Row]:
    with ExitStack() as leaving:
        site = leaving.enter_context(Site(stage.settings, stage.world, processes=bare.PROCESSES))
        where = bare.prepare(stage)
        sides = [ours(stage, site), bare.side(stage, leaving.enter_context(bare.Bare("redeem", where)), where)]
        if peer.is_installed():
            sides.append(peer.side(stage, leaving))
        for clients in CLIENTS:
            found = in_turn(sides, plan, clients)
            mine, least, other = found["quanbao"], found["bare"], found.get("pretix")
            what, engine = f"redemption, {clients} clients", stage.engine
            yield row(f"{what}: requests", engine, "bare", ">= 0.5", mine.rates, least.rates, "a second")
            yield row(f"{what}: processor", engine, "bare", "", mine.costs, least.costs, "ms")
            if other:
                yield row(f"{what}: requests", engine, "pretix", MORE[engine], mine.rates, other.rates, "a second")
                less = row(f"{what}: processor, how many times less", engine, "pretix", LESS[engine],
                           other.costs, mine.costs, "ms")  # fmt: skip
                less.ours, less.theirs = less.theirs, less.ours
                yield less


def ours(stage: Stage, site: Site) -> Side:
    """One voucher a holder, of one campaign without conditions."""
    campaign = stage.world.campaign(quantity=10**9)

    def make(count: int) -> list[bytes]:
        people = crowd(stage.settings, stage.world, campaign, count)
        parts = [Request(holder).parts(site.port) for holder in people]
        return [b"".join(part).replace(b"Connection: close\r\n", b"") for part in parts]

    return Side("quanbao", site.port, [site.keeper.pid, *stage.roots], make, b'"redeemed"')
