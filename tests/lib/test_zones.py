"""Whose time zones count: those of the installed package, in every process, whatever files the system has."""

import os
import subprocess
import sys

from models import Redemption
from tests.project import test_conventions as house
from tests.support.racing import Phone, crowd
from tests.support.servers import ROOT, Site
from tests.support.zone_files import write_folder
from zones import RELEASE, ZoneInfo

LIE = {"Asia/Shanghai": "LIE+12"}  # in a process that believes it, noon of 1 December is still 30 November
ASK = "import sys; {}; print(datetime.fromisoformat('2026-12-01T04:00+00:00').astimezone(ZoneInfo('Asia/Shanghai')))"


def asked(tmp_path, imports: str) -> str:
    lies = os.environ | {"PYTHONTZPATH": str(write_folder(tmp_path / "lies", LIE))}
    code = ASK.format(f"from datetime import datetime; {imports}")
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=lies, text=True, capture_output=True, check=True
    ).stdout.strip()


def test_the_package_wins_over_a_file_of_the_system_that_lies(tmp_path):
    assert asked(tmp_path, "from zones import ZoneInfo") == "2026-12-01 12:00:00+08:00"
    late = "from zoneinfo import ZoneInfo; ZoneInfo('Asia/Shanghai'); from zones import ZoneInfo"
    assert asked(tmp_path, late) == "2026-12-01 12:00:00+08:00", "a zone that was made before is forgotten"


def test_control_without_our_module_the_system_wins(tmp_path):
    assert asked(tmp_path, "from zoneinfo import ZoneInfo") == "2026-11-30 16:00:00-12:00"


def test_the_package_wins_in_each_process_of_a_server(world, database, tmp_path):
    lies = str(write_folder(tmp_path / "lies", LIE))
    holders = crowd(database, world, world.campaign(), 12)
    with Site(database, world, processes=2, PYTHONTZPATH=lies) as site:
        for holder in holders:  # each on a connection of its own: both processes have their share
            status, verdict = Phone(site.port).redeem(holder)
            assert (status, verdict["outcome"]) == (200, "redeemed")
        assert RELEASE in Phone(site.port).ask("GET", "/readyz", "")[1]["tzdata"]
    assert {day for (day,) in Redemption.select(Redemption.day).tuples()} == {"2026-12-01"}


def test_control_the_day_would_be_another_by_the_lie(world, tmp_path):
    """What the test above would see if the server believed the file."""
    with (write_folder(tmp_path / "lies", LIE) / "Asia/Shanghai").open("rb") as file:
        assert str(world.clock().astimezone(ZoneInfo.from_file(file)).date()) == "2026-11-30"


def test_zones_come_through_one_module():
    others = {"zoneinfo", "pytz", "dateutil", "tzlocal"}
    wrong = [
        f"{house.named(path)} imports {name}"
        for path in house.PRODUCT
        if path.name != "zones.py"
        for name in house.heads(path) & others
    ]
    assert not wrong, f"take ZoneInfo from zones.py, so that the package decides: {wrong}"
