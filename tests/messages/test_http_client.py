"""HTTP to a push service: whatever it answers, one message has one answer, and the next is not confused by it."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from quanbao.messages.push import http_client
from quanbao.messages.push.http_client import Answer, Wire

EMPTY = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
HEADERS = {"TTL": "60"}


class Scripted:
    """A server that answers each request with the next of these, on whatever connection it comes."""

    def __init__(self, *answers: bytes | None):
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def ask(
    server: Scripted,
    times: int = 1,
    path: str = "/x",
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    look: Callable[[Wire], None] = lambda line: None,
) -> list[Answer]:
    """The answers to as many messages, one after another."""

    async def talk() -> list[Answer]:
        listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=tls)
        service = f"http{'s' if tls else ''}://{host}:{listening.sockets[0].getsockname()[1]}"
        line = Wire([service])
        look(line)
        try:
            return [await line.post(service + path, service, b"body", HEADERS) for _ in range(times)]
        finally:
            await line.close()
            listening.close()

    return asyncio.run(talk())


def test_a_request_is_what_it_should_be():
    server = Scripted(EMPTY)
    assert ask(server, path="/send/a:b?c=d%20e") == [Answer(201)]
    first, host, *rest = server.requests[0].split(b"\r\n")
    assert first == b"POST /send/a:b?c=d%20e HTTP/1.1"
    assert host.startswith(b"Host: 127.0.0.1:")
    assert rest == [b"User-Agent: quanbao", b"Content-Length: 4", b"TTL: 60", b"", b"body"]


KEPT = {
    "no body": EMPTY,
    "a body": b"HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nhello",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "no words": b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n",
    "an interim answer": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + EMPTY,
    "a header": b"HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nContent-Length: 0\r\n\r\n",
}
CLOSED = {
    "chunks": b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHTTP/\r\n0\r\n\r\n",
    "both lengths": b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
    "no length": b"HTTP/1.1 201 Created\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "too long a body": b"HTTP/1.1 201 Created\r\nContent-Length: 99999999\r\n\r\n",
    "a length that is none": b"HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n",
    "endless digits": b"HTTP/1.1 201 Created\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "goodbye": b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n",
}
NONE = {
    "nothing": None,
    "nothing in HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/2": b"HTTP/2 201\r\n\r\n",
    "half a head": b"HTTP/1.1 201 Created\r\nContent-",
    "a status that is none": b"HTTP/1.1 20 Created\r\n\r\n",
    "endless headers": b"HTTP/1.1 201 Created\r\n" + b"X: y\r\n" * 10_000,
    "half a body": b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhe",
}


@pytest.mark.parametrize("name", KEPT)
def test_a_connection_is_kept(name):
    server = Scripted(KEPT[name], EMPTY)
    first, second = ask(server, 2)
    assert first.status == int(KEPT[name].split(b"\r\n\r\n")[-2].split(b" ")[1][:3])
    assert first.retry_after == ("7" if name == "a header" else "")
    assert (second, server.connections) == (Answer(201), 1)


@pytest.mark.parametrize("name", CLOSED)
def test_a_connection_of_which_nobody_knows_where_the_answer_ends_is_closed(name):
    server = Scripted(CLOSED[name], EMPTY)
    assert ask(server, 2) == [Answer(201), Answer(201)]
    assert server.connections == 2


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_answer_is_none(name, monkeypatch):
    monkeypatch.setattr(http_client, "PATIENCE", 2.0)
    server = Scripted(NONE[name], *[EMPTY] * 3)
    if name in ("half a head", "half a body"):
        server.answers[1:1] = [None]  # it goes on waiting for the rest
        assert ask(server)[0] == Answer(None)
    else:
        assert ask(server, 2) == [Answer(None), Answer(201)]


def test_a_connection_that_was_closed_while_it_was_kept_is_no_failure():
    server = Scripted(EMPTY, None, EMPTY)
    assert ask(server, 2) == [Answer(201), Answer(201)]
    assert (server.connections, len(server.requests)) == (2, 3)


def test_a_new_connection_that_is_closed_is_a_failure():
    server = Scripted(None, EMPTY)
    assert ask(server) == [Answer(None)]
    assert len(server.requests) == 1


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(http_client, "PATIENCE", 0.2)

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    assert ask(silent) == [Answer(None)]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> ssl.SSLContext:
    """Of 127.0.0.1, signed by nobody."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "push")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate", folder / "key")
    context.path = folder / "certificate"
    return context


def test_a_certificate_that_nobody_signed_is_refused(certificate):
    server = Scripted(EMPTY)
    assert ask(server, tls=certificate) == [Answer(None)]
    assert server.requests == []


def test_one_that_is_trusted_is_taken(certificate):
    server = Scripted(EMPTY, EMPTY)
    trust = lambda line: line.tls.load_verify_locations(certificate.path)  # noqa: E731
    assert ask(server, 2, tls=certificate, look=trust) == [Answer(201), Answer(201)]
    assert server.connections == 1


def test_one_of_another_host_is_refused_wherever_the_name_leads(certificate):
    server = Scripted(EMPTY)
    trust = lambda line: line.tls.load_verify_locations(certificate.path)  # noqa: E731
    assert ask(server, tls=certificate, look=trust, host="localhost") == [Answer(None)]
    assert server.requests == []
