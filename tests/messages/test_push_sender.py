"""The postman: what push services answer, what becomes of the messages, and who is held up by whom."""

import asyncio
import logging
import threading
import time
from datetime import timedelta
from email.utils import format_datetime
from threading import Event as Flag

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from database import Busy
from models import Delivery, Subscription
from quanbao.messages import outbox as outbox_module
from quanbao.messages.push import sender, vapid
from quanbao.messages.push.vapid import Signer
from quanbao.passwords import attack_alerts
from tests.support.push_fixtures import outbox, subscribed, until
from tests.support.push_service import PushService, decoded, encoded


def due(world) -> list[float]:
    """Seconds until each message is due."""
    return [(row.due_at - world.clock()).total_seconds() for row in Delivery.select().order_by(Delivery.id)]


# RFC 8291, appendix A


WATERMELON = {
    "plain": b"When I grow up, I want to be a watermelon",
    "sender": "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "receiver": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94",
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    "salt": "DGv6ra1nlYgDCS1FRnbzlw",
    "body": "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6"
    "PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
}


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text)), ec.SECP256R1())


def test_the_bodies_of_the_rfc(monkeypatch):
    """The code that we encrypt with, given the sender's key and the salt that the RFC took."""
    monkeypatch.setattr(ec, "generate_private_key", lambda *_: private(WATERMELON["sender"]))
    monkeypatch.setattr(http_ece.os, "urandom", lambda size: decoded(WATERMELON["salt"])[:size])
    body = sender.encrypt(WATERMELON["plain"], WATERMELON["p256dh"], WATERMELON["auth"])
    assert encoded(body) == WATERMELON["body"]


def test_each_body_has_a_key_and_a_salt_of_its_own():
    bodies = [sender.encrypt(b"again", WATERMELON["p256dh"], WATERMELON["auth"]) for _ in range(3)]
    assert len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 3
    for body in bodies:
        assert (
            http_ece.decrypt(
                body,
                private_key=private(WATERMELON["receiver"]),
                auth_secret=decoded(WATERMELON["auth"]),
                version="aes128gcm",
            )
            == b"again"
        )


# RFC 8292


def test_one_token_serves_a_push_service_for_half_a_day(settings):
    now = [1_800_000_000.0]
    signer = Signer(settings.vapid_key, "https://localhost", lambda: now[0])
    first = signer.authorization("https://a.example")
    assert signer.authorization("https://a.example") == first
    assert signer.authorization("https://b.example") != first
    now[0] += vapid.REUSED - 1
    assert signer.authorization("https://a.example") == first
    now[0] += 1
    assert signer.authorization("https://a.example") != first
    assert vapid.REUSED < vapid.GOOD <= 24 * 3600


def test_a_clock_that_was_put_back_makes_a_new_token(settings):
    now = [1_800_000_000.0]
    signer = Signer(settings.vapid_key, "https://localhost", lambda: now[0])
    first = signer.authorization("https://a.example")
    now[0] -= 3600
    assert signer.authorization("https://a.example") != first


@pytest.mark.parametrize(
    ("contact", "works"),
    [("mailto:operator@example.org", True), ("https://example.org/contact?by=push", True), ("nobody", False)],
)
def test_the_contact_is_named(world, database, settings, mail, contact, works):
    mail.subscribe()
    world.voucher()
    mail.bring(mail.postman(signer=Signer(settings.vapid_key, contact, mail.service.epoch)))
    assert bool(mail.titles()) is works
    if not works:
        assert mail.service.refused.pop() == "nobody is named to write to"
    assert outbox() == []


# What a push service answers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_what_was_taken_is_struck_off(world, mail, status):
    mail.service.will_answer(mail.subscribe(), status)
    world.voucher()
    mail.bring()
    assert len(mail.service.requests) == 1
    assert outbox() == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_no_more_is_forgotten(world, mail, status):
    gone, there = mail.subscribe(), mail.subscribe()
    mail.service.will_answer(gone, status)
    world.voucher()
    mail.bring()
    assert (subscribed(), outbox()) == ({there.endpoint}, [])
    world.voucher()
    mail.bring()
    assert len(mail.titles()) == 2


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 400, 401, 403, 405, 413, 415])
def test_what_is_refused_for_good_is_dropped_with_a_line_that_does_not_name_the_browser(world, mail, caplog, status):
    browser = mail.subscribe()
    mail.service.will_answer(browser, (status, {"Location": f"{mail.service.origin}/elsewhere"}))
    world.voucher()
    with caplog.at_level(logging.WARNING):
        mail.bring()
    assert (outbox(), subscribed()) == ([], {browser.endpoint})
    assert len(mail.service.requests) == 1, "nobody follows a redirect"
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"push: {mail.service.origin} answered {status} to a message, which is dropped"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_cannot_be_taken_now_is_brought_later(world, mail, status):
    mail.service.will_answer(mail.subscribe(), *[status] * 3)
    world.voucher()
    waits = []
    for _ in range(3):
        mail.bring()
        waits += due(world)
        world.clock.forward(seconds=waits[-1] - 1)
        mail.bring()
        world.clock.forward(seconds=1)
    assert waits == [30, 60, 120]
    assert len(mail.service.requests) == 3, "not a second too early"
    mail.bring()
    assert (len(mail.titles()), outbox()) == (1, [])


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("7", 7), ("100", 100), ("999999999999", 86_400), ("", 30), ("soon", 30), ("-5", 30), ("٣", 30), ("1.5", 30)],
)
def test_a_push_service_may_ask_for_patience(world, mail, asked, wait):
    mail.service.will_answer(mail.subscribe(), (429, {"Retry-After": asked.encode().decode("latin-1")}))
    world.voucher()
    mail.bring()
    assert due(world) == [wait]


def test_patience_until_a_date(world, mail):
    mail.service.epoch = world.clock().timestamp
    later = format_datetime(world.clock() + timedelta(minutes=10), usegmt=True)
    mail.service.will_answer(mail.subscribe(), (503, {"Retry-After": later}))
    world.voucher()
    mail.bring()
    assert due(world) == [600]


def test_it_is_given_up_after_a_day(world, mail):
    mail.service.will_answer(mail.subscribe(), *[500] * 100)
    world.voucher()
    for _ in range(60):
        mail.bring()
        world.clock.forward(minutes=30)
    assert outbox() == []
    assert 24 <= len(mail.service.requests) <= 40, "about once an hour"


def test_the_text_of_an_answer_is_nowhere(world, mail, caplog):
    mail.service.will_answer(mail.subscribe(), (403, {"X-Reason": "canary"}))
    world.voucher()
    with caplog.at_level(logging.DEBUG):
        mail.bring()
    assert "canary" not in caplog.text


def test_a_service_that_is_not_there(world, mail):
    browser = mail.service.browser("http://127.0.0.1:9")
    mail.hosts = (*mail.hosts, "http://127.0.0.1:9")
    mail.keep(world.mei, browser)
    world.voucher()
    mail.bring()
    assert (outbox(), due(world)) == ([("issued", 1)], [30])


# Who is held up by whom


@pytest.fixture
def hanging(settings):
    with PushService("", hang=threading.Event()) as service:
        yield service


@pytest.fixture
def impatient(monkeypatch):
    from quanbao.messages.push import http_client

    monkeypatch.setattr(http_client, "PATIENCE", 3.0)


def test_a_service_that_answers_gets_more_at_once_and_one_that_hangs_a_few():
    queue = sender.ServiceQueue()
    for _ in range(200):
        queue.heard(True)
    assert queue.most == sender.AT_ONCE
    queue.heard(False)
    assert (queue.most, queue.silent) == (sender.FIRST, 1)


@pytest.mark.slow
def test_a_service_that_hangs_holds_up_no_other(world, mail, hanging, impatient, monkeypatch, caplog):
    monkeypatch.setattr(sender, "BATCH", 50)
    mail.hosts = (*mail.hosts, hanging.origin)
    for _ in range(120):
        mail.keep(world.account(), hanging.browser())
    people = [row.account for row in Subscription.select()]
    campaign = world.campaign()
    for person in people:
        world.voucher(campaign=campaign, holder=person)
    looks, take = [], outbox_module.take
    monkeypatch.setattr(outbox_module, "take", lambda *a, **m: looks.append(a) or take(*a, **m))
    postman, stop, began = mail.postman(), Flag(), time.monotonic()
    thread = threading.Thread(target=postman.run, args=(stop,))
    thread.start()
    try:
        until(lambda: len(hanging.requests) >= sender.FIRST, "messages that hang")
        mail.subscribe()
        world.voucher(campaign=campaign)
        until(lambda: mail.service.inbox, "the message to the other service")
        assert postman.resting == {}, "it did not have to wait until the first was given up"
        until(lambda: hanging.origin in postman.resting, "a rest")
        assert len(looks) < 10 + 2 * (time.monotonic() - began) / sender.IDLE, (
            "what waits is not read over at each tick"
        )
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert len(hanging.requests) < 120, "it is left alone for a while"
    assert Delivery.select().count() == 120, "nothing is lost"
    assert f"push: {hanging.origin} does not answer; tried again in a minute" in caplog.text


def test_it_does_as_many_at_once_as_it_may(world, mail):
    mail.service.delay = 0.2
    campaign = world.campaign()
    for _ in range(60):
        person = world.account()
        mail.subscribe(person)
        world.voucher(campaign=campaign, holder=person)
    began = time.monotonic()
    mail.bring()
    assert len(mail.titles()) == 60
    assert time.monotonic() - began < 60 * 0.2 / 3


def test_what_waits_is_given_back_when_it_is_told_to_stop(world, mail, monkeypatch):
    monkeypatch.setattr(sender, "AT_ONCE", 2)
    mail.service.delay = 0.1
    campaign = world.campaign()
    for _ in range(20):
        person = world.account()
        mail.subscribe(person)
        world.voucher(campaign=campaign, holder=person)
    stop = Flag()
    threading.Timer(0.3, stop.set).start()
    asyncio.run(mail.postman().deliver(stop))
    sent = len(mail.service.inbox)
    assert 0 < sent < 20
    assert len(outbox()) == 20 - sent
    assert due(world) == [0] * (20 - sent), "nobody waits for a lease to run out"
    mail.bring()
    assert len({message.browser.endpoint for message in mail.service.inbox}) == len(mail.service.inbox) == 20


def test_a_database_that_is_away_for_a_moment_doubles_nothing(world, mail, monkeypatch, caplog):
    mail.subscribe()
    world.voucher()
    whole, broken = outbox_module.settle, [1, 1]

    def settle(outcome):
        if len(outcome) and broken:
            broken.pop()
            raise Busy("away")
        whole(outcome)

    monkeypatch.setattr(outbox_module, "settle", settle)
    postman = mail.postman()
    for _ in range(3):
        mail.bring(postman)
    assert (len(mail.titles()), outbox()) == (1, [])
    assert "push: the database is away: Busy" in caplog.text


# Leases


def test_what_somebody_has_taken_nobody_else_takes(world, mail):
    mail.subscribe()
    world.voucher()
    assert len(outbox_module.take(10, world.clock(), mail.vapid_key, concerns=attack_alerts.concerns)) == 1
    mail.bring()
    assert (mail.titles(), outbox()) == ([], [("issued", 1)])
    world.clock.forward(seconds=outbox_module.LEASE.total_seconds())
    mail.bring()
    assert len(mail.titles()) == 1, "who took it died: it comes back"
    assert outbox() == []


def test_a_lease_that_ran_out_is_anothers(world, mail):
    mail.subscribe()
    world.voucher()
    (mine,) = outbox_module.take(10, world.clock(), mail.vapid_key, concerns=attack_alerts.concerns)
    world.clock.forward(minutes=3)
    (theirs,) = outbox_module.take(10, world.clock(), mail.vapid_key, concerns=attack_alerts.concerns)
    outbox_module.settle(outbox_module.Outcome(later=[(mine.row, world.clock())]))
    assert due(world) == [outbox_module.LEASE.total_seconds()]
    assert mine.topic == theirs.topic, "sent twice, the later takes the place of the earlier"


def test_the_lease_is_longer_than_a_message_may_be_on_its_way():
    rounds = (2 * sender.BATCH) / sender.AT_ONCE + 1
    assert rounds * 10 + sender.FAREWELL < outbox_module.LEASE.total_seconds()
