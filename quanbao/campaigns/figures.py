"""A campaign's figures: read from its own rows, and recounted from the ledger."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any

from peewee import SQL, fn

from database import EPOCH, MICROSECOND, db, snapshot
from models import (
    STANDING,
    Account,
    Attempt,
    Campaign,
    DayNumber,
    Figure,
    Heading,
    Merchant,
    Redemption,
    Revocation,
    Rollback,
    Voucher,
)
from quanbao.lib import currencies
from quanbao.lib.compiled_queries import statement

Progress = Callable[[int, int], None]  # how many are done, of how many
QUARTER = 15 * 60 * 1_000_000  # microseconds


@dataclass(frozen=True)
class Figures:
    """docs/contract.md, "Figures". Money in minor units; days (ISO dates) and hours ("00" on) are the merchant's.

    `forfeited` of the rolled back did not come back, as the campaign said, and cannot be redeemed any more:
    quantity = redeemed + forfeited + remaining.
    """

    quantity: int
    issued: int
    opened: int
    redeemed: int
    remaining: int
    consumers: int
    discount_given: int
    rolled_back: int
    forfeited: int
    by_day: dict[str, int]
    by_hour: dict[str, int]
    by_branch: dict[str, int]
    refused: dict[str, int]


OFF_THE_PRICE = Redemption.original_price - Redemption.charged  # null where one of them is not known, or there is none


def of_campaign(campaign: Campaign) -> Figures:
    """The figures as the last redemption left them; costs the same whatever was redeemed."""
    tables: dict[str, dict[str, int]] = {heading: {} for heading in Heading}
    for row in Figure.select().where((Figure.campaign == campaign) & (Figure.count != 0)).order_by(Figure.name):
        tables[row.heading][row.name] = row.count
    return Figures(
        quantity=campaign.quantity,
        issued=campaign.issued,
        opened=campaign.opened,
        redeemed=campaign.redeemed,
        remaining=campaign.remaining,
        consumers=campaign.consumers,
        discount_given=campaign.discount_given,
        rolled_back=campaign.rolled_back,
        forfeited=campaign.forfeited,
        by_day=tables[Heading.DAY],
        by_hour=tables[Heading.HOUR],
        by_branch=tables[Heading.BRANCH],
        refused=tables[Heading.REFUSED],
    )


def of_day(merchant: Merchant, day: date) -> dict[int, int]:
    """Standing redemptions of one day, by the campaign's id."""
    rows = (
        Figure.select(Figure.campaign, Figure.count)
        .join(Campaign)
        .where((Campaign.merchant == merchant) & (Figure.heading == Heading.DAY) & (Figure.name == day.isoformat()))
    )
    return dict(rows.tuples())


def count(campaign: Campaign, names: dict[Heading, str], by: int = 1) -> None:
    """Count one more, or one less, under each heading; in the caller's transaction, rows always in one order."""
    _add(campaign.id, by, *chain.from_iterable(sorted(names.items())))


@statement
def _add(campaign, by, *names):
    rows = [
        {"campaign": campaign, "heading": heading, "name": name, "count": by}
        for heading, name in zip(names[::2], names[1::2], strict=True)
    ]
    return Figure.insert_many(rows).on_conflict(
        conflict_target=[Figure.campaign, Figure.heading, Figure.name], update={Figure.count: Figure.count + by}
    )


def differences(progress: Progress | None = None) -> Iterator[str]:
    """One line for each figure that the ledger does not bear out; nothing is repaired.

    `progress` is told how many campaigns are counted, of how many.
    """
    with snapshot():
        yield from list(recounted(progress))


def recounted(progress: Progress | None = None) -> Iterator[str]:
    """The same in the caller's transaction."""
    yield from _currencies()
    yield from _campaigns(progress or (lambda done, total: None))
    yield from _discounts()
    yield from _vouchers()
    yield from _numbers()


def _currencies() -> Iterator[str]:
    """Merchants whose amounts are wrong by a power of ten: no version kept these digits for their currency."""
    for merchant in Merchant.select().order_by(Merchant.id):
        possible = currencies.possible_digits(merchant.currency)
        if merchant.currency_digits not in possible:
            wanted = " or ".join(map(str, sorted(possible)))
            yield f"{merchant.slug} currency_digits: {merchant.currency_digits} kept, {wanted} for {merchant.currency}"


def _campaigns(progress: Progress) -> Iterator[str]:
    total = Campaign.select().count()
    progress(0, total)
    rows = Campaign.select(Campaign, Merchant).join(Merchant).order_by(Campaign.id)
    for done, campaign in enumerate(rows.iterator(), 1):
        name = f"{campaign.merchant.slug}/{campaign.slug}"
        kept, counted = asdict(of_campaign(campaign)), recount(campaign)
        for figure, value in counted.items():
            if kept[figure] != value:
                yield f"{name} {figure}: {kept[figure]} kept, {value} counted"
        progress(done, total)


def recount(campaign: Campaign) -> dict[str, Any]:
    """The figures that are kept in columns, counted again from vouchers and ledger."""
    vouchers = Voucher.select().where(Voucher.campaign == campaign)
    ledger = Redemption.select().join(Account).where((Redemption.campaign == campaign) & STANDING)
    person = fn.COALESCE(Account.merged_into, Account.id)
    given = fn.COALESCE(OFF_THE_PRICE, Redemption.discount)
    redeemed, consumers, discount = ledger.select(
        fn.COUNT(Redemption.id), fn.COUNT(person.distinct()), fn.COALESCE(fn.SUM(given), 0)
    ).tuples()[0]
    rolled_back, forfeited = _rolled_back(campaign)
    return {
        "issued": vouchers.count(),
        "opened": vouchers.where(Voucher.opened_at.is_null(False)).count(),
        "redeemed": redeemed,
        "consumers": consumers,
        "discount_given": int(discount),
        "rolled_back": rolled_back,
        "forfeited": forfeited,
        "by_day": _ledger_counts(campaign, Redemption.day),
        "by_hour": _by_hour(campaign),
        "by_branch": _ledger_counts(campaign, Redemption.branch_slug),
        "refused": _refused(campaign),
    }


def _discounts() -> Iterator[str]:
    """Redemptions whose discount is not what their original price and the price charged leave."""
    wrong = (
        Redemption.select(Redemption.id, Redemption.discount, OFF_THE_PRICE)
        .join(Campaign)
        .where(Redemption.discount != OFF_THE_PRICE)
        .order_by(Redemption.id)
    )
    for row in wrong.select_extend(Campaign.slug, Merchant.slug).join(Merchant).tuples():
        number, kept, counted, campaign, merchant = row
        yield f"{merchant}/{campaign} discount of redemption {number}: {kept} kept, {counted} counted"


def _rolled_back(campaign: Campaign) -> tuple[int, int]:
    """How many redemptions were taken back, and how many of them did not come back."""
    rows = (
        Rollback.select(Rollback.gave_back, fn.COUNT(Rollback.id))
        .join(Redemption)
        .where(Redemption.campaign == campaign)
        .group_by(Rollback.gave_back)
    )
    counts = {bool(gave_back): count for gave_back, count in rows.tuples()}
    return sum(counts.values()), counts.get(False, 0)


def hour(merchant: Merchant, moment: datetime) -> str:
    """The hour of the merchant's wall clock, "00" to "23"."""
    return f"{moment.astimezone(merchant.zone):%H}"


def _by_hour(campaign: Campaign) -> dict[str, int]:
    """Counted by the quarters of an hour that no zone's clock divides: few rows, however many redemptions there are."""
    quarter = (Redemption.redeemed_at / QUARTER).alias("quarter")
    rows = Redemption.select(quarter, fn.COUNT(Redemption.id)).where((Redemption.campaign == campaign) & STANDING)
    hours: Counter[str] = Counter()
    for number, count in db.execute(rows.group_by(SQL("quarter"))).fetchall():
        hours[hour(campaign.merchant, EPOCH + number * QUARTER * MICROSECOND)] += count
    return dict(sorted(hours.items()))


def _refused(campaign: Campaign) -> dict[str, int]:
    refused = (Attempt.campaign == campaign) & Attempt.reason.is_null(False)
    rows = Attempt.select(Attempt.reason, fn.COUNT(Attempt.id)).where(refused).group_by(Attempt.reason)
    return dict(rows.order_by(Attempt.reason).tuples())


def _ledger_counts(campaign: Campaign, column) -> dict[str, int]:
    rows = Redemption.select(column, fn.COUNT(Redemption.id)).where((Redemption.campaign == campaign) & STANDING)
    return dict(rows.group_by(column).order_by(column).tuples())


def _vouchers() -> Iterator[str]:
    """Vouchers that do not agree with their redemptions, with what came back of these, or with their revocation."""
    rows = db.execute_sql("""
        SELECT v.code, v.uses, v.uses_left, v.returned, COUNT(r.id), COUNT(b.id) FROM voucher v
        LEFT JOIN redemption r ON r.voucher_id = v.id LEFT JOIN "rollback" b ON b.redemption_id = r.id AND b.gave_back
        GROUP BY v.id, v.code, v.uses, v.uses_left, v.returned
        HAVING v.uses - v.uses_left <> COUNT(r.id) - COUNT(b.id) OR v.returned <> COUNT(b.id) ORDER BY v.id""")
    for code, uses, left, kept, redeemed, returned in rows.fetchall():
        if left != (counted := uses - redeemed + returned):
            yield f"voucher {code} uses_left: {left} kept, {counted} counted"
        if kept != returned:
            yield f"voucher {code} returned: {kept} kept, {returned} counted"
    forgotten = Voucher.select(Voucher.code).join(Revocation).where(Voucher.revoked_at.is_null())
    for (code,) in forgotten.order_by(Voucher.id).tuples():
        yield f"voucher {code} revoked_at: none kept, though it was revoked"


def _numbers() -> Iterator[str]:
    """Days whose last receipt number is not the ledger's."""
    place = (Redemption.merchant, Redemption.branch_slug, Redemption.day)
    highest = Redemption.select(*place, fn.MAX(Redemption.number)).group_by(*place).tuples()
    given = {tuple(row[:3]): row[3] for row in highest}
    kept = {(n.merchant_id, n.branch_slug, n.day): n.last for n in DayNumber.select()}
    for key in sorted(given.keys() | kept.keys()):
        if given.get(key) != kept.get(key):
            yield f"{key[2]} {key[1] or 'no branch'} receipt number: {kept.get(key)} kept, {given.get(key)} counted"
