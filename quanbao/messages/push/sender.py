"""Web push (RFC 8030): each message encrypted for its browser (RFC 8291), signed for its service (RFC 8292).

Bodies are Declarative Web Push, so that a browser can show them without our script.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Event as Flag
from typing import Any

from peewee import InterfaceError, OperationalError

from database import Busy, Unknown, db, drop_broken_connection
from models import Event
from quanbao.messages import outbox
from quanbao.messages.outbox import Message, Notice, Outcome
from quanbao.messages.push.endpoints import service_of
from quanbao.messages.push.vapid import Signer

BATCH = 200  # messages taken at once
AT_ONCE = 100  # on their way to one push service that answers
FIRST = 10  # on their way to one that has not answered yet
TOGETHER = 100  # struck off in one transaction
REMEMBERED = 1000  # messages' words
OFTEN = 0.2  # seconds, and then fewer
TICK = 0.02  # seconds between two looks at the outbox while messages are on their way
IDLE = 1.0  # seconds, while there are none, or none but for services that have enough
FAREWELL = 5  # seconds that messages on their way have when the worker is told to stop
SILENT = 20  # messages in a row without an answer, and their push service is left alone
REST = timedelta(minutes=1)
SOONEST, LATEST = timedelta(seconds=30), timedelta(hours=1)  # until a message is tried again
A_DAY = 86_400  # seconds that a push service keeps a message for a browser that is not there
LONGEST_TITLE, LONGEST_BODY = 100, 200  # characters; together they stay within 3,993 bytes
UNSEEN = "\u200d\u2068\u2069"  # emoji of several, and words written to the left
GONE = (404, 410)
URGENT = (Event.REDEEMED, Event.UNDER_ATTACK)
JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
BROKEN = (Busy, Unknown, OperationalError, InterfaceError)

Writer = Callable[[Notice], tuple[str, str, str]]  # title, body, and the tag of their language

log = logging.getLogger("quanbao")


class ServiceQueue:
    """Messages to one push service: those that wait, and those that are on their way.

    It begins with a few, and has one more on its way with each answer: a service that hangs costs the tills little.
    """

    def __init__(self):
        self.waiting: deque[Message] = deque()
        self.running: set[asyncio.Task] = set()
        self.silent, self.most = 0, FIRST

    def heard(self, anything: bool) -> None:
        """Whether there was an answer to a message."""
        self.silent = 0 if anything else self.silent + 1
        self.most = min(self.most + 1, AT_ONCE) if anything else FIRST

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= min(BATCH, 2 * self.most)


class Postman:
    """Brings what is in the outbox to the push services, for as long as `run` is not told to stop.

    Each service has a queue of its own, so that one which hangs delays no other.
    """

    def __init__(
        self,
        *,
        signer: Signer,
        hosts: Collection[str],
        write: Writer,
        clock: Callable[[], datetime],
        concerns: outbox.Concerns,
        names: Any = None,
    ):
        self.signer, self.hosts, self.write, self.clock, self.names = signer, hosts, write, clock, names
        self.concerns = concerns
        self.outcome, self.settled_at = Outcome(), 0.0
        self.resting: dict[str, datetime] = {}
        self.words: dict[tuple, tuple[str, str, str]] = {}

    def run(self, stop: Flag) -> None:
        """Work until `stop` is set; for a thread of its own."""
        while not stop.is_set():
            try:
                if len(self.outcome) or outbox.is_waiting(self.clock()):
                    asyncio.run(self.deliver(stop))
            except BROKEN as error:
                _is_away(error)
            except Exception:
                log.exception("push: the outbox")
            stop.wait(IDLE)
        db.close()

    async def deliver(self, stop: Flag) -> None:
        """Send all that is due, and what becomes due meanwhile."""
        from quanbao.messages.push.http_client import Wire

        self.words.clear()
        self.queues: dict[str, ServiceQueue] = {}
        self.none_but: tuple[set[str], float] | None = None
        self.wire = Wire(self.hosts, self.names)
        try:
            while not stop.is_set() and (self._take() or self._running()):
                await asyncio.sleep(TICK)
                self._settle_some()
            self._put_back()
            if running := self._running():
                await asyncio.wait(running, timeout=FAREWELL)
        finally:
            self._settle()
            await self.wire.close()

    def _running(self) -> set[asyncio.Task]:
        return {task for queue in self.queues.values() for task in queue.running}

    def _take(self) -> int:
        """Put messages that are due into their queues; how many.

        A look at thousands that wait for services which hang costs the tills as much as one that finds something: where
        there was nothing for the others, it looks again when one more could take some, or a second later.
        """
        now, moment = self.clock(), asyncio.get_running_loop().time()
        self.resting = {service: until for service, until in self.resting.items() if now < until <= now + REST}
        but = {service for service, queue in self.queues.items() if queue.is_full} | self.resting.keys()
        if self._running() and self.none_but and self.none_but[0] <= but and moment < self.none_but[1] + IDLE:
            return 0
        try:
            messages = outbox.take(BATCH, now, self.signer.public_key, concerns=self.concerns, but=but)
        except BROKEN as error:
            _is_away(error)
            return 0
        self.none_but = (but, moment) if messages is None else None
        for message in messages or ():
            queue = self.queues.setdefault(message.row.service, ServiceQueue())
            queue.waiting.append(message)
            self._start(queue)
        return len(messages or ())

    def _start(self, queue: ServiceQueue) -> None:
        while queue.waiting and len(queue.running) < queue.most:
            task = asyncio.create_task(self._send(queue, queue.waiting.popleft()))
            queue.running.add(task)
            task.add_done_callback(lambda task: self._finished(queue, task))

    def _finished(self, queue: ServiceQueue, task: asyncio.Task) -> None:
        queue.running.discard(task)
        if task.cancelled():
            return
        if task.exception():
            log.error("push: a message", exc_info=task.exception())
        self._start(queue)

    def _settle_some(self) -> None:
        """Now and then: each time is a transaction, and what is not written down is sent again after a crash."""
        now = asyncio.get_running_loop().time()
        if len(self.outcome) >= TOGETHER or now - self.settled_at >= OFTEN or not self._running():
            self.settled_at = now
            self._settle()

    def _settle(self) -> None:
        """Write down what became of messages; kept for the next time where the database does not take it."""
        outcome = self.outcome
        try:
            outbox.settle(outcome)
            self.outcome = Outcome()
        except BROKEN as error:
            _is_away(error)

    def _put_back(self) -> None:
        for queue in self.queues.values():
            self.outcome.later += [(message.row, self.clock()) for message in queue.waiting]
            queue.waiting.clear()

    # One message

    async def _send(self, queue: ServiceQueue, message: Message) -> None:
        row = message.row
        if service_of(row.endpoint, self.hosts) != row.service:
            log.warning("push: nothing may be sent to %r any more", row.service)  # it may hold anything
            self.outcome.done.append(row.id)
            return
        try:
            body, headers = self._sealed(message)
        except Exception as error:
            log.error("push: a message to %s cannot be written: %s", row.service, type(error).__name__)
            self.outcome.done.append(row.id)
            return
        answer = await self.wire.post(row.endpoint, row.service, body, headers)
        self._judge(queue, message, answer.status, answer.retry_after)

    def _sealed(self, message: Message) -> tuple[bytes, dict[str, str]]:
        row, notice = message.row, message.notice
        if notice.key not in self.words:
            if len(self.words) >= REMEMBERED:
                self.words.clear()
            title, body, language = self.write(notice)
            self.words[notice.key] = plain(title, LONGEST_TITLE), plain(body, LONGEST_BODY), language
        content = encrypt(document(message, *self.words[notice.key]), row.p256dh, row.auth)
        return content, {
            "Authorization": self.signer.authorization(row.service),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(lifetime(notice, self.clock())),
            "Topic": message.topic,
            "Urgency": "high" if notice.event in URGENT else "normal",
        }

    def _judge(self, queue: ServiceQueue, message: Message, status: int | None, retry_after: str) -> None:
        row, outcome = message.row, self.outcome
        queue.heard(status is not None)
        if status is not None and 200 <= status < 300:
            outcome.done.append(row.id)
        elif status in GONE:
            outcome.gone.append(row.subscription)
        elif status is None or status == 429 or status >= 500:
            now = self.clock()
            outcome.later.append((row, now + pause(row.tries, retry_after, self.signer.epoch())))
            if queue.silent >= SILENT:
                self._rest(queue, row.service, now)
        else:
            log.warning("push: %s answered %d to a message, which is dropped", row.service, status)
            outcome.done.append(row.id)

    def _rest(self, queue: ServiceQueue, service: str, now: datetime) -> None:
        """A push service that hangs is left alone for a while; what waited for it waits on."""
        if service not in self.resting:
            log.warning("push: %s does not answer; tried again in a minute", service)
        self.resting[service] = now + REST
        self.outcome.later += [(message.row, now + REST) for message in queue.waiting]
        queue.waiting.clear()


def _is_away(error: Exception) -> None:
    log.warning("push: the database is away: %s", type(error).__name__)
    drop_broken_connection()


def encrypt(content: bytes, p256dh: str, auth: str) -> bytes:
    """For one browser alone, by its keys in base64url (RFC 8291)."""
    from pywebpush import WebPusher

    return WebPusher({"endpoint": "", "keys": {"p256dh": p256dh, "auth": auth}}).encode(content)["body"]


def document(message: Message, title: str, body: str, language: str) -> bytes:
    """The notification as Declarative Web Push has it (W3C Push API, "Declarative push message")."""
    return JSON.encode(
        {
            "web_push": 8030,
            "notification": {
                "title": title,
                "body": body,
                "lang": language,
                "tag": message.topic,
                "navigate": message.address,
            },
            "app_badge": message.badge,
            "mutable": True,
        }
    ).encode()


def plain(text: str, longest: int) -> str:
    """One line without invisible characters, but those that join or isolate, and not longer."""
    text = " ".join("".join(c if c.isprintable() or c in UNSEEN else " " for c in text).split())
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def lifetime(notice: Notice, now: datetime) -> int:
    """Seconds that the message may wait for its browser: a day, but "tomorrow" is true only today."""
    if notice.event != Event.ENDS_SOON:
        return A_DAY
    zone = notice.campaign.merchant.zone
    midnight = datetime.combine(notice.campaign.merchant.day(now) + timedelta(days=1), datetime.min.time(), zone)
    return max(1, int(midnight.timestamp() - now.timestamp()))


def pause(tries: int, retry_after: str, epoch: float) -> timedelta:
    """Until the next try: what the service asked for, else half a minute and each time twice as long."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(timedelta(seconds=int(retry_after[:9])), timedelta(seconds=A_DAY))
    try:
        asked = timedelta(seconds=parsedate_to_datetime(retry_after).timestamp() - epoch)
        return min(max(asked, timedelta(seconds=1)), timedelta(seconds=A_DAY))
    except (ValueError, TypeError, OverflowError):
        return min(SOONEST * 2 ** min(max(tries - 1, 0), 10), LATEST)
