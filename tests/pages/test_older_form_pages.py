"""The page of a form that is older than what is saved: both values are seen, and nothing is saved before a decision."""

import pytest

from models import Account, Branch, Campaign, Member, Mute, RedemptionPassword, Role
from quanbao.campaigns import editing, entered_values, pictures
from quanbao.merchants import branches, members
from quanbao.passwords import redemption_passwords
from tests.campaigns.test_editing import NEW, now
from tests.pages.test_campaign_pages import EDIT, PREVIEW, draft, encoded, entries, marked, red
from tests.support.page_client import Page, PageClient

OTHERS = "Save again to replace what was saved meanwhile: "


@pytest.fixture
def owner(client, small_world) -> PageClient:
    return client.sign_in(small_world.member(role=Role.OWNER))


@pytest.fixture
def campaign(small_world) -> Campaign:
    return draft(small_world, published_at=small_world.clock())


def save(world, campaign, **changes) -> None:
    """Another owner's newer save."""
    editing.change(
        campaign, entered_values.document(now(campaign)) | changes, now=world.clock(), password_key=world.keys.password
    )


def value(page: Page, name: str) -> str:
    return page.all("input", name=name)[0]["value"]


# Campaigns


def test_an_older_form_changes_what_its_sender_changed(owner, small_world, campaign):
    older = entries(owner.get(EDIT))
    save(small_world, campaign, offer_price=2500)
    owner.post(EDIT, older | {"terms": ["One a day"]})
    assert (now(campaign).offer_price, now(campaign).terms) == (2500, "One a day")


def test_both_values_are_seen_and_the_second_sender_decides(owner, small_world, campaign):
    older = entries(owner.get(EDIT))
    save(small_world, campaign, offer_price=2500, terms="B's")
    page = owner.post(EDIT, older | {"offer_price": ["16"], "quantity": ["200"]}, status=422)
    assert f"{OTHERS}¥25" in page.text
    assert (marked(page), value(page, "offer_price"), value(page, "quantity")) == ({"offer_price"}, "16", "200")
    assert entries(page)["terms"] == ["B's"], "what its sender left alone is as it is now"
    assert (now(campaign).offer_price, now(campaign).quantity) == (2500, 100)
    owner.post(EDIT, entries(page))
    assert (now(campaign).offer_price, now(campaign).quantity, now(campaign).terms) == (1600, 200, "B's")


def test_the_second_sender_keeps_what_was_saved_with_a_tick(owner, small_world, campaign):
    older = entries(owner.get(EDIT))
    save(small_world, campaign, offer_price=2500)
    page = owner.post(EDIT, older | {"offer_price": ["16"], "quantity": ["200"]}, status=422)
    assert page.all("input", type="checkbox", name="theirs")[0]["value"] == "offer_price"
    owner.post(EDIT, entries(page) | {"theirs": ["offer_price"]})
    assert (now(campaign).offer_price, now(campaign).quantity) == (2500, 200)


def test_a_third_save_while_the_second_decides_is_seen_as_well(owner, small_world, campaign):
    older = entries(owner.get(EDIT))
    save(small_world, campaign, offer_price=2500)
    page = owner.post(EDIT, older | {"offer_price": ["16"]}, status=422)
    save(small_world, campaign, offer_price=2600)
    assert f"{OTHERS}¥26" in owner.post(EDIT, entries(page), status=422).text
    assert now(campaign).offer_price == 2600


DISPUTED = [
    ("offer_price", 2500, {"offer_price": ["16"]}, "¥25"),
    ("quantity", 500, {"quantity": ["200"]}, "500"),
    ("starts_at", "2026-12-03T09:30", {"starts_at": ["2026-12-02"]}, "Dec 3, 2026"),
    ("ends_at", "2026-12-24", {"ends_at": ["2026-12-23"]}, "Dec 24, 2026"),
    ("terms", "Theirs", {"terms": ["Mine"]}, "Theirs"),
    ("product", "Theirs", {"product": ["Mine"]}, "Theirs"),
    ("terms", None, {"terms": ["Mine"]}, "nothing"),
    ("place", "Theirs", {"place": ["Mine"]}, "Theirs"),
    ("uses_per_voucher", 3, {"uses_per_voucher": ["2"]}, "3"),
    ("per_consumer", 3, {"per_consumer": ["2"]}, "3"),
    ("minimum_spend", 500, {"minimum_spend": ["9"]}, "¥5"),
    ("groups", ["theirs"], {"more_groups": ["mine"]}, "theirs"),
    ("weekdays", [1, 2], {"weekdays": ["3"]}, "Mon, Tue"),
    ("hours", [["10:00", "11:00"]], {"hours": ["12:00", "13:00"]}, "10:00–11:00"),
    ("branches", ["river"], {"branches": ["main"]}, "Riverside"),
    ("redemption_password", NEW, {"redemption_password": ["918273"]}, "another password"),
]


@pytest.mark.parametrize(("name", "theirs", "mine", "words"), DISPUTED)
def test_every_field_says_the_others_value_in_words(owner, small_world, name, theirs, mine, words):
    campaign = draft(small_world, terms="Old")
    older, conditions = entries(owner.get(EDIT)), entered_values.document(campaign)["conditions"]
    save(
        small_world, campaign, **({"conditions": conditions | {name: theirs}} if name in conditions else {name: theirs})
    )
    before = now(campaign)
    page = owner.post(EDIT, older | mine, status=422)
    assert f"{OTHERS}{words}" in page.text
    assert now(campaign).version == before.version
    field = page.all("input", type="checkbox", name="theirs")[0]["value"]
    owner.post(EDIT, entries(page) | {"theirs": [field]})
    assert entered_values.document(now(campaign)) == entered_values.document(before), "a tick keeps what was saved"
    assert now(campaign).password_id == before.password_id
    owner.post(EDIT, entries(page) | {})  # and without it, by the same page, one's own is saved
    assert (entered_values.document(now(campaign)), now(campaign).password_id) != (
        entered_values.document(before),
        before.password_id,
    )


def test_a_tick_that_both_changed_the_same_way_is_no_conflict_and_one_box_is_no_dispute(owner, small_world, campaign):
    older = entries(owner.get(EDIT))
    older.pop("rollback_gives_back")
    save(small_world, campaign, rollback_gives_back=False)
    owner.post(EDIT, older)
    assert now(campaign).rollback_gives_back is False


def test_another_picture_is_shown_beside_ones_own(owner, small_world, campaign):
    theirs, mine = (pictures.keep(small_world.merchant, encoded(red(), kind)) for kind in ("PNG", "WEBP"))
    mine = mine if mine != theirs else pictures.keep(small_world.merchant, encoded(red((9, 9)), "PNG"))
    older = entries(owner.get(EDIT))
    save(small_world, campaign, picture=theirs)
    page = owner.post(EDIT, older | {"kept_picture": [mine]}, status=422)
    assert f"{OTHERS}another picture" in page.text
    assert {image["src"] for image in page.all("img", **{"class": "picture"})} >= {
        f"/pictures/{theirs}",
        f"/pictures/{mine}",
    }
    owner.post(EDIT, entries(page) | {"theirs": ["picture"]})
    assert now(campaign).picture == theirs


def test_a_mistake_elsewhere_does_not_make_an_old_form_a_new_one(owner, small_world, campaign):
    """The page comes back with what was saved meanwhile, else its next save would undo it unseen."""
    older = entries(owner.get(EDIT))
    save(small_world, campaign, offer_price=2500)
    page = owner.post(EDIT, older | {"quantity": ["many"]}, status=422)
    assert (marked(page), value(page, "offer_price")) == ({"quantity"}, "25")
    owner.post(EDIT, entries(page) | {"quantity": ["200"]})
    assert (now(campaign).offer_price, now(campaign).quantity) == (2500, 200)


@pytest.mark.parametrize("shown", [[], [""], ["x"], ["eyJhIjoxfQ.x"], ["\0"], ["9" * 9000]])
def test_a_page_that_does_not_say_what_it_showed_overwrites_nothing(owner, small_world, campaign, shown):
    older = {name: values for name, values in entries(owner.get(EDIT)).items() if name != "shown"} | {"shown": shown}
    save(small_world, campaign, offer_price=2500)
    page = owner.post(EDIT, older | {"terms": ["Mine"]}, status=422)
    assert marked(page) == {"offer_price", "terms"}
    assert (now(campaign).offer_price, now(campaign).terms) == (2500, "")
    owner.post(EDIT, entries(page) | {"theirs": ["offer_price"]})
    assert (now(campaign).offer_price, now(campaign).terms) == (2500, "Mine")


def test_what_was_shown_of_one_campaign_says_nothing_of_another(owner, small_world, campaign):
    draft(small_world, slug="other", offer_price=100)
    other = entries(owner.get(EDIT.replace("tea", "other")))
    assert marked(owner.post(EDIT, other, status=422)) >= {"offer_price"}


def test_a_draft_that_was_published_meanwhile(owner, small_world):
    campaign = draft(small_world)
    older = entries(owner.get(EDIT))
    Campaign.update(published_at=small_world.clock()).execute()
    page = owner.post(EDIT, older | {"product": ["Water"], "terms": ["Mine"]}, status=422)
    assert "was published meanwhile, so this cannot change any more and is as it was: Product." in page.text
    owner.post(EDIT, entries(page))
    assert (now(campaign).product, now(campaign).terms) == (campaign.product, "Mine")


def test_the_preview_of_an_older_form_shows_what_would_be_saved(owner, small_world, campaign):
    older = entries(owner.get(EDIT))
    save(small_world, campaign, offer_price=2500)
    page = owner.post(
        f"{PREVIEW}?campaign=tea", older | {"terms": ["Mine"]}, status=200, headers={"HX-Request": "true"}
    )
    assert "¥25" in page.text
    assert "Mine" in page.text


# Questions


def test_an_end_in_the_past_comes_back_as_a_question_with_a_tick(owner, small_world, campaign):
    small_world.voucher(campaign=campaign)
    form = entries(owner.get(EDIT)) | {"starts_at": ["2026-11-01"], "ends_at": ["2026-11-30"], "terms": ["Typed"]}
    page = owner.post(EDIT, form, status=422)
    assert "This end is in the past: 1 voucher expires at once. Is that meant?" in page.text
    assert now(campaign).ends_at == campaign.ends_at
    (tick,) = page.all("input", type="checkbox", name="sure")
    owner.post(EDIT, entries(page), status=422)
    page = owner.post(EDIT, entries(page) | {"sure": [tick["value"]], "quantity": ["many"]}, status=422)
    assert marked(page) == {"quantity"}
    owner.post(EDIT, entries(page) | {"quantity": ["100"]})  # what was answered is not asked again
    assert (now(campaign).ends_at < small_world.clock(), now(campaign).terms) == (True, "Typed")


def test_more_uses_than_the_quantity_come_back_as_a_question(owner, small_world):
    form = entries(owner.get("/merchants/lotus/new-campaign")) | {
        "product": ["Tea"],
        "original_price": ["30"],
        "offer_price": ["18"],
        "quantity": ["2"],
        "uses_per_voucher": ["3"],
        "ends_at": ["2026-12-31"],
    }
    page = owner.post("/merchants/lotus/new-campaign", form, status=422)
    assert "more uses than there are redemptions in all" in page.text
    assert Campaign.select().count() == 0
    (tick,) = page.all("input", type="checkbox", name="sure")
    owner.post("/merchants/lotus/new-campaign", entries(page) | {"sure": [tick["value"]]})
    assert (Campaign.get().uses_per_voucher, Campaign.get().quantity) == (3, 2)


# What else is edited


def test_a_branch(owner):
    at = "/merchants/lotus/branches"
    older = owner.get(at).hidden[f"{at}/main"]
    row = Branch.get(Branch.slug == "main")
    branches.change(row, "High Street", "3 Quay")
    page = owner.post(f"{at}/main", older | {"name": "Low Street", "address": row.address}, status=422)
    assert f"{OTHERS}High Street" in page.text
    assert [field["value"] for field in page.all("input", name="name")][0] == "Low Street"
    assert [field["value"] for field in page.all("input", name="address")][0] == "3 Quay"
    kept = page.hidden[f"{at}/main"] | {"name": "Low Street", "address": "3 Quay"}
    owner.post(f"{at}/main", kept | {"theirs": "name"})
    assert Branch.get_by_id(row.id).name == "High Street"
    owner.post(f"{at}/main", kept)
    assert branches.values_of(Branch.get_by_id(row.id)) == {"name": "Low Street", "address": "3 Quay"}


def test_a_branch_of_a_name_that_there_is(owner):
    page = owner.post("/merchants/lotus/branches", {"name": "main  STREET", "address": ""}, status=422)
    assert "You have a branch of this name: “Main Street”." in page.text
    owner.post("/merchants/lotus/branches/main", {"do": "close"})
    page = owner.post("/merchants/lotus/branches", {"name": "main  STREET", "address": ""}, status=422)
    assert "A closed branch has this name: “Main Street”. Open that one again" in page.text


def test_a_member(owner, small_world):
    member, _ = members.invite(small_world.merchant, "till@example.org", "cashier", ["main"], small_world.clock())
    at = "/merchants/lotus/members"
    older = owner.get(at).hidden[f"{at}/{member.id}"]
    members.change(member, "cashier", ["river"])
    page = owner.post(f"{at}/{member.id}", older | {"role": "cashier", "branches": ["main", "river"]}, status=422)
    assert f"{OTHERS}Riverside" in page.text
    assert members.values_of(Member.get_by_id(member.id))["branches"] == ["river"]
    owner.post(
        f"{at}/{member.id}", page.hidden[f"{at}/{member.id}"] | {"role": "cashier", "branches": ["main", "river"]}
    )
    assert members.values_of(Member.get_by_id(member.id))["branches"] == ["main", "river"]
    owner.post(f"{at}/{member.id}", {"role": "manager"}, status=422)
    assert members.values_of(Member.get_by_id(member.id))["role"] == "cashier", "an old page overwrites nothing"


def test_a_redemption_password(owner, small_world, campaign):
    at = f"{EDIT.removesuffix('/edit')}/password"
    older = owner.get(at).hidden[f"{at}/change"]
    key = small_world.keys.password
    redemption_passwords.change(campaign, NEW, key=key, now=small_world.clock())
    for sent in (older, {}):
        page = owner.post(f"{at}/change", sent | {"redemption_password": "918273"}, status=422)
        assert "the password was changed since you opened this page" in page.text
        assert redemption_passwords.reveal(RedemptionPassword.get(), key) == NEW
    wrong = owner.post(f"{at}/change", older | {"redemption_password": "1"}, status=422)
    assert wrong.hidden[f"{at}/change"] == older, "a mistake does not make an old form a new one"
    owner.post(f"{at}/change", page.hidden[f"{at}/change"] | {"redemption_password": "918273"})
    assert redemption_passwords.reveal(RedemptionPassword.get(), key) == "918273"


def test_ones_own_address_and_choices_in_two_tabs(small_world, client):
    mei = small_world.account(email="mei2@example.org", password="a-long-secret")
    client.sign_in(mei)
    address = {"password": "a-long-secret"}
    older, choices = client.get("/account").hidden["/account/email"], client.get("/account/notifications").hidden
    client.fill("/account", "/account/email", address | {"email": "a@example.org"})
    page = client.post("/account/email", older | address | {"email": "b@example.org"}, status=422)
    assert "replace what another tab has saved meanwhile: a@example.org" in page.text
    assert Account.get_by_id(mei.id).email == "a@example.org"
    client.post("/account/email", page.hidden["/account/email"] | address | {"email": "b@example.org"})
    everything = [
        "issued",
        "redeemed",
        "price_changed",
        "period_changed",
        "terms_changed",
        "ended",
        "ends_soon",
        "rolled_back",
        "revoked",
    ]
    for muted in ("ended", "redeemed"):  # both from the same page, as it was at first
        client.post(
            "/account/notifications",
            choices["/account/notifications"] | {"events": [name for name in everything if name != muted]},
        )
    assert {row.what for row in Mute.select()} == {"ended", "redeemed"}
    page = client.post("/account/notifications", {"events": everything}, status=422)
    assert "Nothing was saved: the page was too old." in page.text
    assert Mute.select().count() == 2
