"""The negative control of the races: the real application, whose guards are replaced from here as it starts.

What is left is written as if nobody else were at a till: look, then act on what was seen. A pause between the
two lets the others look meanwhile. A race that finds no damage here would find none anywhere.

`python -m tests.unguarded serve …` takes the same words as `quanbao serve`.
"""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import TypeVar

from flask import Flask, Response

import cli
from config import from_environment
from database import db, on_sqlite
from models import Campaign, Voucher
from quanbao import budgets, redemption
from web import create_app
from web.front import Front

T = TypeVar("T")

PAUSE = 0.4  # seconds; longer than a busy machine takes to bring all of a burst to the same point

look_at_consumer = budgets._of_consumer


def write_transaction(work: Callable[[], T]) -> T:
    """No turn and no second try; on SQLite no transaction either.

    A deferred one would be a guard there: its snapshot is refused the write when anybody wrote since.
    """
    with nullcontext() if on_sqlite() else db.atomic():
        return work()


def take_use(voucher: Voucher, now: datetime) -> None:
    """The use that was seen is taken, whoever took it meanwhile."""
    time.sleep(PAUSE)
    voucher.uses_left -= 1
    voucher.ended_at = None if voucher.uses_left else now
    voucher.save(only=[Voucher.uses_left, Voucher.ended_at])


def count(campaign: Campaign, discount: int, first: bool) -> None:
    """One more than was seen, whatever was counted meanwhile."""
    campaign.redeemed += 1
    campaign.consumers += int(first)
    campaign.discount_given += discount
    campaign.save(only=[Campaign.redeemed, Campaign.consumers, Campaign.discount_given])


def of_consumer(*what) -> budgets.Spent | None:
    """The tries that were seen are judged, however many were reserved meanwhile."""
    spent = look_at_consumer(*what)
    time.sleep(PAUSE)
    return spent


def name_process(response: Response) -> Response:
    """So that a test can tell that all the processes took part."""
    response.headers["X-Process"] = str(os.getpid())
    return response


def create_unguarded() -> Flask:
    for module in (redemption, budgets):
        module.write_transaction = write_transaction
        module.locked = lambda query: query
    redemption._take_use, redemption._count = take_use, count
    budgets._of_consumer = of_consumer
    app = create_app(from_environment())
    app.after_request(name_process)
    return app


def front() -> Front:
    """The target of the server's processes: to import this module changes nothing."""
    return Front(create_unguarded())


if __name__ == "__main__":
    serve_target = cli._serve
    cli._serve = lambda target, *rest: serve_target("tests.unguarded:front", *rest)
    cli.main()
