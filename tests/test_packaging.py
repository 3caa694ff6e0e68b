"""What a fresh clone installs: locked, hashed, from no particular address, each with its reason."""

import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = {"requirements.txt": ("postgres", "redis"), "requirements-test.txt": ("postgres", "redis", "test")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(params=LOCKS)
def lock(request) -> str:
    return request.param


def entries(lock: str) -> list[str]:
    """An entry's first line has no indent; the hashes below it have."""
    return re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())


def direct_dependencies(*extras: str) -> list[str]:
    optional = PROJECT["optional-dependencies"]
    return PROJECT["dependencies"] + [line for extra in extras for line in optional[extra]]


def test_every_locked_package_has_hashes(lock):
    unhashed = [entry for entry in entries(lock) if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]
    assert not unhashed, "run make lock"


def test_a_lock_names_no_address_and_no_path(lock):
    assert not re.search(r"://|@|--index|--find-links|^/|\s/", (ROOT / lock).read_text(), re.MULTILINE)


def test_a_lock_covers_what_the_project_asks_for(lock):
    """Several versions of a package may be locked, each for the systems that its marker names."""
    locked = defaultdict(list)
    for pin in (Requirement(entry.split("\\")[0]) for entry in entries(lock)):
        locked[canonicalize_name(pin.name)] += [part.version for part in pin.specifier]
    for wanted in map(Requirement, direct_dependencies(*LOCKS[lock])):
        versions = locked[canonicalize_name(wanted.name)]
        assert list(wanted.specifier.filter(versions)), f"{wanted} is not in {lock}: run make lock"


def test_both_locks_agree():
    """Versions and hashes; what the tests need as well may want a package on more systems."""
    run, test = ({re.sub(r" ;[^\\]*", "", entry) for entry in entries(lock)} for lock in LOCKS)
    assert run <= test, "run make lock"


def test_every_direct_dependency_says_why_it_is_there():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for dependency in direct_dependencies(*PROJECT["optional-dependencies"]):
        line = next(line for line in lines if f'"{dependency}"' in line)
        assert re.search(r'",\s+# \S', line), f"{dependency} has no comment"


def test_the_ways_to_the_internet_agree():
    """Debian's own Python lets nobody install into it; what the README sets, the service sets as well."""
    readme, operating = ((ROOT / path).read_text("utf-8") for path in ("README.md", "docs/operating.md"))
    assert not re.search(r"^(pip|quanbao) ", readme, re.MULTILINE), "say it with .venv"
    service = operating[operating.index("[Service]"):operating.index("[Install]")]
    assert set(re.findall(r"^export (QUANBAO_\w+)", readme, re.MULTILINE)) == set(re.findall(r"QUANBAO_\w+", service))
