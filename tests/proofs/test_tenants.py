"""Every route × everybody × {their own house, another's}, from the URL map and the one table of
tests/support/rights.py."""

from dataclasses import replace
from itertools import product
from urllib.parse import urlsplit

import pytest
from flask import Flask

from models import Account, Member, Session
from quanbao.people import accounts, wallets
from tests.support.full_merchants import Firm, firm, in_no_fear_of_a_power_cut, rules
from tests.support.page_client import PageClient
from tests.support.rights import ALL, MAY, NOBODY, Who
from web import create_app
from web.routes import shell

pytestmark = pytest.mark.promise("tenants")

DONE = {200, 201, 204, 302, 303, 422}  # unsafe requests carry nothing, so that what may be called refuses what it lacks
SOMEBODYS = {"merchant", "code", "attempt_id", "number"}  # what in an address belongs to somebody
# They leave nothing for those that come after them, so they come last, in this order.
LAST = (
    "claims.claim",
    "poster_offer.claim",
    "sign_in.use_link",
    "account.end_session",
    "account.end_others",
    "campaigns.delete",
    "campaigns.end",
    "customers.separate",
    "members.join",
)
# Who asked is signed out, or somebody else, or has a wallet by now.
LEAVING = ("sign_in.sign_out", "sign_in.use_link", "claims.claim", "poster_offer.claim")
HOUSES = ("own", "another's")


@pytest.fixture
def app(small_world, sqlite, clock):
    """The application with the demo's routes too."""
    made = create_app(replace(sqlite, demo=True), clock=clock)
    in_no_fear_of_a_power_cut()
    return made


@pytest.fixture
def firms(small_world, app) -> tuple[Firm, Firm]:
    """Two merchants on one site."""
    return firm(small_world), firm(small_world, "other")


def in_order(app: Flask) -> list[tuple]:
    return sorted(rules(app), key=lambda one: LAST.index(one[0].endpoint) + 1 if one[0].endpoint in LAST else 0)


def come(app: Flask, who: Who, of: Firm) -> PageClient:
    """This person, signed in a moment ago."""
    client = PageClient(app)
    if who is Who.WALLET and Account.get_by_id(of.people[who].id).merged_into:  # it went along into an account
        of.people[who] = wallets.new(app.extensions["clock"]())
        accounts.start_session(of.people[who], app.extensions["clock"]())
        of.of[who]["account.number"] = Session.get(Session.account == of.people[who]).id
    return client if who is Who.SIGNED_OUT else client.sign_in(of.people[who])


def ask(client: PageClient, at: str, method: str):
    form = {"attempt_id": "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"} if method == "POST" else {}
    return client._send(method, at, {}, {"data": form})


def address_of(app: Flask, rule, who: Who, of: Firm, **other) -> str:
    with app.test_request_context():
        return of.address(rule, who, **other)


def wanted(rule, who: Who, house: str) -> set[int]:
    """The statuses of which one must come."""
    row, of_somebody = MAY[rule.endpoint], rule.arguments & SOMEBODYS
    if who in row and not (of_somebody and house == "another's"):
        return DONE
    if row and who is Who.SIGNED_OUT:
        return {303}
    mine = house == "own" and "merchant" in rule.arguments and who in ALL
    return {403} if row and mine else {404}


def test_every_route_has_a_row(app):
    assert {rule.endpoint for rule, _ in rules(app)} == set(MAY), "say in tests/support/rights.py who may call it"


@pytest.mark.parametrize("house", HOUSES)
def test_everybody_gets_what_is_theirs_and_nothing_else(app, small_world, house, proved):
    asked = 0
    for nth, who in enumerate(Who):
        mine, other = firm(small_world, f"mine-{nth}"), firm(small_world, f"other-{nth}")
        client = come(app, who, mine)
        for rule, method in in_order(app):
            at = address_of(app, rule, who, mine if house == "own" else other)
            answer = ask(client, at, method)
            assert answer.status_code in wanted(rule, who, house), (who, rule.endpoint, method, answer.status_code)
            if who is Who.SIGNED_OUT and who not in MAY[rule.endpoint] != NOBODY:
                assert urlsplit(answer.location).path == "/sign-in", rule.endpoint
            client = come(app, who, mine) if rule.endpoint in LEAVING else client
            asked += 1
    proved(f"{house} house: {asked} pairs of a route and who asks, from the URL map")


def test_nothing_of_another_house_is_reached_through_ones_own(app, firms):
    """One name in the address is theirs, the others are ours: there is no such thing, whoever asks."""
    mine, other = firms
    client = come(app, Who.OWNER, mine)
    for rule, method in in_order(app):
        theirs = other.values | other.of[Who.OWNER]
        for name in rule.arguments - {"merchant", "digest", "token", "name", "version"}:
            noun = f"{rule.endpoint.partition('.')[0]}.{name}"
            mixed = {noun: theirs.get(noun), name: theirs.get(name)}
            at = address_of(app, rule, Who.OWNER, mine, **{key: value for key, value in mixed.items() if value})
            assert ask(client, at, method).status_code == 404, (rule.endpoint, name)


def test_who_was_disabled_is_a_stranger_at_once(app, firms, clock):
    mine, _ = firms
    Member.update(disabled_at=clock()).where(Member.merchant == mine.merchant).execute()
    client = come(app, Who.OWNER, mine)
    for rule, method in in_order(app):
        if "merchant" in rule.arguments:
            at = address_of(app, rule, Who.OWNER, mine)
            assert ask(client, at, method).status_code == 404, rule.endpoint


def test_control_a_route_that_asks_for_no_membership_is_seen(app, firms, monkeypatch):
    monkeypatch.setitem(app.view_functions, "customers.index", lambda merchant: shell.healthz())
    rule = next(rule for rule, _ in rules(app) if rule.endpoint == "customers.index")
    seen = {
        (who, house)
        for who, house in product(Who, HOUSES)
        if ask(
            come(app, who, firms[0]),
            address_of(app, rule, who, firms[HOUSES.index(house)]),
            "GET",
        ).status_code
        not in wanted(rule, who, house)
    }
    assert seen == set(product(Who, HOUSES)) - {(Who.OWNER, "own"), (Who.MANAGER, "own")}
