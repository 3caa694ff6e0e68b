"""`quanbao selfcheck` on both engines; with `--broken` it must see the damage, and the shop's data stays as it is."""

from dataclasses import replace

import pytest

from database import db, open_database
from models import Redemption
from quanbao.campaigns import figures
from tests.conftest import POSTGRESQL
from tests.operations.test_cli import run
from tests.support.servers import Pgbouncer

pytestmark = pytest.mark.race


def check(world, database, *words: str):
    given = {"DATABASE_URL": database.database_url} if database.database_url else {}
    world.attempt(world.voucher())
    result = run(database.data, "selfcheck", *words, **given)
    db.close()
    open_database(database.database_url, database.sqlite_file)
    assert Redemption.select().count() == 1
    assert list(figures.differences()) == []
    return result


def test_it_says_that_all_is_well(world, database):
    result = check(world, database)
    assert (result.returncode, result.stderr) == (0, "")
    assert "redeemed once each" in result.stdout
    assert "not oversold" in result.stdout


def test_with_the_guards_off_it_reports_the_damage(world, database):
    result = check(world, database, "--broken")
    assert result.returncode == 1
    assert "a voucher good for one use was redeemed" in result.stderr
    assert "a campaign with a quantity of 10 was redeemed" in result.stderr
    assert "uses_left" in result.stderr or "redeemed:" in result.stderr


def test_nothing_of_it_stays(world, database):
    check(world, database)
    if database.database_url:
        schemas = db.execute_sql("SELECT nspname FROM pg_namespace WHERE nspname ~ '^quanbao'").fetchall()
        assert schemas == []


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
@pytest.mark.parametrize("dropped", [{}, {"ignore_startup_parameters": "options"}], ids=["refused", "dropped"])
def test_it_leaves_the_shop_alone_where_a_pooler_takes_its_schema_away(
    world, database, postgres_server, pgbouncer, dropped
):
    with Pgbouncer(postgres_server, **dropped) as pooler:
        result = check(world, replace(database, database_url=pooler.url("test")), "--broken")
        assert db.execute_sql("SELECT nspname FROM pg_namespace WHERE nspname ~ '^quanbao'").fetchall() == []
    assert result.returncode == 1
    assert "search_path" in result.stderr or "startup parameter" in result.stderr
