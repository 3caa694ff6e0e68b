"""Vouchers revoked: at once, for a reason, and never when they are used."""

from threading import Barrier, Thread

import pytest

from database import db
from models import Redemption, Revocation, State, Voucher
from quanbao.campaigns import figures
from quanbao.redemption import revocations
from quanbao.redemption.reasons import Unexplained
from tests.redemption.test_rollbacks import agree, member, redeemed


def test_what_is_revoked_is_redeemed_nowhere_at_once(world):
    voucher, owner = world.voucher(campaign=world.campaign(uses_per_voucher=2)), member(world)
    redeemed(world, voucher)
    revocations.revoke(voucher, owner, "other", "The tea is gone.", world.clock())
    row = Voucher.get_by_id(voucher.id)
    kept = revocations.of_voucher(row)
    assert (row.revoked_at, row.state(voucher.campaign, world.clock())) == (world.clock(), State.REVOKED)
    assert (kept.member, kept.reason, kept.note, kept.role) == (owner, "other", "The tea is gone.", "owner")
    assert world.attempt(voucher).reason == "revoked"
    agree()


def test_it_is_safe_to_repeat_and_the_first_reason_stays(world, clock):
    voucher, owner = world.voucher(), member(world)
    first = clock()
    revocations.revoke(voucher, owner, "misuse", "", first)
    clock.forward(minutes=1)
    revocations.revoke(voucher, owner, "by_mistake", "", clock())  # a page that was open before
    revocations.revoke(Voucher.get_by_id(voucher.id), owner, "by_mistake", "", clock())
    assert [(row.reason, row.revoked_at) for row in Revocation.select()] == [("misuse", first)]


def test_a_used_one_is_not_revoked(world):
    voucher, owner = world.voucher(), member(world)
    redeemed(world, voucher)
    with pytest.raises(revocations.Used):
        revocations.revoke(voucher, owner, "misuse", "", world.clock())
    assert (Voucher.get().revoked_at, Revocation.select().count()) == (None, 0)


def test_it_needs_a_reason(world):
    with pytest.raises(Unexplained):
        revocations.revoke(world.voucher(), member(world), "other", "", world.clock())


def test_who_takes_the_mark_away_is_found_out(world):
    voucher = world.voucher()
    revocations.revoke(voucher, member(world), "misuse", "", world.clock())
    Voucher.update(revoked_at=None).execute()
    assert any("revoked_at" in line for line in figures.differences())


@pytest.mark.race
def test_against_a_redemption_it_is_one_or_the_other(world):
    campaign, owner = world.campaign(), member(world)
    for _ in range(8):
        voucher = world.voucher(campaign=campaign, holder=world.account())
        start, said = Barrier(2), {}

        def redeem(voucher=voucher, start=start, said=said) -> None:
            start.wait()
            said["redeemed"] = world.attempt(voucher).redeemed
            db.close()

        def revoke(voucher=voucher, start=start, said=said) -> None:
            start.wait()
            try:
                revocations.revoke(voucher, owner, "misuse", "", world.clock())
                said["revoked"] = True
            except revocations.Used:
                said["revoked"] = False
            db.close()

        hands = [Thread(target=redeem), Thread(target=revoke)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        assert said["redeemed"] is not said["revoked"]
        row = Voucher.get_by_id(voucher.id)
        assert (row.revoked_at is not None, row.uses_left) == (said["revoked"], int(said["revoked"]))
        assert Redemption.select().where(Redemption.voucher == voucher).count() == int(said["redeemed"])
    agree()
