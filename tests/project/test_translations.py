"""The Chinese catalogue is complete, compiled and consistent, and the pages speak it."""

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from models import Branch, Merchant, Role
from quanbao.operations import first_start
from quanbao.people import one_time_links
from tests.support.factories import PASSWORD, WRONG
from tests.support.page_client import Page, PageClient
from web import create_app

ROOT = Path(__file__).resolve().parents[2]
PO = ROOT / "web/translations/zh/LC_MESSAGES/messages.po"
CURE = "run make translations, then translate in web/translations/zh/LC_MESSAGES/messages.po and run it again"
CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}
ID = "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"

WORDS = {
    "voucher": "券",
    "wallet": "券包",
    "redemption password": "消费密码",
    "cashier": "收银员",
    "branch": "门店",
    "figures": "统计",
    "campaign": "活动",
    "account": "账户",
}
LATIN = {
    "Quanbao",
    "English",
    "JavaScript",
    "CNY",
    "Asia/Shanghai",
    "iPhone",
    "iPad",
}  # what stays so on a Chinese page
SPOKEN = ("aria-label", "data-typed", "placeholder", "alt")  # attributes that somebody reads or hears


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="zh")


@pytest.fixture(scope="module")
def extracted() -> Catalog:
    """What the code and the templates say now, found as `make translations` finds it."""
    keywords = re.findall(r"--keyword (\S+)", (ROOT / "Makefile").read_text("utf-8"))
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = Catalog()
    for folder in ("web", "quanbao"):
        for _, _, text, _, context in extract_from_dir(
            ROOT / folder, methods, options, keywords=DEFAULT_KEYWORDS | parse_keywords(keywords)
        ):
            found.add(text, context=context)
    return found


def texts(catalogue: Catalog) -> dict[tuple, tuple[str, ...]]:
    """The translations by context and English text; a text with a plural has both of its forms there."""
    return {
        (message.context, message.id): message.string if message.pluralizable else (message.string,)
        for message in catalogue
        if message.id
    }


def pairs(catalogue: Catalog) -> list[tuple[str, str]]:
    """English and Chinese; a plural's last form, which is the only one in Chinese."""
    return [
        (english if isinstance(english, str) else english[-1], chinese[-1])
        for (_, english), chinese in texts(catalogue).items()
    ]


def test_every_text_has_a_translation_that_a_person_has_looked_at(catalogue):
    empty = [english for (_, english), chinese in texts(catalogue).items() if not all(chinese)]
    fuzzy = [message.id for message in catalogue if message.fuzzy]
    assert not empty, f"{CURE}: {empty}"
    assert not fuzzy, f"check the translation and remove its fuzzy mark, then run make translations: {fuzzy}"
    assert catalogue.num_plurals == 1


def test_the_catalogue_has_what_the_pages_say_and_nothing_else(catalogue, extracted):
    assert len(extracted) > 100
    new, gone = set(texts(extracted)) - set(texts(catalogue)), set(texts(catalogue)) - set(texts(extracted))
    assert not new, f"{CURE}: {new}"
    assert not gone, f"run make translations, which removes what nothing says any more: {gone}"


def test_the_compiled_catalogue_is_the_one_that_can_be_read(catalogue):
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    assert PO.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run make translations, and commit both files"


def test_placeholders_are_the_same_in_both_languages(catalogue):
    wrong = [
        chinese
        for english, chinese in pairs(catalogue)
        if sorted(re.findall(r"%\(\w+\)\w|%%", english)) != sorted(re.findall(r"%\(\w+\)\w|%%", chinese))
    ]
    assert not wrong, f"keep each %(name)s as it is in the English text, then run make translations: {wrong}"


def test_sentences_end_as_sentences(catalogue):
    wrong = [chinese for english, chinese in pairs(catalogue) if english.endswith(".") is not chinese.endswith("。")]
    assert not wrong, f"end with 。 as the English text ends with a full stop, then run make translations: {wrong}"


def test_chinese_has_chinese_punctuation_and_no_casual_you(catalogue):
    narrow = [chinese for _, chinese in pairs(catalogue) if re.search(r"[一-鿿][,;:?!()]|[,;:?!()][一-鿿]", chinese)]
    casual = [chinese for _, chinese in pairs(catalogue) if "你" in chinese]
    english = [
        chinese
        for _, chinese in pairs(catalogue)
        if re.search("[A-Za-z]", re.sub(r"%\(\w+\)s", "", chinese)) and not re.search(r"[一-鿿]", chinese)
    ]
    assert not narrow, f"use ，；：？！（） beside Chinese, then run make translations: {narrow}"
    assert not casual, f"say 您 or, better, nothing, then run make translations: {casual}"
    assert not english, f"{CURE}: {english}"


def test_what_is_filled_in_stands_apart_from_chinese(catalogue):
    """Names are often Latin; days and kinds are Chinese here, and need no space."""
    close = [
        chinese
        for _, chinese in pairs(catalogue)
        if re.search(r"[一-鿿]%\((?!day|kind|time)\w+\)s|%\((?!day|kind|time)\w+\)s[一-鿿]", chinese)
    ]
    loose = [chinese for _, chinese in pairs(catalogue) if re.search(r"[，。：；？！、] ", chinese)]
    assert not close, f"put a space between, then run make translations: {close}"
    assert not loose, f"Chinese marks have their space in them; take it out, then run make translations: {loose}"


@pytest.mark.parametrize("word", WORDS)
def test_one_word_for_one_thing(catalogue, word):
    wrong = [
        chinese
        for english, chinese in pairs(catalogue)
        if re.search(rf"\b{word}", english, re.IGNORECASE) and WORDS[word] not in chinese
    ]
    assert not wrong, f"a {word} is {WORDS[word]} everywhere; correct it, then run make translations: {wrong}"


# Through the application


@pytest.fixture
def voucher(client, small_world):
    """A voucher of a shop that writes Chinese; the shop's owner, who is signed in, holds it."""
    Merchant.update(name="莲茶", language="zh").execute()
    Branch.update(name="大街店", address="").execute()
    owner = small_world.member(role=Role.OWNER)
    client.sign_in(owner)
    campaign = small_world.campaign(
        product="乌龙茶",
        slug="oolong",
        uses_per_voucher=2,
        minimum_spend=1500,
        branch_slugs=["main"],
        new_customers_only=True,
        per_consumer=3,
        weekdays=[1, 2],
        hours=[["10:00", "22:00"]],
        terms="冷热皆可。",
    )
    return small_world.voucher(campaign=campaign, holder=owner)


@pytest.fixture
def plain(client, small_world):
    """Mei's voucher, which asks for nothing but the password; she is signed in."""
    client.sign_in(small_world.mei)
    return small_world.voucher()


def language_of(page: Page) -> str:
    return page.all("html")[0]["lang"]


def latin(page: Page) -> set[str]:
    """The Latin words that somebody sees or hears, in hidden parts and labels too, without codes and addresses."""
    whole = Page(re.sub(r"(</?)(title|template)\b", r"\1p", page.html))
    labels = [tag.get(name) or "" for _, tag in whole.tags for name in SPOKEN]
    descriptions = [tag["content"] or "" for tag in whole.all("meta", name="description")]
    said = re.sub(r"\S+@\S+|[0-9A-Z]{4}(-[0-9A-Z]{4}){3}", "", " ".join([whole.text, *labels, *descriptions]))
    return set(re.findall(r"[A-Za-z]{2,}(?:/[A-Za-z]+)?", said)) - LATIN


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("zh-CN", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("zh-CN, zh;q=0.9, en-US;q=0.8, en;q=0.7", "zh-Hans"),
        ("fr, zh;q=0.5", "zh-Hans"),
        ("zh-CN, en;q=0.5", "zh-Hans"),
        ("en-GB, zh;q=0.9", "en"),
        ("en;q=0, zh;q=0.1", "zh-Hans"),
        ("en-US, en;q=0.9, zh-CN;q=0.8, zh;q=0.7", "en"),
        ("fr", "en"),
        ("", "en"),
        ("*", "en"),
        ("%", "en"),
    ],
)
def test_the_browser_chooses_the_language(client, asked, tag):
    assert language_of(client.get("/sign-in", headers={"Accept-Language": asked})) == tag


def test_the_switch_is_stronger_than_the_browser(client):
    for chosen, tag in (("en", "en"), ("zh", "zh-Hans"), ("fr", "zh-Hans")):
        client.post("/language", {"language": chosen, "next": "/sign-in"})
        for asked in ("zh-CN", "en"):
            assert language_of(client.get("/sign-in", headers={"Accept-Language": asked})) == tag


def test_the_wallet_is_in_chinese(client, plain):
    page = client.get("/wallet", headers=CHINESE)
    assert language_of(page) == "zh-Hans"
    for text in ("券包", "¥18", "原价 ¥30", "优惠券", "有效期至 2026年12月31日", "未使用", "退出登录"):
        assert text in page.text


def test_a_voucher_is_in_chinese(client, plain):
    page = client.get(f"/vouchers/{plain.code}", headers=CHINESE)
    for text in ("立即使用", "点开后把手机交给收银员。", "2026年12月1日 – 2026年12月31日", "券号"):
        assert text in page.text


def test_the_keypad_is_in_chinese(client, plain):
    page = client.get(f"/vouchers/{plain.code}/redeem?branch=main", headers=CHINESE)
    assert "请收银员输入消费密码" in page.text
    assert page.all("button", **{"aria-label": "删除"})
    assert page.all("button", **{"aria-label": "确认"})


@pytest.mark.parametrize(
    ("typed", "status", "outcome", "says"),
    [
        (PASSWORD, 200, "redeemed", ("核销成功", "¥18", "2026年12月1日", "把手机还给顾客")),
        (WRONG, 403, "refused", ("密码不正确。", "请收银员重新输入。", "本次未核销。", "再试一次")),
    ],
)
def test_the_verdict_is_in_chinese(client, plain, typed, status, outcome, says):
    page = client.post(
        f"/vouchers/{plain.code}/redemptions",
        {"password": typed, "attempt_id": ID},
        status=status,
        headers=CHINESE | {"HX-Request": "true"},
    )
    assert page.verdict()["data-outcome"] == outcome
    for text in says:
        assert text in page.text


def test_programs_get_the_message_in_the_consumers_language(client, plain):
    message = client.json(
        f"/vouchers/{plain.code}/redemptions",
        method="POST",
        status=403,
        headers=CHINESE,
        data={"password": WRONG, "attempt_id": ID},
    )["message"]
    assert message.startswith("密码不正确。")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/wallet", 200),
        ("/vouchers/{code}", 200),
        ("/vouchers/{code}/redeem", 200),
        ("/vouchers/{code}/redeem?amount=x&branch=x", 422),
        ("/vouchers/{code}/redeem?amount=20&branch=main", 200),
        ("/merchants/lotus/campaigns", 200),
        ("/merchants/lotus/campaigns/oolong/figures", 200),
        ("/merchants/lotus/till", 200),
        ("/merchants/lotus/branches", 200),
        ("/merchants/lotus/sheet?first=2", 200),
        ("/sign-in", 200),
        ("/sign-up", 200),
        ("/sign-in/{link}", 200),
        ("/sign-in/used-up-long-ago", 404),
        ("/offline", 200),
        ("/nowhere", 404),
    ],
)
def test_no_english_is_left_on_a_chinese_page(client, voucher, clock, path, status):
    link = one_time_links.make("sign-in", clock(), voucher.consumer)
    page = client.get(path.format(code=voucher.code, link=link), status=status, headers=CHINESE)
    assert language_of(page) == "zh-Hans"
    assert not latin(page), f"mark it for translation with _(…), then {CURE}"
    assert not re.search(r"[，。：] \S", page.text), "say %(what)s %(then)s or %(what)s: %(then)s"


def test_no_english_is_left_on_the_first_pages(sqlite, clock):
    for demo in (False, True):
        stranger = PageClient(create_app(replace(sqlite, demo=demo), clock=clock))
        page = stranger.get("/", headers=CHINESE)
        assert not latin(page), f"mark it for translation with _(…), then {CURE}"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("", ""),
        ("a@example.cn", "x"),
        ("x", "12345678"),
        ("x" * 300, "y" * 300),
    ],
)
def test_no_english_is_left_beside_a_field(client, path, email, password):
    page = client.post(path, {"email": email, "password": password}, status=422, headers=CHINESE)
    assert page.all("p", **{"class": "error"}) or page.all("p", role="alert")
    assert not latin(page), f"give the field's check a message of ours, _(…), then {CURE}"


def test_no_english_is_left_when_setting_up(sqlite, clock):
    owner = PageClient(create_app(sqlite, clock=clock))
    path = f"/set-up/{first_start.new_link(clock())}"
    wrong = dict.fromkeys(["email", "password", "time_zone", "currency"], "x")
    long = dict.fromkeys(["name", "branch", "address"], "x" * 600)
    assert not latin(owner.get(path, headers=CHINESE)), f"mark it for translation with _(…), then {CURE}"
    for fields in ({}, wrong | long):
        page = owner.post(path, fields, status=422, headers=CHINESE)
        assert page.all("p", **{"class": "error"})
        assert not latin(page), f"give the field's check a message of ours, _(…), then {CURE}"
