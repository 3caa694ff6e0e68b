"""Many customers of a merchant's, publications to them, and what came of it."""

from collections import Counter
from collections.abc import Callable
from threading import Thread
from typing import Any

from database import db
from models import Account, Audience, Campaign, Claim, Customer, CustomerGroup, Merchant, Publication, Voucher
from quanbao.campaigns import figures
from quanbao.people import accounts
from quanbao.vouchers import publications
from tests.support.factories import World


def make_customers(world: World, size: int, *, merchant: Merchant | None = None, group: str | None = None) -> list:
    """Customers of the merchant, or of another, at `c1@shop.example` and on; their ids rise. The rows."""
    of, now = merchant or world.merchant, world.clock()
    names = [f"{next(world.numbers)}@{of.slug}.example" for _ in range(size)]
    people = []
    for start in range(0, size, 1000):
        some = names[start : start + 1000]
        Account.insert_many([{"email": f"private-{name}", "created_at": now} for name in some]).execute()
        made = Account.select().where(Account.email.in_([f"private-{name}" for name in some])).order_by(Account.id)
        Customer.insert_many(
            [
                {"merchant": of.id, "consumer": account.id, "first_seen_at": now, "address": "c" + name}
                for account, name in zip(made, some, strict=True)
            ]
        ).execute()
        named = ["c" + name for name in some]
        people.extend(Customer.select().where(Customer.address.in_(named)).order_by(Customer.id))
    if group:
        put(people, group)
    return people


def put(customers: list[Customer], group: str) -> None:
    CustomerGroup.insert_many([{"customer": customer.id, "name": group} for customer in customers]).execute()


def start(world: World, campaign: Campaign, audience: Audience, entries: Any = (), **more: Any) -> Publication:
    return publications.start(campaign, audience, list(entries), now=world.clock(), **more)


def step(world: World, publication: Publication) -> bool:
    return publications.step(publication.id, now=world.clock(), key=world.keys.receipts)


def finish(world: World, publication: Publication) -> Publication:
    """All steps that are left; the publication as it is then."""
    while step(world, publication):
        pass
    return Publication.get_by_id(publication.id)


def publish(world: World, campaign: Campaign, audience: Audience, entries: Any = (), **more: Any) -> Publication:
    done = finish(world, start(world, campaign, audience, entries, **more))
    assert list(figures.differences()) == []
    return done


def counts(publication: Publication) -> tuple[int, int, int, int]:
    """Issued, linked, done, total, as they are now."""
    row = Publication.get_by_id(publication.id)
    return row.issued, row.linked, row.done, row.total


def holders(campaign: Campaign) -> Counter[int]:
    """How many vouchers of the campaign each account holds."""
    return Counter(
        consumer for (consumer,) in Voucher.select(Voucher.consumer).where(Voucher.campaign == campaign).tuples()
    )


def of(customers: list[Customer]) -> Counter[int]:
    """One voucher each."""
    return Counter(customer.consumer_id for customer in customers)


def linked(campaign: Campaign) -> Counter[str]:
    """The addresses that got links, and how many."""
    return Counter(address for (address,) in Claim.select(Claim.address).where(Claim.campaign == campaign).tuples())


def link_to(world: World, address: str, campaign: Campaign | None = None) -> tuple[Claim, str]:
    """A claim link that was made for this address: its row, and its token."""
    campaign = campaign or world.campaign()
    publish(world, campaign, Audience.ADDRESSES, [address])
    mine = (Claim.campaign == campaign) & (Claim.address == address)
    row = Claim.select().where(mine).order_by(Claim.nth.desc()).get()
    token = publications.token(row.seed, world.keys.receipts)
    assert accounts.token_hash(token) == bytes(row.token_hash)
    return row, token


def at_once(*works: Callable[[], Any]) -> list:
    """What they return or raise, each in a thread with a connection of its own."""
    answers: list = [None] * len(works)

    def run(place: int) -> None:
        try:
            answers[place] = works[place]()
        except Exception as error:
            answers[place] = error
        finally:
            db.close()

    threads = [Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers
