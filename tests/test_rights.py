"""Every page of a merchant's × every role × {own, another merchant's, signed out}, from the URL map."""

import uuid
from dataclasses import dataclass

import pytest
from flask import Flask, url_for

from models import Account, Audience, Branch, Customer, Member, Merchant, Redemption, Role
from quanbao import publishing
from tests.factories import World
from tests.pages import PageClient

STAFF = {Role.OWNER, Role.MANAGER}
OWNER = {Role.OWNER}
ALL = set(Role)
# Who may call what. A new route without a row fails below.
MAY = {
    "branches.add": STAFF,
    "branches.change": STAFF,
    "branches.index": STAFF,
    "campaigns.change": STAFF,
    "campaigns.create": STAFF,
    "campaigns.delete": STAFF,
    "campaigns.duplicate": STAFF,
    "campaigns.edit": STAFF,
    "campaigns.end": STAFF,
    "campaigns.index": STAFF,
    "campaigns.new": STAFF,
    "campaigns.preview": STAFF,
    "campaigns.show": STAFF,
    "claims.download": STAFF,
    "claims.index": STAFF,
    "claims.sheet": STAFF,
    "customers.index": STAFF,
    "customers.put": STAFF,
    "customers.regroup": STAFF,
    "customers.show": STAFF,
    "figures.attempts": STAFF,
    "figures.download": STAFF,
    "figures.show": STAFF,
    "figures.table": STAFF,
    "members.change": OWNER,
    "members.index": OWNER,
    "members.invite": OWNER,
    "passwords.change": STAFF,
    "passwords.renew": OWNER,
    "passwords.reveal": OWNER,
    "passwords.show": STAFF,
    "pictures.keep": STAFF,
    "publications.new": STAFF,
    "publications.publish": STAFF,
    "publications.search": STAFF,
    "publications.show": STAFF,
    "revoking.revoke": STAFF,
    "revoking.show": STAFF,
    "rollbacks.roll_back": ALL,
    "rollbacks.show": ALL,
    "till.redeem": ALL,
    "till.show": ALL,
    "till.take": ALL,
    "till.voucher": ALL,
}
ONE_TAKER = ("till.voucher", "till.redeem")  # only whoever took the code: tests/test_counter_pages.py


@dataclass
class Firm:
    """A merchant with one of everything that an address may name."""

    merchant: Merchant
    people: dict[Role, Account]
    values: dict[str, object]

    @classmethod
    def of(cls, world: World, merchant: Merchant) -> "Firm":
        campaign = world.campaign(merchant=merchant, password=world.make_password(merchant=merchant))
        customer = Customer.create(merchant=merchant, consumer=world.account(), address="c@example.org",
                                   first_seen_at=world.clock())
        branch = Branch.create(merchant=merchant, slug=f"only-{merchant.slug}", name="Own", address="")
        publication = publishing.start(campaign, Audience.ALL, [], now=world.clock())
        voucher = world.voucher(campaign=campaign, holder=world.account())
        world.attempt(voucher)
        people = {role: world.member(role=role, merchant=merchant) for role in Role}
        somebody = Member.get((Member.merchant == merchant) & (Member.role == Role.CASHIER))
        return cls(merchant, people, {
            "merchant": merchant.slug, "campaign": campaign.slug, "number": publication.id, "members": somebody.id,
            "branch": branch.slug, "customers": customer.id, "attempt_id": str(uuid.uuid4()),
            "code": voucher.code, "rollbacks": Redemption.get(Redemption.voucher == voucher).id,
        })


@pytest.fixture
def firms(small_world) -> tuple[Firm, Firm]:
    """Two merchants on one site."""
    return (Firm.of(small_world, small_world.merchant),
            Firm.of(small_world, small_world.make_merchant(slug="other")))


def routes(app: Flask):
    return [rule for rule in app.url_map.iter_rules() if "merchant" in rule.arguments]


def ask(app: Flask, rule, values: dict, who: Account | None) -> int:
    """The status of one request; unsafe ones carry nothing, so that what may be called refuses what it lacks."""
    client = PageClient(app)
    if who:
        client.sign_in(who)
    with app.test_request_context():
        noun = rule.endpoint.partition(".")[0]
        at = values | {"number": values.get(noun, values["number"])}
        address = url_for(rule.endpoint, **{name: at[name] for name in rule.arguments})
    method = "POST" if "POST" in rule.methods else "GET"
    return client._send(method, address, {}, {}).status_code


def test_every_route_of_a_merchants_has_a_row(app):
    assert {rule.endpoint for rule in routes(app)} == set(MAY), "say in MAY who may call it"


@pytest.mark.parametrize("role", Role)
def test_in_ones_own_house_by_role(app, firms, role):
    own, _ = firms
    for rule in routes(app):
        if rule.endpoint in ("campaigns.end", "campaigns.delete", *ONE_TAKER):
            continue  # below: they leave nothing for the next
        status = ask(app, rule, own.values, own.people[role])
        allowed = role in MAY[rule.endpoint]
        assert (status == 403) is not allowed, (rule.endpoint, status)
        assert not allowed or status in (200, 303, 422), (rule.endpoint, status)


@pytest.mark.parametrize("role", Role)
def test_in_another_house_there_is_nothing(app, firms, role):
    own, other = firms
    for rule in routes(app):
        assert ask(app, rule, other.values, own.people[role]) == 404, rule.endpoint


def test_nothing_of_another_house_is_reached_through_ones_own(app, firms):
    own, other = firms
    for rule in routes(app):
        for name in rule.arguments - {"merchant"}:
            mixed = own.values | {name: other.values[name]}
            if name == "number":
                mixed |= {noun: other.values[noun] for noun in ("members", "customers", "rollbacks")}
            assert ask(app, rule, mixed, own.people[Role.OWNER]) == 404, (rule.endpoint, name)


def test_signed_out_everybody_is_asked_to_sign_in(app, firms):
    for rule in routes(app):
        assert ask(app, rule, firms[0].values, None) == 303, rule.endpoint


def test_who_was_disabled_is_a_stranger_at_once(app, firms, clock):
    own, _ = firms
    Member.update(disabled_at=clock()).where(Member.merchant == own.merchant).execute()
    for rule in routes(app):
        assert ask(app, rule, own.values, own.people[Role.OWNER]) == 404, rule.endpoint


@pytest.mark.parametrize(("endpoint", "role", "status"), [
    ("campaigns.end", Role.CASHIER, 403), ("campaigns.end", Role.MANAGER, 303),
    ("campaigns.delete", Role.CASHIER, 403), ("campaigns.delete", Role.OWNER, 303),
])
def test_what_ends_or_deletes_by_role(app, firms, endpoint, role, status):
    rule = next(rule for rule in routes(app) if rule.endpoint == endpoint)
    assert ask(app, rule, firms[0].values, firms[0].people[role]) == status
