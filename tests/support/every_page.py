"""Every page of a house that has an address, as whoever may see it; and every form of it, filled in."""

from collections.abc import Iterator

from flask import Flask

from tests.attacks.tenant_probes import ENDS_ALL, fields
from tests.support.full_merchants import Firm, rules
from tests.support.page_client import PageClient
from tests.support.rights import MAY, Who

FIRST = (Who.OWNER, Who.CONSUMER, Who.STRANGER, Who.SIGNED_OUT, Who.WALLET)  # who looks, if they may
WALLETS = ("keeping.show", "keeping.keep", "sign_in.show_sign_out")  # nothing to see for those who have an address
FORMS_LAST = (
    "campaigns.delete",
    "campaigns.end",
    "members.join",
    "account.delete",
    "members.change",
    "customers.separate",
)


def asked(app: Flask, of: Firm, wanted: str) -> Iterator[tuple[str, Who, str]]:
    """Route, who, and address of everything that this method gets."""
    for rule, method in rules(app):
        first = (Who.WALLET,) if rule.endpoint in WALLETS else FIRST
        if rule.endpoint == "vouchers.show":
            first = (Who.CONSUMER,)  # a member of its shop is led to the till page
        may = [who for who in first if who in MAY[rule.endpoint]]
        if method == wanted and may and not rule.endpoint.startswith("assets.") and rule.endpoint not in ENDS_ALL:
            with app.test_request_context():
                yield rule.endpoint, may[0], of.address(rule, may[0])


def come(app: Flask, of: Firm) -> dict[Who, PageClient]:
    """Everybody with a browser."""
    return {who: PageClient(app) if who is Who.SIGNED_OUT else PageClient(app).sign_in(of.people[who]) for who in FIRST}


AS_JSON = ("figures.show", "redemptions.show", "vouchers.show", "wallet.show")
FILES = ("account.data", "claims.download", "figures.download", "figures.table")


def answers(app: Flask, of: Firm, only: tuple[str, ...] = (), accepted: str = "text/html") -> Iterator[tuple]:
    """What everything there is to see answers, by route."""
    people = come(app, of)
    for endpoint, who, at in asked(app, of, "GET"):
        if not only or endpoint in only:
            answer = people[who]._send("GET", at, {"Accept": accepted}, {})
            answer.get_data()  # also of a table that comes piece by piece
            yield endpoint, answer


def filled(app: Flask, of: Firm, text: str) -> Iterator[tuple]:
    """What every form answers to this text in each of its fields."""
    people, names = come(app, of), fields()
    for endpoint, who, at in sorted(asked(app, of, "POST"), key=lambda one: one[0] in FORMS_LAST):
        form = dict.fromkeys(names, text) | {"reason": "other"}
        yield endpoint, people[who]._send("POST", at, {"Accept": "text/html"}, {"data": form})
        if who is not Who.SIGNED_OUT:
            people[who].sign_in(of.people[who])
