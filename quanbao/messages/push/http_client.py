"""The way to push services: many requests at once over connections that are kept, and to no address of our own.

HTTP/1.1 (RFC 9112) as far as a push service needs it: a request with a short body, an answer of which only the
head counts. aiohttp costs twice as much of the processor (bench/RESULTS.md).
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from quanbao.messages.push.endpoints import is_public, operators

PATIENCE = 10.0  # seconds, from the look-up of the name to the end of the answer
CONNECTING = 4.0  # seconds of them for each address
LARGEST_HEAD = 16 * 1024  # bytes
LARGEST_BODY = 64 * 1024  # bytes that are read over, unseen; a connection with more is closed
STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?")
LookUp = Callable[[str, int], Awaitable[list[str]]]  # addresses of a host


@dataclass(frozen=True)
class Answer:
    """What a push service said; no status where it said nothing. Its text is not read."""

    status: int | None
    retry_after: str = ""


class Refused(OSError):
    """A name that leads to no public address."""


class _Closed(OSError):
    """The other side closed a connection that was kept before it said anything."""


async def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, from the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    was_used: bool = False


class Wire:
    """Open while there is something to send. `hosts` are the settings'; `names` looks hosts up."""

    def __init__(self, hosts: Collection[str], names: LookUp | None = None):
        self.trusted, self.names = operators(hosts), names or look_up
        self.kept: dict[str, list[_Connection]] = defaultdict(list)

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Reading all authorities takes longer than a redemption: only where there is a service to connect to."""
        return ssl.create_default_context()

    async def post(self, endpoint: str, service: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send a message; the endpoint was checked against the settings, and its service is the answer of that."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._post(endpoint, service, body, headers)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return Answer(None)

    async def _post(self, endpoint: str, service: str, body: bytes, headers: dict[str, str]) -> Answer:
        path = endpoint.split("/", 3)[3]
        head = [
            f"POST /{path} HTTP/1.1",
            f"Host: {service.partition('://')[2]}",
            "User-Agent: quanbao",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        request = "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + body
        while self.kept[service]:
            try:
                return await self._ask(self.kept[service].pop(), service, request)
            except _Closed:
                continue  # it was closed while it was kept
        return await self._ask(await self._connect(service), service, request)

    async def _connect(self, service: str) -> _Connection:
        """To an address that was looked at; the name is not looked up again."""
        parts = urlsplit(service)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        assert parts.hostname is not None, "service_of() gives none without a host"
        addresses = await self._addresses(parts.hostname, port, service in self.trusted)
        tls, name = (self.tls, parts.hostname) if parts.scheme == "https" else (None, None)
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECTING):
                    return _Connection(
                        *await asyncio.open_connection(address, port, limit=LARGEST_HEAD, ssl=tls, server_hostname=name)
                    )
            except OSError as error:
                last = error
        raise last

    async def _addresses(self, host: str, port: int, is_trusted: bool) -> list[str]:
        found = await self.names(host, port)
        if not found or not (is_trusted or all(is_public(address) for address in found)):
            raise Refused(f"{host} leads to no public address")
        return sorted(found, key=lambda address: ipaddress.ip_address(address.partition("%")[0]).version)

    async def _ask(self, connection: _Connection, service: str, request: bytes) -> Answer:
        is_whole = False
        try:
            connection.writer.write(request)
            answer, is_whole = await _read(connection)
        finally:
            if is_whole:
                connection.was_used = True
                self.kept[service].append(connection)
            else:
                connection.writer.transport.abort()
        return answer

    async def close(self) -> None:
        for connections in self.kept.values():
            for connection in connections:
                connection.writer.transport.abort()
        self.kept.clear()


async def _read(connection: _Connection) -> tuple[Answer, bool]:
    """The answer, and whether the connection is good for another."""
    status = 100
    while status < 200:  # interim answers (RFC 9110, section 15.2)
        try:
            head = await connection.reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if connection.was_used and not getattr(error, "partial", b""):
                raise _Closed from error
            raise
        first, *lines = head[:-4].split(b"\r\n")
        found = STATUS.fullmatch(first)
        if not found:
            raise ValueError("no answer in HTTP")
        minor, status = found[1], int(found[2])  # HTTP/1.0 or 1.1
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    answer = Answer(status, headers.get(b"retry-after", b"").decode("latin-1"))
    stays = minor == b"1" and headers.get(b"connection", b"").lower() != b"close"
    return answer, stays and await _read_over(connection.reader, status, headers)


async def _read_over(reader: asyncio.StreamReader, status: int, headers: dict[bytes, bytes]) -> bool:
    """Past the body, where it is short and says how long it is."""
    if status in (204, 304):
        return True
    length = headers.get(b"content-length", b"")
    if b"transfer-encoding" in headers or not length.isdigit() or int(length[:9]) > LARGEST_BODY or len(length) > 9:
        return False
    await reader.readexactly(int(length))
    return True
