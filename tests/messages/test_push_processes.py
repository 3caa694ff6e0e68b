"""Web push as it runs: by `quanbao worker` and `quanbao serve`, killed, doubled, and with a service that hangs."""

import os
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from models import Audience, Delivery
from quanbao.campaigns import editing
from quanbao.messages.push.sender import AT_ONCE, BATCH, FIRST, TOGETHER
from tests.support.crowds import counts, make_customers, start
from tests.support.push_fixtures import Mail, outbox, until
from tests.support.servers import NOON, ROOT, Site

pytestmark = pytest.mark.slow  # starts programs

LATER = NOON.replace("T12:00", "T12:10")  # when the lease of who was killed has run out


@contextmanager
def worker(mail: Mail, now: str = NOON) -> Iterator[subprocess.Popen]:
    """`quanbao worker` on the world's database, and allowed to write to its push service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QUANBAO_", "PG"))}
    url = {"QUANBAO_DATABASE_URL": mail.settings.database_url} if mail.settings.database_url else {}
    env = (
        kept
        | url
        | {"QUANBAO_DATA": str(mail.settings.data), "QUANBAO_NOW": now, "QUANBAO_PUSH_HOSTS": mail.service.origin}
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "worker"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "Working. Stop with Ctrl+C.\n"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def subscribers(world, mail, size: int) -> Counter[str]:
    """So many holders of a campaign that is ended now: each of their browsers is to hear of it, once."""
    campaign = world.campaign()
    for customer in make_customers(world, size):
        world.voucher(campaign=campaign, holder=customer.consumer)
        mail.subscribe(customer.consumer)
    editing.end(campaign, world.clock())
    return Counter(browser.endpoint for browser in mail.service.browsers.values())


def came(mail) -> Counter[str]:
    return Counter(message.browser.endpoint for message in mail.service.inbox)


def test_a_worker_that_is_killed_loses_nothing_and_what_comes_twice_replaces_itself(world, mail):
    browsers = subscribers(world, mail, 300)
    mail.service.delay = 0.1
    with worker(mail) as process:
        until(lambda: len(mail.service.inbox) >= 50, "the first messages")
        process.kill()
        process.wait(10)
    left = len(outbox())
    assert 0 < left <= 300
    with worker(mail, LATER):
        until(lambda: not outbox() and not Delivery.select().exists(), "the rest")
    assert came(mail).keys() == browsers.keys(), "nothing is lost"
    assert sum(came(mail).values()) - 300 <= AT_ONCE + TOGETHER < BATCH + TOGETHER
    said = defaultdict(set)
    for message in mail.service.inbox:
        said[message.browser.endpoint].add((message.headers["topic"], message.tag, message.title))
    assert {len(those) for those in said.values()} == {1}


def test_two_workers_bring_each_message_once(world, mail):
    browsers = subscribers(world, mail, 300)
    with worker(mail), worker(mail):
        until(lambda: len(mail.service.inbox) >= 300 and not outbox(), "all of it")
    assert came(mail) == browsers


def test_a_worker_that_is_told_to_stop_gives_back_what_waits(world, mail):
    browsers = subscribers(world, mail, 300)
    mail.service.delay = 0.1
    with worker(mail) as process:
        until(lambda: len(mail.service.inbox) >= 20, "the first messages")
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert len(mail.service.inbox) + len(outbox()) == 300
    with worker(mail):  # at the same time: nobody has to wait for a lease
        until(lambda: not outbox(), "the rest")
    assert came(mail) == browsers


def test_serve_brings_messages_itself(world, mail):
    mail.subscribe()
    with Site(mail.settings, QUANBAO_PUSH_HOSTS=mail.service.origin):
        world.voucher()
        until(lambda: mail.service.inbox, "the message")
    assert mail.titles() == ["New: Oolong, 500 ml"]


@pytest.mark.parametrize("where", ["QUANBAO_CONTACT", "local"])
def test_without_a_contact_nothing_leaves(world, mail, where):
    """The public address of a site whose operator is nowhere to be found; the control names somebody."""
    mail.subscribe()
    public = {"QUANBAO_BASE_URL": "https://vouchers.example"}
    contact = {"QUANBAO_CONTACT": "mailto:operator@example.org"} if where == "QUANBAO_CONTACT" else {}
    with Site(mail.settings, QUANBAO_PUSH_HOSTS=mail.service.origin, **public, **contact):
        world.voucher()
        late = world.campaign()
        publication = start(world, late, Audience.CUSTOMERS, [row.id for row in make_customers(world, 3)])
        until(lambda: counts(publication)[2] == 3, "the work of the same worker")
        if contact:
            until(lambda: not outbox(), "the message")
    assert bool(mail.titles()) is bool(contact)


def test_a_service_that_hangs_holds_up_no_publication(world, mail):
    subscribers(world, mail, 150)
    mail.service.hang = threading.Event()
    with Site(mail.settings, QUANBAO_PUSH_HOSTS=mail.service.origin):
        until(lambda: len(mail.service.requests) >= FIRST, "messages that hang")
        people = make_customers(world, 50)
        publication = start(world, world.campaign(), Audience.CUSTOMERS, [row.id for row in people])
        until(lambda: counts(publication)[0] == 50, "the publication")
        assert mail.service.inbox == []
    mail.service.hang.set()
    assert len(outbox()) >= 150, "nothing is lost"
