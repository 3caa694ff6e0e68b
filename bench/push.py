"""What it takes to tell 10,000 browsers by push, beside the encryption alone (RFC 8291, one message each).

The push service is a process of its own that answers after 50 ms and checks nothing; it is not counted.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from threading import Event as Flag

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from peewee import chunked

from bench.harness import Plan, Row, Stage, processor, row
from database import write_transaction
from models import Account, Delivery, Session, Subscription
from quanbao.messages import events
from quanbao.messages.push.subscriptions import base64url
from quanbao.messages.push.vapid import public_key
from quanbao.vouchers import issuing
from tests.support.factories import World
from web import create_app
from web.present.push_messages import postman

BROWSERS = 10_000
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


def browsers(world: World, service: str, vapid_key: str, size: int) -> list[int]:
    """As many accounts, each with a browser that is told."""
    now, point, host = world.clock(), base64url(public_point()), f"{os.urandom(4).hex()}.example"
    people = []
    for numbers in chunked(range(size), 1000):
        accounts = [{"email": f"{number}@{host}", "created_at": now} for number in numbers]
        ids = [row.id for row in Account.insert_many(accounts).returning(Account.id)]
        times = {"created_at": now, "confirmed_at": now, "seen_at": now, "expires_at": now + events.PATIENCE}
        sessions = [{"token_hash": os.urandom(32), "account": person, **times} for person in ids]
        made = [row.id for row in Session.insert_many(sessions).returning(Session.id)]
        Subscription.insert_many(
            [
                {
                    "session": session,
                    "account": person,
                    "endpoint": f"{service}/send/{session}",
                    "service": service,
                    "p256dh": point,
                    "auth": base64url(os.urandom(16)),
                    "vapid_key": vapid_key,
                    "origin": "https://vouchers.example",
                    "language": "en",
                    "created_at": now,
                }
                for session, person in zip(made, ids, strict=True)
            ]
        ).execute()
        people += ids
    return people


def public_point() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encryption_alone(size: int) -> float:
    """Seconds of the processor to encrypt as many messages of the usual length, and nothing else."""
    point = public_point()
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


def measure(stage: Stage, plan: Plan) -> Iterator[Row]:
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout
        yield delivered(stage, plan, f"http://127.0.0.1:{int(sink.stdout.readline())}")
    finally:
        sink.kill()


def delivered(stage: Stage, plan: Plan, service: str) -> Row:
    told = {"push_hosts": frozenset({service}), "contact": "mailto:operator@example.org"}
    settings = replace(stage.settings, **told)
    sender = postman(create_app(settings, clock=stage.world.clock))
    size, ours, theirs = plan.rows(BROWSERS), [], []
    people = browsers(stage.world, service, public_key(settings.vapid_key), size)
    for _ in range(plan.rounds):
        campaign = stage.world.campaign(quantity=size)
        for some in chunked(people, 1000):
            write_transaction(partial(issuing.issue_once, campaign, some, stage.world.clock()))
        theirs.append(encryption_alone(size))
        began = time.process_time() + processor(*stage.roots)
        asyncio.run(sender.deliver(Flag()))
        ours.append(time.process_time() + processor(*stage.roots) - began)
        assert Delivery.select().count() == 0, "all were sent"
    return row(f"push, {size:,} delivered: processor", stage.engine, "cryptography", "<= 3.2", ours, theirs, "s")
