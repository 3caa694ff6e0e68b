"""A voucher's state is called the same wherever it is shown: a table of states, places and languages."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask_babel import force_locale

from models import Account, Campaign, Customer, Event, Kind, Role, State, Voucher
from quanbao.messages.outbox import Notice
from tests.conftest import POSTGRESQL
from tests.support.factories import OWNER, World
from tests.support.page_client import Page, PageClient
from web import create_app
from web.present import formats, push_messages, states

MERCHANT = "/merchants/lotus"
BEFORE = timedelta(days=3)  # so long ago it came to its end
LONG_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Case:
    """A voucher in a state: how it comes to be, and the words in each language; `{day}` is that of `end`."""

    code: State  # the word of docs/contract.md for programs
    en: tuple[str, str, str]  # the state, since when, the uses
    zh: tuple[str, str, str]
    of: dict[str, Any] = field(default_factory=dict)  # columns of a new campaign
    voucher: Callable[[World], dict[str, Any]] = lambda world: {}
    campaign: Callable[[World], dict[str, Any]] = lambda world: {}
    end: Callable[[Campaign, World], str] = lambda campaign, world: formats.day(
        world.clock() - BEFORE, campaign.merchant.zone
    )


def last_day(campaign: Campaign, world: World) -> str:
    return formats.last_day(campaign.ends_at, campaign.merchant.zone)


def ended(world: World) -> dict[str, Any]:
    return {"starts_at": world.clock() - LONG_BEFORE, "ended_at": world.clock() - BEFORE}


def expired(world: World) -> dict[str, Any]:
    return {"starts_at": world.clock() - LONG_BEFORE, "ends_at": world.clock() - BEFORE}


def spent(world: World) -> dict[str, Any]:
    return {"uses_left": 0, "ended_at": world.clock() - BEFORE}


TEN = {"uses_per_voucher": 10}
CASES = {
    "unused": Case(
        State.UNUSED,
        ("Unused", "until {day}", "10 of 10 uses left"),
        ("未使用", "有效期至 {day}", "共 10 次，还剩 10 次"),
        of=TEN,
        end=last_day,
    ),
    "partly used": Case(
        State.PARTLY_USED,
        ("Partly used", "until {day}", "7 of 10 uses left"),
        ("部分使用", "有效期至 {day}", "共 10 次，还剩 7 次"),
        of=TEN,
        end=last_day,
        voucher=lambda world: {"uses_left": 7},
    ),
    "used": Case(State.USED, ("Used", "on {day}", ""), ("已使用", "于 {day}", ""), voucher=spent),
    "exchanged": Case(
        State.EXCHANGED,
        ("Exchanged", "on {day}", ""),
        ("已兑换", "于 {day}", ""),
        of={"kind": Kind.PRIZE},
        voucher=spent,
    ),
    "used up": Case(
        State.USED_UP,
        ("Used up", "on {day}", "0 of 10 uses left"),
        ("已用完", "于 {day}", "共 10 次，还剩 0 次"),
        of=TEN,
        voucher=spent,
    ),
    "expired": Case(
        State.EXPIRED,
        ("Expired", "was good until {day}", "used 3 of 10 times"),
        ("已过期", "有效期至 {day}，已过", "共 10 次，已用 3 次"),
        of=TEN,
        campaign=expired,
        end=last_day,
        voucher=lambda world: {"uses_left": 7},
    ),
    "ended early": Case(
        State.EXPIRED,
        ("Ended early", "ended by the shop on {day}", "used 0 of 10 times"),
        ("已提前结束", "{day} 由商家结束", "共 10 次，已用 0 次"),
        of=TEN,
        campaign=ended,
    ),
    "taken back": Case(
        State.REVOKED,
        ("Taken back", "taken back by the shop on {day}", "used 0 of 10 times"),
        ("已收回", "{day} 被商家收回", "共 10 次，已用 0 次"),
        of=TEN,
        voucher=lambda world: {"revoked_at": world.clock() - BEFORE},
    ),
    "used, then ended": Case(
        State.USED, ("Used", "on {day}", ""), ("已使用", "于 {day}", ""), voucher=spent, campaign=ended
    ),
    "used up, then expired": Case(
        State.USED_UP,
        ("Used up", "on {day}", "0 of 10 uses left"),
        ("已用完", "于 {day}", "共 10 次，还剩 0 次"),
        of=TEN,
        voucher=spent,
        campaign=expired,
    ),
    "expired, then taken back": Case(
        State.REVOKED,
        ("Taken back", "taken back by the shop on {day}", "used 0 of 10 times"),
        ("已收回", "{day} 被商家收回", "共 10 次，已用 0 次"),
        of=TEN,
        campaign=expired,
        voucher=lambda world: {"revoked_at": world.clock() - BEFORE},
    ),
}


@dataclass(frozen=True)
class Staged:
    """One case, and who sees it: its holder, and an owner who took its counter code before."""

    world: World
    case: Case
    voucher: Voucher
    holder: PageClient
    owner: PageClient
    attempt_id: str

    def words(self, language: str) -> list[str]:
        with self.holder.app.test_request_context(), force_locale(language):
            day = self.case.end(self.voucher.campaign, self.world)
        return [text.replace("{day}", day) for text in getattr(self.case, language) if text]


def stage(world: World, app, case: Case) -> Staged:
    owner = world.member(role=Role.OWNER, email=OWNER)
    held = world.voucher(campaign=world.campaign(**case.of))
    world.group("regulars")
    taken = world.take(world.counter_code(held).code, world.merchant.members.get())
    for row, columns in ((held, case.voucher(world)), (held.campaign, case.campaign(world))):
        if columns:
            type(row).update(**columns).where(type(row).id == row.id).execute()
    voucher = Voucher.get_by_id(held.id)
    voucher.campaign.merchant = world.merchant
    return Staged(
        world, case, voucher, PageClient(app).sign_in(world.mei), PageClient(app).sign_in(owner), taken.attempt_id
    )


def slip(page: Page, code: str) -> str:
    """What the wallet keeps of one voucher for where there is no server."""
    return page.html.partition(f'<template id="{code}">')[2].partition("</template>")[0]


def places(staged: Staged, language: str) -> Iterator[tuple[str, str]]:
    """Every place that shows the voucher's state: its name, and what it says."""
    code, headers = staged.voucher.code, {"Accept-Language": language}
    wallet = staged.holder.get("/wallet", headers=dict(headers))
    yield "wallet", wallet.text
    yield "wallet, offline", slip(wallet, code)
    yield "voucher", staged.holder.get(f"/vouchers/{code}", headers=dict(headers)).text
    yield "the shop's voucher page", staged.owner.get(f"{MERCHANT}/vouchers/{code}", headers=dict(headers)).text
    customer = Customer.get(Customer.consumer == staged.voucher.consumer_id)
    yield "customer", staged.owner.get(f"{MERCHANT}/customers/{customer.id}", headers=dict(headers)).text
    data = staged.holder._send("GET", "/account/data", dict(headers), {})
    [own] = json.loads(data.text)["vouchers"]
    assert own["state"] == staged.case.code, "the contract's word stays"
    yield "my data", own["state_in_words"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", CASES)
def test_a_state_is_called_the_same_everywhere(small_world, app, name, language):
    staged = stage(small_world, app, CASES[name])
    *words, uses = [*staged.words(language), ""] if staged.voucher.uses == 1 else staged.words(language)
    others = {getattr(case, language)[0] for case in CASES.values()} - {words[0]}
    for place, text in places(staged, language):
        for word in [*words, *([uses] if place != "my data" else [])]:
            assert word in text, (place, word)
        if place in ("wallet, offline", "my data"):
            wrong = [other for other in others if other in text and other not in " ".join([*words, uses])]
            assert not wrong, (place, wrong)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", CASES)
def test_the_till_and_the_redeem_page_refuse_in_the_words_of_the_state(small_world, app, name, language):
    staged = stage(small_world, app, CASES[name])
    headers, code = {"Accept-Language": language}, staged.voucher.code
    voucher = staged.holder.get(f"/vouchers/{code}", headers=dict(headers))
    redeem = staged.holder.get(f"/vouchers/{code}/redeem?branch=main", headers=dict(headers))
    till = staged.owner.get(f"{MERCHANT}/till/{staged.attempt_id}", headers=dict(headers))
    if staged.case.code in states.GOOD:
        assert redeem.all("form", id="keypad")
        return
    reason = redeem.verdict()["data-reason"]
    [told] = [a["data-reason"] for tag, a in voucher.tags if tag == "p" and "data-reason" in a]
    assert told == reason == REFUSED[name], "one reason on every page, and that of the state"
    headline = redeem.html.partition('class="headline">')[2].partition("<")[0]
    assert headline in voucher.text
    assert headline in till.text
    for word in staged.words(language):
        assert word in till.text


REFUSED = {
    "used": "already_redeemed",
    "exchanged": "already_redeemed",
    "used up": "used_up",
    "expired": "expired",
    "ended early": "campaign_ended",
    "taken back": "revoked",
    "used, then ended": "already_redeemed",
    "used up, then expired": "used_up",
    "expired, then taken back": "revoked",
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("event", "name"), [(Event.ENDED, "ended early"), (Event.REVOKED, "taken back")])
def test_a_message_says_it_in_the_same_words(small_world, app, event, name, language):
    staged = stage(small_world, app, CASES[name])
    notice = Notice(event, staged.voucher.campaign, staged.voucher.uses, staged.voucher.uses_left, language)
    title, line, _ = push_messages.writer(app)(notice)
    assert title.startswith(staged.words(language)[0])
    assert "Lotus Tea" in line


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_wallets_sections_are_called_what_is_in_them(small_world, app, language):
    """What was ended or taken back has not expired."""
    stage(small_world, app, CASES["taken back"])
    page = PageClient(app).sign_in(small_world.mei).get("/wallet", headers={"Accept-Language": language})
    assert {"en": "No longer good", "zh": "已失效"}[language] in page.text
    assert getattr(CASES["expired"], language)[0] not in page.text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("columns", "en", "zh"),
    [
        (lambda world: {"published_at": None}, "Draft", "草稿"),
        (lambda world: {"published_at": None} | expired(world), "Draft · Over", "草稿 · 已结束"),
        (lambda world: {"starts_at": world.clock() + BEFORE}, "Not started yet", "未开始"),
        (expired, "Over", "已结束"),
        (ended, "Ended early, {day}", "已提前结束，{day}"),
    ],
    ids=["draft", "draft that is over", "not started", "over", "ended"],
)
def test_a_campaigns_state_too(small_world, app, columns, en, zh, language):
    campaign = small_world.campaign(**columns(small_world))
    with app.test_request_context(), force_locale(language):
        day = formats.day(small_world.clock() - BEFORE, small_world.merchant.zone)
    words = {"en": en, "zh": zh}[language].replace("{day}", day)
    client = PageClient(app).sign_in(small_world.member(role=Role.OWNER))
    for path in ("", f"/{campaign.slug}", f"/{campaign.slug}/figures"):
        page = client.get(f"{MERCHANT}/campaigns{path}", headers={"Accept-Language": language})
        assert words in page.text, path


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("name", ["ended early", "taken back", "used, then ended"])
def test_on_the_other_engine_too(world, database, name):
    staged = stage(world, create_app(database, clock=world.clock), CASES[name])
    assert Account.get_by_id(world.mei.id)
    for place, text in places(staged, "en"):
        assert staged.words("en")[0] in text, place
