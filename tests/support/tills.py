"""Tills that go on redeeming whatever happens to the server, and remember what it promised."""

import json
import random
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from urllib.parse import urlencode

from models import Redemption
from tests.support.factories import PASSWORD
from tests.support.racing import Holder
from tests.support.servers import Site

PATIENCE = 60  # seconds
TILLS = 8


@dataclass
class Tills:
    """A context manager. Each of so many tills has its share of the holders, since of one's tries that a killed process
    never settled only five may be under way. `receipts` are by attempt id, `heard` when each process answered last."""

    site: Site
    holders: Sequence[Holder]
    receipts: dict[str, tuple[int, str]] = field(default_factory=dict)
    heard: dict[int, float] = field(default_factory=dict)
    said: set[tuple[int, str | None]] = field(default_factory=set)  # every status and reason that came
    redeemed_at: float = 0.0

    def __enter__(self):
        self.ended = threading.Event()
        self.threads = [
            threading.Thread(target=self._work, args=(self.holders[number::TILLS],)) for number in range(TILLS)
        ]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def _work(self, holders: Sequence[Holder]) -> None:
        """Attempt after attempt; without a verdict the same again, as phones do."""
        for holder in cycle(holders):
            if self.ended.is_set():
                return
            attempt_id = str(uuid.uuid4())
            while not self.ended.is_set() and not self.ask(holder, attempt_id):
                time.sleep(0.02)

    def ask(self, holder: Holder, attempt_id: str) -> tuple[int, str] | None:
        """The receipt of this attempt, as the server says it now; none where it says nothing, or that it is busy."""
        connection = HTTPConnection("127.0.0.1", self.site.port, timeout=20)
        try:
            connection.request(
                "POST",
                f"/vouchers/{holder.code}/redemptions",
                urlencode({"password": PASSWORD, "attempt_id": attempt_id}),
                {
                    "Accept": "application/json",
                    "Sec-Fetch-Site": "same-origin",
                    "Cookie": holder.cookie,
                    "Content-Type": "application/x-www-form-urlencoded",
                },
            )
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        self.heard[int(answer.getheader("X-Process", 0))] = time.monotonic()
        verdict = json.loads(body) if body else {}
        self.said.add((status, verdict.get("reason")))
        if status != 200:
            return None
        receipt = verdict["receipt"]["number"], verdict["receipt"]["words"]
        self.receipts[attempt_id] = receipt
        self.redeemed_at = time.monotonic()
        return receipt

    def until(self, happened, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE} s"
            time.sleep(0.005)

    def lost(self) -> list[str]:
        """Attempts that were acknowledged and are not in the ledger, or with another receipt."""
        rows = Redemption.select(Redemption.attempt_id, Redemption.number, Redemption.words).tuples()
        ledger = {str(attempt_id): (number, words) for attempt_id, number, words in rows}
        return [attempt_id for attempt_id, receipt in self.receipts.items() if ledger.get(attempt_id) != receipt]

    def again(self, most: int = 50) -> bool:
        """Whether attempts that were acknowledged get the same receipt once more; a sample of them."""
        codes = {str(row.attempt_id): row.voucher.code for row in Redemption.select()}
        holders = {holder.code: holder for holder in self.holders}
        some = {one: self.receipts[one] for one in random.sample(sorted(self.receipts), min(most, len(self.receipts)))}
        for attempt_id, receipt in some.items():
            answers: list = []
            self.until(lambda: answers or self._note(answers, holders[codes[attempt_id]], attempt_id), "an answer")  # noqa: B023
            if answers != [receipt]:
                return False
        return True

    def _note(self, answers: list, holder: Holder, attempt_id: str) -> None:
        if receipt := self.ask(holder, attempt_id):
            answers.append(receipt)
