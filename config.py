"""Settings: one frozen value read from the environment, with every error in one line."""

import base64
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from keys import KeyInFile, are_keys, is_key, kept, new_key, new_vapid

PREFIX = "QUANBAO_"
PORT = r"(:(6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3}))?"
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = rf"{LABEL}(\.{LABEL})*"  # of a host, in lower case
HOST = re.compile(rf"({LABEL}\.)*[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?", re.ASCII)  # an IP address ends with a number
ORIGIN = re.compile(rf"https?://{NAME}{PORT}|{NAME}(?=:){PORT}|https?://\[[0-9a-f:]+\]{PORT}", re.ASCII)
KEYS = ("SECRET_KEY", "PASSWORD_KEY", "VAPID_KEY")
PUSH_HOSTS = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "updates.push.services.mozilla.com",
    "push.services.mozilla.com",
    "web.push.apple.com",
    "notify.windows.com",
)


class SettingsError(Exception):
    """A setting that cannot be used; its text names the variable and the cure."""


@dataclass(frozen=True)
class Settings:
    """What an operator decides. The meaning of each is in docs/contract.md, "Environment"."""

    data: Path
    secret_key: str
    password_key: str
    vapid_key: str
    database_url: str | None = None
    redis_url: str | None = None
    base_url: str | None = None
    contact: str | None = None
    trusted_proxies: int = 0
    push_hosts: tuple[str, ...] = PUSH_HOSTS
    worker: str = "embedded"
    now: datetime | None = None
    demo: bool = False

    @property
    def sqlite_file(self) -> Path:
        return self.data / "quanbao.sqlite3"

    @property
    def database_name(self) -> str:
        """Which database these settings lead to, as a person may read it: without a password."""
        if self.database_url is None:
            return str(self.sqlite_file.absolute())
        parts = urlsplit(self.database_url)
        hosts = dict(parse_qsl(parts.query)).get("host", "")
        place = parts.netloc.rpartition("@")[2] or hosts
        user = f"{parts.username}@" if parts.username else ""
        return f"postgresql://{user}{place}{parts.path}"

    def clock(self) -> Callable[[], datetime]:
        """The only clock of the application: aware UTC, started at `now` where that is set."""
        if self.now is None:
            return lambda: datetime.now(UTC)
        start, began = self.now, monotonic()
        return lambda: datetime.fromtimestamp(start.timestamp() + monotonic() - began, UTC)


def from_environment(environ: Mapping[str, str] | None = None, *, demo: bool = False, create: bool = True) -> Settings:
    """Read, check and complete the settings; makes the data folder and missing keys.

    With `create` off nothing is made, and a key that is missing is "". Raises SettingsError for an unknown QUANBAO_
    variable or a value that cannot be used.
    """
    given = {k: v for k, v in (os.environ if environ is None else environ).items() if k.startswith(PREFIX)}
    for name in given:
        if name.removeprefix(PREFIX) not in {*PARSERS, *KEYS, *(f"{key}_FILE" for key in KEYS)}:
            raise SettingsError(f"{name} is not a setting of Quanbao; see the list in docs/operating.md")
    values: dict[str, Any] = {  # each of the type of its field
        field: parse(given[PREFIX + name], PREFIX + name)
        for name, (field, parse) in PARSERS.items()
        if PREFIX + name in given
    }
    data: Path = values.setdefault("data", Path("data"))
    try:
        if create:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = {name.lower(): _key(name, given, data, create) for name in KEYS}
    except OSError as error:
        path = Path(error.filename or data).absolute()
        cure = ": run it as the user that this belongs to" if isinstance(error, PermissionError) else ""
        raise SettingsError(f"QUANBAO_DATA: {path} cannot be used: {error.strerror}{cure}") from None
    return Settings(demo=demo, **values | keys)


def _key(name: str, given: Mapping[str, str], data: Path, create: bool) -> str:
    """A key from its variable, the file its variable names, or the data folder (made once, where `create` is on)."""
    variable = PREFIX + name
    if variable in given and f"{variable}_FILE" in given:
        raise SettingsError(f"{variable} and {variable}_FILE are both set: keep one")
    if f"{variable}_FILE" in given:
        path = Path(given[f"{variable}_FILE"])
        try:
            value = path.read_text().strip()
        except OSError as error:
            raise SettingsError(f"{variable}_FILE names a file that cannot be read: {error.strerror}") from None
        except ValueError:  # not UTF-8, or a path that no file can have
            raise SettingsError(f"{variable}_FILE names a file that cannot be read") from None
    elif variable in given:
        value = given[variable].strip()
    else:
        return _key_in_folder(variable, data / f"{name.lower()}.key", create)
    _check_key(variable, value)
    return KeyInFile(value, path) if f"{variable}_FILE" in given else value


def _key_in_folder(variable: str, path: Path, create: bool) -> str:
    """The key that the data folder keeps; "" where there is none and none may be made."""
    try:
        if create:
            value = kept(path, new_vapid if variable.endswith("VAPID_KEY") else new_key)
        else:
            value = path.read_text().strip()
        _check_key(variable, value)
        return KeyInFile(value, path)
    except FileNotFoundError:
        if create:
            raise
        return ""
    except (UnicodeDecodeError, SettingsError):
        raise SettingsError(f"{variable}: {path.absolute()} is damaged: put its copy back") from None


def _check_key(variable: str, value: str) -> None:
    if variable.endswith("VAPID_KEY"):
        try:
            key = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
            if len(key) != 32:
                raise ValueError("a number of another curve, or a text that is no key")
            ec.derive_private_key(int.from_bytes(key), ec.SECP256R1())
        except ValueError:
            raise SettingsError(f"{variable} must be a P-256 private key: 32 bytes in base64url") from None
    elif not (are_keys(value) if variable.endswith("PASSWORD_KEY") else is_key(value)):
        raise SettingsError(f"{variable} must have at least 32 characters; leave it out to have one made")


def _url(*schemes: str) -> Callable[[str, str], str]:
    def parse(text: str, name: str) -> str:
        try:
            parts = urlsplit(text.strip())
            where = parts.path if parts.scheme == "mailto" else parts.netloc or parts.path.startswith("/")
            usable = parts.scheme in schemes and where and parts.port != 0 and not re.search(r"[\s\x00]", text.strip())
        except ValueError:
            usable = False
        if not usable:
            begins = " or ".join("mailto:" if scheme == "mailto" else f"{scheme}://" for scheme in schemes)
            raise SettingsError(f"{name} must be an address that begins with {begins}")
        return text.strip()

    return parse


def _base_url(text: str, name: str) -> str:
    url = _url("http", "https")(text, name).rstrip("/")
    parts = urlsplit(url)
    if not _is_host(parts.hostname) or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError(f"{name} must be an address without a path, like https://vouchers.example")
    return url


def _is_host(text: str | None) -> bool:
    """Whether requests may name this host: every page would be refused under another."""
    try:
        return bool(re.fullmatch(NAME, text or "", re.ASCII)) or ip_address(text or "").version == 6
    except ValueError:
        return False


def _redis_url(text: str, name: str) -> str:
    url = _url("redis", "rediss", "redis+unix")(text, name)
    parts = urlsplit(url)
    if parts.scheme != "redis+unix" and not re.fullmatch(r"/?\d{0,5}", parts.path, re.ASCII):
        raise SettingsError(f"{name} must end with the number of a database, like redis://127.0.0.1:6379/0, or without")
    return url


def _contact(text: str, name: str) -> str:
    url = _url("mailto", "https")(text, name)
    parts = urlsplit(url)
    if not (re.fullmatch(r"[^@]+@[^@]+", parts.path) if parts.scheme == "mailto" else parts.hostname):
        raise SettingsError(f"{name} must be like mailto:owner@shop.example or https://shop.example/contact")
    return url


def _proxies(text: str, name: str) -> int:
    if not re.fullmatch(r"\d{1,2}", text.strip(), re.ASCII):
        raise SettingsError(f"{name} must be a number of proxies from 0 to 99")
    return int(text)


def _worker(text: str, name: str) -> str:
    if text not in ("embedded", "external"):
        raise SettingsError(f"{name} must be embedded or external")
    return text


def _push_hosts(text: str, name: str) -> tuple[str, ...]:
    """More hosts, apart by commas or spaces: exact host names, or whole origins."""
    more = tuple(part.lower().rstrip("/") for part in re.split(r"[\s,]+", text) if part)
    for number, entry in enumerate(more, 1):
        if not (HOST.fullmatch(entry) or ORIGIN.fullmatch(entry)):
            raise SettingsError(f"{name}: entry {number} is neither a host nor an origin")
    return PUSH_HOSTS + more


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
        if not 2000 <= moment.year < 3000:
            raise ValueError("what is counted from there would leave the calendar")
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except ValueError:
        raise SettingsError(f"{name} must be a time like 2026-12-01T12:00:00+08:00") from None


def _folder(text: str, name: str) -> Path:
    if not text.strip() or "\0" in text:
        raise SettingsError(f"{name} must name a folder")
    return Path(text)


PARSERS: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "DATA": ("data", _folder),
    "DATABASE_URL": ("database_url", _url("postgresql", "postgres")),
    "REDIS_URL": ("redis_url", _redis_url),
    "BASE_URL": ("base_url", _base_url),
    "CONTACT": ("contact", _contact),
    "TRUSTED_PROXIES": ("trusted_proxies", _proxies),
    "PUSH_HOSTS": ("push_hosts", _push_hosts),
    "WORKER": ("worker", _worker),
    "NOW": ("now", _moment),
}
