"""How times are written: as in the reader's region, in one style on a page, with the shop's zone where it differs."""

import re

import pytest
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.languages import get_territory_language_info
from babel.localedata import locale_identifiers
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import expect

from models import Campaign, Role, Subscription
from quanbao.campaigns import figures
from quanbao.people import accounts
from tests.browser.test_offline import NO_SERVER, WORKING, kept
from tests.support.chromium import phone
from tests.support.factories import ACCOUNT_PASSWORD, LIN, WRONG, World, utc
from tests.support.faulty_proxy import Between
from web.present import clocks, languages

TWELVE = re.compile(r"(?<!\d)\d{1,2}:\d\d(:\d\d)?\s?[AaPp]\.?[Mm](?![a-z])|[上下]午\d{1,2}:\d\d(:\d\d)?")
TIME = re.compile(r"(?<!\d)\d{1,2}:\d\d(?!\d)|(?<!\d)\d{1,2}[.]\d\d(?=–)")
EVENING = {"ends_at": utc("2026-12-31T17:09+08:00"), "hours": [["09:30", "17:00"], ["22:00", "03:00"]]}
READERS = [  # what the browser prefers, then an end, hours, and the style of the clock
    ("en", "Dec 31, 2026 5:09 PM", "10:00 PM – 3:00 AM", 12),
    ("en-US,en;q=0.9", "Dec 31, 2026 5:09 PM", "10:00 PM – 3:00 AM", 12),
    ("en-GB", "31 Dec 2026 17:09", "22:00–03:00", 24),
    ("en-GB,en-US;q=0.9,en;q=0.8", "31 Dec 2026 17:09", "22:00–03:00", 24),
    ("en-DE", "31 Dec 2026 17:09", "22:00–03:00", 24),
    ("en-AU", "31 Dec 2026 5:09 pm", "10:00 pm – 3:00 am", 12),
    ("en-FI", "31 Dec 2026 17.09", "22.00–3.00", 24),
    ("en-JP", "31 Dec 2026 17:09", "22:00–03:00", 24),  # CLDR has no English of Japan
    ("en-MX", "31 Dec 2026 5:09 pm", "10:00 pm – 3:00 am", 12),
    ("de-DE,de;q=0.9,en;q=0.8", "31 Dec 2026 17:09", "22:00–03:00", 24),  # English of nowhere: Germany's
    ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "Dec 31, 2026 5:09 PM", "10:00 PM – 3:00 AM", 12),
    ("zh", "2026年12月31日 17:09", "22:00–03:00", 24),
    ("zh-CN,zh;q=0.9", "2026年12月31日 17:09", "22:00–03:00", 24),
    ("zh-Hans-SG", "2026年12月31日 下午5:09", "下午10:00 – 上午3:00", 12),
    ("zh-TW,zh;q=0.9", "2026年12月31日 下午5:09", "下午10:00 – 上午3:00", 12),
    ("zh-FR", "2026年12月31日 17:09", "22:00–03:00", 24),
    ("EN-gb", "31 Dec 2026 17:09", "22:00–03:00", 24),
    ("en-x-odd, en-1234, *;q=0.1", "Dec 31, 2026 5:09 PM", "10:00 PM – 3:00 AM", 12),
]


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


def styles(text: str) -> set[int]:
    """The styles of clock that stand in a text."""
    text = plain(text)
    return ({12} if TWELVE.search(text) else set()) | ({24} if TIME.search(TWELVE.sub("", text)) else set())


# The region


@pytest.mark.parametrize(("prefers", "end", "hours", "style"), READERS)
def test_the_region_of_the_language_decides(client, small_world, prefers, end, hours, style):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher(campaign=small_world.campaign(**EVENING))
    page = client.get(f"/vouchers/{voucher.code}", headers={"Accept-Language": prefers})
    assert end in plain(page.text)
    assert hours in plain(page.text)
    assert styles(page.text) == {style}
    assert {"Accept-Language", "Cookie"} <= set(page.headers["Vary"].split(", "))


def test_the_switch_decides_on_the_language_and_the_browser_on_the_region(client, small_world):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher(campaign=small_world.campaign(**EVENING))
    for chosen, prefers, end in (
        ("en", "zh-CN,zh;q=0.9", "31 Dec 2026 17:09"),
        ("zh", "en-US", "下午5:09"),
        ("en", "zh-CN,zh;q=0.9,en-US;q=0.5", "Dec 31, 2026 5:09 PM"),
    ):
        client.post("/language", {"language": chosen})
        page = client.get(f"/vouchers/{voucher.code}", headers={"Accept-Language": prefers})
        assert end in plain(page.text)
        assert page.all("html")[0]["lang"] == languages.TAGS[chosen]


@pytest.mark.parametrize(("prefers", "style"), [("en-GB", 24), ("en-US", 12), ("zh-CN", 24), ("zh-SG", 12)])
def test_every_page_has_one_style_of_clock(client, small_world, prefers, style):
    campaign = small_world.campaign(slug="tea", uses_per_voucher=9, **EVENING)
    voucher = small_world.voucher(campaign=campaign, uses_left=8)
    owner = small_world.member(role=Role.OWNER)
    small_world.attempt(voucher, branch="main")
    small_world.attempt(voucher, typed=WRONG)
    seen = {}
    shop = "/merchants/lotus"
    pages = {
        owner: (
            f"{shop}/campaigns/tea",
            f"{shop}/campaigns/tea/figures",
            f"{shop}/campaigns/tea/attempts",
            f"{shop}/till",
            f"{shop}/campaigns",
            f"{shop}/campaigns/tea/edit",
        ),
        small_world.mei: ("/wallet", f"/vouchers/{voucher.code}", f"/vouchers/{voucher.code}/redeem"),
    }
    for person, paths in pages.items():
        client.sign_in(person)
        for path in paths:
            page = client.get(path, headers={"Accept-Language": prefers})
            seen[path] = styles(page.text)
    assert {path: found for path, found in seen.items() if found - {style}} == {}
    assert sum(found == {style} for found in seen.values()) >= 6, seen


def test_charts_and_what_is_wrong_with_a_form_are_in_the_same_style(client, small_world):
    client.sign_in(small_world.member(role=Role.OWNER))
    campaign = small_world.campaign(slug="tea")
    small_world.attempt(small_world.voucher(campaign=campaign))
    edit = "/merchants/lotus/campaigns/tea/edit"
    for prefers, noon, example in (("en-GB", "12:00", "like 09:30, or"), ("en-US", "12:00 PM", "like 9:30 AM, or")):
        how = {"headers": {"Accept-Language": prefers}}
        shown = plain(client.get("/merchants/lotus/campaigns/tea/figures", **how).html)
        assert f">{noon}<" in shown
        wrong = client.post(
            edit, client.get(edit).hidden[edit] | {"starts_at": "2026-12-01", "starts_time": "25:99"}, status=422, **how
        )
        assert example in plain(wrong.text)
        client.http.get("/")


def test_a_csv_has_times_as_programs_read_them(client, small_world):
    client.sign_in(small_world.member(role=Role.OWNER))
    campaign = small_world.campaign(slug="tea")
    small_world.attempt(small_world.voucher(campaign=campaign))
    texts = {
        client._send("GET", "/merchants/lotus/campaigns/tea/attempts.csv", {"Accept-Language": prefers}, {}).text
        for prefers in ("en-US", "en-GB")
    }
    assert len(texts) == 1
    assert not TWELVE.search(texts.pop())


def test_weeks_begin_as_in_the_region(client, small_world):
    client.sign_in(small_world.mei)
    voucher = small_world.voucher(campaign=small_world.campaign(weekdays=[1, 6, 7]))
    for prefers, days in (
        ("en-US", "Sun, Mon, Sat"),
        ("en-GB", "Mon, Sat, Sun"),
        ("zh-CN", "周一、周六、周日"),
        ("en", "Mon, Sat, Sun"),
    ):
        assert days in client.get(f"/vouchers/{voucher.code}", headers={"Accept-Language": prefers}).text


def test_the_end_of_a_day_is_24_or_midnight(app):
    from web.present.formats import hours

    for prefers, expected in (
        ("en-GB", "18:00–24:00"),
        ("en-FI", "18.00–24.00"),
        ("zh", "18:00–24:00"),
        ("en-US", "6:00 PM – 12:00 AM"),
    ):
        with app.test_request_context(headers={"Accept-Language": prefers}):
            assert plain(hours(["18:00", "24:00"])) == expected


def test_clocks_of_twelve_hours_are_where_cldr_has_them():
    def of(territory: str) -> Locale | None:
        spoken = get_territory_language_info(territory)
        best = sorted(
            spoken,
            key=lambda name: (spoken[name]["official_status"] != "official", -spoken[name]["population_percent"]),
        )
        for name in best:
            try:
                return Locale.parse(f"{name}_{territory}")
            except (UnknownLocaleError, ValueError):
                continue
        return None

    known = {territory: of(territory) for territory in get_global("territory_languages") if len(territory) == 2}
    assert {
        territory for territory, locale in known.items() if locale and languages.goes_to_twelve(locale)
    } == languages.TWELVE_HOURS


def test_app_js_knows_all_parts_of_the_patterns(app):
    known = {"y", "M", "MM", "MMM", "d", "dd", "h", "hh", "H", "HH", "mm", "a"}
    territories = {name.split("_")[-1] for name in locale_identifiers() if re.search(r"_[A-Z]{2}$", name)} | {"001"}
    for spoken in languages.LANGUAGES:
        for territory in territories:
            with app.test_request_context(headers={"Accept-Language": f"{spoken}-{territory}"}):
                patterns = clocks.as_of_patterns()
                parts = {found[0] for found in re.finditer(r"([A-Za-z])\1*|'", f"{patterns['time']} {patterns['day']}")}
                assert parts <= known, (spoken, territory, patterns)
                assert patterns["months"].count("|") == 11


# Messages


def test_a_message_speaks_the_language_chosen_last_with_its_region(client, small_world, small_mail):
    voucher = small_world.voucher(campaign=small_world.campaign(uses_per_voucher=2, product="Tea", **EVENING))
    small_mail.subscribe(language="en")  # in another browser of Mei's
    browser = small_mail.service.browser()
    token = accounts.start_session(small_world.mei, small_world.clock())
    with client.http.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = token, True
    small_mail.keep(small_world.mei, browser)
    Subscription.update(session=accounts.session_of(token, small_world.clock())).where(
        Subscription.endpoint == browser.document["endpoint"]
    ).execute()

    def told() -> set[str]:
        Campaign.update(version=Campaign.version + 1).execute()
        from quanbao.messages import events

        events.period_changed(Campaign.get_by_id(voucher.campaign_id), small_world.clock())
        small_mail.bring()
        bodies = {
            plain(message.body["notification"]["body"])
            for message in small_mail.service.inbox
            if message.browser == browser
        }
        small_mail.service.inbox.clear()
        return bodies

    for chosen, prefers, words in (
        ("zh", "en-GB", "– 2026年12月31日 17:09"),
        ("en", "en-GB", "– 31 Dec 2026 17:09"),
        ("en", "en-US", "– Dec 31, 2026 5:09 PM"),
    ):
        client.post("/language", {"language": chosen}, headers={"Accept-Language": prefers})
        (body,) = told()
        assert words in body
    assert {language for (language,) in Subscription.select(Subscription.language).tuples()} == {"en", "en-US"}


def test_a_kept_language_that_is_unknown_by_now_is_the_language_alone(app):
    for tag in ("en-QQ", "zh-Hans-QQ"):
        with app.app_context(), languages.speaking(tag):
            assert str(languages.region()) == tag[:2]


# The zone, on a phone

BERLIN, SHANGHAI, TAIPEI = ({"timezone_id": zone} for zone in ("Europe/Berlin", "Asia/Shanghai", "Asia/Taipei"))


@pytest.fixture
def network(small_site):
    with Between(small_site) as between:
        yield between


def lins(world: World, **columns):
    lin = world.account(email=LIN, password=ACCOUNT_PASSWORD)
    return world.voucher(campaign=world.campaign(product="Canary blend", uses_per_voucher=9, **columns), holder=lin)


@pytest.mark.browser
@pytest.mark.parametrize(("where", "named"), [(BERLIN, True), (SHANGHAI, False), (TAIPEI, False)])
@pytest.mark.parametrize(("language", "name"), [("en", "(China Time)"), ("zh", "（中国时间）")])
def test_the_shops_zone_is_named_where_the_phones_is_another_also_offline(
    small_world, network, visit, where, named, language, name
):
    voucher = lins(small_world, **EVENING)
    lin = visit(network, **phone(language=language), **where)
    lin.expect(*NO_SERVER)
    page = lin.sign_in(LIN).page
    for path in ("/wallet", f"/vouchers/{voucher.code}"):
        page.goto(path)
        shown = page.locator("main .zone:visible")
        expect(shown).to_have_count(0 if not named else 1 if path == "/wallet" else 2)
        if named:
            expect(shown.first).to_have_text(name)
    page.goto("/wallet")
    page.evaluate(WORKING)
    kept(page)
    network.always("refuse")
    for path in ("/wallet", f"/vouchers/{voucher.code}"):
        page.goto(path)
        expect(page.locator("#served")).to_be_visible()
        expect(page.locator("main .zone:visible").first).to_be_visible() if named else expect(
            page.locator("main .zone:visible")
        ).to_have_count(0)


@pytest.mark.browser
def test_a_zone_with_the_same_time_today_and_another_in_summer_is_named_for_a_summers_day(
    small_world, small_site, visit
):
    merchant = small_world.make_merchant(slug="berlin", time_zone="Europe/Berlin")
    lin = small_world.account(email=LIN, password=ACCOUNT_PASSWORD)
    for product, ends in (("Winter", "2027-01-31T00:00+01:00"), ("Summer", "2027-08-01T00:00+02:00")):
        small_world.voucher(
            holder=lin,
            campaign=small_world.campaign(
                merchant=merchant,
                product=product,
                ends_at=utc(ends),
                password=small_world.make_password(merchant=merchant),
            ),
        )
    page = visit(small_site, **phone(), timezone_id="Africa/Lagos").sign_in(LIN).page
    page.goto("/wallet")
    tickets = page.locator("article.ticket", has=page.locator(".zone:visible"))
    expect(tickets).to_have_count(1)
    expect(tickets).to_contain_text("Summer")


@pytest.mark.browser
def test_a_merchants_pages_name_the_zone_once(small_world, small_site, visit):
    owner = small_world.member(role=Role.OWNER, email="owner@example.org", password=ACCOUNT_PASSWORD)
    voucher = lins(small_world, **EVENING)
    Campaign.update(slug="tea").execute()
    small_world.attempt(voucher)
    page = visit(small_site, **phone(), **BERLIN).sign_in(owner.email).page
    for path in ("campaigns/tea", "campaigns/tea/figures", "till", "campaigns/tea/attempts"):
        page.goto(f"/merchants/lotus/{path}")
        expect(page.locator(".zone:visible")).to_have_text(["All times here are China Time."])
    assert figures.of_campaign(Campaign.get()).redeemed == 1


CLOCKS = [
    ("en-US", r"\d{1,2}:\d\d:\d\d [AP]M"),
    ("en-GB", r"\d\d:\d\d:\d\d"),
    ("zh-CN", r"\d\d:\d\d:\d\d"),
    ("zh-SG", r"[上下]午\d{1,2}:\d\d:\d\d"),
    ("en-AU", r"\d{1,2}:\d\d:\d\d [ap]m"),
    ("en-JP", r"\d\d:\d\d:\d\d"),
]


def time_on_phone(page: BrowserPage) -> tuple[int, int]:
    return tuple(page.evaluate("[new Date().getHours(), new Date().getMinutes()]"))


@pytest.mark.browser
@pytest.mark.parametrize(("locale", "pattern"), CLOCKS)
def test_the_running_clock_and_a_stored_wallet_have_the_style_of_the_page(small_world, network, visit, locale, pattern):
    voucher = lins(small_world, **EVENING)
    lin = visit(network, **phone() | {"locale": locale}, **BERLIN)
    lin.expect(*NO_SERVER)
    page = lin.sign_in(LIN).page
    page.goto(f"/vouchers/{voucher.code}/redeem?branch=main")
    lin.type_digits("482913")
    page.locator(".confirm").click()
    verdict = lin.verdict("redeemed")
    assert len(styles(verdict.inner_text())) == 1
    assert re.fullmatch(pattern, plain(page.locator(".clock").inner_text()))
    expect(verdict.locator(".zone")).to_be_visible()
    page.goto("/wallet")
    page.evaluate(WORKING)
    kept(page)
    network.always("refuse")
    page.goto("/wallet")
    said = page.locator("#served time")
    expect(said).to_contain_text(re.compile(r"\d"))
    assert re.search(pattern.replace(r":\d\d ", " ").removesuffix(r":\d\d"), plain(said.inner_text()))
    assert styles(page.locator("main").inner_text()) == styles(verdict_text := said.inner_text()), verdict_text
