"""What a redemption was made at: product and prices stay what they were when the offer changes."""

import re

import pytest

from database import db
from models import Campaign, Member, Merchant, Redemption, Role, Voucher
from quanbao.campaigns import figures
from quanbao.redemption import redeem, rollbacks
from quanbao.reports import attempt_log, own_data, till_day
from quanbao.vouchers import wallet
from tests.support.factories import World
from tests.support.page_client import PageClient
from web import create_app

BEFORE, AFTER = (3900, 5000), (4200, 5500)  # offer and original price


def offered(campaign: Campaign, prices: tuple[int, int]) -> None:
    Campaign.update(offer_price=prices[0], original_price=prices[1], version=Campaign.version + 1).where(
        Campaign.id == campaign.id
    ).execute()


def cake(world: World, **columns) -> Campaign:
    return world.campaign(slug="cake", product="Cake", offer_price=BEFORE[0], original_price=BEFORE[1], **columns)


def described(world: World, voucher: Voucher) -> tuple:
    """Offer and original price of the voucher, which is the same wherever it is described."""
    voucher = wallet.held(voucher.code, world.mei)
    one = wallet.describe(voucher, world.clock())
    assert wallet.describe_all([voucher], world.clock()) == [one]
    past = wallet.redemptions_of(world.mei)
    assert wallet.describe_all([voucher], world.clock(), past) == [one]
    [mine] = [row for row in own_data.data(world.mei, world.clock())["vouchers"] if row["code"] == voucher.code]
    assert {name: mine[name] for name in one} == one, "the own data say more of it, and nothing else"
    return one["offer_price"], one["original_price"]


def roll_back(world: World) -> None:
    world.member(role=Role.OWNER)
    row = rollbacks.find(Redemption.select().order_by(Redemption.id.desc()).get().id, Member.get())
    rollbacks.roll_back(row, Member.get(), "by_mistake", "", world.clock())


def test_a_used_voucher_says_what_it_was_redeemed_at(world):
    campaign = cake(world)
    voucher, waiting = world.voucher(campaign=campaign), world.voucher(campaign=campaign)
    first = world.attempt(voucher)
    assert (first.voucher["offer_price"], first.voucher["original_price"]) == BEFORE
    offered(campaign, AFTER)
    row = Redemption.get()
    assert (row.product, row.charged, row.original_price, row.discount) == ("Cake", *BEFORE, 1100)
    assert described(world, voucher) == BEFORE
    assert described(world, waiting) == AFTER
    assert redeem.stored(world.mei, first.attempt_id) == first, "the receipt given again"
    again = world.attempt(voucher)
    assert (again.reason, again.voucher["offer_price"]) == ("already_redeemed", BEFORE[0])
    refused, redeemed = attempt_log.entries(campaign)
    assert (redeemed.redemption.charged, redeemed.redemption.original_price, refused.redemption) == (*BEFORE, None)
    [row] = [row for row in till_day.rows(world.merchant, [""], world.merchant.day(world.clock())) if row.redemption]
    assert row.voucher["offer_price"] == BEFORE[0]
    [mine] = own_data.data(world.mei, world.clock())["redemptions"]
    assert (mine["product"], mine["charged"], mine["original_price"], mine["discount"]) == ("Cake", *BEFORE, 1100)
    assert list(figures.differences()) == []


def test_a_voucher_with_a_use_left_says_what_that_one_costs(world):
    campaign = cake(world, uses_per_voucher=3)
    voucher = world.voucher(campaign=campaign)
    world.attempt(voucher)
    offered(campaign, AFTER)
    assert described(world, voucher) == AFTER
    for _ in range(2):
        world.attempt(voucher)
    offered(campaign, (1, 2))
    assert described(world, voucher) == AFTER, "all uses are gone: the latest"
    voucher = wallet.held(voucher.code, world.mei)
    assert wallet.worth(voucher, wallet.redemptions(voucher)).differing
    assert [row.charged for row in wallet.redemptions(voucher)] == [AFTER[0], AFTER[0], BEFORE[0]]
    assert Campaign.get().discount_given == 1100 + 2 * 1300
    assert list(figures.differences()) == []


@pytest.mark.parametrize("gives_back", [True, False])
def test_after_a_rollback(world, gives_back):
    """What came back costs what it costs now; what did not shows what it was, or the use that stands."""
    campaign = cake(world, uses_per_voucher=2, rollback_gives_back=gives_back)
    voucher = world.voucher(campaign=campaign)
    world.attempt(voucher)
    offered(campaign, AFTER)
    world.attempt(voucher)
    roll_back(world)
    offered(campaign, (1, 2))
    assert described(world, voucher) == ((1, 2) if gives_back else BEFORE)
    assert list(figures.differences()) == []


def test_a_single_use_that_was_rolled_back_and_lost(world):
    campaign = cake(world, rollback_gives_back=False)
    voucher = world.voucher(campaign=campaign)
    world.attempt(voucher)
    roll_back(world)
    offered(campaign, AFTER)
    assert described(world, voucher) == BEFORE


def test_an_exchange_has_no_price(world):
    voucher = world.voucher(campaign=world.campaign(kind="prize", product="Cup"))
    assert world.attempt(voucher).voucher["offer_price"] is None
    row = Redemption.get()
    assert (row.product, row.original_price, row.charged, row.discount) == ("Cup", None, 0, 0)
    assert described(world, voucher) == (None, None)


def statements(monkeypatch, what) -> list[str]:
    asked, execute = [], db.obj.execute_sql
    with monkeypatch.context() as patch:
        patch.setattr(db.obj, "execute_sql", lambda sql, *more: (asked.append(sql), execute(sql, *more))[1])
        assert what().redeemed
    return asked


def test_a_redemption_asks_the_database_no_more_often_for_it(world, monkeypatch):
    """The last use of a voucher, whose description is of the ledger afterwards, and a use in between."""
    campaign, other = world.campaign(uses_per_voucher=9), world.campaign()
    several, single, first = (world.voucher(campaign=which) for which in (campaign, other, other))
    for voucher in (first, several):  # statements are written once, and what a campaign says
        world.attempt(voucher)
    between = statements(monkeypatch, lambda: world.attempt(several, by=world.mei))
    last = statements(monkeypatch, lambda: world.attempt(single, by=world.mei))
    assert len(last) == len(between)
    assert not [sql for sql in last if '"charged"' in sql and not sql.startswith("INSERT")]


@pytest.fixture
def forged(world):
    """A redemption of the ledger whose guards were taken away, changed."""
    world.attempt(world.voucher(campaign=cake(world)))

    def forge(**columns) -> list[str]:
        on = "sqlite" if type(db.obj).__name__ == "APSWDatabase" else "postgresql"
        db.execute_sql(
            "DROP TRIGGER redemption_no_update" if on == "sqlite" else "ALTER TABLE redemption DISABLE TRIGGER USER"
        )
        Redemption.update(columns).execute()
        return list(figures.differences())

    return forge


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            {"charged": 3800},
            [
                "lotus/cake discount_given: 1100 kept, 1200 counted",
                "lotus/cake discount of redemption 1: 1100 kept, 1200 counted",
            ],
        ),
        ({"discount": 1200}, ["lotus/cake discount of redemption 1: 1200 kept, 1100 counted"]),
        ({"original_price": None, "charged": None}, []),
        ({"original_price": None, "charged": None, "discount": 7}, ["lotus/cake discount_given: 1100 kept, 7 counted"]),
    ],
)
def test_check_recounts_discounts_from_the_prices(forged, columns, lines):
    assert forged(**columns) == lines


# On the pages


def text_of(page) -> str:
    return re.sub(r"\s+", " ", page.text)


def test_the_pages_say_what_was_paid(small_world, app, client):
    campaign = cake(small_world)
    voucher = small_world.voucher(campaign=campaign)
    small_world.attempt(voucher, branch="main")
    offered(campaign, AFTER)
    client.sign_in(small_world.mei)
    for path in (f"/vouchers/{voucher.code}", "/wallet"):
        page = client.get(path).html  # with what the phone stores
        page = re.sub(r'data-share="[^"]*"', "", page)  # a friend hears what the offer is now
        for text in ("¥39", "¥50", " · ¥39 · "):  # the last in its history
            assert text in page
        assert "¥42" not in page
        assert "¥55" not in page
    assert "¥42" not in text_of(client.get(f"/vouchers/{voucher.code}/redeem", status=200))
    owner = PageClient(app).sign_in(small_world.member(role=Role.OWNER))
    number = Redemption.get().id
    for path in ("campaigns/cake/attempts", f"redemptions/{number}", f"vouchers/{voucher.code}", "till"):
        page = text_of(owner.get(f"/merchants/lotus/{path}"))
        assert "¥39" in page, path
        assert "¥42" not in page, path
    assert "¥39 instead of ¥50" in text_of(owner.get(f"/merchants/lotus/redemptions/{number}"))


def test_of_several_prices_the_ticket_shows_the_last_and_says_so(small_world, client):
    campaign = cake(small_world, uses_per_voucher=2)
    voucher = small_world.voucher(campaign=campaign)
    small_world.attempt(voucher)
    offered(campaign, AFTER)
    small_world.attempt(voucher)
    offered(campaign, (100, 200))
    page = client.sign_in(small_world.mei).get(f"/vouchers/{voucher.code}")
    ticket = page.html[page.html.index('class="stub"') : page.html.index('class="body"')]
    assert "¥42" in ticket
    assert "¥39" not in ticket
    assert "Last use" in ticket
    assert text_of(page).index(" · ¥42 · ") < text_of(page).index(" · ¥39 · ")


def test_where_it_is_not_known_no_price_is_shown(forged, database, clock, world):
    forged(product=None, original_price=None, charged=None)
    voucher = Voucher.get()
    assert described(world, voucher) == (None, None)
    client = PageClient(create_app(database, clock=clock)).sign_in(world.mei)
    for path in (f"/vouchers/{voucher.code}", "/wallet"):
        page = text_of(client.get(path))
        assert "Cake" in page
        assert "¥" not in page
        assert "…" not in page


def test_an_exchange_and_a_free_one_on_the_pages(small_world, client):
    small_world.attempt(small_world.voucher(campaign=small_world.campaign(offer_price=0)))
    small_world.attempt(small_world.voucher(campaign=small_world.campaign(kind="gift", product="Cup")))
    Merchant.update(name="Shop").execute()
    page = client.sign_in(small_world.mei).get("/wallet").html
    assert page.count(" · Free · ") == 1
    assert "None" not in page
