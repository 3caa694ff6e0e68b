"""Settings: every variable of the contract, and one line that names it where it cannot be used."""

import base64
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import config
from config import KEYS, PUSH_HOSTS, SettingsError, from_environment
from tests.support.factories import utc

ROOT = Path(__file__).resolve().parents[2]
LONG = "k" * 32
VAPID = base64.urlsafe_b64encode((7).to_bytes(32)).rstrip(b"=").decode()
FIELDS = {name: field for name, (field, _) in config.PARSERS.items()} | {name: name.lower() for name in KEYS}


@pytest.fixture
def read(tmp_path):
    """The settings of these variables, given without their prefix, on a data folder of the test's own."""

    def settings(**given: str) -> config.Settings:
        given = {"DATA": str(tmp_path / "data")} | given
        return from_environment({f"QUANBAO_{name}": value for name, value in given.items()} | {"HOME": "/"})

    return settings


def refusal(read, **given: str) -> str:
    """The one line that stops the start."""
    with pytest.raises(SettingsError) as caught:
        read(**given)
    text = str(caught.value)
    assert text == " ".join(text.split()), "an operator reads one line"
    return text


GOOD = [
    ("DATABASE_URL", "postgresql://me:p%40ss@db.example:5433/vouchers?sslmode=require", None),
    ("DATABASE_URL", "postgres:///vouchers", None),
    ("REDIS_URL", "redis://127.0.0.1:6379/0", None),
    ("REDIS_URL", "rediss://:secret@cache.example", None),
    ("SECRET_KEY", LONG, None),
    ("PASSWORD_KEY", f" {LONG}\n", LONG),
    ("VAPID_KEY", VAPID, None),
    ("BASE_URL", "https://vouchers.example/", "https://vouchers.example"),
    ("BASE_URL", "http://[::1]:8000", None),
    ("CONTACT", "mailto:owner@lotus.example", None),
    ("CONTACT", "https://lotus.example/contact", None),
    ("TRUSTED_PROXIES", "0", 0),
    ("TRUSTED_PROXIES", "2", 2),
    ("PUSH_HOSTS", "push.example", (*PUSH_HOSTS, "push.example")),
    ("PUSH_HOSTS", "Push.Example, http://127.0.0.1:8081/", (*PUSH_HOSTS, "push.example", "http://127.0.0.1:8081")),
    ("PUSH_HOSTS", "push_service:8081", (*PUSH_HOSTS, "push_service:8081")),
    ("REDIS_URL", "redis://cache.example/", None),
    ("REDIS_URL", "redis+unix:///run/redis.sock?db=1", None),
    ("CONTACT", "mailto:owner@b\u00fccher.example?subject=push", None),
    ("BASE_URL", "https://shop_1.example:8443", None),
    ("WORKER", "embedded", None),
    ("WORKER", "external", None),
    ("NOW", "2026-12-01T12:00:00+08:00", utc("2026-12-01T04:00:00Z")),
    ("NOW", "2026-12-01T12:00", utc("2026-12-01T12:00:00Z")),
]


@pytest.mark.parametrize(("name", "value", "meant"), GOOD)
def test_a_good_value_is_taken(read, name, value, meant):
    assert getattr(read(**{name: value}), FIELDS[name]) == (value if meant is None else meant)


BAD = [
    ("DATA", ""),
    ("DATA", "  "),
    ("DATABASE_URL", ""),
    ("DATABASE_URL", "mysql://db.example/vouchers"),
    ("DATABASE_URL", "postgresql://"),
    ("DATABASE_URL", "postgresql://db.example:port/x"),
    ("DATABASE_URL", "postgresql://db.example:99999/x"),
    ("DATABASE_URL", "postgresql://[::1/x"),
    ("DATABASE_URL", "vouchers.sqlite3"),
    ("DATABASE_URL", "postgresql:vouchers"),
    ("REDIS_URL", ""),
    ("REDIS_URL", "http://cache.example"),
    ("REDIS_URL", "redis://"),
    ("SECRET_KEY", ""),
    ("SECRET_KEY", LONG[1:]),
    ("SECRET_KEY", " " * 40),
    ("PASSWORD_KEY", LONG[1:]),
    ("PASSWORD_KEY", os.fsdecode(b"\xff" * 32)),
    ("VAPID_KEY", ""),
    ("VAPID_KEY", LONG * 2),
    ("VAPID_KEY", "A" * 43),
    ("VAPID_KEY", "_" * 43),
    ("VAPID_KEY", "é"),
    ("BASE_URL", ""),
    ("BASE_URL", "vouchers.example"),
    ("BASE_URL", "ftp://vouchers.example"),
    ("BASE_URL", "https://"),
    ("BASE_URL", "https://vouchers.example/shop"),
    ("BASE_URL", "https://v.example?a=1"),
    ("BASE_URL", "https://me@vouchers.example"),
    ("BASE_URL", "https://vouchers.example:99999"),
    ("BASE_URL", "https://two words.example"),
    ("BASE_URL", "https://two\nlines.example"),
    ("CONTACT", ""),
    ("CONTACT", "mailto:"),
    ("CONTACT", "owner@lotus.example"),
    ("CONTACT", "http://lotus.example"),
    ("CONTACT", "https:lotus"),
    ("TRUSTED_PROXIES", ""),
    ("TRUSTED_PROXIES", "-1"),
    ("TRUSTED_PROXIES", "one"),
    ("TRUSTED_PROXIES", "1.5"),
    ("TRUSTED_PROXIES", "100"),
    ("TRUSTED_PROXIES", "9" * 5000),
    ("TRUSTED_PROXIES", "٢"),
    ("PUSH_HOSTS", "https://push.example/path"),
    ("PUSH_HOSTS", "ftp://push.example"),
    ("PUSH_HOSTS", "a@push.example"),
    ("PUSH_HOSTS", "push_example!"),
    ("PUSH_HOSTS", "push.example:port"),
    ("PUSH_HOSTS", "push.example:99999"),
    ("WORKER", ""),
    ("WORKER", "Embedded"),
    ("WORKER", "none"),
    ("NOW", ""),
    ("NOW", "soon"),
    ("NOW", "2026-13-01"),
    ("NOW", "1764561600"),
    ("NOW", "0001-01-01T00:00:00+14:00"),
    ("NOW", "9999-12-31T23:59:59-12:00"),
    # Once taken, and found out when the first message, link or count was made.
    ("VAPID_KEY", "abc"),
    ("VAPID_KEY", VAPID[:-1]),
    ("VAPID_KEY", VAPID + "AA"),
    ("VAPID_KEY", f"{VAPID[:9]} !{VAPID[9:]}"),
    ("VAPID_KEY", "-----BEGIN EC PRIVATE KEY-----"),
    ("REDIS_URL", "redis://cache.example/vouchers"),
    ("REDIS_URL", "redis:///cache.example"),
    ("CONTACT", "mailto:owner"),
    ("CONTACT", "mailto:@lotus.example"),
    ("CONTACT", "https:///contact"),
    ("BASE_URL", "https://-shop.example"),
    ("BASE_URL", "https://shop..example"),
    ("BASE_URL", "https://b\u00fccher.example"),
    ("PUSH_HOSTS", "push..example"),
    ("PUSH_HOSTS", "."),
    ("PUSH_HOSTS", "-"),
    ("PUSH_HOSTS", "10.0.0.1"),
    ("NOW", "9999-01-01"),
    ("NOW", "1899-12-31"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: ascii(value)[1:-1][:40])
def test_a_bad_value_is_one_line_that_names_the_variable(read, name, value):
    assert f"QUANBAO_{name}" in refusal(read, **{name: value})


@pytest.mark.parametrize("url", ["unix:///run/redis.sock", "redis+unix:///run/redis.sock"])
def test_a_redis_address_that_is_taken_is_one_the_limits_can_open(read, url):
    """A scheme that only the settings know would stop every server process with a traceback."""
    from limits.storage import storage_from_string

    try:
        taken = read(REDIS_URL=url).redis_url
    except SettingsError:
        return
    storage_from_string(taken)


@pytest.mark.parametrize("name", ["SMTP_URL", "SECRET", "DATA_FILE", "DATABASE_URL_FILE", "now", "", "KEY", "DEMO"])
def test_an_unknown_variable_stops_the_start(read, name):
    """Mails are for later: a variable that nothing reads must not look as if it did something."""
    assert refusal(read, **{name: "smtp://mail.example"}).startswith(f"QUANBAO_{name} is not a setting")


def test_other_programs_variables_are_none_of_ours(tmp_path):
    from_environment({"QUANBAO_DATA": str(tmp_path), "QUANBAOX": "1", "quanbao_data": "1", "REDIS_URL": "?"})


def test_what_is_left_out_has_its_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = from_environment({})
    assert settings.data.resolve() == tmp_path / "data"
    assert settings.sqlite_file.parent == settings.data
    nothing = (settings.database_url, settings.redis_url, settings.base_url, settings.contact, settings.now)
    assert nothing == (None,) * 5
    assert (settings.trusted_proxies, settings.push_hosts, settings.worker) == (0, PUSH_HOSTS, "embedded")
    assert from_environment({}) == settings, "the keys are made once"


def test_the_process_environment_is_what_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("QUANBAO_DATA", str(tmp_path / "there"))
    monkeypatch.setenv("QUANBAO_WORKER", "external")
    assert (from_environment().data, from_environment().worker) == (tmp_path / "there", "external")


# Keys


@pytest.mark.parametrize("name", KEYS)
def test_a_key_may_come_from_a_file(read, tmp_path, name):
    value = VAPID if name == "VAPID_KEY" else LONG
    (tmp_path / "key").write_text(f"{value}\n")
    assert getattr(read(**{f"{name}_FILE": str(tmp_path / "key")}), name.lower()) == value


@pytest.mark.parametrize("name", KEYS)
def test_a_key_and_its_file_are_one_too_many(read, tmp_path, name):
    value = VAPID if name == "VAPID_KEY" else LONG
    (tmp_path / "key").write_text(value)
    line = refusal(read, **{name: value, f"{name}_FILE": str(tmp_path / "key")})
    assert f"QUANBAO_{name} and QUANBAO_{name}_FILE" in line


@pytest.mark.parametrize("content", [None, b"", b"short", b"\xff" * 40], ids=lambda content: str(content)[:9])
@pytest.mark.parametrize("name", KEYS)
def test_a_file_without_a_usable_key_stops_the_start(read, tmp_path, name, content):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    assert f"QUANBAO_{name}" in refusal(read, **{f"{name}_FILE": str(tmp_path / "key")})


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40], ids=lambda content: str(content)[:9])
@pytest.mark.parametrize("name", KEYS)
def test_a_kept_key_that_was_damaged_stops_the_start(read, name, content):
    """A new key in its place would make every sealed password unreadable: a person must decide."""
    path = read().data / f"{name.lower()}.key"
    path.write_bytes(content)
    assert "QUANBAO_" in refusal(read)
    assert path.read_bytes() == content


def test_keys_are_files_that_only_their_owner_reads(read):
    before = os.umask(0)
    try:
        settings = read()
    finally:
        os.umask(before)
    assert stat.S_IMODE(settings.data.stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.data.iterdir()}
    assert files == {"secret_key.key": 0o600, "password_key.key": 0o600, "vapid_key.key": 0o600}
    assert len({settings.secret_key, settings.password_key, settings.vapid_key}) == 3
    assert read() == settings


def test_a_given_key_leaves_no_file(read):
    folder = read(SECRET_KEY=LONG, PASSWORD_KEY=LONG, VAPID_KEY=VAPID).data
    assert list(folder.iterdir()) == []


START = """
import sys
from config import KEYS, from_environment
print("ready", flush=True)
sys.stdin.readline()
settings = from_environment({"QUANBAO_DATA": sys.argv[1]})
print([getattr(settings, name.lower()) for name in KEYS])
"""


@pytest.mark.race
def test_processes_that_start_at_once_share_their_keys(tmp_path):
    """Two keys for one site would sign each other's visitors out and lose the sealed passwords."""
    command = [sys.executable, "-c", START, str(tmp_path / "data")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(6)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 6
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {"".join(process.communicate(timeout=30)) for process in processes}
    settings = from_environment({"QUANBAO_DATA": str(tmp_path / "data")})
    assert said == {f"{[settings.secret_key, settings.password_key, settings.vapid_key]}\n"}
    assert len(list((tmp_path / "data").iterdir())) == 3, "drafts are cleared away"


# The data folder


@pytest.mark.parametrize("below", ["file", "file/data", "n" * 300])
def test_a_data_folder_that_cannot_be_used_is_named(tmp_path, below):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SettingsError, match="QUANBAO_DATA: .* cannot be used: ") as caught:
        from_environment({"QUANBAO_DATA": str(tmp_path / below)})
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_a_key_is_named(read):
    folder = read().data
    (folder / "secret_key.key").unlink()
    (folder / "secret_key.key").mkdir()
    assert "QUANBAO_DATA" in refusal(read)


# The clock


def test_the_clock_moves_on_from_its_start(read, monkeypatch):
    """Only the start is fixed: what lasts an hour still lasts an hour."""
    ticks = iter([100.0, 100.0, 103.5, 3700.0])
    monkeypatch.setattr(config, "monotonic", lambda: next(ticks))
    clock, start = read(NOW="2026-12-01T12:00:00+08:00").clock(), utc("2026-12-01T04:00:00Z")
    assert [clock() - start for _ in range(3)] == [timedelta(0), timedelta(seconds=3.5), timedelta(hours=1)]


def test_without_a_start_the_clock_is_the_computers(read):
    before = datetime.now(UTC)
    told = read().clock()()
    assert before <= told <= datetime.now(UTC)
    assert told.utcoffset() == timedelta(0)
