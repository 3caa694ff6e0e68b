"""Rollbacks raced fifty at a time: each happens once, whatever is redeemed meanwhile; the last test is the control."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread

import pytest

from database import Busy, db
from models import Campaign, Redemption, Rollback, Voucher
from quanbao.campaigns import figures
from quanbao.operations import unguarded
from quanbao.passwords import guess_limits
from quanbao.redemption import queries, redeem, revocations, rollbacks, situation
from tests.redemption.test_rollbacks import agree, member, redeemed

pytestmark = pytest.mark.race

AT_ONCE = 50


def together(acts: Sequence[Callable[[], object]]) -> None:
    """All at the same moment, each until the database takes it; what went wrong in one fails the test."""
    start, wrong = Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        db.connect(reuse_if_open=True)
        start.wait()
        try:
            while is_busy(act):
                pass
        except Exception as error:
            wrong.append(error)
        finally:
            db.close()

    hands = [Thread(target=run, args=(act,)) for act in acts]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert wrong == []


def is_busy(act: Callable[[], object]) -> bool:
    try:
        answer = act()
    except Busy:
        return True
    return getattr(answer, "retry_after", None) is not None


def undoing(world, done: Redemption) -> Callable[[], object]:
    by = member(world)
    found = rollbacks.find(done.id, by)
    return lambda: rollbacks.roll_back(found, by, "by_mistake", "", world.clock())


def test_fifty_at_once_take_it_back_once(world):
    campaign = world.campaign(quantity=2)
    voucher = world.voucher(campaign=campaign)
    redeemed(world, world.voucher(campaign=campaign, holder=world.account()))
    act = undoing(world, redeemed(world, voucher))
    together([act] * AT_ONCE)
    row = Campaign.get()
    assert Rollback.select().count() == 1
    assert (row.redeemed, row.rolled_back, Voucher.get_by_id(voucher.id).uses_left) == (1, 1, 1)
    agree()


def test_beside_redemptions_of_the_same_campaign_nothing_is_oversold(world):
    campaign = world.campaign(quantity=5, uses_per_voucher=2)
    held = [world.voucher(campaign=campaign, holder=world.account()) for _ in range(8)]
    done = [redeemed(world, voucher) for voucher in held[:5]]
    backs = [undoing(world, one) for one in done for _ in range(2)]
    tries = [lambda voucher=voucher: world.attempt(voucher) for voucher in held for _ in range(2)]
    together([*backs, *tries])
    row = Campaign.get()
    standing = Redemption.select().count() - Rollback.select().count()
    assert (row.rolled_back, row.redeemed) == (5, standing)
    assert standing <= row.quantity
    agree()


@pytest.mark.parametrize("gives_back", [True, False])
def test_voucher_by_voucher_it_stands_or_came_back(world, gives_back):
    campaign = world.campaign(quantity=3, rollback_gives_back=gives_back)
    voucher = world.voucher(campaign=campaign)
    done = redeemed(world, voucher)
    together([undoing(world, done), *[lambda: world.attempt(voucher)] * 10])
    uses, row = Redemption.select().count(), Voucher.get_by_id(voucher.id)
    assert uses in ((1, 2) if gives_back else (1,))
    assert row.uses_left == (1 if gives_back and uses == 1 else 0)
    agree()


def test_control_unguarded_it_happens_more_often(world, monkeypatch):
    for module in (redeem, guess_limits, rollbacks, revocations):  # to be put back afterwards
        monkeypatch.setattr(module, "write_transaction", module.write_transaction)
    for module, name in (
        (queries, "locked"),
        (situation, "lock"),
        (redeem, "_take_use"),
        (redeem, "_count"),
        (guess_limits, "_of_consumer"),
        (rollbacks, "of_redemption"),
        (rollbacks, "_give_back"),
        (rollbacks, "_count"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    for statement in unguarded.LOCKS:
        monkeypatch.setattr(statement, "written", statement.written)
    act = undoing(world, redeemed(world, world.voucher()))
    unguarded.drop_last_guard(unguarded.LAST_GUARD_OF_ROLLBACKS)
    unguarded.switch_off()
    together([act] * 8)
    assert Rollback.select().count() > 1
    assert any("rolled_back" in line or "returned" in line for line in figures.differences())
