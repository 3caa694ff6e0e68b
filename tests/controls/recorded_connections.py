"""The real application, whose connections and look-ups are all written down.

The file named by HEARD gets a line each, whatever part of the process it was. No name is looked up in earnest: all of
them, and all addresses, are at 127.0.0.1.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from web.server.gateway import Gateway
from wsgi import gateway as real


def note(*what: Any) -> None:
    line = json.dumps([str(part) for part in what]) + "\n"
    with open(os.environ["HEARD"], "a") as file:  # one write, which processes do not mix
        file.write(line)


def heard(file: Path) -> list[list[str]]:
    """What has been written down so far: `connect` or `look up`, and where to."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def look_up(host: Any, port: Any, *_: Any, **__: Any) -> list[tuple]:
    note("look up", host, port)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]


def _listen(event: str, arguments: tuple) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):  # not the sockets within this machine
        note("connect", *arguments[1][:2])


def gateway() -> Gateway:
    """The target of the server's processes: to import this module changes nothing."""
    sys.addaudithook(_listen)
    socket.getaddrinfo = look_up
    return real()
