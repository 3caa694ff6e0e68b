"""The pages of posters: what a passer-by sees and gets, and what the shop makes, prints and stops."""

import gzip
import re

import pytest

from models import Account, Campaign, Poster, Role, Session, Voucher
from quanbao.vouchers import posters
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import PageClient
from web.auth.limits import limiter

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
ENTERED = {"name": "Window", "quantity": 50, "per_day": None, "per_minute": 30, "claimed_by": "anybody"}
FORM = {"name": "Window", "quantity": "50", "per_day": "", "per_minute": "30", "claimed_by": "anybody"}


@pytest.fixture
def campaign(small_world) -> Campaign:
    return small_world.campaign(slug="oolong", terms="One each.")


@pytest.fixture
def poster(small_world, campaign) -> Poster:
    return posters.make(campaign, ENTERED, small_world.clock())


@pytest.fixture
def at(campaign) -> str:
    return f"/merchants/lotus/campaigns/{campaign.slug}/posters"


@pytest.fixture
def owner(app, small_world) -> PageClient:
    return PageClient(app).sign_in(small_world.member(role=Role.OWNER))


# A passer-by


def test_the_offer_is_shown_and_taken_without_an_account(client, poster, campaign):
    page = client.get(f"/p/{poster.token}")
    assert all(words in page.text for words in (campaign.product, "One each.", "50 left", "No account is needed"))
    location = client.post(f"/p/{poster.token}").location
    voucher = Voucher.get()
    assert location == f"/vouchers/{voucher.code}"
    page = client.get(location)
    assert "in your wallet now" in page.text
    assert page.all("a", href="/wallet/keep")
    assert "keep it" not in client.get(location).text, "it is said once, never in the way"
    assert campaign.product in client.get("/wallet").text


def test_a_token_is_typed_in_any_case(client, poster):
    assert client.get(f"/p/{poster.token.upper()}")


def test_who_took_one_is_led_to_it(client, poster):
    client.post(f"/p/{poster.token}")
    page = client.get(f"/p/{poster.token}")
    assert page.all("a", href=f"/vouchers/{Voucher.get().code}")
    assert not page.all("form", method="post", action=None)
    assert client.post(f"/p/{poster.token}").location == f"/vouchers/{Voucher.get().code}"
    assert Voucher.select().count() == 1


def test_programs_get_the_voucher_and_again_the_same(client, poster):
    first = client.json(f"/p/{poster.token}", method="POST", status=201)
    assert first["voucher"]["state"] == "unused"
    assert client.json(f"/p/{poster.token}", method="POST", status=200) == first


def test_signed_in_it_goes_into_that_wallet(client, poster, small_world):
    client.sign_in(small_world.mei)
    assert "No account is needed" not in client.get(f"/p/{poster.token}").text
    client.post(f"/p/{poster.token}")
    assert Voucher.get().consumer == small_world.mei


def test_an_answer_that_was_lost_makes_no_second_wallet(client, poster):
    client.get(f"/p/{poster.token}")
    noted = client.http.get_cookie("quanbao").value
    client.post(f"/p/{poster.token}")
    client.http.delete_cookie("quanbao-wallet")
    client.http.set_cookie("quanbao", noted)  # as if the answer had not come
    client.post(f"/p/{poster.token}")
    assert Voucher.select().count() == Account.select().where(Account.email.is_null()).count() == 1
    assert client.get(f"/vouchers/{Voucher.get().code}")


@pytest.mark.parametrize("end", [{"deleted_at": 0}, {"merged_into": 1}], ids=str)
def test_a_wallet_that_ends_meanwhile_is_shown_the_offer_again(client, poster, monkeypatch, end):
    client.post(f"/p/{poster.token}")
    claim = posters.claim

    def ended_meanwhile(found, person, *rest):
        Account.update(end).where(Account.id == person.id).execute()
        try:
            return claim(found, person, *rest)
        finally:
            Account.update(deleted_at=None, merged_into=None).where(Account.id == person.id).execute()

    monkeypatch.setattr(posters, "claim", ended_meanwhile)
    assert client.post(f"/p/{poster.token}").location == f"/p/{poster.token}"
    assert client.json(f"/p/{poster.token}", method="POST", status=401)["reason"] == "signed_out"


CLOSED = {
    "poster_closed": lambda: Poster.update(paused_at=0).execute(),
    "sold_out": lambda: Poster.update(claimed=50).execute(),
    "poster_limit": lambda: Poster.update(per_day=1, claimed_today=1, day="2026-12-01").execute(),
    "campaign_ended": lambda: Campaign.update(ended_at=0).execute(),
    "not_yet_valid": lambda: Campaign.update(starts_at=Campaign.ends_at - 1).execute(),
    "expired": lambda: Campaign.update(ends_at=Campaign.starts_at + 1).execute(),
}


@pytest.mark.parametrize("reason", CLOSED)
def test_what_is_closed_says_so_before_anybody_taps(client, poster, reason):
    CLOSED[reason]()
    page = client.get(f"/p/{poster.token}")
    assert [one["data-reason"] for one in page.all("p", role="status") if one.get("id") != "update"] == [reason]
    assert not [button for button in page.all("button") if button.get("class") == "large"]
    assert client.post(f"/p/{poster.token}", status=409).all("p", role="status")
    answer = client.json(f"/p/{poster.token}", method="POST", status=409)
    assert answer["reason"] == reason
    assert answer["message"]
    assert Voucher.select().count() == 0
    assert Session.select().count() == 0


def test_too_many_in_a_minute_wait(client, poster, small_world, app):
    Poster.update(per_minute=1).execute()
    client.post(f"/p/{poster.token}")
    other = PageClient(app)
    page = other.post(f"/p/{poster.token}", status=429)
    assert 0 < int(page.headers["Retry-After"]) <= 60
    assert "Try again" in page.text
    assert other.json(f"/p/{poster.token}", method="POST", status=429)["reason"] == "too_often"


def test_only_claims_that_made_a_wallet_count_against_their_network(client, poster, small_world, app):
    """Of 600 in an hour; neither what is refused nor who is signed in is among them."""
    with app.test_request_context(f"/p/{poster.token}", method="POST", headers=SAME_ORIGIN):
        app.full_dispatch_request()
        (counted,) = limiter.current_limits
        limiter.limiter.hit(counted.limit, *counted.request_args, cost=598)
    for _ in range(3):
        client.post("/p/zzzzzzzzzz", status=404)
    client.post(f"/p/{poster.token}")
    PageClient(app).post(f"/p/{poster.token}", status=429)
    client.post(f"/p/{poster.token}")
    PageClient(app).sign_in(small_world.mei).post(f"/p/{poster.token}")
    assert Voucher.select().count() == 3


def test_a_proved_address_is_asked_for(client, poster):
    Poster.update(claimed_by="proved").execute()
    assert client.get(f"/p/{poster.token}").all("a", href=f"/sign-in?next=/p/{poster.token}")
    client.post(f"/p/{poster.token}", status=403)
    assert client.json(f"/p/{poster.token}", method="POST", status=403)["reason"] == "address_needed"


def test_there_is_no_other_poster(client):
    assert "no such poster" in client.get("/p/0123456789", status=404).text
    client.post("/p/0123456789", status=404)
    assert client.json("/p/0123456789", method="POST", status=404)["reason"] == "not_found"
    client.get("/p/short", status=404)


def test_the_poster_alone_leads_a_new_wallet_to_its_first_redemption(client, poster):
    code = client.json(f"/p/{poster.token}", method="POST", status=201)["voucher"]["code"]
    form = {"password": "482913", "attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"}
    answer = client.json(f"/vouchers/{code}/redemptions", method="POST", data=form)
    assert answer["outcome"] == "redeemed"
    assert posters.redeemed(poster) == 1


# The shop


def test_a_poster_is_made_with_what_remains(owner, at, campaign):
    page = owner.get(at)
    assert page.all("input", name="quantity")[0]["value"] == "100"
    location = owner.post(at, FORM).location
    row = Poster.get()
    assert location == f"{at}/{row.id}"
    assert (row.name, row.quantity, row.per_day, row.per_minute) == ("Window", 50, None, 30)
    assert "Window" in owner.get(at).text


def test_numbers_may_be_typed_in_the_digits_of_any_script(owner, at):
    owner.post(at, FORM | {"quantity": "５０", "per_day": "٣"})
    assert (Poster.get().quantity, Poster.get().per_day) == (50, 3)


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("quantity", "x"), ("per_day", "-1"), ("per_minute", "0")])
def test_a_fault_stands_at_its_field_and_the_rest_stays(owner, at, field, value):
    page = owner.post(at, FORM | {"per_day": "7", field: value}, status=422)
    assert page.all("input", name=field)[0]["aria-invalid"] == "true"
    others = {"name": "Window", "quantity": "50", "per_day": "7"} | {field: value}
    assert {name: page.all("input", name=name)[0]["value"] for name in others} == others
    assert Poster.select().count() == 0


def test_nobody_may_claim_is_no_choice(owner, at):
    assert owner.post(at, FORM | {"claimed_by": "cats"}, status=422).all("fieldset", **{"aria-invalid": "true"})


def test_a_campaign_that_is_over_gets_none(owner, at, campaign):
    Campaign.update(ended_at=0).execute()
    assert not owner.get(at).all("input", name="quantity")
    assert "was ended" in owner.post(at, FORM, status=422).text


def test_figures_link_and_snippet(owner, at, poster, client, app):
    for _ in range(2):
        client.get(f"/p/{poster.token}")
    client.post(f"/p/{poster.token}")
    page = owner.get(f"{at}/{poster.id}")
    assert Poster.get().seen == 2
    assert "1 of 50" in page.text
    link = f"http://localhost/p/{poster.token}"
    assert link in page.text
    assert page.all("button", **{"data-by": "share", "data-link": link})
    assert f'<a href="{link}"><img src="data:image/svg+xml;base64,' in page.text


def test_it_is_paused_goes_on_and_ends(owner, at, poster):
    here = f"{at}/{poster.id}"
    owner.post(here, {"do": "pause"})
    assert "Paused" in owner.get(here).text
    owner.post(here, {"do": "go on"})
    assert Poster.get().paused_at is None
    owner.post(here, {"do": "end"})
    assert "Ended" in owner.get(here).text
    owner.post(here, {"do": "whatever"})


def test_its_unused_vouchers_are_revoked_with_a_reason(owner, at, poster, client):
    here = f"{at}/{poster.id}"
    assert "Revoke its unused" not in owner.get(here).text
    client.post(f"/p/{poster.token}")
    assert owner.post(here, {"do": "revoke"}, status=422).all("fieldset", **{"aria-invalid": "true"})
    owner.post(here, {"do": "revoke", "reason": "misuse", "note": "Too many."})
    assert Voucher.get().revoked_at is not None
    assert "Too many." in client.get(f"/vouchers/{Voucher.get().code}").text


@pytest.mark.parametrize("paper", ["a4", "a5", "card"])
def test_it_is_printed_in_both_languages(owner, at, poster, campaign, paper):
    page = owner.get(f"{at}/{poster.id}/print?paper={paper}")
    assert page.all("link", rel="stylesheet")[-1]["href"].partition("?")[0].endswith(f"poster-{paper}.css")
    assert {one["lang"] for one in page.all("div") if "lang" in one} == {"en", "zh-Hans"}
    assert f"localhost/p/{poster.token}" in page.text
    assert campaign.product in page.text


def test_an_unknown_paper_is_the_usual_one(owner, at, poster):
    assert "A4" in owner.get(f"{at}/{poster.id}/print?paper=wall").text


def test_another_campaigns_poster_is_not_here(owner, poster, small_world):
    other = small_world.campaign(slug="green")
    for method in (owner.get, owner.post):
        method(f"/merchants/lotus/campaigns/{other.slug}/posters/{poster.id}", status=404)


def test_the_campaigns_page_leads_there(owner, at, campaign):
    assert owner.get(f"/merchants/lotus/campaigns/{campaign.slug}").all("a", href=at)


def test_a_kept_wallet_has_its_poster_voucher_elsewhere(client, poster, app):
    client.post(f"/p/{poster.token}")
    client.post("/wallet/keep", {"email": "kept@example.org", "password": ACCOUNT_PASSWORD})
    elsewhere = PageClient(app).sign_in(Account.get(Account.email == "kept@example.org"))
    assert elsewhere.get(f"/vouchers/{Voucher.get().code}")


def test_a_first_visit_weighs_at_most_25_kilobytes(client, small_world):
    """The page and all that it names before the first paint, compressed; the picture of the campaign aside."""
    poster = posters.make(small_world.campaign(), ENTERED, small_world.clock())
    page = client.http.get(f"/p/{poster.token}").text
    named = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    weights = [len(client.http.get(at, headers={"Accept-Encoding": "br"}).data) for at in named]
    assert len(weights) >= 3
    assert len(gzip.compress(page.encode())) + sum(weights) <= 25_000
