"""What session, page and cookie cost together: a holder's keypad page, beside Flask's hello on the same server."""

from collections.abc import Iterator
from contextlib import ExitStack

from bench import bare
from bench.harness import Plan, Row, Side, Stage, in_turn, row
from tests.support.racing import crowd
from tests.support.servers import Site

CLIENTS = 8
GET = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\nCookie: {cookie}\r\n\r\n"


def measure(stage: Stage, plan: Plan) -> Iterator[Row]:
    with ExitStack() as leaving:
        site = leaving.enter_context(Site(stage.settings, stage.world, processes=bare.PROCESSES))
        hello = leaving.enter_context(bare.Bare("hello"))
        holder, *_ = crowd(stage.settings, stage.world, stage.world.campaign(), 1)
        keypad = page("keypad", stage, site, f"/vouchers/{holder.code}/redeem?branch=main", holder.cookie)
        least = Side("hello", hello.port, [hello.keeper.pid], same(hello.port, "/", ""), b"Hello")
        found = in_turn([keypad, least], plan, CLIENTS)
    ours, theirs = found["keypad"].costs, found["hello"].costs
    yield row("session, page, cookie: processor", stage.engine, "Flask hello", "<= 6", ours, theirs, "ms")


def page(name: str, stage: Stage, site: Site, path: str, cookie: str) -> Side:
    return Side(name, site.port, [site.keeper.pid, *stage.roots], same(site.port, path, cookie), b"HTTP/1.1 200")


def same(port: int, path: str, cookie: str):
    """Makes the same request as often as one wants."""
    request = GET.format(path=path, port=port, cookie=cookie).encode()
    return lambda count: [request] * count
