"""Yardsticks: bare WSGI functions on the same server as ours.

`redeem` makes the fewest statements that a redemption needs, in one transaction: who asks and what for; the use; the
campaign's count; the ledger. Nothing is rendered, limited, kept for a second answer, or told to anybody. `hello` is
Flask's own.

    python -m bench.bare PORT redeem|hello [FOLDER or postgresql://…]
"""

import fcntl
import hashlib
import json
import os
import secrets
import sys
import threading
import time
import uuid
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import parse_qsl

import apsw
from granian import Granian
from granian.constants import Interfaces

from bench.harness import ROOT, Side, Stage
from tests.support.servers import Server

PROCESSES, PASSWORD = 2, "482913"
QUANTITY = 10**9
KEY = "BIGSERIAL PRIMARY KEY"
SCHEMA = (
    "CREATE TABLE session (token_hash {blob} PRIMARY KEY, account BIGINT NOT NULL)",
    "CREATE TABLE campaign (id {key}, quantity BIGINT NOT NULL, redeemed BIGINT NOT NULL, password TEXT NOT NULL)",
    """CREATE TABLE voucher (id {key}, code TEXT NOT NULL UNIQUE, campaign BIGINT NOT NULL, account BIGINT NOT NULL,
                             uses_left INTEGER NOT NULL CHECK (uses_left >= 0))""",
    """CREATE TABLE redemption (id {key}, account BIGINT NOT NULL, attempt TEXT NOT NULL, voucher BIGINT NOT NULL,
                                number BIGINT NOT NULL, at BIGINT NOT NULL, UNIQUE (account, attempt))""",
)
FIND = """SELECT voucher.id, voucher.account, campaign.id, campaign.password FROM session
          JOIN voucher ON voucher.account = session.account JOIN campaign ON campaign.id = voucher.campaign
          WHERE session.token_hash = ? AND voucher.code = ?"""
USE = "UPDATE voucher SET uses_left = uses_left - 1 WHERE id = ? AND uses_left > 0 RETURNING uses_left"
WRITE = "INSERT INTO redemption (account, attempt, voucher, number, at) VALUES (?, ?, ?, ?, ?)"
COUNT = "UPDATE campaign SET redeemed = redeemed + 1 WHERE id = ? AND redeemed < quantity RETURNING redeemed"


# What is served


class Sqlite:
    """A connection a thread; writers wait in the line of a file lock, as ours do."""

    def __init__(self, folder: str):
        self.folder, self.kept = folder, threading.local()

    def connect(self) -> apsw.Connection:
        connection = apsw.Connection(f"{self.folder}/bare.sqlite3")
        connection.set_busy_timeout(10_000)
        connection.transaction_mode = "IMMEDIATE"
        connection.execute("PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -16000")
        return connection

    @contextmanager
    def transaction(self):
        if not hasattr(self.kept, "connection"):
            self.kept.connection = self.connect()
            self.kept.lock = open(f"{self.folder}/lock", "a")  # noqa: SIM115  (kept as long as the thread)
        connection = self.kept.connection
        fcntl.flock(self.kept.lock, fcntl.LOCK_EX)
        try:
            with connection:  # BEGIN IMMEDIATE, COMMIT
                yield lambda sql, values: next(iter(connection.execute(sql, values).fetchall()), None)
        finally:
            fcntl.flock(self.kept.lock, fcntl.LOCK_UN)


class Postgresql:
    """A connection a thread, statements prepared by the driver."""

    def __init__(self, url: str):
        self.url, self.kept = url, threading.local()

    def connect(self):
        import psycopg

        return psycopg.connect(self.url, prepare_threshold=0)

    @contextmanager
    def transaction(self):
        if not hasattr(self.kept, "connection"):
            self.kept.connection = self.connect()
        with self.kept.connection.transaction(), self.kept.connection.cursor() as cursor:

            def ask(sql: str, values: tuple):
                cursor.execute(sql.replace("?", "%s"), values)
                return cursor.fetchone() if cursor.description else None

            yield ask


def engine(where: str):
    return Postgresql(where) if where.startswith("postgresql:") else Sqlite(where)


def redeem():
    database = engine(os.environ["BARE"])

    def application(environ, start_response):
        code = environ["PATH_INFO"].split("/")[2]
        form = dict(parse_qsl(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()))
        digest = hashlib.sha256(environ["HTTP_COOKIE"].encode()).digest()
        with database.transaction() as ask:
            voucher, account, campaign, password = ask(FIND, (digest, code))
            assert secrets.compare_digest(password, form["password"])
            (left,) = ask(USE, (voucher,))
            (number,) = ask(COUNT, (campaign,))
            ask(WRITE, (account, form["attempt_id"], voucher, number, time.time_ns()))
        body = json.dumps({"outcome": "redeemed", "number": number, "uses_left": left}).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return application


def hello():
    from flask import Flask

    app = Flask("hello")

    @app.get("/")
    def greet() -> str:
        return "<p>Hello, World!</p>"

    return app


def main(port: str, name: str) -> None:
    server = Granian(
        f"bench.bare:{name}",
        port=int(port),
        interface=Interfaces.WSGI,
        workers=PROCESSES,
        blocking_threads=int(os.environ.get("BARE_THREADS", 8)),
        factory=True,
        log_level="error",
    )
    server.serve()


# What the measurements start


class Bare(Server):
    """One of the functions above, served."""

    signal = "TERM"

    def __init__(self, name: str, where: str = ""):
        super().__init__()
        self.how |= {"cwd": ROOT, "env": self.how["env"] | {"BARE": where}}
        self.start(sys.executable, "-m", "bench.bare", str(self.port), name)

    def answers(self) -> bool:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            try:
                connection.request("GET", "/")
                return bool(connection.getresponse().status)
            except (OSError, HTTPException):
                return False


def prepare(stage: Stage) -> str:
    """The tables of `redeem` in a database of their own, and its one campaign."""
    where = stage.another("bare")
    blob, key = ("BYTEA", KEY) if stage.postgres else ("BLOB", "INTEGER PRIMARY KEY")
    with closing(engine(where).connect()) as connection:
        for statement in SCHEMA:
            connection.execute(statement.format(blob=blob, key=key))
        connection.execute(f"INSERT INTO campaign (quantity, redeemed, password) VALUES ({QUANTITY}, 0, '{PASSWORD}')")
        if stage.postgres:
            connection.commit()
    return where


def side(stage: Stage, server: Bare, where: str) -> Side:
    accounts = iter(range(1, QUANTITY))

    def make(count: int) -> list[bytes]:
        people = [(next(accounts), secrets.token_hex(8), secrets.token_urlsafe(32)) for _ in range(count)]
        database = engine(where)
        with closing(database.connect()) as connection:
            mark = "%s" if stage.postgres else "?"
            cursor = connection.cursor()
            cursor.execute("BEGIN")
            cursor.executemany(
                f"INSERT INTO session VALUES ({mark}, {mark})",
                [(hashlib.sha256(token.encode()).digest(), account) for account, _, token in people],
            )
            cursor.executemany(
                f"INSERT INTO voucher (code, campaign, account, uses_left) VALUES ({mark}, 1, {mark}, 1)",
                [(code, account) for account, code, _ in people],
            )
            cursor.execute("COMMIT")
        return [request(server.port, code, token) for _, code, token in people]

    return Side("bare", server.port, [server.keeper.pid, *stage.roots], make, b'"redeemed"')


def request(port: int, code: str, token: str) -> bytes:
    body = f"password={PASSWORD}&attempt_id={uuid.uuid4()}"
    head = f"POST /vouchers/{code}/redemptions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {token}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded"
    return f"{head}{kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


if __name__ == "__main__":
    main(*sys.argv[1:3])
