"""Parts of other packages that are not documented, and that the product uses all the same.

pyproject.toml keeps these packages below the next minor version. Who raises a bound runs this, and mends what is gone.
"""

import tomllib
from functools import partial
from pathlib import Path

import flask_babel
import flask_limiter
import flask_login.utils
import granian
import peewee
import psycopg
import psycopg.errors
import pytest
from granian.server.common import AbstractServer
from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def names_of(function) -> set[str]:
    """The names of attributes and variables that a function's code mentions, and its texts."""
    code = function.__code__
    return {*code.co_names, *code.co_varnames, *(text for text in code.co_consts if isinstance(text, str))}


def has(owner, *names: str) -> bool:
    return all(hasattr(owner, name) for name in names)


def query() -> peewee.BaseQuery:
    class Thing(peewee.Model):
        name = peewee.TextField()

    return Thing.insert(name="a")


def row_reader() -> object:
    return query()._get_cursor_wrapper(None)


PARTS = {
    ("peewee", "_get_cursor_wrapper of a query", "quanbao/lib/compiled_queries.py"): lambda: has(
        peewee.BaseQuery, "_get_cursor_wrapper"
    ),
    ("peewee", "initialize and process_row of a cursor wrapper", "quanbao/lib/compiled_queries.py"): lambda: has(
        row_reader(), "initialize", "process_row"
    ),
    ("peewee", "_returning of a query that writes", "quanbao/lib/compiled_queries.py"): lambda: has(
        query(), "_returning"
    ),
    ("peewee", "Context.value(value, converter, add_param) and state.converter", "quanbao/lib/compiled_queries.py"): (
        lambda: {"value", "converter", "add_param", "state"} <= names_of(peewee.Context.value)
    ),
    ("peewee", "__exception_wrapper__", "quanbao/lib/compiled_queries.py"): lambda: has(
        peewee.__exception_wrapper__, "__enter__", "__exit__"
    ),
    ("peewee", "_connect of PostgreSQL's database", "database.py"): lambda: has(peewee.PostgresqlDatabase, "_connect"),
    ("peewee", "_state.reset of a database", "database.py"): lambda: has(
        peewee.SqliteDatabase(":memory:")._state, "reset"
    ),
    ("peewee", "_meta.sorted_fields, table_name and get_primary_keys", "quanbao/operations/backups.py"): lambda: has(
        query().model._meta, "sorted_fields", "table_name", "get_primary_keys"
    ),
    ("psycopg", "errors._WaitTimeout", "database.py"): lambda: has(psycopg.errors, "_WaitTimeout"),
    ("psycopg", "Connection.wait(generator, timeout=…)", "database.py"): lambda: (
        "timeout" in names_of(psycopg.Connection.wait)
    ),
    ("granian", "_serve_loop, _respawn_workers and _reload", "web/server/processes.py"): lambda: has(
        granian.Granian, "_serve_loop", "_respawn_workers", "_reload"
    ),
    ("granian", "what _serve_loop reads", "web/server/processes.py"): lambda: (
        {"wrks", "interrupt_signal", "interrupt_children", "reload_signal", "main_loop_interrupt"}
        <= names_of(AbstractServer.__init__)
    ),
    ("granian", "the process inside a worker", "web/server/processes.py"): lambda: (
        "inner" in names_of(granian.server.mp.WorkerProcess.is_alive)
    ),
    ("flask-limiter", "_check_request_limit and _storage_dead", "web/auth/limits.py"): lambda: (
        has(flask_limiter.Limiter, "_check_request_limit")
        and "_storage_dead" in names_of(flask_limiter.Limiter._check_request_limit)
    ),
    ("flask-babel", "g._flask_babel.babel_locale", "web/present/languages.py"): lambda: (
        "_flask_babel" in names_of(flask_babel._get_current_context)
        and "babel_locale" in names_of(flask_babel.get_locale)
    ),
    ("flask-login", "g._login_user", "web/auth/sessions.py"): lambda: (
        "_login_user" in names_of(flask_login.utils._get_user)
    ),
}


def gone(parts) -> list[str]:
    """Each part that is not there, with the cure; one that cannot even be looked for is not there."""
    missing = []
    for (package, part, user), is_there in parts.items():
        try:
            found = is_there()
        except AttributeError:
            found = False
        if not found:
            missing.append(
                f"{package} has no {part} any more: mend {user}, or keep {package} below this version in pyproject.toml"
            )
    return missing


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part[0]}: {part[1]}")
def test_a_private_part_is_there(part):
    assert not gone({part: PARTS[part]})


@pytest.mark.parametrize("package", sorted({package for package, _, _ in PARTS}))
def test_a_package_whose_private_parts_are_used_has_an_upper_bound(package):
    optional = PROJECT["optional-dependencies"]
    wanted = map(Requirement, [*PROJECT["dependencies"], *optional["postgres"], *optional["redis"]])
    bounds = [{one.operator for one in found.specifier} for found in wanted if found.name == package]
    assert bounds, f"name {package} in pyproject.toml"
    assert all("<" in each for each in bounds), f"keep {package} below its next minor version in pyproject.toml"


def test_control_a_part_that_is_gone_is_found_and_its_cure_is_named():
    parts = {
        ("peewee", "part that is not there", "database.py"): partial(has, peewee.Database, "_not_there"),
        ("peewee", "owner that is not there", "database.py"): lambda: has(peewee.NotThere, "_connect"),
    }
    cures = gone(parts)
    assert len(cures) == 2
    assert all("mend database.py" in cure for cure in cures)
