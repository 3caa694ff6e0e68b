"""The negative control of a stalled neighbour: the real application, which tells its push service before it answers."""

import os
import socket
from urllib.parse import urlsplit

from quanbao.messages import events
from web.server.gateway import Gateway
from wsgi import gateway as real

PATIENCE = 0.5  # seconds


def redeemed(voucher, now) -> None:
    """The message leaves in the transaction that it tells of; whoever redeems waits for the answer."""
    service = urlsplit(os.environ["QUANBAO_PUSH_HOSTS"].split()[0])
    with socket.create_connection((service.hostname, service.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        try:
            connection.recv(1)
        except TimeoutError:
            pass


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    events.redeemed = redeemed
    return real()
