"""What a redemption asks the database, and writes: each query is written once."""

from database import locked
from models import Account, Campaign, Customer, Merchant, Redemption, RedemptionPassword, Voucher
from quanbao.lib.compiled_queries import statement


@statement
def lock_consumer(consumer):
    """Lock the consumer, whose attempts' ids are theirs at every merchant."""
    return locked(Account.select(Account.id).where(Account.id == consumer))


@statement
def lock_customer(consumer, voucher):
    """Lock the customer: the consumer at the voucher's merchant."""
    merchant = Campaign.select(Campaign.merchant).join(Voucher).where(Voucher.id == voucher)
    return locked(Customer.select(Customer.id).where((Customer.consumer == consumer) & (Customer.merchant == merchant)))


@statement
def lock_voucher(voucher):
    """The voucher, locked."""
    return locked(Voucher.select().where(Voucher.id == voucher))


@statement
def campaign(campaign):
    """The campaign with merchant and password."""
    whole = Campaign.select(Campaign, Merchant, RedemptionPassword).join(Merchant).switch(Campaign)
    return whole.join(RedemptionPassword, on=Campaign.password).where(Campaign.id == campaign)


@statement
def use(voucher, uses_left, ended_at):
    """Take one use, if as many are left as were judged."""
    seen = (Voucher.id == voucher) & (Voucher.uses_left == uses_left) & (Voucher.uses_left > 0)
    return Voucher.update(uses_left=Voucher.uses_left - 1, ended_at=ended_at).where(seen & Voucher.revoked_at.is_null())


@statement
def insert(**columns):
    """Write the ledger."""
    return Redemption.insert(columns)


@statement
def one_more(campaign, version, first, discount):
    """Count one more redemption, if something remains and the campaign is as it was judged."""
    return Campaign.update(
        redeemed=Campaign.redeemed + 1,
        consumers=Campaign.consumers + first,
        discount_given=Campaign.discount_given + discount,
    ).where(
        (Campaign.id == campaign)
        & (Campaign.version == version)
        & (Campaign.redeemed + Campaign.forfeited < Campaign.quantity)
    )


@statement
def version(campaign):
    """The campaign's version."""
    return Campaign.select(Campaign.version).where(Campaign.id == campaign).tuples()
