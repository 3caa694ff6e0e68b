"""What the tests of web push share: a service, browsers that are subscribed there, and the postman's round."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event as Flag
from typing import Any

import pytest

from config import PUSH_HOSTS
from database import db
from models import Account, Delivery, Session, Subscription
from quanbao.messages import events
from quanbao.messages.push import subscriptions
from quanbao.messages.push.sender import Postman
from quanbao.messages.push.subscriptions import Circumstances
from quanbao.messages.push.vapid import Signer, public_key
from quanbao.passwords import attack_alerts
from quanbao.people import accounts
from tests.support.factories import World
from tests.support.push_service import Browser, PushService
from web import create_app
from web.present.push_messages import writer

PATIENCE = 60  # seconds; only what fails takes so long
ORIGIN = "https://vouchers.example"


class Mail:
    """A push service, and who brings messages there from the world's outbox."""

    def __init__(self, world: World, settings, service: PushService):
        self.world, self.service = world, service
        self.vapid_key = public_key(settings.vapid_key)
        self.hosts = (*PUSH_HOSTS, service.origin)
        self.settings = replace(settings, push_hosts=self.hosts)
        self.write = writer(create_app(self.settings, clock=world.clock))

    def postman(self, **more) -> Postman:
        signer = more.pop("signer", None) or Signer(
            self.settings.vapid_key, "mailto:operator@example.org", self.service.epoch
        )
        return Postman(
            **{
                "signer": signer,
                "hosts": self.hosts,
                "write": self.write,
                "clock": self.world.clock,
                "concerns": attack_alerts.concerns,
            }
            | more
        )

    def subscribe(self, account: Account | None = None, **more) -> Browser:
        """A new browser in which somebody is signed in, Mei unless said otherwise, and which wants to be told."""
        browser = self.service.browser()
        self.keep(account or self.world.mei, browser, **more)
        return browser

    def keep(self, account: Account, browser: Browser, *, language: str = "en", vapid_key: str | None = None) -> bool:
        token = accounts.start_session(Account.get_by_id(account.id), self.world.clock())
        session = Session.get(Session.token_hash == accounts.token_hash(token))
        said = subscriptions.read(browser.document, self.hosts)
        with_ = Circumstances(vapid_key or self.vapid_key, ORIGIN, language)
        return subscriptions.keep(said, session, token, with_, self.world.clock())

    def bring(self, postman: Postman | None = None) -> None:
        """News to the outbox, and all that is due to the service."""
        while events.is_waiting():
            events.spread(self.world.clock())
        asyncio.run((postman or self.postman()).deliver(Flag()))

    def titles(self) -> list[str]:
        """What came since the last look."""
        found = self.service.titles()
        self.service.inbox.clear()
        return found


def until(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
        time.sleep(0.005)


def outbox() -> list[tuple[str, int]]:
    """What is still to be sent: events, and how often it was tried."""
    return list(Delivery.select(Delivery.event, Delivery.tries).order_by(Delivery.id).tuples())


def subscribed() -> set[str]:
    return {endpoint for (endpoint,) in Subscription.select(Subscription.endpoint).tuples()}


@pytest.fixture
def push_service(settings):
    with PushService(public_key(settings.vapid_key)) as service:
        yield service
    assert service.refused == [], "what we sent was no good"


@pytest.fixture
def small_mail(small_world, sqlite, push_service):
    """On SQLite alone."""
    yield Mail(small_world, sqlite, push_service)
    db.close()


@pytest.fixture
def mail(world, database, push_service):
    """On both engines."""
    yield Mail(world, database, push_service)
    db.close()
