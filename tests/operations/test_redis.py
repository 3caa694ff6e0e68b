"""Flood limits that processes share by Redis: what an operator is told when it is away, and what stops the start."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection

import pytest

from tests.operations.test_cli import Site, problem
from tests.support.crowds import at_once
from tests.support.page_client import PageClient
from tests.support.push_fixtures import until
from tests.support.servers import Redis
from web import create_app
from web.auth import limits
from web.auth.limits import Unusable, redis_answers

AWAY, BACK = "Redis does not answer", "Redis answers again"
CLOSED = "redis://127.0.0.1:1/0"  # no server listens there

pytestmark = pytest.mark.redis


@pytest.fixture
def own_redis(redis_server) -> Iterator[Redis]:
    """To be stopped; only where there is a Redis at all."""
    server = Redis()
    yield server
    if server.answers():
        server.stop()


@pytest.fixture
def app(small_world, sqlite, clock, own_redis):
    yield create_app(replace(sqlite, redis_url=own_redis.url), clock=clock)
    limits.limiter.begin(shared=False)


def sign_in(app) -> int:
    return (
        PageClient(app)
        ._send("POST", "/sign-in", {}, {"data": {"email": "x@example.org", "password": "wrong"}})
        .status_code
    )


def test_redis_lost_and_found_again_is_a_line_each(app, own_redis, caplog):
    with caplog.at_level(logging.INFO, "quanbao"):
        assert sign_in(app) == 422
        own_redis.stop()
        assert at_once(*[lambda: sign_in(app)] * 4) == [422] * 4, "without it each process counts for itself"
        assert sign_in(app) == 422
        assert caplog.text.count(AWAY) == 1
        assert caplog.text.count(BACK) == 0
        with Redis(own_redis.port):
            until(lambda: sign_in(app) in (422, 429) and BACK in caplog.text, "Redis is found again")
            sign_in(app)
    assert (caplog.text.count(AWAY), caplog.text.count(BACK)) == (1, 1)


def test_where_no_redis_is_asked_for_nothing_is_said_of_it(small_world, sqlite, clock, caplog, monkeypatch):
    app = create_app(sqlite, clock=clock)
    limits.limiter._storage_dead = True
    limits.limiter._storage_dead = False
    assert sign_in(app) == 422
    assert "Redis" not in caplog.text


@pytest.mark.parametrize("rest", ["/99", "/0?retries=3", "/0?db=x"])
def test_what_no_waiting_helps_stops_the_start(tmp_path, redis_server, rest):
    line = problem(tmp_path / "data", "serve", "--port", "0", REDIS_URL=redis_server.url.removesuffix("/0") + rest)
    assert line.startswith("QUANBAO_REDIS_URL ")


def test_a_password_that_redis_refuses_stops_the_start(redis_server):
    with pytest.raises(Unusable, match="is refused by Redis"):
        redis_answers(redis_server.url.replace("//", "//:wrong@"))


def test_a_redis_that_is_away_is_told_at_the_start_and_the_site_serves(tmp_path, redis_server):
    assert redis_answers(redis_server.url)
    with Site(tmp_path / "data", "serve", REDIS_URL=CLOSED) as site:
        assert "QUANBAO_REDIS_URL: Redis does not answer" in site.said()
        connection = HTTPConnection("127.0.0.1", site.port, timeout=10)
        connection.request("GET", "/sign-in")
        assert connection.getresponse().status == 200
