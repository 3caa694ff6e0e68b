"""Redemptions taken back: who may, what comes back, and what the figures say of it."""

import pytest
from peewee import IntegrityError

from database import db
from models import Branch, Campaign, Member, MemberBranch, Redemption, Role, Rollback, Voucher
from quanbao.campaigns import figures
from quanbao.redemption import revocations, rollbacks
from quanbao.redemption.reasons import RolledBack, Unexplained
from quanbao.vouchers import wallet


def member(world, role: Role = Role.OWNER, branch: str | None = None) -> Member:
    person = Member.get(Member.account == world.member(role=role))
    if branch:
        MemberBranch.create(member=person, branch=Branch.get(Branch.slug == branch))
    return person


def redeemed(world, voucher: Voucher, **till) -> Redemption:
    assert world.attempt(voucher, **till).redeemed
    return Redemption.select().order_by(Redemption.id.desc()).get()


def roll_back(world, redemption: Redemption, by: Member | None = None, reason: str = "by_mistake", note: str = ""):
    by = by or member(world)
    return rollbacks.roll_back(rollbacks.find(redemption.id, by), by, reason, note, world.clock())


def agree() -> None:
    assert list(figures.differences()) == []


def test_what_was_taken_back_can_be_redeemed_again_under_a_number_of_its_own(world):
    campaign = world.campaign(quantity=1, per_consumer=1)
    voucher, other = world.voucher(campaign=campaign), world.voucher(campaign=campaign)
    first = redeemed(world, voucher, branch="main")
    assert world.attempt(other).reason == "sold_out"
    roll_back(world, first)
    table = figures.of_campaign(Campaign.get())
    assert (table.redeemed, table.remaining, table.consumers, table.discount_given) == (0, 1, 0, 0)
    assert (table.rolled_back, table.forfeited, table.by_day, table.by_hour, table.by_branch) == (1, 0, {}, {}, {})
    assert (Voucher.get_by_id(voucher.id).uses_left, Voucher.get_by_id(voucher.id).ended_at) == (1, None)
    agree()
    second = redeemed(world, voucher, branch="main")
    assert (second.use_number, second.number) == (2, 2), "numbers of the day are never given twice"
    assert figures.of_campaign(Campaign.get()).by_branch == {"main": 1}
    agree()
    assert [use.rollback is None for use in wallet.redemptions(voucher)] == [True, False]


def test_where_the_campaign_says_so_neither_use_nor_quantity_comes_back(world):
    campaign = world.campaign(quantity=2, rollback_gives_back=False)
    voucher = world.voucher(campaign=campaign)
    row = roll_back(world, redeemed(world, voucher))
    table = figures.of_campaign(Campaign.get())
    assert not row.gave_back
    assert (table.redeemed, table.remaining, table.rolled_back, table.forfeited) == (0, 1, 1, 1)
    assert world.attempt(voucher).reason == "already_redeemed"
    redeemed(world, world.voucher(campaign=campaign))
    assert world.attempt(world.voucher(campaign=campaign)).reason == "sold_out"
    agree()


@pytest.mark.parametrize("condition", [{"per_consumer": 1}, {"new_customers_only": True}])
def test_conditions_count_what_stands(world, condition):
    campaign = world.campaign(**condition)
    first = redeemed(world, world.voucher(campaign=campaign))
    second = world.voucher(campaign=campaign)
    assert not world.attempt(second).redeemed
    roll_back(world, first)
    assert world.attempt(second).redeemed
    agree()


def test_one_of_several_uses_comes_back_and_the_consumer_stays_one(world):
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=3))
    uses = [redeemed(world, voucher) for _ in range(3)]
    roll_back(world, uses[0])
    assert (figures.of_campaign(Campaign.get()).consumers, Voucher.get().uses_left) == (1, 1)
    assert redeemed(world, voucher).use_number == 4
    agree()


def test_it_happens_once_and_whoever_asks_again_hears_the_same(world, clock):
    redemption, owner = redeemed(world, world.voucher()), member(world)
    row = roll_back(world, redemption, owner, "other", " The lid\r\nleaked. ")
    clock.forward(hours=1)
    assert roll_back(world, redemption, member(world, Role.MANAGER), "wrong_voucher") == row
    kept = Rollback.get()
    assert (kept.member, kept.role, kept.reason, kept.note) == (owner, "owner", "other", "The lid\nleaked.")
    with pytest.raises(IntegrityError), db.atomic():
        Rollback.create(
            redemption=redemption, member=owner, role="owner", reason="other", gave_back=True, rolled_back_at=clock()
        )
    agree()


@pytest.mark.parametrize(
    ("reason", "note", "field"),
    [
        ("", "", "reason"),
        ("no_reason", "", "reason"),
        ("other", "", "note"),
        ("other", "  ", "note"),
        ("by_mistake", "x" * 501, "note"),
        ("other", "a\0b", "note"),
    ],
)
def test_it_needs_a_reason_of_the_list_and_another_one_a_note(world, reason, note, field):
    redemption = redeemed(world, world.voucher())
    with pytest.raises(Unexplained) as refused:
        roll_back(world, redemption, reason=reason, note=note)
    assert (refused.value.field, Rollback.select().count()) == (field, 0)


@pytest.mark.parametrize("reason", sorted(set(RolledBack) - {"other"}))
def test_every_other_reason_speaks_for_itself(small_world, reason):
    assert roll_back(small_world, redeemed(small_world, small_world.voucher()), reason=reason).reason == reason


@pytest.mark.parametrize(
    ("role", "minutes", "may"),
    [
        (Role.CASHIER, 15, True),
        (Role.CASHIER, 15.01, False),
        (Role.MANAGER, 15, True),
        (Role.MANAGER, 15.01, False),
        (Role.OWNER, 60 * 24 * 400, True),
    ],
)
def test_late_ones_are_an_owners(small_world, clock, role, minutes, may):
    by = member(small_world, role, "main" if role == Role.CASHIER else None)
    redemption = redeemed(small_world, small_world.voucher(), branch="main")
    clock.forward(minutes=minutes)
    if may:
        assert roll_back(small_world, redemption, by).member == by
    else:
        with pytest.raises(rollbacks.Late):
            roll_back(small_world, redemption, by)
        assert Rollback.select().count() == 0


def test_a_cashier_sees_what_was_redeemed_at_their_branches(small_world):
    cashier = member(small_world, Role.CASHIER, "main")
    here, there, anywhere = (
        redeemed(small_world, small_world.voucher(), branch=branch) for branch in ("main", "river", None)
    )
    assert rollbacks.find(here.id, cashier) == here
    assert rollbacks.find(anywhere.id, cashier) == anywhere, "no branch was named: it may have been theirs"
    assert rollbacks.find(there.id, cashier) is None
    assert rollbacks.find(there.id, member(small_world, Role.MANAGER)) == there


def test_the_verdict_stays_that_of_its_attempt(world):
    voucher = world.voucher()
    verdict = world.attempt(voucher)
    roll_back(world, Redemption.get())
    assert world.attempt(voucher, attempt_id=verdict.attempt_id) == verdict
    assert Redemption.select().count() == 1


def test_a_revoked_vouchers_use_comes_back_and_the_voucher_does_not(world):
    voucher, owner = world.voucher(campaign=world.campaign(uses_per_voucher=2)), member(world)
    redemption = redeemed(world, voucher)
    revocations.revoke(voucher, owner, "misuse", "", world.clock())
    roll_back(world, redemption, owner)
    assert world.attempt(voucher).reason == "revoked"
    agree()
