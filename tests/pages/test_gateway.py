"""Connections that send their request slowly hold no thread; the control shows what they do without the front."""

import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

import pytest

from tests.operations.test_cli import ROOT, Site, end
from tests.support.servers import allow_open_files
from web.server import processes
from web.server.gateway import THREADS

pytestmark = pytest.mark.slow  # starts programs

SLOW = (
    b"POST /sign-in HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 500\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail="
)
ENDLESS = b"GET / HTTP/1.1\r\nHost: x\r\nX-More: "
HEADS = (b"", b"GE", ENDLESS)  # nothing, half a word, a head without end
MANY = 1100  # connections that want nothing: more than granian by itself has room for
PATIENCE = 3  # seconds; an answer takes milliseconds


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path / "data", "serve") as running:
        yield running


def slow_connections(stack: ExitStack, port: int, count: int, begin: bytes = SLOW) -> list[socket.socket]:
    opened = [stack.enter_context(closing(socket.create_connection(("127.0.0.1", port)))) for _ in range(count)]
    for connection in opened:
        connection.sendall(begin)
    return opened


@contextmanager
def bare(site: Site, *words: str) -> Iterator[int]:
    """The port of granian as it comes, on the site's data."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *words, "--port", str(port), "--no-log"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "QUANBAO_DATA": str(site.data)},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not answers(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert answers(port)
        yield port
    finally:
        end(process)


def answers(port: int, path: str = "/healthz") -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_slow_bodies_hold_up_nobody(site):
    with ExitStack() as stack:
        slow_connections(stack, site.port, THREADS * 3)
        assert answers(site.port)
        assert answers(site.port, "/readyz")


def test_a_body_that_never_ends_is_given_up(site):
    with ExitStack() as stack:
        (connection,) = slow_connections(stack, site.port, 1)
        connection.settimeout(30)
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_control_without_the_front_slow_bodies_hold_every_thread(site):
    with bare(site, "--interface", "wsgi", "--blocking-threads", "2", "wsgi:app") as port, ExitStack() as stack:
        slow_connections(stack, port, 6)
        assert not all(answers(port) for _ in range(3))


def test_connections_that_want_nothing_hold_up_nobody_and_are_closed(site):
    allow_open_files()
    with ExitStack() as stack:
        opened = [slow_connections(stack, site.port, MANY // 2, begin) for begin in HEADS]
        assert answers(site.port)
        for first, *_ in opened:
            first.settimeout(processes.PATIENCE + 20)
            assert first.recv(100) == b""


@pytest.mark.parametrize(
    ("limits", "raised", "room"),
    [
        ((1024, 1_048_576), (processes.CONNECTIONS + processes.OTHER_FILES, 1_048_576), processes.CONNECTIONS),
        ((1024, 2048), (2048, 2048), 2048 - processes.OTHER_FILES),
        ((100, 100), (100, 100), 1),
        ((1_048_576, 1_048_576), None, processes.CONNECTIONS),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, processes.CONNECTIONS),
    ],
)
def test_there_is_room_for_as_many_connections_as_files_may_be_open(monkeypatch, limits, raised, room):
    said = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: said.append(new))
    assert processes.room_for_connections() == room
    assert said == ([raised] if raised else [])


def test_a_head_without_end_is_given_up_before_it_fills_the_memory(site):
    with ExitStack() as stack:
        [connection] = slow_connections(stack, site.port, 1, ENDLESS)
        connection.settimeout(processes.PATIENCE)
        connection.sendall(b"x" * processes.LONGEST_HEAD)
        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


def test_control_granian_by_itself_waits_for_ever_for_connections_that_say_nothing(site):
    allow_open_files()
    with bare(site, "--interface", "rsgi", "--factory", "wsgi:gateway") as port, ExitStack() as stack:
        slow_connections(stack, port, MANY, b"")
        assert not answers(port)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/static/x/%E4%BD%A0", None, 404),
        ("HEAD", "/sign-in", None, 200),
        ("GET", "/sign-in?next=%2Fa%20b", None, 200),
        ("POST", "/sign-in", "email=" + "x" * 70_000, 413),
        ("POST", "/sign-in", "email=%E4%BD%A0&password=x", 422),
    ],
)
def test_requests_arrive_as_they_were_sent(site, method, path, body, status):
    connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.request(
        method,
        path,
        body,
        {
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    answer = connection.getresponse()
    content = answer.read().decode()
    assert answer.status == status
    assert answer.headers["Content-Security-Policy"]
    if "next" in path:
        assert 'value="/a b"' in content
    if status == 422:
        assert 'value="你"' in content
    connection.close()


def test_letters_of_an_address_that_nobody_encoded_arrive_too(site):
    """Browsers encode them; programs and odd links need not."""
    with closing(socket.create_connection(("127.0.0.1", site.port), timeout=10)) as connection:
        connection.sendall("GET /sign-in?next=/你 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 200 ")
    assert 'value="/你"' in answer


PROBES = {
    b"GET /healthz": b"200",
    b"GET /readyz": b"200",
    b"HEAD /healthz": b"200",
    b"OPTIONS /": b"200",
    b"OPTIONS /healthz": b"200",
}
# What would give out an address, or does something, is asked by the site's name; so is all in HTTP/1.1 (RFC 9112, 3.2).
NO_PROBES = (b"GET /", b"GET /sign-in", b"POST /healthz", b"OPTIONS /sign-in")


@pytest.mark.parametrize("host", [b"", b"Host:\r\n"], ids=["none", "empty"])
def test_a_load_balancer_asks_how_the_site_is_in_http_1_0_without_a_host(site, host):
    """HAProxy's `option httpchk`, and with a path behind it."""
    told = {probe: answer_to(site.port, probe + b" HTTP/1.0\r\n" + host + b"\r\n") for probe in PROBES}
    assert told == PROBES
    assert {answer_to(site.port, asked + b" HTTP/1.0\r\n" + host + b"\r\n") for asked in NO_PROBES} == {b"400"}
    assert {answer_to(site.port, probe + b" HTTP/1.1\r\n" + host + b"\r\n") for probe in PROBES} == {b"400"}
    assert {answer_to(site.port, probe + b" HTTP/1.0\r\nHost: a..b\r\n\r\n") for probe in PROBES} == {b"400"}


FORM = (
    b"POST /sign-up HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
EMAIL, REST = b"email=a@example.org&password=a-long-", b"secret"
CHUNK = b"%x\r\n%b\r\n" % (len(EMAIL), EMAIL)
CODED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(EMAIL + REST)


def answer_to(port: int, request: bytes, *, hangs_up: bool = False) -> bytes:
    """The status of the answer; nothing where the connection is closed without one."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as connection:
        connection.sendall(request)
        if hangs_up:
            connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)[9:12]


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (LENGTH + EMAIL, b"400"),
        (CODED + b"\r\n" + CHUNK, b"411"),
        (CODED + b"\r\n" + CHUNK + b"-1\r\n", b"411"),
        (CODED + b"\r\n" + CHUNK + b"6\r\nsecret\r\n0\r\n\r\n", b"411"),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNK + b"0\r\n\r\n", b"400"),
    ],
)
def test_half_a_form_is_no_form(site, rest, status):
    """A connection that broke, or chunks that end where nobody can tell: what came is not acted on."""
    goes_on = rest.endswith((EMAIL, CHUNK))
    assert answer_to(site.port, FORM + rest, hangs_up=goes_on) in (status, b"" if goes_on else status)
    assert answer_to(site.port, FORM + LENGTH + EMAIL + REST) == b"303", "the address is still free"
