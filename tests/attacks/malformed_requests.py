"""What somebody sends who wants to see a server stumble: one request a number, the same under the same seed.

Whom it is sent to comes from the URL map, in what fields from the table of tests/support/form_fields.py, so that a
route or a field that is added tomorrow is attacked too. Most of each request is as it should be: it is to get far.
"""

import json
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote_from_bytes
from uuid import UUID

from flask import Flask
from werkzeug.routing import Rule

from config import Settings
from models import Audience, Claim, Customer, Session
from quanbao.merchants import members
from quanbao.people import one_time_links
from quanbao.vouchers import publications
from tests.attacks.odd_values import (
    CHUNKS,
    DOCUMENTS,
    FILENAMES,
    HEADERS,
    LENGTHS,
    METHODS,
    PARTS,
    PATHS,
    TYPES,
    VALUES,
    VERSIONS,
)
from tests.support.factories import World
from tests.support.form_fields import FIELDS, NAMES, usual
from tests.support.full_merchants import firm
from tests.support.racing import sign_in
from tests.support.rights import Who

BODY = b"Content-Length: %d\r\n\r\n%b"
HIDDEN = b"GET /offline HTTP/1.1\r\nHost: x\r\n\r\n"  # in the body, as one of two readers sees it


CONDITIONS = {
    "weekdays": ["1", "2"],
    "hours": ["10:00", "22:00"],
    "redemption_password": "735190",
    "more_groups": "a, b",
    "place": "here",
    "terms": "None.\nAt all.",
}
OTHER, GUEST, LEAVER = "other", "guest", "leaver"  # end all their other sessions; one of them; delete the account


@dataclass(frozen=True)
class House:
    """A merchant's people, each by the Cookie header of a session; what may stand in an address there; right forms.

    `values` of one noun or route alone have its name before them: `members.number`, `campaigns.end.campaign`.
    """

    cookies: dict[str, str]
    values: dict[str, object]
    forms: dict[str, dict[str, object]]


def house(settings: Settings, world: World, slug: str) -> House:
    """A merchant with everything; what may be done once, or would lock its people out, has a row of its own."""
    of, now, guest = firm(world, slug), world.clock(), world.account()
    here = {"merchant": of.merchant, "password": of.campaign.password}
    spare, draft = world.campaign(**here), world.campaign(**here, published_at=None)
    customer = Customer.create(
        merchant=of.merchant, consumer=world.account(), address="c@example.org", first_seen_at=now
    )
    invited, join = members.invite(of.merchant, "invited@example.org", "cashier", [of.values["branch"]], now)
    publication = publications.start(of.campaign, Audience.ADDRESSES, ["c@example.org"], now=now)
    publications.step(publication.id, now=now, key=world.keys.receipts)
    people = {str(who): person for who, person in of.people.items()} | {
        OTHER: world.account(),
        GUEST: guest,
        LEAVER: world.account(),
    }
    cookies = sign_in(settings, world, list(people.values()))
    sign_in(settings, world, [guest])
    values = {
        "account.number": Session.select().order_by(Session.id.desc()).get().id,
        "campaigns.delete.campaign": draft.slug,
        "campaigns.end.campaign": spare.slug,
        "claims.number": Claim.select().order_by(Claim.id.desc()).get().id,
        "customers.number": customer.id,
        "members.number": invited.id,
        "members.token": join,
        "revoking.code": world.voucher(campaign=of.campaign, holder=world.account()).code,
        "sign_in.token": one_time_links.make("sign-in", now, world.account()),
        "till.attempt_id": of.of[Who.OWNER]["till.attempt_id"],
    }
    forms = usual(of)
    forms |= {name: form | CONDITIONS for name, form in forms.items() if name.startswith("campaigns.")}
    forms["redemptions.attempt"]["attempt_id"] = "{fresh}"
    return House(dict(zip(people, cookies, strict=True)) | {str(Who.SIGNED_OUT): "a=b"}, of.values | values, forms)


@dataclass(frozen=True)
class Attack:
    """One request; `broken` is one that has no end, or more than one."""

    number: int
    endpoint: str
    who: str
    method: bytes
    raw: bytes
    broken: bool = False


class Malice:
    """An endless supply. A house is left behind after some requests: by then somebody may have closed it down.

    The first request to each route there comes from somebody who may send it, whole and to the right address: only its
    fields are odd. So every route is reached, however many there are.
    """

    def __init__(self, app: Flask, houses: list[House], *, seed: str, each: int):
        self.app, self.houses, self.seed, self.each = app, houses, seed, each
        self.rules = sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods)))

    def attack(self, number: int) -> Attack:
        rnd = random.Random(f"{self.seed} {number}")
        rule = self.rules[number % len(self.rules)]
        house = self.houses[number // self.each % len(self.houses)]
        odd = number % self.each >= len(self.rules)
        who = _person(rnd, rule, odd)
        method = _method(rnd, rule, odd)
        headers = {
            b"Host": b"127.0.0.1",
            b"Sec-Fetch-Site": b"same-origin",
            b"Cookie": house.cookies[who].encode(),
            b"X-Forwarded-For": b"10.%d.%d.%d" % tuple(rnd.randbytes(3)),
        }
        typed, body = _body(rnd, rule, method, house)
        if typed:
            headers[b"Content-Type"] = typed
        for name in rnd.sample(list(HEADERS), rnd.choice((0, 0, 1, 1, 2, 5))):
            headers[name] = rnd.choice(HEADERS[name])
        target = _target(rnd, rule, house, odd)
        head = b"%b %b HTTP/1.1\r\n" % (method, target) + b"".join(b"%b: %b\r\n" % header for header in headers.items())
        endpoint = "nowhere" if target in PATHS else rule.endpoint
        whole = Attack(number, endpoint, who, method, head + BODY % (len(body), body))
        return replace(whole, raw=_break(rnd, head, body), broken=True) if odd and rnd.random() < 0.03 else whole


def _person(rnd: random.Random, rule: Rule, odd: bool) -> str:
    if rule.endpoint == "sign_in.sign_out":
        return Who.STRANGER  # the others are to stay signed in
    if rule.endpoint == "account.end_others":
        return OTHER  # nor by this, after the one above
    if rule.endpoint in ("account.end_session", "account.end_session_form"):
        return GUEST
    if rule.endpoint == "account.delete":
        return LEAVER
    if odd and rnd.random() < 0.15:
        return rnd.choice((Who.SIGNED_OUT, Who.CONSUMER, Who.CASHIER, Who.MANAGER, Who.OWNER))
    if "merchant" not in rule.arguments:
        able = (Who.SIGNED_OUT, Who.CONSUMER, Who.CONSUMER)
        return rnd.choice(able) if "token" not in rule.arguments else Who.STRANGER
    at_till = rule.endpoint.startswith(("till", "rollbacks"))
    return rnd.choice((Who.OWNER, Who.OWNER, Who.CASHIER)) if at_till else Who.OWNER


def _method(rnd: random.Random, rule: Rule, odd: bool) -> bytes:
    if odd and rnd.random() < 0.1:
        return rnd.choice(METHODS)
    return rnd.choice(sorted(rule.methods - {"HEAD", "OPTIONS"})).encode()


def _target(rnd: random.Random, rule: Rule, house: House, odd: bool) -> bytes:
    if odd and rnd.random() < 0.05:
        return rnd.choice(PATHS)
    noun, values = rule.endpoint.partition(".")[0], house.values
    path = b""
    for is_argument, text in rule._trace[1:]:
        if is_argument:
            right = values.get(f"{rule.endpoint}.{text}", values.get(f"{noun}.{text}", values.get(text, "x")))
            value = str(right).encode() if not odd or rnd.random() < 0.9 else rnd.choice(VALUES)[:3000]
            path += quote_from_bytes(value, "/" if text == "name" else "").encode()
        else:
            path += text.lstrip("|").encode()
    if rnd.random() < 0.6:
        return path
    return path + b"?" + _encoded(_fields(rnd, rule, {}, rnd.choice((1, 1, 2, 6))))


def _fields(rnd: random.Random, rule: Rule, valid: dict, bad: int) -> list[tuple[str, bytes]]:
    """What the form should have, but for so many fields; sometimes one is missing, or there twice."""
    fresh = str(UUID(bytes=rnd.randbytes(16), version=4))
    fields = [
        (name, str(one).replace("{fresh}", fresh).encode())
        for name, value in valid.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    for name in rnd.choices([*valid, *_names_of(rule.endpoint)], k=bad):
        if rnd.random() < 0.8:
            fields = [field for field in fields if field[0] != name]
        if rnd.random() < 0.9:
            fields.append((name, rnd.choice(VALUES)))
    return fields


def _names_of(endpoint: str) -> list[str]:
    """The fields that a route reads, thrice, and those of every other."""
    return sorted(FIELDS.get(endpoint, ())) * 3 + sorted(NAMES)


def _encoded(fields: list[tuple[str, bytes]]) -> bytes:
    return b"&".join(name.encode() + b"=" + quote_from_bytes(value).encode() for name, value in fields)


# Bodies


def _body(rnd: random.Random, rule: Rule, method: bytes, house: House) -> tuple[bytes, bytes]:
    """Content type and content; nothing for most of those that should have none."""
    if method in (b"GET", b"HEAD") and rnd.random() < 0.95:
        return b"", b""
    if rule.endpoint.startswith("push.") and rnd.random() < 0.8:
        return b"application/json", rnd.choice((rnd.choice(DOCUMENTS), _subscription(rnd)))
    fields = _fields(rnd, rule, house.forms.get(rule.endpoint, {}), rnd.choice((0, 1, 1, 1, 2, 3)))
    kind = rnd.random()
    if kind < 0.6:
        return b"application/x-www-form-urlencoded", _encoded(fields)
    if kind < 0.9:
        return _multipart(rnd, fields)
    return rnd.choice(TYPES), rnd.choice((_encoded(fields), rnd.choice(DOCUMENTS), rnd.randbytes(200), b"--b\r\n\r\n"))


def _subscription(rnd: random.Random) -> bytes:
    """A browser's own, but for one field."""
    document: dict = {
        "endpoint": "https://fcm.googleapis.com/fcm/send/a",
        "expirationTime": None,
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    }
    place = rnd.choice((document, document["keys"]))
    place[rnd.choice(list(place))] = rnd.choice(
        (1, None, [], {}, 1e308, "", "=" * 90, rnd.choice(VALUES).decode(errors="replace"))
    )
    return json.dumps(document).encode()


def _multipart(rnd: random.Random, fields: list[tuple[str, bytes]]) -> tuple[bytes, bytes]:
    parts = [b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name.encode(), value) for name, value in fields]
    if rnd.random() < 0.6:
        named = rnd.choice((b"picture", b"file")), rnd.choice(FILENAMES)
        parts.append(
            b'Content-Disposition: form-data; name="%b"; filename="%b"\r\n' % named
            + b"Content-Type: image/png\r\n\r\n"
            + rnd.choice(FILES)(rnd)
        )
    if rnd.random() < 0.2:
        parts.append(rnd.choice(PARTS))
    end = rnd.choice((b"\r\n--b--\r\n",) * 8 + (b"", b"\r\n--b", b"\r\n--b-\r\n", b"\r\n--bb--\r\n"))
    return b"multipart/form-data; boundary=b", b"--b\r\n" + b"\r\n--b\r\n".join(parts) + end


def _png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


FILES: tuple[Callable[[random.Random], bytes], ...] = (
    lambda rnd: _png(2, 2, b"\0\1\2\0\3\4"),
    lambda rnd: _png(2, 2, b"\0"),
    lambda rnd: _png(2**31 - 1, 2**31 - 1, b"\0"),
    lambda rnd: _png(0, 0, b""),
    lambda rnd: bytes(byte ^ (rnd.random() < 0.05) * rnd.randrange(256) for byte in _png(8, 8, bytes(72))),
    lambda rnd: b"\xff\xd8\xff\xe0" + rnd.randbytes(300),
    lambda rnd: b"RIFF\xff\xff\xff\xffWEBPVP8 " + rnd.randbytes(300),
    lambda rnd: b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>",
    lambda rnd: b"GIF89a" + rnd.randbytes(50),
    lambda rnd: b"",
    lambda rnd: rnd.randbytes(3000),
    lambda rnd: b'a@example.org\r\n"b@example.org\r\n' + rnd.choice(VALUES) + b"@example.org\r\n\0",
    lambda rnd: b"\xff\xfe" + "a@example.org\n".encode("utf-16-le") + b"\xd8",
    lambda rnd: b'sep=;\r\n"' + b'"' * 999 + b";" * 999,
    lambda rnd: b"x" * 140_000,
    lambda rnd: b"email,name\r\n" + b"\xff@\xfe,\0\r\n" * 50,
)


# Requests without an end, or with two


def _break(rnd: random.Random, head: bytes, body: bytes) -> bytes:
    """The same request, framed so that two readers may disagree where it ends."""
    length = b"Content-Length: %d\r\n" % len(body)
    start = head.partition(b"\r\n")[0] + b"\r\n"
    return rnd.choice(
        (
            head + length + b"Content-Length: 0\r\n\r\n" + body + HIDDEN,
            head + b"Transfer-Encoding: chunked\r\n" + length + b"\r\n0\r\n\r\n" + HIDDEN,
            head + b"Transfer-Encoding: chunked, identity\r\n\r\n" + body,
            head + b"Transfer-Encoding: chunked\r\n\r\n" + rnd.choice(CHUNKS),
            head + b"Content-Length: " + rnd.choice(LENGTHS) + b"\r\n\r\n",
            head + b"Content-Length : 5\r\n\r\nhello",
            head + b" folded: yes\r\n\r\n",
            head + b"\0: x\r\n\r\n",
            head + b"X: a\0b\r\n\r\n",
            head + b"X: a\rb\r\n\r\n",
            head + b"no colon\r\n\r\n",
            head + b": no name\r\n\r\n",
            head + length + b"\r\n" + body[: len(body) // 2],
            head.replace(b"\r\n", b"\n") + length + b"\n" + body,
            head.replace(b"HTTP/1.1", rnd.choice(VERSIONS), 1) + b"\r\n",
            head + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
            head + b"X: y\r\n" * 200 + b"\r\n",
            b"\r\n" * 50 + head + b"\r\n",
            b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n" + HIDDEN,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(20),
            b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rnd.randbytes(100),
            rnd.randbytes(300),
            start + b"\r\n",
            start + b"Host: a\r\nHost: b\r\n\r\n",
            head[: rnd.randrange(1, len(head))],
        )
    )
