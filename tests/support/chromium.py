"""A real browser at a real server: `quanbao serve` in a process of its own, and Chromium at its pages.

A test fills a database with a `World`, opens a site on it and lets people visit. Whatever the browser
complains of (an error on its console, an exception, a breach of the content policy) fails the test, unless
the test said that it would come.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.servers import Site

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 15_000  # milliseconds; only what fails takes so long
KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "Delete", "0", "Confirm"]
GREEN = "rgb(10, 107, 76)"  # the screen of what was redeemed, and of nothing else
LOCALES = {"en": "en-US", "zh": "zh-CN"}


def phone(*, language: str = "en", dark: bool = False, width: int = 360, height: int = 740) -> dict:
    """A small phone of today."""
    return _look(language, dark, width, height) | {"has_touch": True, "is_mobile": True}


def desktop(*, language: str = "en", dark: bool = False) -> dict:
    return _look(language, dark, 1280, 800)


def _look(language: str, dark: bool, width: int, height: int) -> dict:
    return {
        "viewport": {"width": width, "height": height},
        "locale": LOCALES[language],
        "color_scheme": "dark" if dark else "light",
    }


class Visitor:
    """Somebody with a browser of their own: its cookies, its storage, and what it complains of."""

    def __init__(self, browser: Browser, site: Site, **look):
        self.site = site
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.posts: list[dict[str, str]] = []  # the forms that the keypad sent
        self.asked: list[str] = []  # the addresses at which it asked what became of them
        self.context = browser.new_context(base_url=site.url, **look)
        self.context.set_default_timeout(PATIENCE)
        self.context.on("console", lambda line: self._note(line.type, f"{line.text} {line.location['url']}"))
        self.context.on("weberror", lambda error: self._note("error", str(error.error)))
        self.context.on("request", self._keep)
        self.page: Page = self.context.new_page()

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def _keep(self, request: Request) -> None:
        if request.service_worker:
            return  # the page's own request was kept already
        if request.method == "POST" and request.url.endswith("/redemptions"):
            self.posts.append(dict(parse_qsl(request.post_data)))
        elif "/attempts/" in request.url:
            self.asked.append(request.url)

    def expect(self, *parts: str) -> None:
        """The browser will print lines with these words, as it does about every answer from 400 on."""
        self.expected += parts

    def odd(self) -> list[str]:
        """What the browser complained of since it was last asked, and nobody expected."""
        lines = [line for line in self.complaints if not any(part in line for part in self.expected)]
        self.complaints.clear()
        return lines

    def leave(self) -> None:
        self.context.close()
        assert self.odd() == []

    # Signing in

    def sign_in(self, email: str) -> "Visitor":
        """Without the form, for tests of something else; the cookie is the same.

        Playwright keeps connections for later: one to a server that stopped since, at the same port, is reset.
        """
        form, origin = {"email": email, "password": ACCOUNT_PASSWORD}, {"Origin": self.site.url}
        answer = self.context.request.post("/sign-in", form=form, headers=origin, max_redirects=0, max_retries=2)
        assert answer.status == 303, answer.text()[:500]
        return self

    def sign_in_by_form(self, email: str) -> "Visitor":
        self.page.goto("/sign-in")
        self.page.get_by_label("E-mail", exact=True).fill(email)
        self.page.get_by_label("Password", exact=True).fill(ACCOUNT_PASSWORD)
        with self.page.expect_navigation():
            self.press("Sign in")
        return self

    # Hands

    def named(self, name: str) -> Locator:
        """The button of this name, or the link that looks like one."""
        page = self.page
        return page.get_by_role("button", name=name, exact=True).or_(page.get_by_role("link", name=name, exact=True))

    def press(self, name: str) -> None:
        self.named(name).click()

    def type_digits(self, digits: str) -> None:
        for digit in digits:
            self.press(digit)

    def tab_to(self, target: Locator) -> None:
        """Press Tab until the target has the focus, as somebody without a pointer does."""
        for _ in range(40):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"Tab never came to {target}")

    # Eyes

    def verdict(self, outcome: str, reason: str | None = None) -> Locator:
        """The verdict on the screen, once it is this one."""
        found = self.page.locator("[role=alert][data-outcome]")
        expect(found).to_have_attribute("data-outcome", outcome)
        if reason:
            expect(found).to_have_attribute("data-reason", reason)
        return found

    def background(self) -> str:
        """What colour the verdict is, or the page where there is none."""
        return self.page.evaluate(
            "getComputedStyle(document.querySelector('.verdict .flag') ?? document.body).backgroundColor"
        )


@pytest.fixture(scope="module")
def browser(browser_path) -> Iterator[Browser]:
    """One browser for a module; every visitor has a profile of their own in it.

    Not for the whole session: while it is open the main thread has an event loop, and a test that starts
    one of its own with asyncio.run would fail.
    """
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """`visit(site, **phone())` is a visitor; what their browsers complained of is judged at the end."""
    with ExitStack() as leaving:

        def come(site: Site, **look) -> Visitor:
            visitor = Visitor(browser, site, **look)
            leaving.callback(visitor.leave)
            return visitor

        yield come


@pytest.fixture
def site(browser_path, database) -> Iterator[Site]:
    """The site of `world`, on either engine; not without a browser to look at it."""
    with Site(database) as serving:
        yield serving


@pytest.fixture
def small_site(browser_path, sqlite) -> Iterator[Site]:
    """The site of `small_world`."""
    with Site(sqlite) as serving:
        yield serving
