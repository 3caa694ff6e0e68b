"""What hostile text does to a page, in a browser: nothing runs, nothing is fetched, the content policy has nothing to
say, and all that is ours stays in its place.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from markupsafe import escape
from playwright.sync_api import Page, Route

from models import Account
from quanbao.people import accounts
from tests.attacks.hostile_texts import BESIDE, COVERED, EYES, MIXED, RIGHT_TO_LEFT, SAMPLES, saying
from tests.proofs import size
from tests.support.chromium import Visitor, phone
from tests.support.every_page import asked
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.full_merchants import Firm, firm
from tests.support.rights import Who
from web import create_app
from web.form_addresses import only_leads

pytestmark = [pytest.mark.promise("hostile text"), pytest.mark.browser]

WIDTHS = (360, 1280)
WIDEST = """width => [...document.querySelectorAll('body *')].filter(
    element => element.getBoundingClientRect().right > width + 1).at(-1)?.outerHTML.slice(0, 90)"""
PLAIN = ("claims.download", "figures.download", "figures.table", "account.data", "pictures.show", "home.show")
REDIRECTS = ("account.deleted", "till.find")


@dataclass
class Looking:
    """Somebody who opens pages, and what they saw amiss."""

    visitor: Visitor
    widths: tuple[int, ...]
    amiss: list[str] = field(default_factory=list)

    def __post_init__(self):
        context = self.visitor.context
        context.add_init_script(EYES)
        context.on("dialog", lambda dialog: (self.amiss.append(f"dialog {dialog.message}"), dialog.dismiss()))
        context.on("request", lambda request: self._is_ours(request.url))

    def _is_ours(self, url: str) -> None:
        if not url.startswith((self.visitor.site.url, "data:")) or url.endswith("/x"):
            self.amiss.append(f"asked for {url}")

    def look(self, at: str, said: str) -> None:
        page = self.visitor.page
        page.goto(at)
        found = [f"went to {page.url}"] if page.url != self.visitor.site.url + at else []
        page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
        for width in self.widths:
            page.set_viewport_size({"width": width, "height": 740})
            found += self._layout(page, width)
        found += page.evaluate("[...window.ran, ...window.broke]")
        if said == RIGHT_TO_LEFT:
            found += [f"beside others: {line}" for line in page.evaluate(BESIDE, RIGHT_TO_LEFT.split()[0])]
        self.amiss += [f"{at}: {one}" for one in found + self.visitor.odd()]

    def _layout(self, page: Page, width: int) -> list[str]:
        wide = page.evaluate("document.documentElement.scrollWidth")
        covered = [f"covered at {width}: {one}" for one in page.evaluate(COVERED)]
        return covered + ([f"{wide} wide at {width}: {page.evaluate(WIDEST, width)}"] if wide > width else [])


@pytest.fixture
def house(small_world) -> Callable[[str], Firm]:
    """`house("markup")` is a shop with this text in every field of it."""

    def make(name: str) -> Firm:
        made = firm(small_world, f"shop-{name.replace(' ', '-')}", say=saying(MIXED[name]))
        Account.update(password_hash=accounts.hash_password(ACCOUNT_PASSWORD)).execute()
        return made

    return make


@pytest.fixture
def addresses(small_world, sqlite, clock) -> Callable[[Firm], list[tuple[str, Who, str]]]:
    """`addresses(of)`: every page of a shop, and who looks at it."""
    app = create_app(sqlite, clock=clock)
    return lambda of: [
        one
        for one in asked(app, of, "GET")
        if one[0] not in (*PLAIN, *REDIRECTS)
        and not only_leads(one[0])
        and not one[0].startswith(("shell.", "set_up."))
    ]


@pytest.fixture
def come(small_site, small_world, visit) -> Callable[..., Looking]:
    """`come(of, who)` is one of the shop's people, or somebody who is not signed in, with a phone."""

    def person(of: Firm, who: Who, widths: tuple[int, ...] = WIDTHS) -> Looking:
        visitor = visit(small_site, **phone(width=WIDTHS[0]))
        if who is Who.WALLET:
            token = accounts.start_session(Account.get_by_id(of.people[who].id), small_world.clock())
            visitor.context.add_cookies([{"name": "quanbao-wallet", "value": token, "url": small_site.url}])
        elif who is not Who.SIGNED_OUT:
            visitor.sign_in(of.people[who].email)
        return Looking(visitor, widths)

    return person


@pytest.mark.parametrize("name", size(("right to left", "long word"), MIXED))
def test_nothing_runs_and_everything_stays_in_its_place(house, addresses, come, name, proved):
    of, people, amiss = house(name), {}, []
    widths = size(WIDTHS if name == "long word" else WIDTHS[:1], WIDTHS)
    pages = addresses(of)
    for _, who, at in pages:
        if who not in people:
            people[who] = come(of, who, widths)
        people[who].look(at, MIXED[name])
    for looking in people.values():
        amiss += looking.amiss
    assert amiss == []
    proved(f"Chromium, {name}: {len(pages)} pages, {' and '.join(map(str, widths))} pixels wide")


# Controls: a page that was made by somebody less careful


def of_trust(body: str) -> str:
    return body.replace(str(escape(SAMPLES["script"])), SAMPLES["script"])


def of_no_isolation(body: str) -> str:
    return body.replace("<bdi>", "<b>").replace("</bdi>", "</b>")


def of_no_breaks(body: str) -> str:
    return re.sub("overflow-wrap: (anywhere|break-word)", "overflow-wrap: normal", body)


CARELESS = [
    ("markup", "campaigns.show", "**/campaigns/tea-*", of_trust, "script-src"),
    ("right to left", "figures.attempts", "**/attempts", of_no_isolation, "beside others"),
    ("long word", "campaigns.show", "**/app.*css", of_no_breaks, "wide at"),
]


def test_control_a_careless_page_is_seen(house, addresses, come):
    for name, endpoint, pattern, spoil, seen in CARELESS:
        of = house(name)
        [at] = [at for which, _, at in addresses(of) if which == endpoint]
        looking = come(of, Who.OWNER)
        looking.visitor.context.route(pattern, spoiling(spoil))
        looking.look(at, MIXED[name])
        looking.visitor.context.unroute_all(behavior="ignoreErrors")  # what is still asked for is of no interest
        assert any(seen in line for line in looking.amiss), (name, looking.amiss)


def spoiling(spoil: Callable[[str], str]) -> Callable[[Route], None]:
    """Answer with what the server said, spoilt."""

    def answer(route: Route) -> None:
        real = route.fetch()
        assert spoil(real.text()) != real.text()
        route.fulfill(response=real, body=spoil(real.text()))

    return answer


def test_control_what_lies_over_a_button_is_seen(house, come):
    of = house("long")
    looking = come(of, Who.CONSUMER)
    looking.look(f"/vouchers/{of.values['code']}", MIXED["long"])
    assert looking.amiss == []
    looking.visitor.page.evaluate("""() => {
        const over = document.body.appendChild(document.createElement('div'));
        over.style.cssText = 'position: fixed; inset: 0; z-index: 9';
    }""")
    assert looking.visitor.page.evaluate(COVERED)
