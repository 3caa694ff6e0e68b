"""Arrays as one parameter: both engines find and write what peewee's own lists of marks would."""

import pytest
from peewee import Value

from models import Account, Claim, Customer, Voucher
from quanbao.lib import arrays
from tests.support.crowds import make_customers


@pytest.fixture
def people(world):
    return make_customers(world, 6)


def ids(condition) -> list[int]:
    return [row.id for row in Customer.select().where(condition).order_by(Customer.id)]


def test_numbers_in_a_row_and_with_gaps(people):
    numbers = [row.id for row in people]
    for some in (numbers, numbers[1:4], numbers[::2], numbers[2:3], [numbers[0], numbers[5]], [numbers[3]] * 2, []):
        assert ids(arrays.among(Customer.id, some)) == sorted(set(some))
    assert ids(arrays.among(Customer.id, [numbers[0], numbers[0], numbers[2]])) == [numbers[0], numbers[2]], "not a row"
    assert ids(arrays.among(Customer.id, {-1, 0, 2**63 - 1, numbers[1]})) == [numbers[1]]


@pytest.mark.parametrize("odd", ["", "'; --", '"', "\\", "常客", "{a,b}", "NULL", "a,b", "\u2028"])
def test_texts_whatever_is_in_them(people, odd):
    Customer.update(address=odd).where(Customer.id == people[2].id).execute()
    assert ids(arrays.among(Customer.address, [odd, people[4].address, "nobody@example.org"])) == [
        people[2].id,
        people[4].id,
    ]
    assert ids(arrays.among(Customer.address, [])) == []


def test_rows_are_written_in_their_order_with_bytes_and_constants(world):
    campaign = world.campaign()
    rows = [(f"{n}@example.org", bytes([n, 0, 255]) * 5, bytes([n]) * 32) for n in range(9)]
    now = Value(world.clock(), converter=Claim.made_at.db_value)
    wanted = {
        Claim.address: "address",
        Claim.seed: "seed",
        Claim.token_hash: "token_hash",
        Claim.campaign: Value(campaign.id),
        Claim.nth: Value(7),
        Claim.made_at: now,
        Claim.expires_at: now,
    }
    columns = {"address": "text", "seed": "bytea", "token_hash": "bytea"}
    insert = Claim.insert_from(arrays.select(columns, rows, list(wanted.values())), list(wanted))
    numbers = arrays.inserted(insert, Claim.id)
    written = [Claim.get_by_id(number) for number in numbers]
    assert [(row.address, bytes(row.seed), bytes(row.token_hash)) for row in written] == rows
    assert {(row.nth, row.campaign_id, row.made_at) for row in written} == {(7, campaign.id, world.clock())}


def test_the_ids_are_those_of_the_rows_that_were_new(world):
    mei, campaign = world.mei, world.campaign()
    world.voucher(campaign=campaign, holder=mei)
    others = [world.account() for _ in range(3)]
    rows = [(f"{n:016}", person.id) for n, person in enumerate([others[0], mei, *others[1:]])]
    moment = Value(world.clock(), converter=Voucher.issued_at.db_value)
    fields = [
        Voucher.code,
        Voucher.consumer,
        Voucher.issued_to,
        Voucher.campaign,
        Voucher.uses,
        Voucher.uses_left,
        Voucher.returned,
    ]
    wanted = ["code", "consumer", "consumer", Value(campaign.id), Value(1), Value(1), Value(0), moment, Value(1)]
    chosen = arrays.select({"code": "text", "consumer": "bigint"}, rows, wanted)
    insert = Voucher.insert_from(chosen, [*fields, Voucher.issued_at, Voucher.nth]).on_conflict_ignore()
    numbers = list(arrays.inserted(insert, Voucher.id))
    assert [Voucher.get_by_id(number).consumer_id for number in numbers] == [person.id for person in others]
    assert Account.select().count() >= 4
    assert list(arrays.inserted(insert.clone(), Voucher.id)) == []
