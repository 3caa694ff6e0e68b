"""The figures: kept in the stroke of each redemption, recounted from the ledger, drawn for members."""

from datetime import date, timedelta

import pytest

from models import Campaign, DayNumber, Figure, Role, Voucher
from quanbao import figures
from tests.factories import WRONG
from web import charts

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
    table = figures.of(busy_campaign)
    assert (table.issued, table.redeemed, table.remaining, table.consumers) == (2, 3, 97, 2)
    assert table.discount_given == 3600
    assert table.by_day == {"2026-12-01": 1, "2026-12-02": 2}
    assert table.by_hour == {"12": 3}
    assert table.by_branch == {"": 1, "main": 1, "river": 1}
    assert table.refused == {"password_incorrect": 1, "wrong_branch": 1}
    assert list(figures.differences()) == []


@pytest.mark.parametrize(("column", "named"), [
    (Campaign.issued, "issued"), (Campaign.opened, "opened"), (Campaign.redeemed, "redeemed"),
    (Campaign.consumers, "consumers"), (Campaign.discount_given, "discount_given"),
    (Figure.count, "by_branch"), (Voucher.uses_left, "uses_left"), (DayNumber.last, "receipt number"),
])
def test_a_figure_that_was_changed_by_hand_is_found_and_left_alone(busy_campaign, column, named):
    changed = column.model.select().first()
    before = getattr(changed, column.name)
    step = -1 if column is Voucher.uses_left and before else 1
    key = column.model._meta.primary_key
    row = [getattr(column.model, name) == getattr(changed, name + "_id", getattr(changed, name))
           for name in key.field_names] if hasattr(key, "field_names") else [column.model.id == changed.id]
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


class TestTheChart:
    def test_idle_days_have_their_place(self):
        chart = charts.by_day({"2026-12-01": 2, "2026-12-03": 4}, ZERO, ZERO + timedelta(days=3))
        assert [bar.value for bar in chart.bars] == [2, 0, 4, 0]
        assert chart.bars[2].height == 2 * chart.bars[0].height == charts.HEIGHT

    @pytest.mark.parametrize("days", [1, 62, 63, 365, 4000])
    def test_a_long_period_puts_several_days_into_a_bar_and_loses_none(self, days):
        counts = {(ZERO + timedelta(days=n)).isoformat(): 1 for n in range(days)}
        chart = charts.by_day(counts, ZERO, ZERO + timedelta(days=days - 1))
        assert len(chart.bars) <= charts.MOST_BARS
        assert sum(bar.value for bar in chart.bars) == days

    def test_nothing_redeemed_is_a_flat_chart(self):
        assert [bar.height for bar in charts.by_day({}, ZERO, ZERO).bars] == [0]
