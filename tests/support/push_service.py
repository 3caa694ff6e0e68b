"""A push service of the tests' own: it makes browsers, checks what comes as a strict one would, and reads it.

RFC 8030 (the request), RFC 8291 (the body), RFC 8292 (who sent it).
"""

import base64
import json
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LARGEST = 4096  # bytes of a body (RFC 8030, section 7.2)
A_DAY = 86_400
PIECE = 65_536  # bytes


class Bad(Exception):
    """What a push service would refuse, and with which status."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class Browser:
    """A subscribed browser: what it tells the site, and what it keeps to itself."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey
    secret: bytes

    @property
    def document(self) -> dict[str, Any]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {
            "endpoint": self.endpoint,
            "expirationTime": None,
            "keys": {"p256dh": encoded(point), "auth": encoded(self.secret)},
        }


@dataclass(frozen=True)
class Received:
    """A message as a browser finds it, and what stood on its envelope."""

    browser: Browser
    body: dict[str, Any]
    headers: dict[str, str]
    claims: dict[str, Any]
    size: int

    @property
    def title(self) -> str:
        return self.body["notification"]["title"]

    @property
    def tag(self) -> str:
        return self.body["notification"]["tag"]


@dataclass
class PushService:
    """At `origin` of this machine. `status` and the rest may be set per token of an endpoint."""

    vapid_key: str
    epoch: Callable[[], float] = time.time
    browsers: dict[str, Browser] = field(default_factory=dict)
    inbox: list[Received] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # why what came was no good
    requests: list[str] = field(default_factory=list)  # the tokens, of whatever came
    answers: dict[str, list] = field(default_factory=dict)  # statuses, or (status, headers), one after another
    hang: threading.Event | None = None  # until it is set nothing is answered
    delay: float = 0  # seconds
    words: bytes = b""  # the body of every answer
    given: int = 0  # bytes of it that were taken, rounded up

    def __enter__(self) -> "PushService":
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, more = service.answer(self.path, headers, body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(service.words)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(0, len(service.words), PIECE):
                    self.wfile.write(service.words[start : start + PIECE])
                    service.given += PIECE

            def do_GET(self):
                service.requests.append(f"GET {self.path}")
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        class Server(ThreadingHTTPServer):
            request_queue_size = 512
            daemon_threads = True

            def handle_error(self, *_):
                pass  # whoever asked is gone

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.origin = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        if self.hang:
            self.hang.set()
        self.server.shutdown()
        self.server.server_close()

    def browser(self, at: str | None = None) -> Browser:
        """A new one, at this service."""
        token = os.urandom(12).hex()
        made = Browser(f"{at or self.origin}/send/{token}", ec.generate_private_key(ec.SECP256R1()), os.urandom(16))
        self.browsers[token] = made
        return made

    def will_answer(self, browser: Browser, *answers: Any) -> None:
        """Statuses, or pairs of a status and headers, for the next messages to a browser."""
        self.answers[token_of(browser)] = list(answers)

    def titles(self) -> list[str]:
        return sorted(message.title for message in self.inbox)

    # What a push service does

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        token = path.rsplit("/", 1)[-1]
        self.requests.append(token)
        if self.hang:
            self.hang.wait(60)
        time.sleep(self.delay)
        if self.answers.get(token):
            prepared = self.answers[token].pop(0)
            status, more = prepared if isinstance(prepared, tuple) else (prepared, {})
            if status != 201:
                return status, more
        try:
            self.inbox.append(self.read(token, headers, body))
        except Bad as bad:
            self.refused.append(str(bad))
            return bad.status, {}
        return 201, {"Location": f"{self.origin}/message/{len(self.inbox)}"}

    def read(self, token: str, headers: dict[str, str], body: bytes) -> Received:
        if token not in self.browsers:
            raise Bad(404, "no such subscription")
        if not re.fullmatch(r"\d+", headers.get("ttl", "")):
            raise Bad(400, "TTL is a MUST (RFC 8030, section 5.2)")
        if len(body) > LARGEST:
            raise Bad(413, f"{len(body)} bytes")
        if not re.fullmatch(r"[\w-]{0,32}", headers.get("topic", ""), re.ASCII):
            raise Bad(400, "a topic is at most 32 characters of base64url")
        if headers.get("urgency") not in ("very-low", "low", "normal", "high"):
            raise Bad(400, "no such urgency")
        claims = self.check_sender(headers.get("authorization", ""))
        if headers.get("content-encoding") != "aes128gcm":
            raise Bad(415, "another encoding")
        browser = self.browsers[token]
        plain = http_ece.decrypt(body, private_key=browser.key, auth_secret=browser.secret, version="aes128gcm")
        return Received(browser, json.loads(plain), headers, claims, len(body))

    def check_sender(self, header: str) -> dict[str, Any]:
        found = re.fullmatch(r"vapid t=([\w-]+\.[\w-]+)\.([\w-]+), ?k=([\w-]+)", header, re.ASCII)
        if not found:
            raise Bad(401, "no VAPID")
        text, signature, key = found[1], decoded(found[2]), found[3]
        if key != self.vapid_key or len(signature) != 64:
            raise Bad(403, "another key than the subscription's")
        numbers = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(key)).verify(
                encode_dss_signature(*numbers), text.encode(), ec.ECDSA(hashes.SHA256())
            )
        except InvalidSignature:
            raise Bad(403, "not signed with the key") from None
        head, claims = (json.loads(decoded(part)) for part in text.split("."))
        now = self.epoch()
        if (head["alg"], claims["aud"]) != ("ES256", self.origin) or not now < claims["exp"] <= now + A_DAY:
            raise Bad(403, f"the token is not for here and now: {claims}")
        if not re.match(r"mailto:[^@\s]+@[^@\s]+|https://\S", claims["sub"]):
            raise Bad(403, "nobody is named to write to")
        return claims


def token_of(browser: Browser) -> str:
    return browser.endpoint.rsplit("/", 1)[-1]
