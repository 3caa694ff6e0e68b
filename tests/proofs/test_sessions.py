"""A captured cookie is worth nothing the moment its session ends, in every process, nor is what was made with it.

Each way to end one: a real site of two processes that both know the cookie; the end is told to one of them, and then
both are asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from config import PUSH_HOSTS, Settings
from models import Account, Attempt, Member, Role, Session, Subscription, Voucher
from quanbao.messages.push import subscriptions
from quanbao.messages.push.subscriptions import Circumstances
from quanbao.people import accounts, one_time_links
from quanbao.redemption import counter_codes
from quanbao.vouchers import wallet_transfer
from tests.support.concurrent_requests import Ask, by_every_process
from tests.support.every_route import ATTEMPT, PUSH, subscription
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD, World
from tests.support.racing import cookie_of, engine
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("sessions"), pytest.mark.race]

MINE = {"password": ACCOUNT_PASSWORD}


@dataclass
class Captured:
    """Somebody's cookie in the hand of somebody else, and what can be made with it."""

    person: Account
    row: Session
    cookie: str
    elsewhere: str  # the cookie of another browser of theirs
    voucher: Voucher
    shown: counter_codes.Shown
    move: str
    seen_address: str = ""  # what their page of the account keeps beside the address that they may change

    @classmethod
    def of(cls, world: World, settings: Settings) -> "Captured":
        person, now = world.member(role=Role.MANAGER, password=ACCOUNT_PASSWORD), world.clock()
        token, other = (accounts.start_session(person, now) for _ in range(2))
        row, voucher = accounts.session_of(token, now), world.voucher(holder=person)
        said = subscriptions.read(subscription(f"{PUSH}{person.id}"), PUSH_HOSTS)
        subscriptions.keep(said, row, token, Circumstances("key", "http://localhost", "en"), now)
        shown = counter_codes.new_code(voucher, row, token, now=now, key=world.keys.receipts)
        return cls(
            person,
            row,
            cookie_of(settings, token),
            cookie_of(settings, other),
            voucher,
            shown,
            wallet_transfer.new_code(person, now, token),
        )

    def asks(self) -> list[Ask]:
        """A page, an open page that asks for news, a program, a try at the till."""
        return [
            Ask("/wallet", cookie=self.cookie),
            Ask("/merchants/lotus/till?seen=0", cookie=self.cookie, headers={"HX-Request": "true"}),
            Ask("/wallet", cookie=self.cookie, headers={"Accept": "application/json"}),
            Ask(
                f"/vouchers/{self.voucher.code}/redemptions",
                {"password": PASSWORD, "attempt_id": ATTEMPT},
                self.cookie,
                {"Accept": "application/json"},
            ),
        ]


# How a session may end: who asks for what.
ENDINGS: dict[str, Callable[[Captured, str, World], Ask]] = {
    "sign-out": lambda it, owner, world: Ask("/sign-out", {}, it.cookie),
    "another password": lambda it, owner, world: Ask(
        "/account/password", MINE | {"new_password": "another-secret"}, it.elsewhere
    ),
    "another address": lambda it, owner, world: Ask(
        "/account/email", MINE | {"email": "o@example.org", "shown": it.seen_address}, it.elsewhere
    ),
    "ended": lambda it, owner, world: Ask(f"/account/sessions/{it.row.id}/end", {}, it.elsewhere),
    "all others ended": lambda it, owner, world: Ask("/account/sessions/end", {}, it.elsewhere),
    "account deleted": lambda it, owner, world: Ask("/account/delete", MINE | {"sure": "y"}, it.elsewhere),
    "set up anew by a link": lambda it, owner, world: Ask(
        f"/sign-in/{one_time_links.make('sign-in', world.clock(), it.person)}", {"password": "another-secret"}
    ),
    "member disabled": lambda it, owner, world: Ask(
        f"/merchants/lotus/members/{Member.get(Member.account == it.person).id}", {"do": "disable"}, owner
    ),
    "another signs in": lambda it, owner, world: Ask("/sign-in", MINE | {"email": "owner@example.org"}, it.cookie),
}


def owners_cookie(world: World, settings: Settings) -> str:
    owner = world.member(role=Role.OWNER, email="owner@example.org", password=ACCOUNT_PASSWORD)
    return cookie_of(settings, accounts.start_session(owner, world.clock()))


def test_a_captured_cookie_is_refused_at_once_by_every_process(world, database, proved):
    owner = owners_cookie(world, database)
    till = Member.get(Member.account == world.member(role=Role.MANAGER))
    with Site(database, world, "careless", processes=2) as site:
        for name, ending in ENDINGS.items():
            captured = Captured.of(world, database)
            captured.seen_address = re.search(
                'name="shown" value="([^"]+)"', Ask("/account", cookie=captured.elsewhere).to(site).body
            )[1]
            ask, asks = ending(captured, owner, world), captured.asks()
            assert {answer.status for answer in by_every_process(site, asks[0])} == {200}, name
            assert ask.to(site).status == 303, name
            for one, refused in zip(asks, (303, 401, 401, 401), strict=True):
                assert {answer.status for answer in by_every_process(site, one)} == {refused}, name
            nothing_is_left_of(captured, world, till, name)
            assert Ask("/move/code", {"code": captured.move}).to(site).status == 422, name
    assert Attempt.select().count() == 0
    proved(f"{engine(database)}: {len(ENDINGS)} endings, two processes")


def nothing_is_left_of(captured: Captured, world: World, till: Member, name: str) -> None:
    assert not Session.select().where(Session.token_hash == captured.row.token_hash).exists(), name
    assert not Subscription.select().where(Subscription.account == captured.person).exists(), name
    assert world.take(captured.shown.code, till) is None, name


def test_control_a_process_that_remembers_lets_a_captured_cookie_in(world, database, proved):
    captured = Captured.of(world, database)
    with Site(database, world, "careless", processes=2, CARELESS="sessions") as site:
        by_every_process(site, captured.asks()[0])
        assert Ask("/sign-out", {}, captured.cookie).to(site).status == 303
        assert {answer.status for answer in by_every_process(site, captured.asks()[0])} == {200}
    proved(f"{engine(database)}: where processes remember, it is let in")
