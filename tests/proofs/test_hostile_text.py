"""Whatever anybody types stays text: on every page, in tables, messages and JSON, from every field and by every way in.

The corpus of tests/hostile.py stands in every column that people fill, is shown on every page of the URL map, and is
typed into every form. In a browser: tests/proofs/test_hostile_pages.py.
"""

import csv
import io
import json
import re

import pytest
from flask import Flask
from jinja2 import ChoiceLoader, DictLoader

from models import (
    Campaign,
)
from quanbao import editing, push
from tests.factories import World
from tests.firms import Firm, firm, in_no_fear_of_a_power_cut
from tests.hostile import LINES, MIXED, SAMPLES, is_spoilt, names, saying
from tests.pages import Page
from tests.proofs import size
from tests.rights import Who
from tests.showing import AS_JSON, FILES, answers, filled
from web import create_app, tables

pytestmark = pytest.mark.promise("hostile text")

FILE_NAME = re.compile(r'attachment; filename="[a-z0-9-]{1,100}\.(csv|json)"', re.ASCII)
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@pytest.fixture
def app(small_world, sqlite, clock) -> Flask:
    made = create_app(sqlite, clock=clock, sleep=clock.sleep)
    in_no_fear_of_a_power_cut()
    return made


def shown(app: Flask, of: Firm, typed: str) -> list[tuple[str, Page, bool]]:
    """Every page there is, and what every form answers; whether it is whole."""
    found = [*answers(app, of), *filled(app, of, typed)]
    pages = [(endpoint, answer.text) for endpoint, answer in found
             if answer.mimetype == "text/html" and answer.status_code != 303]
    return [(endpoint, Page(text), "<html" in text) for endpoint, text in pages]


def our_own(app: Flask, world: World) -> tuple[set[str], set[str]]:
    """The elements and attributes of our templates, also where something is amiss."""
    tags, attributes, plain = set(), set(), firm(world)
    for typed in ("Tea", "", "x" * 6000):
        for _, page, _ in shown(app, plain, typed):
            mine = names(page)
            tags |= mine[0]
            attributes |= mine[1]
    return tags, attributes


def spoilt(app: Flask, world: World, known, samples: dict[str, str]) -> tuple[list[str], int]:
    """What is amiss on which page, and how many were looked at."""
    found, looked = [], 0
    for number, (name, sample) in enumerate(samples.items()):
        for endpoint, page, whole in shown(app, firm(world, f"odd-{number}", say=saying(sample)), sample):
            looked += 1
            if why := is_spoilt(page, known, whole):
                found.append(f"{name} on {endpoint}: {why}")
    return found, looked


def test_on_every_page_it_stays_text(app, small_world, proved):
    texts = size(MIXED, MIXED | SAMPLES | LINES)
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
                found += [cell for cell in row if FORMULA.match(cell) and not NUMBER.fullmatch(cell)
                          and not cell.lstrip().startswith("'")]
    return found, cells


def test_no_cell_of_any_table_is_a_formula(app, small_world, proved):
    checked = 0
    for number, sample in enumerate((SAMPLES | LINES).values()):
        found, cells = formulas(app, firm(small_world, f"odd-{number}", say=saying(sample)))
        assert found == []
        checked += cells
    proved(f"{checked:,} cells: no formula")


def test_control_a_table_without_the_guard_is_seen(app, small_world, monkeypatch):
    monkeypatch.setattr(tables, "cell", lambda value: value)
    found, _ = formulas(app, firm(small_world, "odd", say=saying(SAMPLES["equals"])))
    assert found


def test_json_says_it_as_it_was_typed(app, small_world):
    for number, sample in enumerate(SAMPLES.values()):
        of = firm(small_world, f"odd-{number}", say=saying(sample))
        for endpoint, answer in answers(app, of, AS_JSON, "application/json"):
            assert (answer.mimetype, answer.headers["X-Content-Type-Options"]) == ("application/json", "nosniff")
            said = json.loads(answer.data)
            if endpoint in ("vouchers.show", "redemptions.show"):
                assert said.get("voucher", said)["product"] == saying(sample)("Campaign.product")


def test_messages_are_plain_lines(small_world, small_mail, proved):
    came = 0
    for number, sample in enumerate((SAMPLES | LINES).values()):
        of = firm(small_world, f"odd-{number}", say=saying(sample))
        small_mail.subscribe(of.people[Who.CONSUMER])
        voucher = small_world.voucher(campaign=of.campaign, holder=of.people[Who.CONSUMER])
        small_world.attempt(voucher, branch=of.values["branch"])
        editing.end(Campaign.get_by_id(of.campaign.id), small_world.clock())
        small_mail.bring()
        for message in small_mail.service.inbox:
            note = message.body["notification"]
            for text in (note["title"], note["body"]):
                assert all(c.isprintable() or c == "\u200d" for c in text)
                assert len(text) <= max(push.LONGEST_TITLE, push.LONGEST_LINE)
            assert note["navigate"].startswith("https://vouchers.example/vouchers/")
        came += len(small_mail.service.inbox)
        small_mail.service.inbox.clear()
    assert came >= len(SAMPLES)
    proved(f"{came} messages: plain lines")
