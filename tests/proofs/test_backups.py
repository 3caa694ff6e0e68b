"""Backups made under load restore, reconcile, and are refused where anything about them is wrong."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest

from database import db, open_database, snapshot
from models import Account, Campaign, Member, Redemption, Role, Session
from quanbao.campaigns import figures
from quanbao.operations import backups, keeping, migrate
from quanbao.passwords.redemption_passwords import reveal
from quanbao.passwords.sealing import WrongKey
from quanbao.people import accounts
from quanbao.redemption import revocations, rollbacks
from tests.proofs import engine, size
from tests.support.factories import PASSWORD, World
from tests.support.push_fixtures import until
from tests.support.racing import Holder, Phone, command, crowd, database_line
from tests.support.servers import Site

pytestmark = pytest.mark.promise("backup")

BACKUPS = size(5, 50)  # on each engine


def nothing() -> None:
    """No further check."""


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "backup.sqlite3"


def fill(world: World) -> None:
    campaign = world.campaign(uses_per_voucher=3)
    for _ in range(8):
        world.attempt(world.voucher(campaign=campaign, holder=world.account()), branch="main")
    owner = Member.get(Member.account == world.member(role=Role.OWNER))
    taken_back = rollbacks.find(Redemption.select().order_by(Redemption.id.desc()).get().id, owner)
    rollbacks.roll_back(taken_back, owner, "by_mistake", "", world.clock())
    revocations.revoke(taken_back.voucher, owner, "misuse", "", world.clock())
    accounts.start_session(world.mei, world.clock())


def contents() -> dict[str, list]:
    return {table._meta.table_name: sorted(map(repr, table.select().tuples())) for table in backups.KEPT}


def test_what_is_restored_is_what_was_backed_up(world, file):
    fill(world)
    before = contents()
    assert backups.backup(file, world.clock()) == sum(map(len, before.values()))
    late = world.voucher()
    world.attempt(late)
    Account.update(email="somebody@else.example").where(Account.id == world.mei.id).execute()
    made_at, _ = backups.restore(file, nothing)
    assert made_at == world.clock()
    assert contents() == before
    assert list(figures.differences()) == []
    assert Session.select().count() == 0, "who was signed in then may have been signed out since"


def test_the_restored_goes_on(world, file):
    """New rows get ids of their own, the ledger is as guarded as before."""
    fill(world)
    backups.backup(file, world.clock())
    backups.restore(file, nothing)
    assert world.attempt(world.voucher(), branch="main").redeemed
    assert list(figures.differences()) == []
    with pytest.raises(Exception, match="only added to"), db.atomic():
        db.execute_sql("UPDATE redemption SET discount = 0")


def test_a_backup_moves_from_one_engine_to_the_other(world, database, file, tmp_path, request, clock, keys):
    fill(world)
    before = contents()
    backups.backup(file, clock())
    if database.database_url:
        open_database(None, tmp_path / "moved.sqlite3")
    else:
        server = request.getfixturevalue("postgres_server")
        open_database(server.create("moved"), None)
        request.addfinalizer(lambda: (db.close(), server.drop("moved")))
    migrate.migrate()
    backups.restore(file, nothing)
    assert contents() == before
    assert reveal(Campaign.get().password, keys.password) == PASSWORD


@contextmanager
def load(world: World, settings) -> Iterator[list[int]]:
    """Redemptions over HTTP until the end, and one for each that was acknowledged."""
    campaign, stop, acknowledged = world.campaign(quantity=1_000_000, uses_per_voucher=10_000), threading.Event(), []
    holders = crowd(settings, world, campaign, 3)
    with Site(settings, world, processes=2) as site:

        def redeem(holder: Holder) -> None:
            phone = Phone(site.port)
            while not stop.is_set():
                status, _ = phone.redeem(holder) or (0, {})
                if status == 200:
                    acknowledged.append(1)

        tills = [threading.Thread(target=redeem, args=(holder,)) for holder in holders]
        for till in tills:
            till.start()
        try:
            yield acknowledged
        finally:
            stop.set()
            for till in tills:
                till.join()


def one_more(acknowledged: list[int]) -> int:
    """How many were acknowledged, when another one is."""
    before = len(acknowledged)
    until(lambda: len(acknowledged) > before, "a redemption")
    return len(acknowledged)


def test_backups_under_load_reconcile(world, database, tmp_path, proved):
    """`quanbao backup` while it serves: each file is of one moment, and has all that was acknowledged before."""
    files, least = [tmp_path / f"{number}.sqlite3" for number in range(BACKUPS)], []
    with load(world, database) as acknowledged:
        for file in files:
            least.append(one_more(acknowledged))
            result = command(database, world, "backup", str(file))
            assert (result.returncode, result.stderr) == (0, database_line(database))
    for file, count in zip(files, least, strict=True):
        backups.restore(file, nothing)
        assert count <= Redemption.select().count() <= len(acknowledged) + 3
        assert list(figures.differences()) == []
    proved(f"{engine()}: {BACKUPS} backups while {len(acknowledged):,} were redeemed")


def test_control_a_backup_of_several_moments_does_not_reconcile(world, database, file, monkeypatch):
    monkeypatch.setattr(backups, "snapshot", nullcontext)
    monkeypatch.setattr(backups, "_one_moment", nullcontext)
    with load(world, database) as acknowledged:
        one_more(acknowledged)  # what the campaign says is there from now on
        between_tables(monkeypatch, lambda: one_more(acknowledged))
        backups.backup(file, world.clock())
    with pytest.raises(backups.Refused, match="does not reconcile"):
        backups.restore(file, nothing)


def between_tables(monkeypatch, act: Callable[[], object]) -> None:
    """Let `act` happen in each backup after the campaigns are written and before the ledger is."""
    whole = backups._write_table

    def stepping(file, table):
        if table is Redemption:
            act()
        return whole(file, table)

    monkeypatch.setattr(backups, "_write_table", stepping)


def test_control_a_copy_of_the_file_alone_lacks_what_was_acknowledged(small_world, sqlite, tmp_path):
    with load(small_world, sqlite) as acknowledged:
        least = one_more(acknowledged)
        shutil.copy(sqlite.sqlite_file, tmp_path / "copy.sqlite3")
    open_database(None, tmp_path / "copy.sqlite3")
    assert Redemption.select().count() < least or list(figures.differences())


# What is refused, and then nothing has changed


def refused(file: Path, words: str) -> None:
    before = contents()
    with pytest.raises(backups.Refused, match=words):
        backups.restore(file, nothing)
    assert contents() == before


def test_damage_anywhere_is_found(small_world, file, tmp_path):
    fill(small_world)
    backups.backup(file, small_world.clock())
    whole, broken, before = file.read_bytes(), tmp_path / "broken", contents()
    places, found = [place for place, byte in enumerate(whole) if byte][::37], 0  # the rest is empty space
    for place in places:
        broken.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            backups.restore(broken, nothing)
        except backups.Refused:
            found += 1
        assert contents() == before, f"byte {place} changed something"
    assert found > len(places) / 2, "hardly any of these bytes mattered"


def test_half_a_file_another_file_and_none_are_refused(small_world, file, tmp_path):
    fill(small_world)
    backups.backup(file, small_world.clock())
    half = tmp_path / "half"
    half.write_bytes(file.read_bytes()[:20_000])
    refused(half, "damaged|no backup")
    text = tmp_path / "text"
    text.write_text("not a database")
    refused(text, "no backup")
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE redemption (id)")
    refused(tmp_path / "other", "no backup")
    refused(tmp_path / "none", "no file")


def test_a_newer_one_is_refused(small_world, file):
    backups.backup(file, small_world.clock())
    with sqlite3.connect(file) as edited:
        edited.execute("""UPDATE backup SET migrations = '["0001_initial", "9999_from_the_future"]'""")
    refused(file, "newer version, which has 9999_from_the_future: upgrade")


def test_one_that_does_not_reconcile_is_refused(small_world, file):
    fill(small_world)
    Campaign.update(redeemed=Campaign.redeemed + 1).execute()
    backups.backup(file, small_world.clock())
    refused(file, "does not reconcile: lotus/campaign-1 redeemed: 8 kept, 7 counted")


def test_one_sealed_under_another_key_is_refused(world, file):
    fill(world)
    backups.backup(file, world.clock())
    before = contents()

    def check() -> None:
        raise WrongKey("another key")

    with pytest.raises(WrongKey):
        backups.restore(file, check)
    assert contents() == before


def test_no_file_is_written_over_and_nothing_secret_is_in_it(small_world, file, settings):
    fill(small_world)
    token = accounts.start_session(small_world.mei, small_world.clock())
    backups.backup(file, small_world.clock())
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    for secret in (PASSWORD, token, settings.secret_key, settings.password_key, settings.vapid_key):
        assert secret.encode() not in content
    assert accounts.token_hash(token) not in content
    with pytest.raises(backups.Refused, match="exists already"):
        backups.backup(file, small_world.clock())
    assert file.read_bytes() == content
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def redeemed_in(kept: Path) -> int:
    """How many redemptions are in what a restore has kept, a database or a backup."""
    with closing(sqlite3.connect(kept)) as file:
        return file.execute("SELECT COUNT(*) FROM redemption").fetchone()[0]


def test_what_a_restore_replaces_while_serving_is_kept_to_the_last_redemption(world, database, file, proved):
    """It ends every session: what was acknowledged was before it, or of a request that had begun and came after."""
    with load(world, database) as acknowledged:
        one_more(acknowledged)
        backups.backup(file, world.clock())
        one_more(acknowledged)
        backups.restore(file, nothing, keep=lambda: keeping.kept(file.parent, world.clock()))
    (kept,) = file.parent.glob("*-before-restore-*")
    late = Redemption.select().count() - redeemed_in(file)
    assert late <= 3, "each till's last"
    assert redeemed_in(file) < redeemed_in(kept)
    assert len(acknowledged) <= redeemed_in(kept) + late <= len(acknowledged) + 3
    assert list(figures.differences()) == []
    proved(f"{engine()}: {redeemed_in(kept)} redemptions kept when a restore replaced them")


def test_control_what_is_kept_before_the_writers_wait_lacks_redemptions(world, database, tmp_path):
    """Kept at first, replaced later: what was redeemed between is nowhere."""
    with load(world, database) as acknowledged:
        backups.backup(tmp_path / "backup.sqlite3", world.clock())
        with snapshot(), keeping.kept(tmp_path, world.clock()) as kept:
            pass
        one_more(acknowledged)
        backups.restore(tmp_path / "backup.sqlite3", nothing)
    assert redeemed_in(kept) < len(acknowledged)
