"""Larger requests, through the front and over the wire: refused in words, and never so many that tills suffer."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import pytest

from database import db
from models import Role
from tests.browser import Site
from tests.factories import ACCOUNT_PASSWORD
from web.front import THREADS, UPLOADS, Front
from web.sizes import LARGEST_REQUEST, LARGEST_UPLOAD, largest

EMAIL = "owner@example.org"
FORM = "application/x-www-form-urlencoded"
PICTURES = "/merchants/lotus/pictures"


@pytest.mark.parametrize(("method", "path", "large"), [
    ("POST", "/merchants/lotus/pictures", True), ("POST", "/merchants/lotus/campaigns", True),
    ("POST", "/merchants/lotus/campaigns/tea/edit", True),
    ("POST", "/merchants/lotus/campaigns/tea/publications", True),
    ("GET", "/merchants/lotus/pictures", False), ("POST", "/merchants/lotus/preview", False),
    ("POST", "/merchants/lotus/campaigns/tea/password", False), ("POST", "/sign-in", False),
    ("POST", "/merchants/lotus/pictures/", False), ("POST", "/merchants//pictures", False),
    ("POST", "/vouchers/x/redemptions", False), ("POST", "/x/merchants/lotus/pictures", False),
    ("POST", "/merchants/a/b/pictures", False), ("POST", "/merchants/lotus/pictures\n", False),
])
def test_only_what_takes_a_file_may_be_large(method, path, large):
    assert largest(method, path) == (LARGEST_UPLOAD if large else LARGEST_REQUEST)


# The front alone, with connections that are no more than their protocol


class Scope:
    http_version, scheme, authority, query_string = "1.1", "http", None, ""
    server, client = "127.0.0.1:80", "127.0.0.1:50000"

    def __init__(self, path: str, length: int | None):
        self.method, self.path = "POST", path
        self.headers = {"host": "x"} if length is None else {"host": "x", "content-length": str(length)}


class Connection:
    """What comes in pieces of a megabyte until the door is shut; `read` is how much somebody took of it."""

    def __init__(self, size: int, open_end: bool = False):
        self.left, self.read, self.status, self.open_end = size, 0, None, open_end

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        if self.left <= 0 and self.open_end:
            await asyncio.sleep(3600)
        if self.left <= 0:
            raise StopAsyncIteration
        piece = min(self.left, 2**20)
        self.left, self.read = self.left - piece, self.read + piece
        return b"x" * piece

    def response_bytes(self, status, headers, content):
        self.status = status

    def response_empty(self, status, headers):
        self.status = status


def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]


def test_no_more_than_a_few_uploads_are_in_memory_and_small_requests_pass():
    async def scene():
        front = Front(application)
        slow = [Connection(2**20, open_end=True) for _ in range(UPLOADS * 5)]
        waiting = [asyncio.create_task(front.__rsgi__(Scope(PICTURES, LARGEST_UPLOAD), one)) for one in slow]
        await asyncio.sleep(0.1)
        assert sum(one.read > 0 for one in slow) == UPLOADS
        for path in ("/sign-in", PICTURES, "/vouchers/x/redemptions"):
            small = Connection(1000)
            await asyncio.wait_for(front.__rsgi__(Scope(path, 1000), small), 3)
            assert small.status == 200
        for task in waiting[:UPLOADS]:
            task.cancel()
        await asyncio.sleep(0.1)
        assert sum(one.read > 0 for one in slow) == UPLOADS * 2, "whoever leaves makes room for the next"
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(scene())


@pytest.mark.parametrize(("path", "announced", "sent", "most"), [
    (PICTURES, 2**30, 2**30, LARGEST_UPLOAD), (PICTURES, None, 2**30, LARGEST_REQUEST),
    (PICTURES, 100, 2**30, LARGEST_REQUEST), ("/sign-in", 2**30, 2**30, LARGEST_REQUEST),
    (PICTURES, "9" * 40, 2**30, LARGEST_REQUEST), (PICTURES, "-1", 2**30, LARGEST_REQUEST),
])
def test_what_is_too_large_is_not_read_to_its_end(path, announced, sent, most):
    connection = Connection(sent)
    asyncio.run(Front(application).__rsgi__(Scope(path, announced), connection))
    assert connection.read <= most + 2**20
    assert connection.status is not None


# A server that runs


@pytest.fixture
def owner_site(small_world, sqlite) -> Iterator[tuple[Site, str]]:
    """The site, and the cookie of its owner."""
    small_world.member(role=Role.OWNER, email=EMAIL, password=ACCOUNT_PASSWORD)
    db.close()
    with Site(sqlite) as site:
        body = urlencode({"email": EMAIL, "password": ACCOUNT_PASSWORD})
        with closing(HTTPConnection("127.0.0.1", site.port, timeout=20)) as connection:
            connection.request("POST", "/sign-in", body, {"Sec-Fetch-Site": "same-origin", "Content-Type": FORM})
            yield site, connection.getresponse().headers["Set-Cookie"].split(";")[0]


def with_picture(content: bytes) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    return head + content + b"\r\n--x--\r\n"


def send(to: tuple[Site, str], path: str, body, kind: str = "multipart/form-data; boundary=x", **more: str):
    """The status and the page; who is told to stop while they send listens all the same."""
    site, cookie = to
    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": kind, "Cookie": cookie, "Accept": "text/html", **more}
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=30)) as connection:
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
        except BrokenPipeError:
            answer = HTTPResponse(connection.sock, method="POST")
            answer.begin()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize("path", [PICTURES, "/merchants/lotus/campaigns"])
def test_too_much_is_answered_in_words(owner_site, path):
    """Also while the other side is still sending: it hears the answer, not a connection that breaks."""
    for megabytes in (12, 16, 40):
        status, page = send(owner_site, path, with_picture(b"j" * megabytes * 2**20))
        assert (status, "too much at once" in page) == (413, True), megabytes


def test_a_photograph_just_below_the_limit_gets_through(owner_site):
    status, _ = send(owner_site, PICTURES, with_picture(b"j" * (LARGEST_UPLOAD - 1000)))
    assert status == 422, "all of it was read, and is no picture"


def test_uploads_that_stand_still_hold_up_nobody_at_a_till(owner_site):
    site, cookie = owner_site
    head = (f"POST {PICTURES} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {LARGEST_UPLOAD}\r\n\r\n--x").encode()
    with ExitStack() as stack:
        for _ in range(THREADS * 2):
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", site.port)))).sendall(head)
        status, _ = send(owner_site, "/sign-in", urlencode({"email": "x", "password": "y"}), FORM)
        assert status == 422
        status, _ = send(owner_site, "/merchants/lotus/preview", urlencode({"product": "Tea"}), FORM)
        assert status == 200
