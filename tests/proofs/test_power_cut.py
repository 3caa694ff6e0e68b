"""The power is cut at any moment of many redemptions: what was acknowledged is on the disk, and all of it agrees.

The real redemption on the real connection, above a disk that writes down what it is told. A disk keeps what was synced;
of what was not it keeps any part, in any order.
"""

import uuid
from contextlib import closing
from pathlib import Path

import apsw
import pytest

import database as opening
from database import db, open_database, open_sqlite
from models import Voucher
from quanbao.campaigns import figures
from tests.proofs import size
from tests.support.crowds import at_once
from tests.support.factories import World
from tests.support.recording_disk import Recorder, Step, cuts

pytestmark = pytest.mark.promise("survives a power cut")

CUTS = size(500, 100_000)
CONTROL = 500
RECOUNTED = size(20, 500)  # of the cuts, through every figure
TILLS, ROUNDS, EACH = 2, 4, 10

SUMS = """
SELECT (SELECT SUM(redeemed) FROM campaign), (SELECT SUM(uses - uses_left) FROM voucher),
       (SELECT COUNT(*) FROM attempt WHERE reason IS NULL), (SELECT SUM(last) FROM day_number),
       (SELECT SUM(count) FROM figure WHERE heading = 'day'), (SELECT COUNT(*) FROM redemption)
"""


@pytest.fixture
def recorded(small_world, sqlite, monkeypatch):
    """Redemptions at two tills under this `synchronous`: the files before, and the steps."""

    def record(synchronous: str = "full") -> tuple[dict[str, bytes], list[Step]]:
        campaign = small_world.campaign(quantity=10_000, uses_per_voucher=10_000)
        vouchers = [small_world.voucher(campaign=campaign, holder=small_world.account()) for _ in range(TILLS)]
        db.close()
        before = {sqlite.sqlite_file.name: sqlite.sqlite_file.read_bytes()}
        name = f"recording-{synchronous}"
        disk = Recorder(name)
        monkeypatch.setattr(
            opening, "PRAGMAS", opening.PRAGMAS | {"synchronous": synchronous, "wal_autocheckpoint": 60}
        )
        db.initialize(open_sqlite(sqlite.sqlite_file, vfs=name))
        for _ in range(ROUNDS):  # at the end of each the last connection is closed, and with it the WAL
            answers = at_once(*[lambda voucher=voucher: redeem(small_world, voucher, disk) for voucher in vouchers])
            assert answers == [EACH] * TILLS
        open_database(None, sqlite.sqlite_file)
        return before, disk.steps

    return record


def redeem(world: World, voucher: Voucher, disk: Recorder) -> int:
    redeemed = 0
    for _ in range(EACH):
        attempt_id = str(uuid.uuid4())
        if world.attempt(voucher, attempt_id=attempt_id).redeemed:
            disk.steps.append(Step("acknowledge", what=attempt_id))
            redeemed += 1
    return redeemed


def test_nothing_that_was_acknowledged_is_lost(recorded, tmp_path, proved):
    before, steps = recorded()
    assert {step.kind for step in steps} >= {"write", "sync", "delete", "acknowledge"}
    recounted = 0
    for number, (files, acknowledged) in enumerate(cuts(before, steps, CUTS, seed=7)):
        path = boot(files, tmp_path / "disk")
        ledger = look(path)
        assert set(acknowledged) <= ledger, f"cut {number} lost an acknowledged redemption"
        assert len(ledger) <= len(acknowledged) + TILLS
        if number % (CUTS // RECOUNTED) == 0:
            recount(path)
            recounted += 1
    synced = sum(step.kind == "sync" and not step.file.endswith("-wal") for step in steps)
    assert synced > ROUNDS, "the checkpoints are a part of it"
    proved(
        f"{CUTS:,} cuts in {len(steps):,} steps of {TILLS * ROUNDS * EACH} redemptions and {synced} checkpoints: "
        f"0 acknowledged lost, every figure recounted after {recounted}"
    )


def test_control_without_a_sync_at_each_commit_redemptions_are_lost(recorded, tmp_path):
    before, steps = recorded("normal")
    lost = sum(
        not set(acknowledged) <= look(boot(files, tmp_path / "disk"))
        for files, acknowledged in cuts(before, steps, CONTROL, seed=7)
    )
    assert lost > CONTROL / 10


def boot(files: dict[str, bytearray], folder: Path) -> Path:
    """The disk as the system finds it when it starts again."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.name not in files:
            old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "quanbao.sqlite3"


def look(path: Path) -> set[str]:
    """The ledger, on a database that is whole, and whose sums agree."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # or every look would wait for the real disk
        connection.execute("PRAGMA synchronous = off")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        sums = connection.execute(SUMS).fetchone()
        assert len({total or 0 for total in sums}) == 1, sums
        return {attempt_id for (attempt_id,) in connection.execute("SELECT attempt_id FROM redemption")}


def recount(path: Path) -> None:
    kept = db.obj
    open_database(None, path)
    assert list(figures.differences()) == []
    db.close()
    db.initialize(kept)
