"""Whatever ends the request of a form, what was typed is still there, and the page says whether anything was saved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from database import db
from models import Branch, Role, Session
from tests.browser.test_offline import WORKING
from tests.browser.test_owner import photos  # noqa: F401 (a fixture)
from tests.support.chromium import Visitor, desktop, phone
from tests.support.crowds import make_customers
from tests.support.factories import ACCOUNT_PASSWORD, OWNER, World
from tests.support.faulty_proxy import Between

pytestmark = pytest.mark.browser

HERE = "/merchants/lotus"
ODD = ("net::ERR_", "status of", "Failed to load resource", "htmx:", "returned no matches")
SAVED_NOT, SAVED_UNKNOWN = "Nothing was saved", "not known whether this arrived"


@dataclass(frozen=True)
class Form:
    """Where it is, what is typed into which field, the button, and the address that it is sent to."""

    page: str
    typed: dict[str, str]
    button: str
    to: str
    open: tuple[str, ...] = ()  # summaries to press first
    within: str = "main"
    chosen: tuple[str, ...] = ()  # boxes and radio buttons
    signed_in: bool = True
    done: str = ""  # of the address of the next page; of the same one where nothing is said
    look: Callable[..., dict] = phone
    seen: dict = field(default_factory=dict)


TEA = f"{HERE}/campaigns/tea"
FORMS = {
    "new campaign": Form(
        f"{HERE}/new-campaign",
        {
            "#product": "Oolong",
            "#original_price": "30",
            "#offer_price": "18",
            "#quantity": "9",
            "#ends_at": "2026-12-31",
            "#terms": "One\nand two",
        },
        "Save",
        f"{HERE}/new-campaign",
        done="/campaigns/oolong",
    ),
    "campaign": Form(f"{TEA}/edit", {"#offer_price": "17", "#terms": "New terms"}, "Save", f"{TEA}/edit", done="/tea"),
    "publish": Form(
        f"{TEA}/publications",
        {"#addresses": "a@example.org\nb@example.org"},
        "Publish",
        f"{TEA}/publications",
        chosen=("#audience-addresses",),
        done="/publications/1",
    ),
    "password": Form(
        f"{TEA}/password",
        {"#redemption_password": "750264"},
        "Change the password",
        f"{TEA}/password/change",
        open=("Change the password",),
        done="/password",
    ),
    "new branch": Form(
        f"{HERE}/branches", {"#new-name": "Harbour", "#new-address": "3 Quay"}, "Add", f"{HERE}/branches", within="#new"
    ),
    "branch": Form(
        f"{HERE}/branches",
        {"#branch-1-name": "High Street", "#branch-1-address": "9"},
        "Save",
        f"{HERE}/branches/main",
        open=("Change",),
        within="li:first-child",
    ),
    "invitation": Form(
        f"{HERE}/members",
        {"#email": "till@example.org"},
        "Make a link",
        f"{HERE}/members",
        within="#invite",
        chosen=("#new-at-2",),
    ),
    "group": Form(
        f"{HERE}/customers",
        {"#name": "regulars"},
        "Put into the group",
        f"{HERE}/customers",
        open=("Put into a group",),
        chosen=("#customer-1",),
        done="/customers",
    ),
    "rollback": Form(
        f"{HERE}/redemptions/1", {"#note": "Wrong one"}, "Roll back", f"{HERE}/redemptions/1", chosen=("#reason-other",)
    ),
    "e-mail": Form(
        "/account",
        {"#email-email": "new@example.org", "#email-password": ACCOUNT_PASSWORD},
        "Change the e-mail",
        "/account/email",
        open=("Change the e-mail",),
        within="#email",
        done="/account?done=email",
    ),
    "sign-up": Form(
        "/sign-up",
        {"#email": "lin@example.org", "#password": ACCOUNT_PASSWORD},
        "Sign up",
        "/sign-up",
        signed_in=False,
        done="/wallet",
    ),
    "sign-in": Form(
        "/sign-in",
        {"#email": OWNER, "#password": ACCOUNT_PASSWORD},
        "Sign in",
        "/sign-in",
        signed_in=False,
        done="/campaigns",
    ),
}


@pytest.fixture
def network(small_world: World, small_site) -> Iterator[Between]:
    small_world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    make_customers(small_world, 3)
    small_world.attempt(small_world.voucher(campaign=small_world.campaign(slug="tea", product="Tea")))
    with Between(small_site) as between:
        yield between


def at(form: Form, visit, network: Between) -> Visitor:
    """Somebody who has filled the form in."""
    visitor = visit(network, **form.look())
    visitor.expect(*ODD)
    if form.signed_in:
        visitor.sign_in(OWNER)
    page = visitor.page
    page.goto(form.page)
    for summary in form.open:
        page.locator(form.within).locator("summary", has_text=summary).first.click()
    for box in form.chosen:
        page.locator(box).check()
    for selector, text in form.typed.items():
        page.locator(selector).fill(text)
    return visitor


def press(page: Page, form: Form) -> None:
    page.locator(form.within).get_by_role("button", name=form.button, exact=True).first.click()


def is_all_there(page: Page, form: Form) -> None:
    for selector, text in form.typed.items():
        expect(page.locator(selector)).to_have_value(text)
    for box in form.chosen:
        expect(page.locator(box)).to_be_checked()


# The server hears of none of these, which only the one who wrote the test knows.
ENDINGS = {"small": SAVED_NOT, "gateway": SAVED_UNKNOWN, "refuse": SAVED_UNKNOWN, "elsewhere": SAVED_NOT}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_outlives_a_bad_network(network, visit, name):
    form = FORMS[name]
    visitor = at(form, visit, network)
    page, note = visitor.page, visitor.page.locator(".unsent")
    for kind, said in ENDINGS.items():
        network.fault = lambda method, path, kind=kind: kind if (method, path) == ("POST", form.to) else None
        press(page, form)
        expect(note).to_have_count(1)
        expect(note).to_contain_text(said)
        expect(page.get_by_text("Request Entity")).to_have_count(0)
        is_all_there(page, form)
    network.always(None)
    with page.expect_navigation(url=lambda url: form.done in url):
        press(page, form)
    assert ("POST", form.to) in network.heard


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form.signed_in])
def test_a_form_outlives_its_session(network, visit, name):
    """One signs in on top of the page, and the form is sent as it was."""
    form = FORMS[name]
    visitor = at(form, visit, network)
    page, dialog = visitor.page, visitor.page.get_by_role("dialog")
    Session.delete().execute()
    press(page, form)
    expect(dialog).to_contain_text(SAVED_NOT)
    is_all_there(page, form)
    dialog.get_by_role("button", name="Later").click()
    expect(page.locator(".unsent").last).to_contain_text("You are signed out")
    is_all_there(page, form)
    press(page, form)
    expect(dialog.get_by_label("E-mail")).to_have_value(OWNER)
    dialog.get_by_label("Password").fill("not-the-one")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog.get_by_role("alert")).to_contain_text("do not belong together")
    is_all_there(page, form)
    dialog.get_by_label("Password").fill(ACCOUNT_PASSWORD)
    with page.expect_navigation(url=lambda url: form.done in url):
        dialog.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ACCOUNT_PASSWORD not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")


def test_what_was_typed_is_never_sent_for_another_account(small_world, network, visit):
    """Neither where another signs in on top of the page, nor where another did so in another window."""
    small_world.member(role=Role.OWNER, email="bo@example.org", password=ACCOUNT_PASSWORD)
    form = FORMS["new branch"]
    visitor = at(form, visit, network)
    page, dialog = visitor.page, visitor.page.get_by_role("dialog")
    Session.delete().execute()
    press(page, form)
    dialog.get_by_label("E-mail").fill("bo@example.org")
    dialog.get_by_label("Password").fill(ACCOUNT_PASSWORD)
    with page.expect_navigation():
        dialog.get_by_role("button", name="Sign in").click()
    expect(page.locator("#new-name")).to_have_value("")

    page.locator("#new-name").fill("Harbour")
    other = visitor.context.new_page()
    visitor.sign_in(OWNER)
    other.goto("/account")
    with page.expect_navigation():
        press(page, form)
    expect(page.locator("#new-name")).to_have_value("")
    assert Branch.select().where(Branch.name == "Harbour").count() == 0


def test_a_fault_in_one_field_keeps_the_file_the_password_and_the_other_forms(network, visit, tmp_path):
    listed = tmp_path / "list.csv"
    listed.write_text("a@example.org\n")
    owner = visit(network, **desktop()).sign_in(OWNER)
    owner.expect(*ODD)
    page = owner.page
    page.goto(f"{TEA}/publications")
    page.locator("#audience-customers").check()
    page.locator("#file").set_input_files(listed)
    with page.expect_response(lambda answer: answer.status == 422):
        owner.press("Publish")
    expect(page.get_by_role("alert").first).to_be_visible()
    assert page.locator("#file").evaluate("field => field.files[0].name") == "list.csv"

    page.goto("/account")
    page.locator("summary", has_text="Change the password").click()
    page.locator("summary", has_text="Change the e-mail").click()
    page.locator("#email-email").fill("new@example.org")
    page.locator("#password-password").fill(ACCOUNT_PASSWORD)
    page.locator("#password-new_password").fill("short")
    page.locator("#password").get_by_role("button").click()
    expect(page.locator("#password-new_password")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#password-new_password")).to_be_focused()
    expect(page.locator("#password-password")).to_have_value(ACCOUNT_PASSWORD)
    expect(page.locator("#email-email")).to_have_value("new@example.org")
    expect(page).to_have_url(f"{network.url}/account")


def test_an_answer_that_is_lost_may_have_been_saved_and_says_so(network, visit):
    form = FORMS["new branch"]
    visitor = at(form, visit, network)
    page = visitor.page
    network.fault = lambda method, path: "lose" if (method, path) == ("POST", form.to) else None
    press(page, form)
    expect(page.locator(".unsent")).to_contain_text(SAVED_UNKNOWN)
    is_all_there(page, form)
    with visitor.context.expect_page() as opened:
        page.locator(".unsent").get_by_role("link").click()
    expect(opened.value.get_by_role("heading", name="Harbour").first).to_be_visible()  # Chromium asks more than once


def test_a_picture_that_a_proxy_refuses_is_told_until_another_is_chosen(network, visit, photos):  # noqa: F811
    owner = visit(network, **phone()).sign_in(OWNER)
    owner.expect(*ODD)
    page, preview = owner.page, owner.page.locator("#preview")
    page.goto(f"{HERE}/new-campaign")
    network.fault = lambda method, path: "small" if path.endswith("/pictures") else None
    page.get_by_label("Picture").set_input_files(photos[0])
    note = page.locator(".unsent")
    expect(note).to_contain_text("choose a smaller file")
    page.get_by_label("Product").fill("Tea")
    expect(preview).to_contain_text("Tea")
    expect(note).to_contain_text("choose a smaller file")
    assert page.get_by_label("Picture").input_value()
    network.always(None)
    smaller = photos[0].with_name("smaller.jpg")
    Image.effect_noise((200, 100), 60).convert("RGB").save(smaller)
    page.get_by_label("Picture").set_input_files(smaller)
    expect(page.get_by_role("img", name="The picture on the voucher")).to_be_visible()
    expect(note).to_have_count(0)


def test_a_search_beside_typed_addresses_does_not_lead_away(network, visit):
    form = FORMS["publish"]
    visitor = at(form, visit, network)
    page = visitor.page
    page.locator("#audience-customers").check()
    Session.delete().execute()
    page.locator("#q").fill("a")
    expect(page.locator(".unsent")).to_contain_text("You are signed out")
    page.locator("#audience-addresses").check()
    is_all_there(page, form)


def test_two_taps_send_once(network, visit):
    form = FORMS["new branch"]
    page = at(form, visit, network).page
    with page.expect_navigation():
        page.locator("#new").get_by_role("button", name="Add").dblclick()
    assert Branch.select().where(Branch.name == "Harbour").count() == 1


def test_without_script_a_form_is_sent_and_refused_as_ever(network, visit):
    owner = visit(network, **desktop(), java_script_enabled=False).sign_in(OWNER)
    owner.expect("status of 422")
    page = owner.page
    page.goto(f"{HERE}/branches")
    page.locator("#new-address").fill("3 Quay")
    page.locator("#new").get_by_role("button").click()
    expect(page.locator("#new-name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#new-address")).to_have_value("3 Quay")
    page.locator("#new-name").fill("Harbour")
    page.locator("#new").get_by_role("button").click()
    expect(page.get_by_role("heading", name="Harbour")).to_be_visible()


def test_a_form_that_the_browser_sent_by_itself_may_have_arrived(network, visit):
    """Without our script nothing can be kept, but "nothing was redeemed" would be more than anybody knows."""
    owner = visit(network, **phone()).sign_in(OWNER)
    owner.expect(*ODD)
    page = owner.page
    page.goto(f"{HERE}/branches")
    page.evaluate(WORKING)
    network.fault = lambda method, path: "lose" if method == "POST" else None
    page.evaluate("HTMLFormElement.prototype.submit.call(document.querySelector('#new form'))")
    expect(page.get_by_text("it is not known what became of what you sent")).to_be_visible()
    expect(page.get_by_text("nothing was redeemed")).to_be_hidden()


def test_a_busy_server_saved_nothing(network, visit):
    form = FORMS["new branch"]
    page = at(form, visit, network).page
    with db.atomic("EXCLUSIVE"):  # nobody else writes meanwhile
        press(page, form)
        expect(page.locator(".unsent")).to_contain_text("The server is busy.", timeout=30_000)
    expect(page.locator(".unsent")).to_contain_text(SAVED_NOT)
    is_all_there(page, form)
