"""Many requests over a few connections, several in each before the first is answered; and what to think of the answers.

It runs in one thread and counts; what is wrong with an answer is kept with the request that it answers.
"""

import asyncio
import os
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from tests.attacks.malformed_requests import Attack
from tests.support.factories import PASSWORD
from tests.support.racing import Holder, Phone
from tests.support.servers import Site

LINES = 8  # connections
AT_ONCE = 10  # requests in a connection
PATIENCE = 60  # seconds for an answer
GLANCE = 0.3  # seconds for what answers there may be to a request that has no end
TOLD = (b"Traceback (most", b'File "/', b"werkzeug", b"peewee", b"psycopg", b"sqlite3.", b"apsw", PASSWORD.encode())
BARE = (400, 408, 411, 413, 414, 431)  # the server's own words, before there is an application to ask


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def is_reached(self) -> bool:
        """Whether a route's own code has answered, and no guard before it."""
        asked_to_sign_in = self.headers.get(b"location", b"").startswith(b"/sign-in")
        return self.status not in (*BARE, 401, 403, 404, 405, 429) and not asked_to_sign_in


def wrong_with(attack: Attack, answer: Answer) -> str | None:
    """What no answer may be: a failure of ours, or one that tells what it should not."""
    if answer.status >= 500 and not is_busy(attack, answer):
        return f"answered {answer.status}"
    told = [words for words in TOLD if words in answer.body and attack.endpoint not in MAY_TELL]
    if told:
        return f"tells {told}"
    if b"x-injected" in answer.headers:
        return "has a header that was sent"
    if answer.status not in BARE and b"content-security-policy" not in answer.headers:
        return "lacks the headers"
    return None


def is_busy(attack: Attack, answer: Answer) -> bool:
    """Somebody else changed, in that very moment, what a try was judged by: nothing happened, the phone asks again."""
    said = answer.status == 503 and b"retry-after" in answer.headers and b"busy" in answer.body
    return said and attack.endpoint in TRIES


TRIES = ("redemptions.attempt", "till.redeem")
# The owner's own digits, whatever the method was to be; and typed ones stay in the fields of their forms.
MAY_TELL = (
    "passwords.show", "passwords.reveal", "passwords.renew", "passwords.change",
    "shop_passwords.add", "shop_passwords.change", "shop_passwords.reveal",
)  # fmt: skip


@dataclass
class Outcome:
    """What came of a flood: statuses, routes whose own code was reached, and what was wrong, with its request."""

    statuses: Counter = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def note(self, attack: Attack, answer: Answer | None) -> None:
        self.statuses[answer.status if answer else None] += 1
        if answer is None:
            return
        if attack.method != b"OPTIONS" and answer.is_reached():
            self.reached.add(attack.endpoint)
        if fault := wrong_with(attack, answer):
            self.wrong.append(
                f"number {attack.number}, {attack.endpoint} as {attack.who}: {fault}\n"
                f"{attack.raw[:3000]!r}\n{answer.body[:1000]!r}"
            )


class Flood:
    """`send` may be called again: what it is told next is counted with what came before."""

    def __init__(self, port: int):
        self.port, self.outcome = port, Outcome()

    def send(self, attacks: Iterable[Attack]) -> Outcome:
        asyncio.run(self._all(iter(attacks)))
        return self.outcome

    async def _all(self, attacks) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(LINES):
                group.create_task(self._line(attacks))

    async def _line(self, attacks) -> None:
        while batch := list(islice(attacks, AT_ONCE)):
            waiting = deque(attack for attack in batch if not attack.broken)
            while waiting:
                await self._pipeline(waiting)
            for attack in batch:
                if attack.broken:
                    await self._broken(attack)

    async def _pipeline(self, waiting: deque[Attack]) -> None:
        """Those that are answered leave the line. A connection that was closed may have lost what came behind."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        sending = asyncio.create_task(self._write(writer, b"".join(attack.raw for attack in waiting)))
        first = True
        try:
            async with asyncio.timeout(PATIENCE):
                while waiting and (answer := await read(reader, waiting[0].method)):
                    self.outcome.note(waiting.popleft(), answer)
                    first = False
        except (OSError, asyncio.IncompleteReadError):
            pass
        except (TimeoutError, ValueError, IndexError) as fault:
            self._unreadable(waiting.popleft(), fault)
        finally:
            sending.cancel()
            writer.close()
        if first and waiting:
            self.outcome.note(waiting.popleft(), None)

    def _unreadable(self, attack: Attack, fault: Exception) -> None:
        self.outcome.wrong.append(f"number {attack.number}: {str(fault) or 'no answer'}\n{attack.raw[:3000]!r}")

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        with suppress(OSError):
            writer.write(data)
            await writer.drain()

    async def _broken(self, attack: Attack) -> None:
        """What comes first answers the first word that is sent; what comes then, the request behind it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
        answers, method = 0, attack.raw.lstrip().partition(b" ")[0]
        try:
            await self._write(writer, attack.raw)
            async with asyncio.timeout(GLANCE):
                while answer := await read(reader, method):
                    self.outcome.note(attack, answer)
                    answers, method = answers + 1, b"GET"
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except (ValueError, IndexError) as fault:
            self._unreadable(attack, fault)
        if not answers:
            self.outcome.note(attack, None)
        writer.close()


async def read(reader: asyncio.StreamReader, method: bytes) -> Answer | None:
    """The next answer of a connection; none where it was closed."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        first, *lines = head[:-4].split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        status = int(first.split()[1])
        if status >= 200:
            break
    if method == b"HEAD" or status in (204, 304):
        return Answer(status, headers, b"")
    if headers.get(b"transfer-encoding") == b"chunked":
        return Answer(status, headers, await _chunks(reader))
    return Answer(status, headers, await reader.readexactly(int(headers.get(b"content-length", b"0"))))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


class Till(threading.Thread):
    """Somebody honest who redeems all the while; `told` is what they heard, with how long it took."""

    def __init__(self, port: int, holder: Holder):
        super().__init__(daemon=True)
        self.phone, self.holder, self.over = Phone(port), holder, threading.Event()
        self.told: list[tuple[int | None, str | None]] = []
        self.took: list[float] = []

    def run(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            said = self.phone.redeem(self.holder)
            self.took.append(time.monotonic() - began)
            self.told.append((said[0], said[1].get("reason")) if said else (None, None))
            self.over.wait(0.1)

    def __enter__(self) -> "Till":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.join(PATIENCE)


def memory(site: Site) -> int:
    """Bytes that the server's processes hold in memory, all together."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,rss="], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return 1024 * sum(int(rss) for group, rss in rows if int(group) == os.getpgid(site.keeper.pid))
