"""A merchant's customers, by the addresses that the merchant knows them by, and the groups they are in."""

from collections.abc import Iterable

from database import locked, write_transaction
from models import NOBODYS, Claim, Customer, CustomerGroup, Merchant, Publication
from quanbao.lib import names
from quanbao.lib.validation import is_text
from quanbao.merchants import groups

A_PAGE = 50
LONGEST_GROUP = 100
STEP = 1000  # customers in one transaction


class Refused(Exception):
    """It cannot be so; `code` is `group` or `nobody`."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def known(merchant: Merchant):
    """The merchant's customers, without those who are known by no address."""
    return Customer.select().where((Customer.merchant == merchant) & (Customer.address != NOBODYS))


def _search(merchant: Merchant, text: str, group: str | None):
    query = known(merchant)
    if text:
        query = query.where(Customer.address.contains(names.address(text)))
    if group:
        query = query.where(
            Customer.id.in_(
                CustomerGroup.select(CustomerGroup.customer).where(
                    CustomerGroup.name == groups.of_merchant(merchant).of(group)
                )
            )
        )
    return query


def find(merchant: Merchant, text: str, group: str | None = None, after: int = 0, most: int = A_PAGE) -> list[Customer]:
    """Customers whose address has this text in it, in a group or any, the latest first; `after` is an id.

    `group_names` is set on each.
    """
    query = _search(merchant, text, group)
    rows = list((query.where(Customer.id < after) if after else query).order_by(Customer.id.desc()).limit(most))
    name_groups(rows)
    return rows


def name_groups(rows: list[Customer]) -> None:
    """Set on each customer the names of the groups that they are in: `group_names`."""
    inside: dict[int, list[str]] = {}
    for row in CustomerGroup.select().where(CustomerGroup.customer.in_([customer.id for customer in rows])):
        inside.setdefault(row.customer_id, []).append(row.name)
    for customer in rows:
        customer.group_names = sorted(inside.get(customer.id, []))


def put(merchant: Merchant, ids: Iterable[int], group: str, *, into: bool) -> int:
    """Put customers into a group, or take them out of it; returns how many were moved. Raises Refused."""
    group, ids = names.tidy(group), list(ids)
    if not ids:
        raise Refused("nobody")
    if not is_text(group, LONGEST_GROUP):
        raise Refused("group")
    return write_transaction(lambda: _put(merchant, ids, group, into))


def put_found(merchant: Merchant, text: str, among: str | None, group: str, *, into: bool) -> int:
    """The same with all customers whom a search finds, a thousand at a time."""
    moved, after = 0, 0
    found = _search(merchant, text, among).select(Customer.id).order_by(Customer.id).limit(STEP)
    while some := [number for (number,) in found.where(Customer.id > after).tuples()]:
        after = some[-1]
        moved += put(merchant, some, group, into=into)
    return moved


def _put(merchant: Merchant, ids: list[int], group: str, into: bool) -> int:
    """Redemptions queue for a customer's row: none that was judged by the old groups commits after this."""
    group = groups.lock(merchant).of(group)
    query = known(merchant).select(Customer.id).where(Customer.id.in_(ids)).order_by(Customer.id)
    mine = [number for (number,) in locked(query).tuples()]
    if not mine:
        return 0
    if not into:
        return CustomerGroup.delete().where(CustomerGroup.customer.in_(mine) & (CustomerGroup.name == group)).execute()
    rows = [{"customer": number, "name": group} for number in mine]
    return len(list(CustomerGroup.insert_many(rows).on_conflict_ignore().returning(CustomerGroup.customer)))


def separate(customer: Customer) -> None:
    """Another person used the link for this address: it is no customer's again, the next voucher for it is a link.

    Also of the campaigns whose links they used. What they hold they keep: to revoke a voucher is an act of its own.
    They are in no group any more, since it was the other person who was put there.
    """

    def write() -> None:
        mine = Customer.id == customer.id
        address = locked(Customer.select(Customer.id, Customer.address).where(mine)).get().address
        CustomerGroup.delete().where(CustomerGroup.customer == customer.id).execute()
        used = (Claim.customer == customer.id) & (Claim.address == address) & Claim.released_after.is_null()
        Claim.update(released_after=Publication.newest()).where(used).execute()
        Customer.update(address=NOBODYS).where(mine).execute()

    write_transaction(write)
