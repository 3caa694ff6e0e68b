"""Every refusal of the product, and its advice followed: what a person is told to do next can be done, and helps.

A row stands for one text of web/present/messages.py: it is refused so, does what the text says, and is not refused any
more.
Who adds a refusal adds a row. A row of `TOLD` has nothing to follow: it says only what is so, or sends to a person.
"""

import re
from pathlib import Path

import pytest

from models import Member, Redemption, Role
from quanbao.operations import first_start
from quanbao.redemption import revocations, rollbacks
from tests.advice import at_the_till, on_campaigns, on_links, on_older_forms, on_publishing, to_owners, to_people
from tests.advice.stage import FOLLOWED, PAGES, SHOP, TABLES, TOLD, Follow, Stage
from tests.support.page_client import PageClient
from web import create_app
from web.present import messages

WEB = Path(messages.__file__).parents[1]
ROWS = (at_the_till, on_campaigns, on_links, on_older_forms, on_publishing, to_owners, to_people)


def acts() -> dict[str, Follow]:
    """Each act once, named by the texts that it follows."""
    named: dict[Follow, list[str]] = {}
    for (table, code), act in FOLLOWED.items():
        named.setdefault(act, [table]).append(code if isinstance(code, str) else " ".join(code))
    return {" ".join(words): act for act, words in named.items()}


@pytest.mark.parametrize("name", acts())
def test_the_advice_can_be_followed(small_world, app, name):
    acts()[name](Stage(small_world, app))


def test_on_an_empty_site_too(sqlite, clock):
    """The examples of the texts are taken."""
    right = {
        "email": "name@example.org",
        "password": "a-good-secret-3",
        "name": "Tea",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "branch": "Main",
        "address": "",
    }
    bad = {
        code: {code: value}
        for code, value in {
            "email": "name",
            "password": "1",
            "name": "",
            "time_zone": "Moon",
            "currency": "?",
            "branch": "",
            "address": "x" * 501,
        }.items()
    } | {"too_common": {"password": "password1"}}
    assert bad.keys() == messages.SET_UP_FIELDS.keys()
    visitor = PageClient(create_app(sqlite, clock=clock))
    path = f"/set-up/{first_start.new_link(clock())}"
    for code, entered in bad.items():
        assert str(messages.SET_UP_FIELDS[code]) in visitor.post(path, right | entered, status=422).text
    page = visitor.post(path, right | {"currency": "DEM"}, status=422)
    assert f"{PAGES['other currency']}DEM today. Enter EUR." in page.text
    right["currency"] = "EUR"
    visitor.post(path, right)


def test_every_refusal_has_a_row():
    """Add a row that is refused so and then does what its text says."""
    codes = {(table, code) for table, texts in TABLES.items() for code in texts}
    on_an_empty_site = {("set-up", field) for field in messages.SET_UP_FIELDS} | {("page", "other currency")}
    assert codes == FOLLOWED.keys() | TOLD | on_an_empty_site
    assert not FOLLOWED.keys() & TOLD


def test_every_table_of_texts_is_looked_at():
    """A new table of refusals in web/present/messages.py is one of TABLES, or is no refusal."""
    others = {
        "CHECKS",
        "KINDS",
        "EVENTS",
        "ROLES",
        "WHY_ROLLED_BACK",
        "WHY_REVOKED",
        "ACCOUNT_CHANGES",
        "FIGURES",
        "OUTCOMES",
    }
    tables = {name: value for name, value in vars(messages).items() if name.isupper() and isinstance(value, dict)}
    assert {name for name, value in tables.items() if value not in TABLES.values()} == others


def test_what_pages_say_themselves_is_looked_at_too():
    """A text that a template or a route has for a refusal begins as one of PAGES; those of `_unsent.html` are shown by
    a script, and tests/browser/test_kept_work.py follows them."""
    said = set()
    for path in WEB.rglob("*.html"):
        for alert in re.findall(r'notice error"[^>]* role="alert">(.*?)</p>', path.read_text(), re.DOTALL):
            said |= set(re.findall(r"\b_\('(.+?)'[,)]", alert))
        for verdict in re.findall(r'<section class="verdict refused".*?</section>', path.read_text(), re.DOTALL):
            said |= set(re.findall(r"""class="advice">{{ _\('(.+?)'[,)]""", verdict))
    for path in WEB.rglob("*.py"):
        said |= set(re.findall(r'errors = \[\s*gettext\(\s*"(.+?)"', path.read_text()))
    assert len(said) > 12
    assert {text for text in said if not text.startswith(tuple(PAGES.values()))} == set()


# Advice that pages give themselves


@pytest.mark.parametrize(
    ("role", "late", "said"),
    [
        (Role.OWNER, False, "can be rolled back instead"),
        (Role.OWNER, True, "can be rolled back instead"),
        (Role.MANAGER, False, "can be rolled back instead"),
        (Role.MANAGER, True, "An owner can still roll"),
    ],
)
def test_a_used_voucher_sends_to_a_rollback_that_this_member_can_do(small_world, app, role, late, said):
    stage = Stage(small_world, app)
    person = small_world.member(role=role)
    by, voucher = Member.get(Member.account == person), small_world.voucher()
    stage.redeemed(voucher)
    stage.clock.forward(minutes=20 if late else 1)
    at = f"{SHOP}/vouchers/{voucher.code}"
    assert said in stage.browser(person).get(at).text
    rollbacks.roll_back(Redemption.get(), stage.boss if late else by, "by_mistake", "", stage.clock())
    revocations.revoke(revocations.find(voucher.code, by), by, "misuse", "", stage.clock())


def test_where_nothing_stands_there_is_no_such_advice(small_world, app):
    stage = Stage(small_world, app)
    voucher = small_world.voucher(campaign=small_world.campaign(rollback_gives_back=False))
    stage.redeemed(voucher)
    rollbacks.roll_back(Redemption.get(), stage.boss, "by_mistake", "", stage.clock())
    text = stage.owner.get(f"{SHOP}/vouchers/{voucher.code}").text
    assert "nothing left to revoke" in text
    assert "rolled back instead" not in text
