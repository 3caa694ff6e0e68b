"""Where a machine keeps the programs that the tests start, and what to install where it has none."""

import glob
import shutil
from itertools import chain
from pathlib import Path

POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/latest/bin",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

WEBKITS = ("/usr/lib/*/webkit*gtk-*/MiniBrowser", "/usr/lib*/webkit*gtk-*/MiniBrowser")


class Missing(Exception):
    """A program that the tests need is not on this machine."""

    def __init__(self, what: str, cure: str):
        super().__init__(f"{what} is missing: {cure}")
        self.what, self.cure = what, cure


def postgres_program(name: str) -> str:
    """Debian keeps the server's programs off the PATH, in a folder a version: the newest one counts."""
    folders = chain.from_iterable(glob.glob(pattern) for pattern in POSTGRES_FOLDERS)
    here = [folder for folder in folders if (Path(folder) / "initdb").exists()]
    newest = max(here, key=_version, default="")
    found = shutil.which(name, path=newest) or shutil.which(name)
    if found is None:
        raise Missing("postgresql", "apt install postgresql, or brew install postgresql")
    return found


def pgbouncer_program() -> str:
    """Debian keeps it where a person's PATH may not lead."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        raise Missing("pgbouncer", "apt install pgbouncer, or brew install pgbouncer")
    return found


def redis_program() -> str:
    found = shutil.which("redis-server")
    if found is None:
        raise Missing("redis", "apt install redis-server, or brew install redis")
    return found


def browser_executable() -> str:
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    found += [path for path in BROWSER_APPS if Path(path).exists()]
    if not found:
        raise Missing("browser", "apt install chromium, or brew install --cask google-chrome")
    return found[0]


def webkit_programs() -> tuple[str, str, str]:
    """The driver, the browser, which lies off the PATH, and the screen it needs: there is no headless one."""
    driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    found = list(chain.from_iterable(glob.glob(pattern) for pattern in WEBKITS))
    if not (driver and found and screen):
        raise Missing("webkit", "on Linux: apt install webkit2gtk-driver xvfb")
    return driver, max(found), screen


def firefox_executable() -> str:
    found = shutil.which("firefox-esr")
    if found is None:
        raise Missing("firefox", "on Linux: apt install firefox-esr")
    return found


def _version(folder: str) -> int:
    digits = "".join(letter if letter.isdigit() else " " for letter in folder).split()
    return int(digits[0]) if digits else 0
