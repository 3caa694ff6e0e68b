"""(interim; the people slice writes this)"""
from models import Customer, CustomerGroup


def groups(merchant):
    """x"""
    return [n for n, in CustomerGroup.select(CustomerGroup.name).join(Customer).where(Customer.merchant == merchant).distinct().tuples()]


def find(merchant, text, group=None, after=None):
    """x"""
    return list(Customer.select().where((Customer.merchant == merchant) & Customer.address.contains(text)).limit(50))
