"""In front of the application: a request takes a thread only when all of it is here.

A WSGI server reads the body in the thread that answers. A few connections that send theirs one byte a
minute would hold every thread, and with them every till.
"""

import asyncio
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from io import BytesIO
from urllib.parse import unquote, unquote_to_bytes

from granian.rsgi import ProtocolClosed

from web.request_limits import LARGEST_REQUEST, LARGEST_UPLOAD, largest
from web.server.upload_memory import Upload, UploadMemory

THREADS = 8  # a process; redemptions wait for the disk, not for the processor
UPLOAD_THREADS = 2  # apart: a redemption does not wait for pictures
PIECES = 2  # threads beside them, for the pieces of long tables
PATIENCE = 10  # seconds for a body of at most 64 KiB
UPLOAD_PATIENCE = 90  # seconds for a picture or a list, from a phone
MOST_OF_UPLOADS = 6 * LARGEST_UPLOAD  # bytes at once; the memory of a process is for tills


class Gateway:
    """A WSGI application as one of RSGI (https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md)."""

    def __init__(self, application):
        self.application = application
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self.pieces = ThreadPoolExecutor(PIECES, thread_name_prefix="piece")
        self.uploaders = ThreadPoolExecutor(UPLOAD_THREADS, thread_name_prefix="upload")
        self.upload_memory = UploadMemory(MOST_OF_UPLOADS)

    async def __rsgi__(self, scope, protocol) -> None:
        upload = Upload()
        try:
            await self._serve(scope, protocol, upload)
        finally:
            self.upload_memory.release(upload)

    async def _serve(self, scope, protocol, upload: Upload) -> None:
        try:
            body, length = await self._body(protocol, largest(scope.method, unquote(scope.path)), upload)
            refused = length <= LARGEST_UPLOAD and _broken(scope, length)
        except TimeoutError:
            refused = 408
        if refused:
            unchanged = ("hx-reswap", "none")  # the form stays as it is
            protocol.response_empty(refused, [("connection", "close"), unchanged])
            return
        context = copy_context()  # one for the whole request, whichever threads it passes through
        loop, threads = asyncio.get_running_loop(), self.uploaders if upload.size else self.threads
        status, headers, content = await loop.run_in_executor(
            threads, context.run, self._call, _environ(scope, body, length)
        )
        if isinstance(content, bytes):
            protocol.response_bytes(status, headers, content)
        else:
            await self._stream(protocol.response_stream(status, headers), context, content)

    async def _body(self, protocol, most: int, upload: Upload) -> tuple[BytesIO, int]:
        """The whole body and its length. Of one that is too large nothing, and a length that is refused everywhere."""
        body = BytesIO()
        async with asyncio.timeout(PATIENCE) as upload.limit:
            async for chunk in protocol:
                body.write(chunk)
                size = body.tell()
                if size > most:
                    return BytesIO(), LARGEST_UPLOAD + 1
                if size > LARGEST_REQUEST:
                    if not upload.size:
                        upload.limit.reschedule(asyncio.get_running_loop().time() + UPLOAD_PATIENCE)
                    await self.upload_memory.reserve(upload, size)
        upload.whole = True
        size = body.tell()
        body.seek(0)
        return body, size

    def _call(self, environ: dict) -> tuple[int, list[tuple[str, str]], bytes | Iterable[bytes]]:
        """The whole answer; of one that has no length beforehand, the pieces that are still to be made."""
        started: list[tuple[int, list[tuple[str, str]]]] = []

        def start_response(status, headers, exc_info=None):
            started[:] = [(int(status.split(" ", 1)[0]), [(name.lower(), value) for name, value in headers])]

        chunks = self.application(environ, start_response)
        status, headers = started[0]
        if status == 200 and environ["REQUEST_METHOD"] == "GET" and "content-length" not in dict(headers):
            return status, headers, chunks
        try:
            return status, headers, b"".join(chunks)
        finally:
            _close(chunks)

    async def _stream(self, transport, context: Context, chunks: Iterable[bytes]) -> None:
        """Piece by piece, in threads of their own: however long a table is, the tills have theirs."""
        loop, following = asyncio.get_running_loop(), partial(context.run, next, iter(chunks), None)
        try:
            while (piece := await loop.run_in_executor(self.pieces, following)) is not None:
                await asyncio.wait_for(transport.send_bytes(piece), PATIENCE)
        except (ProtocolClosed, TimeoutError):
            pass  # who asked for it has gone
        finally:
            await loop.run_in_executor(self.pieces, partial(context.run, _close, chunks))


def _broken(scope, length: int) -> int | None:
    """How to refuse a body that may have been cut short: granian ends it without a word where a connection broke.

    The length of one in chunks is not known: only that of a multipart form shows its own end (RFC 2046), and the
    parser asks for it. Two headers that both say where it ends may be read either way (RFC 9112, 6.1).
    """
    headers = scope.headers
    coding, told = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is None:
        return None if int(told or 0) == length else 400
    if coding.lower() != "chunked" or told is not None:
        return 400
    ends_itself = headers.get("content-type", "").lower().startswith("multipart/form-data")
    return None if ends_itself or scope.method in ("GET", "HEAD") else 411


def _close(chunks: Iterable[bytes]) -> None:
    if hasattr(chunks, "close"):
        chunks.close()


def _environ(scope, body: BytesIO, length: int) -> dict:
    """PEP 3333: text is bytes in the clothes of Latin-1."""
    host, _, port = scope.server.rpartition(":")
    version = "1.0" if scope.http_version == "1" else scope.http_version  # granian leaves its nought out
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{version}",
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name or name == "transfer-encoding":
            continue  # it would pass for the header with a hyphen, which a proxy may have checked; all chunks are here
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(length)
    environ.setdefault("HTTP_HOST", scope.authority or "")
    return environ
