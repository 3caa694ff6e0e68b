"""The right to a merchant's pages and to a voucher: the row and the right to it are fetched in one named step."""

from flask import abort, g
from flask_login import current_user

from database import write_transaction
from models import STAFF, Campaign, Member, Merchant, Role, Voucher
from quanbao.people import accounts
from quanbao.vouchers import issuing, wallet
from web.auth.sessions import consumer, password_is
from web.context import now
from web.present.forms import NO_PASSWORD, WRONG_PASSWORD

OWNER = (Role.OWNER,)
EVERYBODY = tuple(Role)


def membership(slug: str, roles: tuple[Role, ...]) -> Member:
    """The signed-in account's own membership; not there for strangers, forbidden in another role."""
    member = (
        Member.select(Member, Merchant)
        .join(Merchant)
        .where((Merchant.slug == slug) & (Member.account == consumer()) & Member.disabled_at.is_null())
        .get_or_none()
    )
    if member is None:
        abort(404)
    if member.role not in roles:
        abort(403)
    g.member = member  # the pages' frame shows what this role may open
    return member


def merchant_of(slug: str, roles: tuple[Role, ...] = STAFF) -> Merchant:
    """The merchant, for a member in one of these roles."""
    return membership(slug, roles).merchant


def campaign_of(merchant: str, campaign: str, roles: tuple[Role, ...] = STAFF) -> Campaign:
    """A campaign of the merchant's, for a member in one of these roles; its merchant with it."""
    of = merchant_of(merchant, roles)
    row = Campaign.get_or_none((Campaign.merchant == of) & (Campaign.slug == campaign))
    if row is None:
        abort(404)
    row.merchant = of
    return row


def works_for(voucher_code: str) -> str | None:
    """The merchant of a voucher, by its slug, where the signed-in person is a member of it."""
    mine = (Member.account == consumer()) & Member.disabled_at.is_null()
    rows = Merchant.select(Merchant.slug).join(Member).switch(Merchant).join(Campaign).join(Voucher)
    return rows.where(mine & (Voucher.code == voucher_code)).scalar()


def voucher_of(code: str) -> Voucher:
    """The voucher, for its holder; not there for other visitors."""
    voucher = wallet.held(code, consumer())
    if voucher is None:
        abort(404)
    return voucher


def opened_voucher(code: str) -> Voucher:
    """The same; writes down the first time that its holder opened it."""
    voucher = voucher_of(code)
    if voucher.opened_at is None:
        write_transaction(lambda: issuing.open_voucher(voucher, now()), housekeeping=True)
    return voucher


def only_owners_type(digits: str | None) -> None:
    """Who enters digits can tell whether the shop has them already: that is for who may see them."""
    if digits and g.member.role != Role.OWNER:
        abort(403)


def is_fresh() -> bool:
    """Whether the signed-in person typed the account's password, or used a link, minutes ago."""
    return accounts.is_fresh(current_user.row, now())


def not_me() -> str:
    """What to tell a person who has not shown who they are; an account without a password has none to type."""
    return NO_PASSWORD if consumer().password_hash is None else WRONG_PASSWORD


def is_me(password: str | None) -> bool:
    """Whether the signed-in person showed it minutes ago, or shows it now by the account's password.

    For what a finder of an open phone may not do: with `own_password_limit`.
    """
    if is_fresh():
        return True
    if not password or not password_is(consumer(), password):
        return False
    accounts.confirm(current_user.row, now())
    return True
