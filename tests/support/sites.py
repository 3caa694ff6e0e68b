"""Sites with something to see on every page, served for all the tests of a module."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from config import from_environment
from database import db, open_database
from models import (
    Account,
    Audience,
    Branch,
    Campaign,
    Customer,
    Member,
    MemberBranch,
    Redemption,
    Role,
    Voucher,
)
from quanbao.merchants import members
from quanbao.passwords import redemption_passwords
from quanbao.people import one_time_links
from quanbao.redemption import revocations, rollbacks
from quanbao.redemption.redeem import Keys
from quanbao.vouchers import claims, posters, publications
from tests.support.clock import Clock
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER, LIN, OWNER, STRANGER, WRONG, World, utc
from tests.support.servers import NOON, Site

BOTH = "both@example.org"
BESIEGED = "besieged@example.org"  # an owner elsewhere, whose password is under attack


def fill(world: World) -> dict[str, str]:
    """A voucher of every kind and state, and verdicts; returns the codes, ids and tokens in their addresses."""
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    world.account(email=STRANGER, password=ACCOUNT_PASSWORD)
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    past = {"starts_at": utc("2026-10-01T00:00:00+08:00"), "ends_at": utc("2026-11-01T00:00:00+08:00")}
    campaigns = {
        "discount": {"weekdays": [1, 2, 3, 4, 5], "hours": [["10:00", "22:00"]], "groups": [], "per_consumer": 2},
        "prize": {"kind": "prize"},
        "gift": {"kind": "gift"},
        "giveaway": {"kind": "giveaway"},
        "used": {"slug": "oolong"},
        "exchanged": {"kind": "prize"},
        "partly_used": {"uses_per_voucher": 5},
        "used_up": {"uses_per_voucher": 2},
        "expired": past,
        "revoked": {},
        "early": {"slug": "early", "starts_at": utc("2026-12-24T00:00:00+08:00")},
        "wordy": {
            "product": "Geburtstagsfrühstücksüberraschung" * 2,
            "original_price": 123_456_789_00,
            "offer_price": 12_345_678_99,
            "terms": "https://example.org/" + "x" * 80,
            "place": "y" * 60,
        },
        "dinner": {"minimum_spend": 15000, "branch_slugs": ["main", "river"]},
        "gone": {"quantity": 1},
    }
    vouchers = {
        name: world.voucher(
            campaign=world.campaign(**columns),
            holder=lin,
            **({"revoked_at": world.clock()} if name == "revoked" else {}),
        )
        for name, columns in campaigns.items()
    }
    wrong = world.attempt(vouchers["used"], typed=WRONG)
    price = world.attempt(vouchers["used"], offer_price=1)
    done = [
        world.attempt(vouchers[name], branch="main")
        for name in ("used", "exchanged", "partly_used", "used_up", "used_up")
    ]
    world.attempt(world.voucher(campaign=vouchers["gone"].campaign, holder=world.account()))
    verdicts = {
        "redeemed": done[0],
        "password_incorrect": wrong,
        "price_changed": price,
        "sold_out": world.attempt(vouchers["gone"]),
    }
    places = _publish(world, vouchers["used"].campaign) | _at_counter(world, lin)
    places |= _take_back(world, vouchers) | _attack(world, lin)
    link = one_time_links.make("sign-in", world.clock(), lin)
    return (
        {name: voucher.code for name, voucher in vouchers.items()}
        | {name: verdict.attempt_id for name, verdict in verdicts.items()}
        | {"link": link}
        | places
    )


def _take_back(world: World, vouchers: dict[str, Voucher]) -> dict[str, int]:
    """One redemption that stands, one that was rolled back, one voucher revoked with a reason."""
    owner = Member.get(Member.role == Role.OWNER)
    stands, undone = Redemption.select().where(Redemption.voucher == vouchers["used_up"]).order_by(Redemption.id)
    rollbacks.roll_back(undone, owner, "goods_returned", "The lid leaked.", world.clock())
    Voucher.update(revoked_at=None).where(Voucher.id == vouchers["revoked"].id).execute()
    revocations.revoke(Voucher.get_by_id(vouchers["revoked"].id), owner, "other", "The tea is gone.", world.clock())
    return {"redemption": stands.id, "undone": undone.id}


def _publish(world: World, campaign: Campaign) -> dict[str, str]:
    """A draft, a publication with links, an invitation, a group."""
    key, now = world.keys.receipts, world.clock()
    world.campaign(slug="draft", published_at=None, weekdays=[1, 2], hours=[["10:00", "22:00"]])
    world.group("regulars", Account.get(Account.email == LIN))
    publication = publications.start(
        campaign,
        Audience.ADDRESSES,
        ["a@example.org", "b@example.org"],
        now=now,
        failures=[("typed", 3, "nobody", "missing")],
    )
    publications.step(publication.id, now=now, key=key)
    _, join = members.invite(world.merchant, "invited@example.org", "cashier", ["main"], now)
    number, _, token = claims.open_links(campaign, now, key)[0]
    limits = {"quantity": 500, "per_day": None, "per_minute": 30, "claimed_by": "anybody"}
    poster = posters.make(campaign, {"name": "Window", **limits}, now)
    at_counter = posters.make(campaign, {"name": "Counter", "at_counter": True, **limits}, now)
    closed = posters.make(campaign, {"name": "Leaflet May", **limits}, now)
    posters.pause(closed, now)
    return {
        "poster": poster.token,
        "sign": Branch.get((Branch.merchant == world.merchant) & (Branch.slug == "main")).sign,
        "poster_number": poster.id,
        "counter_poster": at_counter.id,
        "closed_poster": closed.token,
        "publication": publication.id,
        "claim": token,
        "claim_number": number,
        "join": join,
        "customer": Customer.get(Customer.merchant == world.merchant).id,
    }


def _at_counter(world: World, lin: Account) -> dict[str, str]:
    """A cashier with a code in hand, and one that was redeemed; and somebody who works for two merchants."""
    both = world.member(role=Role.MANAGER, email=BOTH, password=ACCOUNT_PASSWORD)
    Member.create(merchant=world.make_merchant(slug="other"), account=both, address=BOTH, role=Role.CASHIER)
    person = world.member(role=Role.CASHIER, email=CASHIER, password=ACCOUNT_PASSWORD)
    cashier = Member.get(Member.account == person)
    MemberBranch.create(member=cashier, branch=Branch.get(Branch.slug == "main"))
    campaign = world.campaign(minimum_spend=15000, branch_slugs=["main"], uses_per_voucher=5)
    taken, redeemed = (
        world.take(world.counter_code(world.voucher(campaign=campaign, holder=lin)).code, cashier) for _ in range(2)
    )
    world.redeem(redeemed, branch="main", amount=20000)
    return {"taken": taken.attempt_id, "counted": redeemed.attempt_id}


def _attack(world: World, lin: Account) -> dict[str, str]:
    """Another merchant, at whose password somebody guesses, and what is known of another that was changed."""
    plum = world.make_merchant(slug="plum", name="Plum Garden")
    world.member(role=Role.OWNER, merchant=plum, email=BESIEGED, password=ACCOUNT_PASSWORD)
    password, changed = (world.make_password(merchant=plum, digits=digits) for digits in ("750264", "604718"))
    voucher = world.voucher(campaign=world.campaign(merchant=plum, slug="peach", password=password), holder=lin)
    redemption_passwords.change(
        world.campaign(merchant=plum, product="Wine", password=changed),
        None,
        key=world.keys.password,
        now=world.clock(),
    )
    world.spend_password(password)
    return {"closed": voucher.code}


@dataclass(frozen=True)
class Town:
    """Three sites: a shop's, one that nobody has set up, and the demo."""

    sites: dict[str, Site]
    places: dict[str, str]  # what stands in addresses: codes, ids, tokens


@pytest.fixture(scope="module")
def town(tmp_path_factory, browser_path) -> Iterator[Town]:
    shop, empty, demo = (
        from_environment({"QUANBAO_DATA": str(tmp_path_factory.mktemp(name))}) for name in ("shop", "empty", "demo")
    )
    with Site(shop) as at_shop, Site(empty) as at_empty, Site(demo, command="demo") as at_demo:
        open_database(None, shop.sqlite_file)
        places = fill(World(Clock(NOON), Keys(password=shop.password_key, receipts=shop.secret_key)))
        db.close()
        places["set_up"] = re.search(r"/set-up/(\S+)", (at_empty.folder / "log").read_text())[1]
        yield Town({"shop": at_shop, "empty": at_empty, "demo": at_demo}, places)
