"""Counter codes: good once, for a minute, at one merchant's till; and what guessing them costs."""

import threading
import time
import uuid

import pytest

from database import Busy
from models import Attempt, Branch, CounterCode, CounterTry, Member, MemberBranch, Merchant, Redemption, Role, Session
from quanbao.campaigns import figures
from quanbao.merchants import members
from quanbao.operations import backups
from quanbao.redemption import attempts, counter_codes, redeem
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.reasons import Reason
from quanbao.redemption.redeem import AttemptRequest
from quanbao.reports import till_day
from tests.support.crowds import at_once
from tests.support.factories import WRONG, World


def member(world: World, role: Role = Role.MANAGER, merchant: Merchant | None = None) -> Member:
    account = world.member(role=role, merchant=merchant)
    row = Member.get((Member.account == account) & (Member.merchant == (merchant or world.merchant)))
    if role == Role.CASHIER:
        main = Branch.get((Branch.merchant == row.merchant_id) & (Branch.slug == "main"))
        MemberBranch.create(member=row, branch=main)
    return row


def wrong_code(number: int) -> str:
    return "".join(counter_codes.ALPHABET[number // 31**place % 31] for place in range(6))


def test_what_a_cashier_took_is_redeemed_by_the_one_way_in(world):
    voucher, cashier = world.voucher(), member(world, Role.CASHIER)
    shown = world.counter_code(voucher)
    taken = world.take(shown.code, cashier)
    assert (taken.voucher_id, taken.attempt_id) == (voucher.id, shown.attempt_id)
    assert redeem.stored(world.mei, shown.attempt_id) is None, "nothing is redeemed by looking"
    verdict = world.redeem(taken, branch="main")
    assert (verdict.redeemed, verdict.attempt_id) == (True, shown.attempt_id)
    assert redeem.stored(world.mei, shown.attempt_id) == verdict, "the phone is told the same"
    row = Attempt.get()
    assert (row.member_id, row.merchant_id) == (cashier.id, world.merchant.id)
    assert attempts.trace(row)[:2] == [["counter_code", True], ["revoked", True]]
    assert world.attempt(world.voucher(), branch="main").redeemed
    assert Attempt.get(Attempt.id > row.id).member is None
    assert list(figures.differences()) == []


@pytest.mark.parametrize(
    ("columns", "till", "reason"),
    [
        ({"ended": True}, {}, Reason.CAMPAIGN_ENDED),
        ({"minimum_spend": 15000}, {"amount": 14999}, Reason.MINIMUM_SPEND),
        ({"branch_slugs": ["river"]}, {"branch": "main"}, Reason.WRONG_BRANCH),
        ({"groups": ["regulars"]}, {}, Reason.GROUP_ONLY),
        ({}, {"offer_price": 1}, Reason.PRICE_CHANGED),
    ],
)
def test_the_same_checks_refuse_for_the_same_reasons(world, columns, till, reason):
    ended = columns.pop("ended", None)
    columns |= {"ended_at": world.clock()} if ended else {}
    voucher = world.voucher(campaign=world.campaign(**columns))
    by_code = world.redeem(world.take(world.counter_code(voucher).code, member(world)), **till)
    by_password = world.attempt(voucher, **till)
    assert by_code.reason is by_password.reason is reason
    first, second = Attempt.select().order_by(Attempt.id)
    assert first.trace[1:] == second.trace[1:]


def test_a_database_that_is_busy_is_said_to_be_and_the_code_is_still_good(world, monkeypatch):
    taken = world.take(world.counter_code(world.voucher()).code, member(world))

    def busy(work, **_):
        raise Busy("somebody else is writing")

    with monkeypatch.context() as patched:
        patched.setattr(redeem, "write_transaction", busy)
        assert world.redeem(taken).reason is Reason.BUSY
    assert world.redeem(taken).redeemed


def test_a_code_is_typed_as_people_type():
    assert {counter_codes.plain(text) for text in ("k7m3qx", "K7M 3QX", " k7m-3qx ", "Ｋ７Ｍ　３ＱＸ")} == {"K7M3QX"}
    assert {counter_codes.plain(text) for text in ("", "K7M3Q", "K7M3QXX", "K7M30X", "K7M3QÖ", "\0" * 6)} == {None}


def test_a_code_is_good_for_a_minute_by_the_servers_clock(world):
    voucher, cashier = world.voucher(), member(world)
    shown = world.counter_code(voucher)
    world.clock.forward(seconds=60)
    assert world.take(shown.code, cashier) is None
    shown = world.counter_code(voucher)
    world.clock.forward(seconds=59.999)
    taken = world.take(shown.code, cashier)
    world.clock.forward(seconds=counter_codes.REDEEM_WITHIN.total_seconds())
    assert world.redeem(taken).reason is Reason.NOT_FOUND
    assert Attempt.select().count() == 0


def test_a_code_is_good_once(world):
    voucher, cashier = world.voucher(campaign=world.campaign(uses_per_voucher=5)), member(world)
    shown = world.counter_code(voucher)
    taken = world.take(shown.code, cashier)
    assert world.take(shown.code, member(world)) is None, "it is another member's already"
    assert world.take(shown.code, cashier) == taken, "the same member may come back to it"
    first = world.redeem(taken)
    assert world.redeem(taken) == first
    assert world.take(shown.code, cashier) is None
    assert Redemption.select().count() == 1


def test_a_new_code_ends_the_one_before(world):
    voucher, cashier = world.voucher(), member(world)
    first = world.counter_code(voucher)
    taken = world.take(first.code, cashier)
    second = world.counter_code(voucher)
    assert world.take(first.code, cashier) is None
    assert world.redeem(taken).reason is Reason.NOT_FOUND
    assert world.redeem(world.take(second.code, cashier)).redeemed


def test_a_code_is_good_at_its_own_merchants_tills_alone(world):
    shown = world.counter_code(world.voucher())
    other = member(world, merchant=world.make_merchant(slug="other"))
    assert world.take(shown.code, other) is None
    assert world.take(shown.code, member(world)) is not None


def test_what_was_taken_for_one_voucher_redeems_no_other(world):
    campaign = world.campaign()
    one, two = world.voucher(campaign=campaign), world.voucher(campaign=campaign)
    taken = world.take(world.counter_code(one).code, member(world))
    for code, attempt_id in ((two.code, taken.attempt_id), (one.code, str(uuid.uuid4()))):
        what = AttemptRequest(world.mei, code, attempt_id, None, TillEntry(), taken=taken)
        verdict = redeem.attempt(what, clock=world.clock, keys=world.keys)
        assert verdict.reason is Reason.NOT_FOUND
    assert Redemption.select().count() == 0


@pytest.mark.parametrize(
    "end",
    [
        lambda world: Session.delete().execute(),
        lambda world: Session.update(expires_at=world.clock()).execute(),
    ],
)
def test_the_end_of_the_holders_session_is_the_end_of_the_code(world, end):
    vouchers, cashier = [world.voucher(), world.voucher()], member(world)
    typed, untyped = (world.counter_code(voucher) for voucher in vouchers)
    taken = world.take(typed.code, cashier)
    end(world)
    assert world.redeem(taken).reason is Reason.NOT_FOUND
    assert world.take(untyped.code, cashier) is None


def test_a_member_who_was_disabled_redeems_nothing_more(world):
    cashier = member(world)
    taken = world.take(world.counter_code(world.voucher()).code, cashier)
    members.disable(cashier, world.clock())
    assert world.redeem(taken).reason is Reason.NOT_FOUND


def test_only_a_hash_is_kept_which_needs_the_servers_key(world):
    voucher = world.voucher()
    shown = world.counter_code(voucher)
    row = CounterCode.get()
    assert shown.code not in str(row.__data__)
    assert bytes(row.code_hash) == counter_codes.code_hash(shown.code, world.merchant.id, world.keys.receipts)
    assert bytes(row.code_hash) != counter_codes.code_hash(shown.code, world.merchant.id, "another key")


def test_no_backup_holds_codes_or_tries():
    assert {CounterCode, CounterTry}.isdisjoint(backups.KEPT)


# Guessing


def test_ten_wrong_codes_in_ten_minutes_stop_that_member_and_nobody_else(world):
    guesser, colleague = member(world), member(world)
    voucher = world.voucher()
    for number in range(10):
        assert world.take(wrong_code(number), guesser) is None
        world.clock.forward(seconds=30)
    shown = world.counter_code(voucher)
    assert world.take(shown.code, guesser) == counter_codes.Stopped(300)
    assert world.take(shown.code, colleague) is not None
    world.clock.forward(seconds=299)
    assert world.take(wrong_code(11), guesser) == counter_codes.Stopped(1)
    world.clock.forward(seconds=1)
    assert world.take(world.counter_code(voucher).code, guesser) is not None


def test_right_codes_cost_nothing(world):
    cashier = member(world)
    for _ in range(12):
        assert world.take(world.counter_code(world.voucher()).code, cashier)
    assert CounterTry.select().count() == 0


@pytest.mark.race
class TestRaces:
    def looked_at(self, world, monkeypatch) -> int:
        """How many of forty codes, typed at once by one member, were looked up."""
        looks, lock, take, cashier = [], threading.Lock(), counter_codes._take, member(world)

        def counted(*arguments):
            with lock:
                looks.append(1)
            return take(*arguments)

        monkeypatch.setattr(counter_codes, "_take", counted)
        answers = at_once(*[lambda n=n: world.take(wrong_code(n), cashier) for n in range(40)])
        assert all(answer is None or isinstance(answer, counter_codes.Stopped) for answer in answers), answers
        return len(looks)

    def test_of_guesses_at_once_ten_are_looked_at(self, world, monkeypatch):
        assert self.looked_at(world, monkeypatch) == counter_codes.WRONG_CODES

    def test_control_counted_afterwards_more_are_looked_at(self, world, monkeypatch):
        def count_first(row, now):
            if CounterTry.select().where(CounterTry.member == row).count() >= counter_codes.WRONG_CODES:
                return counter_codes.Stopped(1)
            return CounterTry(member=row, made_at=now)  # kept when it was looked at

        take = counter_codes._take

        def keep_after(hashed, row, reserved, now):
            time.sleep(0.05)
            found = take(hashed, row, reserved, now)
            reserved.save(force_insert=True)
            return found

        monkeypatch.setattr(counter_codes, "_reserve", count_first)
        monkeypatch.setattr(counter_codes, "_take", keep_after)
        monkeypatch.setattr(counter_codes, "write_transaction", lambda work, **_: work())
        assert self.looked_at(world, monkeypatch) > counter_codes.WRONG_CODES

    def taken_by(self, world, tills: int = 50) -> list[CounterCode]:
        shown, cashiers = world.counter_code(world.voucher()), [member(world) for _ in range(tills)]
        answers = at_once(*[lambda row=row: world.take(shown.code, row) for row in cashiers])
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        return [answer for answer in answers if isinstance(answer, CounterCode)]

    def test_fifty_tills_at_once_and_one_has_it(self, world):
        [taken] = self.taken_by(world)
        at_once(*[lambda: world.redeem(taken)] * 8)
        assert (Redemption.select().count(), Attempt.select().count()) == (1, 1)
        assert list(figures.differences()) == []

    def test_control_looked_at_and_then_marked_several_have_it(self, world, monkeypatch):
        def mark(row, who, now):
            time.sleep(0.3)  # the others look meanwhile
            row.taken_by, row.taken_at = who, now
            row.save()
            return True

        monkeypatch.setattr(counter_codes, "_mark_taken", mark)
        monkeypatch.setattr(counter_codes, "write_transaction", lambda work, **_: work())
        assert len(self.taken_by(world, tills=8)) > 1


# The day


def seen(world, *slugs: str) -> list[tuple]:
    rows = till_day.rows(world.merchant, slugs, world.merchant.day(world.clock()))
    return [(row.number, row.words and row.words.count(" "), row.reason, row.branch) for row in rows]


def test_the_day_has_what_was_redeemed_and_refused_newest_first(world):
    day, marks = world.merchant.day(world.clock()), []
    campaign = world.campaign(uses_per_voucher=9)
    voucher = world.voucher(campaign=campaign)
    for act in (
        lambda: world.attempt(voucher, branch="main"),
        lambda: world.attempt(voucher, branch="river"),
        lambda: world.attempt(voucher, typed=WRONG),
        lambda: world.attempt(voucher),
        lambda: world.attempt(voucher, branch="river", offer_price=1),
    ):
        world.clock.forward(seconds=1)
        act()
        marks.append(till_day.mark(world.merchant, ["main", "river", ""], day))
    assert len({str(mark) for mark in marks}) == 5, "whoever looks is told of each"
    assert seen(world, "main", "river", "") == [
        (None, None, "price_changed", "river"),
        (1, 1, None, ""),
        (None, None, "password_incorrect", ""),
        (1, 1, None, "river"),
        (1, 1, None, "main"),
    ]
    assert seen(world, "main") == [(None, None, "password_incorrect", ""), (1, 1, None, "main")]
    assert till_day.count(world.merchant, ["main", ""], day) == 2
    world.clock.forward(hours=24)
    assert seen(world, "main", "river", "") == []


def test_the_day_of_another_merchant_is_not_in_it(world):
    other = world.make_merchant(slug="other")
    campaign = world.campaign(merchant=other, password=world.make_password(merchant=other))
    world.attempt(world.voucher(campaign=campaign), branch="main")
    world.attempt(world.voucher(campaign=campaign), typed=WRONG)
    assert seen(world, "main", "river", "") == []


def test_a_long_day_is_turned_page_by_page(world):
    campaign, day = world.campaign(uses_per_voucher=50), world.merchant.day(world.clock())
    voucher = world.voucher(campaign=campaign)
    for _ in range(till_day.A_PAGE + 3):
        world.clock.forward(seconds=1)
        world.attempt(voucher)
    first = till_day.rows(world.merchant, [""], day)
    rest = till_day.rows(world.merchant, [""], day, before=first[-1].redemption)
    assert [row.number for row in first + rest] == list(range(till_day.A_PAGE + 3, 0, -1))
