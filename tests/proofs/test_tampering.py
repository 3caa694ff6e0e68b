"""Nobody changes the ledger, and whoever changes a figure is found out."""

import pytest
from peewee import IntegrityError

from database import db, on_sqlite
from models import (
    Attempt,
    Campaign,
    DayNumber,
    Figure,
    Heading,
    Member,
    Redemption,
    Revocation,
    Role,
    Rollback,
    Voucher,
)
from quanbao.campaigns import figures
from quanbao.redemption import revocations, rollbacks
from tests.conftest import POSTGRESQL
from tests.support.factories import WRONG, World

pytestmark = pytest.mark.promise("tampering")


@pytest.fixture
def ledger(world) -> World:
    """Two vouchers redeemed at a branch, one of them once more, which was rolled back, and revoked; and a refusal."""
    campaign = world.campaign(uses_per_voucher=3, rollback_gives_back=False)
    for holder in (world.mei, world.account()):
        voucher = world.voucher(campaign=campaign, holder=holder)
        world.attempt(voucher, branch="main")
    world.attempt(voucher, typed=WRONG)
    world.attempt(voucher, branch="main")
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    last = Redemption.select().order_by(Redemption.id.desc()).get()
    rollbacks.roll_back(rollbacks.find(last.id, owner), owner, "by_mistake", "", world.clock())
    revocations.revoke(voucher, owner, "misuse", "", world.clock())
    assert list(figures.differences()) == []
    return world


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE redemption SET discount = 0",
        "UPDATE redemption SET words = 'x' WHERE id = 1",
        "DELETE FROM redemption",
        "UPDATE attempt SET reason = NULL",
        "DELETE FROM attempt WHERE id = 1",
        "UPDATE campaign_version SET described = '{}'",
        "DELETE FROM campaign_version",
        'UPDATE "rollback" SET gave_back = gave_back',
        'DELETE FROM "rollback"',
        "UPDATE revocation SET reason = 'other'",
        "DELETE FROM revocation",
    ],
)
def test_the_database_refuses_to_change_the_ledger(ledger, statement):
    with pytest.raises(IntegrityError, match="only added to"), db.atomic():
        db.execute_sql(statement)
    assert (Redemption.select().count(), Attempt.select().count()) == (3, 4)
    assert (Rollback.select().count(), Revocation.select().count()) == (1, 1)


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)  # SQLite has no TRUNCATE
def test_postgresql_refuses_to_empty_it_too(ledger):
    with pytest.raises(IntegrityError, match="only added to"), db.atomic():
        db.execute_sql('TRUNCATE redemption, attempt, campaign_version, "rollback", revocation')


def test_control_without_the_trigger_it_would_be_changed(ledger):
    triggers = ("redemption_no_update",) if on_sqlite() else ("redemption_only_added",)
    for trigger in triggers:
        db.execute_sql(f"DROP TRIGGER {trigger}" + ("" if on_sqlite() else " ON redemption"))
    db.execute_sql("UPDATE redemption SET discount = discount + 1")
    assert any("discount of redemption" in line for line in figures.differences())


COLUMNS = ("issued", "opened", "redeemed", "consumers", "discount_given", "rolled_back", "forfeited")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("step", [1, -1])
def test_check_finds_a_figure_that_was_changed(ledger, column, step):
    field = getattr(Campaign, column)
    Campaign.update({field: field + step}).execute()
    assert any(column in line for line in figures.differences())


def test_every_figure_that_is_kept_was_changed_above(proved):
    kept = {name for name in Campaign._meta.fields if name in figures.Figures.__annotations__} - {"quantity"}  # entered
    assert kept == set(COLUMNS)
    proved(
        f"{len(COLUMNS)} columns and {len(Heading)} tables of figures, uses and numbers: each change is found; "
        "the ledger takes none"
    )


@pytest.mark.parametrize("heading", Heading)
@pytest.mark.parametrize("how", ["more", "fewer", "gone", "another name"])
def test_check_finds_a_count_that_was_changed(ledger, heading, how):
    mine = Figure.heading == heading
    assert Figure.select().where(mine).count() == 1
    if how == "gone":
        Figure.delete().where(mine).execute()
    elif how == "another name":
        Figure.update(name="19").where(mine).execute()
    else:
        Figure.update(count=Figure.count + (1 if how == "more" else -1)).where(mine).execute()
    assert list(figures.differences())


@pytest.mark.parametrize(
    "change",
    [
        lambda: Voucher.update(uses_left=Voucher.uses_left - 1).execute(),
        lambda: Voucher.update(uses_left=Voucher.uses_left + 1).execute(),
        lambda: Voucher.update(returned=Voucher.returned + 1).execute(),
        lambda: Voucher.update(revoked_at=None).execute(),
        lambda: DayNumber.update(last=DayNumber.last - 1).execute(),
        lambda: DayNumber.update(last=DayNumber.last + 1).execute(),
        lambda: DayNumber.delete().execute(),
    ],
)
def test_check_finds_uses_and_numbers_that_were_changed(ledger, change):
    change()
    assert list(figures.differences())
