"""The console script: 0 for done, 1 for "no, because …", 2 for wrong usage; a problem is one line."""

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

from peewee import PeeweeException

from config import Settings, SettingsError, from_environment
from database import Busy, db, open_database
from models import RedemptionPassword
from quanbao import (
    accounts,
    backups,
    demo,
    figures,
    links,
    loading,
    passwords,
    schema,
    selfcheck,
    setting_up,
    worker,
)
from quanbao.redemption import Keys


class No(Exception):
    """The command cannot be done, and why, in one line."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # what is written here is nobody else's on this machine
    try:
        options.run(options)
    except (No, SettingsError, schema.NewerDatabase, passwords.WrongKey) as problem:
        sys.exit(_say(problem))
    except (backups.Refused, loading.Refused, selfcheck.Refused) as refused:
        sys.exit(_say(refused))
    except (PeeweeException, Busy) as problem:
        sys.exit(_say(f"the database: {_one_line(problem)}"))
    except OSError as problem:
        sys.exit(_say(f"{problem.filename or ''} {problem.strerror or problem}".strip()))
    except UnicodeError:
        sys.exit(_say("a path, a host or a setting has characters that cannot be used there"))
    except KeyboardInterrupt:
        sys.exit(130)


def _say(problem: object) -> int:
    print(f"{problem}", file=sys.stderr)
    return 1


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__


def _parser() -> Parser:
    parser = Parser(prog="quanbao", description="A voucher wallet for shops that own nothing but a website.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def command(name: str, run: Callable, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    serving = command("serve", serve, "bring the database up to date, then serve")
    trying = command("demo", run_demo, "serve a demo that is filled with vouchers, to try everything")
    for sub in (serving, trying):
        sub.add_argument("--host", default="127.0.0.1")
        sub.add_argument("--port", type=_port, default=8000)
    serving.add_argument("--processes", type=_processes, default=1)
    trying.add_argument("--data", type=Path, help="folder to keep the demo in; new and empty by default")
    command("worker", run_worker, "issue and tell what serve leaves to it, where QUANBAO_WORKER is external")
    command("migrate", migrate, "bring the database up to date")
    document = command("load", load, "load merchants, consumers and campaigns from one JSON document")
    document.add_argument("file", metavar="FILE.json", type=Path)
    command("check", check, "recount every figure from the ledger")
    for name, run, text in (("backup", backup, "write a backup of one moment, also while serving"),
                            ("restore", restore, "verify a backup, then put it into the place of all that is there")):
        command(name, run, text).add_argument("file", metavar="FILE", type=Path)
    races = command("selfcheck", run_selfcheck, "race redemptions on the engine in use, in a scratch database")
    races.add_argument("--broken", action="store_true", help="with the guards off: it must report the damage")
    account = command("account", lambda options: None, "accounts")
    link = account.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser).add_parser(
        "link", help="print a one-time link that signs somebody in")
    link.add_argument("email")
    link.set_defaults(run=account_link)
    return parser


def _port(text: str) -> int:
    return _number(text, 0, 65535)


def _processes(text: str) -> int:
    return _number(text, 1, 64)


def _number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
    return int(text)


# Commands


def serve(options: argparse.Namespace) -> None:
    settings = _ready()
    _check_redis(settings)
    address = _address(settings, options)
    if settings.now:
        print(f"The clock was started at {settings.now.isoformat()} (QUANBAO_NOW).")
    if setting_up.is_needed():
        token = setting_up.new_link(settings.clock()())
        print(f"This site is empty. Set it up, once, within an hour: {address}/set-up/{token}")
    _serve("wsgi:front", options, options.processes, address)


def run_demo(options: argparse.Namespace) -> None:
    os.environ["QUANBAO_DATA"] = str(options.data or tempfile.mkdtemp(prefix="quanbao-demo-"))
    for name in ("QUANBAO_DATABASE_URL", "QUANBAO_REDIS_URL"):
        os.environ.pop(name, None)
    settings = _ready()
    address = _address(settings, options)
    if setting_up.is_needed():
        keys = Keys(password=settings.password_key, receipts=settings.secret_key)
        demo.build(settings.clock()(), keys, _language())
    print(f"Quanbao's demo is at {address}/ : step in there with a click as")
    for person in demo.CAST:
        print(f"  {person.email:<26} password {demo.PASSWORD}   ({person.role})")
    print(f"The redemption password, for the cashier's eyes only: {demo.REDEMPTION_PASSWORD} "
          f"(at Harbour Books: {demo.BOOKSHOP_PASSWORD})")
    print(f"The data is in {settings.data}. Stop with Ctrl+C.")
    _serve("wsgi:demo", options, 1, address)


def _language() -> str:
    """What whoever starts the demo reads: its receipts have their words in it."""
    spoken = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if spoken.startswith("zh") else "en"


def run_worker(options: argparse.Namespace) -> None:
    from web import announcements, create_app, logs

    settings = _ready()
    _check_redis(settings)
    logs.write()
    postman = announcements.postman(create_app(settings))
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print("Working. Stop with Ctrl+C.", flush=True)
    worker.run(stop, clock=settings.clock(), key=settings.secret_key, postman=postman)


def migrate(options: argparse.Namespace) -> None:
    settings = from_environment()
    _open(settings)
    applied = schema.migrate()
    print(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


def load(options: argparse.Namespace) -> None:
    try:
        document = json.loads(options.file.read_bytes(), object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise No(f"{options.file}: is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise No(f"{options.file}: is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except ValueError:  # Python reads no integer of over 4,300 digits
        raise No(f"{options.file}: has a number that is far too long") from None
    except RecursionError:
        raise No(f"{options.file}: is nested too deeply") from None
    settings = _ready()
    done = loading.load(document, now=settings.clock()(), password_key=settings.password_key, progress=_progress)
    for campaign, password in done.generated.items():
        print(f"{campaign}: redemption password {password} (generated)")
    print(f"Loaded {done.merchants} merchants, {done.campaigns} campaigns, {done.consumers} accounts, "
          f"{done.vouchers} vouchers.")


def check(options: argparse.Namespace) -> None:
    _ready()
    differences = list(figures.differences())
    if differences:
        raise No("\n".join(differences))
    print("All figures agree with the ledger.")


def backup(options: argparse.Namespace) -> None:
    settings = _ready()
    rows = backups.backup(options.file, settings.clock()())
    print(f"Wrote {rows} rows to {options.file}. The keys are not in it: keep a copy of them elsewhere.")


def restore(options: argparse.Namespace) -> None:
    settings = _ready()
    made_at, rows = backups.restore(options.file, check=lambda: _check_password_key(settings))
    print(f"Restored {rows} rows of {made_at:%Y-%m-%d %H:%M} UTC; every figure agrees with the ledger. "
          "Everybody signs in again.")


def run_selfcheck(options: argparse.Namespace) -> None:
    settings = from_environment()
    damage = selfcheck.run(settings.database_url, broken=options.broken, clock=settings.clock())
    if damage:
        raise No("\n".join(damage))
    if options.broken:
        raise No("With the guards off nothing went wrong: this check can prove nothing here.")
    print(f"{selfcheck.VOUCHERS} vouchers, each at {selfcheck.TILLS} tills at once: redeemed once each. "
          f"{selfcheck.CUSTOMERS} customers at once for {selfcheck.QUANTITY}: not oversold. All figures agree.")


def account_link(options: argparse.Namespace) -> None:
    settings = _ready()
    account = accounts.by_email(options.email)
    if account is None:
        raise No(f"{options.email} has no account")
    token = links.make("sign-in", settings.clock()(), account)
    print(f"{settings.base_url or 'http://127.0.0.1:8000'}/sign-in/{token}")


# Helpers


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON lets a key stand twice and drops the first silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise No(f"the document has {twice[:60]!r} twice in one object")
    return found


def _open(settings: Settings) -> None:
    """Point at the database, and say in one line what its drivers lack."""
    try:
        open_database(settings.database_url, settings.sqlite_file)
        db.connect(reuse_if_open=True)
    except ImportError:
        raise No("QUANBAO_DATABASE_URL needs PostgreSQL's driver: pip install 'quanbao[postgres]'") from None
    except TypeError:
        raise No("QUANBAO_DATABASE_URL has a parameter behind its ? that does not belong there") from None


def _ready() -> Settings:
    settings = from_environment()
    _open(settings)
    schema.migrate()
    _check_password_key(settings)
    return settings


def _check_password_key(settings: Settings) -> None:
    """A key that opens not all would refuse vouchers at the tills: better not to start."""
    for row in RedemptionPassword.select():
        passwords.reveal(row, settings.password_key)


def _check_redis(settings: Settings) -> None:
    """One that is away may come back, and is only told of: until then each process counts for itself."""
    from web import limits

    try:
        if settings.redis_url and not limits.redis_answers(settings.redis_url):
            _say("QUANBAO_REDIS_URL: Redis does not answer; until it does, each process counts its own flood limits")
    except limits.Unusable as unusable:
        raise No(f"QUANBAO_REDIS_URL {unusable}") from None


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        filled = 40 * done // total
        end = "\n" if done == total else ""
        print(f"\rAccounts [{'#' * filled:<40}] {done:,} of {total:,}{end}", end="", file=sys.stderr, flush=True)


def _address(settings: Settings, options: argparse.Namespace) -> str:
    """Where to find the server; raises No where the port is taken."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise No(f"{options.host}:{options.port} cannot be served on: {error.strerror or error}") from None
        options.bound, options.port = probe.getsockname()[:2]  # granian takes addresses, not names
    host = f"[{options.host}]" if ":" in options.host else options.host
    return settings.base_url or f"http://{host}:{options.port}"


def _serve(target: str, options: argparse.Namespace, processes: int, address: str) -> None:
    from web.processes import Processes

    db.close()  # each server process opens its own
    print(f"Serving on {address}/", flush=True)
    Processes(target, address=options.bound, port=options.port, processes=processes).serve()


if __name__ == "__main__":
    main()
