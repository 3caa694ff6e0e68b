"""What is secret stays where it belongs: the whole life of a site, with canaries in it, and then a look everywhere.

The site is the real one, on an empty database; people do all that can be done there, by mistake too, and then its
tables go away under it. All that it answered, wrote and kept is searched for every canary, in every clothes.
"""

import base64
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from config import KEYS, Settings, SettingsError, from_environment
from database import db, on_sqlite
from models import TABLES
from tests.support.racing import command, engine
from tests.support.servers import Site
from tests.support.site_life import (
    CAMPAIGN,
    DIGITS,
    FIELDS,
    FIRM,
    PASSWORDS,
    SHOP,
    Clocked,
    Life,
    Person,
    live,
    log,
    paths,
    unsafe,
)
from web import create_app

pytestmark = [pytest.mark.promise("secrets"), pytest.mark.race]

LINK_ROUND = r"(GET|POST) /sign-(in|up)(\?.*)?"
# A refused form, to who had just typed it.
GIVEN_BACK = rf"POST {FIRM}/(new-campaign|passwords(/\d+(/digits)?)?|campaigns/[\w-]+/(edit|password/change))"
SHOWN_ANEW = (
    rf"POST {SHOP}/password(/renew)?|POST {FIRM}/passwords/\d+/digits"  # to an owner who has just shown who they are
)
# Where a canary may be read: in the answer to whom it is for, and nowhere else.
MAY_STAND = {
    "digits": rf"{SHOWN_ANEW}|{GIVEN_BACK}",
    "wrong digits": rf"{SHOWN_ANEW}|{GIVEN_BACK}",  # they are the shop's own once its owner chose them
    "next": SHOWN_ANEW,
    "set-up": r"(GET|POST) /set-up/.*",
    "claim": rf"GET {SHOP}/links(\.csv|/sheet)?|(GET|POST) /claim/.*|{LINK_ROUND}",
    "join": rf"GET {FIRM}/members|(GET|POST) /join/.*|{LINK_ROUND}",
    "link": r"(GET|POST) /sign-in/.*",
    "move": r"POST /move(/code)?",  # a spent one is given back in the field that it was typed into
    "words on the page": r"POST /wallet/keep",
    "words": r"POST /wallet/recover",  # wrong ones are given back in their field
    "counter": r"POST /vouchers/\w+/counter-code",
}
KEPT_OPEN = {"auth": "subscription.auth", "p256dh": "subscription.p256dh"}  # messages are encrypted with them


def clothes(secret: str) -> set[str]:
    """As it is, in an address, in JSON, in base64, as PostgreSQL and dumps write bytes, and in pieces for the eye."""
    plain = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(plain).decode().rstrip("="),
        base64.urlsafe_b64encode(plain).decode().rstrip("="),
        plain.hex(),
        plain.hex().upper(),
        secret.replace("-", ""),
        f"{secret[:3]}&#8202; {secret[3:]}",
    }


def found(life: Life, text: str, *, but: tuple[str, ...] = ()) -> set[str]:
    """The names of the canaries that can be read in it."""
    return {
        name
        for name, secret in life.canaries.items()
        if name not in but and any(form in text for form in clothes(secret))
    }


@pytest.fixture
def clocked(clock) -> Clocked:
    return Clocked(clock)


def lived(settings: Settings, clocked: Clocked, folder: Path, **careless: str) -> Iterator[Life]:
    folder.mkdir()
    control = "careless" if careless else None
    with Site(settings, clocked, control, processes=2, TMPDIR=str(folder), **careless) as site:
        yield live(settings, clocked, site, create_app(settings, clock=clocked.clock))


@pytest.fixture
def life(database, clocked, tmp_path) -> Iterator[Life]:
    yield from lived(database, clocked, tmp_path / "temporary")


def out_of_place(life: Life) -> list[tuple[str, str]]:
    return [
        (where, name)
        for where, text in life.seen
        for name in found(life, text)
        if not re.fullmatch(MAY_STAND.get(name, "-"), where)
    ]


def break_everything(life: Life) -> None:
    """Each table goes away for a while: what is asked then fails in the midst of it."""
    owner, nobody = Person(life, "owner again"), Person(life, "nobody")
    owner.post("/sign-in", {"email": "owner@example.org", "password": PASSWORDS["owner"]})
    for table in ("redemption_password", "campaign", "voucher", "link", "account", "session"):
        db.execute_sql(f'ALTER TABLE "{table}" RENAME TO "{table}_away"')
        try:
            for path in (*unsafe(life), *paths(life, "GET"))[::3]:
                for person in (owner, nobody):
                    person.post(path, FIELDS, status=())
        finally:
            db.execute_sql(f'ALTER TABLE "{table}_away" RENAME TO "{table}"')


def test_no_secret_is_anywhere_but_where_it_is_for(life, tmp_path, proved, request):
    shown = {name for _, text in life.seen for name in found(life, text)}
    assert shown >= MAY_STAND.keys() - {"wrong digits", "words"}, (
        "not all was shown to whom it is for: nothing would be found"
    )
    break_everything(life)
    assert out_of_place(life) == []
    written = log(life.site)
    assert "busy" in written or "failed" in written, "nothing went wrong, so the log says nothing"
    assert found(life, written, but=("set-up",)) == set()
    assert written.count(life.canaries["set-up"]) == 1, "once, where the operator looks for it"
    if not on_sqlite():
        server = request.getfixturevalue("postgres_server")
        assert found(life, (server.folder / "log").read_text(errors="replace")) == set()
    nothing_in_addresses(life)
    nothing_in_processes(life)
    nothing_in_files(life, tmp_path)
    nothing_in_rows(life)
    proved(f"{engine(life.settings)}: {len(life.canaries)} canaries, {len(life.seen)} answers")


def nothing_in_addresses(life: Life) -> None:
    """No password, session or code ever stood in one; a one-time link is one."""
    where = "\n".join(path for path, _ in life.seen)
    assert found(life, where, but=("set-up", "claim", "join", "link")) == set()


def nothing_in_processes(life: Life) -> None:
    """What `ps` shows of every process of the site, its environment too."""
    shown = ""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(process.name)) == life.site.keeper.pid:
                shown += (process / "cmdline").read_text() + (process / "environ").read_text(errors="replace")
    assert "serve" in shown or not Path("/proc").exists(), "nothing was looked at"
    assert found(life, shown) == set()


def nothing_in_files(life: Life, tmp_path: Path) -> None:
    """Backup, temporary files, the data's folder; and who on this machine may read them."""
    backup = tmp_path / "backup"
    assert command(life.settings, life.clocked, "backup", str(backup)).returncode == 0
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert found(life, backup.read_bytes().decode("latin-1")) == set()
    for path in (tmp_path / "temporary").rglob("*"):
        assert not path.is_file() or found(life, path.read_bytes().decode("latin-1")) == set(), path
    data = life.settings.data
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for key in KEYS:
        assert stat.S_IMODE((data / f"{key.lower()}.key").stat().st_mode) == 0o600
    for path in data.rglob("*"):
        if path.suffix != ".key":
            assert found(life, path.read_bytes().decode("latin-1"), but=tuple(KEPT_OPEN)) == set(), path


def nothing_in_rows(life: Life) -> None:
    """Sealed, hashed or absent; but what messages to a browser are encrypted with."""
    for table in TABLES:
        for column in table._meta.sorted_fields:
            values = table.select(column).tuples()
            text = "\n".join(
                (bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()).decode("latin-1")
                for (value,) in values
            )
            place = f"{table._meta.table_name}.{column.name}"
            assert {KEPT_OPEN.get(name) for name in found(life, text)} <= {place}, place


def test_control_what_logs_and_shows_forms_is_found(sqlite, clocked, tmp_path, proved):
    """The same look, at a site that writes to log and page what people send."""
    for life in lived(sqlite, clocked, tmp_path / "temporary", CARELESS="forms"):
        told, shown = found(life, log(life.site)), {name for _, name in out_of_place(life)}
        for name in (*PASSWORDS, "digits", "wrong digits", "next", "move", "counter"):
            assert name in told, f"{name} was logged, and not found"
            assert name in shown or name == "move", f"{name} was shown, and not found"  # may stand where typed
    db.close()
    proved(f"{len(told)} found in a careless log")


# Commands: what is wrong is told without the secret in it

TYPED = "canary-typed-by-mistake"
WRONG_SETTINGS = {
    "SECRET_KEY": TYPED,
    "PASSWORD_KEY": TYPED,
    "VAPID_KEY": 3 * TYPED,
    "SECRET_KEY_FILE": f"/nowhere/{TYPED}",
    "DATABASE_URL": f"mysql://me:{TYPED}@db/quanbao",
    "REDIS_URL": f"http://:{TYPED}@cache",
    "BASE_URL": f"ftp://{TYPED}",
    "PUSH_HOSTS": f"https://me:{TYPED}@push.example",
    "CONTACT": f"tel:{TYPED}",
    "NOW": TYPED,
    "WORKER": TYPED,
    "TRUSTED_PROXIES": TYPED,
}
UNREACHABLE = [
    f"postgresql://me:{TYPED}@127.0.0.1:1/q",
    f"postgresql://me:{TYPED}@127.0.0.1:1/q?sslmode=no",
    f"postgresql://me:{TYPED}@[::1/q",
    f"postgresql://me:{TYPED}@127.0.0.1:port/q",
    f"postgresql://127.0.0.1:1/q?password={TYPED}",
    f"postgresql://me:{TYPED}%zz@127.0.0.1:1/q",
    f"postgresql://me:{TYPED} @127.0.0.1:1/q",
]


def say(tmp_path: Path, *words: str, **settings: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QUANBAO_", "PG"))}
    given = {f"QUANBAO_{name}": value for name, value in ({"DATA": str(tmp_path / "data")} | settings).items()}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env=kept | given,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode in (1, 2), done
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_a_wrong_setting_is_named_and_not_told(tmp_path):
    for name, value in WRONG_SETTINGS.items():
        with pytest.raises(SettingsError) as problem:
            from_environment({f"QUANBAO_{name}": value, "QUANBAO_DATA": str(tmp_path / "data")})
        assert f"QUANBAO_{name}" in str(problem.value)
        assert TYPED not in str(problem.value), name
    for url in UNREACHABLE:
        assert TYPED not in say(tmp_path, "migrate", DATABASE_URL=url), url


def test_a_wrong_document_is_refused_without_its_passwords(tmp_path):
    member = {"email": "owner@example.org", "password": TYPED, "role": "king", TYPED: 1}
    campaign = CAMPAIGN | {"slug": "x", "redemption_password": DIGITS + "x", "quantity": "many"}
    shop = {"slug": "lotus", "name": "", "members": [member, member], "campaigns": [campaign], "branches": TYPED}
    people = [{"email": "lin@example.org", "password": [TYPED]}, {"email": TYPED, "password": "short"}]
    document = tmp_path / "document.json"
    for content in (
        json.dumps({"merchants": [shop], "consumers": people}),
        json.dumps({"merchants": [shop]})[:-20],
        f'{{"password": "{TYPED}", "password": "{TYPED}"}}',
        f"{TYPED}",
    ):
        document.write_text(content)
        told = say(tmp_path, "load", str(document))
        assert DIGITS not in told
        assert TYPED not in told.replace(f"members[0].{TYPED}", "").replace(f"members[1].{TYPED}", ""), told
