"""Requests of people and attackers to a site's processes, one connection each, and many at one moment."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlencode

from tests.support.servers import Server

PATIENCE = 60  # seconds; only what fails takes so long


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    cookie: str
    process: str
    body: str


@dataclass(frozen=True)
class Ask:
    """One request; a form makes it a POST."""

    path: str
    form: dict[str, str] | None = None
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""

    def to(self, site: Server) -> Answer:
        method = self.method or ("GET" if self.form is None else "POST")
        headers = {"Sec-Fetch-Site": "same-origin", "Accept-Language": "en", "Cookie": self.cookie} | self.headers
        if self.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)) as connection:
            connection.request(method, self.path, None if self.form is None else urlencode(self.form), headers)
            found = connection.getresponse()
            body = found.read().decode(errors="replace")
        cookie = (found.getheader("Set-Cookie") or "").split(";")[0]
        return Answer(found.status, found.getheader("Location", ""), cookie, found.getheader("X-Process", ""), body)


def together(site: Server, asks: Sequence[Ask]) -> list[Answer]:
    """The answers, in order, to requests that are let go at one moment."""
    start = threading.Barrier(len(asks))

    def go(ask: Ask) -> Answer:
        start.wait(PATIENCE)
        return ask.to(site)

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(go, asks))


def by_every_process(site: Server, ask: Ask, processes: int = 2, most: int = 200) -> list[Answer]:
    """Ask again and again until so many processes have answered."""
    answers: list[Answer] = []
    while len({answer.process for answer in answers}) < processes:
        assert len(answers) < most, "one of the processes never answered"
        answers.append(ask.to(site))
    return answers
