"""What the migrations make of the rows of older versions, on both engines."""

import pytest
from peewee import IntegrityError

from database import db, open_database
from models import (
    Attempt,
    Branch,
    Campaign,
    CampaignVersion,
    Guess,
    Member,
    Merchant,
    Redemption,
    RedemptionPassword,
    Role,
)
from quanbao.campaigns import figures
from quanbao.lib import currencies
from quanbao.operations import migrate
from quanbao.redemption import attempts
from quanbao.redemption.reasons import Reason
from tests.conftest import POSTGRESQL, SQLITE
from tests.support.factories import World
from tests.support.older_database import older

CURRENCIES = {  # as Babel 2.18 has them, whatever is installed: with these their amounts were typed
    "CNY": 2,
    "EUR": 2,
    "JPY": 0,
    "KWD": 3,
    "CLF": 4,
    "HUF": 2,
    "COP": 2,
    "IDR": 2,
    "RSD": 0,
    "IQD": 0,
    "MGA": 0,
    "MRU": 2,
    "LAK": 0,
    "YER": 0,
    "HRK": 2,
    "DEM": 2,
    "BGN": 2,
    "ITL": 0,
    "XXX": 2,
    "XAU": 2,
    "UYW": 4,
    "UYI": 0,
}


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def empty(request, settings):
    """An open, empty database."""
    server = None if request.param == SQLITE else request.getfixturevalue("postgres_server")
    open_database(server and server.create("older"), settings.sqlite_file)
    yield
    db.close()
    if server:
        server.drop("older")


def test_0006_keeps_what_the_amounts_of_a_merchant_mean(empty, clock, keys):
    with older("0005_attacks"):
        world = World(clock, keys)
        for code in CURRENCIES:
            world.make_merchant(slug=code.lower(), currency=code, currency_digits=None)
    assert "0006_currency_digits" in migrate.migrate()
    rows = Merchant.select().where(Merchant.slug != "lotus")
    assert {row.currency: row.currency_digits for row in rows} == CURRENCIES
    assert list(figures.differences()) == []
    for wrong in (None, -1, 5):
        with pytest.raises(IntegrityError), db.atomic():
            Merchant.update(currency_digits=wrong).execute()
    assert {code: currencies.former_digits(code) for code in CURRENCIES} == CURRENCIES


def rows() -> list[dict]:
    """The ledger, in the columns that it had after 0007."""
    later = {"campaign_version", "line", "uses"}
    known = [field for field in Redemption._meta.sorted_fields if field.name not in later]
    return list(Redemption.select(*known).order_by(Redemption.id).dicts())


def changes_are_refused(table) -> bool:
    for query in (table.update(consumer=table.consumer), table.delete()):
        try:
            with db.atomic():
                query.execute()
            return False
        except IntegrityError:
            pass
    return True


def test_0007_fills_what_redemptions_were_made_at_from_their_verdicts(empty, clock, keys, monkeypatch):
    """A refusal before and after, several uses at changed prices, an exchange, nothing to pay; another's equal id."""
    with older("0006_currency_digits"):
        world = World(clock, keys)
        tea = world.campaign(product="茶 “Oolong” \\ 'é' %s ?", uses_per_voucher=3, original_price=10**12)
        voucher, lin = world.voucher(campaign=tea), world.account()
        same = "0b8f5a3c-3f0e-4a4f-9d5e-6f1a2b3c4d5e"
        world.attempt(voucher, typed="602417")
        world.attempt(voucher, attempt_id=same)
        Campaign.update(offer_price=2000, original_price=4200, version=2).where(Campaign.id == tea.id).execute()
        world.attempt(voucher)
        world.attempt(world.voucher(campaign=world.campaign(kind="prize", product="Cup"), holder=lin), attempt_id=same)
        world.attempt(world.voucher(campaign=world.campaign(offer_price=0)))
        Campaign.update(offer_price=1, original_price=2, product="later").where(Campaign.kind == "discount").execute()
        world.attempt(voucher, offer_price=1800)
        before = rows()
    assert [(row["original_price"], row["charged"]) for row in before] == [
        (10**12, 1800),
        (4200, 2000),
        (None, 0),
        (3000, 0),
    ]
    assert migrate.migrate()[0] == "0007_redeemed_at"
    assert rows() == before
    assert changes_are_refused(Redemption)
    assert changes_are_refused(Attempt)
    assert list(figures.differences()) == []


def test_0007_goes_through_a_long_ledger_some_rows_at_a_time(empty, clock, keys, monkeypatch):
    """What no attempt has a verdict of stays unknown."""
    with older("0006_currency_digits"):
        world = World(clock, keys)
        for _ in range(5):
            world.attempt(world.voucher())
        last = rows()[-1]
        Redemption.insert(
            last | {"id": 40, "attempt_id": "0b8f5a3c-3f0e-4a4f-9d5e-6f1a2b3c4d5e", "use_number": 2, "number": 40}
        ).execute()
        before = rows()
    module = next(m for m in migrate._Runner().migrations() if m.name == "0007_redeemed_at").load()
    asked, execute = [], db.obj.execute_sql
    monkeypatch.setattr(db.obj, "execute_sql", lambda sql, *more: (asked.append(sql), execute(sql, *more))[1])
    module.STEP = 2
    with db.atomic():
        module.up(migrate._Runner().migrator, db)
    assert sum("UPDATE redemption" in sql for sql in asked) == 20
    unknown = {"product": None, "original_price": None, "charged": None}
    assert rows() == [row if row["id"] < 40 else row | unknown for row in before]


def told() -> dict:
    """Every verdict as it would be given again, with its trace."""
    verdicts = attempts.verdicts(Attempt.id > 0)
    return {
        (row.consumer_id, row.attempt_id): (verdicts[row.consumer_id, row.attempt_id], attempts.trace(row))
        for row in Attempt.select()
    }


def try_everything(world: World) -> None:
    """Uses at changed prices, refusals before and after, an exchange, a counter code, an equal id of another's."""
    Branch.create(merchant=world.merchant, slug="canal", name="Canal “\\ %s ?”", address="河边 1")
    tea = world.campaign(product="茶 “Oolong” \\ 'é' %s ?", uses_per_voucher=3, per_consumer=2, groups=[])
    voucher, same = world.voucher(campaign=tea), "0b8f5a3c-3f0e-4a4f-9d5e-6f1a2b3c4d5e"
    world.attempt(voucher, typed="602417")
    world.attempt(voucher, attempt_id=same, branch="canal", amount=4000)
    Campaign.update(offer_price=2000, version=Campaign.version + 1).where(Campaign.id == tea.id).execute()
    world.attempt(voucher, offer_price=1800)
    world.attempt(voucher)
    world.attempt(voucher, branch="canal")
    Campaign.update(product="later", version=Campaign.version + 1).where(Campaign.id == tea.id).execute()
    world.attempt(voucher)
    world.attempt(voucher, branch="nowhere", amount=0)
    cup = world.voucher(campaign=world.campaign(kind="prize", product="Cup"), holder=world.account())
    world.attempt(cup, attempt_id=same)
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    world.redeem(world.take(world.counter_code(world.voucher()).code, owner), amount=7)


def test_0012_gives_every_answer_again_field_by_field(empty, clock, keys):
    with older("0011_issued_again"):
        world = World(clock, keys)
        try_everything(world)
        before = told()
    assert len(before) == 9
    assert migrate.migrate()[0] == "0012_campaign_versions"
    assert told() == before
    doors = [row.door for row in Attempt.select().order_by(Attempt.id)]
    assert doors == ["password"] * 8 + ["counter_code"]
    assert CampaignVersion.select().count() == 4, "one for each that differs"
    assert {row.version for row in CampaignVersion.select()} == {None}
    for redeemed in Redemption.select():
        assert (redeemed.line, redeemed.uses) == (1, 1)
        assert (
            redeemed.campaign_version_id
            == Attempt.get(
                (Attempt.attempt_id == redeemed.attempt_id) & (Attempt.consumer == redeemed.consumer_id)
            ).campaign_version_id
        )
    assert all(changes_are_refused(table) for table in (Redemption, Attempt))
    assert list(figures.differences()) == []
    first, *_ = Attempt.select().order_by(Attempt.id)
    assert first.merchant_id == world.merchant.id
    world.attempt(world.voucher())
    assert [row.version for row in CampaignVersion.select()].count(1) == 1


def test_0012_goes_through_a_long_ledger_some_rows_at_a_time(empty, clock, keys):
    with older("0011_issued_again"):
        try_everything(World(clock, keys))
        before = told()
    module = next(m for m in migrate._Runner().migrations() if m.name == "0012_campaign_versions").load()
    module.STEP = 2
    with db.atomic():
        module.up(migrate._Runner().migrator, db)
    assert told() == before


def test_0016_names_passwords_and_lets_campaigns_accept_what_they_had(empty, clock, keys):
    with older("0012_campaign_versions"):
        world = World(clock, keys)
        xue = world.make_merchant(slug="xue", language="zh")
        voucher = world.voucher()
        world.campaign(password=world.make_password(digits="750264"))
        world.campaign(merchant=xue, password=world.make_password(merchant=xue, digits="604718"))
        left = world.make_password(digits="739164")
        world.spend_password(wrong=3)
        world.attempt(voucher, typed="602417")
    assert "0016_passwords" in migrate.migrate()
    assert len({branch.sign for branch in Branch.select()}) == Branch.select().count() == 4
    rows = RedemptionPassword.select().where(RedemptionPassword.id != left.id).order_by(RedemptionPassword.id)
    assert [(row.name, row.kind, row.branch_slug, row.ends_at) for row in rows] == [
        (name, "fixed", None, None) for name in ("Password 1", "Password 2", "密码 1")
    ]
    assert RedemptionPassword.get_by_id(left.id).ends_at is not None
    assert not any(campaign.accepts_all for campaign in Campaign.select())
    totals = [row.total for row in Guess.select().order_by(Guess.total)]
    assert totals == [number * 10**6 for number in (1, 2, 3, 4)]
    assert world.attempt(voucher, typed="750264").reason is Reason.PASSWORD_INCORRECT
    assert world.attempt(voucher).redeemed
