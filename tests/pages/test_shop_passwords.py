"""The page of a shop's passwords, and what its till page shows of them."""

import re

import pytest

from models import Branch, Campaign, Member, MemberBranch, PasswordKind, RedemptionPassword, Role, Session
from quanbao.passwords import accepting, changing, redemption_passwords, shop_passwords
from tests.passwords.test_kinds import make as make_of_kind
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD
from tests.support.page_client import PageClient

HERE = "/merchants/lotus/passwords"
TILL = "/merchants/lotus/till"
OWN = {"password": ACCOUNT_PASSWORD}
NEW = "750264"


@pytest.fixture
def people(app, small_world) -> dict[Role, PageClient]:
    made = {}
    for role in Role:
        person = small_world.member(role=role, password=ACCOUNT_PASSWORD)
        made[role] = PageClient(app).sign_in(person)
    cashier = Member.get(Member.role == Role.CASHIER)
    MemberBranch.create(member=cashier, branch=Branch.get(Branch.slug == "main"))
    return made


@pytest.fixture
def owner(people) -> PageClient:
    return people[Role.OWNER]


def latest() -> RedemptionPassword:
    return RedemptionPassword.select().order_by(RedemptionPassword.id.desc()).get()


def test_one_is_made_with_its_branch(owner, small_world):
    owner.post(HERE, {"name": "Till 1", "kind": "fixed", "redemption_password": NEW, "branch": "river", **OWN})
    row = latest()
    assert (row.name, row.kind, row.branch_slug) == ("Till 1", "fixed", "river")
    assert redemption_passwords.reveal(row, small_world.keys.password) == NEW
    page = owner.get(HERE)
    assert "Till 1" in page.text
    assert "Riverside" in page.text
    assert NEW not in page.html


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": " "}, "Enter a name"),
        ({"name": "password 1"}, "There is Password 1 already"),
        ({"kind": "spoken"}, "Choose one of the kinds"),
        ({"branch": "nowhere"}, "Choose among your branches"),
        ({"member": "999"}, "Choose among your members"),
        ({"redemption_password": PASSWORD}, "has these digits already"),
        ({"redemption_password": "123456"}, "too easy to guess"),
        ({"redemption_password": "12"}, "Enter 6 to 12 digits"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(owner, form, said):
    page = owner.post(HERE, {"name": "Till 1", "kind": "fixed", **OWN} | form, status=422)
    assert said in page.text
    assert RedemptionPassword.select().count() == 1


def test_who_picks_up_an_open_phone_makes_none_that_they_know(owner, clock):
    clock.forward(minutes=11)
    for form in ({"kind": "fixed", "redemption_password": NEW}, {"kind": "authenticator"}):
        page = owner.post(HERE, {"name": "Till 1", **form}, status=422)
        assert "not the password of your account" in page.text
    assert RedemptionPassword.select().count() == 1
    owner.post(f"{HERE}/{latest().id}/digits", status=422)
    assert PASSWORD in owner.post(f"{HERE}/{latest().id}/digits", OWN, status=200).text


def test_it_is_renamed_and_ended(owner, small_world):
    small_world.campaign(product="Cake", accepts_all=True)
    first = latest()
    page = owner.post(f"{HERE}/{first.id}", {"do": "end"}, status=422)
    assert "Cake accepts no other password" in page.text
    owner.post(HERE, {"name": "Till 1", "kind": "fixed", **OWN})
    owner.post(f"{HERE}/{first.id}", {"name": "Old one", "branch": "main"})
    assert (RedemptionPassword.get_by_id(first.id).name, RedemptionPassword.get_by_id(first.id).branch_slug) == (
        "Old one",
        "main",
    )
    owner.post(f"{HERE}/{first.id}", {"do": "end"})
    assert "Old one" not in owner.get(HERE).text
    owner.post(f"{HERE}/{first.id}", {"name": "Again"}, status=404)


def test_an_authenticator_is_made_once_it_shows_the_right_code(owner, small_world, clock):
    page = owner.post(HERE, {"name": "Phone", "kind": "authenticator", "branch": "main", **OWN}, status=200)
    (hidden,) = page.all("input", name="enrolment")
    secret = re.search(r"\b[A-Z2-7]{32}\b", page.text)[0]
    assert "<svg" in page.html
    wrong = owner.post(f"{HERE}/enrol", {"enrolment": hidden["value"], "code": "000000"}, status=422)
    assert "not the code that the app shows" in wrong.text
    assert RedemptionPassword.select().count() == 1
    code = changing.at_step(secret, changing.good_steps(clock())[0])
    owner.post(f"{HERE}/enrol", {"enrolment": hidden["value"], "code": code})
    row = latest()
    assert (row.name, row.kind, row.branch_slug) == ("Phone", "authenticator", "main")
    assert redemption_passwords.reveal(row, small_world.keys.password) == secret
    assert secret not in owner.get(HERE).html
    owner.post(f"{HERE}/{row.id}/digits", OWN, status=404)


@pytest.mark.parametrize("minutes", [9, 10])
def test_an_enrolment_is_good_for_ten_minutes_and_at_one_merchant(app, owner, small_world, clock, minutes):
    page = owner.post(HERE, {"name": "Phone", "kind": "authenticator", **OWN}, status=200)
    (hidden,) = page.all("input", name="enrolment")
    secret = re.search(r"\b[A-Z2-7]{32}\b", page.text)[0]
    other = small_world.make_merchant(slug="other")
    theirs = PageClient(app).sign_in(small_world.member(role=Role.OWNER, merchant=other))
    clock.forward(minutes=minutes)
    form = {"enrolment": hidden["value"], "code": changing.at_step(secret, changing.good_steps(clock())[0])}
    theirs.post("/merchants/other/passwords/enrol", form, status=422)
    owner.post(f"{HERE}/enrol", form, status=303 if minutes == 9 else 422)
    assert RedemptionPassword.select().count() == (2 if minutes == 9 else 1)


def test_a_campaign_accepts_what_is_ticked_and_all_where_nothing_is(owner, people, small_world, clock):
    campaign = small_world.campaign(slug="tea")
    others = [small_world.make_password(digits=digits, name=digits) for digits in (NEW, "739164")]
    here = "/merchants/lotus/campaigns/tea/password"

    def accepted() -> list[str]:
        return [row.name for row in accepting.of_campaign(Campaign.get_by_id(campaign.id), clock())]

    for unknown in ("x", "999"):
        page = owner.post(f"{here}/accepted", {"accepted": [str(others[0].id), unknown]}, status=422)
        assert "Nothing was changed" in page.text
    assert Campaign.get_by_id(campaign.id).version == 1
    owner.post(f"{here}/accepted", {"accepted": [str(others[0].id)]})
    assert accepted() == [NEW]
    assert Campaign.get_by_id(campaign.id).version == 2
    owner.post(f"{here}/accepted", {})
    assert accepted() == ["Password 1", NEW, "739164"]
    people[Role.MANAGER].post(f"{here}/accepted", {}, status=403)
    assert NEW in people[Role.MANAGER].get(here).text


def test_an_authenticator_is_neither_shown_nor_changed_by_a_campaigns_page(owner, small_world):
    """Its phone would not know the other secret, and who saw this one would have all its digits to come."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    row = make_of_kind(small_world, PasswordKind.AUTHENTICATOR, secret)
    small_world.campaign(slug="tea", password=row)
    here, list_of = "/merchants/lotus/campaigns/tea/password", "/merchants/lotus/passwords"
    sent = {"password": ACCOUNT_PASSWORD, "replacing": redemption_passwords.mark(row)}
    for path in (here, f"{here}/change", f"{here}/renew"):
        answer = owner.post(path, sent, status=303)
        assert answer.location == list_of
    assert RedemptionPassword.get_by_id(row.id).version == row.version
    assert secret not in owner.get(list_of).html + owner.get(here).html


def test_the_step_asks_for_no_branch_where_every_password_has_one(app, small_world):
    campaign = small_world.campaign(branch_slugs=["main", "river"])
    code = small_world.voucher(campaign=campaign).code
    mei = PageClient(app).sign_in(small_world.mei)
    assert "Where are you?" in mei.get(f"/vouchers/{code}/redeem").text
    RedemptionPassword.update(branch_slug="main").execute()
    assert "Where are you?" not in mei.get(f"/vouchers/{code}/redeem").text


# The till page


def test_a_tap_as_the_session_ends_asks_to_sign_in(owner, small_world, monkeypatch):
    row = make_of_kind(small_world, PasswordKind.ONE_TIME)
    monkeypatch.setattr(shop_passwords, "_lock", lambda row: Session.delete().execute())
    assert owner.post(f"{TILL}/passwords/{row.id}", {}, status=303).location == TILL


def test_what_the_till_page_asks_with_tells_no_digits(owner, small_world, monkeypatch):
    """It stands in an address, and six digits can be tried out behind any hash."""
    make_of_kind(small_world, PasswordKind.DAILY)
    marks = []
    for digits in ("111111", "222222"):
        monkeypatch.setattr(changing, "of_day", lambda secret, day, digits=digits: digits)
        page = owner.get(TILL)
        assert digits[:3] in page.text
        marks.append(re.search(r"seen=([0-9a-f]{16})", page.html)[1])
    assert marks[0] == marks[1]


def make(small_world, kind, **columns) -> RedemptionPassword:
    return small_world.make_password(digits=changing.new_secret(), kind=kind, **columns)


@pytest.mark.parametrize(("branch", "seen"), [(None, True), ("main", True), ("river", False)])
def test_the_days_digits_are_shown_to_members_of_that_branch(people, small_world, clock, branch, seen):
    row = make(small_world, PasswordKind.DAILY, branch_slug=branch)
    digits = shop_passwords.of_today(row, clock(), small_world.keys.password)
    assert (digits in people[Role.CASHIER].get(TILL).text) is seen
    assert digits in people[Role.OWNER].get(TILL).text


def test_a_members_digits_are_shown_to_that_member(people, small_world, clock):
    row = make(small_world, PasswordKind.DAILY, member=Member.get(Member.role == Role.CASHIER))
    digits = shop_passwords.of_today(row, clock(), small_world.keys.password)
    assert digits in people[Role.CASHIER].get(TILL).text
    assert digits not in people[Role.OWNER].get(TILL).text


def test_one_time_digits_come_by_a_tap_and_are_in_that_answer_alone(people, small_world):
    row = make(small_world, PasswordKind.ONE_TIME)
    cashier = people[Role.CASHIER]
    page = cashier.post(f"{TILL}/passwords/{row.id}", status=200)
    digits = re.search(r'class="digits" role="status">(\d{6})<', page.html)[1]
    assert digits not in cashier.get(TILL).html
    assert small_world.attempt(
        small_world.voucher(campaign=small_world.campaign(accepts_all=True)), typed=digits
    ).redeemed


def test_there_are_none_of_another_branch_or_kind(people, small_world):
    for row in (make(small_world, PasswordKind.ONE_TIME, branch_slug="river"), make(small_world, PasswordKind.DAILY)):
        people[Role.CASHIER].post(f"{TILL}/passwords/{row.id}", status=404)


def test_changed_digits_and_those_before_stand_with_their_times(owner, people, small_world, clock):
    here = f"{HERE}/{small_world.password.id}"
    campaign = small_world.campaign(accepts_all=True)
    owner.post(here, {"do": "renew", "overlap": "4", "redemption_password": NEW, **OWN})
    page = owner.get(HERE)
    assert page.text.count("Password 1") >= 2
    assert page.text.count("· until") == 1
    for person in people.values():
        assert "Password 1 was changed. The new digits are good already, the old ones until 4" in person.get(TILL).text
    told = owner.get(f"/merchants/lotus/campaigns/{campaign.slug}/password").text
    assert "The digits before, of Password 1, are good too until" in told
    assert NEW not in page.html
    clock.forward(hours=4)
    assert "· until" not in owner.get(HERE).text
    assert "The old one is no good: ask for the new one." in people[Role.CASHIER].get(TILL).text


@pytest.mark.parametrize("overlap", ["25", "-1", "1.5", "x", "٤" * 3])
def test_an_overlap_is_of_whole_hours(owner, small_world, overlap):
    campaign = small_world.campaign()
    wrong = {"overlap": overlap, "redemption_password": NEW, **OWN}
    page = owner.post(f"{HERE}/{small_world.password.id}", {"do": "renew", **wrong}, status=422)
    assert "Enter whole hours, 0 to 24." in page.text
    page = owner.post(f"/merchants/lotus/campaigns/{campaign.slug}/password/change", wrong, status=422)
    assert "Enter whole hours, 0 to 24." in page.text
    assert RedemptionPassword.get().version == 1


def test_who_picks_up_an_open_phone_changes_none_to_what_they_know(owner, small_world, clock):
    clock.forward(minutes=11)
    here = f"{HERE}/{small_world.password.id}"
    page = owner.post(here, {"do": "renew", "redemption_password": NEW, "password": "wrong"}, status=422)
    assert "Change the digits" in page.text
    assert redemption_passwords.reveal(RedemptionPassword.get(), small_world.keys.password) == PASSWORD


def test_a_campaigns_page_takes_an_overlap_too(people, small_world):
    campaign = small_world.campaign()
    here = f"/merchants/lotus/campaigns/{campaign.slug}/password"
    page = people[Role.MANAGER].get(here)
    assert page.all("input", name="overlap", value="0")
    mark = redemption_passwords.mark(campaign.password)
    people[Role.MANAGER].post(f"{here}/change", {"overlap": "2", "replacing": mark})
    page = people[Role.MANAGER].get(here)
    assert "The old one stays good for a while: ask an owner for the new one." in page.text
    assert small_world.attempt(small_world.voucher(campaign=campaign)).redeemed
    small_world.clock.forward(hours=2)
    assert not small_world.attempt(small_world.voucher(campaign=campaign)).redeemed


def test_the_owner_reads_how_many_mistakes_a_day_are_left(owner, people, small_world):
    assert "may mistype 100 times a day" in owner.get(HERE).text
    assert "That is little." not in owner.get(HERE).text
    small_world.make_password(digits=changing.new_secret(), kind=PasswordKind.AUTHENTICATOR)
    page = owner.get(HERE)
    assert "may mistype 25 times a day" in page.text
    assert "That is little. Choose longer digits, or give each password its branch" in page.text
    assert "may mistype" not in people[Role.MANAGER].get(HERE).text, "who cannot see how many digits there are"


def test_where_many_are_accepted_the_branch_is_asked_for_though_each_has_one(small_world, app):
    RedemptionPassword.update(branch_slug="main").execute()
    mei = PageClient(app).sign_in(small_world.mei)
    code = small_world.voucher(campaign=small_world.campaign(accepts_all=True)).code
    assert mei.get(f"/vouchers/{code}/redeem").all("form", id="keypad")
    secret = changing.new_secret()
    small_world.make_password(digits=secret, kind=PasswordKind.AUTHENTICATOR, branch_slug="river")
    assert "Where are you?" in mei.get(f"/vouchers/{code}/redeem").text
