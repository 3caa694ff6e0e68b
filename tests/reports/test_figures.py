"""The figures: kept in the stroke of each redemption, recounted from the ledger, drawn for members."""

from datetime import date, timedelta

import pytest

from database import write_transaction
from models import Branch, Campaign, DayNumber, Figure, Role, Session, Voucher
from quanbao.campaigns import figures
from quanbao.merchants import branches
from quanbao.vouchers import issuing
from tests.support.factories import WRONG
from web.present import charts

ZERO = date(2026, 12, 1)


@pytest.fixture
def busy_campaign(world):
    """Three redemptions on two days at two branches, two refusals."""
    campaign = world.campaign(uses_per_voucher=2)
    first, second = (world.voucher(campaign=campaign, holder=world.account()) for _ in range(2))
    world.attempt(first, branch="main")
    world.attempt(second, typed=WRONG)
    world.attempt(second, branch="nowhere")
    world.clock.forward(days=1)
    world.attempt(first, branch="river")
    world.attempt(second)
    return Campaign.get_by_id(campaign.id)


def test_the_figures_after_a_busy_day(busy_campaign):
    table = figures.of_campaign(busy_campaign)
    assert (table.issued, table.redeemed, table.remaining, table.consumers) == (2, 3, 97, 2)
    assert table.discount_given == 3600
    assert table.by_day == {"2026-12-01": 1, "2026-12-02": 2}
    assert table.by_hour == {"12": 3}
    assert table.by_branch == {"": 1, "main": 1, "river": 1}
    assert table.refused == {"password_incorrect": 1, "wrong_branch": 1}
    assert list(figures.differences()) == []


@pytest.mark.parametrize(
    ("column", "named"),
    [
        (Campaign.issued, "issued"),
        (Campaign.opened, "opened"),
        (Campaign.redeemed, "redeemed"),
        (Campaign.consumers, "consumers"),
        (Campaign.discount_given, "discount_given"),
        (Figure.count, "by_branch"),
        (Voucher.uses_left, "uses_left"),
        (DayNumber.last, "receipt number"),
    ],
)
def test_a_figure_that_was_changed_by_hand_is_found_and_left_alone(busy_campaign, column, named):
    changed = column.model.select().first()
    before = getattr(changed, column.name)
    step = -1 if column is Voucher.uses_left and before else 1
    key = column.model._meta.primary_key
    row = (
        [
            getattr(column.model, name) == getattr(changed, name + "_id", getattr(changed, name))
            for name in key.field_names
        ]
        if hasattr(key, "field_names")
        else [column.model.id == changed.id]
    )
    column.model.update({column.name: before + step}).where(*row).execute()
    assert any(named in line for line in figures.differences())
    assert any(named in line for line in figures.differences()), "nothing is repaired"


def test_the_figures_page_shows_them_in_words_and_as_a_chart(client, small_world):
    client.sign_in(small_world.member(role=Role.OWNER))
    campaign = small_world.campaign()
    path = f"/merchants/lotus/campaigns/{campaign.slug}/figures"
    assert "None so far." in client.get(path).text
    small_world.attempt(small_world.voucher(campaign=campaign), branch="main")
    small_world.attempt(small_world.voucher(campaign=campaign, holder=small_world.account()), typed=WRONG)
    page = client.get(path)
    for words in ("Discount given", "¥12", "Main Street", "That is not the password."):
        assert words in page.text
    assert page.all("svg", role="img")
    assert client.json(path)["by_day"] == {"2026-12-01": 1}
    assert client.json(path)["refused"] == {"password_incorrect": 1}


def test_another_merchants_campaign_is_not_there(client, small_world):
    other = small_world.make_merchant(slug="other")
    campaign = small_world.campaign(merchant=other, password=small_world.make_password(merchant=other))
    client.sign_in(small_world.member(role=Role.OWNER))
    client.get(f"/merchants/lotus/campaigns/{campaign.slug}/figures", status=404)
    client.get(f"/merchants/other/campaigns/{campaign.slug}/figures", status=404)


class TestTheCharts:
    def test_idle_days_have_their_place(self):
        chart = charts.by_day({"2026-12-01": 2, "2026-12-03": 4}, ZERO, ZERO + timedelta(days=3))
        assert [column.value for column in chart.columns] == [2, 0, 4, 0]
        assert [column.height for column in chart.columns] == [50, 0, 100, 0]
        assert (chart.top, chart.ticks) == (4, ["2026-12-01", "2026-12-04"])

    @pytest.mark.parametrize("days", [1, 62, 63, 365, 4000])
    def test_a_long_period_puts_several_days_into_a_column_and_loses_none(self, days):
        counts = {(ZERO + timedelta(days=n)).isoformat(): 1 for n in range(days)}
        chart = charts.by_day(counts, ZERO, ZERO + timedelta(days=days - 1))
        assert len(chart.columns) <= charts.MOST_COLUMNS
        assert sum(column.value for column in chart.columns) == days
        assert chart.columns[-1].name.endswith((ZERO + timedelta(days=days - 1)).isoformat())
        assert chart.columns[-1].x + chart.columns[-1].width <= 100

    def test_nothing_redeemed_is_flat(self):
        assert [column.height for column in charts.by_day({}, ZERO, ZERO).columns] == [0]

    def test_an_hour_has_the_same_place_every_day(self):
        columns = charts.by_hour({"00": 1, "23": 2}).columns
        assert [(n, column.value) for n, column in enumerate(columns) if column.value] == [(0, 1), (23, 2)]

    def test_the_last_bar_is_of_all_that_have_no_room(self):
        rows = [(f"Branch {n}", 100 - n) for n in range(50)]
        bars = charts.bars(rows, "All others")
        assert len(bars) == charts.MOST_ROWS
        assert (bars[0].said, bars[-1].said) == ("Branch 0", "All others")
        assert sum(bar.value for bar in bars) == sum(value for _, value in rows)
        assert max(bar.width for bar in bars) == 100

    @pytest.mark.parametrize(
        ("name", "cut"),
        [
            ("Main Street", "Main Street"),
            ("x" * 26, "x" * 26),
            ("x" * 27, "x" * 25 + "…"),
            ("茶" * 13, "茶" * 13),
            ("茶" * 14, "茶" * 12 + "…"),
        ],
    )
    def test_a_name_is_cut_to_the_room_that_it_has(self, name, cut):
        assert charts.short(name) == cut


def test_behind_each_chart_are_its_numbers(client, small_world):
    """The most first, also where the picture has no room for all; a branch that was renamed has its new name."""
    client.sign_in(small_world.member(role=Role.OWNER))
    campaign = small_world.campaign(uses_per_voucher=20)
    voucher = small_world.voucher(campaign=campaign)
    for branch, times in (("main", 1), ("river", 3)):
        for _ in range(times):
            small_world.attempt(voucher, branch=branch)
    Branch.update(name="River <b>Walk</b>").where(Branch.slug == "river").execute()
    page = client.get(f"/merchants/lotus/campaigns/{campaign.slug}/figures")
    assert [chart["aria-label"].partition(";")[0] for chart in page.all("svg", role="img")] == [
        "From issued to redeemed",
        "Redeemed by day",
        "Redeemed by hour",
        "Redeemed by branch",
    ]
    assert [part["id"] for part in page.all("details")] == ["funnel", "by-day", "by-hour", "by-branch"]
    assert page.text.index("River <b>Walk</b>") < page.text.index("Main Street")
    assert "300%" not in page.text, "a voucher of several uses has no share"


class TestAskingAgain:
    """What htmx does every five seconds while somebody looks."""

    FRAGMENT = {"HX-Request": "true"}

    @pytest.fixture
    def campaign(self, client, small_world, clock):
        clock.set("2026-12-01T23:00:00+08:00")
        client.sign_in(small_world.member(role=Role.OWNER))
        return small_world.campaign(uses_per_voucher=5)

    def again(self, client, path: str) -> str:
        """The address that the page will ask at next."""
        page = client.get(path, headers=self.FRAGMENT)
        (region,) = page.all("div", id="figures")
        return region["hx-get"]

    def test_nothing_comes_while_nothing_changed(self, client, campaign, clock):
        path = self.again(client, f"/merchants/lotus/campaigns/{campaign.slug}/figures")
        for _ in range(3):
            clock.forward(minutes=1)
            assert client.get(path, status=204, headers=self.FRAGMENT).html == ""

    @pytest.mark.parametrize(
        "change",
        [
            lambda world, voucher: world.attempt(voucher, branch="main"),
            lambda world, voucher: world.attempt(voucher, typed=WRONG),
            lambda world, voucher: world.voucher(campaign=voucher.campaign, holder=world.account()),
            lambda world, voucher: write_transaction(lambda: issuing.open_voucher(voucher, world.clock())),
            lambda world, voucher: branches.change(Branch.get(), "Another name", ""),
            lambda world, voucher: world.clock.forward(hours=1),
        ],
        ids=["redeemed", "refused", "issued", "opened", "renamed", "midnight"],
    )
    def test_whatever_changes_comes_once(self, client, small_world, campaign, change):
        voucher = small_world.voucher(campaign=campaign)
        path = self.again(client, f"/merchants/lotus/campaigns/{campaign.slug}/figures")
        change(small_world, voucher)
        path = self.again(client, path)
        client.get(path, status=204, headers=self.FRAGMENT)

    def test_without_script_the_same_address_is_a_page(self, client, campaign):
        path = self.again(client, f"/merchants/lotus/campaigns/{campaign.slug}/figures")
        assert "Redemptions and refusals" in client.get(path).text

    def test_who_was_signed_out_is_led_to_the_sign_in_and_gets_nothing_to_swap(self, client, campaign):
        path = self.again(client, f"/merchants/lotus/campaigns/{campaign.slug}/figures")
        Session.delete().execute()
        answer = client.get(path, status=401, headers=self.FRAGMENT)
        assert (answer.html, answer.headers["HX-Redirect"].partition("?")[0]) == ("", "/sign-in")

    def test_a_page_that_nobody_looks_at_any_more_does_not_stay_signed_in(self, client, campaign, clock):
        """Its questions come by themselves; those of a person carry the session on."""
        path = self.again(client, f"/merchants/lotus/campaigns/{campaign.slug}/figures")
        clock.forward(hours=6)
        client.get("/account")
        for _ in range(23):
            clock.forward(minutes=30)
            client._send("GET", path, self.FRAGMENT, {})
        clock.forward(minutes=30)
        client.get(path, status=401, headers=self.FRAGMENT)
