"""The demo: two merchants, campaigns of every kind, people to be, and twelve days behind them."""

import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from database import write_transaction
from models import Account, Voucher
from quanbao.operations import bulk_import
from quanbao.redemption import redeem
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.redeem import AttemptRequest, Keys
from quanbao.vouchers import issuing

PASSWORD = "lotus-demo"  # of every account; the demo alone signs people in without it
REDEMPTION_PASSWORD = "482913"
BOOKSHOP_PASSWORD = "750264"
GUESTS = [f"guest{number:02d}@lotus.example" for number in range(1, 25)]


@dataclass(frozen=True)
class Person:
    """A person of the demo; `merchant` is where a member works."""

    email: str
    role: str
    merchant: str | None = None


CAST = (
    Person("customer@lotus.example", "customer"),
    Person("newcomer@lotus.example", "newcomer"),
    Person("owner@lotus.example", "owner", "lotus"),
    Person("manager@lotus.example", "manager", "lotus"),
    Person("till@lotus.example", "cashier", "lotus"),
)


def build(now: datetime, keys: Keys, language: str = "en") -> None:
    """Load the demo's document and live through its past days with the real redemptions.

    The tea house's receipts have their words in the language.
    """
    bulk_import.load(document(now, language), now=now - timedelta(days=13), password_key=keys.password)
    _past(now, keys)


def language(environment: Mapping[str, str]) -> str:
    """What the person at this machine reads: the receipts of the demo have their words in it."""
    spoken = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if spoken.startswith("zh") else "en"


def welcome(address: str) -> Iterator[str]:
    """What the person who starts the demo reads: where it is, who to be, and what to type."""
    yield f"Quanbao's demo is at {address}/ : step in there with a click as"
    for person in CAST:
        yield f"  {person.email:<26} password {PASSWORD}   ({person.role})"
    yield (
        f"The redemption password, for the cashier's eyes only: {REDEMPTION_PASSWORD} "
        f"(at Harbour Books: {BOOKSHOP_PASSWORD})"
    )


def document(now: datetime, language: str = "en") -> dict[str, Any]:
    """What the demo loads, with periods around `now`."""
    people = [person.email for person in CAST if person.merchant is None]
    return {
        "merchants": [_tea_house(now, people, language), _bookshop(now, people)],
        "consumers": [
            {"email": "customer@lotus.example", "password": PASSWORD, "groups": {"lotus": ["regulars"]}},
            {"email": "newcomer@lotus.example", "password": PASSWORD},
            *({"email": guest} for guest in GUESTS),
        ],
    }


def _day(now: datetime, days: int) -> str:
    return (now + timedelta(days=days)).date().isoformat()


# fmt: off
def _tea_house(now: datetime, people: list[str], language: str) -> dict[str, Any]:
    def campaign(slug: str, kind: str, product: str, start: int, end: int, quantity: int, **more: Any) -> dict:
        return {
            "slug": slug, "kind": kind, "product": product, "quantity": quantity, "place": "All branches",
            "starts_at": _day(now, start), "ends_at": _day(now, end),
            "redemption_password": REDEMPTION_PASSWORD, "publish_to": people, **more,
        }

    return {
        "slug": "lotus", "name": "Lotus Tea 莲茶", "time_zone": "Asia/Shanghai", "currency": "CNY",
        "language": language,
        "branches": [
            {"slug": "main", "name": "Main Street", "address": "1 Main Street"},
            {"slug": "river", "name": "Riverside", "address": "28 River Walk"},
        ],
        "members": [
            {"email": "owner@lotus.example", "password": PASSWORD, "role": "owner"},
            {"email": "manager@lotus.example", "password": PASSWORD, "role": "manager"},
            {"email": "till@lotus.example", "password": PASSWORD, "role": "cashier", "branches": ["main"]},
        ],
        "campaigns": [
            campaign("oolong", "discount", "Oolong, 500 ml", -12, 30, 100, original_price=3000, offer_price=1800,
                     terms="Hot or iced. One per visit.", publish_to=people + GUESTS),
            campaign("five-teas", "discount", "Five teas, one price", -12, 45, 200, original_price=2600,
                     offer_price=2000, uses_per_voucher=5, terms="Any tea of the day."),
            campaign("dinner", "discount", "Dinner for two", -2, 20, 40, original_price=18800, offer_price=12800,
                     place="Riverside", conditions={"minimum_spend": 15000, "branches": ["river"]}),
            campaign("cup", "prize", "Porcelain cup", -12, 14, 20, terms="Drawn at the counter."),
            campaign("cake", "gift", "A slice of birthday cake", -1, 6, 50,
                     conditions={"groups": ["regulars"]}),
            campaign("sample", "giveaway", "Jasmine sample", -3, 2, 3, publish_to=people + GUESTS[:6]),
            campaign("welcome", "discount", "First cup on the house", -12, 60, 500, original_price=2200,
                     offer_price=0, conditions={"new_customers_only": True}),
            campaign("spring", "discount", "Spring harvest", 5, 40, 80, original_price=4200, offer_price=3200),
            campaign("autumn", "discount", "Mooncake box", -40, -3, 60, original_price=9900, offer_price=6900),
        ],
    }
# fmt: on


def _bookshop(now: datetime, people: list[str]) -> dict[str, Any]:
    return {
        "slug": "harbour",
        "name": "Harbour Books",
        "time_zone": "Europe/Lisbon",
        "currency": "EUR",
        "branches": [{"slug": "quay", "name": "Quayside", "address": "3 Quay"}],
        "campaigns": [
            {
                "slug": "atlas",
                "kind": "discount",
                "product": "World atlas",
                "original_price": 4950,
                "offer_price": 3500,
                "quantity": 25,
                "starts_at": _day(now, -5),
                "ends_at": _day(now, 25),
                "place": "Quayside",
                "redemption_password": BOOKSHOP_PASSWORD,
                "publish_to": people,
            }
        ],
    }


def _past(now: datetime, keys: Keys) -> None:
    """The guests' redemptions and some refusals of the last days, in their order, so that there are figures to see."""
    luck, tries = random.Random(7), []
    for number, guest in enumerate(GUESTS):
        account = Account.get(Account.email == guest)
        when = (now - timedelta(days=11)).replace(hour=4) + timedelta(
            days=number * 10 // len(GUESTS), hours=luck.randrange(8), minutes=luck.randrange(60)
        )
        for voucher in Voucher.select().where(Voucher.consumer == account).order_by(Voucher.id):
            started = max(when, voucher.campaign.starts_at + timedelta(hours=6 + number))
            if number % 7 == 3:
                tries.append((started, account, voucher, "602417"))
            tries.append((started + timedelta(seconds=40), account, voucher, REDEMPTION_PASSWORD))
    for when, account, voucher, typed in sorted(tries, key=itemgetter(0)):
        _redeem(account, voucher, when, luck, keys, typed)


def _redeem(account: Account, voucher: Voucher, when: datetime, luck: random.Random, keys: Keys, typed: str) -> None:
    attempt_id = str(uuid.UUID(int=luck.getrandbits(128), version=4))
    till = TillEntry(branch=luck.choice(["main", "main", "river"]))
    write_transaction(lambda: issuing.open_voucher(voucher, when.astimezone(UTC)))
    redeem.attempt(
        AttemptRequest(account, voucher.code, attempt_id, typed, till),
        clock=lambda: when.astimezone(UTC),
        keys=keys,
    )
