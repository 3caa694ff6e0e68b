"""`quanbao keys rotate`: another password key while serving, for what is sealed and for what is sealed meanwhile."""

import os
import threading

import pytest

from config import from_environment
from database import db
from keys import KeyInFile, new_key
from models import RedemptionPassword
from quanbao.passwords import redemption_passwords, sealing
from quanbao.redemption.redeem import Keys
from tests.attacks.request_flood import Till
from tests.conftest import POSTGRESQL
from tests.support.factories import PASSWORD
from tests.support.racing import Site, command, crowd, database_line

OLD = "o" * 40
only_postgresql = pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)  # on SQLite one writes at a time


@pytest.fixture
def file(world, tmp_path):
    """The key's file, and the world's passwords under that key; `world.keys` knows it as an older server does."""
    path = tmp_path / "password_key.key"
    path.write_text(f"{OLD}\n")
    path.chmod(0o600)
    world.keys = Keys(password=KeyInFile(OLD, path), receipts=world.keys.receipts)
    for row in RedemptionPassword.select():
        reseal(row, OLD)
    return path


def reseal(row: RedemptionPassword, key: str, digits: str = PASSWORD) -> None:
    row.sealed = sealing.seal(digits.encode().ljust(12, b"\0"), sealing.bound_to(row), key)
    row.save(only=[RedemptionPassword.sealed])


def opened_by(key: str) -> int:
    """How many of all passwords this key alone opens."""
    found = 0
    for row in RedemptionPassword.select():
        try:
            redemption_passwords.reveal(row, key)
            found += 1
        except sealing.WrongKey:
            pass
    return found


def test_everything_opens_with_the_new_key_alone(world, file):
    for _ in range(sealing.AT_ONCE + 5):
        reseal(world.make_password(), OLD)
    rows = RedemptionPassword.select().count()
    assert sealing.rotate(world.keys.password, new_key()) == rows
    new = file.read_text().strip()
    assert new not in (OLD, "")
    assert "\n" not in new
    assert (opened_by(new), opened_by(OLD)) == (rows, 0)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir() if "key" in path.name] == [file.name], "no draft is left"


def test_a_server_that_started_before_redeems_and_seals_on(world, file):
    """It knows the old key; what it can't open makes it read the file again."""
    voucher = world.voucher()
    sealing.rotate(KeyInFile(OLD, file), new_key())
    KeyInFile._read.clear()  # it has not read the file since it started
    assert world.attempt(voucher).redeemed
    KeyInFile._read.clear()
    row = redemption_passwords.create(world.merchant, "604718", key=world.keys.password, now=world.clock())
    assert redemption_passwords.reveal(row, file.read_text().strip()) == "604718"


def test_what_was_broken_off_goes_on_with_the_same_keys(world, file, monkeypatch):
    for _ in range(sealing.AT_ONCE + 5):
        reseal(world.make_password(), OLD)
    seal_anew = sealing._seal_anew

    def breaks(after, key):
        if after:
            raise KeyboardInterrupt
        return seal_anew(after, key)

    monkeypatch.setattr(sealing, "_seal_anew", breaks)
    with pytest.raises(KeyboardInterrupt):
        sealing.rotate(world.keys.password, new_key())
    both = file.read_text().split()
    assert (len(both), both[1]) == (2, OLD)
    assert opened_by(both[0]) == sealing.AT_ONCE
    assert opened_by(world.keys.password) == RedemptionPassword.select().count(), "all may still be redeemed"
    monkeypatch.setattr(sealing, "_seal_anew", seal_anew)
    sealing.rotate(world.keys.password, new_key())
    assert file.read_text().split() == both[:1]
    assert opened_by(both[0]) == RedemptionPassword.select().count()


@pytest.mark.parametrize(
    "text", ["", "short", f"{new_key()}\nshort", "\0" * 40], ids=["empty", "short", "a second that is short", "zeros"]
)
def test_a_file_in_the_middle_of_an_edit_seals_nothing(world, file, text):
    file.write_text(text)
    row = redemption_passwords.create(world.merchant, "604718", key=world.keys.password, now=world.clock())
    assert redemption_passwords.reveal(row, OLD) == "604718"


def sealed_meanwhile(world, file, monkeypatch) -> RedemptionPassword:
    """A password that a server seals with the old key, and commits only when the new one is there already."""
    sealed, may_commit, rows = threading.Event(), threading.Event(), []

    def seal_slowly():
        with db.connection_context(), db.atomic():
            rows.append(
                redemption_passwords.create(world.merchant, "604718", key=KeyInFile(OLD, file), now=world.clock())
            )
            sealed.set()
            may_commit.wait(20)

    slow = threading.Thread(target=seal_slowly)
    slow.start()
    assert sealed.wait(20)
    rotating = threading.Thread(target=lambda: rotate_elsewhere(file))
    rotating.start()
    wait_until_it_waits(rotating)
    may_commit.set()
    slow.join(20)
    rotating.join(20)
    return RedemptionPassword.get_by_id(rows[0].id)


def rotate_elsewhere(file) -> None:
    with db.connection_context():
        sealing.rotate(KeyInFile(OLD, file), new_key())


def wait_until_it_waits(rotating: threading.Thread) -> None:
    """Until the rotation stands behind the slow one's lock, or is over, where it does not wait."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while rotating.is_alive() and not db.execute_sql(waiting).fetchone()[0]:
        rotating.join(0.01)


@only_postgresql
def test_who_seals_at_that_moment_is_waited_for(world, file, monkeypatch):
    row = sealed_meanwhile(world, file, monkeypatch)
    assert redemption_passwords.reveal(row, file.read_text().strip()) == "604718"


@only_postgresql
def test_control_without_waiting_a_password_is_lost(world, file, monkeypatch):
    monkeypatch.setattr(sealing, "_wait_for_sealers", lambda: None)
    row = sealed_meanwhile(world, file, monkeypatch)
    with pytest.raises(sealing.WrongKey):
        redemption_passwords.reveal(row, file.read_text().strip())


def test_a_variable_has_both_keys_before(world):
    for row in RedemptionPassword.select():
        reseal(row, OLD)
    with pytest.raises(sealing.NotHere, match="on a line before the old one"):
        sealing.rotate(OLD, new_key())
    new = new_key()
    sealing.rotate(f"{new}\n{OLD}", new_key())
    assert opened_by(new) == RedemptionPassword.select().count()


def test_the_command(database, world):
    before = from_environment({"QUANBAO_DATA": str(database.data)}).password_key
    for row in RedemptionPassword.select():
        reseal(row, before)
    done = command(database, world, "keys", "rotate")
    assert (done.returncode, done.stderr) == (0, database_line(database))
    after = from_environment({"QUANBAO_DATA": str(database.data)}).password_key
    assert after != before
    assert after not in done.stdout
    assert before not in done.stdout
    assert opened_by(after) == RedemptionPassword.select().count()
    assert os.listdir(database.data).count("password_key.key") == 1


@pytest.mark.race
def test_no_valid_password_is_refused_meanwhile(database, world):
    """Two processes that started with the first key, and three others in its place one after another."""
    [holder] = crowd(database, world, world.campaign(uses_per_voucher=10_000, quantity=10**6), 1)
    with Site(database, world, processes=2) as site, Till(site.port, holder) as till:
        for _ in range(3):
            heard = len(till.told)
            assert command(database, world, "keys", "rotate").returncode == 0
            while len(till.told) < heard + 10:
                till.over.wait(0.05)
    assert set(till.told) == {(200, None)}
