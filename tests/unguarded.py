"""The negative control of the races: the real application, its guards replaced from outside while it starts.

What is left is what one writes who has not thought of races: look, then act on what was seen. A pause between
the two makes sure that the others look meanwhile. If the races find nothing here, they can find nothing at all.

`python -m tests.unguarded serve …` takes the words of `quanbao serve`.
"""

import os
import time
from contextlib import nullcontext

import cli
import database
from config import from_environment
from database import db, on_sqlite
from models import Campaign, Voucher
from quanbao import budgets, redemption
from web import create_app

PAUSE = 0.05  # seconds

def write_transaction(work):
    with nullcontext() if on_sqlite() else db.atomic():
        return work()


def take_use(voucher, now):
    time.sleep(PAUSE)
    voucher.uses_left -= 1
    voucher.ended_at = None if voucher.uses_left else now
    Voucher.update(uses_left=voucher.uses_left, ended_at=voucher.ended_at).where(Voucher.id == voucher.id).execute()


def count(campaign, discount, first):
    Campaign.update(
        redeemed=campaign.redeemed + 1, consumers=campaign.consumers + int(first),
        discount_given=campaign.discount_given + discount,
    ).where(Campaign.id == campaign.id).execute()


def of_consumer(of_consumer, now, look=budgets._of_consumer):
    seen = look(of_consumer, now)
    time.sleep(PAUSE)
    return seen


def unguarded():
    redemption.write_transaction = budgets.write_transaction = write_transaction
    redemption.locked = budgets.locked = lambda query: query
    redemption._take_use, redemption._count = take_use, count
    budgets._of_consumer = of_consumer
    app = create_app(from_environment())
    app.after_request(lambda r: (r.headers.__setitem__("X-Process", str(os.getpid())), r)[1])
    return app


def __getattr__(name):
    if name in ("app", "application"):
        globals()["app"] = unguarded()
        return globals()["app"]
    raise AttributeError(name)


if __name__ == "__main__":
    serve = cli._serve
    cli._serve = lambda target, *rest: serve("tests.unguarded:app", *rest)
    cli.main()
