"""Nobody learns from how long an answer took what it does not say.

Two kinds of refused requests, shuffled, are timed over one connection that is kept, and it is asked how well the time
tells the one from the other: the area under the curve (AUC) is a half where it says nothing. The last tests are the
control.
"""

import random
import socket
import time
import uuid
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from quanbao.passwords import guess_limits, redemption_passwords
from quanbao.vouchers.issuing import new_code
from tests.conftest import POSTGRESQL, SQLITE
from tests.controls import timed
from tests.proofs import engine, size
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.racing import Holder, crowd
from tests.support.servers import Site

ENGINES = pytest.mark.parametrize("database", size([SQLITE], [SQLITE, POSTGRESQL]), indirect=True)
pytestmark = pytest.mark.promise("no oracle")

EACH = size(500, 25_000)  # timed answers of a kind; the AUC's standard error is 0.018, or 0.0026
BOUND = size(0.58, 0.52)
LEAKING = 300  # of a kind are enough to see a leak
KNOCKS = size(100, 1000)  # with a slow hash each: the AUC's standard error is 0.041, or 0.013
KNOCKS_BOUND = size(0.65, 0.55)
GUESSERS = 18  # to a password: five wrong tries of each stay within its budget
TRIES = guess_limits.CONSUMER_FREE
WRONG_SECRET = "not-the-password"
HEAD = "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nCookie: {cookie}\r\n"
FORM = (
    "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: {length}\r\n\r\n{body}"
)


@dataclass(frozen=True)
class Question:
    """A request, and which of the two kinds it is of."""

    kind: int
    request: bytes


def get(kind: int, path: str, cookie: str) -> Question:
    return Question(kind, (HEAD.format(method="GET", path=path, cookie=cookie) + "\r\n").encode())


def post(kind: int, path: str, cookie: str, form: dict[str, str], headers: str = "") -> Question:
    body = urlencode(form)
    head = HEAD.format(method="POST", path=path, cookie=cookie) + headers
    return Question(kind, (head + FORM.format(length=len(body), body=body)).encode())


def redeem(kind: int, code: str, cookie: str, typed: str) -> Question:
    return post(kind, f"/vouchers/{code}/redemptions", cookie, {"password": typed, "attempt_id": str(uuid.uuid4())})


class Connection:
    """One connection to the server; `looks` is all that answers are but their words."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.looks: set[tuple] = set()

    def ask(self, request: bytes) -> int:
        """Nanoseconds until the answer begins."""
        began = time.perf_counter_ns()
        self.socket.sendall(request)
        answer = self._more()
        took = time.perf_counter_ns() - began
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        while len(body) < int(headers["content-length"]):
            body += self._more()
        self.looks.add((first, len(body), *sorted(headers)))
        return took

    def _more(self) -> bytes:
        if not (received := self.socket.recv(65536)):
            raise ConnectionError("the server closed the connection")
        return received


def telling(site: Site, questions: list[Question], status: str) -> float:
    """How well time tells the two kinds apart: 0.5 not at all, 1 perfectly. Nothing else may tell them either."""
    random.shuffle(questions)
    connection = Connection(site.port)
    took: tuple[list[int], list[int]] = ([], [])
    for question in questions:
        took[question.kind].append(connection.ask(question.request))
    connection.socket.close()
    [look] = connection.looks  # one status, one length, the same headers
    assert status in look[0]
    area = auc(*took)
    return max(area, 1 - area)


def auc(these: Sequence[int], those: Sequence[int]) -> float:
    """The share of pairs in which the one of these is the slower (Mann and Whitney); ties count a half."""
    those = sorted(those)
    below = sum(bisect_left(those, one) + bisect_right(those, one) for one in these)
    return below / 2 / len(these) / len(those)


def guessed(settings, world, each: int) -> list[Question]:
    """Wrong passwords, with the first digit wrong or the last; each within the budgets, so that it is compared."""
    kinds = [0, 1] * each
    random.shuffle(kinds)
    questions = []
    while kinds:
        password = redemption_passwords.generate()
        campaign = world.campaign(password=world.make_password(digits=password))
        holders = crowd(settings, world, campaign, min(GUESSERS, -(-len(kinds) // TRIES)))
        for holder in holders:
            for kind in kinds[:TRIES]:
                questions.append(redeem(kind, holder.code, holder.cookie, wrong(password, (0, -1)[kind])))
            del kinds[:TRIES]
    return questions


def wrong(password: str, place: int) -> str:
    digits = list(password)
    digits[place] = random.choice([digit for digit in "0123456789" if digit != digits[place]])
    return "".join(digits)


def sought(holders: list[Holder], each: int) -> list[tuple[int, str, str]]:
    """Somebody's cookie, and the code of a voucher that is somebody else's, or nobody's."""
    found = []
    for kind in [0, 1] * each:
        me, other = random.sample(holders, 2)
        found.append((kind, new_code() if kind else other.code, me.cookie))
    return found


@pytest.fixture
def server(database, world, tmp_path):
    """One process, by a clock that stands: no session slides, no budget fills again."""
    timed.tell(tmp_path / "clock", world.clock())

    def open_(control: str = "timed") -> Site:
        return Site(database, world, control, processes=1, CLOCK=str(tmp_path / "clock"))

    return open_


def both(server, settings, world, each: int, control: str) -> dict[str, float]:
    """How well time tells, by what it would tell."""
    guesses = guessed(settings, world, each)
    holders = crowd(settings, world, world.campaign(), 100)
    pages = [get(kind, f"/vouchers/{code}", cookie) for kind, code, cookie in sought(holders, each)]
    with server(control) as site:
        return {
            "whether a voucher is somebody else's or nobody's": telling(site, pages, " 404"),
            "which digit is wrong": telling(site, guesses, " 403"),
        }


@ENGINES
def test_time_tells_neither_a_digit_nor_whether_a_voucher_exists(server, database, world, proved):
    found = both(server, database, world, EACH, "timed")
    assert all(area < BOUND for area in found.values()), found
    said = ", ".join(f"{what} {area:.3f}" for what, area in found.items())
    proved(f"{engine()}: {EACH:,} answers of each kind, AUC {said}")


@ENGINES
def test_control_a_leak_is_seen(server, database, world):
    found = both(server, database, world, LEAKING, "timing_leaks")
    assert all(area > BOUND for area in found.values()), found


@pytest.fixture
def knocks(small_world) -> list[Question]:
    """Wrong account passwords, each from an address of its own: for an account, and for nobody."""
    small_world.account(email="here@example.org", password=ACCOUNT_PASSWORD)
    return [
        post(
            kind,
            "/sign-in",
            "",
            {"email": f"{name}@example.org", "password": WRONG_SECRET},
            f"X-Forwarded-For: 10.{kind}.{number // 250}.{number % 250}\r\n",
        )
        for kind, name in enumerate(("here", "none"))
        for number in range(KNOCKS)
    ]


def test_time_does_not_tell_who_has_an_account(small_world, sqlite, knocks, proved):
    with Site(sqlite, small_world, processes=1, QUANBAO_TRUSTED_PROXIES="1") as site:
        area = telling(site, knocks, " 422")
    assert area < KNOCKS_BOUND
    proved(f"{KNOCKS:,} sign-ins each, AUC {area:.3f}")


def test_control_who_compares_nothing_for_strangers_is_seen(small_world, sqlite, knocks):
    with Site(sqlite, small_world, "careless", processes=1, QUANBAO_TRUSTED_PROXIES="1", CARELESS="strangers") as site:
        assert telling(site, knocks, " 422") > KNOCKS_BOUND
