"""The first start: an empty site gets its first owner, merchant and branch from a one-time link."""

from datetime import datetime

from models import Account, Link, Merchant
from quanbao.lib.validation import slug_of
from quanbao.operations import bulk_import
from quanbao.people import accounts, one_time_links

PATHS = {
    "merchants[0].name": "name",
    "merchants[0].time_zone": "time_zone",
    "merchants[0].currency": "currency",
    "merchants[0].branches[0].name": "branch",
    "merchants[0].branches[0].address": "address",
    "merchants[0].members[0].email": "email",
    "merchants[0].members[0].password": "password",
}


class Refused(Exception):
    """What was entered cannot be taken; `faults` says what each field must be."""

    def __init__(self, faults: dict[str, str]):
        super().__init__(", ".join(faults))
        self.faults = faults


class LinkSpent(Exception):
    """The link was used a moment earlier."""


def is_needed() -> bool:
    """Whether the site has no merchant yet."""
    return not Merchant.select().exists()


def new_link(now: datetime) -> str:
    """The token of a new set-up link, good for an hour; earlier ones stop working."""
    Link.delete().where(Link.purpose == "set-up").execute()
    return one_time_links.make("set-up", now)


def set_up(link: Link, entered: dict[str, str], *, now: datetime, password_key: str) -> tuple[Account, Merchant]:
    """Use the link up and make owner, merchant and branch, or raise Refused and leave it good."""

    def use_link() -> None:
        if not is_needed() or not one_time_links.use_up(link, now):
            raise LinkSpent

    if accounts.is_common(entered["password"], entered["email"]):
        raise Refused({"password": "too_common"})
    try:
        bulk_import.load(_document(entered), now=now, password_key=password_key, first=use_link)
    except bulk_import.Refused as refused:
        if not is_needed():  # another request was faster, and this one collides with its rows
            raise LinkSpent from None
        faults = dict(fault.split(": ", 1) for fault in refused.faults)
        raise Refused({field: faults[path] for path, field in PATHS.items() if path in faults}) from None
    merchant = Merchant.select().order_by(Merchant.id).get()
    owner = merchant.members.get().account
    assert owner is not None, "what was loaded has an owner who joined"
    return owner, merchant


def _document(entered: dict[str, str]) -> dict:
    """What was entered as `quanbao load` reads it, so that one judge serves both."""
    return {
        "merchants": [
            {
                "slug": slug_of(entered["name"]),
                "name": entered["name"].strip(),
                "time_zone": entered["time_zone"].strip(),
                "currency": entered["currency"].strip().upper(),
                "language": entered["language"],
                "branches": [
                    {
                        "slug": slug_of(entered["branch"]),
                        "name": entered["branch"].strip(),
                        "address": (entered["address"] or "").strip() or None,
                    }
                ],
                "members": [{"email": entered["email"], "password": entered["password"], "role": "owner"}],
            }
        ]
    }
