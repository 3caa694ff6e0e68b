"""Races over HTTP: a server of several processes, and requests that are all let go at one moment."""

import asyncio
import hashlib
import json
import secrets
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from flask import Flask

from config import Settings
from database import write_transaction
from models import Account, Campaign, Redemption, Session, Voucher
from quanbao.people import accounts
from quanbao.vouchers import issuing
from tests.support.factories import PASSWORD, World
from tests.support.servers import ROOT, Site, environment
from web.auth.sessions import CookieInterface

DEADLINE = 120  # seconds for one burst, on a machine that has other things to do as well
ROUNDS = 10  # how often those that were told "busy" ask again
STEP = 1000  # consumers in one statement

FORM_HEADERS = {
    "Accept": "application/json",
    "Sec-Fetch-Site": "same-origin",
    "Content-Type": "application/x-www-form-urlencoded",
}
HEAD = (
    "POST /vouchers/{code}/redemptions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
    "Accept: application/json\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
)


# Commands


def check(settings: Settings, world: World) -> subprocess.CompletedProcess:
    """`quanbao check` on the world's database."""
    return command(settings, world, "check")


def command(settings: Settings, world: World, *words: str) -> subprocess.CompletedProcess:
    """What somebody types behind `quanbao`, on the world's database."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT,
        env=environment(settings, world.clock().isoformat()),
        timeout=DEADLINE,
        capture_output=True,
        text=True,
    )


def database_line(settings: Settings) -> str:
    """All that a command which did its work says on standard error."""
    return f"Database: {settings.database_name}\n"


# People


@dataclass(frozen=True)
class Holder:
    """A consumer who is signed in and holds one voucher; `cookie` is the whole header."""

    cookie: str
    code: str


def crowd(settings: Settings, world: World, campaign: Campaign, size: int) -> list[Holder]:
    """New consumers with a voucher each, written straight into the database."""
    return [
        holder
        for start in range(0, size, STEP)
        for holder in _some_of_crowd(settings, world, campaign, min(STEP, size - start))
    ]


def _some_of_crowd(settings: Settings, world: World, campaign: Campaign, size: int) -> list[Holder]:
    now, emails = world.clock(), [f"crowd{next(world.numbers)}@example.org" for _ in range(size)]
    Account.insert_many([{"email": email, "created_at": now} for email in emails]).execute()
    consumers = list(Account.select().where(Account.email.in_(emails)).order_by(Account.id))
    write_transaction(lambda: issuing.issue(campaign, consumers, now))
    held = (Voucher.campaign == campaign) & Voucher.consumer.in_(consumers)
    codes = dict(Voucher.select(Voucher.consumer, Voucher.code).where(held).tuples())
    cookies = sign_in(settings, world, consumers)
    return [Holder(cookie, codes[consumer.id]) for cookie, consumer in zip(cookies, consumers, strict=True)]


def sign_in(settings: Settings, world: World, consumers: Sequence[Account]) -> list[str]:
    """The Cookie header of a new session of each consumer, in the form that Flask and Flask-Login give it."""
    now, tokens = world.clock(), [secrets.token_urlsafe(32) for _ in consumers]
    Session.insert_many(
        [
            {
                "token_hash": hashlib.sha256(token.encode()).digest(),
                "account": consumer.id,
                "created_at": now,
                "confirmed_at": now,
                "seen_at": now,
                "browser": "",
                "expires_at": now + accounts.CONSUMER_SESSION,
            }
            for token, consumer in zip(tokens, consumers, strict=True)
        ]
    ).execute()
    return [cookie_of(settings, token) for token in tokens]


def cookie_of(settings: Settings, token: str) -> str:
    """What a browser sends whose session has this token."""
    return f"quanbao={_serializer(settings.secret_key).dumps({'_user_id': token})}"


@cache
def _serializer(secret_key: str):
    app = Flask("cookies")
    app.secret_key = secret_key
    return CookieInterface().get_signing_serializer(app)


# Requests


@dataclass(frozen=True, eq=False)
class Request:
    """One try at the till; sent again, it is the same attempt. Two that say the same are still two."""

    holder: Holder
    password: str = PASSWORD
    attempt_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def parts(self, port: int) -> tuple[bytes, bytes]:
        """What can be sent beforehand, and the rest, without which no server can begin."""
        body = urlencode({"password": self.password, "attempt_id": self.attempt_id})
        head = HEAD.format(code=self.holder.code, port=port, cookie=self.holder.cookie, length=len(body))
        return head.encode(), f"\r\n{body}".encode()


@dataclass(frozen=True)
class Answer:
    """`process` is named by the unguarded application alone."""

    status: int
    reason: str | None
    retry_after: str | None
    process: str | None

    @classmethod
    def read(cls, raw: bytes) -> "Answer":
        if not raw:
            raise ConnectionError("the server closed the connection without an answer")
        head, _, body = raw.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        reason = json.loads(body)["reason"] if body else None
        return cls(int(first.split()[1]), reason, headers.get("retry-after"), headers.get("x-process"))

    @property
    def is_busy(self) -> bool:
        return (self.status, self.reason) == (503, "busy") and self.retry_after is not None


class Phone:
    """One connection at a time, opened anew where it broke."""

    def __init__(self, port: int):
        self.connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def redeem(self, holder: Holder, password: str = PASSWORD) -> tuple[int, dict] | None:
        """A new attempt."""
        return self.ask(
            "POST",
            f"/vouchers/{holder.code}/redemptions",
            holder.cookie,
            password=password,
            attempt_id=str(uuid.uuid4()),
        )

    def ask(self, method: str, path: str, cookie: str, **form: str) -> tuple[int, dict] | None:
        """Status and JSON; none where the answer was lost."""
        headers = FORM_HEADERS | {"Cookie": cookie}
        try:
            self.connection.request(method, path, urlencode(form) or None, headers)
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException):
            self.connection.close()
            return None


def fire(site: Site, requests: Sequence[Request]) -> list[Answer]:
    """The answers, in the requests' order, to requests that are all let go at once."""
    return asyncio.run(_fire(site.port, requests))


def persist(site: Site, requests: Sequence[Request]) -> list[Answer]:
    """Like `fire`, but those that are told "busy" ask again under the same attempt id, as phones do."""
    answers = dict(zip(requests, fire(site, requests), strict=True))
    for _ in range(ROUNDS):
        if not (again := [request for request, answer in answers.items() if answer.is_busy]):
            break
        answers |= zip(again, fire(site, again), strict=True)
    return list(answers.values())


async def _fire(port: int, requests: Sequence[Request]) -> list[Answer]:
    start = asyncio.Barrier(len(requests))
    try:
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
            asked = [group.create_task(_ask(port, request, start)) for request in requests]
    except TimeoutError:
        answered = sum(not task.cancelled() for task in asked)
        raise AssertionError(f"{answered} of {len(asked)} requests were answered within {DEADLINE} s") from None
    return [task.result() for task in asked]


async def _ask(port: int, request: Request, start: asyncio.Barrier) -> Answer:
    """Connected and all but sent when the others are: then the rest goes out, and the answer is waited for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    early, rest = request.parts(port)
    try:
        writer.write(early)
        await start.wait()
        writer.write(rest)
        return Answer.read(await reader.read())
    finally:
        writer.close()


def tries(holders: Iterable[Holder], each: int = 1) -> list[Request]:
    """The right password, under an attempt id of its own each time."""
    return [Request(holder) for holder in holders for _ in range(each)]


def batches(all_of_them: Sequence, size: int) -> Iterator[Sequence]:
    return (all_of_them[start : start + size] for start in range(0, len(all_of_them), size))


# What came of it


def tally(answers: Iterable[Answer]) -> Counter[tuple[int, str | None]]:
    return Counter((answer.status, answer.reason) for answer in answers)


def ledger() -> Counter[int]:
    """How often each voucher was redeemed."""
    return Counter(voucher for (voucher,) in Redemption.select(Redemption.voucher).tuples())


def engine(settings: Settings) -> str:
    return "postgresql" if settings.database_url else "sqlite"


def assert_figures_agree(settings: Settings, world: World) -> None:
    result = check(settings, world)
    assert (result.returncode, result.stderr) == (0, database_line(settings))


def assert_figures_differ(settings: Settings, world: World, figure: str) -> None:
    result = check(settings, world)
    assert result.returncode == 1
    assert f" {figure}: " in result.stderr
