"""What a fresh clone installs: locked, hashed, from no particular address, each with its reason."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from config import from_environment
from web.server import processes

ROOT = Path(__file__).parents[2]
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


MODULES = {path.stem for path in ROOT.glob("*.py")} | {"quanbao", "web", "tests", "bench"}
ONLY_TO_BUILD = {"brotli", "setuptools"}  # pyproject.toml has them under build-system


def imported_packages(files: Iterable[Path]) -> dict[str, str]:
    """The distributions that these files import from, each with a file that does."""
    distributions, found = packages_distributions(), {}
    for path in files:
        beside = {each.stem for each in path.parent.glob("*.py")}
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for head in {name.split(".")[0] for name in names} - sys.stdlib_module_names - MODULES - beside:
                found[canonicalize_name(distributions[head][0])] = str(path)
    return found


def undeclared(imported: dict[str, str], declared: Iterable[str]) -> list[str]:
    wanted = [Requirement(line) for line in declared]  # flask-limiter[redis] asks for redis, in a version that suits it
    names = {canonicalize_name(one.name) for one in wanted} | {extra for one in wanted for extra in one.extras}
    return [f"{package}, in {path}" for package, path in imported.items() if package not in names]


PRODUCT = [*ROOT.glob("*.py"), *(ROOT / "quanbao").rglob("*.py"), *(ROOT / "web").rglob("*.py")]
CURE = "list it in pyproject.toml with its reason; it may leave with the package that brings it now"


def test_what_the_product_imports_is_a_dependency_of_its_own():
    imported = imported_packages(PRODUCT)
    assert len(imported) > 15
    lacking = undeclared(imported, [*direct_dependencies("postgres", "redis"), *ONLY_TO_BUILD])
    assert not lacking, f"{CURE}: {lacking}"


def test_what_the_tests_import_is_a_dependency_of_their_own():
    files = [path for folder in ("tests", "bench", "docs") for path in (ROOT / folder).rglob("*.py")]
    lacking = undeclared(imported_packages(files), direct_dependencies("postgres", "redis", "test"))
    assert not lacking, f"{CURE}: {lacking}"


def test_control_a_package_that_is_not_listed_is_found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("import json\nfrom PIL import Image\nimport werkzeug.routing\n")
    imported = imported_packages([path])
    assert undeclared(imported, ["pillow>=1"]) == [f"werkzeug, in {path}"]


def test_the_changelog_has_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert versions[0] == PROJECT["version"], "the newest version of CHANGELOG.md is that of pyproject.toml"


def test_the_licence_is_named_and_its_text_is_there():
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    for pattern in PROJECT["license-files"]:
        assert list(ROOT.glob(pattern)), f"no file is called {pattern}"


OPERATING = (ROOT / "docs/operating.md").read_text("utf-8")


def block(name: str) -> str:
    """The text of the file that the operator's page gives under this name in its first lines."""
    return next(found for found in re.findall(r"```\w*\n(.*?)```", OPERATING, re.DOTALL) if f"# {name}" in found[:60])


def test_the_ways_to_the_internet_agree():
    """Debian's own Python lets nobody install into it; what the README sets, the service sets as well."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert not re.search(r"^(pip|quanbao) ", readme, re.MULTILINE), "say it with .venv"
    set_here = re.findall(r"^(QUANBAO_\w+)=", block("/etc/quanbao.env"), re.MULTILINE)
    assert set(re.findall(r"^export (QUANBAO_\w+)", readme, re.MULTILINE)) == set(set_here)
    assert "EnvironmentFile=/etc/quanbao.env" in block("/etc/systemd/system/quanbao.service")


@pytest.mark.parametrize("url", [None, "postgresql://me:p%40ss@db.example/vouchers?sslmode=require&options=-c%20a%3Db"])
def test_the_script_beside_the_service_hands_on_its_settings_and_its_words(tmp_path, url):
    """As the operator's page has it, with a `runuser` that changes no user, and a program that tells what it got."""
    more = f"QUANBAO_DATABASE_URL='{url}'\n" if url else ""
    (tmp_path / "quanbao.env").write_text(block("/etc/quanbao.env") + more)
    script = tmp_path / "quanbao"
    script.write_text(
        block("/usr/local/sbin/quanbao")
        .replace("/etc/", f"{tmp_path}/")
        .replace("/opt/quanbao/.venv/bin/quanbao", sys.executable)
    )
    (tmp_path / "runuser").write_text('#!/bin/sh\ntest "$1 $2 $3" = "-u quanbao --" && shift 3 && exec "$@"\n')
    for path in (script, tmp_path / "runuser"):
        path.chmod(0o755)
    told = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)])); sys.exit(1)"
    result = subprocess.run(
        [script, "-c", told, "backup", "a name.sqlite3"],
        capture_output=True,
        text=True,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    words, environment = json.loads(result.stdout)
    assert (result.returncode, words) == (1, ["backup", "a name.sqlite3"])
    settings = from_environment(environment, create=False)
    assert (str(settings.data), settings.trusted_proxies, settings.database_url) == ("/var/lib/quanbao", 1, url)


def test_the_proxy_lets_go_of_an_idle_connection_before_we_do():
    assert int(re.search(r"^\s*keepalive (\d+)s$", block("Caddyfile"), re.MULTILINE)[1]) < processes.PATIENCE
