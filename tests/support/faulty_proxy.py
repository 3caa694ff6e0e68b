"""A bad network: a proxy between browser and site, whose faults a test chooses request by request."""

import socket
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.servers import Server

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}  # RFC 9110, 7.6.1
SLOW = 1.5  # seconds a request, a network that is bad but there

Choose = Callable[[str, str], str | None]


class Between(ThreadingHTTPServer):
    """Passes on what browser and site say to each other.

    `fault(method, path)` is asked for every request, and answers with nothing, or with one of
    `refuse` (the site hears nothing, the browser no answer), `lose` (the site hears it, the answer is lost),
    `cut` (half of the answer comes), `double` (the site hears it twice), `twins` (twice at the same moment), `hang`
    (until `release` is called), `slow`, `unknown` (503 with the content of that name in place of the answer), and
    `gateway` (502), `elsewhere` (404) or `small` (413), where the site hears nothing. `heard` is what came to the site.
    """

    daemon_threads = True
    request_queue_size = 128
    delay = SLOW
    unknown = b""

    def __init__(self, site: Server, fault: Choose = lambda method, path: None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.site, self.fault = site, fault
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.alter = lambda path, content: content  # what the browser gets in place of an answer's content
        self.heard: list[tuple[str, str]] = []
        self.free = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def always(self, kind: str | None) -> None:
        """This fault for every request from now on; what hung before is let go."""
        self.release()
        self.free = threading.Event()
        self.fault = lambda method, path: kind

    def release(self) -> None:
        self.free.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer goes out in two pieces, and the second does not wait for anything
    server: Between

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.server.fault(self.command, self.path.partition("?")[0])
        if kind == "hang":
            self.server.free.wait()
        elif kind == "slow":
            threading.Event().wait(self.server.delay)
        elif kind == "gateway":
            self._answer(502, [("Content-Type", "text/html")], b"<h1>Bad gateway</h1>")
            return
        elif kind == "elsewhere":
            self._answer(404, [("Content-Type", "text/html")], b"<h1>No such site here</h1>")
            return
        elif kind == "small":
            self._answer(413, [("Content-Type", "text/html")], b"<h1>413 Request Entity Too Large</h1>")
            return
        twin = threading.Thread(target=self._ask, args=(body,)) if kind == "twins" else None
        if twin:
            twin.start()
        answer = None if kind == "refuse" else self._ask(body)
        if kind == "double":
            answer = self._ask(body)
        if twin:
            twin.join()
        if answer is None or kind in ("refuse", "lose"):
            self._hang_up()
        elif kind == "unknown":
            self._answer(503, [("Content-Type", "text/html"), ("Retry-After", "2")], self.server.unknown)
        elif kind == "cut":
            self._answer(*answer, half=True)
        else:
            self._answer(*answer)

    do_POST = do_DELETE = do_HEAD = do_GET

    def _ask(self, body: bytes) -> tuple | None:
        """Say it to the site; none where that does not answer."""
        connection = HTTPConnection("127.0.0.1", self.server.site.port, timeout=60)
        try:
            self.server.heard.append((self.command, self.path))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), self.server.alter(self.path, answer.read())
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()

    def _answer(self, status: int, headers: list, content: bytes, *, half: bool = False) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_) -> None:
        """The test says what went wrong."""
