"""Requests of one's own house with something of another house's in them, and whether anything of theirs comes back."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from flask import Flask

from models import Campaign, Customer, Member, Publication, Redemption, Session
from tests.support.form_fields import NAMES, usual
from tests.support.full_merchants import Firm, rules
from tests.support.page_client import PageClient
from tests.support.rights import MAY, Who

DECIDED = ("do", "reason", "sure")  # these say what is done to one's own: the usual forms have them
PUBLIC = ("assets", "shell")  # name nothing of anybody's
ENDS_ALL = ("sign_in.sign_out", "account.end_others")  # name nothing either, and end what later probes need
# Something of one's own, unless it is theirs.
ENDING = ("campaigns.end", "campaigns.delete", "account.end_session", "customers.separate")
OF_LINKS = (
    "claims",
    "members",
    "sign_in",
    "poster_offer",
)  # whoever has a link may use it: theirs are put where others belong
FRAGMENT = {"HX-Request": "true"}


def fields() -> list[str]:
    """Every name that a route reads and that may be somebody's."""
    return sorted(NAMES - {*DECIDED})


@dataclass
class Others:
    """Whose nothing may be seen: their names by the fields that may hold such, secrets, and the mark in their words."""

    names: dict[str, list]
    secrets: list[str]
    mark: str


@dataclass
class Prober:
    """Asks as the people of one house; `seen` is what of the others' came back, and to which question."""

    app: Flask
    own: Firm
    others: Others
    chance: random.Random
    people: Iterable[Who] = tuple(Who)
    only: str = ""  # routes that begin so
    about: str = ""  # of the fields that hold names of theirs, those that begin so
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self):
        self.secret = re.compile("|".join(map(re.escape, [self.others.mark, *self.others.secrets])))
        self.everything = list(chain.from_iterable(self.others.names.values()))
        self.fields, self.usual = fields(), usual(self.own)
        self.fitting = sorted(name for name in set(self.others.names) & set(self.fields) if name.startswith(self.about))
        self.own_numbers = _numbers(self.own)
        self.clients = {who: PageClient(self.app) for who in self.people}
        for who in set(self.people) - {Who.SIGNED_OUT}:
            self.clients[who].sign_in(self.own.people[who])
        self.routes = [(rule, method) for rule, method in rules(self.app) if self._is_worth_it(rule)]

    def _is_worth_it(self, rule) -> bool:
        noun, at = rule.endpoint.partition(".")[0], rule.endpoint
        return noun not in PUBLIC and at not in ENDS_ALL and MAY[at] & set(self.people) and at.startswith(self.only)

    def probe(self) -> None:
        """One request, most often of somebody who may ask it of their own house."""
        rule, method = self.chance.choice(self.routes)
        able = [who for who in self.people if who in MAY[rule.endpoint]]
        who = self.chance.choice(able if self.chance.random() < 0.9 else list(self.people))
        sent: list[Any] = []
        with self.app.test_request_context():
            at = self.own.address(rule, who, **self._in_address(rule, sent))
        query = self._in_fields(sent)
        body = self._in_body(rule.endpoint, sent) if method != "GET" else {}
        if not sent:
            query[self.chance.choice(self.fields)] = self._theirs(sent)
        headers = {"Accept": self.chance.choice(("text/html", "text/html", "application/json"))}
        headers |= self.chance.choice(({}, {}, FRAGMENT))
        answer = self.clients[who]._send(method, at, headers, {"query_string": query, **body})
        question = f"{who}: {method} {at} {query} {body}"
        assert answer.status_code < 500, question
        self.look(f"{answer.headers}\n{answer.data.decode(errors='replace')}", question)

    def look(self, text: str, where: str) -> None:
        """Note what is the others' and not what one was asking with."""
        self.seen += [(found, where) for found in set(self.secret.findall(text))]

    def _theirs(self, sent: list[Any], name: str = "") -> Any:
        fit = self.others.names.get(name) if self.chance.random() < 0.8 else None
        chosen = self.chance.choice(fit or self.everything)
        sent.append(chosen)
        return chosen

    def _in_address(self, rule, sent: list[Any]) -> dict[str, Any]:
        noun, found = rule.endpoint.partition(".")[0], {}
        for name in sorted(rule.arguments):
            fit = self.others.names.get(name, [])
            if name == "number":
                fit = self.others.names.get(f"{noun}.number", []) * 3 + fit
                fit = [number for number in fit if number not in self.own_numbers.get(noun, ())]
            if name == "token" and noun in OF_LINKS:
                fit = [token for token in fit if token != fit[OF_LINKS.index(noun)]]
            must = name == "token" or rule.endpoint in ENDING and name != "merchant"
            if fit and (must or self.chance.random() < 0.4):
                found[f"{noun}.{name}"] = self.chance.choice(fit)
                sent.append(found[f"{noun}.{name}"])
        return found

    def _in_fields(self, sent: list[Any]) -> dict[str, Any]:
        names = {
            *self.chance.sample(self.fields, self.chance.choice((0, 0, 1, 3))),
            *self.chance.sample(self.fitting, min(self.chance.choice((0, 1, 2)), len(self.fitting))),
        }
        return {name: self._theirs(sent, name) for name in sorted(names)}

    def _in_body(self, endpoint: str, sent: list[Any]) -> dict[str, Any]:
        """What is usual, and theirs in the place of some of it, or beside it where there may be several."""
        form = dict(self.usual.get(endpoint, {}))
        for name, value in self._in_fields(sent).items():
            form[name] = [*form[name], value] if isinstance(form.get(name), list) else value
        if endpoint == "redemptions.attempt":
            number = f"{self.chance.getrandbits(128):032x}"
            form.setdefault(
                "attempt_id", "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
            )
        as_json = endpoint.startswith("push.") or self.chance.random() < 0.05
        return {"json": form} if as_json else {"data": form}


def _numbers(own: Firm) -> dict[str, set[int]]:
    """What one's own things are numbered: a number of theirs may be that of something else, and no probe."""
    people, of_ours = list(own.people.values()), Campaign.merchant == own.merchant
    rows = {
        "account": Session.select().where(Session.account.in_(people)),
        "members": Member.select().where(Member.merchant == own.merchant),
        "customers": Customer.select().where(Customer.merchant == own.merchant),
        "rollbacks": Redemption.select().where(Redemption.merchant == own.merchant),
        "publications": Publication.select().join(Campaign).where(of_ours),
    }
    return {noun: {row.id for row in query} for noun, query in rows.items()}
