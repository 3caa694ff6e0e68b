"""How many digits an amount has: by ISO 4217, kept with the merchant, whatever Babel has; what is no money."""

import re
from decimal import Decimal

import babel.numbers
import pytest
from babel.numbers import list_currencies

from models import Campaign, Merchant, Redemption, Role
from quanbao.campaigns import figures
from quanbao.campaigns.rules import MOST_MONEY
from quanbao.lib import currencies
from quanbao.operations import bulk_import, first_start, import_document
from tests.pages.test_campaign_pages import TYPED, draft, entries
from tests.support.factories import money_of
from tests.support.page_client import PageClient
from web import create_app
from web.present import formats

EDIT = "/merchants/lotus/campaigns/tea/edit"
NO_CENTS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
MOVED = {"HUF": 2, "COP": 2, "IDR": 2, "RSD": 2}  # by Babel's release after 2.18
NO_MONEY = ["XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XSU", "XUA", "XAD", "XBA", "XBB", "XBC", "XBD"]
FUNDS = ["BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"]
GONE = {"HRK": "EUR", "DEM": "EUR", "BGN": "EUR", "ANG": "XCG", "SLL": "SLE", "ZWL": "ZWG", "CUC": "CUP", "MRO": "MRU"}


@pytest.fixture(params=[0, 2, 3, 4])
def babel_says(request, monkeypatch):
    """Babel with other digits for every currency."""
    monkeypatch.setattr(babel.numbers, "get_currency_precision", lambda code: request.param)


def test_the_table_is_that_of_iso_4217():
    """List One of 2026 has 155 currencies that are money with a minor unit."""
    assert len(currencies.DIGITS) == 155
    assert sorted(code for code, digits in currencies.DIGITS.items() if digits == 0) == NO_CENTS.split()
    assert sorted(code for code, digits in currencies.DIGITS.items() if digits == 3) == THOUSANDTHS.split()
    assert set(currencies.DIGITS.values()) == {0, 2, 3}
    assert MOVED.items() <= currencies.DIGITS.items()
    assert {"EUR", "XCG", "SLE", "ZWG", "VED", "VES", "XCD", "MGA", "MRU"} <= currencies.DIGITS.keys()
    assert not currencies.DIGITS.keys() & {*NO_MONEY, *FUNDS, *GONE}
    assert set(currencies.INSTEAD.values()) <= currencies.DIGITS.keys()
    assert not currencies.DIGITS.keys() & currencies.INSTEAD.keys()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_shown_is_what_was_stored_in_every_currency(app, babel_says, language):
    """Read from the page with nothing of ours: the digits before and after the point."""
    every = currencies.DIGITS | {"CLF": 4, "HRK": 2, "XXX": 2}
    with app.test_request_context(headers={"Accept-Language": language}):
        for code, digits in every.items():
            merchant = Merchant(**money_of(code))
            for minor in (0, 1, 10, 999, 12345, 123456789, 10**digits, 18 * 10**digits, MOST_MONEY):
                shown = formats.money(minor, merchant)
                number = re.search(r"\d[\d.]*", shown.replace(",", ""))[0]
                assert Decimal(number) == Decimal(minor) / 10**digits, (code, minor, shown)
                assert len(number.partition(".")[2]) in (0, digits), "in whole coins"
                assert formats.decimal(minor, merchant) == Decimal(minor) / 10**digits
                assert formats.minor_units(formats.as_typed(minor, merchant), merchant) == minor


@pytest.mark.slow
def test_a_price_is_the_same_after_entering_storing_showing_and_entering_again(small_world, app, monkeypatch):
    """Through the form, in every currency, as Babel's digits would have it by turns."""
    owner = PageClient(app).sign_in(small_world.member(role=Role.OWNER))
    campaign = draft(small_world)
    for number, (code, digits) in enumerate(currencies.DIGITS.items()):
        monkeypatch.setattr(babel.numbers, "get_currency_precision", lambda code, number=number: number % 4)
        Merchant.update(money_of(code)).execute()
        original, offer = "1234", "1200." + "5".ljust(digits, "0") if digits else "1200"
        sums = {"original_price": [original], "offer_price": [offer], "minimum_spend": [""]}
        owner.post(EDIT, entries(owner.get(EDIT)) | TYPED | sums)
        row = Campaign.get_by_id(campaign.id)
        assert (row.original_price, row.offer_price) == (
            1234 * 10**digits,
            1200 * 10**digits + (5 * 10 ** (digits - 1) if digits else 0),
        ), code
        page = owner.get(EDIT)
        again = {name: page.all("input", name=name)[0]["value"] for name in ("original_price", "offer_price")}
        assert again == {"original_price": original, "offer_price": offer}, code


def document(**more) -> dict:
    shop = {"slug": "shop", "name": "Shop", "time_zone": "Europe/Zagreb", "branches": [], "campaigns": []}
    return {"merchants": [shop | more]}


def test_load_keeps_the_digits_of_every_currency(sqlite, clock, keys):
    for code, digits in currencies.DIGITS.items():
        bulk_import.load(document(slug=code.lower(), currency=code), now=clock(), password_key=keys.password)
        assert Merchant.get(Merchant.currency == code).currency_digits == digits
    assert list(figures.differences()) == []


def test_what_is_no_shops_money_is_refused_in_a_document(sqlite):
    every = {*list_currencies(), *NO_MONEY, *FUNDS, *GONE} - currencies.DIGITS.keys()
    assert len(every) > 120
    for code in [*every, "eur", "EURO", "EU", "", 978, ["EUR"], {"EUR": 1}]:
        _, [fault] = import_document.read(document(currency=code))
        assert fault.startswith("merchants[0].currency: must be a currency that shops charge in, like CNY"), code
    for code, instead in GONE.items():
        assert import_document.read(document(currency=code))[1][0].endswith(f"; instead of {code} enter {instead}")


def test_a_merchant_with_such_money_goes_on_working(small_world, app, client):
    """It was made when it still was money, or by a version that took it: two digits, as its amounts were entered."""
    Merchant.update(money_of("HRK")).execute()
    voucher = small_world.voucher(campaign=small_world.campaign(slug="tea"))
    owner = PageClient(app).sign_in(small_world.member(role=Role.OWNER))
    assert 'value="18"' in owner.get(EDIT).html
    client.sign_in(small_world.mei)
    for path in ("/wallet", f"/vouchers/{voucher.code}"):
        assert "HRK 18" in client.get(path).text.replace("\u00a0", " ")
    assert small_world.attempt(voucher).redeemed
    assert Redemption.get().charged == 1800
    assert "HRK 12" in owner.get("/merchants/lotus/campaigns/tea/figures").text.replace("\u00a0", " ")
    owner.post(EDIT, entries(owner.get(EDIT)) | {"offer_price": ["17,50"]})
    assert Campaign.get().offer_price == 1750
    assert list(figures.differences()) == []


def test_check_sees_digits_that_no_version_kept(world):
    """ISO 4217's, or where the merchant is older those of that time: 0 of a rial, and 2 since."""
    for code, digits, wrong in (
        ("CNY", 2, False),
        ("CNY", 0, True),
        ("HUF", 0, True),
        ("RSD", 0, False),
        ("RSD", 2, False),
        ("RSD", 3, True),
        ("IQD", 0, False),
        ("IQD", 3, False),
        ("IQD", 2, True),
        ("HRK", 2, False),
        ("HRK", 0, True),
        ("CLF", 4, False),
    ):
        Merchant.update(currency=code, currency_digits=digits).execute()
        found = list(figures.differences())
        assert bool(found) is wrong, (code, digits)
        assert not wrong or found[0].startswith(f"lotus currency_digits: {digits} kept, ")


# At the first start


def entered(**more: str) -> dict[str, str]:
    return {
        "email": "boss@lotus.example",
        "password": "a-long-secret-of-mine",
        "name": "Lotus",
        "branch": "Main",
        "time_zone": "Europe/Zagreb",
    } | more


@pytest.mark.parametrize(
    ("currency", "says"),
    [
        ("hrk", "Shops do not charge in HRK today. Enter EUR."),
        ("CLF", "Shops do not charge in CLF today. Enter CLP."),
        ("XTS", "Enter the three letters of a currency that shops charge in today, like CNY or EUR."),
        ("XXX", "like CNY or EUR."),
        ("EURO", "like CNY or EUR."),
        ("", "like CNY or EUR."),
    ],
)
def test_set_up_says_which_currency_to_enter(sqlite, clock, currency, says):
    link = f"/set-up/{first_start.new_link(clock())}"
    visitor = PageClient(create_app(sqlite, clock=clock))
    page = visitor.post(link, entered(currency=currency), status=422)
    assert says in page.text
    assert page.all("input", name="currency", **{"aria-invalid": "true"})[0].get("value", "") == currency
    assert not Merchant.select().exists()
    visitor.post(link, entered(currency="eur"), status=303)
    assert (Merchant.get().currency, Merchant.get().currency_digits) == ("EUR", 2)
