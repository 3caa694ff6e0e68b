"""Push services that hang, or never finish what they say, while thousands of messages wait: the tills do not notice.

A measurement, so in the long form alone. The last test is the control.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median, quantiles

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from database import db
from models import Delivery, Session, Subscription, Voucher
from quanbao.messages.push.vapid import public_key
from tests.proofs import engine
from tests.support.factories import World
from tests.support.push_fixtures import until
from tests.support.push_service import Browser
from tests.support.racing import Phone, crowd
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("a stalled neighbour"), pytest.mark.race]

PAIRS = 5
REDEMPTIONS = 500  # in a measurement
HELD_UP = 40  # in one of the control's, half a second each
WAITING = 1000  # messages for each service
BOUND = 1.25  # times as long, the slowest twentieth of the redemptions
SERVICES = r"""
import asyncio

async def hang(reader, writer):
    await reader.read()

async def drip(reader, writer):
    try:
        writer.write(b"HTTP/1.1 201 Created\r\nX-Slow: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.5)
    except ConnectionError:
        writer.close()

async def main():
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512) for serve in (hang, drip, hang, drip)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def services() -> Iterator[list[str]]:
    """Two that hang and two that drip, in a process of their own."""
    process = subprocess.Popen([sys.executable, "-c", SERVICES], stdout=subprocess.PIPE, text=True)
    yield [f"http://127.0.0.1:{port}" for port in process.stdout.readline().split()]
    process.kill()
    process.communicate()


class Shop:
    """A till, and browsers at these push services that are to be told a thousand things each."""

    def __init__(self, world: World, settings, services: list[str]):
        self.world, self.settings, self.services = world, settings, services
        campaign = world.campaign(quantity=1_000_000, uses_per_voucher=10_000)
        self.holder, *others = crowd(settings, world, campaign, 1 + len(services))
        self.neighbours = []
        for service, other in zip(services, others, strict=True):
            voucher = Voucher.get(Voucher.code == other.code)
            self.neighbours.append((voucher, self._subscribe(service, voucher)))

    def _subscribe(self, service: str, voucher: Voucher) -> Subscription:
        browser = Browser(f"{service}/send/1", ec.generate_private_key(ec.SECP256R1()), os.urandom(16))
        return Subscription.create(
            session=Session.get(Session.account == voucher.consumer_id),
            account=voucher.consumer_id,
            endpoint=browser.endpoint,
            service=service,
            vapid_key=public_key(self.settings.vapid_key),
            origin="https://vouchers.example",
            language="en",
            created_at=self.world.clock(),
            **browser.document["keys"],
        )

    def p95(self, *, stalled: bool, control: str | None = None, redemptions: int = REDEMPTIONS) -> float:
        """Seconds that nineteen of twenty redemptions take at most, by a server that has just been started."""
        Delivery.delete().execute()
        if stalled:
            for voucher, subscription in self.neighbours:
                now = self.world.clock()
                Delivery.insert_many(
                    [
                        {
                            "subscription": subscription.id,
                            "voucher": voucher.id,
                            "event": "redeemed",
                            "about": number,
                            "due_at": now,
                            "made_at": now,
                        }
                        for number in range(WAITING)
                    ]
                ).execute()
        db.close()
        with Site(self.settings, self.world, control, processes=2, QUANBAO_PUSH_HOSTS=" ".join(self.services)) as site:
            if stalled and control is None:
                until(lambda: Delivery.select().where(Delivery.tries > 0).count() > 100, "messages under way")
            phone = Phone(site.port)
            took = [self._redeem(phone) for _ in range(20 + redemptions)][20:]
        return quantiles(took, n=20)[-1]

    def _redeem(self, phone: Phone) -> float:
        began = time.perf_counter()
        status, _ = phone.redeem(self.holder)
        assert status == 200
        return time.perf_counter() - began


def test_the_tills_do_not_notice(world, database, services, proved):
    shop, ratios = Shop(world, database, services), []
    for number in range(PAIRS):
        first = shop.p95(stalled=bool(number % 2))
        second = shop.p95(stalled=not number % 2)
        ratios.append(first / second if number % 2 else second / first)
    assert median(ratios) <= BOUND, ratios
    proved(
        f"{engine()}: p95 {median(ratios):.2f} times that without messages "
        f"({min(ratios):.2f} to {max(ratios):.2f}), {len(services) * WAITING:,} waiting"
    )


def test_control_who_sends_in_the_request_makes_it_slower(world, database, services):
    shop = Shop(world, database, services)
    slow = shop.p95(stalled=True, control="push_before_answer", redemptions=HELD_UP)
    assert slow > BOUND * shop.p95(stalled=False, redemptions=HELD_UP)
