"""Redemptions over a network that loses, delays and doubles: who asks again under the same id finds one receipt.

The browser's half of the promise is tests/browser/test_lost_answers.py. The last test is the control.
"""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from database import db
from models import Attempt, Redemption
from tests.proofs import engine, size
from tests.support.factories import PASSWORD
from tests.support.faulty_proxy import Between
from tests.support.racing import Holder, Phone, check, crowd, database_line
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("a lost answer is harmless"), pytest.mark.race]

REDEMPTIONS = size(200, 20_000)
AT_ONCE = 16  # customers at their tills
PATIENCE = 100  # requests for one redemption, of which a third is lost: nobody needs so many
FAULTS = {"lose": 0.30, "slow": 0.05, "double": 0.025, "twins": 0.025}
LATE = 0.05  # seconds that a slow answer takes longer

Known = tuple[str, str | None, int | None, str | None, str | None]  # outcome, reason, receipt, time


@dataclass
class Story:
    """One customer's redemption: the ids it was tried under, and everything that they were told."""

    holder: Holder
    ids: list[str] = field(default_factory=lambda: [str(uuid.uuid4())])
    told: list[Known] = field(default_factory=list)

    def redeem(self, phone: Phone, *, forgetful: bool = False) -> None:
        """Ask until it is known; only who is `forgetful` takes a new id when an answer did not come."""
        dice, asks = random.Random(self.ids[0]), False
        for _ in range(PATIENCE):
            answer = self.look(phone) if asks else self.send(phone)
            if answer and answer[0] in (200, 403, 409):
                return
            asks = not forgetful and answer is None and dice.random() < 0.5
            if answer is None and forgetful:
                self.ids.append(str(uuid.uuid4()))
        raise AssertionError(f"{self.ids} was never settled")

    def send(self, phone: Phone) -> tuple[int, dict] | None:
        path = f"/vouchers/{self.holder.code}/redemptions"
        return self._note(phone.ask("POST", path, self.holder.cookie, password=PASSWORD, attempt_id=self.ids[-1]))

    def look(self, phone: Phone) -> tuple[int, dict] | None:
        return self._note(phone.ask("GET", f"/attempts/{self.ids[-1]}", self.holder.cookie))

    def _note(self, answer: tuple[int, dict] | None) -> tuple[int, dict] | None:
        if answer and answer[0] in (200, 403, 409):
            verdict = answer[1]
            receipt = verdict["receipt"] or {"number": None, "words": None}
            self.told.append((verdict["outcome"], verdict["reason"], *receipt.values(), verdict["redeemed_at"]))
        return answer


class Weather:
    """Which fault comes next, and how often each came."""

    def __init__(self):
        self.dice, self.seen, self.lock = random.Random(1), Counter(), threading.Lock()

    def __call__(self, method: str, path: str) -> str | None:
        with self.lock:
            [kind] = self.dice.choices([*FAULTS, None], [*FAULTS.values(), 1 - sum(FAULTS.values())])
            self.seen[kind] += 1
            return kind


@pytest.fixture
def site(database, world) -> Iterator[Callable[[], Site]]:
    """A server of two processes, to be opened when the database is filled."""
    opened = []
    yield lambda: opened.append(Site(database, world, processes=2)) or opened[0]
    for one in opened:
        one.stop()


def all_at(port: int, stories: list[Story], do: Callable[[Story, Phone], object]) -> None:
    """Each story's turn, some at a time, each at a phone of its own."""
    mine = threading.local()

    def turn(story: Story) -> None:
        if not hasattr(mine, "phone"):
            mine.phone = Phone(port)
        do(story, mine.phone)

    with ThreadPoolExecutor(AT_ONCE) as tills:
        list(tills.map(turn, stories))


def ledger() -> dict[str, tuple]:
    rows = Redemption.select(Redemption.attempt_id, Redemption.number, Redemption.words)
    return {attempt: rest for attempt, *rest in rows.tuples()}


def test_the_same_attempt_always_gets_the_same_receipt(world, database, site, proved):
    stories = [Story(holder) for holder in crowd(database, world, world.campaign(quantity=REDEMPTIONS), REDEMPTIONS)]
    weather = Weather()
    db.close()
    with Between(site(), weather) as network:
        network.delay = LATE
        all_at(network.server_port, stories, Story.redeem)
    all_at(network.site.port, stories, Story.look)
    all_at(network.site.port, stories[::10], Story.send)
    assert {len(set(story.told)) for story in stories} == {1}, "an attempt was told two things"
    assert {story.told[0][:2] for story in stories} == {("redeemed", None)}
    assert ledger() == {story.ids[0]: list(story.told[0][2:4]) for story in stories}
    assert (Redemption.select().count(), Attempt.select().count()) == (REDEMPTIONS, REDEMPTIONS)
    assert weather.seen["lose"] > 0.25 * weather.seen.total()
    assert check(database, world).stderr == database_line(database)
    proved(
        f"{engine()}: {REDEMPTIONS:,} redemptions in {weather.seen.total():,} requests, "
        f"{weather.seen['lose']:,} answers lost, {weather.seen['double'] + weather.seen['twins']:,} doubled: "
        "one receipt each"
    )


def test_control_under_a_new_id_each_time_it_is_redeemed_already(world, database, site):
    stories = [Story(holder) for holder in crowd(database, world, world.campaign(), 30)]
    with Between(site(), Weather()) as network:
        network.delay = LATE
        all_at(network.server_port, stories, lambda story, phone: story.redeem(phone, forgetful=True))
    assert ("refused", "already_redeemed") in {told[:2] for story in stories for told in story.told}
    assert Redemption.select().count() == 30
