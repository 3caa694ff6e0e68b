"""A branch's counter sign: one printed code that shows a person what they can use and claim here. It allows nothing."""

from datetime import datetime

from models import Account, Branch, Campaign, Merchant, Poster, Voucher
from quanbao.vouchers import posters, wallet


def find(token: str) -> Branch | None:
    """The open branch of a sign, its merchant with it."""
    rows = Branch.select(Branch, Merchant).join(Merchant)
    return rows.where((Branch.sign == token) & Branch.closed_at.is_null()).get_or_none()


def vouchers_here(branch: Branch, person: Account) -> list[Voucher]:
    """What the person holds of this shop that is good at this branch, as far as its place goes."""
    held = [voucher for voucher in wallet.wallet(person) if voucher.campaign.merchant_id == branch.merchant_id]
    return [voucher for voucher in held if _is_good_at(voucher.campaign, branch)]


def offers(branch: Branch, person: Account | None, now: datetime) -> list[Poster]:
    """A poster of each campaign that is good here, gives vouchers now, and gave this person none."""
    mine = (Campaign.merchant == branch.merchant_id) & Campaign.is_on(now)
    rows = Poster.select(Poster, Campaign, Merchant).join(Campaign).join(Merchant)
    found: dict[int, Poster] = {}
    for poster in list(rows.where(mine & Poster.ended_at.is_null()).order_by(Poster.id)):
        if poster.campaign_id in found or not _is_good_at(poster.campaign, branch):
            continue
        if posters.refusal(poster, person, now) is None and not (person and posters.had(poster, person)):
            found[poster.campaign_id] = poster
    return list(found.values())


def _is_good_at(campaign: Campaign, branch: Branch) -> bool:
    return not campaign.branch_slugs or branch.slug in campaign.branch_slugs
