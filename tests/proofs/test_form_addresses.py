"""No address leads into a wall: whatever takes a form by POST answers GET with the form, or leads to it.

A refused form's answer stays in the address bar. Reloaded, kept as a bookmark or opened in another tab, it is asked for
by GET, which used to be 405.
"""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from flask import Flask

from models import Campaign
from tests.support.full_merchants import Firm, firm, in_no_fear_of_a_power_cut, rules
from tests.support.page_client import Page, PageClient
from tests.support.rights import FORMS, MAY, Who
from web import create_app

pytestmark = pytest.mark.promise("tenants")

# They have no page at their address: what they answer is a part of the page that asked, or JSON.
NO_PAGE = {
    "campaigns.preview": "a fragment beside the campaign's form",
    "pictures.keep": "a fragment within the campaign's form",
    "push.subscribe": "JSON for the wallet's script",
}
# The link is used up by POST; GET at the same address shows what it is good for, to whoever has it.
LINKS = {"claims.claim", "poster_offer.claim", "members.join", "set_up.set_up", "sign_in.use_link"}
# The page has the button only in a state that the firm is not in, or has it in the script's hands.
NO_BUTTON = {
    "campaigns.delete": "drafts alone have it",
    "passwords.renew": "only under an alarm",
    "shop_passwords.enrol": "on the page that shows the secret of an authenticator",
    "publications.search": "its form asks by GET; htmx sends ticks by POST",
    "account.end_session": "of another browser",
    "redemptions.attempt": "asked for a branch first",
}


@pytest.fixture
def app(small_world, sqlite, clock) -> Flask:
    made = create_app(replace(sqlite, demo=True), clock=clock)
    in_no_fear_of_a_power_cut()
    return made


def asker(endpoint: str) -> Who:
    """The one who may do it and is asked for least."""
    if endpoint == "keeping.keep":
        return Who.WALLET
    may = MAY[endpoint] or MAY.get(f"{endpoint}_form") or set(Who)
    return next(who for who in (Who.OWNER, Who.CONSUMER, Who.SIGNED_OUT) if who in may)


def follow(client: PageClient, at: str) -> Page:
    """The page that a browser shows in the end."""
    for _ in range(4):
        answer = client._send("GET", at, {"Accept": "text/html"}, {})
        if answer.status_code not in (302, 303):
            assert answer.status_code == 200, (at, answer.status_code)
            return Page(answer.text)
        at = answer.location
    raise AssertionError(f"{at}: it leads round in circles")


def forms_in(page: Page, at: str) -> set[str]:
    """Where the page's forms go; one without an action, to the page's own address."""
    return {urlsplit(form.get("action") or at).path for form in page.all("form") if form.get("method") == "post"}


def posting(app: Flask, of: Firm) -> list[tuple[str, str, str]]:
    """Endpoint, address and where a GET there would go, of every POST of the URL map."""
    found = []
    with app.test_request_context():
        for rule, method in rules(app):
            if method == "POST":
                found.append((rule.endpoint, of.address(rule, asker(rule.endpoint))))
    return found


def test_every_address_that_takes_a_form_leads_to_it(app, small_world, proved):
    of = firm(small_world)
    Campaign.update(published_at=small_world.clock()).where(Campaign.id == of.campaign.id).execute()
    walked = 0
    for endpoint, at in posting(app, of):
        if endpoint in NO_PAGE or endpoint in LINKS:
            continue
        who = asker(endpoint)
        client = PageClient(app) if who is Who.SIGNED_OUT else PageClient(app).sign_in(of.people[who])
        page = follow(client, at)
        if endpoint not in NO_BUTTON:
            assert at in forms_in(page, at), (endpoint, at, "the page has no form that goes there")
        walked += 1
    proved(f"{walked} addresses that take a form lead to it")


def test_every_post_has_a_get_or_a_reason(app):
    with_get = {rule.rule for rule, method in rules(app) if method == "GET"}
    without = {rule.endpoint for rule, method in rules(app) if method == "POST" and rule.rule not in with_get}
    assert without == set(NO_PAGE), "register it with post_form (web/form_addresses.py), or say here why not"


def test_a_get_there_changes_nothing_and_keeps_what_was_asked(app, small_world):
    of = firm(small_world)
    client = PageClient(app).sign_in(of.people[Who.OWNER])
    here = f"/merchants/{of.merchant.slug}/campaigns/{of.campaign.slug}"
    for do in ("end", "delete", "duplicate"):
        assert client.get(f"{here}/{do}?x=1", status=303).location == f"{here}?x=1"
        assert client._send("HEAD", f"{here}/{do}", {}, {}).status_code == 303
    assert Campaign.select().where(Campaign.merchant == of.merchant).count() == 1
    assert Campaign.get_by_id(of.campaign.id).ended_at is None


def test_control_an_address_that_takes_a_form_alone_is_seen(app):
    """The walk finds one that was registered without its GET."""
    app.add_url_rule("/forgotten", "campaigns.forgotten", lambda: "", methods=["POST"])
    with pytest.raises(AssertionError, match="forgotten"):
        test_every_post_has_a_get_or_a_reason(app)


def test_the_table_of_rights_knows_each(app):
    endpoints = {rule.endpoint for rule, _ in rules(app)}
    assert {f"{act}_form" for act in FORMS} == {name for name in endpoints if name.endswith("_form")}
