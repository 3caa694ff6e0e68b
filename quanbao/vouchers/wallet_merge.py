"""A wallet without an address is merged into the account that signs in at its browser: its vouchers come along.

The ledger and the attempts keep the wallet's own id, which points to the account from then on
(`Account.of_wallet`). The order of locks is that of a redemption: accounts by id, customers, vouchers, campaigns.
"""

from datetime import datetime

from database import on_sqlite, write_transaction
from models import (
    NOBODYS,
    STANDING,
    Account,
    Attempt,
    Campaign,
    Claim,
    CounterCode,
    Customer,
    CustomerGroup,
    Guess,
    Mute,
    Publication,
    Redemption,
    Voucher,
)
from quanbao.people import accounts


def merge(wallet: Account, into: Account, now: datetime) -> bool:
    """Give all that an anonymous wallet holds to another account, and end the wallet's sessions and counter codes.

    False, and nothing is changed, where the wallet is not anonymous any more, or the account does not live.
    """
    return write_transaction(lambda: _merge(wallet.id, into.id, now))


def _merge(wallet: int, into: int, now: datetime) -> bool:
    rows = {row.id: row for row in _locked_accounts(wallet, into)}
    if wallet == into or not rows[wallet].is_anonymous or rows[into].deleted_at or rows[into].merged_into_id:
        return False
    _merge_customers(wallet, into)
    _end_counter_codes(wallet)
    Guess.update(consumer=into).where(Guess.consumer == wallet).execute()
    Mute.delete().where(Mute.account == wallet).execute()
    _end_second_of_poster(wallet, into, now)
    Voucher.update(consumer=into).where(Voucher.consumer == wallet).execute()
    both = _campaigns_redeemed_by(wallet) & _campaigns_redeemed_by(into)
    mine = (Account.id == wallet) | (Account.merged_into == wallet)
    Account.update(merged_into=into).where(mine).execute()
    accounts.end_all(wallet)
    _count_once(both)
    return True


def _locked_accounts(*numbers: int) -> list[Account]:
    """Locked against whatever points to them: a publication's new vouchers are there before the merge, or see it.

    So are the wallets that were merged into one of them, which a publication may still name: without, it would hand
    on to the owner that they had before this merge.
    """
    return [row for which in (Account.id, Account.merged_into) for row in _locked(which.in_(numbers))]


def _locked(which) -> list[Account]:
    rows = Account.select().where(which).order_by(Account.id)
    return list(rows if on_sqlite() else rows.for_update("FOR UPDATE"))


def _merge_customers(wallet: int, into: int) -> None:
    """The account is a customer where the wallet was one; where it was already, it stays known as it was."""
    theirs = Customer.select().where(Customer.consumer.in_([wallet, into])).order_by(Customer.id)
    rows = list(theirs if on_sqlite() else theirs.for_update("FOR UPDATE"))
    known = {row.merchant_id: row for row in rows if row.consumer_id == into}
    for row in rows:
        if row.consumer_id != wallet:
            continue
        if kept := known.get(row.merchant_id):
            _merge_customer(row, kept)
        else:
            Customer.update(consumer=into).where(Customer.id == row.id).execute()


def _merge_customer(row: Customer, kept: Customer) -> None:
    """Groups, links and the first day go over; the row stays, without an address, as that of a person who left."""
    names = [name for (name,) in CustomerGroup.select(CustomerGroup.name).where(CustomerGroup.customer == row).tuples()]
    if names:
        groups = [{"customer": kept.id, "name": name} for name in names]
        CustomerGroup.insert_many(groups).on_conflict_ignore().execute()
    CustomerGroup.delete().where(CustomerGroup.customer == row).execute()
    Claim.update(customer=kept).where(Claim.customer == row).execute()
    Customer.update(address=NOBODYS).where(Customer.id == row.id).execute()
    seen, address = min(row.first_seen_at, kept.first_seen_at), kept.address or row.address
    Customer.update(first_seen_at=seen, address=address).where(Customer.id == kept.id).execute()


def _end_second_of_poster(wallet: int, into: int, now: datetime) -> None:
    """A poster gives each wallet one: of two that were not used, the newer ends."""
    held = Voucher.consumer.in_([wallet, into]) & Voucher.poster.is_null(False) & Voucher.revoked_at.is_null()
    seen: set[int | None] = set()
    for row in list(Voucher.select().where(held & (Voucher.uses_left == Voucher.uses)).order_by(Voucher.id)):
        if row.poster_id in seen:
            fresh = (Voucher.id == row.id) & (Voucher.uses_left == Voucher.uses)
            Voucher.update(revoked_at=now, revoked_after=Publication.newest()).where(fresh).execute()
        seen.add(row.poster_id)


def _end_counter_codes(wallet: int) -> None:
    """Those that were redeemed stay: who sends such a redemption again finds its verdict by them."""
    theirs = CounterCode.voucher.in_(Voucher.select(Voucher.id).where(Voucher.consumer == wallet))
    shown = [attempt_id for (attempt_id,) in CounterCode.select(CounterCode.attempt_id).where(theirs).tuples()]
    tried = Account.of_wallet(Attempt.consumer, wallet) & Attempt.attempt_id.in_(shown)
    settled = [attempt_id for (attempt_id,) in Attempt.select(Attempt.attempt_id).where(tried).tuples()]
    CounterCode.delete().where(theirs & CounterCode.attempt_id.not_in(settled)).execute()


def _campaigns_redeemed_by(account: int) -> set[int]:
    """The ids of the campaigns of which something stands that they redeemed."""
    theirs = Account.of_wallet(Redemption.consumer, account) & STANDING
    return {number for (number,) in Redemption.select(Redemption.campaign).where(theirs).distinct().tuples()}


def _count_once(campaigns: set[int]) -> None:
    """Two consumers of these campaigns are one person now; the rows that all tills share, so last."""
    for number in sorted(campaigns):
        Campaign.update(consumers=Campaign.consumers - 1).where(Campaign.id == number).execute()
