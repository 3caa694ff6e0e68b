"""What is typed, loaded or sent comes in as it is, or not at all: every text of the corpus by every way in."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from config import Settings
from database import on_sqlite
from models import TABLES, Redemption, Voucher
from quanbao.lib.validation import is_stacked
from quanbao.merchants import branches
from quanbao.operations import bulk_import
from tests.attacks.hostile_texts import LINES, REFUSED, RUN, SAMPLES
from tests.attacks.tenant_probes import usual
from tests.operations.test_bulk_import import GONE, KEY, changed
from tests.proofs import engine, size
from tests.support.factories import World
from tests.support.full_merchants import OF_PEOPLE, Firm, columns_with, firm, in_no_fear_of_a_power_cut, rules
from tests.support.page_client import PageClient
from tests.support.rights import Who
from web import create_app

pytestmark = pytest.mark.promise("hostile text")

TEXTS = [*SAMPLES.values(), *LINES.values(), *REFUSED.values()]
BETWEEN = "\n\r\t\u200c\u200d\u3000\xa0"  # beside what is printable


@dataclass(frozen=True)
class Way:
    """A form, and what it holds where this text is in the field that fills a column."""

    column: str
    endpoint: str
    form: Callable[[str], dict[str, Any]]
    more: dict[str, Any] = field(default_factory=dict)


def mail(text: str) -> str:
    return f"{text[:200]}@example.org"


WAYS = [
    Way("Branch.name", "branches.add", lambda text: {"name": text}),
    Way("Branch.name", "branches.change", lambda text: {"name": text}),
    Way("Branch.address", "branches.add", lambda text: {"name": "Own", "address": text}),
    Way("Campaign.product", "campaigns.create", lambda text: {"product": text}),
    Way("Campaign.place", "campaigns.create", lambda text: {"place": text}),
    Way("Campaign.terms", "campaigns.create", lambda text: {"terms": text}),
    Way("Campaign.groups", "campaigns.create", lambda text: {"more_groups": text}),
    Way("Campaign.groups", "campaigns.create", lambda text: {"groups": [text]}),
    Way("CustomerGroup.name", "customers.regroup", lambda text: {"name": text}),
    Way("CustomerGroup.name", "customers.put", lambda text: {"group": text, "name": ""}),
    Way("Member.address", "members.invite", lambda text: {"email": mail(text)}),
    Way("Account.email", "sign_in.sign_up", lambda text: {"email": mail(text), "password": "long enough"}),
    Way("Account.email", "account.change_email", lambda text: {"email": mail(text)}),
    Way("Claim.address", "publications.publish", lambda text: {"audience": "addresses", "addresses": mail(text)}),
    Way(
        "Publication.failures",
        "publications.publish",
        lambda text: {"audience": "addresses", "addresses": f"{text}\nfine@example.org"},
    ),
    Way(
        "Publication.failures",
        "publications.publish",
        lambda text: {"audience": "addresses", "file": (io.BytesIO(f"{text}\nfine@example.org".encode()), "list.csv")},
    ),
    Way("RedemptionPassword.name", "shop_passwords.add", lambda text: {"name": text, "kind": "daily"}),
    Way("RedemptionPassword.name", "shop_passwords.change", lambda text: {"name": text}),
    Way("Poster.name", "posters.make", lambda text: {"name": text}),
    Way("Rollback.note", "rollbacks.roll_back", lambda text: {"reason": "other", "note": text}),
    Way("Revocation.note", "revoking.revoke", lambda text: {"reason": "other", "note": text}),
]
LOADED = {  # where it stands in a document
    "Merchant.name": "merchants[0].name",
    "Branch.name": "merchants[0].branches[0].name",
    "Branch.address": "merchants[0].branches[0].address",
    "Member.address": "merchants[0].members[0].email",
    "Campaign.product": "merchants[0].campaigns[0].product",
    "Campaign.place": "merchants[0].campaigns[0].place",
    "Campaign.terms": "merchants[0].campaigns[0].terms",
    "Customer.address": "consumers[0].email",
    "Campaign.groups": "merchants[0].campaigns[0].conditions.groups",
    "CustomerGroup.name": "consumers[0].groups",
    "RedemptionPassword.name": "merchants[0].passwords",
}
PASSWORDS = [*(f"merchants[0].members[{nth}].password" for nth in range(2)), "consumers[0].password"]  # cost time
SAID_ELSEWHERE = {  # filled from another column, or from a list of our own
    "Attempt.worth": "what the redemption said",
    "CampaignVersion.described": "what the campaign said",
    "Redemption.product": "what the campaign said",
    "Publication.groups": "names of groups that there are",
    "PublicationPart.entries": "addresses, until they had their turn",
    "Session.browser": "names of browsers we know",
}


def test_every_column_has_a_way_in():
    there = {way.column for way in WAYS} | set(LOADED) | set(SAID_ELSEWHERE)
    assert there == OF_PEOPLE, "say how people fill the column, or why they do not"


@dataclass
class Clerk:
    """The owner of a house, who fills in forms."""

    world: World
    of: Firm
    client: PageClient

    def type_in(self, way: Way, text: str) -> int:
        rule = next(
            rule for rule, method in rules(self.client.app) if rule.endpoint == way.endpoint and method == "POST"
        )
        with self.client.app.test_request_context():
            at = self.of.address(rule, Who.OWNER, **self._fresh(way.endpoint))
        form = usual(self.of).get(way.endpoint, {}) | self._shown(way.endpoint, at) | way.form(text)
        agent = text.splitlines()[0] if text.isascii() else ""
        headers = {"User-Agent": agent, "Accept": "text/html"}
        return self.client._send("POST", at, headers, {"data": form}).status_code

    def _shown(self, endpoint: str, at: str) -> dict[str, str]:
        """What the form had been filled with, where it says so."""
        page = {"branches.change": at.rpartition("/")[0], "account.change_email": "/account"}.get(endpoint)
        return self.client.get(page).hidden[at] if page else {}

    def _fresh(self, endpoint: str) -> dict[str, Any]:
        """A redemption that stands, or a voucher that is good."""
        if endpoint not in ("rollbacks.roll_back", "revoking.revoke"):
            return {}
        voucher: Voucher = self.world.voucher(campaign=self.of.campaign, holder=self.of.people[Who.CONSUMER])
        if endpoint == "revoking.revoke":
            return {"revoking.code": voucher.code}
        done = self.world.attempt(voucher, branch=self.of.values["branch"])
        return {"rollbacks.number": Redemption.get(Redemption.attempt_id == done.attempt_id).id}


def document(column: str, text: str, number: int) -> Any:
    """The contract's document with the text in one place, and other names than those before it."""
    path = LOADED[column]
    value = mail(text) if path.endswith("email") else [text] if path.endswith("groups") else text
    slug = f"shop-{column.lower().replace('.', '-')}-{number}"
    people = [
        *((path, GONE) for path in PASSWORDS),
        ("merchants[0].slug", slug),
        ("consumers[0].groups", {slug: ["regulars"]}),
        *((f"merchants[0].members[{nth}].email", f"{nth}@{slug}.example") for nth in range(2)),
        ("consumers[0].email", f"c@{slug}.example"),
        ("merchants[0].campaigns[0].publish_to[0]", f"c@{slug}.example"),
    ]
    if path == "merchants[0].passwords":
        value = [{"name": text, "kind": "daily"}]
    if path == "consumers[0].groups":
        value = {slug: [text]}
    if path == "consumers[0].email":
        people.append(("merchants[0].campaigns[0].publish_to[0]", value))
    return changed(*people, (path, value))


def odd_values() -> list[tuple[str, str]]:
    """What stands in a column of people's words and no field takes."""
    found = []
    for name in OF_PEOPLE - {"Attempt.worth", "CampaignVersion.described"}:
        table = next(table for table in TABLES if name.startswith(f"{table.__name__}."))
        for (value,) in table.select(getattr(table, name.partition(".")[2])).tuples():
            said = str(value if isinstance(value, str) else _words(value))
            if any(not c.isprintable() and c not in BETWEEN for c in said) or is_stacked(said):
                found.append((name, said))
    return [one for one in found if one[0] != "Publication.failures" or not is_stacked(one[1])]


def _words(value: Any) -> str:
    return " ".join(map(_words, value)) if isinstance(value, list) else str(value)


def at_work(world: World, settings: Settings) -> Clerk:
    app, of = create_app(settings, clock=world.clock), firm(world)
    in_no_fear_of_a_power_cut()
    return Clerk(world, of, PageClient(app).sign_in(of.people[Who.OWNER]))


def texts() -> list[str]:
    """Each on one of the engines, and what every column must show on both; in the long form all on both."""
    return size(list(dict.fromkeys([SAMPLES["script"], SAMPLES["address"], *TEXTS[not on_sqlite() :: 2]])), TEXTS)


def test_it_comes_in_as_it_is_or_not_at_all(world, database, clock, proved):
    clerk, came, told = at_work(world, database), 0, []
    for number, text in enumerate(texts()):
        for way in WAYS:
            clerk.client.sign_in(clerk.of.people[Who.OWNER])
            status = clerk.type_in(way, text)
            assert status in (303, 422, 429), (way, text, status)
            came += 1
        for column in LOADED:
            try:
                bulk_import.load(document(column, text, number), now=clock(), password_key=KEY)
            except bulk_import.Refused as refused:
                told += refused.faults
            came += 1
    assert odd_values() == []
    assert all(fault.isprintable() for fault in told)
    in_brackets = {"Claim.address"}  # where one is typed, a bracket ends it
    assert columns_with(RUN) >= {*(way.column for way in WAYS), *LOADED} - in_brackets
    proved(f"{engine()}: {came} times typed or loaded, {len(OF_PEOPLE)} columns")


def test_control_a_field_that_takes_anything_is_seen(small_world, sqlite, monkeypatch):
    monkeypatch.setattr(branches, "is_text", lambda value, longest: True)
    clerk = at_work(small_world, sqlite)
    assert clerk.type_in(WAYS[0], REFUSED["override"]) == 303
    assert odd_values() == [("Branch.name", REFUSED["override"])]
