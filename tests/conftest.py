"""A fresh, migrated database for each test on each engine, and an application on it."""

import shutil
from dataclasses import replace

import pytest
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from config import from_environment
from database import db, open_database
from quanbao.operations import migrate
from quanbao.people import accounts
from quanbao.redemption.redeem import Keys
from tests.support.clock import Clock
from tests.support.factories import World
from tests.support.page_client import PageClient
from web import create_app

pytest_plugins = [
    "tests.support.services",
    "tests.support.chromium",
    "tests.support.sites",
    "tests.support.two_browsers",
    "tests.support.push_fixtures",
]


class CompiledTemplates(BytecodeCache):
    """Each template is compiled once in a process, and not again for the application of each test."""

    def __init__(self):
        self.compiled = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.compiled.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled[bucket.key, bucket.checksum] = bucket.code


def compile_builder(rule: Rule, append_unknown: bool = True, *, compiled={}, compile=Rule._compile_builder):  # noqa: B006
    """What builds a route's addresses: compiled once in a process as well, since it takes most of create_app()."""
    key = rule.rule, rule.subdomain, str(rule.defaults), append_unknown
    if key not in compiled:
        compiled[key] = compile(rule, append_unknown)
    return compiled[key]


Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}
Rule._compile_builder = compile_builder

SQLITE = "sqlite"
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.postgresql)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """A SQLite file with all tables and no rows, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "quanbao.sqlite3"
    open_database(None, path)
    migrate.migrate()
    db.close()  # the last connection folds the WAL into the file
    return path


@pytest.fixture(scope="session")
def migrated_template(postgres_server):
    """The name of a PostgreSQL database with all tables and no rows, to copy."""
    open_database(postgres_server.create("migrated"), None)
    migrate.migrate()
    db.close()
    return "migrated"


@pytest.fixture(autouse=True)
def cheap_passwords(request, monkeypatch):
    """Accounts' passwords cost microseconds, but in the proofs and where a test is marked `real_passwords`."""
    if not {"promise", "real_passwords"} & {mark.name for mark in request.node.iter_markers()}:
        monkeypatch.setattr(accounts, "PASSES", 1)
        monkeypatch.setattr(accounts, "MEMORY", 8)
    accounts._nobody.cache_clear()  # the hash that is compared where there is no account costs as much


@pytest.fixture
def settings(tmp_path):
    """Settings on a SQLite file of this test's own; `database` puts them on PostgreSQL where asked."""
    return from_environment({"QUANBAO_DATA": str(tmp_path / "data")})


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def database(request, settings):
    """The rules' tests run on both engines: the settings of a fresh database, opened."""
    yield from _fresh(request, settings, request.param)


@pytest.fixture
def sqlite(request, settings):
    """For what has nothing to do with the engine."""
    yield from _fresh(request, settings, SQLITE)


def _fresh(request, settings, engine):
    if engine == SQLITE:
        shutil.copy(request.getfixturevalue("migrated_file"), settings.sqlite_file)
        open_database(None, settings.sqlite_file)
        yield settings
        db.close()
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_template")
    url = server.create("test", template=template)
    open_database(url, None)
    yield replace(settings, database_url=url)
    db.close()
    server.drop("test")


@pytest.fixture
def clock():
    """Tuesday, 1 December 2026, noon in Shanghai; a test moves it."""
    return Clock("2026-12-01T12:00:00+08:00")


@pytest.fixture
def keys(settings):
    return Keys(password=settings.password_key, receipts=settings.secret_key)


@pytest.fixture
def world(database, clock, keys):
    """The cast of a test on both engines; see tests/support/factories.py."""
    return World(clock, keys)


@pytest.fixture
def small_world(sqlite, clock, keys):
    """The same cast on SQLite alone, for tests of pages."""
    return World(clock, keys)


@pytest.fixture
def app(small_world, sqlite, clock):
    """The application on the small world, by the test's clock."""
    return create_app(sqlite, clock=clock)


@pytest.fixture
def client(app):
    """A browser that nobody is signed in with; it checks every page it gets."""
    return PageClient(app)
