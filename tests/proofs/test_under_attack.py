"""Guessers close a password's keypads, never the shop: every honest consumer is served, and no attacker is.

Twenty attackers and fifty honest consumers at once, over HTTP. Who finds the keypad closed shows a counter code, and a
member redeems it; the attackers try the right password when it is too late. Then the owner changes it with one tap.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from html import unescape
from http.client import HTTPConnection
from itertools import count
from urllib.parse import urlencode

import pytest

from models import Attempt, Campaign, RedemptionPassword, Role, Voucher
from quanbao.passwords import attack_alerts, guess_limits, redemption_passwords
from quanbao.redemption import counter_codes
from quanbao.redemption.reasons import Reason
from tests.proofs import size
from tests.support.factories import World
from tests.support.racing import (
    FORM_HEADERS,
    Holder,
    Request,
    assert_figures_agree,
    crowd,
    engine,
    fire,
    ledger,
    persist,
    sign_in,
    tally,
    tries,
)
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("under attack"), pytest.mark.race]

ATTACKERS, HONEST, LATE = 20, 50, 10  # people; the late ones come when the keypads are closed
CASHIERS = 5
ROUNDS = size(1, 10)  # attacks, one after another, each on the password that the owner made after the last
EACH = guess_limits.CONSUMER_FREE  # guesses of an attacker before they have to wait
CODE = re.compile(r'class="counter-code">([^<]+)<')
BUTTON = re.compile(r'action="([^"]+/renew)">\s*<input type="hidden" name="replacing" value="([^"]+)"')
REFUSED = {(429, "too_many_attempts"), (503, "busy")}
NEVER_RIGHT = map(str, count(700_100))  # no password of these tests


class Shop:
    """A merchant's campaign, its people signed in, and a site that serves them."""

    def __init__(self, settings, world: World, site: Site, campaign: Campaign):
        self.settings, self.world, self.site, self.campaign = settings, world, site, campaign
        self.owner, *self.cashiers = sign_in(
            settings, world, [world.member(role=role) for role in (Role.OWNER, *[Role.MANAGER] * CASHIERS)]
        )

    def crowd(self, people: int) -> list[Holder]:
        return crowd(self.settings, self.world, self.campaign, people)

    @property
    def password(self) -> str:
        """What the cashiers know."""
        return redemption_passwords.reveal(RedemptionPassword.get(), self.world.keys.password)

    def ask(self, method: str, path: str, cookie: str, **form: str) -> tuple[int, str, str]:
        """Status, body, and where it leads."""
        connection = HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        try:
            headers = FORM_HEADERS | {"Accept": "text/html", "Cookie": cookie}
            connection.request(method, path, urlencode(form) or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.getheader("Location", "")
        finally:
            connection.close()

    def at_the_counter(self, holders: Sequence[Holder]) -> None:
        """Each shows a code, and one of the members redeems it; the members work side by side."""
        at_once(
            [
                lambda some=holders[place::CASHIERS], cookie=cookie: [self.serve(one, cookie) for one in some]
                for place, cookie in enumerate(self.cashiers)
            ]
        )

    def serve(self, holder: Holder, member: str) -> None:
        status, page, _ = self.ask("POST", f"/vouchers/{holder.code}/counter-code", holder.cookie)
        assert status == 200
        code = counter_codes.plain(unescape(CODE.search(page)[1]))
        status, _, address = self.ask("POST", "/merchants/lotus/till", member, code=code)
        assert status == 303
        status, page, _ = self.ask("POST", address, member, branch="-", offer_price=str(self.campaign.offer_price))
        assert (status, 'data-outcome="redeemed"' in page) == (200, True)

    def one_tap(self) -> None:
        """The owner presses the button of the alarm, twice in their hurry."""
        _, page, _ = self.ask("GET", "/merchants/lotus/till", self.owner)
        action, replacing = BUTTON.search(page).groups()
        answers = at_once([lambda: self.ask("POST", action, self.owner, replacing=replacing)] * 2)
        assert [status for status, *_ in answers] == [200, 200]


def at_once(acts: Sequence[Callable[[], object]]) -> list:
    """What they return, each in a thread of its own; what goes wrong in one fails the test."""
    answers: list = [None] * len(acts)

    def run(place: int) -> None:
        try:
            answers[place] = acts[place]()
        except BaseException as error:
            answers[place] = error

    hands = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(120)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers


def attack(shop: Shop, attackers: Sequence[Holder], honest: Sequence[Holder]) -> list[Holder]:
    """All of them at once, until the budget is spent; the honest ones whom a keypad did not serve."""
    right = shop.password
    wrong = [Request(attacker, next(NEVER_RIGHT)) for attacker in attackers for _ in range(EACH)]
    good = [Request(holder, right) for holder in honest]
    answers = dict(zip(wrong + good, persist(shop.site, wrong + good), strict=True))
    assert tally(answers[request] for request in wrong).keys() <= {(403, "password_incorrect"), *REFUSED}
    assert tally(answers[request] for request in good).keys() <= {(200, None), *REFUSED}
    if busy := [request for request in wrong if answers[request].is_busy]:
        persist(shop.site, busy)
    return [request.holder for request in good if answers[request].status != 200]


def is_spent(shop: Shop) -> bool:
    return bool(attack_alerts.going_on(shop.world.merchant, shop.world.clock()))


def served(holders: Sequence[Holder]) -> set[str]:
    """Those of them whose voucher was redeemed."""
    codes = {code for (code,) in Voucher.select(Voucher.code).where(Voucher.id.in_(list(ledger()))).tuples()}
    return codes & {holder.code for holder in holders}


def test_every_honest_consumer_is_served_and_no_attacker(world, database, proved):
    campaign, by = world.campaign(quantity=10_000), Counter()
    with Site(database, world, processes=2) as site:
        shop = Shop(database, world, site, campaign)
        for _ in range(ROUNDS):
            attackers, honest, late = shop.crowd(ATTACKERS), shop.crowd(HONEST), shop.crowd(LATE)
            turned_away = attack(shop, attackers, honest)
            assert is_spent(shop), "twenty attackers have a hundred guesses between them"

            # The keypads are closed: for the late ones, and for attackers who know the password by now.
            refused = fire(site, [Request(holder, shop.password) for holder in [*late, *attackers]])
            assert tally(refused) == {(429, "too_many_attempts"): LATE + ATTACKERS}
            shop.at_the_counter([*turned_away, *late])
            assert served([*honest, *late]) == {holder.code for holder in [*honest, *late]}
            assert served(attackers) == set()
            by.update(keypad=HONEST - len(turned_away), counter=len(turned_away) + LATE)

            # One tap, and the keypads work again; what the attackers knew is worth nothing.
            old = shop.password
            shop.one_tap()
            assert (shop.password != old, is_spent(shop)) == (True, False)
            after = shop.crowd(LATE)
            assert tally(persist(site, [Request(holder, shop.password) for holder in after])) == {(200, None): LATE}
            assert tally(persist(site, [Request(holder, old) for holder in attackers])) == {
                (403, "password_incorrect"): ATTACKERS
            }
            assert served(attackers) == set()
    assert RedemptionPassword.get().version == 1 + ROUNDS, "two taps at once change it once"
    assert set(ledger().values()) == {1}
    assert_figures_agree(database, world)
    proved(
        f"{engine(database)}: {ROUNDS} attack(s) of {ATTACKERS} on {HONEST + LATE} honest ones, served "
        f"{by['keypad']} by the keypad and {by['counter']} at the counter, attackers 0"
    )


def test_control_without_a_budget_the_attackers_are_served(world, database, proved):
    """The same attack: who guesses on comes to the right one, and nothing stops them."""
    campaign = world.campaign(quantity=10_000)
    attackers = crowd(database, world, campaign, ATTACKERS)
    with Site(database, world, "no_guess_limits", processes=2) as site:
        wrong = [Request(attacker, next(NEVER_RIGHT)) for attacker in attackers for _ in range(EACH)]
        persist(site, wrong)
        persist(site, tries(attackers))
    compared = Attempt.select().where(Attempt.reason == Reason.PASSWORD_INCORRECT).count()
    assert compared == guess_limits.PASSWORD_A_DAY, "as many as close it where there is a budget"
    assert len(served(attackers)) == ATTACKERS
    proved(f"{engine(database)} without budgets: {ATTACKERS} attackers served")
