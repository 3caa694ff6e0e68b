"""The console script: 0 for done, 1 for "no, because …", 2 for wrong usage; a problem is one line."""

import argparse
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import Event

import apsw
import tzdata
from peewee import PeeweeException

from config import Settings, SettingsError, from_environment
from database import Busy, Unknown, db
from keys import KeyInFile, new_key
from quanbao.campaigns import figures, periods
from quanbao.operations import backups, bulk_import, demo, first_start, installation, selfcheck, worker
from quanbao.operations import migrate as schema
from quanbao.operations import restore as restoring
from quanbao.passwords import sealing
from quanbao.people import accounts, one_time_links
from quanbao.redemption.redeem import Keys
from zones import RELEASE


class No(Exception):
    """The command cannot be done, and why, in one line."""


ANSWERS = (
    No,
    SettingsError,
    installation.NoSite,
    schema.NewerDatabase,
    sealing.WrongKey,
    sealing.NotHere,
    backups.Refused,
    bulk_import.Refused,
    selfcheck.Refused,
)  # the text of each is what to tell the person


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> None:
    os.umask(0o077)  # what is written here is for no other user of this machine
    try:
        options = _parser().parse_args(arguments)
        options.run(options)
        if sys.stdout:
            sys.stdout.flush()  # at exit Python would report a failure in its own words
    except KeyboardInterrupt:
        sys.exit(130)
    except ANSWERS as problem:
        sys.exit(_say(problem))
    except (PeeweeException, Busy, apsw.Error) as problem:
        sys.exit(_say(installation.database_problem(problem)))
    except Unknown:
        sys.exit(_say("the database: the connection was lost at the commit: look what became of it, then try again"))
    except OSError as problem:
        _drop_output()
        sys.exit(_say(": ".join(filter(None, (problem.filename, problem.strerror or str(problem))))))
    except UnicodeError:
        sys.exit(_say("a path, a host or a setting has characters that cannot be used there"))


def _say(problem: object) -> int:
    print(f"{problem}", file=sys.stderr)
    return 1


def _drop_output() -> None:
    """What could not be written to standard output, as on a full disk, is not tried again at exit."""
    if sys.stdout:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Version(argparse.Action):
    """Print what is in use, and end; needs no settings and no site."""

    def __init__(self, option_strings, dest, **how):
        super().__init__(option_strings, dest, nargs=0, help="print what is in use: Quanbao, SQLite, time zone data")

    def __call__(self, parser, *_):
        print(
            f"Quanbao {version('quanbao')}, SQLite {apsw.sqlitelibversion()}, time zone data {tzdata.IANA_VERSION}",
            flush=True,
        )
        parser.exit()


def _parser() -> Parser:
    parser = Parser(prog="quanbao", description="A voucher wallet for shops that own nothing but a website.")
    parser.add_argument("--version", action=Version)
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
    writing = command("backup", backup, "write a backup of one moment, also while serving")
    reading = command("restore", restore, "verify a backup, then put it into the place of all that is there")
    for sub in (writing, reading):
        sub.add_argument("file", metavar="FILE", type=Path)
    reading.add_argument("--yes", action="store_true", help="do not ask where the site is in use")
    races = command("selfcheck", run_selfcheck, "race redemptions on the engine in use, in a scratch database")
    races.add_argument("--broken", action="store_true", help="with the guards off: it must report the damage")
    account = command("account", lambda options: None, "accounts")
    link = account.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser).add_parser(
        "link", help="print a one-time link that signs somebody in"
    )
    link.add_argument("email")
    link.set_defaults(run=account_link)
    keys = command("keys", lambda options: None, "the site's keys")
    changing = keys.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser).add_parser(
        "rotate", help="put a new key in the place of the password key, also while serving"
    )
    changing.set_defaults(run=rotate_keys)
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
    settings = _site(make=True)
    _check_redis(settings)
    address = _address(settings, options)
    if settings.now:
        print(f"The clock was started at {settings.now.isoformat()} (QUANBAO_NOW).")
    if first_start.is_needed():
        token = first_start.new_link(settings.clock()())
        print(f"This site is empty. Set it up, once, within an hour: {address}/set-up/{token}")
    _serve("wsgi:gateway", options, options.processes, address)


def run_demo(options: argparse.Namespace) -> None:
    os.environ["QUANBAO_DATA"] = str(options.data or tempfile.mkdtemp(prefix="quanbao-demo-"))
    for name in ("QUANBAO_DATABASE_URL", "QUANBAO_REDIS_URL"):
        os.environ.pop(name, None)
    settings = _site(make=True)
    address = _address(settings, options)
    if not first_start.is_needed() and accounts.by_email(demo.CAST[0].email) is None:
        raise No(f"{settings.data} has a site that is not a demo: name another folder")
    if first_start.is_needed():
        keys = Keys(password=settings.password_key, receipts=settings.secret_key)
        demo.build(settings.clock()(), keys, demo.language(os.environ))
    print("\n".join(demo.welcome(address)))
    print(f"The data is in {settings.data}. Stop with Ctrl+C.")
    _serve("wsgi:demo", options, 1, address)


def run_worker(options: argparse.Namespace) -> None:
    from web import create_app
    from web.present import push_messages
    from web.server import logs

    settings = _site(make=False)
    _check_redis(settings)
    logs.write()
    postman = push_messages.postman(create_app(settings))
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print(f"Working. Stop with Ctrl+C.\nDatabase: {settings.database_name}", flush=True)
    worker.run(stop, clock=settings.clock(), key=settings.secret_key, postman=postman)


def migrate(options: argparse.Namespace) -> None:
    settings = from_environment()
    installation.connect(settings)
    applied = schema.migrate()
    _compute_periods(settings)
    print(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")
    _say_database(settings)


def load(options: argparse.Namespace) -> None:
    document = bulk_import.parsed(options.file)
    settings = _site(make=True)
    done = bulk_import.load(document, now=settings.clock()(), password_key=settings.password_key, progress=_progress)
    for campaign, password in done.generated.items():
        print(f"{campaign}: redemption password {password} (generated)")
    for poster, token in done.posters.items():
        print(f"{poster}: poster {token} (generated)")
    print(
        f"Loaded {done.merchants} merchants, {done.campaigns} campaigns, {done.consumers} accounts, "
        f"{done.vouchers} vouchers."
    )
    _say_database(settings)


def check(options: argparse.Namespace) -> None:
    settings = _site(make=False)
    if differences := list(figures.differences(lambda done, total: _progress(done, total, "Campaigns"))):
        raise No("\n".join(differences))
    print("All figures agree with the ledger.")
    _say_database(settings)


def backup(options: argparse.Namespace) -> None:
    settings = _site(make=False)
    rows = backups.backup(options.file, settings.clock()())
    print(f"Wrote {rows} rows to {options.file}. The keys are not in it: keep a copy of them elsewhere.")
    _say_database(settings)


def restore(options: argparse.Namespace) -> None:
    one = restoring.Restoring(
        options.file,
        from_environment(create=False),
        make=from_environment,
        agree=(lambda *_: None) if options.yes else _agree,
    )
    made_at, rows = one.run()
    _compute_periods(one.settings)
    print(
        f"Restored {rows} rows of {made_at:%Y-%m-%d %H:%M} UTC; every figure agrees with the ledger. "
        "Everybody signs in again."
    )
    if one.kept:
        print(f"What was there before is kept in {one.kept}\nTo go back to it: {one.way_back()}")
    _say_database(one.settings)


def _agree(there: str, coming: str) -> None:
    """Ask at the terminal whether a site in use is replaced; raises No where it is not to be, or there is none."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise No(f"{there}: nothing was replaced. With --yes {coming} takes its place, and what is there now is kept")
    print(
        f"{there}.\nIts place is taken by {coming}; what is there now is kept.\nReplace it? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
        raise No("Nothing was replaced.")


def run_selfcheck(options: argparse.Namespace) -> None:
    settings = from_environment(create=False)  # the races have a scratch database and keys of their own
    damage = selfcheck.run(settings.database_url, broken=options.broken, clock=settings.clock())
    if damage:
        raise No("\n".join(damage))
    if options.broken:
        raise No("With the guards off nothing went wrong: this check can prove nothing here.")
    engine = "PostgreSQL" if settings.database_url else "SQLite"
    print(
        f"On {engine}: {selfcheck.VOUCHERS} vouchers, each at {selfcheck.TILLS} tills at once: redeemed once each. "
        f"{selfcheck.CUSTOMERS} customers at once for {selfcheck.QUANTITY}: not oversold. All figures agree."
    )


def rotate_keys(options: argparse.Namespace) -> None:
    settings = _site(make=False)
    done, is_file = sealing.rotate(settings.password_key, new_key()), isinstance(settings.password_key, KeyInFile)
    what = "Copy the file with it" if is_file else "Take the old key out of QUANBAO_PASSWORD_KEY now"
    print(f"Sealed {done} redemption passwords with the new key. {what}; older backups need the old key: keep it.")
    _say_database(settings)


def account_link(options: argparse.Namespace) -> None:
    settings = _site(make=False)
    account = accounts.by_email(options.email)
    if account is None:
        raise No(f"{options.email} has no account in {settings.database_name}")
    token = one_time_links.make("sign-in", settings.clock()(), account)
    print(f"{settings.base_url or 'http://127.0.0.1:8000'}/sign-in/{token}")
    _say_database(settings)


# Helpers


def _compute_periods(settings: installation.Settings) -> None:
    """By the time zone data that is installed, where that is newer than at the last start."""
    changed = periods.catch_up(settings.clock()())
    if changed:
        _say(
            f"The time zone data is {RELEASE} now. Campaigns whose periods are other instants than before: {changed}; "
            "their holders are told."
        )
    if periods.is_ahead():
        _say(
            f"The periods in the database were computed with newer time zone data than {RELEASE}: "
            "pip install --upgrade tzdata"
        )


def _site(*, make: bool) -> Settings:
    """Settings and open database; without `make` for what needs a site: a new one is none to back up or to check."""
    settings = from_environment(create=make)
    installation.open_or_make(settings) if make else installation.open_existing(settings)
    _compute_periods(settings)
    return settings


def _say_database(settings: installation.Settings) -> None:
    """At the end, on standard error: standard output has what was asked for alone, and a problem is one line."""
    if sys.stdout:
        sys.stdout.flush()
    print(f"Database: {settings.database_name}", file=sys.stderr, flush=True)


def _check_redis(settings: Settings) -> None:
    """One that is away may come back, and is only told of: until then each process counts for itself."""
    from web.auth import limits

    try:
        if settings.redis_url and not limits.redis_answers(settings.redis_url):
            _say("QUANBAO_REDIS_URL: Redis does not answer; until it does, each process counts its own flood limits")
    except limits.Unusable as unusable:
        raise No(f"QUANBAO_REDIS_URL {unusable}") from None


def _progress(done: int, total: int, what: str = "Accounts") -> None:
    if total and sys.stderr.isatty():
        bar, end = "#" * (40 * done // total), "\n" if done == total else ""
        print(f"\r{what} [{bar:<40}] {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)


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
    from web.server.processes import Processes

    db.close()  # each server process opens its own
    print(f"Serving on {address}/", flush=True)
    Processes(target, address=options.bound, port=options.port, processes=processes).serve()


if __name__ == "__main__":
    main()
