"""Requests over so many connections for so many seconds, each sent when the one before it is answered.

A process of its own, so that what it costs is not counted for the server: `fire` starts it and hands the requests over.
"""

import pickle
import selectors
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60  # seconds for one answer


@dataclass
class Load:
    """What came: good answers alone count; `times` are seconds an answer, `at` when it came, from the beginning."""

    seconds: float = 0.0
    good: int = 0
    times: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    others: list[bytes] = field(default_factory=list)  # the beginnings of some answers that were not good

    @property
    def rate(self) -> float:
        return self.good / self.seconds


def fire(port: int, requests: list[bytes], *, good: bytes, clients: int, seconds: float, least: float = 0.98) -> Load:
    """Until the seconds are over, or the requests. Good is an answer with these bytes in it; `least` of all are."""
    with subprocess.Popen([sys.executable, Path(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        answer, _ = process.communicate(pickle.dumps((port, requests, good, clients, seconds)))
    load = Load(*pickle.loads(answer))
    assert load.good > least * len(load.times), f"{load.good} of {len(load.times)} answers were good: {load.others}"
    return load


class Connection:
    """One client: a request on its way, and what came of the answer."""

    def __init__(self, port: int):
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.came, self.began = b"", time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> bytes | None:
        """The whole answer, once it is here."""
        more = self.socket.recv(262_144)
        if not more:
            raise ConnectionError(f"closed in the middle of an answer: {self.came[:200]!r}")
        self.came += more
        head, end, body = self.came.partition(b"\r\n\r\n")
        if not end:
            return None
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return self.came if body.endswith(b"0\r\n\r\n") else None
        length = lower.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        return self.came if len(body) >= int(length or 0) else None


def run(port: int, requests: list[bytes], good: bytes, clients: int, seconds: float) -> tuple:
    load, selector, left = Load(), selectors.DefaultSelector(), iter(requests)
    began = time.perf_counter()
    for _, request in zip(range(clients), left, strict=False):
        connection = Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(request)
    while selector.get_map():
        for key, _ in selector.select(PATIENCE) or _silence():
            _go_on(key.data, load, good, selector, left, began + seconds)
    load.seconds = time.perf_counter() - began
    load.at = [moment - began for moment in load.at]
    return load.seconds, load.good, load.times, load.at, load.others


def _go_on(connection: Connection, load: Load, good: bytes, selector, left, deadline: float) -> None:
    answer = connection.read()
    if answer is None:
        return
    now = time.perf_counter()
    load.times.append(now - connection.began)
    load.at.append(now)
    if good in answer:
        load.good += 1
    elif len(load.others) < 3:
        load.others.append(answer[-300:])
    request = next(left, None) if now < deadline else None
    if request is None:
        selector.unregister(connection.socket)
        connection.socket.close()
        return
    if b"\r\nconnection: close" in answer.lower():
        selector.unregister(connection.socket)
        connection.socket.close()
        connection.__init__(connection.port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    connection.send(request)


def _silence():
    raise TimeoutError(f"no answer within {PATIENCE} s")


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(run(*pickle.load(sys.stdin.buffer))))
