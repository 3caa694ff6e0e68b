"""What we take from others is what we think it is: pinned with hashes, wheels but for one, vendored files to the byte.

Nothing here asks a network. What is known of the versions is asked by `make audit`; docs/security.md has the answer.
"""

import gzip
import hashlib
import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import apsw
import pytest

pytestmark = pytest.mark.promise("dependencies")

ROOT = Path(__file__).parents[2]
VENDORED = ("web/static/vendor", "tests/vendor")
LOCKS = ("requirements.txt", "requirements-test.txt")
FROM_SOURCE = ("http-ece",)  # has no wheel; pywebpush encrypts with it
NPM_LOCK = "tests/lighthouse/package-lock.json"
LICENCES = ("0BSD", "Apache-2.0", "BSD-3-Clause", "MPL-2.0")
# `make lock` and `make audit` install theirs into a folder that is thrown away, `make bench-peers` into one of its own.
TOOLS = ("uv", "pip-audit", "pretix")
MENDED_IN = {  # advisories of 2026 that were read by hand, where no registry answered: docs/security.md
    "CVE-2026-27205": ("flask", "3.1.3"),
    "CVE-2026-21860": ("werkzeug", "3.1.5"),
    "CVE-2026-26007": ("cryptography", "46.0.5"),
    "CVE-2026-39892": ("cryptography", "46.0.7"),
    "CVE-2026-42308": ("pillow", "12.2.0"),
    "CVE-2026-22815": ("aiohttp", "3.13.4"),
    "CVE-2026-21441": ("urllib3", "2.6.3"),
    "CVE-2026-44432": ("urllib3", "2.7.0"),
    "CVE-2026-42544": ("granian", "2.7.4"),
    "CVE-2026-42545": ("granian", "2.7.4"),
}
LONGEST_LINE = 300  # characters: what has longer ones was written by a program


def vendored_faults(root: Path) -> list[str]:
    """What differs from docs/vendored.toml, and what is not in it."""
    libraries = tomllib.loads((root / "docs/vendored.toml").read_text())["library"]
    listed = {name: digest for library in libraries for name, digest in library["files"].items()}
    paths = [path for folder in VENDORED for path in (root / folder).rglob("*")]
    there = {str(path.relative_to(root)) for path in paths if path.is_file()}
    faults = [
        f"{library['name']}: no version, source or known licence"
        for library in libraries
        if not (library["version"] and library["source"] and library["licence"] in LICENCES)
    ]
    faults += [
        f"{library['name']}: no licence beside it"
        for library in libraries
        if not any("LICENSE" in name for name in library["files"])
    ]
    faults += [f"{name} is gone" for name in listed if not (root / name).is_file()]
    faults += [f"{name} is not in the list" for name in there - listed.keys()]
    faults += [
        f"{name} was changed"
        for name, digest in listed.items()
        if (root / name).is_file() and hashlib.sha256((root / name).read_bytes()).hexdigest() != digest
    ]
    return faults


def foreign_scripts(root: Path) -> list[str]:
    """Scripts outside the vendored folders that nobody wrote by hand."""
    ours = [path for path in (root / "web").rglob("*.js") if not path.is_relative_to(root / VENDORED[0])]
    return [
        str(path.relative_to(root))
        for path in ours
        if max(map(len, path.read_text("utf-8").splitlines()), default=0) > LONGEST_LINE
    ]


def lock_faults(root: Path) -> list[str]:
    """Packages that are not pinned to one version and to hashes."""
    faults = []
    for lock in LOCKS:
        for entry in re.split(r"\n(?=\S)", (root / lock).read_text().strip()):
            name = re.split(r"[=\s]", entry)[0]
            if not re.match(r"[a-z0-9.-]+==\S+[^\\]*\\\n(\s+--hash=sha256:[0-9a-f]{64}( \\\n)?)+$", entry):
                faults.append(f"{lock}: {name} is not pinned with hashes alone")
    return faults


def known_holes(root: Path) -> list[str]:
    """Packages older than the version in which an advisory that we know of was mended."""
    pinned = [
        (lock, *found)
        for lock in LOCKS
        for found in re.findall(r"^([a-z0-9.-]+)==([\d.]+)", (root / lock).read_text(), re.MULTILINE)
    ]
    return [
        f"{lock}: {name} {version}, {advisory}"
        for advisory, (of, mended) in MENDED_IN.items()
        for lock, name, version in pinned
        if name == of and parts(version) < parts(mended)
    ]


def parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def install_faults(root: Path) -> list[str]:
    """Ways in the Makefile by which something comes in that is neither pinned nor a wheel, or built by what is not."""
    makefile = (root / "Makefile").read_text()
    strict = f"--require-hashes --only-binary :all: --no-binary {','.join(FROM_SOURCE)} --no-build-isolation"
    faults = [] if f"STRICT = {strict}\n" in makefile else ["STRICT is not what it should be"]
    for line in re.findall(r"pip\b[^\n]* install ([^\n]*)|\$\(PIP\) install ([^\n]*)", makefile):
        words = "".join(line)
        ours = words.startswith("--no-deps --no-build-isolation -e .")
        tool = any(re.match(rf"{tool}\b", words) for tool in TOOLS)
        if not (ours or tool or words.startswith("$(STRICT) -r ")):
            faults.append(f"pip install {words}")
    return faults


def npm_faults(root: Path) -> list[str]:
    packages = json.loads((root / NPM_LOCK).read_text())["packages"]
    faults = [
        f"{name}: no hash"
        for name, package in packages.items()
        if name and not package.get("integrity", "").startswith("sha512-")
    ]
    return faults + [f"{name}: from one address" for name, package in packages.items() if "resolved" in package]


def faults(root: Path) -> list[str]:
    looks = (vendored_faults, foreign_scripts, lock_faults, known_holes, install_faults, npm_faults)
    return [fault for look in looks for fault in look(root)]


def test_all_of_it_is_what_we_think_it_is(proved):
    assert faults(ROOT) == []
    packages = sum(len(re.findall(r"^\S", (ROOT / lock).read_text(), re.MULTILINE)) for lock in LOCKS)
    libraries = tomllib.loads((ROOT / "docs/vendored.toml").read_text())["library"]
    proved(f"{packages} pins, {len(libraries)} vendored libraries, wheels but for {', '.join(FROM_SOURCE)}")


def test_python_and_sqlite_are_not_older_than_what_is_safe():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11"
    assert sys.version_info >= (3, 11)
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3), "older ones can corrupt a WAL database"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


TAMPERED = {
    "a vendored byte": lambda root: change(root / "web/static/vendor/htmx.min.js", "var htmx", "var  htmx"),
    "a vendored file more": lambda root: (root / "web/static/vendor/more.js").write_text("more()"),
    "a compressed file": lambda root: (root / "web/static/vendor/htmx.min.js.gz").write_bytes(gzip.compress(b"other")),
    "a script elsewhere": lambda root: (root / "web/static/more.min.js").write_text("x" * 500),
    "a licence gone": lambda root: (root / "web/static/vendor/jsQR.LICENSE.txt").unlink(),
    "a lock without a hash": lambda root: change(root / "requirements.txt", "flask==3.1.3 \\\n", "flask==3.1.3\n#"),
    "a version with a known hole": lambda root: change(root / "requirements.txt", "flask==3.1.3", "flask==3.1.2"),
    "a range": lambda root: change(root / "requirements.txt", "flask==", "flask>="),
    "sources": lambda root: change(root / "Makefile", " --only-binary :all:", ""),
    "a build by what is fetched": lambda root: change(root / "Makefile", " --no-build-isolation\n", "\n"),
    "another way in": lambda root: change(root / "Makefile", "\nclean:", "\nmore:\n\t$(PIP) install more\n\nclean:"),
    "an npm package from one address": lambda root: change(
        root / NPM_LOCK, '"integrity":', '"resolved": "https://evil.example/x.tgz", "integrity":'
    ),
    "an npm package without a hash": lambda root: change(root / NPM_LOCK, '"integrity":', '"was":'),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_control_what_was_tampered_with_is_found(tmp_path, name):
    for folder in (*VENDORED, "quanbao/word_lists"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in (*LOCKS, "Makefile", "docs/vendored.toml", NPM_LOCK):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    assert faults(tmp_path) == []
    TAMPERED[name](tmp_path)
    assert len(faults(tmp_path)) >= 1
