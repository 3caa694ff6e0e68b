"""What grows with the rows: pages and redemptions of a small and of a large database, each with a server of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from bench import redemption
from bench.harness import Plan, Row, Side, Stage, in_turn, opened, row, stage
from bench.pages import page
from database import db
from models import Account, Campaign, Role
from tests.support.large_ledgers import fill
from tests.support.racing import sign_in
from tests.support.servers import Site

CLIENTS = 2
SHOP = "/merchants/lotus"
OF_CUSTOMERS = {  # page: its address, of a merchant with so many customers and redemptions
    "customers searched": SHOP + "/customers?q=99%40",
    "publish form": SHOP + "/campaigns/{slug}/publications",
    "till page": SHOP + "/till",
}
OF_ALL = {"wallet": "/wallet", "figures": SHOP + "/campaigns/{slug}/figures"}


def measure(one: Stage, plan: Plan) -> Iterator[Row]:
    yield from compare(one, plan, 20_000, 1_000_000, "<= 1.5", lambda *of: pages(*of, OF_CUSTOMERS))
    with stage(one.engine) as fresh:
        yield from compare(fresh, plan, 1_000, 5_000_000, "<= 1.2", lambda *of: [redeeming(*of), *pages(*of, OF_ALL)])


def compare(
    small: Stage, plan: Plan, few: int, many: int, goal: str, sides: Callable[..., list[Side]]
) -> Iterator[Row]:
    few, many = plan.rows(few), plan.rows(many)
    with ExitStack() as leaving:
        large = leaving.enter_context(stage(small.engine))
        asked = []
        for there, size in ((small, few), (large, many)):
            opened(there.settings)
            campaign = fill(there.world, size)
            site = leaving.enter_context(Site(there.settings, there.world, processes=1))
            asked.append(sides(there, site, campaign))
        for one, other in zip(*asked, strict=True):
            what, one.name, other.name = one.name, "small", "large"
            found = in_turn([one, other], plan, CLIENTS)
            yield row(
                f"{what}, {many:,}: processor", small.engine, f"{few:,}", goal,
                found["large"].costs, found["small"].costs, "ms",
            )  # fmt: skip
        db.close()


def pages(there: Stage, site: Site, campaign: Campaign, wanted: dict[str, str]) -> list[Side]:
    """As the owner sees them; the wallet is a customer's own."""
    owner = there.world.member(role=Role.OWNER)
    holder = Account.get(Account.email == f"{campaign.slug}-1")
    cookies = sign_in(there.settings, there.world, [owner, holder])
    return [
        page(name, there, site, path.format(slug=campaign.slug), cookies[path == "/wallet"])
        for name, path in wanted.items()
    ]


def redeeming(there: Stage, site: Site, _: Campaign) -> Side:
    side = redemption.ours(there, site)
    side.name, make = "redemption", side.make

    def made(count: int) -> list[bytes]:
        opened(there.settings)
        return make(count)

    side.make = made
    return side
