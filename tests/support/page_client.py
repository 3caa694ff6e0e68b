"""A test client that checks every page it gets, as a careful reader of its source would."""

from collections import Counter
from html.parser import HTMLParser

from flask import Flask

from models import Account
from quanbao.people import accounts

VOID = {"meta", "link", "input", "br", "img", "hr", "path", "rect", "circle", "use", "wbr", "option"}


class Page(HTMLParser):
    """What the checks and the tests look for: tags with attributes, and the text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.html = html
        self._open: list[str] = []
        self._hidden: dict[str, str] = {}
        self.hidden: dict[str, dict[str, str]] = {}  # the hidden fields of forms, by where these are sent
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "form":
            self._hidden = self.hidden.setdefault(dict(attributes).get("action") or "", {})
        if tag == "input" and dict(attributes).get("type") == "hidden":
            self._hidden[dict(attributes).get("name") or ""] = dict(attributes).get("value") or ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style", "title", "template"} & set(self._open):
            self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag and attributes.items() <= found.items()]

    def verdict(self) -> dict[str, str | None]:
        """The attributes of the one element that says how it ended."""
        (found,) = [attributes for _, attributes in self.tags if "data-outcome" in attributes]
        assert found["role"] == "alert"
        return found


def check(page: Page, *, whole: bool) -> None:
    """One h1, a title, a language, no id twice, nothing inline that the CSP would block."""
    if whole:
        assert len(page.all("h1")) == 1, "a page has one h1"
        assert len(page.all("title")) >= 1, "a page has a title"
        assert page.all("html")[0]["lang"] in ("en", "zh-Hans")
    twice = [name for name, times in Counter(a["id"] for _, a in page.tags if "id" in a).items() if times > 1]
    assert not twice, f"ids that stand twice: {twice}"
    for tag, attributes in page.tags:
        inline = [name for name in attributes if name == "style" or name.startswith("on")]
        assert not inline, f"<{tag} {inline[0]}=…> is inline: the CSP blocks it; use app.css or app.js"
        assert tag != "style", "<style> is inline: use app.css"
        assert tag != "script" or "src" in attributes, "<script> without src is inline: use app.js"
        if tag == "form" and (attributes.get("method") or "get") == "get":
            assert "?" not in (attributes.get("action") or ""), "a GET form drops its action's query: `leading`"
        if tag == "label":
            assert attributes.get("for"), "a label names its field by for="


class PageClient:
    """A browser of our own site: same-origin, English, and strict about what it gets."""

    def __init__(self, app: Flask):
        self.app = app
        self.http = app.test_client()

    def sign_in(self, account: Account) -> "PageClient":
        """Signed in by a session row, without the form."""
        token = accounts.start_session(Account.get_by_id(account.id), self.app.extensions["clock"]())
        with self.http.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        return self

    def get(self, path: str, *, status: int = 200, **more) -> Page:
        return self._ask("GET", path, status, more)

    def post(self, path: str, data: dict | None = None, *, status: int = 303, **more) -> Page:
        return self._ask("POST", path, status, {"data": data or {}, **more})

    def fill(self, page: str, path: str, data: dict | None = None, *, status: int = 303, **more) -> Page:
        """Post a form as its page has it now: what it was filled with goes along."""
        return self.post(path, self.get(page).hidden[path] | (data or {}), status=status, **more)

    def json(self, path: str, *, method: str = "GET", status: int = 200, **more) -> dict:
        answer = self._send(method, path, {"Accept": "application/json"}, more)
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        assert answer.is_json
        return answer.json

    def _ask(self, method: str, path: str, status: int, more: dict) -> Page:
        whole = "HX-Request" not in more.get("headers", {}) or "HX-History-Restore-Request" in more["headers"]
        answer = self._send(method, path, {"Accept": "text/html"}, more)
        assert answer.status_code == status, (answer.status_code, answer.text[:500])
        page = Page(answer.text)
        page.location = answer.headers.get("Location")
        page.headers = answer.headers
        if status < 300 or status >= 400:
            check(page, whole=whole)
        return page

    def _send(self, method: str, path: str, headers: dict, more: dict):
        usual = {"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}
        headers = usual | headers | more.pop("headers", {})
        return self.http.open(path, method=method, headers=headers, **more)
