"""How often a redemption asks the database, from the request to its answer."""

import uuid

import pytest

from database import db
from quanbao.redemption.reasons import Reason
from tests.support.factories import PASSWORD, WRONG
from tests.support.page_client import PageClient
from web import create_app

MOST = 12  # statements, without BEGIN and COMMIT


class Asked:
    """The statements and commits since it was made."""

    def __init__(self, monkeypatch):
        engine = type(db.obj)
        self.statements: list[str] = []
        self.commits = 0
        execute, commit = engine.execute_sql, engine.commit

        def noted(database, sql, *more):
            self.statements.append(sql)
            return execute(database, sql, *more)

        def counted(database):
            self.commits += 1
            return commit(database)

        monkeypatch.setattr(engine, "execute_sql", noted)
        monkeypatch.setattr(engine, "commit", counted)


@pytest.fixture
def client(world, database):
    client = PageClient(create_app(database, clock=world.clock)).sign_in(world.mei)
    client.redeem = lambda voucher, typed, status: client.post(
        f"/vouchers/{voucher.code}/redemptions", {"password": typed, "attempt_id": str(uuid.uuid4())}, status=status
    )
    return client


@pytest.mark.parametrize(("typed", "status"), [(PASSWORD, 200), (WRONG, 403)])
def test_a_try_takes_few_statements_and_one_commit(world, client, monkeypatch, typed, status):
    """A campaign without conditions; what the first try of a version writes is there."""
    campaign = world.campaign(uses_per_voucher=9)
    voucher = world.voucher(campaign=campaign)
    client.redeem(voucher, PASSWORD, 200)
    world.clock.forward(seconds=1)
    asked = Asked(monkeypatch)
    client.redeem(voucher, typed, status)
    assert len(asked.statements) <= MOST, asked.statements
    assert asked.commits == 1


def test_every_check_passes_in_as_many_statements(world, client, monkeypatch):
    campaign = world.campaign(uses_per_voucher=9, per_consumer=3, new_customers_only=True, branch_slugs=["main"])
    world.group("regulars")
    type(campaign).update(groups=["regulars"], version=2).execute()
    voucher = world.voucher(campaign=campaign)
    assert world.attempt(voucher, branch="main").redeemed
    asked = Asked(monkeypatch)
    assert world.attempt(voucher, branch="main").redeemed
    assert len(asked.statements) <= MOST + 3, "groups, redemptions of the campaign, redemptions at the merchant"


def test_a_verdict_given_again_writes_nothing(world, monkeypatch):
    voucher, same = world.voucher(), str(uuid.uuid4())
    first = world.attempt(voucher, attempt_id=same)
    asked = Asked(monkeypatch)
    assert world.attempt(voucher, attempt_id=same) == first
    assert (len(asked.statements), asked.commits) == (2, 0)
    assert world.attempt(world.voucher(), typed=None).reason is Reason.MALFORMED
