"""Claim links that are withdrawn, or replaced by one for the right address; and who is told what of it."""

import time

import pytest

from models import Account, Audience, Campaign, Claim, Customer, Publication, Voucher
from quanbao.campaigns import editing, figures
from quanbao.vouchers import claims, publications, withdrawals
from quanbao.vouchers.claims import LinkState, Spent
from quanbao.vouchers.withdrawals import Outcome
from tests.redemption.test_rollbacks import member
from tests.support.crowds import at_once, counts, finish, link_to, linked, make_customers, publish, start
from tests.vouchers.test_claims import LIN, MEI, assert_good_no_more, everything, use

TYPO, RIGHT = "jon@exmaple.net", "jon@example.net"


@pytest.fixture
def owner(world):
    return member(world)


def correct(world, owner, row: Claim, typed: str) -> tuple[Outcome, Claim | None]:
    return withdrawals.correct(row, typed, owner, now=world.clock(), key=world.keys.receipts)


def refusal(act, *what, **more) -> str:
    before = everything()
    with pytest.raises(withdrawals.Refused) as caught:
        act(*what, **more)
    assert everything() == before, "a refusal changes nothing"
    return caught.value.code


def state(world, row: Claim) -> LinkState:
    return claims.state(Claim.get_by_id(row.id), world.clock())


def test_a_withdrawn_link_gives_nobody_a_voucher(world, owner):
    row, token = link_to(world, TYPO)
    found = claims.usable(token, world.clock())  # its page is open meanwhile
    withdrawals.withdraw(row, owner, world.clock())
    with pytest.raises(Spent):
        claims.claim(found, world.mei, world.clock())
    assert_good_no_more(world, token, world.mei)
    kept = Claim.get_by_id(row.id)
    assert (kept.withdrawn_at, kept.withdrawn_by, state(world, row)) == (world.clock(), owner, LinkState.WITHDRAWN)
    assert claims.open_links(row.campaign, world.clock(), world.keys.receipts) == []
    assert claims.counts(row.campaign, world.clock()) == (0, 0, 1)


def test_it_is_safe_to_repeat_and_the_first_who_did_it_stays(world, owner):
    row, _ = link_to(world, TYPO)
    withdrawals.withdraw(row, owner, world.clock())
    first = world.clock()
    world.clock.forward(hours=1)
    other = member(world)
    withdrawals.withdraw(Claim.get_by_id(row.id), other, world.clock())
    assert refusal(withdrawals.withdraw, row, other, world.clock()) == "withdrawn"  # from a page that was open before
    assert (Claim.get().withdrawn_by, Claim.get().withdrawn_at) == (owner, first)


def test_a_used_link_is_not_withdrawn(world, owner):
    row, token = link_to(world, MEI)
    use(world, token, world.mei)
    assert refusal(withdrawals.withdraw, row, owner, world.clock()) == "used"
    assert refusal(correct, world, owner, row, LIN) == "used"


def test_only_a_later_publication_makes_another_link_for_it(world, owner):
    row, token = link_to(world, TYPO)
    older = start(world, row.campaign, Audience.ADDRESSES, [TYPO])
    withdrawals.withdraw(row, owner, world.clock())
    assert counts(finish(world, older)) == (0, 0, 1, 1)
    assert_good_no_more(world, token, world.mei)
    assert counts(publish(world, row.campaign, Audience.ADDRESSES, [TYPO])) == (0, 1, 1, 1)
    assert counts(publish(world, row.campaign, Audience.ADDRESSES, [TYPO])) == (0, 0, 1, 1)
    assert_good_no_more(world, token, world.mei)
    [(_, _, second)] = claims.open_links(row.campaign, world.clock(), world.keys.receipts)
    assert use(world, second, world.mei).nth == 1


def test_a_corrected_address_gets_a_link_of_its_own(world, owner):
    row, token = link_to(world, TYPO)
    outcome, made = correct(world, owner, row, f" {RIGHT.upper()} ")
    assert (outcome, made.address, state(world, row), state(world, made)) == (
        Outcome.LINKED,
        RIGHT,
        LinkState.WITHDRAWN,
        LinkState.OPEN,
    )
    assert_good_no_more(world, token, world.mei)
    [(number, address, second)] = claims.open_links(row.campaign, world.clock(), world.keys.receipts)
    assert (number, address) == (made.id, RIGHT)
    assert use(world, second, world.mei).consumer == world.mei
    last = Publication.select().order_by(Publication.id.desc()).get()
    assert (counts(last), last.finished_at) == ((0, 1, 1, 1), world.clock())
    assert publications.waiting() == []
    assert list(figures.differences()) == []


def test_a_customers_address_gets_the_voucher_as_by_publishing(world, owner):
    row, _ = link_to(world, TYPO)
    [customer] = make_customers(world, 1)
    assert correct(world, owner, row, customer.address) == (Outcome.ISSUED, None)
    assert Voucher.get().consumer_id == customer.consumer_id
    assert Campaign.get_by_id(row.campaign_id).issued == 1
    assert list(figures.differences()) == []


def test_whether_there_is_an_account_makes_no_difference(world, owner):
    """Known is who is this merchant's customer by that address: not who has an account, nor who is another's."""
    other = world.make_merchant(slug="other")
    [theirs] = make_customers(world, 1, merchant=other)
    [mine] = make_customers(world, 1)
    hidden = Account.get_by_id(mine.consumer_id).email
    for address in (world.mei.email, theirs.address, hidden, "nobody@example.org"):
        row, _ = link_to(world, f"typo-{address}")
        outcome, made = correct(world, owner, row, address)
        assert (outcome, made.address, Voucher.select().count()) == (Outcome.LINKED, address, 0)


def test_an_address_that_has_a_link_or_a_voucher_gets_no_second(world, owner):
    campaign = world.campaign()
    first, token = link_to(world, RIGHT, campaign)
    row, _ = link_to(world, TYPO, campaign)
    world.clock.forward(days=10)
    outcome, made = correct(world, owner, row, RIGHT)
    assert (outcome, made, made.expires_at) == (Outcome.RENEWED, first, world.clock() + publications.CLAIM_LINK)
    use(world, token, world.mei)
    row, _ = link_to(world, TYPO, campaign)
    assert correct(world, owner, row, RIGHT) == (Outcome.HAD, None)
    assert linked(campaign) == {RIGHT: 1, TYPO: 2}
    assert Customer.get().address == RIGHT


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "not_an_address"),
        ("jon", "not_an_address"),
        ("a@b@c", "not_an_address"),
        ("\0@x", "not_an_address"),
        (TYPO, "same"),
        (f" {TYPO.upper()}", "same"),
    ],
)
def test_what_is_no_other_address_is_refused(world, owner, typed, code):
    row, _ = link_to(world, TYPO)
    assert refusal(correct, world, owner, row, typed) == code
    assert state(world, row) is LinkState.OPEN


def test_no_new_link_is_made_once_the_campaign_is_over(world, owner):
    row, _ = link_to(world, TYPO)
    editing.end(Campaign.get_by_id(row.campaign_id), world.clock())
    assert refusal(correct, world, owner, row, RIGHT) == "over"
    withdrawals.withdraw(row, owner, world.clock())
    assert state(world, row) is LinkState.WITHDRAWN


def test_a_crash_while_it_is_corrected_leaves_the_old_link_as_it_was(world, owner, monkeypatch):
    row, token = link_to(world, TYPO)
    before = everything()
    whole = publications.to_one

    def breaks(*what):
        whole(*what)
        raise RuntimeError("the machine went away")

    monkeypatch.setattr(publications, "to_one", breaks)
    with pytest.raises(RuntimeError):
        correct(world, owner, row, RIGHT)
    assert everything() == before
    use(world, token, world.mei)


def test_what_is_listed(world, owner):
    campaign, key = world.campaign(), world.keys.receipts
    rows = [link_to(world, f"{name}@example.org", campaign) for name in ("ann", "bea", "cas", "dan_x", "danax")]
    use(world, rows[0][1], world.mei)
    withdrawals.withdraw(rows[1][0], owner, world.clock())
    publication = start(world, campaign, Audience.ADDRESSES, ["eve@example.org"])
    publications.step(publication.id, now=world.clock(), key="the key before")

    def names(*which, **more) -> list[str]:
        return [row.address.partition("@")[0] for row in claims.listed(campaign, world.clock(), key, *which, **more)]

    assert (names(), names("used"), names("withdrawn")) == (["cas", "dan_x", "danax", "eve"], ["ann"], ["bea"])
    assert (names(text="DAN"), names(text="n_x"), names(text="%"), names("used", text="ann")) == (
        ["dan_x", "danax"],
        ["dan_x"],
        [],
        ["ann"],
    )
    assert (names(most=2), names(after=rows[3][0].id)) == (["cas", "dan_x"], ["danax", "eve"])
    open_ = claims.listed(campaign, world.clock(), key)
    assert [row.token for row in open_] == [rows[2][1], rows[3][1], rows[4][1], None]
    assert (open_[0].made_at, open_[0].expires_at) == (world.clock(), world.clock() + publications.CLAIM_LINK)
    assert claims.listed(campaign, world.clock(), key, "withdrawn")[0].withdrawn_by == owner
    editing.end(campaign, world.clock())
    assert claims.listed(Campaign.get_by_id(campaign.id), world.clock(), key) == []


# At once


@pytest.mark.race
@pytest.mark.parametrize("act", ["withdraw", "correct"])
def test_a_claim_and_a_withdrawal_at_once_exactly_one_wins(world, owner, act):
    for _ in range(5):
        row, token = link_to(world, f"{next(world.numbers)}@example.org")
        acts = {
            "withdraw": lambda: withdrawals.withdraw(row, owner, world.clock()),  # noqa: B023
            "correct": lambda: correct(world, owner, row, f"right-{row.address}"),  # noqa: B023
        }
        claimed, taken_back = at_once(lambda: use(world, token, world.account()), acts[act])  # noqa: B023
        kept, held = Claim.get_by_id(row.id), Voucher.select().where(Voucher.campaign == row.campaign_id).count()
        if isinstance(claimed, Voucher):
            assert str(taken_back) == "used"
            assert (kept.claimed_at, kept.withdrawn_at, held) == (world.clock(), None, 1)
            assert linked(row.campaign) == {row.address: 1}, "and no new link was made"
        else:
            assert isinstance(claimed, Spent)
            assert not isinstance(taken_back, Exception)
            assert (kept.claimed_at, kept.withdrawn_at, held) == (None, world.clock(), 0)
    assert list(figures.differences()) == []


@pytest.mark.race
def test_two_who_correct_a_link_at_once_make_one(world, owner):
    for _ in range(4):
        row, _ = link_to(world, f"{next(world.numbers)}@example.org")
        answers = at_once(*[lambda n=n: correct(world, owner, row, f"{n}-{row.address}") for n in range(3)])  # noqa: B023
        refused = [answer.code for answer in answers if isinstance(answer, withdrawals.Refused)]
        assert refused == ["withdrawn"] * 2
        assert len(claims.open_links(row.campaign, world.clock(), world.keys.receipts)) == 1


@pytest.mark.race
def test_control_who_looks_first_and_withdraws_then_takes_it_from_who_used_it(world, owner, monkeypatch):
    row, token = link_to(world, TYPO)

    def careless(link: Claim, by, now) -> None:
        seen = Claim.get_by_id(link.id)
        time.sleep(1)
        if seen.claimed_at is None:
            Claim.update(withdrawn_at=now, withdrawn_by=by).where(Claim.id == link.id).execute()

    monkeypatch.setattr(withdrawals, "_withdraw", careless)
    monkeypatch.setattr(withdrawals, "write_transaction", lambda work: work())
    claimed, _ = at_once(
        lambda: (time.sleep(0.3), use(world, token, world.mei))[1],
        lambda: withdrawals.withdraw(row, owner, world.clock()),
    )
    kept = Claim.get_by_id(row.id)
    assert isinstance(claimed, Voucher)
    assert (kept.claimed_at, kept.withdrawn_at) == (world.clock(), world.clock()), "both have won"
