"""How fast one process tells 10,000 browsers, at a push service that answers after 50 ms.

    .venv/bin/python bench/push.py [browsers]

Prints the seconds, and the processor's time against that of the encryption alone (RFC 8291, one message each).
The service is a process of its own that reads requests and checks nothing.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event as Flag

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(Path(__file__).parent.parent))

from config import from_environment
from database import open_database, write_transaction
from models import Account, Delivery, Session, Subscription
from quanbao.messages import events
from quanbao.messages.push.subscriptions import base64url
from quanbao.messages.push.vapid import public_key
from quanbao.operations import migrate
from quanbao.redemption.redeem import Keys
from quanbao.vouchers import issuing
from tests.support.clock import Clock
from tests.support.factories import World
from web import create_app
from web.present.push_messages import postman

SINK = r"""
import asyncio
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"

async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            await asyncio.sleep(0.05)
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def fill(world: World, service: str, vapid_key: str, size: int) -> None:
    """As many accounts, each with a voucher and a browser."""
    now, campaign = world.clock(), world.campaign(quantity=size)
    point = (
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    for start in range(0, size, 1000):
        numbers = range(start, min(start + 1000, size))
        people = [
            row.id
            for row in Account.insert_many(
                [{"email": f"{n}@example.org", "created_at": now} for n in numbers]
            ).returning(Account.id)
        ]
        sessions = [
            row.id
            for row in Session.insert_many(
                [
                    {
                        "token_hash": os.urandom(32),
                        "account": person,
                        "created_at": now,
                        "confirmed_at": now,
                        "seen_at": now,
                        "expires_at": now + events.PATIENCE,
                    }
                    for person in people
                ]
            ).returning(Session.id)
        ]
        Subscription.insert_many(
            [
                {
                    "session": session,
                    "account": person,
                    "endpoint": f"{service}/send/{session}",
                    "service": service,
                    "p256dh": base64url(point),
                    "auth": base64url(os.urandom(16)),
                    "vapid_key": vapid_key,
                    "origin": "https://vouchers.example",
                    "language": "en",
                    "created_at": now,
                }
                for session, person in zip(sessions, people, strict=True)
            ]
        ).execute()
        write_transaction(lambda people=people: issuing.issue_once(campaign, people, now))


def encryption_alone(size: int) -> float:
    """Seconds of the processor to encrypt as many messages of the usual length, and nothing else."""
    point = (
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    secret, before = os.urandom(16), time.process_time()
    for _ in range(size):
        http_ece.encrypt(
            b"x" * 330,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=point,
            auth_secret=secret,
            version="aes128gcm",
        )
    return time.process_time() - before


def main(size: int) -> None:
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    try:
        measure(size, f"http://127.0.0.1:{int(sink.stdout.readline())}")
    finally:
        sink.kill()


def measure(size: int, service: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = from_environment(
            {"QUANBAO_DATA": folder, "QUANBAO_PUSH_HOSTS": service, "QUANBAO_CONTACT": "mailto:operator@example.org"}
        )
        open_database(None, settings.sqlite_file)
        migrate.migrate()
        world = World(Clock("2026-12-01T12:00:00+08:00"), Keys(settings.password_key, settings.secret_key))
        fill(world, service, public_key(settings.vapid_key), size)
        assert Delivery.select().count() == size
        alone = encryption_alone(size)
        sender = postman(create_app(settings, clock=world.clock))
        began, busy = time.perf_counter(), time.process_time()
        asyncio.run(sender.deliver(Flag()))
        seconds, busy = time.perf_counter() - began, time.process_time() - busy
        assert Delivery.select().count() == 0, "all were sent"
        print(
            f"{size:,} browsers in {seconds:.1f} s; {busy:.1f} s of one processor, "
            f"{busy / alone:.1f} times the {alone:.1f} s of the encryption alone"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
