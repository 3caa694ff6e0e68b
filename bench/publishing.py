"""Publishing vouchers, outbox rows and links: beside one INSERT … SELECT of the same rows, and beside busy tills."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Event, Thread
from time import perf_counter

from bench import push, redemption
from bench.harness import Plan, Row, Side, Stage, copied, row, until
from bench.load import fire
from database import db, on_sqlite
from models import Audience, Publication
from quanbao.operations import worker
from quanbao.vouchers import publications
from tests.support.servers import Site

SIZES = (100_000, 1_000_000)
TENTH = 10  # of the customers has a browser in which they are told; and so many addresses are no customers'
TILLS = 8
CUSTOMERS = (
    """INSERT INTO account (email, proved, created_at)
       WITH RECURSIVE numbers(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM numbers WHERE i < {last})
       SELECT i || '@customer.example', {no}, {now} FROM numbers""",
    """INSERT INTO customer (merchant_id, consumer_id, address, first_seen_at)
       SELECT {merchant}, id, email, {now} FROM account WHERE true ON CONFLICT DO NOTHING""",
)
SAME = (  # the rows that a publication to all customers, and one to strangers, make
    """INSERT INTO voucher (code, campaign_id, consumer_id, issued_to_id, nth, uses, uses_left, returned, issued_at)
       SELECT {code}, {campaign}, consumer_id, consumer_id, 1, 1, 1, 0, {now}
       FROM customer WHERE merchant_id = {merchant}""",
    """INSERT INTO delivery (subscription_id, voucher_id, event, about, due_at, tries, made_at)
       SELECT s.id, v.id, 'issued', 0, {now}, 0, {now} FROM voucher v
       JOIN subscription s ON s.account_id = v.consumer_id WHERE v.campaign_id = {campaign}""",
    """INSERT INTO claim (token_hash, seed, campaign_id, address, nth, made_at, expires_at)
       SELECT {hash}, {seed}, {campaign}, 'to-' || address, 1, {now}, {now}
       FROM customer WHERE merchant_id = {merchant} AND id / {tenth} * {tenth} = id""",
)
RANDOM = {
    True: {"code": "hex(randomblob(8))", "hash": "randomblob(32)", "seed": "randomblob(16)", "no": 0},
    False: {
        "code": "upper(substr(md5(random()::text), 1, 16))",
        "hash": "sha256(random()::text::bytea)",
        "seed": "substr(sha256(random()::text::bytea), 1, 16)",
        "no": "false",
    },
}


def measure(stage: Stage, plan: Plan) -> Iterator[Row]:
    made, at_once = 0, []
    for size in map(plan.rows, SIZES):
        customers(stage, made, size)
        made, ours, at_once = size, [], []
        for _ in range(plan.rounds):
            with copied(stage.settings):
                ours.append(published(stage, size))
            with copied(stage.settings):
                at_once.append(inserted(stage, size))
        what = f"publishing {size:,}, no till open"
        yield row(what, stage.engine, "INSERT … SELECT", ">= 0.5", ours, at_once, "a second")
    yield from beside_tills(stage, plan, made, at_once)


def customers(stage: Stage, made: int, size: int) -> None:
    """So many in all; each tenth of them has a browser."""
    told = (size - made) // TENTH
    push.browsers(stage.world, "https://push.example", "a key", told)
    for statement in CUSTOMERS:
        db.execute_sql(statement.format(first=made + 1, last=size - told, **known(stage)))
    if not on_sqlite():
        db.execute_sql("ANALYZE")


def known(stage: Stage) -> dict:
    now = round(stage.world.clock().timestamp() * 1_000_000)
    return RANDOM[on_sqlite()] | {"now": now, "merchant": stage.world.merchant.id, "tenth": TENTH}


def start(stage: Stage, size: int) -> list[Publication]:
    """To all customers, and to strangers."""
    campaign, now = stage.world.campaign(quantity=10**9), stage.world.clock()
    strangers = [f"{number}@stranger.example" for number in range(size // TENTH)]
    return [
        publications.start(campaign, Audience.ALL, [], now=now),
        publications.start(campaign, Audience.ADDRESSES, strangers, now=now),
    ]


def published(stage: Stage, size: int) -> float:
    """Vouchers and links a second, as the worker makes them."""
    began, stop = perf_counter(), Event()
    made = start(stage, size)
    working = Thread(target=work, args=(stop, stage), daemon=True)
    working.start()
    until(lambda: not publications.waiting(), "the publications")
    seconds = perf_counter() - began
    stop.set()
    working.join()
    return done(made) / seconds


def work(stop: Event, stage: Stage) -> None:
    try:
        worker.run(stop, clock=stage.world.clock, key=stage.world.keys.receipts)
    finally:
        db.close()


def done(made: list[Publication]) -> int:
    return sum(row.done for row in Publication.select().where(Publication.id.in_([one.id for one in made])))


def inserted(stage: Stage, size: int) -> float:
    """The same rows a second."""
    campaign = stage.world.campaign(quantity=10**9)
    began = perf_counter()
    with db.atomic():
        for statement in SAME:
            db.execute_sql(statement.format(campaign=campaign.id, **known(stage)))
    return (size + size // TENTH) / (perf_counter() - began)


def beside_tills(stage: Stage, plan: Plan, size: int, at_once: list[float]) -> Iterator[Row]:
    """In one server: tills alone, then the same tills while a publication goes on."""
    alone, beside, rates = [], [], []
    for _ in range(plan.rounds):
        with copied(stage.settings) as settings, Site(settings, stage.world, processes=2) as site:
            side = redemption.ours(stage, site)
            side.warm_up(plan, TILLS)
            alone.append(side.take(plan.seconds, TILLS)[0].times)
            rate, load = publish_beside(stage, plan, size, side)
            rates.append(rate)
            beside.append(load)
    engine = stage.engine
    yield row(
        f"publishing {size:,} beside {TILLS} tills", engine, "INSERT … SELECT", ">= 0.1", rates, at_once, "a second"
    )
    for what, of, goal in (("p50", median, "<= 1.5"), ("slowest", max, "<= 3")):
        ours, theirs = ([1000 * of(times) for times in some] for some in (beside, alone))
        yield row(f"redemption meanwhile: {what}", engine, "without it", goal, ours, theirs, "ms")


def publish_beside(stage: Stage, plan: Plan, size: int, side: Side) -> tuple[float, list[float]]:
    """How many a second the server published, and the seconds of the redemptions while it did."""
    with ThreadPoolExecutor() as pool:
        firing = pool.submit(fire, side.port, side.pool, good=side.good, clients=TILLS, seconds=plan.seconds)
        began = perf_counter()
        made = start(stage, size)
        until(lambda: firing.done() or not publications.waiting(), "the publications")
        seconds, count = perf_counter() - began, done(made)
        load = firing.result()
    return count / seconds, [time for time, at in zip(load.times, load.at, strict=True) if at - time < seconds]
