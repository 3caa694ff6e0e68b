"""Time that jumps, runs twice, or is told in another zone: judged by the merchant's calendar, nothing twice.

What is right is reckoned here from the zone's calendar day alone (`zoneinfo`), never by the code under test. The last
test is the control.
"""

import random
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from threading import Event as Flag

import pytest

from database import db, on_sqlite
from models import Campaign, Claim, Guess, Link, Merchant, Redemption, Session
from quanbao.campaigns import figures, rules
from quanbao.lib.validation import Reader
from quanbao.messages import events
from quanbao.operations import worker
from quanbao.people import accounts, one_time_links
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import publications, wallet_transfer
from tests.controls import timed
from tests.proofs import engine
from tests.support.crowds import link_to
from tests.support.factories import ACCOUNT_PASSWORD, World
from tests.support.racing import Phone, check, crowd, database_line
from tests.support.servers import Site
from web.auth.limits import LONGEST, Memory
from zones import ZoneInfo

pytestmark = pytest.mark.promise("time")

INSTANT = timedelta(microseconds=1)
DAYS = {  # a first and a last day of a campaign: clocks are changed on them, or near them
    "Asia/Shanghai": ("2026-12-31", "2027-01-01"),
    "America/New_York": ("2027-03-14", "2027-11-07"),
    "Europe/London": ("2027-03-28", "2027-10-31"),
    "America/Havana": ("2027-03-14", "2027-11-06"),  # midnight is left out, and comes twice
    "Africa/Cairo": ("2027-04-30", "2027-10-28"),
    "Asia/Beirut": ("2027-03-28", "2027-10-30"),
    "America/Santiago": ("2027-09-05", "2027-04-03"),
    "Australia/Lord_Howe": ("2027-04-04", "2027-10-03"),  # half an hour
    "Pacific/Kiritimati": ("2026-12-31", "2026-12-31"),
}


def right(moment: datetime, zone: str, first: date, last: date) -> Reason | None:
    """By the calendar of the wall: not before the first day, not after the last."""
    today = moment.astimezone(ZoneInfo(zone)).date()
    return Reason.NOT_YET_VALID if today < first else Reason.EXPIRED if today > last else None


def edges(zone: str, first: date, last: date) -> list[datetime]:
    """The last moment before each change of what is right, and the first after it, found by halving."""
    found = []
    for day in (first, last + timedelta(days=1)):
        low = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
        high = low + timedelta(hours=60)
        was = right(low, zone, first, last)
        while high - low > INSTANT:
            middle = low + (high - low) // 2
            low, high = (middle, high) if right(middle, zone, first, last) == was else (low, middle)
        found += [low, high]
    return found


def period(zone: ZoneInfo, first: date, last: date) -> dict[str, datetime]:
    """What the product makes of two days that an owner enters."""
    document = {
        "slug": "x",
        "kind": "gift",
        "product": "x",
        "quantity": 1,
        "starts_at": first.isoformat(),
        "ends_at": last.isoformat(),
    }
    columns = rules.read(Reader(document, "", []), zone, set())
    return {name: columns[name] for name in ("starts_at", "ends_at")}


def outside(world: World) -> list[str]:
    """Verdicts at the edges of periods in all these zones that are not right."""
    wrong = []
    for zone, days in DAYS.items():
        first, last = sorted(map(date.fromisoformat, days))
        merchant = world.make_merchant(slug=zone.lower().replace("/", "-").replace("_", "-"), time_zone=zone)
        campaign = world.campaign(
            merchant=merchant,
            uses_per_voucher=4,
            password=world.make_password(merchant=merchant),
            **period(Merchant.get_by_id(merchant.id).zone, first, last),
        )
        voucher = world.voucher(campaign=campaign)
        for moment in edges(zone, first, last):
            world.clock.now = moment
            if world.attempt(voucher).reason is not right(moment, zone, first, last):
                wrong.append(f"{zone} {moment}")
    return wrong


def test_no_verdict_is_outside_the_period_in_the_merchants_zone(world, proved):
    assert outside(world) == []
    numbers = Counter(
        Redemption.select(Redemption.merchant, Redemption.branch_slug, Redemption.day, Redemption.number).tuples()
    )
    assert set(numbers.values()) == {1}
    days = {zone: ZoneInfo(zone) for zone in DAYS}
    for row in Redemption.select():
        assert row.day == row.redeemed_at.astimezone(days[row.merchant.time_zone]).date().isoformat()
    assert list(figures.differences()) == []
    proved(f"{engine()}: {4 * len(DAYS)} moments at the edges of periods in {len(DAYS)} zones")


JUMPS = (
    timedelta(hours=9),
    -timedelta(hours=20),
    timedelta(days=1),
    -timedelta(days=1),
    -timedelta(seconds=1),
    timedelta(hours=13),
    -timedelta(minutes=59),
    timedelta(seconds=1),
    timedelta(),
)
TRIES = 60


def test_a_clock_that_jumps_while_serving_in_a_foreign_zone(world, database, tmp_path, proved):
    """Back and forward by hours, and a second that comes twice; process and database are at other ends of the world."""
    zone, first, last = "America/New_York", date(2027, 3, 13), date(2027, 3, 14)
    merchant = world.make_merchant(slug="york", time_zone=zone)
    password = world.make_password(merchant=merchant)
    campaign = world.campaign(
        merchant=merchant, password=password, uses_per_voucher=TRIES, **period(ZoneInfo(zone), first, last)
    )
    if not on_sqlite():
        db.execute_sql("ALTER DATABASE test SET timezone TO 'Pacific/Kiritimati'")
    [holder], dice, clock = crowd(database, world, campaign, 1), random.Random(7), tmp_path / "clock"
    Session.update(expires_at=datetime(2028, 1, 1, tzinfo=UTC)).execute()
    moment, seen = datetime(2027, 3, 14, 4, 59, 59, tzinfo=UTC), Counter()
    timed.tell(clock, moment)
    with Site(database, world, "timed", processes=2, CLOCK=str(clock), TZ="Pacific/Pago_Pago") as site:
        phone = Phone(site.port)
        for _ in range(TRIES):
            timed.tell(clock, moment)
            status, verdict = phone.redeem(holder)
            expected = right(moment, zone, first, last)
            assert (verdict["reason"], status) == (expected, 409 if expected else 200), moment
            seen[expected] += 1
            moment = min(
                max(moment + dice.choice(JUMPS), datetime(2027, 3, 12, tzinfo=UTC)), datetime(2027, 3, 16, tzinfo=UTC)
            )
    assert seen[None] > 10
    assert len(seen) > 1
    given = [(row.day, row.number) for row in Redemption.select()]
    assert len(given) == len(set(given)) == seen[None]
    assert check(database, world).stderr == database_line(database)
    proved(f"{engine()}: {TRIES} tries by a clock that jumps")


# A clock that was a day ahead, and is set back


def wrong_tries(world: World, voucher, count: int) -> None:
    for number in range(count):
        assert world.attempt(voucher, typed=f"{700_100 + number}").reason is Reason.PASSWORD_INCORRECT


def test_nobody_is_locked_out_and_no_guesser_is_freed(world):
    voucher = world.voucher(campaign=world.campaign(uses_per_voucher=5))
    world.clock.forward(days=1)
    wrong_tries(world, voucher, 5)
    world.clock.forward(days=-1)
    refused = world.attempt(voucher)
    assert (refused.reason, refused.retry_after) == (Reason.TOO_MANY_ATTEMPTS, 30), "as if just now, not tomorrow"
    world.clock.forward(seconds=30)
    assert world.attempt(voucher).redeemed
    assert Guess.select().count() == 5, "nothing is forgotten"
    wrong_tries(world, voucher, 1)
    assert world.attempt(voucher).retry_after == 60


def test_a_session_goes_on_and_lives_no_longer(world):
    old = accounts.start_session(world.mei, world.clock())
    world.clock.forward(days=30)
    new = accounts.start_session(world.mei, world.clock())
    assert accounts.session_of(old, world.clock())
    world.clock.forward(days=-30)
    for token in (old, new):
        row = accounts.session_of(token, world.clock())
        assert accounts.is_fresh(row, world.clock()) is (token == old), "typed in a month, which is not lately"
        assert row.expires_at == world.clock() + accounts.CONSUMER_SESSION
        assert row.seen_at == world.clock()


def test_the_worker_looks_again_and_reminds_again(world, mail):
    """What was said a day early, by the clock, is said again when the day comes; a message is not a day late."""
    campaign = world.campaign(ends_at=world.clock() + timedelta(days=2, hours=12))
    world.voucher(campaign=campaign)
    mail.subscribe()
    world.clock.forward(days=1)
    world.voucher(campaign=world.campaign())
    events.remind(world.clock())
    assert Campaign.get_by_id(campaign.id).reminded_at
    world.clock.forward(days=-1)
    events.put_right(world.clock())
    assert Campaign.get_by_id(campaign.id).reminded_at is None
    mail.bring()
    assert mail.titles() == ["New: Oolong, 500 ml"]


def test_a_one_time_link_of_tomorrow_lives_no_longer_than_one_of_today(world):
    now = world.clock()
    tokens = {
        purpose: one_time_links.make(purpose, now, account=world.mei) for purpose in ("sign-in", "set-up", "join")
    }
    world.clock.forward(days=1)
    late = {purpose: one_time_links.make(purpose, world.clock(), account=world.mei) for purpose in tokens}
    wallet_transfer.new_code(world.mei, world.clock())
    claim, _ = link_to(world, "lin@example.org")
    world.clock.forward(days=-1)
    one_time_links.put_right(world.clock())
    for purpose in tokens:
        assert (
            one_time_links.usable(purpose, tokens[purpose], now).expires_at == now + one_time_links.LIFETIMES[purpose]
        )
        assert one_time_links.usable(purpose, late[purpose], now).expires_at == now + one_time_links.LIFETIMES[purpose]
    assert Link.get(Link.purpose == "move").expires_at == now + wallet_transfer.LIFETIME
    assert Claim.get_by_id(claim.id).expires_at == now + publications.CLAIM_LINK


def test_the_worker_does_not_wait_for_tomorrow(small_world, monkeypatch):
    looks, stop, begun = [], Flag(), small_world.clock()
    times = [0, 86_400, 5, 5]  # at the first look, the second …

    def tell(now: datetime, look: bool) -> bool:
        looks.append(look)
        if len(looks) == 4:
            stop.set()
        return True

    monkeypatch.setattr(worker, "_tell", tell)
    worker.run(stop, clock=lambda: begun + timedelta(seconds=times[min(len(looks), 3)]), key="")
    assert looks == [True, True, True, False]


def test_a_push_service_that_rested_tomorrow_is_asked_today(small_world, small_mail):
    postman = small_mail.postman()
    postman.resting = {small_mail.service.origin: small_world.clock() + timedelta(days=1)}
    small_mail.subscribe()
    small_world.voucher()
    small_mail.bring(postman)
    assert small_mail.titles() == ["New: Oolong, 500 ml"]


def test_a_cookie_of_tomorrow_is_good_today(client, small_world, monkeypatch):
    small_world.account(email="lin@example.org", password=ACCOUNT_PASSWORD)
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: 1_900_000_000)
    client.post("/sign-in", data={"email": "lin@example.org", "password": ACCOUNT_PASSWORD})
    monkeypatch.undo()
    client.get("/wallet")


def test_who_signed_in_wrongly_tomorrow_is_not_kept_out_today(monkeypatch):
    counts, today = Memory(), time.time()
    monkeypatch.setattr(time, "time", lambda: today + 86_400)
    assert counts.incr("sign-in", 900) == 1
    monkeypatch.setattr(time, "time", lambda: today)
    assert counts.get("sign-in") == 1
    monkeypatch.setattr(time, "time", lambda: today + LONGEST)
    assert counts.get("sign-in") == 0


def test_control_by_the_servers_zone_verdicts_are_outside(world, monkeypatch):
    monkeypatch.setattr(Merchant, "zone", property(lambda merchant: ZoneInfo("UTC")))
    assert outside(world)
