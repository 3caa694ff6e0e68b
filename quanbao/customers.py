"""A merchant's customers, by the addresses that the merchant knows them by, and the groups they are in."""

from collections.abc import Iterable

from database import write_transaction
from models import Campaign, Customer, CustomerGroup, Merchant
from quanbao.reader import is_text

A_PAGE = 50
LONGEST_GROUP = 100
STEP = 1000  # customers in one transaction


class Refused(Exception):
    """It cannot be so; `code` is `group` or `nobody`."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def groups(merchant: Merchant) -> list[str]:
    """The names of all groups that customers are in or campaigns ask for."""
    inside = CustomerGroup.select(CustomerGroup.name).join(Customer).where(Customer.merchant == merchant).distinct()
    asked = Campaign.select(Campaign.groups).where(Campaign.merchant == merchant)
    return sorted({name for name, in inside.tuples()} | {name for names, in asked.tuples() for name in names})


def known(merchant: Merchant):
    """The merchant's customers, without those whose account is gone."""
    return Customer.select().where((Customer.merchant == merchant) & (Customer.address != ""))


def _search(merchant: Merchant, text: str, group: str | None):
    query = known(merchant)
    if text:
        query = query.where(Customer.address.contains(text.casefold()))
    if group:
        query = query.where(Customer.id.in_(
            CustomerGroup.select(CustomerGroup.customer).where(CustomerGroup.name == group)))
    return query


def find(merchant: Merchant, text: str, group: str | None = None, after: int = 0, most: int = A_PAGE) -> list[Customer]:
    """Customers whose address has this text in it, in a group or any, the latest first; `after` is an id.

    `group_names` is set on each.
    """
    query = _search(merchant, text, group)
    rows = list((query.where(Customer.id < after) if after else query).order_by(Customer.id.desc()).limit(most))
    names: dict[int, list[str]] = {}
    for row in CustomerGroup.select().where(CustomerGroup.customer.in_([customer.id for customer in rows])):
        names.setdefault(row.customer_id, []).append(row.name)
    for customer in rows:
        customer.group_names = sorted(names.get(customer.id, []))
    return rows


def put(merchant: Merchant, ids: Iterable[int], group: str, *, into: bool) -> int:
    """Put customers into a group, or take them out of it; returns how many were moved. Raises Refused."""
    group = group.strip()
    if not is_text(group, LONGEST_GROUP):
        raise Refused("group")
    mine = known(merchant).where(Customer.id.in_(list(ids)))
    return write_transaction(lambda: _put([customer.id for customer in mine], group, into))


def put_found(merchant: Merchant, text: str, among: str | None, group: str, *, into: bool) -> int:
    """The same with everybody whom a search finds, a thousand at a time."""
    moved, after = 0, 0
    while some := list(_search(merchant, text, among).where(Customer.id > after).order_by(Customer.id).limit(STEP)):
        after = some[-1].id
        moved += put(merchant, [customer.id for customer in some], group, into=into)
    return moved


def _put(ids: list[int], group: str, into: bool) -> int:
    if not ids:
        return 0
    if not into:
        return CustomerGroup.delete().where(
            CustomerGroup.customer.in_(ids) & (CustomerGroup.name == group)).execute()
    rows = [{"customer": number, "name": group} for number in ids]
    return len(list(CustomerGroup.insert_many(rows).on_conflict_ignore().returning(CustomerGroup.customer)))
