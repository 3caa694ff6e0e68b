"""A person's own data, to take along: everything that is kept about them, no secrets, and nothing about others."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from database import snapshot
from models import (
    Account,
    Attempt,
    Customer,
    Merchant,
    Redemption,
    Revocation,
    Rollback,
    Session,
    Voucher,
)
from quanbao.messages.push import subscriptions
from quanbao.people import accounts
from quanbao.vouchers import wallet
from quanbao.vouchers.wallet import moment

Say = Callable[[Voucher, datetime], str]


def _code(voucher: Voucher, now: datetime) -> str:
    return voucher.state(voucher.campaign, now).value


def data(account: Account, now: datetime, say: Say = _code) -> dict[str, Any]:
    """Everything that is kept about a person, for themselves: no secrets, and nothing about others.

    `say` gives a voucher's state in the reader's words, as the pages have them.
    """
    with snapshot():
        return {
            "account": {"email": account.email, "proved": account.proved, "created_at": moment(account.created_at)},
            "sessions": [
                {"browser": row.browser, "signed_in_at": moment(row.created_at), "last_used_at": moment(row.seen_at)}
                for row in Session.select().where(Session.account == account).order_by(Session.id)
            ],
            "notifications": {
                "browsers": [
                    {"browser": row.session.browser, "service": row.service, "since": moment(row.created_at)}
                    for row in subscriptions.mine(account)
                ],
                "switched_off": sorted(subscriptions.mutes(account)),
            },
            "memberships": [
                {
                    "merchant": row.merchant.name,
                    "known_as": row.address,
                    "role": row.role,
                    "disabled": row.disabled_at is not None,
                    "branches": [place.slug for place in row.places],
                }
                for row in accounts.memberships(account)
            ],
            **_as_consumer(account, now, say),
        }


def _as_consumer(account: Account, now: datetime, say: Say) -> dict[str, Any]:
    customers = Customer.select(Customer, Merchant).join(Merchant).where(Customer.consumer == account)
    held = wallet.wallet(account)
    codes = {voucher.id: voucher.code for voucher in held}
    past = wallet.redemptions_of(account)
    ledger = sorted((row for rows in past.values() for row in rows), key=attrgetter("id"))
    revoked = Revocation.select().join(Voucher).where(Voucher.consumer == account).order_by(Revocation.id)
    tries = Attempt.select().where(Account.of_wallet(Attempt.consumer, account)).order_by(Attempt.id)
    return {
        "merchants": [
            {
                "merchant": row.merchant.name,
                "known_as": row.address,
                "since": moment(row.first_seen_at),
                "groups": sorted(group.name for group in row.groups),
            }
            for row in customers.order_by(Customer.id)
        ],
        "vouchers": [
            {
                **described,
                "state_in_words": say(row, now),
                "revoked_at": moment(row.revoked_at),
                "campaign_ended_at": moment(row.campaign.ended_at),
            }
            for row, described in zip(held, wallet.describe_all(held, now, past), strict=True)
        ],
        "redemptions": [_redemption(row, codes[row.voucher_id]) for row in ledger],
        "revocations": [{"voucher": codes[row.voucher_id], **_why(row, row.revoked_at)} for row in revoked],
        "attempts": [{"voucher": codes[row.voucher_id], "at": moment(row.at), "reason": row.reason} for row in tries],
    }


def _redemption(row: Redemption, code: str) -> dict[str, Any]:
    return {
        "voucher": code,
        "number": row.number,
        "words": row.words,
        "day": row.day,
        "branch": row.branch_slug,
        "amount": row.amount,
        "product": row.product,
        "original_price": row.original_price,
        "charged": row.charged,
        "discount": row.discount,
        "redeemed_at": moment(row.redeemed_at),
        "rolled_back": _why(row.rollback, row.rollback.rolled_back_at) if row.rollback else None,
    }


def _why(row: Rollback | Revocation, at: datetime) -> dict[str, Any]:
    return {"at": moment(at), "reason": row.reason, "note": row.note}
