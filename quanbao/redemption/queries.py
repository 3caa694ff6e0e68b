"""What a redemption asks the database, and writes: each query is written once."""

from database import locked
from models import STANDING, Account, Campaign, Customer, Merchant, Redemption, RedemptionPassword, Voucher
from quanbao.lib.compiled_queries import statement


@statement
def password(password):
    return RedemptionPassword.select().where(RedemptionPassword.id == password)


@statement
def lock_consumer(consumer):
    return locked(Account.select(Account.id).where(Account.id == consumer))


@statement
def lock_customer(consumer, voucher):
    merchant = Campaign.select(Campaign.merchant).join(Voucher).where(Voucher.id == voucher)
    return locked(Customer.select(Customer.id).where((Customer.consumer == consumer) & (Customer.merchant == merchant)))


@statement
def lock_voucher(voucher):
    return locked(Voucher.select().where(Voucher.id == voucher))


@statement
def campaign(campaign):
    whole = Campaign.select(Campaign, Merchant, RedemptionPassword).join(Merchant).switch(Campaign)
    return whole.join(RedemptionPassword, on=Campaign.password).where(Campaign.id == campaign)


@statement
def standing(consumer, campaign):
    mine = (Redemption.consumer == consumer) & (Redemption.campaign == campaign)
    return Redemption.select(Redemption.id).where(mine & STANDING).limit(1)


@statement
def use(voucher, uses_left, ended_at):
    seen = (Voucher.id == voucher) & (Voucher.uses_left == uses_left) & (Voucher.uses_left > 0)
    return Voucher.update(uses_left=Voucher.uses_left - 1, ended_at=ended_at).where(seen & Voucher.revoked_at.is_null())


@statement
def insert(**columns):
    return Redemption.insert(columns)


@statement
def one_more(campaign, version, first, discount):
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
    return Campaign.select(Campaign.version).where(Campaign.id == campaign).tuples()
