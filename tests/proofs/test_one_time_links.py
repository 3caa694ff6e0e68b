"""A one-time link works once: however often it is looked at, by whatever scanner, and however many use it at once.

It works no more when its time is over, nor when what it was about is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from config import from_environment
from database import db, open_database
from models import Account, Campaign, Member, Session
from quanbao.merchants import members
from quanbao.operations import first_start, migrate
from quanbao.people import accounts, one_time_links, personal_data
from quanbao.vouchers import claims, publications, wallet_transfer
from tests.proofs import size
from tests.support.concurrent_requests import Ask, together
from tests.support.every_route import SET_UP, changed, columns
from tests.support.factories import ACCOUNT_PASSWORD, World
from tests.support.page_client import PageClient
from tests.support.racing import cookie_of, engine
from tests.support.servers import Site

pytestmark = [pytest.mark.promise("sessions"), pytest.mark.race]

AT_ONCE = size(8, 32)
SCANNERS = [
    {"User-Agent": "Barracuda Sentinel", "Sec-Fetch-Site": "none"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch", "Sec-Fetch-Site": "cross-site"},
    {"X-Moz": "prefetch"},
]


@dataclass(frozen=True)
class Link:
    """One of each kind. `signed_in`: who uses it must be somebody; `gone` takes away what it was about."""

    path: str
    gone: Callable[[], object]
    hours: int
    signed_in: bool = False
    form: dict[str, str] | None = None


def all_links(world: World) -> dict[str, Link]:
    now, key = world.clock(), world.keys.receipts
    campaign = world.campaign()
    publication = publications.start(campaign, publications.Audience.ADDRESSES, ["a@example.org"], now=now)
    publications.step(publication.id, now=now, key=key)
    claim = claims.open_links(campaign, now, key)[0][2]
    invited, join = members.invite(world.merchant, "new@example.org", "owner", [], now)
    leaver = world.account(password=ACCOUNT_PASSWORD)
    mover = world.account(password=ACCOUNT_PASSWORD)
    token = accounts.start_session(mover, now)
    end = Campaign.update(ended_at=now).where(Campaign.id == campaign.id)
    return {
        "claim": Link(f"/claim/{claim}", end.execute, 30 * 24, True),
        "join": Link(f"/join/{join}", lambda: members.disable(invited, now), 48, True),
        "sign-in": Link(f"/sign-in/{one_time_links.make('sign-in', now, leaver)}", lambda: leave(leaver, world), 1),
        "move": Link(
            "/move/code",
            lambda: accounts.end_session(token),
            1,
            form={"code": wallet_transfer.new_code(mover, now, token)},
        ),
    }


def leave(account: Account, world: World) -> None:
    personal_data.delete(Account.get_by_id(account.id), accounts.start_session(account, world.clock()), world.clock())


KINDS = ("claim", "join", "sign-in", "move")


def use(client: PageClient, link: Link) -> int:
    return client._send("POST", link.path, {"Accept": "text/html"}, {"data": link.form or {}}).status_code


@pytest.fixture
def somebody(app, small_world) -> Callable[[Link], PageClient]:
    """A new browser; somebody is signed in in it where the link asks for that."""

    def come(link: Link) -> PageClient:
        client = PageClient(app)
        return client.sign_in(small_world.account()) if link.signed_in else client

    return come


@pytest.mark.parametrize("kind", KINDS)
def test_scanners_change_nothing_and_the_link_works_once(small_world, somebody, kind):
    link = all_links(small_world)[kind]
    person, late, scanner = (somebody(link) for _ in range(3))
    before = columns()
    for headers in SCANNERS:
        for method in ("HEAD", "GET", "OPTIONS", "GET"):
            scanner.http.open(link.path, method=method, headers=headers)
    assert scanner.http.post(link.path, data=link.form, headers=SCANNERS[0]).status_code == 403
    assert changed(before) == set()
    assert (use(person, link), use(late, link), use(person, link)) == (303, *spent(link) * 2)


def spent(link: Link) -> tuple[int]:
    return (422,) if link.form else (404,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_ends_with_its_time_and_with_what_it_is_about(small_world, somebody, clock, kind):
    link = all_links(small_world)[kind]
    link.gone()
    assert (use(somebody(link), link),) == spent(link)
    link = all_links(replace_numbers(small_world))[kind]
    clock.forward(hours=link.hours)
    assert (use(somebody(link), link),) == spent(link)


def replace_numbers(world: World) -> World:
    """The same world, where the address that was invited is free again."""
    Member.update(address="was@example.org").where(Member.address == "new@example.org").execute()
    return world


def race(world: World, settings, **careless: str) -> dict[str, int]:
    """How many of those who used each link at one moment it worked for."""
    worked = {}
    with Site(settings, world, "careless", processes=2, **careless) as site:
        for kind, link in all_links(world).items():
            people = [world.account() for _ in range(AT_ONCE)] if link.signed_in else []
            cookies = [cookie_of(settings, accounts.start_session(one, world.clock())) for one in people]
            asks = [Ask(link.path, link.form or {}, cookie) for cookie in cookies or [""] * AT_ONCE]
            answers = together(site, asks)
            assert {answer.status for answer in answers} <= {303, *spent(link)}, kind
            worked[kind] = sum(answer.status == 303 for answer in answers)
    return worked


def test_of_all_who_use_a_link_at_once_it_works_for_one(world, database, proved):
    assert race(world, database) == dict.fromkeys(KINDS, 1)
    proved(f"{engine(database)}: {AT_ONCE} at once on each of {len(KINDS)} links: one each")


def test_the_first_start_is_of_one_owner(tmp_path, clock, proved):
    settings = from_environment({"QUANBAO_DATA": str(tmp_path / "empty")})
    open_database(None, settings.sqlite_file)
    migrate.migrate()
    with Site(settings, Clocked(clock), "careless", processes=2) as site:
        link = f"/set-up/{first_start.new_link(clock())}"
        assert Ask(link, method="HEAD").to(site).status == Ask(link).to(site).status == 200
        asks = [Ask(link, SET_UP | {"email": f"owner{number}@example.org"}) for number in range(AT_ONCE)]
        statuses = sorted(answer.status for answer in together(site, asks))
        assert statuses == [303] + [404] * (AT_ONCE - 1)
        assert Ask(link, SET_UP).to(site).status == Ask(link).to(site).status == 404
    assert (Member.select().count(), Account.select().count(), Session.select().count()) == (1, 1, 1)
    db.close()
    proved(f"sqlite: {AT_ONCE} set an empty site up at once: one did")


@dataclass(frozen=True)
class Clocked:
    """As much of a world as a site's clock needs."""

    clock: Callable


def test_control_where_everybody_is_believed_to_be_first_links_work_again(world, database, proved):
    worked = race(world, database, CARELESS="links")
    assert worked["sign-in"] > 1
    proved(f"{engine(database)} careless: {worked['sign-in']} of {AT_ONCE}")
