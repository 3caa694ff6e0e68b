"""The database under the models: fields, the one way to write, the schema, and what each engine refuses itself."""

import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import apsw
import psycopg
import pytest
from peewee import BlobField, BooleanField, IntegrityError, TextField

import database as opening
from database import Busy, Changed, UuidField, db, on_sqlite, open_database, sqlite_is_safe, write_transaction
from models import (
    TABLES,
    Account,
    Audience,
    Campaign,
    Claim,
    Customer,
    CustomerGroup,
    Delivery,
    Event,
    Link,
    Member,
    News,
    Publication,
    Redemption,
    RedemptionPassword,
    Role,
    Session,
    Subscription,
    Voucher,
)
from quanbao.campaigns import figures
from quanbao.operations import migrate, table_changes
from quanbao.people import accounts
from quanbao.vouchers import publications
from tests.conftest import POSTGRESQL, SQLITE
from tests.support.factories import World, utc
from tests.support.older_database import older

ROOT = Path(__file__).resolve().parents[2]

only_sqlite = pytest.mark.parametrize("database", [SQLITE], indirect=True)
only_postgresql = pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)


def test_a_time_comes_back_aware_in_utc_with_its_microseconds(database):
    shanghai, tick = timezone(timedelta(hours=8)), timedelta(microseconds=1)
    for moment in (
        utc("2026-12-01T04:00:00.000001Z"),
        utc("1969-12-31T23:59:59.999999Z"),
        utc("9000-12-31T00:00:00.5Z"),
        datetime(2026, 12, 1, 12, 0, 0, 999_999, shanghai),
    ):
        row = Account.create(email=str(moment), created_at=moment)
        kept = Account.get_by_id(row.id).created_at
        assert (kept, kept.utcoffset()) == (moment, timedelta(0))
        assert Account.get(Account.created_at == moment) == row
        assert Account.get((Account.created_at > moment - tick) & (Account.created_at < moment + tick)) == row
    with pytest.raises(TypeError):
        Account.create(email="naive", created_at=datetime(2026, 12, 1, 12))


def test_json_comes_back_as_it_was(world):
    for value in ([], [["10:00", "22:00"]], {"茶": [1, None, True, 1.5]}, "text", ["\u2028 ' \" \\ é %s ?"]):
        assert Campaign.get_by_id(world.campaign(groups=value).id).groups == value


# write_transaction


def add(email: str) -> Account:
    return Account.create(email=email, created_at=utc("2026-12-01T04:00:00Z"))


def emails() -> list[str]:
    return [row.email for row in Account.select().order_by(Account.id)]


def failing(times: int, how: BaseException | str):
    """Work that writes a row each time it is called, and fails the first so many times: so, or by this SQL."""
    calls = []

    def work() -> str:
        calls.append(add(f"{len(calls)}@example.org"))
        if len(calls) <= times and isinstance(how, str):
            db.execute_sql(how)
        elif len(calls) <= times:
            raise how
        return "done"

    return work, calls


def test_one_inside_another_is_refused(database):
    """It would be a savepoint, and its work could still be undone after it said that it was done."""
    with pytest.raises(AssertionError, match="savepoint"):
        write_transaction(lambda: (add("mei@example.org"), write_transaction(lambda: add("lin@example.org"))))
    with db.atomic(), pytest.raises(AssertionError, match="savepoint"):
        write_transaction(lambda: add("lin@example.org"))
    assert emails() == []


def test_a_change_meanwhile_is_judged_again_but_not_without_end(database):
    work, calls = failing(10_000, Changed())
    with pytest.raises(Busy):
        write_transaction(work)
    assert (len(calls), emails()) == (opening.RETRIES, [])
    work, calls = failing(3, Changed())
    assert write_transaction(work) == "done"
    assert (len(calls), emails()) == (4, ["3@example.org"]), "what the earlier rounds wrote is gone"


def test_any_exception_takes_everything_back_and_is_not_retried(database):
    for error in (ValueError("no"), KeyboardInterrupt(), Busy("later")):
        work, calls = failing(10_000, error)
        with pytest.raises(type(error)):
            write_transaction(work)
        assert (len(calls), emails(), db.in_transaction()) == (1, [], False)


@only_postgresql
def test_a_serialization_failure_and_a_deadlock_are_tried_again(database):
    for code in ("40001", "40P01"):
        work, calls = failing(2, f"DO $$ BEGIN RAISE EXCEPTION 'as asked' USING ERRCODE = '{code}'; END $$")
        assert write_transaction(work) == "done"
        assert (len(calls), emails()) == (3, ["2@example.org"])
        Account.delete().execute()


@only_postgresql
def test_after_a_lost_connection_the_next_transaction_opens_a_new_one(database):
    with pytest.raises(Busy):
        write_transaction(lambda: db.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())"))
    write_transaction(lambda: add("mei@example.org"))
    assert emails() == ["mei@example.org"]


@only_postgresql
def test_a_database_that_became_read_only_and_one_that_waited_too_long_are_busy(database):
    db.execute_sql("SET default_transaction_read_only = on")
    with pytest.raises(Busy, match="read-only"):
        write_transaction(lambda: add("mei@example.org"))
    db.execute_sql("SET default_transaction_read_only = off")
    db.execute_sql("SET idle_in_transaction_session_timeout = 20")
    with pytest.raises(Busy):
        write_transaction(lambda: (add("mei@example.org"), time.sleep(0.5), add("lin@example.org")))
    write_transaction(lambda: add("bo@example.org"))
    assert emails() == ["bo@example.org"]


def test_a_row_that_somebody_else_holds_too_long_is_busy(database):
    add("mei@example.org")
    if on_sqlite():
        db.execute_sql("PRAGMA busy_timeout = 50")
        other = apsw.Connection(str(database.sqlite_file))
        other.execute("BEGIN IMMEDIATE")
    else:
        db.execute_sql("SET lock_timeout = 50")
        other = psycopg.connect(database.database_url)
        other.execute("SELECT * FROM account FOR UPDATE")
    with pytest.raises(Busy):
        write_transaction(lambda: Account.update(email="lin@example.org").execute())
    other.close()
    assert emails() == ["mei@example.org"]
    write_transaction(lambda: Account.update(email="lin@example.org").execute())
    assert emails() == ["lin@example.org"]


HOLD = """
import fcntl, sys
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


@only_sqlite
def test_a_process_that_stops_with_the_lock_holds_up_nobody_for_ever(database, monkeypatch):
    """Each waits in line so long, but not behind somebody who has already waited so long; then it goes on."""
    monkeypatch.setattr(opening.turn.__wrapped__, "__defaults__", (0.2,))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{database.sqlite_file}.lock"],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == "held\n"
        for _ in range(5):
            with pytest.raises(Busy, match="queue of writers"):
                write_transaction(lambda: add("mei@example.org"))
        assert len([thread for thread in threading.enumerate() if thread.name == "line"]) == 1
        process.communicate("go on\n")
    for thread in threading.enumerate():
        if thread.name == "line":
            thread.join(30)
    assert not opening._left
    write_transaction(lambda: add("mei@example.org"))
    assert emails() == ["mei@example.org"]


# The schema


def _type(field) -> set[str]:
    """What the column of a field is on SQLite or PostgreSQL."""
    for kind, names in ((BlobField, {"blob", "bytea"}), (BooleanField, {"integer", "boolean"})):
        if isinstance(field, kind):
            return names
    if isinstance(field, UuidField):
        return {"text", "uuid"}
    return {"text"} if isinstance(field, TextField) else {"integer", "bigint"}


def _indexes(meta) -> set[tuple[tuple[str, ...], bool]]:
    """A model's indexes as columns and uniqueness, the primary key with them."""
    named = {(tuple(meta.fields[name].column_name for name in names), unique) for names, unique in meta.indexes}
    single = {((f.column_name,), f.unique) for f in meta.sorted_fields if f.index or f.unique}
    return named | single | {(tuple(field.column_name for field in meta.get_primary_keys()), True)}


def test_the_migrated_tables_are_the_models(database):
    """The migrations are written by hand: this is what keeps the two from growing apart."""
    assert set(db.get_tables()) == {model._meta.table_name for model in TABLES} | {"schema_migration"}
    for meta in (model._meta for model in TABLES):
        table, columns = meta.table_name, db.get_columns(meta.table_name)
        nullable = {f.column_name: f.null for f in meta.sorted_fields}
        assert {c.name: c.null and not c.primary_key for c in columns} == nullable, table
        assert not [c for c in columns if c.data_type.lower() not in _type(meta.columns[c.name])], table
        made = {(tuple(i.columns), i.unique) for i in db.get_indexes(table)}
        assert made | {(tuple(db.get_primary_keys(table)), True)} == _indexes(meta), table
        keys = {(key.column, key.dest_table) for key in db.get_foreign_keys(table)}
        assert keys == {(f.column_name, f.rel_model._meta.table_name) for f in meta.refs}, table


NO_PRICES = {"original_price": None, "offer_price": None}
REFUSED = [
    (Campaign, {"redeemed": 101}),
    (Campaign, {"redeemed": -1}),
    (Campaign, {"quantity": -1}),
    (Campaign, {"ends_at": utc("2026-12-01T00:00:00+08:00")}),
    (Campaign, {"ends_at": utc("2026-11-01T00:00:00Z")}),
    (Campaign, {"uses_per_voucher": 0}),
    (Campaign, {"uses_per_voucher": 10_001}),
    (Campaign, {"kind": "coupon"} | NO_PRICES),
    (Campaign, {"kind": "prize", "uses_per_voucher": 2} | NO_PRICES),
    (Campaign, {"kind": "prize"}),
    (Campaign, {"kind": "gift", "offer_price": None}),
    (Campaign, {"kind": "giveaway", "original_price": None}),
    (Campaign, NO_PRICES),
    (Campaign, {"original_price": None}),
    (Campaign, {"offer_price": None}),
    (Campaign, {"offer_price": 3001}),
    (Campaign, {"offer_price": -1}),
    (Campaign, {"password": 10**6}),
    (Voucher, {"uses_left": -1}),
    (Voucher, {"uses_left": 2}),
    (Voucher, {"uses": -1}),
    (Voucher, {"consumer": 10**6}),
    (Redemption, {"discount": -1}),
    (Redemption, {"use_number": 0}),
    (Redemption, {"number": 0}),
    (Member, {"role": "boss"}),
    (Link, {"purpose": "anything"}),
]


def test_the_database_itself_refuses(world):
    """Whatever a race or a slip in the code tries to write; here on a campaign of 100 with one redeemed voucher."""
    world.attempt(world.voucher())
    world.member(role=Role.OWNER)
    Link.create(token_hash=b"1", purpose="set-up", expires_at=world.clock())
    taken = []
    for model, columns in REFUSED:
        try:
            with db.atomic() as transaction:
                assert model.update(columns).execute() > 0
                transaction.rollback()
                taken.append((model.__name__, columns))
        except IntegrityError:
            pass
    assert taken == []


# Migrating

MIGRATE = """
import sys
from pathlib import Path
from database import open_database
from quanbao.operations import migrate, table_changes
print("ready", flush=True)
sys.stdin.readline()
open_database(sys.argv[1] or None, Path(sys.argv[2]))
print(migrate.migrate())
"""


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def empty(request, settings):
    """Where an empty database is, as `open_database` takes it."""
    server = None if request.param == SQLITE else request.getfixturevalue("postgres_server")
    yield server and server.create("empty"), settings.sqlite_file
    db.close()
    if server:
        server.drop("empty")


@pytest.mark.race
def test_processes_that_migrate_at_once_all_succeed(empty):
    """Each of a server's processes, or of several servers, may be the first."""
    command = [sys.executable, "-c", MIGRATE, empty[0] or "", str(empty[1])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted("".join(process.communicate(timeout=30)) for process in processes)
    all_of_them = sorted(path.stem for path in migrate.DIRECTORY.glob("[0-9]*.py"))
    assert said == [f"{all_of_them}\n", "[]\n", "[]\n"]
    open_database(*empty)
    assert (migrate.pending(), migrate.migrate()) == ([], [])


def test_0005_keeps_the_outbox_and_knows_what_was_under_attack_before(empty, clock, keys):
    open_database(*empty)
    with older("0004_rollbacks"):
        world = World(clock, keys)
        voucher, now = world.voucher(), clock()
        accounts.start_session(world.mei, now)
        reader = Subscription.create(
            session=Session.get(),
            account=world.mei,
            created_at=now,
            endpoint="e",
            service="s",
            p256dh="p",
            auth="a",
            vapid_key="v",
            origin="o",
            language="en",
        )
        delivery = Delivery.create(
            subscription=reader, voucher=voucher, event="issued", about=7, due_at=now, made_at=now
        )
        for _ in range(2):
            world.spend_password(wrong=50)
        before = Delivery.select().dicts().get()
    assert before["campaign"] is None
    assert migrate.migrate()[0] == "0005_attacks"
    assert Delivery.select().dicts().get() == before
    assert RedemptionPassword.get().spent_at == now
    for wrong in ({"voucher": None}, {"campaign": voucher.campaign_id}, {"event": "nonsense"}):
        with pytest.raises(IntegrityError), db.atomic():
            Delivery.update(**wrong).where(Delivery.id == delivery.id).execute()
    Delivery.update(voucher=None, campaign=voucher.campaign_id, event="under_attack").execute()


def test_0011_counts_what_was_revoked_as_had_by_the_publications_that_there_were(empty, clock, keys):
    open_database(*empty)
    with older("0009_names"):
        world, now = World(clock, keys), clock()
        campaign = world.campaign()
        unused, revoked = world.voucher(campaign=campaign), world.voucher(campaign=campaign)
        Voucher.update(revoked_at=now).where(Voucher.id == revoked.id).execute()
        publication = publications.start(campaign, Audience.ALL, [], now=now)
        Claim.create(
            token_hash=b"t", seed=b"s", campaign=campaign, address="a@example.org", expires_at=now + timedelta(days=30)
        )
    assert migrate.migrate()[0] == "0011_issued_again"
    after = dict(Voucher.select(Voucher.id, Voucher.revoked_after).tuples())
    assert after == {unused.id: None, revoked.id: publication.id}
    link = Claim.get()
    assert (link.nth, link.made_at, link.publication, link.withdrawn_at) == (1, now, None, None)
    claimed = {
        "token_hash": b"u",
        "seed": b"s",
        "campaign": campaign,
        "address": "a@example.org",
        "made_at": now,
        "expires_at": now,
    }
    with pytest.raises(IntegrityError), db.atomic():
        Claim.create(**claimed)
    Claim.create(nth=2, **claimed)


def test_0009_merges_what_was_spelled_in_two_ways(empty, clock, keys):
    open_database(*empty)
    with older("0008_periods"):
        world = World(clock, keys)
        people = [world.account() for _ in range(3)]
        for name, nth in {"Stammgäste": 0, "stammgäste": 1, "Stammga\u0308ste ": 1, "Tee": 1, "ＴＥＥ": 2}.items():
            world.group(name, people[nth])
        other = world.make_merchant(slug="other")
        campaign = world.campaign(groups=["STAMMGÄSTE", "stammgäste", "Neue  Leute"])
        theirs = world.campaign(groups=["STAMMGÄSTE"], merchant=other, password=world.make_password(merchant=other))
        publication = publications.start(campaign, Audience.ALL, [], now=clock())
        Publication.update(groups=["stammgäste", "tee"]).execute()
        stored = {
            "mei@xn--mnchen-3ya.example": "mei@münchen.example",
            "mei@münchen.example": "mei@münchen.example",
            "ｌｉｎ@example.org": "lin@example.org",
            "ann@xn--fiqs8s": "ann@中国",
            "bo@example.org": "bo@example.org",
        }
        rows = {Account.create(email=address, created_at=clock()).id: address for address in stored}
        Customer.update(address="ann@xn--fiqs8s").where(Customer.consumer == people[0]).execute()
    assert "0009_names" in migrate.migrate()
    inside = {(row.customer.consumer_id, row.name) for row in CustomerGroup.select()}
    assert inside == {
        (people[0].id, "Stammgäste"),
        (people[1].id, "Stammgäste"),
        (people[1].id, "Tee"),
        (people[2].id, "Tee"),
    }
    assert Campaign.get_by_id(campaign.id).groups == ["Stammgäste", "Neue Leute"]
    assert Campaign.get_by_id(theirs.id).groups == ["STAMMGÄSTE"]
    assert Publication.get_by_id(publication.id).groups == ["Stammgäste", "Tee"]
    after = {address: Account.get_by_id(number).email for number, address in rows.items()}
    assert after == stored | {"mei@xn--mnchen-3ya.example": "mei@xn--mnchen-3ya.example"}, "two people stay two"
    assert Customer.get(Customer.consumer == people[0]).address == "ann@中国"
    assert all(accounts.email_address(address) == kept for address, kept in stored.items())


@pytest.mark.parametrize("before", [0, 1, 2])
def test_0009_lets_the_outbox_take_news_of_periods_and_terms_also_where_one_is_known(empty, clock, keys, before):
    open_database(*empty)
    with older("0008_periods"):
        world = World(clock, keys)
        campaign = world.campaign()
        News.create(campaign=campaign, event="ended", about=7, made_at=clock())
    if before:
        table_changes.allow_events(db, *("period_changed", "terms_changed")[:before])
    migrate.migrate()
    for event in Event:
        News.insert(campaign=campaign, event=event, about=1, made_at=clock()).on_conflict_ignore().execute()
    assert {row.event for row in News.select()} == set(Event)
    assert News.get(News.event == "ended").about == 7
    with pytest.raises(IntegrityError), db.atomic():
        News.create(campaign=campaign, event="nonsense", about=1, made_at=clock())


def test_a_database_of_a_newer_version_is_refused(database):
    name = "9999_from_the_future"
    migrate._Runner().History.create(name=name)
    for ask in (migrate.migrate, migrate.pending):
        with pytest.raises(migrate.NewerDatabase, match=name):
            ask()
    db.execute_sql(f"DELETE FROM schema_migration WHERE name = '{name}'")
    assert migrate.migrate() == [], "the lock was let go"


@pytest.mark.postgresql
def test_all_of_it_works_behind_a_pooler_that_changes_connections(postgres_server, pgbouncer, settings, clock, keys):
    """In transaction mode, and it takes no timeouts: no lock, prepared statement or setting may stay in a session."""
    postgres_server.create("pooled")
    open_database(pgbouncer.url("pooled"), None)
    assert migrate.migrate()
    assert migrate.migrate() == []
    world = World(clock, keys)
    for _ in range(8):  # psycopg would prepare a statement at its sixth time
        assert world.attempt(world.voucher()).redeemed
    assert list(figures.differences()) == []
    db.close()
    open_database(postgres_server.url("pooled"), None)
    locks = db.execute_sql("SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    prepared = db.execute_sql("SELECT COUNT(*) FROM pg_prepared_statements").fetchone()
    db.close()
    postgres_server.drop("pooled")
    assert (locks, prepared) == ((0,), (0,))


@pytest.mark.postgresql
def test_statements_are_prepared_where_the_server_itself_answers(postgres_server, pgbouncer):
    """A pooler names another process than the one that answers, where psycopg would prepare if we let it."""
    prepared = {}
    postgres_server.create("asked")
    for name, server in {"server": postgres_server, "pooler": pgbouncer}.items():
        open_database(server.url("asked"), None)
        for _ in range(8):
            db.execute_sql("SELECT %s::int", (1,)).fetchone()
        prepared[name] = db.execute_sql("SELECT COUNT(*) FROM pg_prepared_statements").fetchone()[0]
        db.close()
    postgres_server.drop("asked")
    assert prepared == {"server": 1, "pooler": 0}


# Opening


def test_versions_that_can_corrupt_a_database():
    """The WAL-reset bug: 3.7.0 to 3.51.2, but for the backports 3.44.6 and 3.50.7."""
    unsafe = ["3.7.0", "3.8.11.1", "3.40.1", "3.44.5", "3.45.0", "3.49.2", "3.50.6", "3.51.0", "3.51.2"]
    safe = ["3.44.6", "3.44.7", "3.50.7", "3.51.3", "3.51.10", "3.53.0", "3.54.0", "4.0.0"]
    assert [version for version in unsafe + safe if sqlite_is_safe(version)] == safe


def test_an_unsafe_sqlite_is_not_even_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(apsw, "sqlitelibversion", lambda: "3.51.2")
    with pytest.raises(OSError, match=r"3\.51\.2.*pip install"):
        open_database(None, tmp_path / "quanbao.sqlite3")
    assert list(tmp_path.iterdir()) == []


@only_sqlite
def test_every_connection_is_durable_and_keeps_references(database):
    """What is set once a connection must be set in each thread's: a power cut asks none of them."""
    kept, names = [], ("journal_mode", "synchronous", "foreign_keys")

    def look() -> None:
        kept.append([db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in names])

    look()
    thread = threading.Thread(target=lambda: (look(), db.close()))
    thread.start()
    thread.join()
    assert kept == [["wal", 2, 1]] * 2, "2 is FULL"


@only_sqlite
def test_a_write_transaction_takes_its_place_at_the_start(database):
    """IMMEDIATE: a deferred one would read first and then lose the race to write."""
    other = apsw.Connection(str(database.sqlite_file))

    def work():
        with pytest.raises(apsw.BusyError):
            other.execute("BEGIN IMMEDIATE")

    write_transaction(work)
    other.close()


def test_an_address_of_postgresql_may_have_any_password():
    parameters = opening.open_postgresql("postgresql://us%40er:p%2Fw%25@db.example:5433/quan").connect_params
    wanted = {"user": "us@er", "password": "p/w%", "host": "db.example", "port": 5433}
    assert wanted.items() <= parameters.items()
