"""Nothing of another merchant's is seen or changed, whatever of theirs is put wherever into one's own requests.

Each field of the other house has a word of its own: none may stand in an answer, a header, a table, a message or a line
of the log. All rows of theirs must be what they were. The controls take a condition out of the product.
"""

import json
import logging
import random
from dataclasses import dataclass

import pytest
from flask import abort, g

from models import (
    Account,
    Customer,
    Member,
    Merchant,
    Redemption,
    RedemptionPassword,
    Session,
    Subscription,
    Voucher,
)
from quanbao.campaigns import editing
from quanbao.merchants import customers
from quanbao.messages.push import subscriptions
from quanbao.people import accounts
from quanbao.redemption import rollbacks
from quanbao.vouchers import publications, wallet
from tests.attacks.tenant_probes import Others, Prober
from tests.proofs import engine, size
from tests.support.factories import World
from tests.support.full_merchants import (
    OF_PEOPLE,
    OURS,
    Firm,
    columns_of_text,
    columns_with,
    firm,
    in_no_fear_of_a_power_cut,
    rows_of,
    said_by,
)
from tests.support.push_fixtures import Mail
from tests.support.rights import Who
from web import create_app
from web.auth import access

pytestmark = pytest.mark.promise("tenants")

PROBES, AMONG_CONSUMERS = 900, 100  # in a round, on each engine
ROUNDS = range(size(1, 50))  # each in a fresh database
MARK, NEIGHBOURS = "kanari", "nachbar"  # in all words of the other house, and of the other consumer
DIGITS = "739164820573"
CONSUMERS = (Who.SIGNED_OUT, Who.STRANGER, Who.CONSUMER)
A_LOOK = 50  # probes of a control between two looks at the rows


@dataclass
class Street:
    """Two houses on one site, browsers of both that are told things, and somebody who asks."""

    world: World
    mail: Mail
    own: Firm
    other: Firm
    prober: Prober
    browsers: set[str]  # of our own people
    before: dict

    def walk(self, probes: int) -> None:
        """Counter codes live for a minute: the first half of the probes comes within it."""
        for nth in range(probes):
            self.world.clock.forward(seconds=0.04 if nth < probes / 2 else 10)
            self.prober.probe()

    def changed(self) -> list:
        """What of the other house is not what it was."""
        after = rows_of(*roots(self.other))
        return sorted({row[:2] for row in after.items() ^ self.before.items()}, key=repr)

    def read_the_mail(self) -> int:
        """How many messages came; those to our browsers say nothing of theirs, and theirs got none."""
        self.mail.bring()
        for message in self.mail.service.inbox:
            assert message.browser.endpoint in self.browsers
            self.prober.look(json.dumps(message.body, ensure_ascii=False), "a message")
        return len(self.mail.service.inbox)


def roots(of: Firm) -> list:
    return [of.merchant, *of.people.values()]


def street(world: World, mail: Mail, seed: int, **more) -> Street:
    own, other = firm(world), firm(world, "bamboo", MARK, DIGITS)
    theirs = mail.subscribe(other.people[Who.CONSUMER])
    browsers = {mail.subscribe(own.people[who]).endpoint for who in (Who.CONSUMER, Who.STRANGER, Who.OWNER)}
    app = create_app(mail.settings, clock=world.clock)
    in_no_fear_of_a_power_cut()
    others = Others(other.names | {"endpoint": [theirs.endpoint]}, other.secrets, MARK)
    prober = Prober(app, own, others, random.Random(seed), **more)
    mail.bring()
    mail.service.inbox.clear()
    return Street(world, mail, own, other, prober, browsers, rows_of(*roots(other)))


@pytest.mark.parametrize("seed", ROUNDS)
def test_no_probe_sees_or_changes_anything_of_another_house(world, mail, seed, caplog, proved):
    caplog.set_level(logging.INFO)
    here = street(world, mail, seed)
    here.walk(PROBES)
    here.read_the_mail()
    here.prober.look(caplog.text, "the log")
    assert here.prober.seen == []
    assert here.changed() == []
    proved(f"{engine()}: {PROBES:,} probes from one house into another")


@pytest.mark.parametrize("seed", ROUNDS)
def test_no_consumer_sees_or_changes_anything_of_anothers_at_the_same_shop(world, mail, seed, proved):
    here = street(world, mail, seed)
    others, account = neighbour(here)
    before = rows_of(account)
    prober = Prober(here.prober.app, here.own, others, random.Random(seed), CONSUMERS)
    for _ in range(AMONG_CONSUMERS):
        here.world.clock.forward(seconds=0.1)
        prober.probe()
    assert (prober.seen, rows_of(account)) == ([], before)
    proved(f"{engine()}: {AMONG_CONSUMERS} between consumers of one shop")


def neighbour(here: Street) -> tuple[Others, Account]:
    """Another consumer of our own house's."""
    world, say = here.world, said_by(NEIGHBOURS)
    account = world.account(email=f"{say('Account.email')}@example.org")
    Customer.create(
        merchant=here.own.merchant,
        consumer=account,
        address=f"{say('Customer.address')}@example.org",
        first_seen_at=world.clock(),
    )
    voucher, shown = (world.voucher(campaign=here.own.campaign, holder=account) for _ in range(2))
    tried, code = world.attempt(voucher), world.counter_code(shown)
    endpoint = here.mail.subscribe(account).endpoint
    accounts.start_session(account, world.clock(), say("Session.browser"))
    sessions = [row.id for row in Session.select().where(Session.account == account)]
    names = {
        "code": [voucher.code, code.code],
        "attempt_id": [tried.attempt_id],
        "number": sessions,
        "endpoint": [endpoint],
        "token": here.other.names["token"],
    }
    return Others(names, [shown.code, code.attempt_id], NEIGHBOURS), account


def test_no_word_of_theirs_is_missing(world):
    """What the probes look for stands in every column that people fill."""
    firm(world, "bamboo", MARK, DIGITS)
    assert columns_with(MARK) == OF_PEOPLE
    assert columns_of_text() == OF_PEOPLE | OURS, (
        "say in tests/support/full_merchants.py whether people's words are in it"
    )


# Controls: what the probes would see


def stranger_let_in(slug: str, roles) -> Member:
    """A membership of the merchant, whoever's it is."""
    found = (
        Member.select(Member, Merchant)
        .join(Merchant)
        .where((Merchant.slug == slug) & Member.role.in_(roles) & Member.account.is_null(False))
        .get_or_none()
    )
    if found is None:
        abort(404)
    g.member = found
    return found


def of_any_merchant(number: int, by: Member) -> Redemption | None:
    row = (
        Redemption.select(Redemption, Voucher, Account)
        .join(Voucher)
        .switch(Redemption)
        .join(Account)
        .where(Redemption.id == number)
        .get_or_none()
    )
    if row:
        row.voucher.campaign.merchant = by.merchant
    return row


CONTROLS = {
    "the account is not compared": (access, "membership", stranger_let_in, ""),
    "customers of any merchant": (customers, "known", lambda merchant: Customer.select(), "customers."),
    "customers of any merchant are published to": (
        publications,
        "_living",
        lambda campaign: Customer.select(),
        "publications.",
    ),
    "vouchers of any holder": (
        wallet,
        "held",
        lambda code, consumer: wallet._with_campaign().where(Voucher.code == code).get_or_none(),
        "vouchers.",
    ),
    "redemptions of any merchant": (rollbacks, "find", of_any_merchant, "rollbacks."),
    "passwords of any merchant": (
        editing,
        "_in_use",
        lambda merchant, number, reader, now: RedemptionPassword.get_or_none(
            RedemptionPassword.id == (number if str(number).isdigit() else 0)
        ),
        "campaigns.c",
        "password_in_use",
    ),
    "browsers of anybody": (
        subscriptions,
        "forget",
        lambda account, endpoint: Subscription.delete().where(Subscription.endpoint == endpoint).execute(),
        "push.u",
    ),
    "sessions of anybody": (
        accounts,
        "end_session_of",
        lambda account, number: accounts._end(Session.id == number),
        "account.e",
    ),
}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("careless", CONTROLS)
def test_control_what_is_not_asked_for_is_seen(world, mail, monkeypatch, careless):
    module, name, instead, *narrow = CONTROLS[careless]
    here = street(world, mail, 1, **dict(zip(("only", "about"), narrow, strict=False)))
    monkeypatch.setattr(module, name, instead)
    if name == "_living":  # what is ticked is looked at before it is published to: both guards are off
        monkeypatch.setattr(customers, "known", lambda merchant: Customer.select())
    for _ in range(PROBES // A_LOOK):
        here.walk(A_LOOK)
        if here.prober.seen or here.changed():
            return
    pytest.fail(f"nobody would notice: {careless}")
