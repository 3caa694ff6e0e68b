"""The table of tests/support/form_fields.py has every field that a route reads: attacks send what stands there."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from inspect import getmembers, isclass
from pathlib import Path

import pytest
from flask import Flask, request
from werkzeug.datastructures import ImmutableMultiDict
from wtforms.fields.core import UnboundField

from tests.support.every_page import asked, come
from tests.support.every_route import Everywhere
from tests.support.form_fields import FIELDS, NAMES
from tests.support.full_merchants import firm
from tests.support.rights import Who
from web.present import campaign_form, forms

WEB = Path(__file__).parents[2] / "web"
SENT = {"request.args", "request.form", "request.values", "request.files", "form", "sent", "asked", "document"}
BY_VARIABLE = {"shown", "shown_among"}  # a constant has the name
IN_TEMPLATES = re.compile(r"request\.(?:args|form|values|files)\.get(?:list)?\('(\w+)'")
CURE = "add it to the row of its route in tests/support/form_fields.py, and to `usual` where a right form has it"


def read_in(source: str) -> Iterator[str]:
    """The names that a module takes out of what was sent."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=of, attr="get" | "getlist"), args=[ast.Constant(value=name), *_]):
                taken = ast.unparse(of) in SENT
            case ast.Call(func=ast.Name(id="_numbers" | "_printable"), args=[ast.Constant(value=name)]):
                taken = True
            case ast.Subscript(value=of, slice=ast.Constant(value=name)):
                taken = ast.unparse(of) in SENT
            case ast.Compare(left=ast.Constant(value=name), comparators=[of]):
                taken = ast.unparse(of) in SENT
            case _:
                taken = False
        if taken:
            yield name


def in_source() -> set[str]:
    modules = {name for path in WEB.rglob("*.py") for name in read_in(path.read_text("utf-8"))}
    templates = {name for path in WEB.rglob("*.html") for name in IN_TEMPLATES.findall(path.read_text("utf-8"))}
    made = {
        name
        for module in (forms, campaign_form)
        for _, form in getmembers(module, isclass)
        for name, field in getmembers(form)
        if isinstance(field, UnboundField)
    }
    return modules | templates | made


def recorded(app: Flask) -> dict[str, set[str]]:
    """By endpoint the names that its requests ask for, from now on."""
    read = defaultdict(set)

    class Recorded(ImmutableMultiDict):
        def get(self, name, *more, **how):
            read[request.endpoint].add(name)
            return super().get(name, *more, **how)

        def getlist(self, name, *more, **how):
            read[request.endpoint].add(name)
            return super().getlist(name, *more, **how)

        def __getitem__(self, name):
            read[request.endpoint].add(name)
            return super().__getitem__(name)

        def __contains__(self, name):
            read[request.endpoint].add(name)
            return super().__contains__(name)

    app.request_class = type("Request", (app.request_class,), {"parameter_storage_class": Recorded})
    return read


def lacking(read: dict[str, set[str]]) -> dict[str, set[str]]:
    found = {endpoint: names - FIELDS.get(endpoint, frozenset()) for endpoint, names in read.items()}
    return {endpoint: names for endpoint, names in found.items() if names}


def test_every_name_in_the_source_is_in_the_table_and_no_other():
    assert in_source() - NAMES == set(), CURE
    assert NAMES - in_source() - BY_VARIABLE == set(), "no route reads it any more: take it out of the table"


def test_every_row_is_of_a_route(app):
    assert FIELDS.keys() <= {rule.endpoint for rule in app.url_map.iter_rules()} | {"demo.sign_in"}


@pytest.mark.slow
def test_what_a_route_reads_is_in_its_row(app, small_world):
    read = recorded(app)
    of = firm(small_world, "full")
    people = come(app, of)
    full = dict.fromkeys(NAMES, "x")
    for sent in ({}, {"reason": "other"}, full | {"do": "search"}, full | {"do": "more"}):
        for method in ("GET", "POST") if sent else ("GET",):
            for _, who, at in asked(app, of, method):
                people[who]._send(method, at, {}, {"data": sent} if method == "POST" else {"query_string": sent})
                if who is not Who.SIGNED_OUT:
                    people[who].sign_in(of.people[who])
    every = Everywhere(app, small_world)
    for call in every.unsafe():
        every.client(call.who)._send(call.method, call.path, {}, call.body())
    assert len(read) > 50
    assert not lacking(read), CURE


def test_control_a_field_that_is_not_in_the_table_is_seen(app, client):
    source = 'request.form.get("new"), "newer" in form, request.args["newest"], verdict.get("old")'
    assert sorted(read_in(source)) == ["new", "newer", "newest"]
    read = recorded(app)
    app.view_functions["shell.healthz"] = lambda: request.args.get("new", "-")
    client._send("GET", "/healthz", {}, {})
    assert lacking(read) == {"shell.healthz": {"new"}}
