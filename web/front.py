"""In front of the application: a request takes a thread only when all of it is here.

A WSGI server reads the body in the thread that answers. A few connections that send theirs one byte a
minute would hold every thread, and with them every till.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
        send = partial(_stream, loop, protocol)
        whole = await loop.run_in_executor(self.threads, self._call, _environ(scope, body), send)
        if whole:
            protocol.response_bytes(*whole)

    def _call(self, environ: dict, send: Callable) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """The whole answer; none where it has no length beforehand, and was sent piece by piece."""
        started = []

        def start_response(status, headers, exc_info=None):
            started[:] = [int(status.split(" ", 1)[0]), [(name.lower(), value) for name, value in headers]]

        chunks = self.application(environ, start_response)
        try:
            if started[0] == 200 and environ["REQUEST_METHOD"] == "GET" and "content-length" not in dict(started[1]):
                return send(*started, chunks)
            content = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        return *started, content


def _stream(loop, protocol, status: int, headers: list[tuple[str, str]], chunks: Iterable[bytes]) -> None:
    """From the thread that makes the pieces: each waits until the one before is on its way."""
    async def begin():
        return protocol.response_stream(status, headers)

    def wait(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(UPLOAD_PATIENCE)

    transport = wait(begin())
    for chunk in chunks:
        wait(transport.send_bytes(chunk))


def _announced(scope) -> int:
    """Bytes that the request says it has; one that says nothing is read as a small one."""
    text = scope.headers.get("content-length") or ""
    if not text and scope.headers.get("transfer-encoding"):
        return LARGEST_REQUEST + 1  # in chunks: nobody knows before
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
