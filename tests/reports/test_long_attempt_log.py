"""A long ledger is read along its indexes: the engines themselves say how much work each page was."""

import json
import logging

import apsw
import pytest

from database import db, on_sqlite
from models import Attempt, Campaign, Role
from quanbao.campaigns import figures
from tests.support.large_ledgers import fill
from tests.support.page_client import PageClient
from web import create_app

pytestmark = pytest.mark.slow  # starts programs

SHORT, LONG = 200, 10_000
PAGES = [
    "figures",
    "figures?seen=nothing",
    "attempts",
    "attempts?which=redeemed",
    "attempts?which=refused",
    "attempts?which=price_changed",
    "attempts?which=sold_out",
    "attempts?before={middle}",
    "attempts?which=redeemed&before={middle}",
]
OF_REASONS = ["attempt_campaign_id_reason_id", "attempt_refused"]


@pytest.fixture
def owner(world, database, clock):
    """At the pages of a merchant with a long ledger between two short ones."""
    for size in (SHORT, LONG, SHORT + 1):
        fill(world, size)
    return PageClient(create_app(database, clock=clock)).sign_in(world.member(role=Role.OWNER))


def test_what_is_filled_in_bulk_is_a_true_ledger(owner):
    assert list(figures.differences()) == []


def test_the_pages_of_a_long_ledger_are_as_much_work_as_those_of_a_short_one(owner):
    for page in PAGES:
        first, long, last = (work(owner, size, page) for size in (SHORT, LONG, SHORT + 1))
        assert long <= 1.3 * min(first, last), (page, first, long, last)


@pytest.mark.parametrize(
    ("page", "indexes"),
    [
        ("attempts", ["attempt_campaign_id_id"]),
        ("attempts?which=refused", OF_REASONS),
        ("attempts?which=price_changed", OF_REASONS),
    ],
)
def test_control_without_its_indexes_a_page_reads_the_ledger(owner, page, indexes):
    before = work(owner, LONG, page)
    for index in indexes:
        db.execute_sql(f"DROP INDEX {index}")
    assert work(owner, LONG, page) > 5 * before


def work(owner: PageClient, size: int, page: str) -> int:
    """What the statements of a page made the engine do: its steps on SQLite, the rows it touched on PostgreSQL."""
    newest = Attempt.select().join(Campaign).where(Campaign.slug == f"of-{size}").order_by(Attempt.id.desc()).get()
    path = f"/merchants/lotus/campaigns/of-{size}/{page}".format(middle=newest.id - size // 2)
    if on_sqlite():
        return _steps(lambda: owner.get(path))
    return sum(_rows(sql, values) for sql, values in _statements(lambda: owner.get(path)) if sql.startswith("SELECT"))


def _steps(act) -> int:
    steps = []
    db.connection().trace_v2(
        apsw.SQLITE_TRACE_PROFILE, lambda told: steps.append(told["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])
    )
    act()
    db.connection().trace_v2(0)
    return sum(steps)


def _statements(act) -> list[tuple[str, list]]:
    """What peewee says that it sends."""
    said, log = [], logging.getLogger("peewee")
    listener = logging.Handler()
    listener.emit = lambda record: said.append(record.msg)
    log.addHandler(listener)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    act()
    log.removeHandler(listener)
    log.setLevel(logging.NOTSET)
    log.propagate = True
    return said


def _rows(statement: str, values: list) -> int:
    [[[plan]]] = db.execute_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values).fetchall()
    return _touched((plan if isinstance(plan, dict) else json.loads(plan)[0])["Plan"])


def _touched(node: dict) -> int:
    """By one step of a plan and those below it: rows that it gave and rows that it threw away."""
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return rows * node["Actual Loops"] + sum(map(_touched, node.get("Plans", ())))
