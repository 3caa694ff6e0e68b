"""Tables for spreadsheets: read as they were meant, never run, and no larger in memory for being long."""

import csv
import socket
from contextlib import ExitStack, closing
from decimal import Decimal
from itertools import count, islice

import pytest
from peewee import OperationalError

from models import Branch, Campaign, Customer, Role
from quanbao.reports import attempt_log
from tests.support.factories import WRONG, World, utc
from tests.support.large_ledgers import fill
from tests.support.page_client import PageClient
from tests.support.racing import sign_in
from tests.support.servers import Site
from web import create_app
from web.present import csv_export
from web.server.gateway import THREADS

CHINESE = {"Accept-Language": "zh"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("＠x", "'＠x"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("\tTea", "'\tTea"),
        (" =1", " '=1"),
        ("\u3000=1", "\u3000'=1"),
        ("\ufeff=1", "\ufeff'=1"),
        ("a;\u200b=1", "a;\u200b'=1"),
        ("a;=1", "a;'=1"),
        ('a;"=1', "a;\"'=1"),
        ("a\n=1", "a\n'=1"),
        ("a\t@x", "a\t'@x"),
        ("Tea = leaves", "Tea = leaves"),
        ("a;b", "a;b"),
        ("x-y", "x-y"),
        ("'=1", "'=1"),
        ("", ""),
        ("茶", "茶"),
        (-1, -1),
        (Decimal("-1.50"), Decimal("-1.50")),
        (0, 0),
    ],
)
def test_no_cell_is_a_formula(text, written):
    """Nor part of one where a semicolon ends a cell, as in half of Europe."""
    assert csv_export.cell(text) == written


def test_a_long_table_is_never_whole_in_memory():
    made = []
    endless = ([made.append(n) or n] for n in count())
    chunks = csv_export.lines(endless)
    assert next(chunks).startswith(csv_export.MARK + "0\r\n1\r\n")
    assert len(made) == csv_export.A_CHUNK
    assert sum(len(chunk.splitlines()) for chunk in islice(chunks, 3)) == 3 * csv_export.A_CHUNK


def read(client: PageClient, name: str, campaign: Campaign, **headers: str) -> list[list[str]]:
    """The rows of a table of the campaign's as a spreadsheet has them."""
    path = f"/merchants/{campaign.merchant.slug}/campaigns/{campaign.slug}/{name}"
    answer = client._send("GET", path, headers, {})
    assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text[:500]
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Cache-Control"] == "no-store"
    named = name.partition(".")[0]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{campaign.slug}-{named}.csv"'
    return list(csv.reader(answer.data.decode("utf-8-sig").splitlines()))


@pytest.fixture
def owner(world, database, clock):
    return PageClient(create_app(database, clock=clock)).sign_in(world.member(role=Role.OWNER))


def busy_campaign(world: World) -> Campaign:
    """Redeemed in the summer of Berlin, in the last minute of a day; refused in its winter."""
    shop = world.make_merchant(slug="shop", time_zone="Europe/Berlin", currency="EUR")
    world.merchant = shop
    campaign = world.campaign(
        merchant=shop,
        password=world.make_password(merchant=shop),
        slug="tea",
        product='=HYPERLINK("http://x")',
        starts_at=utc("2026-06-01T00:00:00Z"),
        ends_at=utc("2027-06-01T00:00:00Z"),
    )
    Branch.update(name="=1+1").where(Branch.slug == "main").execute()
    world.clock.set("2026-07-31T21:59:30Z")
    world.attempt(world.voucher(campaign=campaign, holder=world.mei), branch="main", amount=12345)
    world.clock.set("2026-12-01T12:00:00Z")
    world.attempt(world.voucher(campaign=campaign, holder=world.account(email="@sum(a1)@example.org")), typed=WRONG)
    return campaign


def test_the_attempts_as_a_table(world, owner):
    campaign = busy_campaign(world)
    owner.sign_in(world.member(role=Role.MANAGER, merchant=campaign.merchant))
    heading, refused, redeemed = read(owner, "attempts.csv", campaign)
    assert heading == [
        "Time",
        "Outcome",
        "Reason",
        "Customer",
        "Voucher",
        "Branch",
        "Number",
        "Words",
        "Amount",
        "Rolled back",
        "Reason of the rollback",
        "Forfeited",
        "Product",
        "Original price",
        "Charged",
        "Discount given",
        "Code of the reason",
        "Code of the branch",
        "Code of the rollback",
    ]
    assert (refused[:4], refused[5:]) == (
        ["2026-12-01T13:00:00+01:00", "Refused", "That is not the password.", "'@sum(a1)@example.org"],
        [""] * 11 + ["password_incorrect", "", ""],
    )
    assert (redeemed[:4], redeemed[5:7], redeemed[8:]) == (
        ["2026-07-31T23:59:30+02:00", "Redeemed", "", "mei@example.org"],
        ["'=1+1", "1"],
        ["123.45", "", "", "", '\'=HYPERLINK("http://x")', "30.00", "18.00", "12.00", "redeemed", "main", ""],
    )
    assert read(owner, "attempts.csv", campaign, **CHINESE)[0][:3] == ["时间", "结果", "原因"]
    for which, rows in (("redeemed", [redeemed]), ("refused", [refused]), ("sold_out", []), ("x", [refused, redeemed])):
        assert read(owner, f"attempts.csv?which={which}", campaign)[1:] == rows


def test_the_figures_as_a_table(world, owner):
    campaign = busy_campaign(world)
    owner.sign_in(world.member(role=Role.OWNER, merchant=campaign.merchant))
    heading, *rows = read(owner, "figures.csv", campaign)
    assert heading == ["Figure", "Of", "Count", "Code for programs"]
    assert rows == [
        ["Quantity", "", "100", "quantity"],
        ["Issued", "", "2", "issued"],
        ["Opened", "", "0", "opened"],
        ["Redeemed", "", "1", "redeemed"],
        ["Remaining", "", "99", "remaining"],
        ["Consumers", "", "1", "consumers"],
        ["Discount given (EUR)", "", "12.00", "discount_given"],
        ["Rolled back", "", "0", "rolled_back"],
        ["Forfeited", "", "0", "forfeited"],
        ["Redeemed by day", "2026-07-31", "1", "by_day:2026-07-31"],
        ["Redeemed by hour", "23:00", "1", "by_hour:23"],
        ["Redeemed by branch", "'=1+1", "1", "by_branch:main"],
        ["Refused", "That is not the password.", "1", "refused:password_incorrect"],
    ]
    assert read(owner, "figures.csv", campaign, **CHINESE)[0] != heading


def test_a_long_table_has_every_attempt_once(world, owner):
    """It is read a thousand at a time."""
    _, *rows = read(owner, "attempts.csv", fill(world, 2500))
    assert [row[1] for row in rows] == ["Redeemed"] * 2500 + ["Refused"] * 20
    assert len({row[4] for row in rows}) == 2500
    times = [row[0] for row in rows[2500:]]
    assert times == sorted(times, reverse=True)


def test_a_customer_is_called_what_this_merchant_calls_them(world, owner):
    """Not by their account's address, nor by what another merchant typed; and not at all once they are gone."""
    campaign = world.campaign()
    world.attempt(world.voucher(campaign=campaign))
    other = world.make_merchant(slug="other")
    Customer.create(merchant=other, consumer=world.mei, address="theirs@example.org", first_seen_at=world.clock())
    for known in ("known@example.org", ""):
        Customer.update(address=known).where(Customer.merchant == world.merchant).execute()
        [_, row] = read(owner, "attempts.csv", campaign)
        assert row[3] == known


@pytest.mark.parametrize("name", ["figures.csv", "attempts.csv", "figures", "attempts"])
def test_another_merchants_tables_are_not_there(world, owner, name):
    campaign = busy_campaign(world)
    for path in (f"/merchants/shop/campaigns/{campaign.slug}/{name}", f"/merchants/lotus/campaigns/tea/{name}"):
        owner.get(path, status=404)


# From the server that people run


def ask(site: Site, cookie: str, slug: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", site.port), timeout=30)
    connection.sendall(
        f"GET /merchants/lotus/campaigns/{slug}/attempts.csv HTTP/1.0\r\nHost: 127.0.0.1:{site.port}\r\n"
        f"Cookie: {cookie}\r\n\r\n".encode()
    )
    return connection


def rows_that_come(site: Site, cookie: str, slug: str) -> int:
    with closing(ask(site, cookie, slug)) as connection, connection.makefile("rb") as answer:
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    return len(body.splitlines()) - 1


@pytest.mark.slow
def test_a_long_table_comes_whole_and_its_slow_readers_hold_up_nobody(world, database):
    fill(world, 1200)
    [cookie] = sign_in(database, world, [world.member(role=Role.OWNER)])
    with Site(database) as site:
        with ExitStack() as stack:
            for _ in range(2 * THREADS):
                stack.enter_context(closing(ask(site, cookie, "of-1200")))  # and never reads
            assert rows_that_come(site, cookie, "of-1200") == 1220
        for _ in range(3):
            ask(site, cookie, "of-1200").close()  # and hangs up
        assert rows_that_come(site, cookie, "of-1200") == 1220
        assert "Traceback" not in (site.folder / "log").read_text()


def test_a_table_that_breaks_off_says_so(client, small_world, monkeypatch, caplog):
    def entries(*_):
        yield from ()
        raise OperationalError("the disk is full")

    monkeypatch.setattr(attempt_log, "all_entries", entries)
    client.sign_in(small_world.member(role=Role.OWNER))
    [_, last] = read(client, "attempts.csv", small_world.campaign())
    assert last == ["This table is not complete. Download it again."]
    assert "a table broke off" in caplog.text
