"""Throw-away servers of a test session: own folder, own port, gone with the process that started them."""

import os
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config import Settings
from tests.support.programs import pgbouncer_program, postgres_program, redis_program

LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
PATIENCE = 30  # seconds
ROOT = Path(__file__).parents[2]
NOON = "2026-12-01T12:00:00+08:00"  # when the clock of every test starts
OPEN_FILES = 4096  # a burst of 1,000 takes as many sockets in the tests, and again in the server

# Ends the server and removes its folder when told to, and also when the tests are gone in whatever way, since
# that closes the pipe it reads from. An exit handler would not survive a kill.
KEEPER = """
"$@" >"$FOLDER/log" 2>&1 &
read -r _
kill -"$SIGNAL" $! 2>/dev/null
wait $! 2>/dev/null
cd / && rm -rf "$FOLDER"
"""


class Server:
    """One process in a folder of its own, on a free port of 127.0.0.1. A context manager that stops it."""

    signal = "KILL"

    def __init__(self, user: str | None = None, port: int | None = None):
        # /tmp, because another user must get there and the path of a socket must stay short
        self.folder = Path(tempfile.mkdtemp(prefix="quanbao-test-", dir="/tmp"))
        self.port = port or _free_port()
        self.how = {"cwd": self.folder, "env": self._environment()}
        if user:
            shutil.chown(self.folder, user)
            self.how |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}

    def start(self, *command: str) -> None:
        self.keeper = subprocess.Popen(
            ["sh", "-c", KEEPER, "keeper", *command],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the server in order
            **self.how,
        )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if time.monotonic() > deadline:
                log = (self.folder / "log").read_text(errors="replace")
                self.stop()
                raise RuntimeError(f"{command[0]} did not answer within {PATIENCE} s:\n{log}")
            time.sleep(0.02)

    def stop(self) -> None:
        self.keeper.communicate(b"\n", timeout=PATIENCE)

    def answers(self) -> bool:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        """PG… variables are of the person's own servers, and the locale must be one that exists."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {"LC_ALL": LOCALE, "FOLDER": str(self.folder), "SIGNAL": self.signal}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Site(Server):
    """`quanbao serve` in a process of its own, by a clock that starts at noon, or at the time of `world`.

    `control` serves the program of this name in tests.controls instead; `command` is `serve` or `demo`; `variables`
    are more of the environment. The person's own QUANBAO_… variables do not count.
    """

    signal = "TERM"

    def __init__(
        self,
        settings: Settings,
        world: Any = None,
        control: str | None = None,
        *,
        command: str = "serve",
        processes: int = 1,
        port: int | None = None,
        **variables: str,
    ):
        super().__init__(port=port)
        self.url = f"http://127.0.0.1:{self.port}"
        keeper = {"FOLDER": str(self.folder), "SIGNAL": self.signal}
        now = world.clock().isoformat() if world else NOON
        self.variables = environment(settings, now) | keeper | variables
        self.how |= {"cwd": ROOT, "env": self.variables}
        allow_open_files()
        program = ["tests.controls", control] if control else ["cli"]
        words = ["--data", str(settings.data)] if command == "demo" else ["--processes", str(processes)]
        self.start(sys.executable, "-m", *program, command, "--port", str(self.port), *words)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                return b" 200 " in connection.recv(64)
        except OSError:
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """All processes at once, whatever they are at: a server that hangs must not hang the tests."""
        os.killpg(self.keeper.pid, signal.SIGKILL)
        self.keeper.communicate(timeout=PATIENCE)
        print(self.log()[-4000:])  # seen only where the test fails
        shutil.rmtree(self.folder)


def environment(settings: Settings, now: str) -> dict[str, str]:
    """The database and the time; nothing of what the person at this machine has set for a server of theirs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QUANBAO_", "PG"))}
    url = {"QUANBAO_DATABASE_URL": settings.database_url} if settings.database_url else {}
    return kept | url | {"QUANBAO_DATA": str(settings.data), "QUANBAO_NOW": now}


def allow_open_files() -> None:
    """Many systems begin with 256 or 1,024; the servers inherit what is set here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        enough = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


class Postgres(Server):
    """As careless about power cuts as it can be, and so fast, unless its `care` says otherwise.

    Root may not run it: Debian's user does.
    """

    signal = "QUIT"

    def __init__(self, **care: str):
        initdb, postgres = postgres_program("initdb"), postgres_program("postgres")
        super().__init__(user="postgres" if os.geteuid() == 0 else None)
        options = ("-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", f"--locale={LOCALE}")
        made = subprocess.run([initdb, "-D", "data", *options], **self.how, capture_output=True, text=True)
        if made.returncode:
            shutil.rmtree(self.folder)
            raise RuntimeError(f"initdb: {made.stderr}")
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "fsync": "off",
            "full_page_writes": "off",
        } | care
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.start(postgres, "-D", "data", *words)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create(self, name: str, template: str = "template1") -> str:
        """The new database's address. A template comes with its tables and rows; nobody may be using it."""
        names = sql.Identifier(name), sql.Identifier(template)
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Also throws out whoever is still connected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def answers(self) -> bool:
        try:
            self._execute(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: sql.Composable) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)


class Pgbouncer(Server):
    """In front of a PostgreSQL, in transaction mode: a connection to it is another one in each transaction.

    `settings` beside that are pgbouncer's own defaults. Root may not run it either.
    """

    def __init__(self, postgres: Postgres, **settings: object):
        program = pgbouncer_program()
        super().__init__(user="postgres" if os.geteuid() == 0 else None)
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            **settings,
        }
        (self.folder / "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={postgres.port} user=postgres\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in lines.items())
        )
        self.start(program, "ini")

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=5, prepare_threshold=None) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


class Redis(Server):
    def __init__(self, port: int | None = None):
        program = redis_program()
        super().__init__(port=port)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        in_memory = ("--save", "", "--appendonly", "no")
        self.start(program, "--port", str(self.port), "--bind", "127.0.0.1", *in_memory)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) == b"+PONG\r\n"
        except OSError:
            return False


class Screen(Server):
    """One that nobody looks at, for a browser that cannot do without."""

    def __init__(self, program: str):
        super().__init__()
        self.start(program, "-displayfd", "1", "-screen", "0", "800x1000x24", "-nolisten", "tcp")

    def answers(self) -> bool:
        log = self.folder / "log"
        said = re.search(r"^(\d+)\n", log.read_text() if log.exists() else "", re.MULTILINE)
        self.name = f":{said[1]}" if said else None  # what DISPLAY is to be
        return said is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
