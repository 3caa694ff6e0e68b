"""`quanbao load`: the contract's document, what it makes, and how a wrong one is refused."""

import copy
import json
import math
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database import write_transaction
from models import TABLES, Account, Campaign, Customer, Member, Poster, RedemptionPassword, Voucher
from quanbao.campaigns import figures
from quanbao.operations import bulk_import
from quanbao.passwords import accepting, redemption_passwords
from quanbao.people import accounts
from quanbao.vouchers import posters
from tests.support.factories import utc

NOW = utc("2026-11-20T09:00:00Z")
KEY = "k" * 40
GONE = object()

SAMPLE = json.loads("""
{"merchants": [{"slug": "lotus", "name": "Lotus Tea", "time_zone": "Asia/Shanghai", "currency": "CNY",
   "branches": [{"slug": "main", "name": "Main Street", "address": "1 Main St"}],
   "members": [{"email": "owner@lotus.example", "password": "owners-secret", "role": "owner"},
               {"email": "till@lotus.example", "password": "tills-secret", "role": "cashier", "branches": ["main"]}],
   "campaigns": [{"slug": "oolong", "kind": "discount", "product": "Oolong, 500 ml", "original_price": 3000,
      "offer_price": 1800, "quantity": 100, "starts_at": "2026-12-01", "ends_at": "2026-12-31",
      "place": "all branches", "uses_per_voucher": 1,
      "conditions": {"per_consumer": 1, "new_customers_only": false, "groups": [], "minimum_spend": null,
                     "weekdays": [1,2,3,4,5], "hours": [["10:00","22:00"]], "branches": ["main"]},
      "terms": "One a day", "redemption_password": "482913", "publish_to": ["consumer@example.org"]}]}],
 "consumers": [{"email": "consumer@example.org", "password": "consumers-secret", "groups": {"lotus": ["regulars"]}}]}
""")  # docs/contract.md, "Loading", with passwords and terms for its dots


def changed(*changes: tuple[str, Any]) -> Any:
    """The sample with other values at these paths; GONE takes one out, a list may grow by one."""
    document = copy.deepcopy(SAMPLE)
    for path, value in changes:
        *way, last = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
        place = document
        for key in way:
            place = place[key]
        if value is GONE:
            del place[last]
        elif isinstance(place, list):
            place[last : last + 1] = [value]
        else:
            place[last] = value
    return document


def load(document: Any) -> bulk_import.Loaded:
    return bulk_import.load(document, now=NOW, password_key=KEY)


def rows() -> dict[str, int]:
    return {model.__name__: model.select().count() for model in TABLES}


def faults(document: Any) -> list[str]:
    """Why it is refused; nothing is written then."""
    before = rows()
    with pytest.raises(bulk_import.Refused) as caught:
        load(document)
    assert rows() == before
    assert str(caught.value).splitlines() == caught.value.faults, "a line each"
    return caught.value.faults


def outcome(document: Any) -> list[str] | None:
    """The paths of the faults, none where it was loaded."""
    try:
        load(document)
    except bulk_import.Refused as refused:
        return [fault.split(": ")[0] for fault in refused.faults]
    return None


def test_the_contracts_document(database):
    assert load(SAMPLE) == bulk_import.Loaded(1, 3, 1, vouchers=1, generated={}, posters={})
    campaign, merchant, voucher = Campaign.get(), Campaign.get().merchant, Voucher.get()
    assert (merchant.slug, merchant.time_zone, merchant.currency) == ("lotus", "Asia/Shanghai", "CNY")
    assert (campaign.kind, campaign.original_price, campaign.offer_price) == ("discount", 3000, 1800)
    assert (campaign.quantity, campaign.place, campaign.terms) == (100, "all branches", "One a day")
    assert campaign.starts_at == utc("2026-12-01T00:00:00+08:00")
    assert campaign.ends_at == utc("2027-01-01T00:00:00+08:00"), "a date means the end of that day"
    assert (campaign.per_consumer, campaign.new_customers_only, campaign.minimum_spend) == (1, False, None)
    assert (campaign.weekdays, campaign.hours) == ([1, 2, 3, 4, 5], [["10:00", "22:00"]])
    assert (campaign.groups, campaign.branch_slugs) == ([], ["main"])
    assert (voucher.consumer.email, voucher.nth) == ("consumer@example.org", 1)
    assert (voucher.uses, voucher.uses_left, voucher.issued_at) == (1, 1, NOW)
    assert redemption_passwords.reveal(RedemptionPassword.get(), KEY) == "482913"
    assert list(figures.differences()) == []


def test_the_people_of_the_contracts_document(database):
    load(SAMPLE)
    roles = {m.account.email: (m.role, [row.branch.slug for row in m.memberbranch_set]) for m in Member.select()}
    assert roles == {"owner@lotus.example": ("owner", []), "till@lotus.example": ("cashier", ["main"])}
    (customer,) = Customer.select()
    assert (customer.consumer.email, customer.groups.get().name) == ("consumer@example.org", "regulars")
    for email, secret in (("owner@lotus.example", "owners-secret"), ("consumer@example.org", "consumers-secret")):
        assert accounts.password_is(accounts.by_email(email), secret)


@pytest.mark.parametrize(
    ("zone", "field", "text", "meant"),
    [
        ("Asia/Shanghai", "starts_at", "2026-12-01T10:30", "2026-12-01T02:30:00Z"),
        ("Asia/Shanghai", "starts_at", "2026-12-01T10:30:00-05:00", "2026-12-01T15:30:00Z"),
        ("Asia/Shanghai", "ends_at", "2026-12-31T00:00", "2026-12-30T16:00:00Z"),
        ("Europe/Lisbon", "starts_at", "2026-10-25", "2026-10-24T23:00:00Z"),
        ("Europe/Lisbon", "ends_at", "2027-03-28", "2027-03-28T23:00:00Z"),
    ],
)
def test_times_are_the_merchants_unless_they_say_otherwise(sqlite, zone, field, text, meant):
    path = f"merchants[0].campaigns[0].{field}"
    load(changed(("merchants[0].time_zone", zone), (path, text)))
    assert getattr(Campaign.get(), field) == utc(meant)


def test_who_is_named_twice_gets_a_second_voucher(database):
    load(changed(("merchants[0].campaigns[0].publish_to", ["consumer@example.org", " Consumer@EXAMPLE.org"])))
    assert [v.nth for v in Voucher.select().order_by(Voucher.id)] == [1, 2]
    assert (Campaign.get().issued, Customer.select().count(), len({v.code for v in Voucher.select()})) == (2, 1, 2)


def test_campaigns_with_one_password_share_its_row(database):
    """And with it a guesser's budget. Another merchant's equal password is another row."""
    campaign = SAMPLE["merchants"][0]["campaigns"][0]
    twin, other = campaign | {"slug": "twin", "redemption_password": "４８２９１３"}, campaign | {"slug": "other"}
    neighbour = SAMPLE["merchants"][0] | {"slug": "neighbour"}
    load(
        changed(
            ("merchants[0].campaigns[1]", twin),
            ("merchants[1]", neighbour),
            ("merchants[0].campaigns[2]", other | {"redemption_password": "750264"}),
        )
    )
    ids = {(campaign.merchant.slug, campaign.slug): campaign.password_id for campaign in Campaign.select()}
    assert ids["lotus", "oolong"] == ids["lotus", "twin"]
    assert len(set(ids.values())) == RedemptionPassword.select().count() == 3


SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
KINDS = [
    {"name": "Till 1", "kind": "fixed", "digits": "604718", "branch": "main", "member": "Till@lotus.example"},
    {"name": "Today", "kind": "daily", "secret": SECRET},
    {"name": "Phone", "kind": "authenticator", "secret": SECRET},
    {"name": "Tap", "kind": "one-time"},
    {"name": "Made"},
]
OF_SHOP = "merchants[0].passwords"


def test_passwords_of_a_shop_and_those_that_a_campaign_accepts(database):
    sample = changed((OF_SHOP, KINDS), (f"{C}.passwords", ["Today", "Till 1"]))
    loaded = load(sample)
    made = {row.name: row for row in RedemptionPassword.select()}
    assert [row.kind for row in made.values()] == ["fixed", "daily", "authenticator", "one-time", "fixed", "fixed"]
    till = made["Till 1"]
    assert (till.branch_slug, till.member.address) == ("main", "till@lotus.example")
    assert redemption_passwords.reveal(till, KEY) == "604718"
    assert redemption_passwords.reveal(made["Phone"], KEY) == SECRET
    assert loaded.generated == {"lotus/Made": redemption_passwords.reveal(made["Made"], KEY)}
    campaign = Campaign.get()
    names = [row.name for row in accepting.of_campaign(campaign, NOW)]
    assert (names, campaign.accepts_all) == (["Till 1", "Today", "Password 1"], False), "and the digits of its own"


def test_a_campaign_that_lists_none_accepts_all_of_the_shops(database):
    load(changed((OF_SHOP, KINDS), (f"{C}.redemption_password", GONE)))
    campaign = Campaign.get()
    assert campaign.accepts_all
    assert len(accepting.of_campaign(campaign, NOW)) == 5


def test_a_password_of_digits_that_the_shop_has_is_that_one(database):
    load(changed((OF_SHOP, KINDS), (f"{C}.redemption_password", "604718")))
    assert Campaign.get().password.name == "Till 1"
    assert RedemptionPassword.select().count() == 5


@pytest.mark.parametrize(
    ("password", "path", "word"),
    [
        ({"kind": "fixed"}, "name", "is missing"),
        ({"name": "A", "kind": "spoken"}, "kind", "one of fixed, daily"),
        ({"name": "A", "digits": "123456"}, "digits", "too easy"),
        ({"name": "A", "kind": "daily", "digits": "604719"}, "digits", "must be left out"),
        ({"name": "A", "secret": SECRET}, "secret", "must be left out"),
        ({"name": "A", "kind": "daily", "secret": "GEZDGNBVGY3TQOJQ"}, "secret", "20 to 64 bytes"),
        ({"name": "A", "kind": "daily", "secret": "gezdgnbvgy3tqojqgezdgnbvgy3tqoj1"}, "secret", "20 to 64 bytes"),
        ({"name": "A", "branch": "river"}, "branch", "one of main"),
        ({"name": "A", "member": ["till@lotus.example"]}, "member", "one of the merchant's members"),
        ({"name": "A", "member": "consumer@example.org"}, "member", "one of the merchant's members"),
        ({"name": "TILL 1"}, "name", "there twice"),
        ({"name": "A", "digits": "604718"}, "digits", "there twice"),
        ({"name": "A\nB"}, "name", "one line"),
    ],
)
def test_a_faulty_password_is_named_with_its_path(sqlite, password, path, word):
    (fault,) = faults(changed((OF_SHOP, [KINDS[0], password])))
    assert fault.startswith(f"{OF_SHOP}[1].{path}: ")
    assert word in fault


def test_a_campaign_lists_no_password_that_the_shop_has_not(sqlite):
    (fault,) = faults(changed((OF_SHOP, KINDS), (f"{C}.passwords", ["Till 2"])))
    assert fault.startswith(f"{C}.passwords[0]: must be the name")


def test_what_is_left_out_has_its_default(database):
    little = {key: SAMPLE["merchants"][0]["campaigns"][0][key] for key in ("slug", "product", "starts_at", "ends_at")}
    done = load(changed(("merchants[0].campaigns[0]", little | {"kind": "gift", "quantity": 1})))
    campaign = Campaign.get()
    assert (campaign.uses_per_voucher, campaign.original_price, campaign.offer_price) == (1, None, None)
    assert (campaign.per_consumer, campaign.weekdays, campaign.hours, campaign.branch_slugs) == (None, [], [], [])
    password = done.generated["lotus/oolong"]
    assert (
        redemption_passwords.reveal(RedemptionPassword.get(), KEY) == password == redemption_passwords.digits(password)
    )
    assert not redemption_passwords.is_trivial(password)


def test_a_second_document_builds_on_the_first(database):
    """Its consumers may join groups of a merchant that is there, and accounts keep their passwords."""
    load(SAMPLE)
    owner = {"email": "OWNER@lotus.example", "password": "owners-secret", "groups": {"lotus": ["staff"]}}
    load({"consumers": [owner, {"email": "consumer@example.org", "groups": {"lotus": ["regulars", "teetotal"]}}]})
    assert Account.select().count() == 3
    groups = {customer.consumer.email: sorted(g.name for g in customer.groups) for customer in Customer.select()}
    assert groups == {"consumer@example.org": ["regulars", "teetotal"], "owner@lotus.example": ["staff"]}
    assert accounts.password_is(accounts.by_email("owner@lotus.example"), "owners-secret")


POSTERS = [{"name": "Window left", "limit": 50, "per_day": 5, "token": "0123456789"}, {"name": "Door"}]


def test_posters_are_made_and_their_tokens_printed(database):
    loaded = load(changed((f"{C}.posters", POSTERS), (f"{C}.publish_to", [])))
    window, door = Poster.select().order_by(Poster.id)
    assert (window.name, window.token, window.quantity, window.per_day) == ("Window left", "0123456789", 50, 5)
    assert (door.quantity, door.per_day, door.per_minute) == (100, None, posters.A_MINUTE)
    assert loaded.posters == {"lotus/oolong/Door": door.token}
    assert Campaign.get().published_at == NOW
    assert posters.refusal(posters.find(door.token), None, utc("2026-12-02T04:00:00Z")) is None


def test_a_posters_token_is_one_of_the_site(database):
    load(changed((f"{C}.posters", POSTERS)))
    again = changed((f"{M}.slug", "other"), NO_GROUPS, (f"{C}.posters", POSTERS))
    assert faults(again) == [f"{C}.posters[0].token: 0123456789 exists already"]
    twice = changed((f"{M}.slug", "other"), NO_GROUPS, (f"{C}.posters", [{"name": "A", "token": "a" * 10}] * 2))
    assert faults(twice) == [f"{C}.posters[1].token: aaaaaaaaaa exists already"]


M, C, NOBODY = "merchants[0]", "merchants[0].campaigns[0]", "nobody@example.org"
CONDITIONS = f"{C}.conditions"
WRONG: list[tuple[str, list[Any], str]] = [  # a path, values that each are its one fault, a word of what is said
    ("merchants", [{}, "lotus", 7], "must be a list"),
    (f"{M}.slug", [GONE, None], "is missing"),
    (f"{M}.slug", ["", "Lotus", "lotus tea", "-lotus", "lotus--tea", "莲", "l" * 64, 7, True, "lotus\n"], "must be"),
    (f"{M}.name", ["", " ", "Lotus\0", "Lotus\ud800", "Lotus\x1b[2J", "Lotus\x7f", "l" * 201, 7, ["Lotus"]], "must be"),
    (f"{M}.time_zone", ["Asia/Atlantis", "../../etc/passwd", "UTC+8", 8, ""], "must be"),
    (f"{M}.currency", ["YUAN", "cny", "", 156], "must be"),
    (f"{M}.timezone", ["Asia/Shanghai"], "did you mean time_zone?"),
    (f"{M}.branches[0].name", [GONE], "is missing"),
    (f"{M}.branches[1].slug", ["main"], "twice"),
    (f"{M}.members[0].email", ["owner", "@lotus", "owner@", "a@b@c.d", "o w@lotus.example", "o\0@l.d", 7], "must be"),
    (f"{M}.members[0].password", ["", "seven77", 12345678, "s" * 201, "secrets\0", "\udfffsecrets"], "must be"),
    (f"{M}.members[0].role", ["boss", "Owner", 1], "one of"),
    (f"{M}.members[0].branches", [["main"]], "must be left out"),
    (f"{M}.members[1].branches[0]", ["attic", 1, None], "must be"),
    (f"{M}.members[1].email", ["owner@lotus.example"], "twice"),
    (f"{C}.kind", ["coupon", "Discount", 1], "one of"),
    (f"{C}.original_price", [GONE], "is missing"),
    (f"{C}.original_price", [0, -1, True, "3000", 3000.0, 2**63, 10**400, math.nan, math.inf], "must be"),
    (f"{C}.offer_price", [-1, False, "1800", -(2**63) - 1], "must be"),
    (f"{C}.offer_price", [3001], "above original_price"),
    (f"{C}.quantity", [0, -1, True, 1.5, "100", 2**63, math.nan, [], 10**9 + 1], "must be"),
    (f"{C}.uses_per_voucher", [0, 10_001, True, "1", 2**31], "must be"),
    (f"{C}.starts_at", ["soon", "2026-02-30", "2026-12-01T25:00", 20261201, "٢٠٢٦-١٢-٠١", "0001-01-01"], "must be"),
    (f"{C}.ends_at", ["2026-11-29", "2026-11-30T23:59:59", "2026-11-30T10:00-05:00"], "before starts_at"),
    (f"{C}.ends_at", ["2026-12-01T00:00", "2026-11-30", "2026-11-30T16:00:00Z"], "equals starts_at"),
    (CONDITIONS, ["weekdays", [1], 7, True], "an object"),
    (CONDITIONS, [[], "", 0, False], "must be an object"),
    (f"{CONDITIONS}.weekday", [1], "did you mean weekdays?"),
    (f"{CONDITIONS}.per_consumer", [0, True, "1", 2**63], "must be"),
    (f"{CONDITIONS}.new_customers_only", [0, 1, "false"], "true or false"),
    (f"{CONDITIONS}.groups[0]", ["", "\ud800", 7, ["regulars"], "r" * 101], "must be"),
    (f"{CONDITIONS}.weekdays[0]", [0, 8, True, "1", "Mon", None, 1.0], "must be"),
    (
        f"{CONDITIONS}.hours[0]",
        [
            "10:00-22:00",
            ["10:00"],
            ["10:00", "10:00"],
            ["9:00", "10:00"],
            ["10:00", "24:01"],
            ["24:00", "10:00"],
            ["10:60", "11:00"],
            [600, 1320],
        ],
        "must be",
    ),
    (f"{CONDITIONS}.hours[0]", [{"10:00": 1, "22:00": 2}], "must be two"),
    (f"{C}.redemption_password", ["", "48291", "4829130000000", 482913, "48291a", "482 913", "482913\0"], "must be"),
    (f"{C}.redemption_password", ["123456", "654321", "890123", "111111", "121212", "٠٠٠٠٠٠"], "too easy"),
    (f"{C}.posters[0].name", ["", " ", "a\nb", 7, "a" * 101], "must be"),
    (f"{C}.posters[0].limit", [0, -1, True, "9", 10**9 + 1], "must be"),
    (f"{C}.posters[0].per_day", [0, 1.5], "must be"),
    (f"{C}.posters[0].token", ["", "012345678", "0123456789A", "0" * 33, 1234567890, "０123456789"], "must be"),
    (f"{C}.posters[0].per_minute", [30], "not a field"),
    (f"{C}.posters[0].at_counter", [1, "yes"], "true or false"),
    (f"{C}.publish_to[0]", ["consumer", 7, None, ["consumer@example.org"]], "must be"),
    (f"{C}.publish_to[1]", [NOBODY], "has no account"),
    ("consumers[1].password", ["owners-other-secret"], "another one"),
    ("consumers[0].groups", [["lotus"], "lotus", 7], "an object"),
    ("consumers[0].groups", [[], "", 0, False], "must be an object"),
    ("consumers[0].groups.nosuch", [["regulars"], []], "no merchant"),
]
NO_GROUPS = ("consumers[0].groups", {})
BESIDES = {  # what has to be otherwise for the table's fault to be the only one
    "merchants": NO_GROUPS,
    **{
        f"{C}.posters[0].{key}": (f"{C}.posters", [{"name": "Window"}])
        for key in ("name", "limit", "per_day", "token", "per_minute", "at_counter")
    },
    f"{M}.slug": NO_GROUPS,
    f"{M}.members[1].email": (f"{M}.members[1].password", GONE),
    f"{M}.branches[1].slug": (f"{M}.branches[1]", {"name": "Another"}),
    "consumers[1].password": ("consumers[1]", {"email": "Owner@Lotus.example"}),
}


@pytest.mark.parametrize(("path", "values", "word"), WRONG, ids=[f"{path} {word}" for path, _, word in WRONG])
def test_a_fault_is_named_with_its_path(sqlite, path, values, word):
    besides = [BESIDES[path]] if path in BESIDES else []
    for value in values:
        (fault,) = faults(changed(*besides, (path, value)))
        assert fault.startswith(f"{path}: "), repr(value)
        assert word in fault, repr(value)


@pytest.mark.parametrize("document", [[], None, "merchants", 7, True, math.nan])
def test_a_document_is_an_object(sqlite, document):
    assert faults(document) == ["document: must be an object"]
    assert faults(changed(NO_GROUPS, (M, document)))[0] == "merchants[0]: must be an object"


def test_every_fault_is_reported_and_nothing_is_written(database):
    wrong = changed(
        (f"{M}.currency", "YUAN"),
        (f"{M}.members[1].branches[0]", "attic"),
        (f"{C}.quantity", 0),
        (f"{C}.ends_at", "2026-11-01"),
        (f"{C}.redemption_password", "123456"),
        (f"{C}.colour", "red"),
        ("consumers[0].email", GONE),
    )
    told = dict(fault.split(": ", 1) for fault in faults(wrong))
    assert told[f"{C}.ends_at"] == "before starts_at"
    assert told.keys() == {
        f"{M}.currency",
        f"{M}.members[1].branches[0]",
        f"{C}.quantity",
        f"{C}.ends_at",
        f"{C}.redemption_password",
        f"{C}.colour",
        "consumers[0].email",
        f"{C}.publish_to[0]",
    }


@pytest.mark.parametrize("kind", ["prize", "gift", "giveaway"])
def test_an_exchange_voucher_has_no_prices_and_one_use(sqlite, kind):
    told = outcome(changed((f"{C}.kind", kind), (f"{C}.uses_per_voucher", 2)))
    assert sorted(told) == [f"{C}.offer_price", f"{C}.original_price", f"{C}.uses_per_voucher"]


def test_what_is_there_already_is_not_loaded_again(database):
    load(SAMPLE)
    assert faults(SAMPLE) == [f"{M}.slug: lotus exists already"]
    assert (
        faults({"merchants": SAMPLE["merchants"][:1] * 2, "consumers": SAMPLE["consumers"]})[-1]
        == "merchants[1].slug: lotus exists already"
    )
    (fault,) = faults({"consumers": [SAMPLE["consumers"][0] | {"password": "quite-another"}]})
    assert fault.startswith("consumers[0].password: must be left out")
    campaign = SAMPLE["merchants"][0]["campaigns"][0]
    (fault,) = faults(changed((f"{M}.slug", "twice"), (f"{M}.campaigns[1]", campaign)))
    assert fault.startswith(f"{M}.campaigns[1].slug: ")


def test_a_fault_is_one_line_whatever_the_document_says(sqlite):
    consumer = {"email": "c@example.org", "groups": {"lo\ntus": ["regulars"]}}
    assert len(faults({"con\nsumers": [], "\ud800": 1, "\u2028": 2, "consumers": [consumer]})) == 4


def test_a_fault_does_not_move_or_make_others(sqlite):
    told = outcome(changed((f"{C}.publish_to", ["not-an-address", NOBODY])))
    assert told == [f"{C}.publish_to[0]", f"{C}.publish_to[1]"]
    bare = {"name": "Lotus Tea", "time_zone": "Asia/Shanghai", "currency": "CNY"}
    assert faults({"merchants": [bare, bare]}) == ["merchants[0].slug: is missing", "merchants[1].slug: is missing"]


def test_a_branch_named_twice_is_a_fault_or_nothing(sqlite):
    """But no surprise of the database's while it is written."""
    assert outcome(changed((f"{M}.members[1].branches", ["main", "main"]))) in (None, [f"{M}.members[1].branches[1]"])


def paths(value: Any, path: str = "") -> list[str]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, part in inner:
        found += paths(part, f"{path}[{key}]" if isinstance(value, list) else f"{path}.{key}".lstrip("."))
    return found


NAMES = {path.split(".")[-1].split("[")[0] for path in paths(SAMPLE)}
KNOWN = st.sampled_from(sorted(NAMES | {"lotus", "main", "prize", "consumer@example.org", "2026-12-02"}))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | KNOWN
JSON = st.recursive(PLAIN, lambda part: st.lists(part) | st.dictionaries(KNOWN | st.text(), part), max_leaves=6)
CHANGES = st.lists(st.tuples(st.sampled_from(paths(SAMPLE)), JSON), min_size=1, max_size=2)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=JSON | CHANGES.map(lambda found: changed(*sorted(found, key=lambda change: -len(change[0])))))
def test_any_document_is_loaded_or_refused(sqlite, document):
    """Anything at all, and the sample with one or two of its values replaced, the inner one first."""
    if outcome(document) is None:
        write_transaction(lambda: [model.delete().execute() for model in reversed(TABLES)])
    assert not any(rows().values())
