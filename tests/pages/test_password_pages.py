"""Who sees the redemption password: an owner who has just shown who they are, in one answer; nobody anywhere else."""

import pytest
from flask import url_for

from models import Campaign, Kind, Member, Redemption, RedemptionPassword, Role, Voucher
from quanbao.campaigns import editing
from quanbao.passwords import redemption_passwords, shop_passwords
from tests.pages.test_campaign_pages import entries
from tests.support.factories import ACCOUNT_PASSWORD, World
from tests.support.page_client import Page, PageClient

CANARY = "918273640155"  # nothing else in any page has such a number
NEW = "750264"
HERE = "/merchants/lotus/campaigns/tea/password"
CHANGE = HERE + "/change"
OWN = {"password": ACCOUNT_PASSWORD}


@pytest.fixture
def campaign(small_world) -> Campaign:
    password = small_world.make_password(digits=CANARY)
    small_world.campaign(slug="cake", product="Cake", password=password)
    return small_world.campaign(slug="tea", password=password)


@pytest.fixture
def people(app, small_world, campaign) -> dict[Role | None, PageClient]:
    """Somebody in each role, and a consumer who holds a voucher."""
    small_world.voucher(campaign=campaign)
    found = {role: PageClient(app).sign_in(small_world.member(role=role, password=ACCOUNT_PASSWORD)) for role in Role}
    return found | {None: PageClient(app).sign_in(small_world.mei)}


@pytest.fixture
def owner(people) -> PageClient:
    return people[Role.OWNER]


def digits_in(page: Page) -> bool:
    return CANARY in page.html


# Shown


def test_who_has_just_signed_in_sees_it_at_a_press(owner):
    asked = owner.get(HERE)
    assert not digits_in(asked)
    assert not asked.all("input", name="password")
    page = owner.post(HERE, status=200)
    assert digits_in(page)
    assert page.headers["Cache-Control"] == "no-store"
    assert not digits_in(owner.get(HERE)), "in that answer alone"


def test_minutes_later_it_takes_the_accounts_password(owner, clock):
    clock.forward(minutes=9)
    assert digits_in(owner.post(HERE, status=200))
    clock.forward(minutes=2)
    assert owner.get(HERE).all("input", name="password")
    for wrong in ({}, {"password": ""}, {"password": "not-this-one"}, {"password": "\0"}, {"password": "x" * 5000}):
        page = owner.post(HERE, wrong, status=422)
        assert not digits_in(page)
        (field,) = page.all("input", name="password", id="password")
        assert field["aria-invalid"] == "true"
        assert not field.get("value")
        assert "not the password of your account" in page.text
    assert digits_in(owner.post(HERE, OWN, status=200))
    clock.forward(minutes=9)
    assert digits_in(owner.post(HERE, status=200)), "and once is enough for a while"


def test_another_browser_of_the_same_owner_is_asked_for_itself(owner, app, clock):
    clock.forward(minutes=11)
    other = PageClient(app).sign_in(Member.get(Member.role == Role.OWNER).account)
    assert digits_in(other.post(HERE, status=200))
    owner.post(HERE, status=422)


def test_whoever_guesses_at_the_accounts_password_is_kept_waiting(owner, clock, app, small_world):
    clock.forward(minutes=11)
    for _ in range(10):
        owner.post(HERE, {"password": "not-this-one"}, status=422)
    refused = owner.post(HERE, OWN, status=429)
    assert int(refused.headers["Retry-After"]) > 0
    assert not digits_in(refused)
    second = PageClient(app).sign_in(small_world.member(role=Role.OWNER, password=ACCOUNT_PASSWORD))
    assert digits_in(second.post(HERE, status=200)), "another owner is not"


def test_seeing_it_often_is_no_guessing(owner):
    for _ in range(15):
        owner.post(HERE, status=200)


@pytest.mark.parametrize("role", [Role.MANAGER, Role.CASHIER, None])
def test_nobody_but_an_owner_sees_it(people, role, clock):
    status = 404 if role is None else 403
    for form in ({}, OWN):
        assert not digits_in(people[role].post(HERE, form, status=status))
    assert not digits_in(people[role].get(HERE, status=200 if role is Role.MANAGER else status))


def walk(app, who: PageClient, values: dict) -> list[str]:
    """Every address that `who` may get, as a page, a fragment and JSON; those whose answer holds the digits."""
    found, seen = [], 0
    with app.test_request_context():
        addresses = [
            url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})
            for rule in app.url_map.iter_rules()
            if "GET" in rule.methods and rule.arguments <= values.keys()
        ]
    for address in addresses:
        for headers in ({"Accept": "text/html"}, {"Accept": "application/json"}, {"HX-Request": "true"}):
            answer = who._send("GET", address, headers, {})
            seen += answer.status_code == 200
            if CANARY in answer.text or any(CANARY in value for _, value in answer.headers):
                found.append(address)
    assert seen > 10
    return found


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER, Role.CASHIER, None])
def test_it_is_in_no_page_that_can_be_got(app, people, small_world, role):
    voucher = Voucher.get()
    small_world.attempt(voucher, typed=CANARY)
    values = {
        "merchant": "lotus",
        "campaign": "tea",
        "code": voucher.code,
        "number": 1,
        "customer": 1,
        "branch": "main",
        "member": 1,
        "attempt_id": Redemption.get().attempt_id,
    }
    assert walk(app, people[role], values) == []
    assert CANARY not in str([list(row) for row in RedemptionPassword.select().tuples()])


def test_the_walk_would_find_it(app, people, campaign):
    """A control: a page that tells it is found."""
    Campaign.update(product=f"Tea {CANARY}").execute()
    assert walk(app, people[Role.OWNER], {"merchant": "lotus", "campaign": "tea"})


@pytest.mark.parametrize("kind", Kind)
def test_it_is_in_no_answer_to_entering_or_saving(owner, small_world, kind):
    form = {
        "kind": kind,
        "product": "Cup",
        "quantity": "1",
        "starts_at": "2026-12-01",
        "ends_at": "2026-12-31",
        "password_in_use": Campaign.get(slug="tea").password_id,
    }
    form |= {"original_price": "2", "offer_price": "1"} if kind is Kind.DISCOUNT else {}
    assert not digits_in(owner.post("/merchants/lotus/new-campaign", form | {"quantity": "0"}, status=422))
    assert not digits_in(owner.post("/merchants/lotus/preview", form, status=200, headers={"HX-Request": "true"}))
    shown = owner.post("/merchants/lotus/new-campaign", form).location
    for address in (shown, shown + "/edit", shown + "/password"):
        assert not digits_in(owner.get(address))


# Changed


def revealed(world: World, campaign: Campaign) -> str:
    return redemption_passwords.reveal(RedemptionPassword.get_by_id(campaign.password_id), world.keys.password)


def test_who_picks_up_an_open_phone_chooses_no_digits(owner, small_world, campaign, clock):
    """They would know them. Made ones are not shown, so that to have some made gives nobody anything."""
    clock.forward(minutes=11)
    for wrong in ({}, {"password": "not-this-one"}):
        page = owner.fill(HERE, CHANGE, {"redemption_password": NEW, **wrong}, status=422)
        assert "not the password of your account" in page.text
        (field,) = page.all("input", name="redemption_password")
        assert field["value"] == NEW, "what was typed is still there"
    assert revealed(small_world, campaign) == CANARY
    owner.fill(HERE, CHANGE, {"redemption_password": NEW, **OWN})
    assert revealed(small_world, campaign) == NEW
    clock.forward(minutes=11)
    assert revealed(small_world, campaign) not in owner.get(owner.fill(HERE, CHANGE).location).html


@pytest.mark.parametrize("typed", [NEW, "７５０２６４", " ٧٥٠٢٦٤ "])
def test_a_typed_one_takes_its_place(owner, small_world, campaign, typed):
    there = owner.fill(HERE, CHANGE, {"redemption_password": typed}).location
    assert "the old one is no good" in owner.get(there).text
    assert revealed(small_world, campaign) == NEW


@pytest.mark.parametrize("path", ["/merchants/lotus/new-campaign", "/merchants/lotus/campaigns/draft/edit"])
def test_who_picks_up_an_open_phone_types_no_digits_in_a_campaign_either(owner, small_world, clock, path):
    """What becomes of them tells whether the shop has them: the campaigns that share a password name each other."""
    small_world.campaign(slug="draft", published_at=None)
    form = entries(owner.get(path)) | {
        "product": "Tea",
        "original_price": "30",
        "offer_price": "18",
        "quantity": "9",
        "ends_at": "2026-12-31",
        "redemption_password": CANARY,
    }
    clock.forward(minutes=11)
    assert owner.get(path).all("input", name="password")
    before = {row.id: (row.password_id, row.version) for row in Campaign.select()}
    for wrong in ({}, {"password": "not-this-one"}):
        page = owner.post(path, form | wrong, status=422)
        assert page.all("input", name="password", **{"aria-invalid": "true"})
        assert "The same password opens" not in page.text
    assert {row.id: (row.password_id, row.version) for row in Campaign.select()} == before
    assert RedemptionPassword.select().count() == 2
    owner.post(path, form | {"redemption_password": ""})  # what needs no digits needs nothing shown
    owner.post(path, entries(owner.get(path)) | form | OWN)


def test_a_campaigns_form_is_no_way_to_guess_at_the_accounts_password(owner, clock):
    form = entries(owner.get("/merchants/lotus/new-campaign")) | {"redemption_password": NEW}
    clock.forward(minutes=11)
    for _ in range(10):
        owner.post("/merchants/lotus/new-campaign", form | {"password": "not-this-one"}, status=422)
    owner.post("/merchants/lotus/new-campaign", form | OWN, status=429)
    owner.post(HERE, OWN, status=429)


def test_a_deleted_drafts_password_is_one_of_the_shops_until_it_is_ended(owner, people, small_world):
    """It stands in the list of the shop's passwords, where an owner sees it; once ended it is offered no more."""
    draft = small_world.campaign(slug="draft", published_at=None, password=small_world.make_password(digits=NEW))
    form = entries(owner.get("/merchants/lotus/new-campaign")) | {
        "product": "Tea",
        "original_price": "30",
        "offer_price": "18",
        "quantity": "9",
        "ends_at": "2026-12-31",
        "password_in_use": str(draft.password_id),
    }
    editing.delete(draft)
    people[Role.MANAGER].post("/merchants/lotus/new-campaign", form)
    editing.delete(Campaign.get(Campaign.password == draft.password_id))
    shop_passwords.end(draft.password, small_world.clock())
    page = people[Role.MANAGER].post("/merchants/lotus/new-campaign", form, status=422)
    assert "Choose one of the list." in page.text


def test_only_who_changed_it_is_told_so_once_and_about_this_campaign(owner, people, small_world):
    small_world.campaign(slug="apart", product="Apart")
    told = "the old one is no good"
    assert told not in owner.get(HERE + "?changed=1").text, "a link says nothing"
    there = owner.fill(HERE, CHANGE, {"redemption_password": NEW}).location
    assert "changed" not in there
    assert told not in people[Role.MANAGER].get(there).text
    assert told in owner.get(there).text
    assert told not in owner.get(there).text
    owner.fill(HERE, CHANGE, {"redemption_password": CANARY})
    assert told not in owner.get(HERE.replace("tea", "apart")).text


def test_the_same_digits_again_are_no_change_and_it_says_so(owner):
    page = owner.get(owner.fill(HERE, CHANGE, {"redemption_password": CANARY}).location)
    assert "nothing was changed" in page.text
    assert "the old one is no good" not in page.text


@pytest.mark.parametrize("path", [HERE, "/merchants/lotus/new-campaign"])
def test_owners_alone_are_offered_to_type_one(people, path):
    for role, offered in ((Role.OWNER, True), (Role.MANAGER, False)):
        assert bool(people[role].get(path).all("input", name="redemption_password")) is offered


@pytest.mark.parametrize("path", [CHANGE, "/merchants/lotus/new-campaign", "/merchants/lotus/campaigns/tea/edit"])
def test_a_manager_cannot_ask_whether_digits_are_the_shops(people, small_world, campaign, path):
    """Right or wrong, in use or not: the answer is the same, and nothing is changed."""
    answers = [
        people[Role.MANAGER].post(path, {"product": "Tea", "redemption_password": digits}, status=403).text
        for digits in (CANARY, NEW)
    ]
    assert answers[0] == answers[1]
    assert revealed(small_world, campaign) == CANARY


def test_a_draft_keeps_its_password_and_the_form_says_so(owner, small_world):
    draft = small_world.campaign(slug="draft", published_at=None)
    page = owner.get("/merchants/lotus/campaigns/draft/edit")
    assert "Leave it as it is" in page.text
    assert "Left empty, the password stays as it is" in page.text
    assert "Leave it as it is" not in owner.get("/merchants/lotus/new-campaign").text
    assert Campaign.get_by_id(draft.id).password_id == draft.password_id


def test_who_changes_it_is_told_which_campaigns_share_it(people):
    for role in (Role.OWNER, Role.MANAGER):
        for path in ("/merchants/lotus/campaigns/tea", HERE):
            assert "Cake" in people[role].get(path).text


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_one_is_made_and_owners_alone_see_it(people, small_world, campaign, role):
    there = people[role].fill(HERE, CHANGE).location
    assert ("Ask an owner for the new one" in people[role].get(there).text) is (role is Role.MANAGER)
    made = revealed(small_world, campaign)
    assert made != CANARY
    assert not redemption_passwords.is_trivial(made)
    assert made in people[Role.OWNER].post(HERE, status=200).text


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("123456", "too easy"),
        ("111111", "too easy"),
        ("12345", "6 to 12 digits"),
        ("7502641234567", "6 to 12 digits"),
        ("75026a", "6 to 12 digits"),
        ("\0" * 7, "6 to 12 digits"),
        ("7" * 70_000, None),
    ],
)
def test_a_mistake_is_named_and_nothing_is_changed(owner, small_world, campaign, typed, word):
    page = owner.fill(HERE, CHANGE, {"redemption_password": typed}, status=422 if word else 413)
    if word:
        assert word in page.text
        (field,) = page.all("input", name="redemption_password")
        assert (field["aria-invalid"], field["value"]) == ("true", typed)
        assert any("open" in details for details in page.all("details"))
    assert revealed(small_world, campaign) == CANARY


def test_it_says_whose_else_it_is(owner):
    assert "Cake" in owner.get(HERE).text
    assert "Cake" in owner.fill(HERE, CHANGE, {"redemption_password": "1"}, status=422).text


@pytest.mark.parametrize("role", [Role.CASHIER, None])
def test_others_change_nothing(people, small_world, campaign, role):
    people[role].post(CHANGE, {"redemption_password": NEW}, status=404 if role is None else 403)
    assert revealed(small_world, campaign) == CANARY
