"""Where messages may go: what browsers say is checked when it is kept, and again when it is sent to."""

import asyncio
from threading import Event as Flag

import pytest

from config import PUSH_HOSTS
from models import Subscription
from quanbao.messages.push import http_client, subscriptions
from quanbao.messages.push.endpoints import LONGEST, is_public, service_of
from quanbao.messages.push.http_client import Wire
from tests.support.push_fixtures import outbox

OPERATORS = (
    "push.example",
    "http://127.0.0.1:8081",
    "https://inside.example:8443",
    "http://[::1]:9",
    "relay.example:444",
    "https://plain.example:443",
    "http://web.example",
)
HOSTS = (*PUSH_HOSTS, *OPERATORS)
FCM = "https://fcm.googleapis.com"

GOOD = {
    f"{FCM}/fcm/send/cX0:APA91bH-_": FCM,
    f"{FCM}/": FCM,
    f"{FCM}:443/fcm/send/x": FCM,
    "https://FCM.GoogleAPIs.com/fcm/send/x": FCM,
    "https://jmt17.google.com/fcm/send/x": "https://jmt17.google.com",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAA-_": "https://updates.push.services.mozilla.com",
    "https://web.push.apple.com/QGuQyavXutnMH": "https://web.push.apple.com",
    "https://api.web.push.apple.com/x": "https://api.web.push.apple.com",
    "https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%2b%3d": "https://wns2-par02p.notify.windows.com",
    "https://push.example/x": "https://push.example",
    "https://a.b.push.example/x;y=1,2!~*'()|@:": "https://a.b.push.example",
    "http://127.0.0.1:8081/send/1": "http://127.0.0.1:8081",
    "http://[::1]:9/send/1": "http://[::1]:9",
    "https://inside.example:8443/x": "https://inside.example:8443",
    "https://relay.example:444/x": "https://relay.example:444",
    "https://plain.example/x": "https://plain.example",
    "https://plain.example:443/x": "https://plain.example",
    "http://web.example:80/x": "http://web.example",
}
HOSTILE = [
    # not an address, or not one of https
    "",
    " ",
    "/",
    "fcm.googleapis.com",
    "//fcm.googleapis.com/x",
    "https:/fcm.googleapis.com/x",
    "https:fcm.googleapis.com",
    "http://fcm.googleapis.com/x",
    "HTTPS//fcm.googleapis.com/x",
    "ftp://fcm.googleapis.com/x",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:text/plain,x",
    "gopher://fcm.googleapis.com/x",
    "wss://fcm.googleapis.com/x",
    "https://",
    "https:///x",
    FCM,
    f"{FCM}?x",
    f"{FCM}#x",
    # other ports
    f"{FCM}:80/x",
    f"{FCM}:8443/x",
    f"{FCM}:0/x",
    f"{FCM}:/x",
    f"{FCM}:443443/x",
    f"{FCM}:443:443/x",
    f"{FCM}:0443/x",
    f"{FCM}:+443/x",
    f"{FCM}:４４３/x",
    f"{FCM}:443@evil.example/x",
    # somebody in front of the host
    "https://user@fcm.googleapis.com/x",
    "https://user:word@fcm.googleapis.com/x",
    "https://@fcm.googleapis.com/x",
    "https://:@fcm.googleapis.com/x",
    "https://fcm.googleapis.com@evil.example/x",
    "https://evil.example\\@fcm.googleapis.com/x",
    "https://fcm.googleapis.com%40evil.example/x",
    "https://evil.example#@fcm.googleapis.com/x",
    "https://evil.example?@fcm.googleapis.com/x",
    "https://fcm.googleapis.com:x@evil.example/",
    # a known host at the wrong place
    "https://evil.example/fcm.googleapis.com/x",
    "https://evil.example/?fcm.googleapis.com",
    "https://127.0.0.1:9200/fcm.googleapis.com/",
    "https://127.0.0.1/a.google.com/",
    "https://fcm.googleapis.com.evil.example/x",
    "https://evilfcm.googleapis.com/x",
    "https://fcm-googleapis.com/x",
    "https://fcmXgoogleapis.com/x",
    "https://googleapis.com/x",
    "https://storage.googleapis.com/x",
    "https://google.com/x",
    "https://mozilla.com/x",
    "https://evil.mozilla.com/x",
    "https://apple.com/x",
    "https://push.apple.com/x",
    "https://windows.com/x",
    "https://xnotify.windows.com/x",
    "https://evilpush.example/x",
    "https://example/x",
    # hosts that are none
    "https://.fcm.googleapis.com/x",
    "https://fcm.googleapis.com./x",
    "https://fcm..googleapis.com/x",
    "https://-a.push.example/x",
    "https://a-.push.example/x",
    "https://a_b.push.example/x",
    "https://*.push.example/x",
    "https://a%2eb.push.example/x",
    "https://fcm.googleapis.com%00.evil.example/x",
    "https://fcm.googleapis.com\x00/x",
    f"https://{'a' * 64}.push.example/x",
    f"https://{'a.' * 130}push.example/x",
    # letters that look like others, or become others
    "https://fcm.googleapis.cоm/x",
    "https://ｆcm.googleapis.com/x",
    "https://fcm。googleapis.com/x",
    "https://fcm.googleapis．com/x",
    "https://ⓕcm.googleapis.com/x",
    "https://fcm.googleapıs.com/x",
    "https://fcm.googleapiſ.com/x",
    "https://\u200bfcm.googleapis.com/x",
    "https://fcm.google\u00adapis.com/x",
    "https://KFC.push.example\u2044evil/x",
    f"{FCM}/ü",
    f"{FCM}/\u202e",
    f"{FCM}/😀",
    f"{FCM}/\ud800",
    # addresses instead of names
    "https://127.0.0.1/x",
    "https://127.1/x",
    "https://2130706433/x",
    "https://0x7f000001/x",
    "https://0177.0.0.1/x",
    "https://0/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[fe80::1%25eth0]/x",
    "https://169.254.169.254/x",
    "https://8.8.8.8/x",
    "https://localhost/x",
    "https://[fcm.googleapis.com]/x",
    "https://1.push.example.1/x",
    # what splits a request, or is read in two ways
    f"{FCM}/x y",
    f"{FCM}/x\r\nHost: evil.example",
    f"{FCM}/x\n",
    f"\n{FCM}/x",
    f" {FCM}/x",
    f"{FCM}/x\t",
    f"{FCM}\\x",
    f"{FCM}/\\evil.example",
    "https:\\\\fcm.googleapis.com\\x",
    f"{FCM}/x#y",
    f"{FCM}/\x7f",
    f"{FCM}/<x>",
    f'{FCM}/"x"',
    f"{FCM}/^x",
    f"{FCM}/`x`",
    f"{FCM}/{'x' * LONGEST}",
    # an operator's origin, nearly
    "http://127.0.0.1:8082/x",
    "http://127.0.0.1:80811/x",
    "http://127.0.0.1/x",
    "https://127.0.0.1:8081/x",
    "http://127.0.0.1:8081",
    "http://127.0.0.1:8081@evil.example/x",
    "http://127.0.0.1:8081.evil.example/x",
    "http://127.0.0.1:8081\\x",
    "http://127.0.0.1:8081?x",
    "http://127.0.0.1:8081#x",
    "http://127.0.0.1:8081/x y",
    "http://user@127.0.0.1:8081/x",
    "https://inside.example/x",
    "https://a.inside.example:8443/x",
    "http://inside.example:8443/x",
    "http://plain.example/x",
    "https://web.example/x",
    "http://[::1]:91/x",
    "https://relay.example/x",
]


@pytest.mark.parametrize("endpoint", GOOD)
def test_push_services_and_what_the_operator_names(endpoint):
    assert service_of(endpoint, HOSTS) == GOOD[endpoint]


def test_there_are_enough_shapes():
    assert len(set(HOSTILE)) >= 100


@pytest.mark.parametrize("endpoint", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_endpoints_are_none(endpoint):
    assert service_of(endpoint, HOSTS) is None


def test_hostile_endpoints_are_not_kept(push_service, settings):
    document = push_service.browser().document
    for endpoint in HOSTILE:
        with pytest.raises(subscriptions.Refused, match="endpoint"):
            subscriptions.read(document | {"endpoint": endpoint}, HOSTS)
    for endpoint in GOOD:
        assert subscriptions.read(document | {"endpoint": endpoint}, HOSTS).service == GOOD[endpoint]


class Asked:
    """Whoever looks names up; it answers with this, and remembers that it was asked."""

    def __init__(self, *answers: list[str]):
        self.answers, self.asked = list(answers), []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def nobody_connects(monkeypatch):
    """Notes who would have been connected to; nobody is."""
    asked = []

    async def connect(host, port, **_):
        asked.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(http_client.asyncio, "open_connection", connect)
    return asked


INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:0:7f00:1::",
    "fec0::1",
    "3fff::1",
    "192.88.99.1",
    "64:ff9b:1:7f00:0:100:808:808",
    "2600::5efe:7f00:1",
    "::8.8.8.8",
    "4000::1",
    "nonsense",
    "",
]
OUTSIDE = [
    "8.8.8.8",
    "142.250.1.95",
    "2607:f8b0:4004::5f",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::",
    "2600::5efe:808:808",
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_outside(address):
    assert is_public(address)


def post(names, endpoint=f"{FCM}/x", hosts=HOSTS):
    async def send():
        line = Wire(hosts, names)
        try:
            return await line.post(endpoint, service_of(endpoint, hosts), b"body", {"TTL": "60"})
        finally:
            await line.close()

    return asyncio.run(send())


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_not_connected_to(nobody_connects, address):
    names = Asked([address])
    assert post(names).status is None
    assert (names.asked, nobody_connects) == (["fcm.googleapis.com"], [])


def test_one_address_inside_is_enough(nobody_connects):
    assert post(Asked(["8.8.8.8", "10.0.0.1"])).status is None
    assert nobody_connects == []


def test_a_name_that_leads_outside_is_connected_to(nobody_connects):
    """The control: nothing else stops a message."""
    post(Asked(["2607:f8b0:4004::5f", "8.8.8.8"]))
    assert nobody_connects == [("8.8.8.8", 443), ("2607:f8b0:4004::5f", 443)]


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(nobody_connects):
    """A resolver that changes its answer is asked once."""
    names = Asked(["8.8.8.8"], ["127.0.0.1"])
    post(names)
    assert (names.asked, nobody_connects) == (["fcm.googleapis.com"], [("8.8.8.8", 443)])
    post(names)
    assert nobody_connects == [("8.8.8.8", 443)], "the next time its answer is another, and refused"


def test_what_the_operator_named_may_be_inside(nobody_connects):
    post(Asked(["127.0.0.1"]), "http://127.0.0.1:8081/send/1")
    post(Asked(["10.0.0.8"]), "https://inside.example:8443/x")
    post(Asked(["10.0.0.8"]), "https://push.example/x")  # a host is not an origin: no such word was given for it
    assert nobody_connects == [("127.0.0.1", 8081), ("10.0.0.8", 8443)]


def test_a_message_that_may_not_leave_waits_like_any_other(world, mail, nobody_connects):
    person = world.account()
    mail.subscribe(person)
    Subscription.update(endpoint=f"{FCM}/x", service=FCM).execute()
    world.voucher(holder=person)
    asyncio.run(mail.postman(hosts=HOSTS, names=Asked(["10.0.0.1"])).deliver(Flag()))
    assert (outbox(), nobody_connects) == ([("issued", 1)], [])
