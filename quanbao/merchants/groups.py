"""The names of a merchant's groups: customers are in them, and campaigns ask for them."""

from database import locked
from models import Campaign, Customer, CustomerGroup, Merchant
from quanbao.lib.names import Spellings


def of_merchant(merchant: Merchant) -> Spellings:
    """The names of all groups that customers are in or campaigns ask for, each as it was first spelled."""
    inside = CustomerGroup.select(CustomerGroup.name).join(Customer).where(Customer.merchant == merchant).distinct()
    asked = Campaign.select(Campaign.groups).where(Campaign.merchant == merchant).order_by(Campaign.id)
    names = sorted(name for (name,) in inside.tuples())
    return Spellings([*names, *(name for (some,) in asked.tuples() for name in some)])


def names(merchant: Merchant) -> list[str]:
    """The names of the merchant's groups in their order, each once."""
    return sorted(of_merchant(merchant).first.values())


def lock(merchant: Merchant) -> Spellings:
    """Lock the merchant's groups, before one is added: of two spellings entered at once, the second finds the first.

    Locks the merchant's row, before customers and campaigns; in the caller's transaction. Returns the names.
    """
    locked(Merchant.select().where(Merchant.id == merchant.id)).get()
    return of_merchant(merchant)
