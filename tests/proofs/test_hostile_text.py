"""Whatever anybody types stays text: on every page, in tables, messages and JSON, from every field and by every way in.

The corpus of tests/attacks/hostile_texts.py stands in every column that people fill, is shown on every page of
the URL map, and is typed into every form. In a browser: tests/proofs/test_hostile_pages.py.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from itertools import chain

import pytest
from flask import Flask
from jinja2 import ChoiceLoader, DictLoader

from models import Campaign
from quanbao.campaigns import editing
from quanbao.messages.push import sender
from tests.attacks.hostile_texts import LINES, MIXED, RIGHT_TO_LEFT, SAMPLES, is_spoilt, names, saying
from tests.proofs import size
from tests.support.every_page import AS_JSON, FILES, answers, filled
from tests.support.factories import World
from tests.support.full_merchants import Firm, firm, in_no_fear_of_a_power_cut
from tests.support.page_client import Page
from tests.support.push_fixtures import Mail
from tests.support.rights import Who
from web import create_app
from web.present import csv_export

pytestmark = pytest.mark.promise("hostile text")

FILE_NAME = re.compile(r'attachment; filename="[a-z0-9-]{1,100}\.(csv|json)"', re.ASCII)
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
# One of each sort.
FEW = ("script", "template", "equals", "minus", "wide", "half", "quoted", "right to left", "four bytes", "long word")


@pytest.fixture
def app(small_world, sqlite, clock) -> Flask:
    made = create_app(sqlite, clock=clock)
    in_no_fear_of_a_power_cut()
    return made


def shown(found: Iterable[tuple]) -> list[tuple[str, Page, bool]]:
    """The pages among these answers, and whether each is whole."""
    pages = [
        (endpoint, answer.text)
        for endpoint, answer in found
        if answer.mimetype == "text/html" and answer.status_code != 303
    ]
    return [(endpoint, Page(text), "<html" in text) for endpoint, text in pages]


def our_own(app: Flask, world: World) -> tuple[set[str], set[str]]:
    """The elements and attributes of our templates, also where something is amiss."""
    tags, attributes, plain = set(), set(), firm(world)
    forms = (filled(app, plain, typed) for typed in ("Tea", "", "x" * 6000))
    for _, page, _ in shown(chain(answers(app, plain), *forms)):
        mine = names(page)
        tags |= mine[0]
        attributes |= mine[1]
    return tags, attributes


def spoilt(app: Flask, world: World, known, samples: dict[str, str]) -> tuple[list[str], int]:
    """What is amiss on which page, and how many were looked at."""
    found, looked = [], 0
    for number, (name, sample) in enumerate(samples.items()):
        of = firm(world, f"odd-{number}", say=saying(sample))
        for endpoint, page, whole in shown(chain(answers(app, of), filled(app, of, sample))):
            looked += 1
            if why := is_spoilt(page, known, whole):
                found.append(f"{name} on {endpoint}: {why}")
    return found, looked


def test_on_every_page_it_stays_text(app, small_world, proved):
    texts = size({name: MIXED[name] for name in ("markup", "more markup")}, MIXED | SAMPLES | LINES)
    found, looked = spoilt(app, small_world, our_own(app, small_world), texts)
    assert found == []
    proved(f"{looked:,} pages with texts in every field: no element of theirs")


def test_control_a_template_that_trusts_is_seen(app, small_world):
    source = app.jinja_loader.get_source(app.jinja_env, "campaigns/page.html")[0]
    trusting = source.replace("<h1>{{ campaign.product }}</h1>", "<h1>{{ campaign.product | safe }}</h1>")
    assert trusting != source
    app.jinja_env.loader = ChoiceLoader([DictLoader({"campaigns/page.html": trusting}), app.jinja_env.loader])
    app.jinja_env.cache.clear()
    of = firm(small_world, "odd", say=saying(MIXED["markup"]))
    [page] = [Page(answer.text) for _, answer in answers(app, of, ("campaigns.show",))]
    assert "script" in is_spoilt(page, names(page), whole=True)


# Tables, JSON, messages


def formulas(app: Flask, of: Firm) -> tuple[list[str], int]:
    """Cells that a spreadsheet would run, of how many; each table's name is one that any mail program takes."""
    found, cells = [], 0
    for _, answer in answers(app, of, FILES):
        assert FILE_NAME.fullmatch(answer.headers["Content-Disposition"])
        if answer.mimetype == "text/csv":
            for row in csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")):
                cells += len(row)
                found += [
                    cell
                    for cell in row
                    if FORMULA.match(cell) and not NUMBER.fullmatch(cell) and not cell.lstrip().startswith("'")
                ]
    return found, cells


def said_as_typed(app: Flask, of: Firm, product: str) -> None:
    for endpoint, answer in answers(app, of, AS_JSON, "application/json"):
        assert (answer.mimetype, answer.headers["X-Content-Type-Options"]) == ("application/json", "nosniff"), endpoint
        said = json.loads(answer.data)
        if endpoint in ("vouchers.show", "redemptions.show"):
            assert said.get("voucher", said)["product"] == product


def messages(world: World, mail: Mail, of: Firm) -> list[str]:
    """Titles and lines of what the house's customer is told."""
    mail.subscribe(of.people[Who.CONSUMER])
    voucher = world.voucher(campaign=of.campaign, holder=of.people[Who.CONSUMER])
    world.attempt(voucher, branch=of.values["branch"])
    editing.end(Campaign.get_by_id(of.campaign.id), world.clock())
    mail.bring()
    notes = [message.body["notification"] for message in mail.service.inbox]
    assert all(note["navigate"].startswith("https://vouchers.example/vouchers/") for note in notes)
    mail.service.inbox.clear()
    return [note[part] for note in notes for part in ("title", "body")]


def are_plain(texts: list[str]) -> bool:
    """One line each, of what can be seen, or joins, or isolates."""
    return all(
        len(text) <= sender.LONGEST_BODY and all(c.isprintable() or c in sender.UNSEEN for c in text) for text in texts
    )


def test_tables_json_and_messages_say_it_plainly(app, small_world, small_mail, proved):
    checked, told = 0, []
    for number, sample in enumerate([*(SAMPLES[name] for name in size(FEW, SAMPLES)), *LINES.values()]):
        of = firm(small_world, f"odd-{number}", say=saying(sample))
        found, cells = formulas(app, of)
        assert found == []
        said_as_typed(app, of, saying(sample)("Campaign.product"))
        texts = messages(small_world, small_mail, of)
        assert texts
        assert are_plain(texts), texts
        checked, told = checked + cells, told + texts
    assert any(text.endswith(f": \u2068{RIGHT_TO_LEFT}\u2069") for text in told)
    proved(f"{checked:,} cells: no formula")
    proved(f"{len(told)} titles and lines of messages: plain")


def test_control_a_table_without_the_guard_is_seen(app, small_world, monkeypatch):
    monkeypatch.setattr(csv_export, "cell", lambda value: value)
    found, _ = formulas(app, firm(small_world, "odd", say=saying(SAMPLES["equals"])))
    assert found


def test_control_messages_as_they_were_typed_are_seen(small_world, small_mail, monkeypatch):
    monkeypatch.setattr(sender, "plain", lambda text, longest: text)
    of = firm(small_world, "odd", say=saying(LINES["lines"]))
    assert not are_plain(messages(small_world, small_mail, of))
