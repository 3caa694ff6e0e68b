"""One redemption, start to end: what passes, what is written, and what a repeated id gets."""

import re
import threading
import uuid

import pytest
from peewee import OperationalError

from database import Unknown, db
from models import Attempt, Branch, Campaign, Guess, Merchant, Redemption, Voucher
from quanbao.campaigns import editing, entered_values, figures
from quanbao.merchants import branches
from quanbao.passwords import sealing
from quanbao.redemption import receipts, redeem
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.reasons import Reason
from quanbao.redemption.redeem import AttemptRequest
from tests.conftest import POSTGRESQL
from tests.support.factories import PASSWORD, WRONG, stored, utc

ID = "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"


def test_passing_marks_the_voucher_writes_the_ledger_and_moves_the_figures(world):
    voucher = world.voucher()
    verdict = world.attempt(voucher, attempt_id=ID, branch="main", offer_price=1800)

    assert verdict.redeemed
    assert verdict.voucher["state"] == "used"
    assert verdict.voucher["ended_at"] == verdict.redeemed_at == "2026-12-01T04:00:00Z"
    voucher = Voucher.get_by_id(voucher.id)
    assert (voucher.uses_left, voucher.ended_at) == (0, world.clock())
    row = Redemption.get()
    assert (row.voucher_id, row.consumer_id, row.attempt_id) == (voucher.id, world.mei.id, ID)
    assert (row.branch_slug, row.day, row.number, row.discount) == ("main", "2026-12-01", 1, 1200)
    table = figures.of_campaign(Campaign.get())
    assert (table.issued, table.redeemed, table.remaining, table.consumers, table.discount_given) == (1, 1, 99, 1, 1200)
    assert (table.by_day, table.by_branch, table.refused) == ({"2026-12-01": 1}, {"main": 1}, {})
    assert list(figures.differences()) == []


def test_a_refusal_changes_nothing_but_its_own_row(world):
    voucher = world.voucher(campaign=world.campaign(ends_at=utc("2026-12-01T12:00:00+08:00")))
    verdict = world.attempt(voucher)

    assert verdict.reason is Reason.EXPIRED
    assert stored() == (1, 0)
    assert Voucher.get_by_id(voucher.id).uses_left == 1
    table = figures.of_campaign(Campaign.get())
    assert (table.redeemed, table.refused) == (0, {"expired": 1})
    assert list(figures.differences()) == []


def test_a_wrong_password_is_told_before_anything_else(world):
    """The password is checked first, and only if it is right the rest [0020]."""
    voucher = world.voucher(campaign=world.campaign(ended_at=world.clock()), revoked_at=world.clock())
    assert world.attempt(voucher, typed=WRONG).reason is Reason.PASSWORD_INCORRECT
    assert Attempt.get().trace == [["password_incorrect", False]]
    assert world.attempt(voucher).reason is Reason.REVOKED


def test_a_voucher_for_several_uses_counts_down_and_is_ended_at_its_cap(world):
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=3))
    states = []
    for _ in range(3):
        verdict = world.attempt(voucher)
        states.append((verdict.voucher["state"], verdict.voucher["uses_left"], verdict.voucher["ended_at"] is None))
    assert states == [("partly_used", 2, True), ("partly_used", 1, True), ("used_up", 0, False)]
    assert world.attempt(voucher).reason is Reason.USED_UP
    assert [row.use_number for row in Redemption.select().order_by(Redemption.id)] == [1, 2, 3]
    assert figures.of_campaign(Campaign.get()).consumers == 1


@pytest.mark.parametrize("kind", ["prize", "gift", "giveaway"])
def test_exchange_vouchers_have_no_price_check_and_are_exchanged_once(world, kind):
    voucher = world.voucher(campaign=world.campaign(kind=kind))
    verdict = world.attempt(voucher, offer_price=1)
    assert (verdict.redeemed, verdict.voucher["state"]) == (True, "exchanged")
    assert world.attempt(voucher).reason is Reason.ALREADY_REDEEMED
    assert Redemption.get().discount == 0


def test_receipts_count_the_local_day_of_each_branch(world):
    vouchers = [world.voucher(campaign=world.campaign()) for _ in range(6)]
    numbers = [
        world.attempt(v, branch=branch).receipt["number"]
        for v, branch in zip(vouchers[:4], ["main", "river", "main", None], strict=True)
    ]
    assert numbers == [1, 1, 2, 1]
    world.clock.set("2026-12-01T23:59:59+08:00")
    assert world.attempt(vouchers[4], branch="main").receipt["number"] == 3
    world.clock.set("2026-12-02T00:00:00+08:00")
    assert world.attempt(vouchers[5], branch="main").receipt["number"] == 1


def test_no_number_comes_twice_when_the_clock_is_set_back(world):
    first, second = world.voucher(), world.voucher()
    world.clock.set("2026-12-02T09:00:00+08:00")
    assert world.attempt(first, branch="main").receipt["number"] == 1
    world.clock.set("2026-12-02T08:00:00+08:00")
    assert world.attempt(second, branch="main").receipt["number"] == 2


def test_words_are_the_merchants_and_need_the_servers_key(world):
    verdict = world.attempt(world.voucher(campaign=world.campaign()))
    first, second = verdict.receipt["words"].split()
    assert {first, second} <= set(receipts.word_list("en"))
    chinese = world.make_merchant(slug="xue", language="zh")
    campaign = world.campaign(merchant=chinese, password=world.make_password(merchant=chinese))
    words = world.attempt(world.voucher(campaign=campaign)).receipt["words"].split()
    assert set(words) <= set(receipts.word_list("zh"))
    of = {"merchant": 1, "branch": "main", "day": "2026-12-01", "number": 1}
    assert receipts.words("a" * 40, "en", **of) != receipts.words("b" * 40, "en", **of)


class TestTheSameAttemptId:
    """A stored verdict is given again, whatever happened since."""

    def test_after_success(self, world):
        voucher = world.voucher()
        first = world.attempt(voucher, attempt_id=ID)
        world.clock.forward(days=60)
        assert world.attempt(voucher, attempt_id=ID, typed=WRONG) == first
        assert stored() == (1, 1)

    def test_after_a_refusal(self, world):
        voucher = world.voucher()
        first = world.attempt(voucher, attempt_id=ID, typed=WRONG)
        assert world.attempt(voucher, attempt_id=ID, typed=PASSWORD) == first
        assert stored() == (1, 0)

    def test_with_a_spent_budget(self, world):
        voucher = world.voucher()
        first = world.attempt(voucher, attempt_id=ID)
        world.spend_password()
        assert world.attempt(voucher).reason is Reason.TOO_MANY_ATTEMPTS
        assert world.attempt(voucher, attempt_id=ID) == first

    def test_with_another_voucher_is_malformed(self, world):
        world.attempt(world.voucher(), attempt_id=ID)
        assert world.attempt(world.voucher(), attempt_id=ID).reason is Reason.MALFORMED
        assert stored() == (1, 1)

    def test_from_another_consumer_is_another_attempt(self, world):
        world.attempt(world.voucher(), attempt_id=ID)
        other = world.voucher(holder=world.account())
        assert world.attempt(other, attempt_id=ID).redeemed
        assert stored() == (2, 2)

    def test_with_the_answer_lost_on_the_way_reads_the_same_from_the_attempt(self, world):
        verdict = world.attempt(world.voucher(), attempt_id=ID)
        assert redeem.stored(world.mei, ID) == verdict
        assert redeem.stored(world.account(), ID) is None


def test_an_answer_given_again_equals_the_first_field_by_field(world):
    """After price, product, terms, a branch's name and the shop's were changed; what is answered anew says them."""
    campaign = world.campaign(uses_per_voucher=2)
    voucher, river = world.voucher(campaign=campaign), Branch.get(Branch.slug == "river")
    ids = [str(uuid.uuid4()) for _ in range(6)]
    tills = ({"typed": WRONG}, {"branch": "river", "amount": 4000}, {"branch": "nowhere"}, {}, {"amount": 0})
    first = [world.attempt(voucher, attempt_id=one, **till) for one, till in zip(ids, tills, strict=False)]
    assert [verdict.reason for verdict in first] == ["password_incorrect", None, "wrong_branch", None, "used_up"]

    columns = {"offer_price": 100, "original_price": 900, "terms": "None", "place": "Elsewhere"}
    entered = entered_values.document(Campaign.get()) | columns
    editing.change(campaign, entered, now=world.clock(), password_key=world.keys.password)
    Campaign.update(product="Cake", version=Campaign.version + 1).execute()  # no form changes it today
    branches.change(river, "Canal Street", "9 Canal Street")
    Merchant.update(name="Tea no more").execute()
    world.clock.forward(days=40)
    assert [world.attempt(voucher, attempt_id=one) for one in ids[:5]] == first
    assert [redeem.stored(world.mei, one) for one in ids[:5]] == first

    other = world.voucher(campaign=Campaign.get(), holder=world.account())
    anew = world.attempt(other, attempt_id=ids[5]).voucher
    assert (anew["product"], anew["offer_price"], anew["merchant"]) == ("Cake", 100, "Tea no more")
    assert "Canal Street" in [place["name"] for place in anew["branches"]]
    spent = world.attempt(voucher).voucher
    assert (spent["product"], spent["offer_price"], spent["terms"]) == ("Oolong, 500 ml", 1800, "None")


def test_what_is_not_stored_may_be_tried_again_under_the_same_id(world):
    voucher = world.voucher()
    assert world.attempt(voucher, attempt_id=ID, typed=None).reason is Reason.MALFORMED
    world.spend_password()
    assert world.attempt(voucher, attempt_id=ID).reason is Reason.TOO_MANY_ATTEMPTS
    assert stored() == (0, 0)
    world.clock.forward(days=1)
    assert world.attempt(voucher, attempt_id=ID).redeemed


def test_somebody_elses_voucher_is_not_there(world):
    voucher = world.voucher()
    assert world.attempt(voucher, by=world.account()).reason is Reason.NOT_FOUND
    absent = AttemptRequest(world.mei, "2222222222222222", str(uuid.uuid4()), PASSWORD, TillEntry())
    assert redeem.attempt(absent, clock=world.clock, keys=world.keys).reason is Reason.NOT_FOUND
    assert stored() == (0, 0)


def test_the_verdict_is_of_one_moment_when_the_campaign_changes_before_the_commit(world, monkeypatch):
    """The campaign ends between reading and counting: judged again, it is refused."""
    voucher = world.voucher()
    take_use, ended = redeem._take_use, []

    def and_meanwhile_the_owner_ends_it(*arguments):
        take_use(*arguments)
        if not ended:
            ended.append(Campaign.update(version=Campaign.version + 1).execute())

    monkeypatch.setattr(redeem, "_take_use", and_meanwhile_the_owner_ends_it)
    assert world.attempt(voucher).redeemed
    assert ended == [1]
    assert stored() == (1, 1)
    assert Voucher.get().uses_left == 0


def test_a_key_that_does_not_open_the_password_is_told_apart_from_a_wrong_password(world):
    world.keys = redeem.Keys(password="x" * 40, receipts="y" * 40)
    with pytest.raises(sealing.WrongKey):
        world.attempt(world.voucher())


def test_a_right_password_costs_nobody_anything(world):
    voucher = world.voucher(campaign=world.campaign(quantity=1))
    world.attempt(world.voucher(campaign=voucher.campaign, holder=world.account()))
    for _ in range(30):
        assert world.attempt(voucher).reason is Reason.SOLD_OUT
    assert Guess.select().count() == 0


def test_the_row_that_all_tills_share_is_written_last(world, monkeypatch):
    """Every till of the campaign waits for it, from its update to the commit."""
    written = []
    execute = type(db.obj).execute_sql

    def recording(database, sql, *arguments, **more):
        if sql.startswith(("UPDATE", "INSERT")):
            written.append(re.findall(r'"(\w+)"', sql)[0])
        return execute(database, sql, *arguments, **more)

    voucher = world.voucher()
    monkeypatch.setattr(type(db.obj), "execute_sql", recording)
    world.attempt(voucher)
    assert written[-1] == "campaign"
    assert written.index("voucher") < written.index("redemption") < written.index("campaign")


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
class TestADatabaseThatIsLostAtTheCommit:
    """Nobody heard whether it is written: the phone is told the truth, or nothing. A file has no such loss."""

    @pytest.fixture
    def losing(self, world, monkeypatch):
        """The next commit that writes a redemption raises, after or before it is done."""

        def arm(*, written: bool, away: bool = False):
            commit = type(db.obj).commit

            def fail(database):
                if not Redemption.select().exists():
                    return commit(database)
                monkeypatch.setattr(type(db.obj), "commit", commit)
                (commit if written else type(db.obj).rollback)(database)
                if away:
                    monkeypatch.setattr(redeem, "_ask_the_database", _away)
                raise OperationalError("connection lost")

            monkeypatch.setattr(type(db.obj), "commit", fail)

        return arm

    def test_what_was_written_is_told_as_redeemed(self, world, losing):
        voucher = world.voucher()
        losing(written=True)
        assert world.attempt(voucher, attempt_id=ID).redeemed
        assert stored() == (1, 1)

    def test_what_was_not_written_is_told_as_busy(self, world, losing):
        voucher = world.voucher()
        losing(written=False)
        assert world.attempt(voucher, attempt_id=ID).reason is Reason.BUSY
        assert stored() == (0, 0)
        assert world.attempt(voucher, attempt_id=ID).redeemed

    def test_what_nobody_can_say_gets_no_verdict(self, world, losing):
        voucher = world.voucher()
        losing(written=True, away=True)
        with pytest.raises(Unknown):
            world.attempt(voucher, attempt_id=ID)


def _away(what, voucher_id, unknown):
    raise unknown


def test_one_attempt_id_at_two_merchants_at_once_is_one_attempt(world):
    """The id is the consumer's: whoever comes second finds it taken before any password is looked at."""
    other = world.make_merchant(slug="other")
    campaign = world.campaign(merchant=other, password=world.make_password(merchant=other, digits="750264"))
    first, second = world.voucher(), world.voucher(campaign=campaign)
    barrier, reasons = threading.Barrier(2), {}

    def tries(voucher, typed):
        barrier.wait()
        reasons[typed] = world.attempt(voucher, typed=typed, attempt_id=ID).reason
        db.close()

    threads = [threading.Thread(target=tries, args=pair) for pair in ((first, PASSWORD), (second, WRONG))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Reason.MALFORMED in reasons.values()
    assert stored()[0] == 1
    assert Guess.select().count() == (1 if reasons[WRONG] is Reason.PASSWORD_INCORRECT else 0)
