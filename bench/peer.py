"""The peer: pretix's check-in API behind gunicorn with two workers, as `make bench-peers` installs it."""

import json
import shutil
import subprocess
import uuid
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench.harness import ROOT, Side, Stage
from tests.support.programs import postgres_program
from tests.support.servers import Server

HERE = ROOT / ".venv/pretix"
PYTHON, GUNICORN = HERE / "bin/python", HERE / "bin/gunicorn"
CONFIGURATION = """[pretix]
datadir={folder}
url=http://127.0.0.1:8000
[database]
backend={backend}
name={name}
user=postgres
host=127.0.0.1
port={port}
[django]
secret=of-a-measurement-alone
"""

# By pretix's own Python: `set-up` makes an event with a check-in list and prints its token; a number makes so many
# tickets, each of an order of its own, paid, and prints their secrets.
ORDERS = r"""
import json
import os
import secrets
import sys
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pretix.settings")

import django

django.setup()

from django.utils.timezone import now
from django_scopes import scope, scopes_disabled
from pretix.base.models import Event, Order, OrderPosition, Organizer


def set_up() -> dict:
    organizer = Organizer.objects.create(name="Bench", slug="bench")
    start = now() - timedelta(hours=1)
    event = Event.objects.create(
        organizer=organizer, name="Bench", slug="bench", date_from=start, live=True, currency="EUR", plugins=""
    )
    with scope(organizer=organizer):
        event.items.create(name="Ticket", default_price=10)
        listed = event.checkin_lists.create(name="All", all_products=True)
        team = organizer.teams.create(name="Till", all_events=True, all_event_permissions=True)
        return {"token": team.tokens.create(name="till").token, "list": listed.pk}


def orders(count: int) -> list[str]:
    event = Event.objects.get(slug="bench")
    with scope(organizer=event.organizer):
        item, channel = event.items.get(), event.organizer.sales_channels.get(identifier="web")
        common = {
            "event": event,
            "organizer": event.organizer,
            "status": Order.STATUS_PAID,
            "datetime": now(),
            "expires": now() + timedelta(days=10),
            "total": 10,
            "sales_channel": channel,
            "locale": "en",
        }
        made = [Order(code=secrets.token_hex(6).upper(), **common) for _ in range(count)]
        made = Order.objects.bulk_create(made, batch_size=1000)
        positions = [
            OrderPosition(
                order=order,
                organizer=event.organizer,
                item=item,
                price=10,
                tax_rate=0,
                tax_value=0,
                secret=secrets.token_hex(16),
                pseudonymization_id=secrets.token_hex(8).upper(),
            )
            for order in made
        ]
        OrderPosition.objects.bulk_create(positions, batch_size=1000)
        return [position.secret for position in positions]


with scopes_disabled():
    print(json.dumps(set_up() if sys.argv[1] == "set-up" else orders(int(sys.argv[1]))))
"""


def is_installed() -> bool:
    return (HERE / "ready").exists()


class Pretix(Server):
    """`pretix.wsgi` with an event and its check-in list, on the stage's engine. Redis and Celery, which it can do
    without, would take more processor time than they save here."""

    signal = "TERM"

    def __init__(self, stage: Stage):
        super().__init__()
        self.data = Path(stage.another("pretix")) if stage.engine == "SQLite" else self.folder
        name = str(self.data / "db.sqlite3") if stage.engine == "SQLite" else "pretix"
        if stage.postgres:
            stage.postgres.create("pretix")
        port = stage.postgres.port if stage.postgres else ""
        backend = "postgresql" if stage.postgres else "sqlite3"
        (self.folder / "pretix.cfg").write_text(
            CONFIGURATION.format(folder=self.data, backend=backend, name=name, port=port)
        )
        self.variables = self.how["env"] | {"PRETIX_CONFIG_FILE": str(self.folder / "pretix.cfg")}
        self.how |= {"env": self.variables}
        self._tables(stage)
        told = self.run("set-up")
        self.token, self.list = told["token"], told["list"]
        bind = f"127.0.0.1:{self.port}"
        self.start(
            str(GUNICORN), "pretix.wsgi", "--workers", "2", "--bind", bind, "--keep-alive", "30", "--max-requests", "0"
        )

    def _tables(self, stage: Stage) -> None:
        """Its migrations take minutes: what they made is kept beside it."""
        kept = HERE / f"tables-{stage.engine.lower()}"
        if stage.engine == "SQLite":
            if not kept.exists():
                self._migrate()
                shutil.copy(self.data / "db.sqlite3", kept)
            shutil.copy(kept, self.data / "db.sqlite3")
            return
        where = ["--username=postgres", "--host=127.0.0.1", f"--port={stage.postgres.port}", "--dbname=pretix"]
        if kept.exists():
            subprocess.run([postgres_program("pg_restore"), *where, kept], check=True)
            return
        self._migrate()
        subprocess.run([postgres_program("pg_dump"), "-Fc", "-f", kept, *where], check=True)

    def _migrate(self) -> None:
        subprocess.run([PYTHON, "-m", "pretix", "migrate"], env=self.variables, check=True, capture_output=True)

    def run(self, what: str):
        command = [PYTHON, "-c", ORDERS, what]
        return json.loads(subprocess.run(command, env=self.variables, check=True, capture_output=True).stdout)

    def answers(self) -> bool:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            try:
                connection.request("GET", "/api/v1/")
                return bool(connection.getresponse().status)
            except (OSError, HTTPException):
                return False


def side(stage: Stage, leaving: ExitStack) -> Side:
    server = leaving.enter_context(Pretix(stage))

    def make(count: int) -> list[bytes]:
        return [request(server, secret) for secret in server.run(str(count))]

    least = 0.5 if stage.engine == "SQLite" else 0.98  # its workers find the database locked by one another
    return Side("pretix", server.port, [server.keeper.pid, *stage.roots], make, b'"status":"ok"', least)


def request(server: Pretix, secret: str) -> bytes:
    body = json.dumps({"secret": secret, "lists": [server.list], "nonce": uuid.uuid4().hex, "source_type": "barcode"})
    head = "POST /api/v1/organizers/bench/checkinrpc/redeem/ HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
    head += (
        f"Authorization: Token {server.token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
