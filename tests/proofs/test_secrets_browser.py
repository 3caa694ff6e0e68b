"""An address that is a secret is told to no other site: what a browser says it comes from, when it leaves our pages.

The control is the same with the header that browsers would obey if they were told to tell all.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Route

from tests.proofs.test_one_time_links import all_links
from tests.support.chromium import Visitor, phone
from tests.support.other_site import Elsewhere
from tests.support.push_fixtures import until

pytestmark = [pytest.mark.promise("secrets"), pytest.mark.browser]

LEAVE = {
    "a link": "to => document.body.append(Object.assign(document.createElement('a'), {href: to, id: 'away'})) ?? "
    "document.getElementById('away').click()",
    "a script": "to => { location = to }",
    "a window": "to => { open(to) }",
}


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as serving:
        yield serving


def told(visitor: Visitor, elsewhere: Elsewhere, path: str) -> list[str]:
    """What other pages heard of where somebody comes from who leaves this one in every way."""
    elsewhere.heard.clear()
    visitor.expect("favicon.ico")  # which it asks other sites for by itself, and they may be gone by then
    for how in LEAVE.values():
        for origin in (elsewhere.near, elsewhere.far):
            page = visitor.context.new_page()
            page.goto(path)
            before = len(left(elsewhere))
            page.evaluate(how, f"{origin}/away")
            until(lambda before=before: len(left(elsewhere)) > before, "they left")
            page.close()
    return [heard["referer"] for heard in left(elsewhere) if "referer" in heard]


def left(elsewhere: Elsewhere) -> list[dict[str, str]]:
    return [heard for heard in elsewhere.heard if heard["path"] == "/away"]


@pytest.mark.parametrize("kind", ["claim", "join", "sign-in"])
def test_a_one_time_link_is_told_to_no_other_site(small_world, small_site, visit, elsewhere, kind, proved):
    assert told(visit(small_site, **phone()), elsewhere, all_links(small_world)[kind].path) == []
    proved(f"chromium: no Referer from a {kind} link")


def test_control_without_the_policy_it_would_be_told(small_world, small_site, visit, elsewhere):
    def tell_all(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers=answer.headers | {"referrer-policy": "unsafe-url"})

    path, visitor = all_links(small_world)["claim"].path, visit(small_site, **phone())
    visitor.context.route(f"**{path}", tell_all)
    assert path in "".join(told(visitor, elsewhere, path))
