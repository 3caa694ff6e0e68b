"""Whatever is sent, nothing of ours fails: no 5xx, no traceback, no memory that grows, and the tills go on.

Requests of every kind of malice go to every route, from strangers, consumers, cashiers and owners, while somebody
honest redeems at another merchant's. The same requests come in each run: a seed and a number make one. The tests named
control see what a careless application does.
"""

import re
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice

import pytest

from tests.attacks.malformed_requests import HIDDEN, Malice, house
from tests.attacks.request_flood import Flood, Outcome, Till, memory
from tests.conftest import SQLITE
from tests.proofs import engine, size
from tests.support.factories import World
from tests.support.racing import assert_figures_agree, crowd
from tests.support.servers import Site
from web import create_app

pytestmark = [pytest.mark.promise("bad input"), pytest.mark.race]

REQUESTS = size(5_000, 250_000)  # on each engine
CARELESS = 4_000
WARM = size(3_500, 50_000)  # requests until every thread has had the largest of what it gets
A_HOUSE = size(1_000, 5_000)  # requests until the next merchant is attacked
SEED = "2026-11-28"
MEGABYTE = 1024 * 1024
BOUND = size(32, 64) * MEGABYTE  # of all processes together, once they are warm
# Lines of the log that say of no fault.
QUIET = re.compile(r"Serving on|The clock|\S+Z (WARNING|INFO) (refused: (403|429) |signed |wrong password)")
CLOSED = {"set_up.show", "set_up.set_up"}  # there is nothing to set up any more


@pytest.fixture
def malice(world, database) -> Malice:
    houses = [house(database, world, f"house-{number}") for number in range(size(5, 50))]
    return Malice(create_app(database), houses, seed=SEED, each=A_HOUSE)


@dataclass(frozen=True)
class Attacked:
    """What came of it: the answers, what the honest till heard, what the server wrote, and how it grew."""

    outcome: Outcome
    till: Till
    log: str
    warm: int
    end: int


def attacked(settings, world: World, malice: Malice, requests: int, control: str | None = None) -> Attacked:
    [honest] = crowd(settings, world, world.campaign(uses_per_voucher=10_000, quantity=10**6), 1)
    attacks = (malice.attack(number) for number in range(requests))
    proxies = {"QUANBAO_TRUSTED_PROXIES": "1"}  # so that everybody comes from somewhere else, and no limit ends it
    with Site(settings, world, control, processes=1, **proxies) as site, Till(site.port, honest) as till:
        flood = Flood(site.port)
        flood.send(islice(attacks, min(WARM, requests * 3 // 4)))
        warm = memory(site)
        flood.send(attacks)
        return Attacked(flood.outcome, till, (site.folder / "log").read_text(errors="replace"), warm, memory(site))


def test_nothing_fails_whatever_is_sent(world, database, malice, proved):
    found = attacked(database, world, malice, REQUESTS)
    outcome, till = found.outcome, found.till
    assert not outcome.wrong, "\n\n".join([f"{len(outcome.wrong)} of {REQUESTS}, seed {SEED}", *outcome.wrong[:5]])
    assert [line for line in found.log.splitlines() if not QUIET.match(line)] == []
    assert outcome.statuses[503] <= REQUESTS / 1000
    assert set(till.told) == {(200, None)}
    assert found.end - found.warm < BOUND
    assert {rule.endpoint for rule in malice.rules} - CLOSED - outcome.reached == set()
    assert_figures_agree(database, world)
    proved(
        f"{engine()}: {REQUESTS:,} requests, {len(till.told)} redeemed meanwhile, {found.warm // MEGABYTE} MB and "
        f"then {found.end // MEGABYTE}"
    )


POST = b"POST /sign-in HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
SMUGGLED = {
    "two lengths": POST + b"Content-Length: 0\r\n" + LENGTH + b"\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 34\r\n\r\n",
    "a signed length": POST + b"Content-Length: +0\r\n\r\n",
    "no length": POST + b"Content-Length:\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 34\r\n\r\n",
    "length and chunks": POST + LENGTH + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks and length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "a coding with a tab": POST + b"Transfer-Encoding:\tchunked\r\n" + LENGTH + b"\r\n0\r\n\r\n",
    "an odd coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks and a coding": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunks in 1.0": POST.replace(b"1.1", b"1.0") + CHUNKED + b"Connection: keep-alive\r\n\r\n0\r\n\r\n",
    "a folded header": POST + b"X: a\r\n " + LENGTH + b"\r\n",
    "a bare return": POST + b"X: a\r" + LENGTH + b"\r\n",
    "a zero in a header": POST + b"X: a\0b\r\n\r\n",
    "a space before a header": POST + b" " + LENGTH + b"\r\n",
    "less than no chunk": POST + CHUNKED + b"\r\n-1\r\n\r\n",
    "a chunk too large": POST + CHUNKED + b"\r\n" + b"f" * 18 + b"\r\n",
    "a chunk in another notation": POST + CHUNKED + b"\r\n0x0\r\n\r\n",
    "a chunk too long": POST + CHUNKED + b"\r\n1\r\nab\r\n0\r\n\r\n",
    "a chunk that ends in half": POST + CHUNKED + b"\r\n0;a\nb\r\n\r\n",
    "an old request": b"GET /offline\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


def answers(port: int, request: bytes) -> list[bytes]:
    """The statuses of all that is answered, until the server has nothing more to say."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as connection:
        connection.sendall(request)
        with suppress(ConnectionError):
            return re.findall(rb"HTTP/1\.[01] (\d{3})", b"".join(iter(lambda: connection.recv(65536), b"")))
    return []


def test_no_request_is_smuggled_in_another(small_world, sqlite):
    """What two readers may end in two places has one answer at most, and the connection is closed behind it."""
    with Site(sqlite, small_world, processes=1) as site:
        told = {name: answers(site.port, request + HIDDEN) for name, request in SMUGGLED.items()}
    assert {name: statuses for name, statuses in told.items() if len(statuses) > 1 or b"200" in statuses} == {}


def test_control_two_requests_have_two_answers(small_world, sqlite):
    with Site(sqlite, small_world, processes=1) as site:
        last = HIDDEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert answers(site.port, POST + b"Content-Length: 0\r\n\r\n" + last) == [b"422", b"200"]


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
def test_control_carelessness_is_seen(world, database, malice):
    found = attacked(database, world, malice, CARELESS, "no_error_handling")
    assert found.outcome.statuses[500]
    assert any("tells [b'Traceback" in wrong or "answered 500" in wrong for wrong in found.outcome.wrong)
    assert found.end - found.warm > BOUND
