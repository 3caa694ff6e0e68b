"""Ledgers of any size, written straight into the tables: a copy of one real redemption for each consumer."""

from peewee import fn

from database import db, on_sqlite
from models import Account, Attempt, Branch, Campaign, DayNumber, Figure, Heading, Redemption
from quanbao.campaigns import figures
from tests.support.factories import World

# For both engines; a consumer, customer, voucher, redemption and attempt for each number i, on 28 days in turn.
NUMBERS = "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {size})"
DATE = "'2026-12-' || CASE WHEN (i - i / 28 * 28) < 9 THEN '0' ELSE '' END || ((i - i / 28 * 28) + 1)"
TIME = "{now} + 86400000000 * ((i - i / 28 * 28))"
ACCOUNTS = "INSERT INTO account (email, proved, created_at) {numbers} SELECT '{slug}-' || i, {yes}, {now} FROM numbers"
THE_REST = (
    """INSERT INTO customer (merchant_id, consumer_id, address, first_seen_at)
       {numbers} SELECT {merchant}, {account} + i, '{slug}-' || i || '@example.org', {now} FROM numbers""",
    """INSERT INTO voucher (code, campaign_id, consumer_id, issued_to_id, nth, uses, uses_left, issued_at, opened_at,
                            ended_at)
       {numbers} SELECT '{slug}-' || i, {campaign}, {account} + i, {account} + i, 1, 1, 0, {now}, {now}, {time}
       FROM numbers""",
    """INSERT INTO redemption (consumer_id, attempt_id, voucher_id, use_number, campaign_id, merchant_id, branch_slug,
                               day, number, words, discount, redeemed_at)
       {numbers} SELECT consumer_id, {copy}, voucher.id, 1, campaign_id, {merchant}, '{slug}', {date}, i / 28 + 2,
                        'two words', {discount}, {time}
       FROM numbers JOIN voucher ON code = '{slug}-' || i""",
    """INSERT INTO attempt (consumer_id, attempt_id, voucher_id, campaign_id, merchant_id, at, campaign_version_id,
                            uses_left, door, state)
       {numbers} SELECT voucher.consumer_id, {copy}, voucher.id, voucher.campaign_id, merchant_id, {time},
                        campaign_version_id, 0, door, state
       FROM numbers JOIN voucher ON code = '{slug}-' || i JOIN attempt ON attempt.id = {attempt} ORDER BY i""",
)


def fill(world: World, size: int, *, refused: int = 20) -> Campaign:
    """A campaign `of-<size>` with some refusals, the oldest of its attempts, and then so many redemptions."""
    slug = f"of-{size}"
    Branch.create(merchant=world.merchant, slug=slug, name=f"Branch {size}", address="")
    campaign = world.campaign(slug=slug, quantity=size)
    voucher = world.voucher(campaign=campaign, holder=world.account())
    for number in range(refused):
        world.attempt(voucher, **{"branch": "nowhere"} if number % 2 else {"offer_price": 1})
    world.attempt(voucher, branch=slug)
    _copy(world, campaign, size - 1)
    _count(campaign)
    return Campaign.get_by_id(campaign.id)


def _copy(world: World, campaign: Campaign, size: int) -> None:
    model = Redemption.get(Redemption.campaign == campaign)
    known = {
        "size": size,
        "slug": campaign.slug,
        "campaign": campaign.id,
        "merchant": world.merchant.id,
        "now": Redemption.redeemed_at.db_value(model.redeemed_at),
        "discount": model.discount,
        "attempt": Attempt.get(Attempt.attempt_id == model.attempt_id).id,
        "copy": "'c0b1ec0b-1ec0-4b1e-8c0b-1ec0b1ec0b1e'" + ("" if on_sqlite() else "::uuid"),
        "yes": 1 if on_sqlite() else "true",
        "date": DATE,
        "numbers": NUMBERS.format(size=size),
    }
    known["time"] = TIME.format(**known)
    db.execute_sql(ACCOUNTS.format(**known))
    known["account"] = Account.get(Account.email == f"{campaign.slug}-1").id - 1
    for statement in THE_REST:
        db.execute_sql(statement.format(**known))
    if not on_sqlite():
        db.execute_sql("ANALYZE")


def _count(campaign: Campaign) -> None:
    """The figures, and the days' last numbers, that the ledger bears out."""
    counted = figures.recount(campaign)
    kept = ("issued", "opened", "redeemed", "consumers", "discount_given")
    Campaign.update({name: counted[name] for name in kept}).where(Campaign.id == campaign.id).execute()
    Figure.delete().where(Figure.campaign == campaign).execute()
    for heading in Heading:
        names = counted["refused" if heading is Heading.REFUSED else f"by_{heading}"]
        Figure.insert_many(
            [
                {"campaign": campaign.id, "heading": heading, "name": name, "count": count}
                for name, count in names.items()
            ]
        ).execute()
    at = (Redemption.merchant, Redemption.branch_slug, Redemption.day)
    highest = Redemption.select(*at, fn.MAX(Redemption.number)).where(Redemption.branch_slug == campaign.slug)
    DayNumber.delete().where(DayNumber.branch_slug == campaign.slug).execute()
    DayNumber.insert_from(highest.group_by(*at), [*DayNumber._meta.fields.values()]).execute()
