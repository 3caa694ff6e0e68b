"""A merchant's branches: opened, renamed, closed. The ledger keeps naming one that was closed."""

import secrets
from datetime import datetime

from database import locked, write_transaction
from models import Branch, Campaign, Merchant
from quanbao.lib import merging
from quanbao.lib.names import folded
from quanbao.lib.validation import is_text, slug_of

LONGEST_NAME = 200
LONGEST_ADDRESS = 500


class Refused(Exception):
    """It cannot be so: `field` and `code` say why; `about` names the campaign that stands against it."""

    def __init__(self, field: str, code: str, about: str = ""):
        super().__init__(f"{field}: {code}")
        self.field, self.code, self.about = field, code, about


def of_merchant(merchant: Merchant) -> list[Branch]:
    """All branches, the closed ones last."""
    order = (Branch.closed_at.is_null(False), Branch.id)
    return list(Branch.select().where(Branch.merchant == merchant).order_by(*order))


def open_(merchant: Merchant, name: str, address: str) -> Branch:
    """A new branch; raises Refused.

    The versions of the merchant's campaigns rise, here and below: what was judged before cannot commit after.
    """
    name, address = _judged(name, address)
    slug = slug_of(name)

    def write() -> Branch:
        locked(Merchant.select().where(Merchant.id == merchant.id)).get()  # of two at once, one gets the name
        _refuse_twin(merchant.id, name)
        taken = Branch.select().where((Branch.merchant == merchant) & (Branch.slug == slug)).exists()
        free = f"{slug}-{secrets.token_hex(3)}" if taken else slug
        made = Branch.create(merchant=merchant, slug=free, name=name, address=address)
        _campaigns(made)
        _raise_versions(made)
        return made

    return write_transaction(write)


def values_of(branch: Branch) -> dict[str, str]:
    """What a form of the branch is filled with."""
    return {"name": branch.name, "address": branch.address}


def change(branch: Branch, name: str, address: str, *, shown: merging.Values | None = None) -> None:
    """Another name or address; raises Refused.

    `shown` is what the sender's form was filled with, and so what they changed; raises merging.Conflict.
    """

    def write() -> None:
        locked(Merchant.select().where(Merchant.id == branch.merchant_id)).get()
        _campaigns(branch)
        row = locked(Branch.select().where(Branch.id == branch.id)).get()
        entered = merged(row, name, address, shown)
        if entered.conflicts:
            raise merging.Conflict(entered.conflicts)
        new_name, new_address = _judged(**entered.values)
        if new_name != row.name:
            _refuse_twin(row.merchant_id, new_name, but=row)
        Branch.update(name=new_name, address=new_address).where(Branch.id == row.id).execute()
        _raise_versions(branch)  # vouchers say name and address

    write_transaction(write)


def merged(branch: Branch, name: str, address: str, shown: merging.Values | None) -> merging.Merged:
    """What was sent, merged with the branch as it is now."""
    there = values_of(branch)
    return merging.merge(
        there if shown is None else shown,
        {"name": name.strip(), "address": address.strip()},
        there,
        merging.on_one_line,
    )


def _refuse_twin(merchant_id: int, name: str, but: Branch | None = None) -> None:
    """Names that people cannot tell apart are one name."""
    for other in Branch.select().where(Branch.merchant == merchant_id):
        if other != but and folded(other.name) == folded(name):
            raise Refused("name", "closed_twin" if other.closed_at else "twin", other.name)


def close(branch: Branch, now: datetime) -> None:
    """Take it out of the tills' lists; raises Refused where a campaign would have nowhere left to be redeemed."""

    def write() -> None:
        locked(Merchant.select().where(Merchant.id == branch.merchant_id)).get()
        campaigns = _campaigns(branch)
        others = {
            slug
            for (slug,) in Branch.select(Branch.slug)
            .where((Branch.merchant == branch.merchant_id) & Branch.closed_at.is_null() & (Branch.id != branch.id))
            .tuples()
        }
        if not others:
            raise Refused("close", "last")
        for campaign in campaigns:
            if (
                branch.slug in campaign.branch_slugs
                and not campaign.is_over(now)
                and others.isdisjoint(campaign.branch_slugs)
            ):
                raise Refused("close", "only_place", campaign.product)
        _set(branch, now)

    write_transaction(write)


def is_any_open(campaign: Campaign, slugs: list[str]) -> bool:
    """Whether vouchers of the campaign can be redeemed anywhere, if it names these branches.

    Where it names none, no branch needs to be named at the till: a merchant may have no branches at all.
    """
    open_ones = Branch.select().where((Branch.merchant == campaign.merchant_id) & Branch.closed_at.is_null())
    return not slugs or open_ones.where(Branch.slug.in_(slugs)).exists()


def reopen(branch: Branch) -> None:
    """Offer it at the tills again."""

    def write() -> None:
        _campaigns(branch)
        _set(branch, None)

    write_transaction(write)


def _campaigns(branch: Branch) -> list[Campaign]:
    """The merchant's campaigns, locked in the order of their ids: two of us cannot wait for each other."""
    return list(locked(Campaign.select().where(Campaign.merchant == branch.merchant_id).order_by(Campaign.id)))


def _set(branch: Branch, closed_at: datetime | None) -> None:
    Branch.update(closed_at=closed_at).where(Branch.id == branch.id).execute()
    _raise_versions(branch)


def _raise_versions(branch: Branch) -> None:
    Campaign.update(version=Campaign.version + 1).where(Campaign.merchant == branch.merchant_id).execute()


def _judged(name: str, address: str) -> tuple[str, str]:
    name, address = name.strip(), address.strip()
    if not is_text(name, LONGEST_NAME):
        raise Refused("name", "name")
    if address and not is_text(address, LONGEST_ADDRESS):
        raise Refused("address", "address")
    return name, address
