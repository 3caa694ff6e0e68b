"""In front of the application: a request takes a thread only when all of it is here.

A WSGI server reads the body in the thread that answers. A few connections that send theirs one byte a
minute would hold every thread, and with them every till.
"""

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from urllib.parse import unquote_to_bytes

from web.sizes import LARGEST_REQUEST, largest

THREADS = 8  # a process; redemptions wait for the disk, not for the processor
PATIENCE = 10  # seconds for a body of at most 64 KiB
UPLOAD_PATIENCE = 90  # seconds for a picture or a list, from a phone
UPLOADS = 4  # at once; the memory of a process is for tills


class Front:
    """A WSGI application as one of RSGI (https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md)."""

    def __init__(self, application):
        self.application = application
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self.uploads = asyncio.Semaphore(UPLOADS)

    async def __rsgi__(self, scope, protocol) -> None:
        most = largest(scope.method, scope.path)
        if most > LARGEST_REQUEST and _announced(scope) > LARGEST_REQUEST:
            async with self.uploads:
                await self._answer(scope, protocol, most, UPLOAD_PATIENCE)
        else:
            await self._answer(scope, protocol, LARGEST_REQUEST, PATIENCE)

    async def _answer(self, scope, protocol, most: int, patience: float) -> None:
        try:
            body = await asyncio.wait_for(_read(protocol, most), patience)
        except TimeoutError:
            protocol.response_empty(408, [("connection", "close")])
            return
        loop = asyncio.get_running_loop()
        status, headers, chunks = await loop.run_in_executor(self.threads, self._call, _environ(scope, body))
        if isinstance(chunks, bytes):
            protocol.response_bytes(status, headers, chunks)
            return
        try:
            transport = protocol.response_stream(status, headers)
            while (chunk := await loop.run_in_executor(self.threads, next, chunks, None)) is not None:
                await transport.send_bytes(chunk)
        finally:
            await loop.run_in_executor(self.threads, chunks.close)

    def _call(self, environ: dict) -> tuple[int, list[tuple[str, str]], bytes | Iterator[bytes]]:
        """Status, headers and content: whole, or piece by piece where the application does not know its length."""
        started = []

        def start_response(status, headers, exc_info=None):
            started[:] = [int(status.split(" ", 1)[0]), [(name.lower(), value) for name, value in headers]]

        chunks = self.application(environ, start_response)
        if "content-length" not in dict(started[1]):
            return *started, _pieces(chunks)
        try:
            content = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return *started, content


def _pieces(chunks) -> Iterator[bytes]:
    try:
        yield from chunks
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


def _announced(scope) -> int:
    """Bytes that the request says it has; one that says nothing is read as a small one."""
    text = scope.headers.get("content-length") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


async def _read(protocol, most: int) -> bytes:
    """The body, and a byte more of one that is too large: enough for the application to refuse it."""
    body = bytearray()
    async for chunk in protocol:
        body += chunk
        if len(body) > most:
            break
    return bytes(body[:most + 1])


def _environ(scope, body: bytes) -> dict:
    """PEP 3333: text is bytes in the clothes of Latin-1."""
    host, _, port = scope.server.rpartition(":")
    environ = {
        "REQUEST_METHOD": scope.method, "SCRIPT_NAME": "", "QUERY_STRING": scope.query_string,
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"), "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host.strip("[]"), "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0), "wsgi.url_scheme": scope.scheme, "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue  # it would pass for the header with a hyphen, which a proxy may have checked
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.setdefault("HTTP_HOST", scope.authority or "")
    return environ
