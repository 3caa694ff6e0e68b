"""The figures of a campaign, its list of attempts and its tables say the same, and add up, whatever happened to it."""

import csv
import random
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from models import Attempt, Campaign, Member, Redemption, Role, Voucher
from quanbao.campaigns import editing, entered_values, figures
from quanbao.redemption import revocations, rollbacks
from quanbao.reports import attempt_log
from tests.support.factories import WRONG, World
from tests.support.page_client import Page, PageClient
from web import create_app

STEPS = 30


@dataclass
class Story:
    """Random things that happen to one campaign, by its customers and one owner."""

    world: World
    by: Member
    campaign: Campaign
    chance: random.Random

    def redeem(self) -> None:
        held = self._any(Voucher.select().where(Voucher.campaign == self.campaign))
        self.world.attempt(held, branch=self.chance.choice([None, "main", "river", "nowhere"]))

    def refuse(self) -> None:
        self.world.attempt(self.world.voucher(campaign=self.campaign, holder=self.world.account()), typed=WRONG)

    def roll_back(self) -> None:
        done = Redemption.select().where(Redemption.campaign == self.campaign)
        if done.exists():
            row = rollbacks.find(self._any(done).id, self.by)
            rollbacks.roll_back(row, self.by, "by_mistake", "", self.world.clock())

    def revoke(self) -> None:
        usable = Voucher.select().where(Voucher.campaign == self.campaign, Voucher.uses_left > 0)
        if usable.exists():
            revocations.revoke(
                revocations.find(self._any(usable).code, self.by), self.by, "misuse", "", self.world.clock()
            )
        self.world.voucher(campaign=self.campaign, holder=self.world.account())

    def change(self) -> None:
        """A larger quantity, and what a rollback gives back."""
        row = Campaign.get_by_id(self.campaign.id)
        row.merchant = self.world.merchant
        entered = entered_values.document(row) | {
            "quantity": row.quantity + self.chance.randrange(3),
            "rollback_gives_back": self.chance.random() < 0.5,
        }
        editing.change(row, entered, now=self.world.clock(), password_key=self.world.keys.password)

    def _any(self, query):
        return self.chance.choice(list(query.order_by(query.model.id)))

    def goes_on(self) -> None:
        acts = [self.redeem] * 4 + [self.roll_back] * 3 + [self.refuse, self.revoke, self.change]
        self.chance.choice(acts)()
        self.world.clock.forward(hours=self.chance.randrange(20))


def tell(world: World, seed: int) -> Campaign:
    person = world.member(role=Role.OWNER, email="owner@example.org")
    campaign = world.campaign(quantity=7, uses_per_voucher=3, rollback_gives_back=False)
    for _ in range(3):
        world.voucher(campaign=campaign, holder=world.account())
    story = Story(world, Member.get(Member.account == person), campaign, random.Random(seed))
    for _ in range(STEPS):
        story.goes_on()
    row = Campaign.get_by_id(campaign.id)
    row.merchant = world.merchant
    return row


def path(campaign: Campaign, name: str) -> str:
    return f"/merchants/lotus/campaigns/{campaign.slug}/{name}"


def table(client: PageClient, campaign: Campaign, name: str) -> list[dict[str, str]]:
    text = client._send("GET", path(campaign, name), {}, {}).data.decode("utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def tiles(page: Page) -> dict[str, int]:
    """The figures of the page by their codes; one that is not shown is none."""
    found = re.findall(r'data-figure="(\w+)"><dt>[^<]*</dt><dd>([^<]*)</dd>', page.html)
    return {"forfeited": 0} | {name: int(value) for name, value in found if name != "discount_given"}


def listed(client: PageClient, campaign: Campaign) -> tuple[Counter, str]:
    """The chips of all pages of the list, and the sums above it."""
    chips, address = Counter(), path(campaign, "attempts")
    while address:
        page = client.get(address)
        for card in page.html.split('<li class="card">')[1:]:
            chips[" ".join(re.findall(r'class="chip[^"]*">([^<]+)<', card.partition("</li>")[0]))] += 1
        older = [a["href"] for a in page.all("a") if "before=" in (a.get("href") or "")]
        address = older[0] if older else None
    [sums] = re.findall(r'id="sums">(.*?)</p>', page.html, re.DOTALL)
    return chips, " ".join(sums.split())


@pytest.mark.parametrize("seed", range(3))
def test_page_list_and_tables_agree_with_the_ledger(world, database, seed):
    campaign = tell(world, seed)
    client = PageClient(create_app(database, clock=world.clock)).sign_in(world.member(role=Role.MANAGER))
    kept = figures.of_campaign(campaign)
    assert list(figures.differences()) == [], "check"
    assert kept.quantity == kept.redeemed + kept.forfeited + kept.remaining
    assert kept.redeemed == sum(kept.by_day.values()) == sum(kept.by_hour.values()) == sum(kept.by_branch.values())

    page = tiles(client.get(path(campaign, "figures")))
    assert page == {name: getattr(kept, name) for name in page}
    assert page.keys() == {
        "quantity",
        "issued",
        "opened",
        "redeemed",
        "forfeited",
        "remaining",
        "consumers",
        "rolled_back",
    }

    counted = {row["Code for programs"]: row["Count"] for row in table(client, campaign, "figures.csv")}
    assert {name: int(counted[name]) for name in page} == page
    refused = {code.partition(":")[2]: int(n) for code, n in counted.items() if code.startswith("refused:")}
    assert refused == kept.refused

    rows = table(client, campaign, "attempts.csv")
    standing = [row for row in rows if row["Outcome"] == "Redeemed" and not row["Rolled back"]]
    back = [row for row in rows if row["Rolled back"]]
    assert (len(standing), len(back)) == (kept.redeemed, kept.rolled_back)
    assert sum(row["Forfeited"] == "Yes" for row in back) == kept.forfeited
    assert Counter(row["Code of the reason"] for row in rows if row["Outcome"] == "Refused") == kept.refused
    assert len(rows) == Attempt.select().where(Attempt.campaign == campaign).count()

    chips, sums = listed(client, campaign)
    assert chips == +Counter(
        {
            "Redeemed": kept.redeemed,
            "Refused": sum(kept.refused.values()),
            "Redeemed Rolled back Forfeited": kept.forfeited,
            "Redeemed Rolled back": kept.rolled_back - kept.forfeited,
        }
    )
    assert [int(number) for number in re.findall(r"\d+", sums)] == [
        number
        for number in (kept.redeemed + kept.rolled_back, kept.rolled_back, kept.forfeited, sum(kept.refused.values()))
        if number
    ]


def test_the_stories_have_everything_in_them(small_world):
    """Otherwise the test above says little."""
    told = figures.of_campaign(tell(small_world, 0))
    assert all((told.redeemed, told.forfeited, told.refused, told.rolled_back - told.forfeited)), told


def test_control_a_figure_that_is_off_by_one_is_seen(small_world, client):
    campaign = tell(small_world, 0)
    before = list(attempt_log.all_entries(campaign))
    Campaign.update(forfeited=Campaign.forfeited - 1).where(Campaign.id == campaign.id).execute()
    assert any("forfeited" in line for line in figures.differences())
    client.sign_in(small_world.member(role=Role.MANAGER))
    lost = sum(row["Forfeited"] == "Yes" for row in table(client, campaign, "attempts.csv"))
    assert lost != tiles(client.get(path(campaign, "figures")))["forfeited"]
    assert len(before) == len(list(attempt_log.all_entries(campaign)))


def test_what_is_neither_redeemed_nor_lost_can_be_redeemed(world):
    """`remaining` is what a till still takes, no more and no less."""
    campaign = tell(world, 1)
    left, taken = figures.of_campaign(campaign).remaining, 0
    while world.attempt(world.voucher(campaign=campaign, holder=world.account())).redeemed:
        taken += 1
    assert (taken, figures.of_campaign(Campaign.get_by_id(campaign.id)).remaining) == (left, 0)
    assert world.attempt(world.voucher(campaign=campaign, holder=world.account())).reason == "sold_out"
