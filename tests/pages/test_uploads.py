"""Larger requests, through the front and over the wire: refused in words, and never so many that tills suffer."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import pytest
from PIL import Image

from database import db
from models import Role
from tests.campaigns.test_pictures import encoded
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.servers import Site
from web.request_limits import LARGEST_REQUEST, LARGEST_UPLOAD, largest
from web.server.gateway import MOST_OF_UPLOADS, THREADS, Gateway

EMAIL = "owner@example.org"
FORM = "application/x-www-form-urlencoded"
PICTURES = "/merchants/lotus/pictures"


@pytest.mark.parametrize(
    ("method", "path", "large"),
    [
        ("POST", "/merchants/lotus/pictures", True),
        ("POST", "/merchants/lotus/new-campaign", True),
        ("POST", "/merchants/lotus/campaigns/tea/edit", True),
        ("POST", "/merchants/lotus/campaigns/tea/publications", True),
        ("POST", "/merchants/lotus/campaigns", False),
        ("GET", "/merchants/lotus/pictures", False),
        ("POST", "/merchants/lotus/preview", False),
        ("POST", "/merchants/lotus/campaigns/tea/password", False),
        ("POST", "/sign-in", False),
        ("POST", "/merchants/lotus/pictures/", False),
        ("POST", "/merchants//pictures", False),
        ("POST", "/vouchers/x/redemptions", False),
        ("POST", "/x/merchants/lotus/pictures", False),
        ("POST", "/merchants/a/b/pictures", False),
        ("POST", "/merchants/lotus/pictures\n", False),
    ],
)
def test_only_what_takes_a_file_may_be_large(method, path, large):
    assert largest(method, path) == (LARGEST_UPLOAD if large else LARGEST_REQUEST)


# The front alone, with connections that are no more than their protocol


class Scope:
    http_version, scheme, authority, query_string = "1.1", "http", None, ""
    server, client = "127.0.0.1:80", "127.0.0.1:50000"

    def __init__(self, path: str, length: int | None):
        self.method, self.path = "POST", path
        self.headers = {"host": "x", "content-type": "multipart/form-data; boundary=x"}
        self.headers |= {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}


class Connection:
    """What comes in pieces of a megabyte until the door is shut; `read` is how much somebody took of it."""

    def __init__(self, size: int, stands_still: bool = False):
        self.left, self.read, self.status, self.stands_still = size, 0, None, stands_still

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        if self.left <= 0 and self.stands_still:
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
    """It says how much it was sent, and refuses too much as Flask does."""
    length = int(environ["CONTENT_LENGTH"])
    whole = len(environ["wsgi.input"].read()) == length
    start_response("200" if whole else "413", [("Content-Length", "0")])
    return [b""]


async def ask(gateway: Gateway, connection: Connection, path: str = PICTURES) -> int | None:
    await gateway.__rsgi__(Scope(path, connection.left), connection)
    return connection.status


async def still(gateway: Gateway, count: int, size: int) -> tuple[list[Connection], list[asyncio.Task]]:
    """Uploads that have come so far and no further, in this order."""
    connections = [Connection(size, stands_still=True) for _ in range(count)]
    tasks = [asyncio.create_task(ask(gateway, one)) for one in connections]
    while any(one.left for one in connections):
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    return connections, tasks


async def leave(tasks: list[asyncio.Task]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(("count", "size"), [(6, LARGEST_UPLOAD - 1), (500, 2**20), (2000, LARGEST_REQUEST + 1)])
def test_uploads_that_stand_still_make_room_for_who_sends(count, size):
    async def scene():
        gateway = Gateway(application)
        connections, tasks = await still(gateway, count, size)
        assert sum(one.read for one in connections if one.status is None) <= MOST_OF_UPLOADS + LARGEST_UPLOAD
        for path, sent in ((PICTURES, LARGEST_UPLOAD), ("/sign-in", 1000), (PICTURES, 1000)):
            assert await asyncio.wait_for(ask(gateway, Connection(sent), path), 3) == 200
        assert {one.status for one in connections} <= {None, 408}
        await leave(tasks)
        assert not gateway.upload_memory.uploads

    asyncio.run(scene())


def test_of_those_that_stand_still_the_one_that_does_so_longest_goes_first():
    async def scene():
        gateway = Gateway(application)
        first, tasks = await still(gateway, 1, LARGEST_UPLOAD)
        others, more = await still(gateway, 5, LARGEST_UPLOAD)
        assert await ask(gateway, Connection(LARGEST_UPLOAD // 2)) == 200
        assert [one.status for one in (*first, *others)] == [408, *[None] * 5]
        await leave(tasks + more)

    asyncio.run(scene())


def test_who_sends_waits_for_those_that_are_being_answered():
    """Nobody is given up for being one too many."""
    answer = threading.Event()

    def slow(environ, start_response):
        answer.wait(20)
        return application(environ, start_response)

    async def scene():
        gateway = Gateway(slow)
        tasks = []
        for connection in [Connection(LARGEST_UPLOAD) for _ in range(MOST_OF_UPLOADS // LARGEST_UPLOAD + 3)]:
            tasks.append(asyncio.create_task(ask(gateway, connection)))
            await asyncio.sleep(0.1)
        assert connection.read == 2**20
        answer.set()
        assert await asyncio.gather(*tasks) == [200] * len(tasks)

    asyncio.run(scene())


def test_nobody_at_a_till_waits_for_pictures_that_take_long():
    answer = threading.Event()

    def slow(environ, start_response):
        assert environ["PATH_INFO"] != PICTURES or answer.wait(20)
        return application(environ, start_response)

    async def scene():
        gateway = Gateway(slow)
        tasks = [asyncio.create_task(ask(gateway, Connection(2 * LARGEST_REQUEST))) for _ in range(THREADS * 2)]
        await asyncio.sleep(0.1)
        assert await asyncio.wait_for(ask(gateway, Connection(1000), "/vouchers/x/redemptions"), 3) == 200
        answer.set()
        assert set(await asyncio.gather(*tasks)) == {200}

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("path", "sent", "most"),
    [
        (PICTURES, 2**30, LARGEST_UPLOAD),
        (PICTURES, LARGEST_UPLOAD + 1, LARGEST_UPLOAD),
        ("/sign-in", 2**30, LARGEST_REQUEST),
        ("/sign-in", LARGEST_REQUEST + 1, LARGEST_REQUEST),
    ],
)
@pytest.mark.parametrize("announced", [None, 100, "9" * 40, "-1", 2**30])
def test_what_is_too_large_is_neither_read_to_its_end_nor_cut(path, announced, sent, most):
    connection = Connection(sent)
    asyncio.run(Gateway(application).__rsgi__(Scope(path, announced), connection))
    assert connection.read <= most + 2**20
    assert connection.status == 413


@pytest.mark.parametrize("path", [PICTURES, "/merchants/lotus/%70ictures"])
@pytest.mark.parametrize(("announced", "status"), [(None, 200), (LARGEST_UPLOAD, 200), (100, 400)])
def test_what_is_not_too_large_arrives_whole(path, announced, status):
    connection = Connection(LARGEST_UPLOAD)
    asyncio.run(Gateway(application).__rsgi__(Scope(path, announced), connection))
    assert connection.status == status


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


@pytest.mark.parametrize(
    ("path", "words"), [(PICTURES, "at most 12 MB"), ("/merchants/lotus/new-campaign", "too much at once")]
)
def test_too_much_is_answered_in_words(owner_site, path, words):
    """Also while the other side is still sending: it hears the answer, not a connection that breaks."""
    for megabytes in (12, 16, 40):
        status, page = send(owner_site, path, with_picture(b"j" * megabytes * 2**20))
        assert (status, words in page) == (413, True), megabytes


def test_a_photograph_just_below_the_limit_gets_through(owner_site):
    status, _ = send(owner_site, PICTURES, with_picture(b"j" * (LARGEST_UPLOAD - 1000)))
    assert status == 422, "all of it was read, and is no picture"


def chunks(body: bytes) -> Iterator[bytes]:
    """Sent without saying how much there is: `Transfer-Encoding: chunked` (RFC 9112, 7.1)."""
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


def test_a_picture_in_chunks_arrives_whole_or_is_refused(owner_site):
    photo = encoded(Image.effect_noise((600, 400), 60), "PNG")
    assert len(photo) > 2 * LARGEST_REQUEST
    for path in (PICTURES, PICTURES.replace("pictures", "%70ictures")):
        status, fragment = send(owner_site, path, chunks(with_picture(photo)))
        assert (status, "kept_picture" in fragment) == (200, True)
    status, _ = send(owner_site, PICTURES, chunks(with_picture(b"j" * LARGEST_UPLOAD)))
    assert status == 413
    status, _ = send(owner_site, "/merchants/lotus/preview", chunks(urlencode({"product": "Tea"}).encode()), FORM)
    assert status == 411, "nobody could tell half of it from all of it"


def test_uploads_that_stand_still_stop_no_owner_and_nobody_at_a_till(owner_site):
    site, cookie = owner_site
    head = (
        f"POST {PICTURES} HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {LARGEST_UPLOAD}\r\n\r\n--x"
    ).encode()
    half = b"j" * (LARGEST_UPLOAD // 2)
    with ExitStack() as stack:
        for _ in range(THREADS * 2):
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", site.port)))).sendall(head + half)
        status, _ = send(owner_site, PICTURES, with_picture(b"j" * (LARGEST_UPLOAD - 1000)))
        assert status == 422, "all of it was read, and is no picture"
        status, _ = send(owner_site, "/sign-in", urlencode({"email": "x", "password": "y"}), FORM)
        assert status == 422
        status, _ = send(owner_site, "/merchants/lotus/preview", urlencode({"product": "Tea"}), FORM)
        assert status == 200
