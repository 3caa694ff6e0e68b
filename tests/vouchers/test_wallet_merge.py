"""A wallet without an address goes into an account: what comes along, and what happens at the same moment."""

import uuid
from functools import partial
from threading import Barrier, Event

import pytest

from database import write_transaction
from models import (
    NOBODYS,
    Account,
    Attempt,
    Campaign,
    Claim,
    CounterCode,
    Customer,
    CustomerGroup,
    Guess,
    Member,
    Redemption,
    Role,
    Session,
    Voucher,
)
from quanbao.campaigns import figures
from quanbao.lib import account_lock
from quanbao.people import accounts, personal_data
from quanbao.redemption import revocations, rollbacks, situation
from quanbao.redemption.attempts import stored
from quanbao.redemption.reasons import Reason
from quanbao.reports import attempt_log, own_data
from quanbao.vouchers import issuing, wallet, wallet_merge, wallet_transfer
from tests.redemption.test_rollback_races import together
from tests.support.factories import WRONG


def agree() -> None:
    assert list(figures.differences()) == []


@pytest.fixture
def unnamed(world) -> Account:
    return world.wallet()


def test_vouchers_come_along_and_are_redeemed_there(world, unnamed):
    voucher = world.voucher(holder=unnamed)
    assert wallet_merge.merge(unnamed, world.mei, world.clock())
    assert [row.code for row in wallet.wallet(world.mei)] == [voucher.code]
    assert wallet.wallet(unnamed) == []
    moved = Voucher.get_by_id(voucher.id)
    assert (moved.consumer_id, moved.issued_to_id) == (world.mei.id, unnamed.id)
    assert world.attempt(moved).redeemed
    assert world.attempt(moved, by=unnamed).reason is Reason.NOT_FOUND
    agree()


def test_two_of_one_campaign_both_stay(world, unnamed):
    campaign = world.campaign()
    for holder in (unnamed, world.mei):
        world.voucher(campaign=campaign, holder=holder)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert len(wallet.wallet(world.mei)) == 2
    assert issuing.issue_once(campaign, [world.mei.id], world.clock()) == 0


def test_who_brought_a_voucher_along_is_issued_no_other(world, unnamed):
    voucher = world.voucher(holder=unnamed)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert issuing.issue_once(voucher.campaign, [world.mei.id], world.clock()) == 0
    agree()


def test_what_a_publication_issues_to_the_wallet_after_the_merge_is_the_accounts(world, unnamed):
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert issuing.issue_once(world.campaign(), [unnamed.id], world.clock()) == 1
    assert len(wallet.wallet(world.mei)) == 1


def test_the_same_attempt_id_finds_its_verdict_by_every_door(world, unnamed):
    campaign = world.campaign(uses_per_voucher=3)
    voucher, attempt_id = world.voucher(campaign=campaign, holder=unnamed), str(uuid.uuid4())
    first = world.attempt(voucher, attempt_id=attempt_id)
    cashier = Member.get(Member.account == world.member(role=Role.OWNER))
    taken = world.take(world.counter_code(voucher).code, cashier)
    second = world.redeem(taken)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    moved = Voucher.get_by_id(voucher.id)
    assert world.attempt(moved, attempt_id=attempt_id).receipt == first.receipt
    assert stored(world.mei, attempt_id) == first
    again = world.redeem(world.take_again(taken))
    assert again.receipt == second.receipt
    assert Redemption.select().count() == 2
    agree()


def test_a_counter_code_finds_its_verdict_after_two_merges_in_a_row(world, unnamed):
    voucher, between = world.voucher(holder=unnamed), world.wallet()
    cashier = Member.get(Member.account == world.member(role=Role.OWNER))
    taken = world.take(world.counter_code(voucher).code, cashier)
    first = world.redeem(taken)
    wallet_merge.merge(unnamed, between, world.clock())
    wallet_merge.merge(between, world.mei, world.clock())
    assert world.redeem(world.take_again(taken)).receipt == first.receipt
    agree()


def test_an_id_of_the_wallets_for_another_voucher_is_malformed(world, unnamed):
    attempt_id = str(uuid.uuid4())
    world.attempt(world.voucher(holder=unnamed), attempt_id=attempt_id)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert world.attempt(world.voucher(), attempt_id=attempt_id).reason is Reason.MALFORMED


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"per_consumer": 1}, Reason.CUSTOMER_LIMIT_REACHED),
        ({"new_customers_only": True}, Reason.NEW_CUSTOMERS_ONLY),
    ],
)
def test_limits_count_what_the_wallet_redeemed(world, unnamed, conditions, reason):
    campaign = world.campaign(**conditions)
    assert world.attempt(world.voucher(campaign=campaign, holder=unnamed)).redeemed
    other = world.voucher(campaign=campaign)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert world.attempt(other).reason is reason


def test_who_redeemed_in_both_wallets_is_one_consumer(world, unnamed):
    both, one = world.campaign(uses_per_voucher=2), world.campaign()
    voucher = world.voucher(campaign=both, holder=unnamed)
    for held in (voucher, world.voucher(campaign=both), world.voucher(campaign=one, holder=unnamed)):
        assert world.attempt(held).redeemed
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert [Campaign.get_by_id(row.id).consumers for row in (both, one)] == [1, 1]
    assert world.attempt(Voucher.get_by_id(voucher.id)).redeemed
    assert Campaign.get_by_id(both.id).consumers == 1
    owner, counts = Member.get(Member.account == world.member(role=Role.OWNER)), []
    for done in Redemption.select().where(Redemption.campaign == both):
        rollbacks.roll_back(rollbacks.find(done.id, owner), owner, "by_mistake", "", world.clock())
        counts.append(Campaign.get_by_id(both.id).consumers)
        agree()
    assert counts == [1, 1, 0]


def test_wrong_tries_go_along(world, unnamed):
    voucher = world.voucher(holder=unnamed)
    for _ in range(5):
        world.attempt(voucher, typed=WRONG)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert {row.consumer_id for row in Guess.select()} == {world.mei.id}
    assert world.attempt(Voucher.get_by_id(voucher.id)).reason is Reason.TOO_MANY_ATTEMPTS


def test_a_counter_code_ends(world, unnamed):
    voucher = world.voucher(holder=unnamed)
    cashier = Member.get(Member.account == world.member(role=Role.OWNER))
    taken = world.take(world.counter_code(voucher).code, cashier)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert world.redeem(taken).reason is Reason.NOT_FOUND
    assert CounterCode.select().count() == 0
    assert Redemption.select().count() == 0


def test_what_was_redeemed_before_can_be_taken_back_and_the_rest_revoked(world, unnamed):
    campaign = world.campaign(uses_per_voucher=2)
    voucher = world.voucher(campaign=campaign, holder=unnamed)
    world.attempt(voucher)
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    wallet_merge.merge(unnamed, world.mei, world.clock())
    rollbacks.roll_back(rollbacks.find(Redemption.get().id, owner), owner, "by_mistake", "", world.clock())
    assert Voucher.get().uses_left == 2
    revocations.revoke(revocations.find(voucher.code, owner), owner, "misuse", "", world.clock())
    assert Voucher.get().revoked_at
    agree()


def test_the_wallets_sessions_and_codes_end(world, unnamed):
    token = accounts.start_session(unnamed, world.clock())
    code = wallet_transfer.new_code(unnamed, world.clock())
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert accounts.session_of(token, world.clock()) is None
    assert wallet_transfer.use(code, world.clock()) is None
    with pytest.raises(account_lock.Overtaken):
        accounts.start_session(unnamed, world.clock())
    assert Session.select().where(Session.account == unnamed).count() == 0


def test_a_customer_is_known_as_before(world, unnamed):
    """Where the account was a customer it stays known as it was; where only the wallet was, the account is now."""
    other = world.make_merchant(slug="plum")
    password = world.make_password(merchant=other)
    world.voucher(holder=unnamed)
    world.group("regulars", unnamed)
    world.voucher()
    world.voucher(holder=unnamed, campaign=world.campaign(merchant=other, password=password))
    Customer.update(address="wallet-1").where(Customer.consumer == unnamed).execute()
    Claim.update(customer=None).execute()
    wallet_merge.merge(unnamed, world.mei, world.clock())
    mine = Customer.select().where(Customer.consumer == world.mei).order_by(Customer.id)
    assert {row.address for row in mine} == {"mei@example.org", "wallet-1"}
    assert [row.address for row in Customer.select().where(Customer.consumer == unnamed)] == [NOBODYS]
    (group,) = CustomerGroup.select()
    assert group.customer.address == "mei@example.org"


def test_the_log_and_ones_own_data_have_both(world, unnamed):
    voucher = world.voucher(holder=unnamed)
    world.attempt(voucher, typed=WRONG)
    world.voucher()
    wallet_merge.merge(unnamed, world.mei, world.clock())
    (entry,) = attempt_log.entries(voucher.campaign)
    assert entry.customer == "mei@example.org"
    assert len(own_data.data(world.mei, world.clock())["attempts"]) == 1


def test_only_an_anonymous_wallet_and_only_into_a_living_account(world, unnamed):
    other = world.account()
    assert not wallet_merge.merge(other, world.mei, world.clock())
    assert not wallet_merge.merge(unnamed, unnamed, world.clock())
    token = accounts.start_session(other, world.clock())
    personal_data.delete(other, token, world.clock())
    assert not wallet_merge.merge(unnamed, other, world.clock())
    assert wallet_merge.merge(unnamed, world.mei, world.clock())
    assert not wallet_merge.merge(unnamed, world.account(), world.clock())


def test_a_wallet_of_wallets_goes_along_whole(world, unnamed):
    first, attempt_id = world.wallet(), str(uuid.uuid4())
    verdict = world.attempt(world.voucher(holder=first), attempt_id=attempt_id)
    wallet_merge.merge(first, unnamed, world.clock())
    wallet_merge.merge(unnamed, world.mei, world.clock())
    assert stored(world.mei, attempt_id) == verdict
    assert {row.merged_into_id for row in Account.select().where(Account.id.in_([first.id, unnamed.id]))} == {
        world.mei.id
    }


# Races


def outcome(world, voucher: Voucher) -> None:
    """One wallet holds it, and every use was taken at most once."""
    assert Voucher.get_by_id(voucher.id).consumer_id == world.mei.id
    agree()


@pytest.mark.race
def test_raced_with_redemptions_and_resends_it_is_redeemed_once(world):
    for _ in range(5):
        unnamed, attempt_id = world.wallet(), str(uuid.uuid4())
        voucher = world.voucher(holder=unnamed)
        world.voucher(campaign=voucher.campaign)
        verdicts: list = []

        def tried(by, voucher=voucher, attempt_id=attempt_id, verdicts=verdicts):
            verdict = world.attempt(voucher, by=by, attempt_id=attempt_id)
            verdicts.append(verdict)
            return verdict

        tries = [partial(tried, unnamed), partial(tried, world.mei)] * 3
        together([*tries, partial(wallet_merge.merge, unnamed, world.mei, world.clock())])
        late = world.attempt(Voucher.get_by_id(voucher.id), attempt_id=attempt_id)
        assert late.redeemed
        assert {verdict.receipt["number"] for verdict in [*verdicts, late] if verdict.redeemed} == {
            late.receipt["number"]
        }
        assert Redemption.select().where(Redemption.voucher == voucher).count() == 1
        outcome(world, voucher)


@pytest.mark.race
def test_raced_with_a_counter_code_it_is_redeemed_before_or_not_at_all(world):
    cashier = Member.get(Member.account == world.member(role=Role.OWNER))
    for _ in range(5):
        unnamed = world.wallet()
        voucher = world.voucher(holder=unnamed)
        taken = world.take(world.counter_code(voucher).code, cashier)
        together([*[partial(world.redeem, taken)] * 3, partial(wallet_merge.merge, unnamed, world.mei, world.clock())])
        made = Redemption.select().where(Redemption.voucher == voucher)
        assert made.count() == Attempt.select().where(Attempt.voucher == voucher).count() <= 1
        assert all(row.consumer_id == unnamed.id for row in made)
        outcome(world, voucher)


@pytest.mark.race
def test_raced_with_rollbacks_it_comes_back_once(world):
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    for _ in range(5):
        unnamed = world.wallet()
        voucher = world.voucher(holder=unnamed)
        world.attempt(voucher)
        done = rollbacks.find(Redemption.get(Redemption.voucher == voucher).id, owner)
        back = lambda done=done: rollbacks.roll_back(done, owner, "by_mistake", "", world.clock())  # noqa: E731
        together([*[back] * 3, partial(wallet_merge.merge, unnamed, world.mei, world.clock())])
        assert Voucher.get_by_id(voucher.id).uses_left == 1
        outcome(world, voucher)


@pytest.mark.race
def test_of_two_merges_at_once_one_has_all(world):
    for _ in range(5):
        unnamed, other = world.wallet(), world.account()
        vouchers = [world.voucher(holder=unnamed) for _ in range(3)]
        together([partial(wallet_merge.merge, unnamed, into, world.clock()) for into in (world.mei, other)])
        owners = {Voucher.get_by_id(voucher.id).consumer_id for voucher in vouchers}
        assert owners == {Account.get_by_id(unnamed.id).merged_into_id}
        agree()


@pytest.mark.race
def test_raced_with_a_publication_nothing_is_left_behind(world):
    for _ in range(5):
        unnamed, campaign = world.wallet(), world.campaign()
        world.voucher(holder=unnamed)
        publish = lambda campaign=campaign, to=unnamed.id: write_transaction(  # noqa: E731
            lambda: issuing.issue_once(campaign, [to], world.clock())
        )
        together([publish, partial(wallet_merge.merge, unnamed, world.mei, world.clock())])
        assert Voucher.select().where(Voucher.consumer == unnamed).count() == 0
        agree()


@pytest.mark.race
def test_a_publication_between_two_merges_in_a_row_hands_on_to_the_last_owner(world, unnamed):
    """It read the wallet as a customer before the first merge, and writes while the second is not committed."""
    between, campaign, merged, published = world.wallet(), world.campaign(), Event(), Event()
    wallet_merge.merge(unnamed, between, world.clock())

    def merge_again():
        wallet_merge._merge(between.id, world.mei.id, world.clock())
        merged.set()
        published.wait(1)  # where the publication waits for this merge, it cannot be through

    def publish():
        merged.wait(30)
        write_transaction(lambda: issuing.issue_once(campaign, [unnamed.id], world.clock()))
        published.set()

    together([partial(write_transaction, merge_again), publish])
    assert Voucher.get().consumer_id == world.mei.id
    agree()


def test_control_without_handing_on_it_would_be_left_behind(world, unnamed, monkeypatch):
    monkeypatch.setattr(issuing, "_hand_on", lambda issued: None)
    wallet_merge.merge(unnamed, world.mei, world.clock())
    issuing.issue_once(world.campaign(), [unnamed.id], world.clock())
    assert Voucher.select().where(Voucher.consumer == unnamed).count() == 1


@pytest.mark.race
def test_control_a_holder_who_is_not_read_again_redeems_what_is_anothers(world, monkeypatch):
    """Without the look under the lock, the wallet's try that was under way redeems the account's voucher."""
    unnamed = world.wallet()
    voucher = world.voucher(holder=unnamed)
    looked, merged = Barrier(2), Barrier(2)
    find, read = situation.find, situation.read

    def found(*what):
        seen = find(*what)
        if what[0] == unnamed.id:
            looked.wait(30)
            merged.wait(30)
        return seen

    def merge_meanwhile():
        looked.wait(30)
        wallet_merge.merge(unnamed, world.mei, world.clock())
        merged.wait(30)

    def believed(*what):
        met = read(*what)
        met.voucher.consumer = unnamed
        return met

    monkeypatch.setattr(situation, "find", found)
    together([lambda: world.attempt(voucher, by=unnamed), merge_meanwhile])
    assert Redemption.select().count() == 0
    looked.reset(), merged.reset()
    Account.update(merged_into=None).where(Account.id == unnamed.id).execute()
    Voucher.update(consumer=unnamed).where(Voucher.id == voucher.id).execute()
    monkeypatch.setattr(situation, "read", believed)
    together([lambda: world.attempt(voucher, by=unnamed), merge_meanwhile])
    assert Redemption.get().consumer_id == unnamed.id != Voucher.get().consumer_id
