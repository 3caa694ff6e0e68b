"""The kinds of passwords: which campaign accepts which, and when their digits are good, used up, or no more."""

import threading
import uuid
from datetime import datetime, timedelta

import pytest

from database import db
from models import (
    Attempt,
    Branch,
    Campaign,
    CampaignPassword,
    Guess,
    Member,
    PasswordKind,
    Redemption,
    RedemptionPassword,
    Role,
    Session,
    Voucher,
)
from quanbao.lib.account_lock import Overtaken
from quanbao.lib.merging import Conflict
from quanbao.passwords import accepting, changing, guess_limits, redemption_passwords, shop_passwords
from quanbao.people import accounts
from quanbao.redemption import comparing, redeem
from quanbao.redemption.reasons import Reason
from tests.support.crowds import at_once
from tests.support.factories import PASSWORD, WRONG, utc
from web.present import qr

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # of RFC 6238
ANOTHER = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"
RIVER = "604718"


def make(world, kind=PasswordKind.FIXED, content=SECRET, **columns) -> RedemptionPassword:
    return redemption_passwords.create(
        world.merchant, content, key=world.keys.password, now=world.clock(), kind=kind, **columns
    )


def open_campaign(world, **columns) -> Campaign:
    """A campaign that accepts all of the shop's passwords."""
    return world.campaign(accepts_all=True, **columns)


def session_of(world) -> Session:
    token = accounts.start_session(world.account(), world.clock())
    return accounts.session_of(token, world.clock())


def code(world, secret=SECRET, steps=0) -> str:
    return changing.at_step(secret, changing.good_steps(world.clock())[0] + steps)


# What a campaign accepts


def test_a_campaign_accepts_its_own_those_it_lists_or_all(world):
    river, elsewhere = make(world, content=RIVER), make(world, content="739164")
    own, listing, all_ = world.campaign(), world.campaign(), open_campaign(world)
    CampaignPassword.create(campaign=listing, password=river)
    good = {own.id: [PASSWORD], listing.id: [PASSWORD, RIVER], all_.id: [PASSWORD, RIVER, "739164"]}
    for campaign in (own, listing, all_):
        for digits in (PASSWORD, RIVER, "739164"):
            verdict = world.attempt(world.voucher(campaign=campaign, holder=world.account()), typed=digits)
            right = digits in good[campaign.id]
            assert verdict.reason is (None if right else Reason.PASSWORD_INCORRECT), (campaign.slug, digits)
    assert {row.password_id for row in Attempt.select().where(Attempt.reason.is_null())} == {
        world.password.id,
        river.id,
        elsewhere.id,
    }


def test_another_shops_password_is_never_accepted(world):
    other = world.make_merchant(slug="other")
    world.make_password(merchant=other, digits=RIVER)
    verdict = world.attempt(world.voucher(campaign=open_campaign(world)), typed=RIVER)
    assert verdict.reason is Reason.PASSWORD_INCORRECT


def test_a_campaign_of_some_branches_accepts_theirs_and_those_without_one(world):
    make(world, content=RIVER, branch_slug="river")
    make(world, content="739164", branch_slug="main")
    campaign = open_campaign(world, branch_slugs=["main"])
    tell = {
        digits: world.attempt(world.voucher(campaign=campaign), typed=digits, branch="main").reason
        for digits in (PASSWORD, RIVER, "739164")
    }
    assert tell == {PASSWORD: None, RIVER: Reason.PASSWORD_INCORRECT, "739164": None}


def test_an_ended_password_opens_nothing(world):
    row = make(world, content=RIVER)
    voucher = world.voucher(campaign=open_campaign(world))
    shop_passwords.end(row, world.clock())
    assert world.attempt(voucher, typed=RIVER).reason is Reason.PASSWORD_INCORRECT
    assert world.attempt(voucher).redeemed


def test_the_last_password_of_a_campaign_is_not_ended(world):
    world.campaign(product="Cake")
    with pytest.raises(shop_passwords.Refused) as refused:
        shop_passwords.end(world.password, world.clock())
    assert (refused.value.code, refused.value.about) == ("only_password", "Cake")
    river = make(world, content=RIVER)
    Campaign.update(accepts_all=True).execute()
    shop_passwords.end(world.password, world.clock())
    assert Campaign.get().password_id == river.id


def test_two_fixed_ones_of_a_shop_never_have_the_same_digits(world):
    def add(name: str) -> RedemptionPassword:
        return shop_passwords.add(
            world.merchant,
            shop_passwords.Entered(name),
            PasswordKind.FIXED,
            RIVER,
            key=world.keys.password,
            now=world.clock(),
        )

    def settled(name: str) -> str:
        try:
            return add(name).name
        except shop_passwords.Refused as refused:
            return refused.code

    assert sorted(at_once(*(lambda name=name: settled(name) for name in ("A", "B")))) in (
        ["A", "twice"],
        ["B", "twice"],
    )


# The branch and the cashier


def test_the_password_that_passes_says_where_and_by_whom(world):
    till = Member.get(Member.account == world.member(role=Role.CASHIER))
    make(world, content=RIVER, branch_slug="river", member=till)
    verdict = world.attempt(world.voucher(campaign=open_campaign(world)), typed=RIVER)
    assert verdict.redeemed
    assert (verdict.till["branch"], Redemption.get().branch_slug, Attempt.get().member_id) == (
        "river",
        "river",
        till.id,
    )


def test_another_branch_than_the_passwords_is_the_wrong_one(world):
    make(world, content=RIVER, branch_slug="river")
    voucher = world.voucher(campaign=open_campaign(world))
    assert world.attempt(voucher, typed=RIVER, branch="main").reason is Reason.WRONG_BRANCH
    assert world.attempt(voucher, typed=RIVER, branch="river").redeemed


def test_with_a_branch_of_the_password_no_branch_need_be_sent(world):
    make(world, content=RIVER, branch_slug="river")
    voucher = world.voucher(campaign=open_campaign(world, branch_slugs=["river"]))
    assert world.attempt(voucher).reason is Reason.WRONG_BRANCH
    assert world.attempt(voucher, typed=RIVER).redeemed


def test_a_shop_with_one_open_branch_books_everything_there(world):
    Branch.update(closed_at=world.clock()).where(Branch.slug == "river").execute()
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=3))
    numbers = [world.attempt(voucher, branch=branch).receipt["number"] for branch in (None, "main")]
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    numbers.append(world.redeem(world.take(world.counter_code(voucher).code, owner)).receipt["number"])
    assert numbers == [1, 2, 3], "one row of numbers, whatever the door"
    assert {row.branch_slug for row in Redemption.select()} == {"main"}


@pytest.mark.parametrize("branch", [None, "main", "river"])
def test_of_two_that_are_the_same_by_chance_the_branch_decides_else_the_older(world, branch):
    rows = {slug: make(world, PasswordKind.DAILY, branch_slug=slug) for slug in ("main", "river")}
    voucher = world.voucher(campaign=open_campaign(world))
    digits = changing.of_day(SECRET, world.merchant.day(world.clock()))
    assert world.attempt(voucher, typed=digits, branch=branch).redeemed
    assert Attempt.get().password_id == rows[branch or "main"].id
    assert Redemption.get().branch_slug == (branch or "main")


# When digits are good


@pytest.mark.parametrize(
    ("moment", "good"),
    [
        ("2026-12-02T00:00:00+08:00", True),
        ("2026-12-02T23:59:59+08:00", True),
        ("2026-12-03T03:59:59.999+08:00", True),
        ("2026-12-03T04:00:00+08:00", False),
        ("2026-12-01T23:59:59+08:00", False),
    ],
)
def test_a_days_digits_are_good_until_four(world, moment, good):
    make(world, PasswordKind.DAILY)
    voucher = world.voucher(campaign=open_campaign(world))
    world.clock.set(moment)
    verdict = world.attempt(voucher, typed=changing.of_day(SECRET, datetime(2026, 12, 2).date()))
    assert verdict.reason is (None if good else Reason.PASSWORD_INCORRECT)
    assert Attempt.get().password_step is None


def test_a_days_digits_are_good_as_long_as_the_night_that_began(world):
    make(world, PasswordKind.DAILY)
    voucher = world.voucher(campaign=open_campaign(world, hours=[["18:00", "06:00"]]))
    world.clock.set("2026-12-03T05:59:00+08:00")
    assert world.attempt(voucher, typed=changing.of_day(SECRET, datetime(2026, 12, 2).date())).redeemed


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_an_authenticators_digits_are_good_one_step_either_way(world, steps):
    row = make(world, PasswordKind.AUTHENTICATOR)
    voucher = world.voucher(campaign=open_campaign(world))
    assert world.attempt(voucher, typed=code(world, steps=steps)).redeemed
    assert (Attempt.get().password_id, Attempt.get().password_step) == (
        row.id,
        changing.good_steps(world.clock())[0] + steps,
    )


@pytest.mark.parametrize("steps", [-2, 2])
def test_two_steps_away_they_are_not(world, steps):
    make(world, PasswordKind.AUTHENTICATOR)
    voucher = world.voucher(campaign=open_campaign(world))
    assert world.attempt(voucher, typed=code(world, steps=steps)).reason is Reason.PASSWORD_INCORRECT


def test_a_step_is_good_once_and_an_earlier_one_still_is(world):
    make(world, PasswordKind.AUTHENTICATOR)
    voucher = world.voucher(campaign=open_campaign(world, uses_per_voucher=9))
    now, before = code(world), code(world, steps=-1)
    assert world.attempt(voucher, typed=now).redeemed
    again = world.attempt(voucher, typed=now)
    assert again.reason is Reason.PASSWORD_USED
    assert world.attempt(voucher, typed=now, attempt_id=again.attempt_id).reason is Reason.PASSWORD_USED, "it is stored"
    assert Guess.select().count() == 2, "with the fixed one: it costs as a wrong one"
    assert world.attempt(voucher, typed=before).redeemed


def test_a_refusal_uses_it_up_too(world):
    make(world, PasswordKind.AUTHENTICATOR)
    voucher = world.voucher(campaign=open_campaign(world))
    assert world.attempt(voucher, typed=code(world), offer_price=1).reason is Reason.PRICE_CHANGED
    assert world.attempt(voucher, typed=code(world)).reason is Reason.PASSWORD_USED


def test_a_clock_that_is_set_back_makes_no_step_good_again(world):
    make(world, PasswordKind.AUTHENTICATOR)
    voucher = world.voucher(campaign=open_campaign(world, uses_per_voucher=9))
    digits = code(world)
    assert world.attempt(voucher, typed=digits).redeemed
    world.clock.forward(hours=1)
    world.attempt(voucher)
    world.clock.forward(hours=-1)
    assert world.attempt(voucher, typed=digits).reason is Reason.PASSWORD_USED


def test_one_time_digits_are_good_once_for_a_minute(world):
    row, session = make(world, PasswordKind.ONE_TIME), session_of(world)
    voucher = world.voucher(campaign=open_campaign(world, uses_per_voucher=9))

    def tap() -> str:
        return shop_passwords.new_digits(row, session, world.clock(), world.keys.password)

    digits = tap()
    world.clock.forward(seconds=59)
    assert world.attempt(voucher, typed=digits).redeemed
    assert world.attempt(voucher, typed=digits).reason is Reason.PASSWORD_USED
    late = tap()
    world.clock.forward(seconds=60)
    assert world.attempt(voucher, typed=late).reason is Reason.PASSWORD_INCORRECT
    first, second = tap(), tap()
    assert world.attempt(voucher, typed=first).reason is Reason.PASSWORD_INCORRECT, "one live value a till page"
    assert world.attempt(voucher, typed=second).redeemed


# At once


@pytest.mark.race
@pytest.mark.parametrize("kind", [PasswordKind.AUTHENTICATOR, PasswordKind.ONE_TIME])
class TestSixtyFourAtOnce:
    def passed(self, world, kind) -> int:
        row = make(world, kind)
        campaign = open_campaign(world)
        vouchers = [world.voucher(campaign=campaign, holder=world.account()) for _ in range(64)]
        if kind == PasswordKind.ONE_TIME:
            digits = shop_passwords.new_digits(row, session_of(world), world.clock(), world.keys.password)
        else:
            digits = code(world)
        barrier, verdicts, lock = threading.Barrier(8), [], threading.Lock()

        def tries(mine: list[Voucher]) -> None:
            barrier.wait()
            for voucher in mine:
                verdict = world.attempt(voucher, typed=digits, attempt_id=str(uuid.uuid4()))
                while verdict.reason is Reason.BUSY:
                    verdict = world.attempt(voucher, typed=digits, attempt_id=verdict.attempt_id)
                with lock:
                    verdicts.append(verdict)
            db.close()

        threads = [threading.Thread(target=tries, args=(vouchers[part::8],)) for part in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(verdicts) == 64
        return sum(verdict.redeemed for verdict in verdicts)

    def test_one_passes(self, world, kind):
        assert self.passed(world, kind) == 1
        assert Redemption.select().count() == 1

    def test_control_without_the_step_all_pass(self, world, kind, monkeypatch):
        keep = redeem.attempts.keep
        monkeypatch.setattr(redeem.attempts, "keep", lambda kept, **more: keep(kept, **more | {"password_step": None}))
        assert self.passed(world, kind) == 64


# Guessing


def test_a_wrong_try_costs_by_all_values_that_it_was_compared_with(world):
    for number in range(9):
        make(world, content=f"7{number}4163")
    campaign = open_campaign(world)
    for number in range(10):
        voucher = world.voucher(campaign=campaign, holder=world.account())
        assert world.attempt(voucher, typed=f"{100_000 + number}").reason is Reason.PASSWORD_INCORRECT
    honest = world.voucher(campaign=campaign)
    assert world.attempt(honest).reason is Reason.TOO_MANY_ATTEMPTS, "ten values, ten tries: 1 in 10,000"
    rows = list(Guess.select())
    assert len(rows) == 100
    assert {row.chance for row in rows} == {10 * guess_limits.CERTAIN // 10**6}
    world.clock.forward(hours=24)
    assert world.attempt(honest).redeemed


@pytest.mark.parametrize("digits", ["739164", "73916428", "739164285017"])
def test_how_many_tries_there_are_does_not_tell_how_many_digits(world, digits):
    """Of eight digits a guesser could try ten thousand for the same chance: then the tries would tell the length."""
    campaign = world.campaign(password=make(world, content=digits))
    tries = 0
    while True:
        voucher = world.voucher(campaign=campaign, holder=world.account())
        if world.attempt(voucher, typed=f"{100_000 + tries}").reason is not Reason.PASSWORD_INCORRECT:
            break
        tries += 1
    assert tries == guess_limits.PASSWORD_A_DAY


def test_one_whose_budget_is_spent_is_not_compared_and_the_others_are(world):
    river = make(world, content=RIVER)
    world.spend_password(river)
    voucher = world.voucher(campaign=open_campaign(world, uses_per_voucher=9))
    assert world.attempt(voucher, typed=RIVER).reason is Reason.PASSWORD_INCORRECT
    assert world.attempt(voucher).redeemed
    assert {row.password_id for row in Guess.select().where(Guess.consumer == world.mei)} == {world.password.id}


@pytest.mark.parametrize("typed", [WRONG, PASSWORD, RIVER])
def test_every_value_is_compared_whatever_was_typed(world, monkeypatch, typed):
    make(world, content=RIVER)
    make(world, PasswordKind.DAILY)
    make(world, PasswordKind.AUTHENTICATOR, ANOTHER)
    compared, is_same = [], comparing.is_same
    monkeypatch.setattr(comparing, "is_same", lambda *what: compared.append(what) or is_same(*what))
    world.attempt(world.voucher(campaign=open_campaign(world)), typed=typed)
    assert len(compared) == 2 + 1 + 3


def test_ten_passwords_take_as_many_statements_as_one(world, monkeypatch):
    from tests.redemption.test_statements import Asked

    vouchers = [world.voucher(campaign=world.campaign(uses_per_voucher=9)), None]
    for number in range(9):
        make(world, content=f"7{number}4163")
    vouchers[1] = world.voucher(campaign=open_campaign(world, uses_per_voucher=9))
    counts = []
    for voucher in vouchers:
        assert world.attempt(voucher).redeemed
        asked = Asked(monkeypatch)
        assert world.attempt(voucher).redeemed
        counts.append(len(asked.statements))
        monkeypatch.undo()
    assert counts[0] == counts[1]


def test_life_counts_for_fixed_digits_alone(world):
    """What changes within a day or two cannot be spent in its life."""
    daily = make(world, PasswordKind.DAILY)
    campaign = world.campaign(password=daily)
    for _ in range(11):
        world.spend_password(daily, wrong=99)
        world.clock.forward(days=2)
    Campaign.update(ends_at=utc("2027-06-01T00:00:00+08:00")).execute()
    digits = changing.of_day(SECRET, world.merchant.day(world.clock()))
    assert world.attempt(world.voucher(campaign=campaign), typed=digits).redeemed
    assert timedelta(hours=24) == guess_limits.DAY


# Many at once


def test_of_few_all_are_compared_and_of_many_those_of_the_branch(world):
    make(world, content=RIVER, branch_slug="river")
    main = make(world, content="739164", branch_slug="main")
    campaign = open_campaign(world)

    def tried(digits, branch):
        return world.attempt(world.voucher(campaign=campaign, holder=world.account()), typed=digits, branch=branch)

    assert tried(RIVER, "main").reason is Reason.WRONG_BRANCH
    make(world, content="851746", branch_slug="river")
    assert tried(RIVER, "main").reason is Reason.PASSWORD_INCORRECT
    spent = Guess.select().order_by(Guess.password)
    assert [(guess.password_id, guess.chance) for guess in spent] == [
        (world.password.id, 2 * guess_limits.ONE_OF_SIX),
        (main.id, 2 * guess_limits.ONE_OF_SIX),
    ], "as likely as the two that were compared"
    assert [tried(digits, "river").reason for digits in (RIVER, PASSWORD)] == [None, None]
    assert tried("739164", None).reason is None, "all, where no branch was sent"


@pytest.mark.parametrize(
    ("kinds", "mistakes"),
    [
        (["fixed"], 100),
        (["fixed", "fixed"], 50),
        (["authenticator"], 33),
        (["fixed", "authenticator"], 25),
        (["daily", "daily", "one-time"], 20),
    ],
)
def test_how_many_mistakes_a_day_are_left(world, kinds, mistakes):
    fixed = iter((RIVER, "739164"))
    rows = [make(world, PasswordKind(kind), next(fixed) if kind == "fixed" else SECRET) for kind in kinds]
    assert shop_passwords.mistakes(rows, world.keys.password) == mistakes
    assert accepting.are_many(rows) is (mistakes < guess_limits.ENOUGH)


def test_longer_digits_leave_more(world):
    rows = [make(world, content=f"{number}73916482") for number in range(1, 5)]
    assert shop_passwords.mistakes(rows, world.keys.password) == 100


# What an attacker tried


def test_a_session_that_ended_gets_no_digits(world):
    row, session = make(world, PasswordKind.ONE_TIME), session_of(world)
    Session.delete().where(Session.id == session.id).execute()
    with pytest.raises(Overtaken):
        shop_passwords.new_digits(row, session, world.clock(), world.keys.password)


def tried(world, campaign: Campaign, typed: str, branch: str | None = None) -> Reason | None:
    """By a wallet of its own."""
    voucher = world.voucher(campaign=campaign, holder=world.account())
    return world.attempt(voucher, typed=typed, branch=branch).reason


def test_the_same_digits_against_other_values_are_another_guess(world):
    """Only where nothing has changed meanwhile is it the till that goes on typing last month's password."""
    campaign = listing(world, make(world, PasswordKind.AUTHENTICATOR))
    for _ in range(3):
        assert tried(world, campaign, WRONG) == Reason.PASSWORD_INCORRECT
        assert tried(world, campaign, WRONG) == Reason.PASSWORD_INCORRECT
        world.clock.forward(seconds=30)
    assert Guess.select().where(Guess.counted).count() == 3
    assert Guess.select().count() == 6


def test_a_branch_that_has_none_makes_no_try_free(world):
    for number in range(5):
        make(world, content=f"60471{number}", name=f"River {number}", branch_slug="river")
    campaign = listing(world, *RedemptionPassword.select().where(RedemptionPassword.branch_slug == "river"))
    assert tried(world, campaign, WRONG, "nowhere-at-all") == Reason.PASSWORD_INCORRECT
    assert Guess.select().where(Guess.counted).count() == 1


def listing(world, first: RedemptionPassword, *more: RedemptionPassword) -> Campaign:
    campaign = world.campaign(password=first)
    for row in more:
        CampaignPassword.create(campaign=campaign, password=row)
    return campaign


@pytest.mark.parametrize("stale", ["changed meanwhile", "never was"])
def test_what_does_not_stand_any_more_is_not_taken_for_all(world, stale):
    two = make(world, content=RIVER, name="Two")
    campaign = world.campaign(accepts_all=True)
    shop_passwords.accept(campaign, {two.id}, world.clock())
    if stale == "changed meanwhile":
        two.merchant = world.merchant
        shop_passwords.renew(two, None, timedelta(hours=1), key=world.keys.password, now=world.clock())
    with pytest.raises(Conflict):
        shop_passwords.accept(campaign, {two.id if stale == "changed meanwhile" else 999_999}, world.clock())
    assert not Campaign.get_by_id(campaign.id).accepts_all
    assert tried(world, Campaign.get_by_id(campaign.id), PASSWORD) == Reason.PASSWORD_INCORRECT


def test_old_digits_end_with_the_password_that_is_not_accepted(world):
    one, two = make(world, content=RIVER, name="Till 1"), make(world, content="739164", name="Till 2")
    campaign = world.campaign(accepts_all=True)
    one.merchant = world.merchant
    shop_passwords.renew(one, "860427", timedelta(hours=24), key=world.keys.password, now=world.clock())
    shop_passwords.accept(campaign, {two.id}, world.clock())
    campaign = Campaign.get_by_id(campaign.id)
    answers = {typed: tried(world, campaign, typed) for typed in (RIVER, "860427", "739164")}
    assert answers == {RIVER: Reason.PASSWORD_INCORRECT, "860427": Reason.PASSWORD_INCORRECT, "739164": None}


@pytest.mark.parametrize("kind", [PasswordKind.AUTHENTICATOR, PasswordKind.ONE_TIME, PasswordKind.DAILY])
def test_no_secret_is_what_an_owner_is_shown(world, kind):
    row = make(world, kind)
    row.merchant = world.merchant
    said = shop_passwords.shown(row, world.clock(), world.keys.password)
    assert said == (changing.of_day(SECRET, world.merchant.day(world.clock())) if kind == PasswordKind.DAILY else None)


def test_the_longest_names_fit_the_code_of_an_authenticator():
    assert qr.svg(changing.address(changing.new_secret(), "莲" * 200, "茶" * 100), "code")
