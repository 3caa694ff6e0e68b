"""No endpoint leads our server inside: what is not at a push service is neither kept, nor looked up, nor connected to,
and of what a push service answers nothing is kept or shown but its status.

Nearly two thousand endpoints (tests/attacks/inside_endpoints.py) are sent to the real server as a browser would, then
written into its database as an older version or a restored backup could have left them; all that its processes look
up or connect to is overheard. Then the names lie, and then the push service itself.
"""

import asyncio
import json
import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection

import pytest
import requests
from pywebpush import WebPusher

from config import PUSH_HOSTS
from database import db
from models import Delivery, Session, Subscription, Voucher
from quanbao.messages.push import http_client
from quanbao.messages.push.http_client import Wire
from quanbao.messages.push.vapid import public_key
from tests.attacks import inside_endpoints
from tests.controls.recorded_connections import heard
from tests.proofs import engine
from tests.support.factories import World
from tests.support.page_client import PageClient
from tests.support.push_fixtures import outbox, until
from tests.support.push_service import PushService
from tests.support.racing import Holder, crowd
from tests.support.servers import Site
from web import create_app

pytestmark = [pytest.mark.promise("push cannot reach inside"), pytest.mark.race]

SECRET = "the-inside-said-this"
PUBLIC = "8.8.8.8"
FCM = f"https://{PUSH_HOSTS[0]}"


class Trap:
    """Somebody inside, at `port` of 127.0.0.1 and ::1, who counts those that knock."""

    def __init__(self):
        self.knocks, self.doors = 0, [socket.create_server(("127.0.0.1", 0))]
        self.port = self.doors[0].getsockname()[1]
        with suppress(OSError):  # a machine without IPv6
            self.doors.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for door in self.doors:
            threading.Thread(target=self._open, args=(door,), daemon=True).start()

    def _open(self, door: socket.socket) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                door.accept()[0].close()
                self.knocks += 1

    def close(self) -> None:
        for door in self.doors:
            door.shutdown(socket.SHUT_RDWR)
            door.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


class Attacker:
    """A signed-in consumer who says that a browser is anywhere."""

    def __init__(self, world: World, settings, service: PushService):
        self.service, self.settings, self.clock = service, settings, world.clock
        self.holder: Holder = crowd(settings, world, world.campaign(), 1)[0]
        self.voucher = Voucher.get(Voucher.code == self.holder.code)
        self.keys = service.browser().document["keys"]

    def post(self, port: int, endpoints: list[str]) -> list[tuple[int, str]]:
        """What the server answered to each: status, and the field that it names."""
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Cookie": self.holder.cookie, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
        answers = []
        for endpoint in endpoints:
            document = json.dumps({"endpoint": endpoint, "keys": self.keys})
            connection.request("POST", "/push/subscriptions", document, headers)
            answer = connection.getresponse()
            body = answer.read()
            answers.append((answer.status, json.loads(body)["field"] if answer.status == 422 else ""))
        connection.close()
        return answers

    def smuggle(self, services: dict[str, str]) -> None:
        """Straight into the tables: subscriptions at these endpoints, of these services."""
        account = self.voucher.consumer_id
        same = self.keys | {
            "session": Session.get(Session.account == account).id,
            "account": account,
            "created_at": self.clock(),
            "vapid_key": public_key(self.settings.vapid_key),
            "origin": "http://localhost",
            "language": "en",
        }
        _insert(Subscription, [same | {"endpoint": one, "service": service} for one, service in services.items()])

    def announce(self) -> None:
        """A message is on its way to each."""
        now = self.clock()
        same = {"voucher": self.voucher.id, "event": "redeemed", "due_at": now, "made_at": now}
        _insert(Delivery, [same | {"subscription": row.id} for row in Subscription.select(Subscription.id)])


def _insert(table: type, rows: list[dict]) -> None:
    for start in range(0, len(rows), 200):
        table.insert_many(rows[start : start + 200]).execute()


def naive(endpoint: str) -> str:
    """The origin as the eye has it."""
    return "/".join(endpoint.split("/")[:3])


@pytest.fixture
def attacker(world, database, push_service) -> Attacker:
    return Attacker(world, database, push_service)


@pytest.fixture
def site(world, database, push_service, tmp_path):
    def open_(control: str) -> Site:
        return Site(
            database, world, control, processes=1, HEARD=str(tmp_path / "heard"), QUANBAO_PUSH_HOSTS=push_service.origin
        )

    return open_


def test_no_endpoint_leads_inside(site, attacker, trap, tmp_path, proved):
    service, file = attacker.service, tmp_path / "heard"
    endpoints = inside_endpoints.endpoints(service.origin, trap.port)
    assert len(endpoints) > 1000
    kept = [endpoint for endpoint in endpoints if "\x00" not in endpoint]  # PostgreSQL keeps none of these
    posted = endpoints if engine() == "sqlite" else endpoints[::20]  # they do not come as far as the database
    with site("recorded_connections") as server:
        assert set(attacker.post(server.port, posted)) == {(422, "endpoint")}
        assert not Subscription.select().exists()
        attacker.smuggle({one: FCM if number % 2 else naive(one) for number, one in enumerate(kept)})
        attacker.announce()
        until(lambda: not outbox(), "the messages are struck off")
        assert (heard(file), trap.knocks) == ([], 0)
        Subscription.delete().execute()
        attacker.smuggle({service.browser().endpoint: service.origin})
        attacker.announce()
        until(lambda: service.requests, "a message to where it may go")
        log = (server.folder / "log").read_text()
    lines = [re.sub(r"^\S+Z WARNING ", "", line) for line in log.splitlines()]
    assert {line.split(" ")[0] for line in lines} == {"The", "Serving", "push:"}, "nobody forges a line"
    assert heard(file) == [["look up", "127.0.0.1", str(service.port)], ["connect", "127.0.0.1", str(service.port)]]
    proved(f"{engine()}: {len(posted):,} endpoints posted, {len(kept):,} smuggled, none looked up or connected to")


def test_control_who_believes_endpoints_knocks_inside(site, attacker, trap, tmp_path):
    endpoints = [
        one
        for one in inside_endpoints.endpoints(attacker.service.origin, trap.port)
        if one.startswith("http://") and one.endswith(f":{trap.port}/x")
    ][:20]
    with site("any_endpoint") as server:
        assert {status for status, _ in attacker.post(server.port, endpoints)} == {201}
        attacker.announce()
        until(lambda: trap.knocks, "somebody knocks")
    assert heard(tmp_path / "heard")


# Names that lie


class Resolver:
    """The system's, told what to answer in turn, by way of an alias; and nobody is connected to, but written down."""

    def __init__(self, monkeypatch):
        self.answers: list[list[str]] = []
        self.asked, self.connected = 0, []

        async def getaddrinfo(loop, host, port, **_):
            self.asked += 1
            return [(0, socket.SOCK_STREAM, 6, "inside.example", (address, port)) for address in self.answers.pop(0)]

        async def sock_connect(loop, door, address):
            self.connected.append(address[0])
            raise ConnectionRefusedError

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", sock_connect)

    def post(self, *answers: list[str]) -> None:
        """As many messages to a push service, which is said to be there."""

        async def send() -> None:
            line = Wire(PUSH_HOSTS)
            for _ in answers:
                assert await line.post(f"{FCM}/x", FCM, b"body", {"TTL": "60"}) == http_client.Answer(None)

        self.answers = list(answers)
        asyncio.run(send())


@pytest.fixture
def resolver(monkeypatch) -> Resolver:
    return Resolver(monkeypatch)


def test_no_name_leads_inside(resolver, proved):
    of_inside = inside_endpoints.addresses()
    lies = [lie for one in of_inside for lie in ([one], [PUBLIC, one], [one, PUBLIC], [PUBLIC, PUBLIC, one])]
    resolver.post(*lies)
    assert (resolver.asked, resolver.connected) == (len(lies), [])
    changing = [[address] for one in of_inside for address in (PUBLIC, one)]
    resolver.post(*changing)
    assert resolver.asked == len(lies) + len(changing), "one look-up a message: the address that was checked is it"
    assert resolver.connected == [PUBLIC] * len(of_inside)
    proved(f"{len(lies) + len(changing)} answers of a lying resolver, no address inside connected to")


def test_control_who_takes_any_address_connects_inside(resolver, monkeypatch):
    monkeypatch.setattr(http_client, "is_public", lambda address: True)
    resolver.post(*[[address] for address in inside_endpoints.V4])
    assert resolver.connected == list(inside_endpoints.V4)


# A push service that is not what it seems


REDIRECTS = (300, 301, 302, 303, 305, 307, 308)


def wherever(trap: Trap) -> dict[str, str]:
    """Headers that send a client on, or that a log might show."""
    inside = f"http://127.0.0.1:{trap.port}/{SECRET}"
    return {
        "Location": inside,
        "Content-Location": inside,
        "Refresh": f"0; url={inside}",
        "Link": f"<{inside}>",
        "Alt-Svc": f'h2="127.0.0.1:{trap.port}"',
        "Set-Cookie": f"a={SECRET}",
        "Retry-After": SECRET,
        "WWW-Authenticate": f"Basic realm={SECRET}",
    }


def everything_kept() -> str:
    """All rows of all tables."""
    return "".join(str(db.execute_sql(f'SELECT * FROM "{table}"').fetchall()) for table in db.get_tables())


@pytest.mark.parametrize("length", [1000, 64 * 1024 * 1024], ids=["some words", "far too many"])
def test_what_a_push_service_says_is_neither_followed_nor_kept_nor_shown(world, mail, trap, caplog, length, proved):
    caplog.set_level(logging.DEBUG)
    mail.service.words = (SECRET.encode() * (length // len(SECRET) + 1))[:length]
    statuses = (*REDIRECTS, 200, 202, 400, 401, 403, 407, 413, 429, 500, 503)
    person = world.account()
    for status in statuses:
        mail.service.will_answer(mail.subscribe(person), (status, wherever(trap)))
    world.voucher(holder=person)
    mail.bring()
    assert len(mail.service.requests) == len(statuses)
    assert mail.service.given < len(statuses) * 16 * 1024 * 1024, "a long body is not read to its end"
    client = PageClient(create_app(mail.settings, clock=world.clock)).sign_in(person)
    shown = "".join(client.get(page).html for page in ("/account", "/account/notifications", "/wallet"))
    for found in (caplog.text, everything_kept(), shown):
        assert len(found) > 100
        assert SECRET not in found
    assert trap.knocks == 0
    proved(f"{engine()}: {len(statuses)} statuses with redirects and bodies of {length:,} bytes: none followed or kept")


def test_control_a_library_that_follows_redirects_knocks_inside(mail, trap):
    browser = mail.subscribe()
    mail.service.will_answer(browser, (307, wherever(trap)))
    with pytest.raises(requests.ConnectionError):
        WebPusher(browser.document).send(b"body")
    until(lambda: trap.knocks, "somebody knocks")
