"""Where to go next, if it is a place of ours; and an address taken apart for a form that leads there."""

from urllib.parse import parse_qsl

from flask import url_for

from models import Account, Role
from quanbao.people import accounts


def ours(path: str | None, otherwise: str) -> str:
    """The path if it has one leading slash and nothing that a browser could read as another host."""
    if not path or not path.startswith("/") or path[1:2] in ("/", "\\"):
        return otherwise
    return path if path.isprintable() and "\\" not in path else otherwise


def beginning(account: Account) -> str:
    """Where a person without another aim begins: where they work, a cashier at the till; else in the wallet."""
    mine = [member for member in accounts.memberships(account) if member.disabled_at is None]
    for member in mine:
        if member.role != Role.CASHIER:
            return url_for("campaigns.index", merchant=member.merchant.slug)
    return url_for("till.find" if mine else "wallet.show")


def without_query(address: str) -> str:
    """The address up to its query."""
    return address.partition("?")[0]


def without_scheme(address: str) -> str:
    """The address as it is typed."""
    return address.partition("://")[2]


def query(address: str) -> list[tuple[str, str]]:
    """What stands in an address's query, name by name."""
    return parse_qsl(address.partition("?")[2], keep_blank_values=True)
