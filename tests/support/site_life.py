"""The whole life of a site, with canaries for its secrets: what people do there, by mistake too, and what they see.

A site begins empty, on either engine; a `Life` is what came of it.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from urllib.parse import urlencode

from flask import Flask, url_for

from config import Settings
from tests.support.every_route import UNSAFE, subscription
from tests.support.racing import command
from tests.support.servers import Site

DIGITS, WRONG, NEXT = "739164028", "602417935", "918273645"
PASSWORDS = {who: f"canary-{who}-password" for who in ("owner", "lin", "till", "wrong", "another")}
CAMPAIGN = {
    "kind": "discount",
    "product": "Oolong",
    "original_price": "30",
    "offer_price": "18",
    "quantity": "9",
    "starts_at": "2026-12-01",
    "ends_at": "2026-12-31",
    "uses_per_voucher": "5",
    "redemption_password": DIGITS,
}
FIRM, SHOP = "/merchants/lotus-tea", "/merchants/lotus-tea/campaigns/oolong"
ATTEMPTS = {status: f"0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6{status}" for status in (200, 403, 422)}
FIELDS = (
    dict.fromkeys({name for _, form in UNSAFE.values() for name in form}, "x")
    | dict.fromkeys(("password", "new_password"), PASSWORDS["wrong"])
    | {"redemption_password": WRONG}
)
LEFT_OUT = ("/sign-out", "/end", "/delete", "/account/email", "/account/password")  # they would end the story


@dataclass(frozen=True)
class Clocked:
    """As much of a world as a site needs."""

    clock: Callable


@dataclass
class Life:
    """A site with its canaries, and all that it answered: by whom and where it was asked, and what came."""

    settings: Settings
    clocked: Clocked
    site: Site
    app: Flask
    canaries: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    voucher: str = ""

    def keep(self, name: str, pattern: str, text: str) -> str:
        found = re.search(pattern, text)
        assert found, (name, text[-3000:])
        self.canaries[name] = found[1]
        return found[1]

    def keep_cookie(self, name: str, value: str) -> None:
        """The cookie, and the session's token that it carries."""
        if not value:
            return  # it was taken away
        name = f"{name}, {len(self.canaries)}"
        self.canaries[f"cookie of {name}"] = value
        payload = value.partition(".")[0] if "." in value else ""  # signed; a wallet's own is the token itself
        inside = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) if payload else {}
        if "_user_id" in inside:
            self.canaries[f"token of {name}"] = inside["_user_id"]


class Person:
    """A browser that remembers its cookies, and whose answers are all looked at in the end."""

    def __init__(self, life: Life, name: str):
        self.life, self.name = life, name
        self.cookies: dict[str, str] = {}

    def ask(
        self,
        method: str,
        path: str,
        form: dict | None = None,
        *,
        status: tuple[int, ...] = (200, 303),
        kind: str = "text/html",
        body: bytes | None = None,
        type_: str = "application/x-www-form-urlencoded",
    ) -> str:
        """Location and body of the answer, whose status must be one of these, if any are named."""
        headers = {
            "Accept": kind,
            "Accept-Language": "en",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": type_,
        }
        sent = body if body is not None else urlencode(form).encode() if form is not None else None
        with closing(HTTPConnection("127.0.0.1", self.life.site.port, timeout=60)) as connection:
            connection.request(method, path, sent, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        others = [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() != "set-cookie"]
        self.life.seen.append((f"{method} {path}", "\n".join([*others, text])))
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
            self.life.keep_cookie(self.name, value)
        assert not status or answer.status in status, (method, path, answer.status, text[-2000:])
        return answer.getheader("Location", "") + text

    def get(self, path: str, **how) -> str:
        return self.ask("GET", path, **how)

    def post(self, path: str, form: dict | None = None, **how) -> str:
        return self.ask("POST", path, form or {}, **how)


def live(settings: Settings, clocked: Clocked, site: Site, app: Flask) -> Life:
    """All that people do, from the first start on."""
    life = Life(settings, clocked, site, app, {"digits": DIGITS, "wrong digits": WRONG, "next": NEXT} | PASSWORDS)
    for name in ("secret_key", "password_key", "vapid_key"):
        life.canaries[name] = getattr(settings, name)
    owner, lin, till, stranger = (Person(life, name) for name in ("owner", "lin", "till", "stranger"))
    set_up(life, owner, stranger)
    claim, join = publish(life, owner)
    consume(life, lin, claim, stranger)
    pass_by(life, owner)
    sell(life, owner, lin, till, join)
    look_around(life, (owner, lin, till, stranger))
    return life


def set_up(life: Life, owner: Person, stranger: Person) -> None:
    token = life.keep("set-up", r"/set-up/(\S+)", log(life.site))
    form = {
        "email": "owner@example.org",
        "password": PASSWORDS["owner"],
        "name": "Lotus Tea",
        "currency": "CNY",
        "time_zone": "Asia/Shanghai",
        "branch": "Main",
    }
    owner.get(f"/set-up/{token}")
    owner.post(f"/set-up/{token}", form | {"time_zone": "Nowhere"}, status=(422,))
    owner.post(f"/set-up/{token}", form)
    stranger.post("/sign-in", {"email": "owner@example.org", "password": PASSWORDS["wrong"]}, status=(422,))
    stranger.get(f"/set-up/{token}", status=(404,))


def publish(life: Life, owner: Person) -> tuple[str, str]:
    owner.post(f"{FIRM}/new-campaign", CAMPAIGN | {"quantity": "none"}, status=(422,))
    owner.post(f"{FIRM}/preview", CAMPAIGN)
    owner.post(f"{FIRM}/new-campaign", CAMPAIGN)
    owner.post(f"{SHOP}/publications", {"audience": "addresses", "addresses": "lin@example.org\na@example.org"})
    claim = life.keep("claim", r"/claim/([\w-]+)", owner.get(f"{SHOP}/links.csv"))
    owner.post(f"{FIRM}/members", {"email": "till@example.org", "role": "cashier", "branches": "main"})
    join = life.keep("join", r"/join/([\w-]+)", owner.get(f"{FIRM}/members"))
    return claim, join


def consume(life: Life, lin: Person, claim: str, stranger: Person) -> None:
    lin.get(f"/claim/{claim}")
    lin.get(f"/sign-in?next=/claim/{claim}")
    lin.post("/sign-up", {"email": "lin@example.org", "password": "short"}, status=(422,))
    lin.post("/sign-up", {"email": "lin@example.org", "password": PASSWORDS["lin"], "next": f"/claim/{claim}"})
    lin.get(f"/claim/{claim}")
    code = re.search(r"/vouchers/(\w+)", lin.post(f"/claim/{claim}"))[1]
    life.voucher = code
    for digits, status in ((WRONG, (403,)), (DIGITS, (200,)), ("7", (422,))):
        for kind in ("text/html", "application/json"):
            lin.post(
                f"/vouchers/{code}/redemptions",
                {"password": digits, "attempt_id": ATTEMPTS[status[0]]},
                kind=kind,
                status=status,
            )
    browser = subscription("https://fcm.googleapis.com/fcm/send/canary-endpoint")
    life.canaries |= {"auth": browser["keys"]["auth"], "p256dh": browser["keys"]["p256dh"]}
    lin.ask("POST", "/push/subscriptions", body=json.dumps(browser).encode(), type_="application/json", status=(201,))
    move = life.keep("move", r"([A-Z0-9]{5}-[A-Z0-9]{5})", lin.post("/move"))
    stranger.post("/move/code", {"code": "AAAAA-AAAAA"}, status=(422,))
    Person(life, "lin's other browser").post("/move/code", {"code": move})
    lin.post("/move/code", {"code": move}, status=(422,))


def pass_by(life: Life, owner: Person) -> None:
    """A voucher from a poster, in a wallet without an account, which other browsers open by its recovery words."""
    poster = {"name": "Window", "quantity": "3", "per_day": "", "per_minute": "30", "claimed_by": "anybody"}
    owner.post(f"{SHOP}/posters", poster)
    token = re.search(r"/p/([\w-]+)", owner.get(f"{SHOP}/posters/1"))[1]
    walker, other = Person(life, "walker"), Person(life, "walker's other browser")
    walker.get(f"/p/{token}")
    walker.post(f"/p/{token}")
    walker.post("/wallet/keep", {"email": "walker@example.org", "password": "short"}, status=(422,))
    page = walker.post("/wallet/keep", {"words": "yes"})
    listed = life.keep("words on the page", r'recovery-words">((?:<li>\w+</li>)+)', page)
    life.canaries["words"] = " ".join(re.findall(r"\w{3,}", listed))
    other.post("/wallet/recover", {"words": life.canaries["words"][:-1] + "q"}, status=(422,))
    other.post("/wallet/recover", {"words": life.canaries["words"]})
    other.get("/wallet")


def sell(life: Life, owner: Person, lin: Person, till: Person, join: str) -> None:
    till.post(f"/join/{join}")
    till.post("/sign-up", {"email": "till@example.org", "password": PASSWORDS["till"], "next": f"/join/{join}"})
    till.post(f"/join/{join}")
    page = lin.post(f"/vouchers/{life.voucher}/counter-code")
    shown = life.canaries["counter"] = "".join(re.search(r"counter-code\">(\w{3})&#8202; (\w{3})<", page).groups())
    till.post(f"{FIRM}/till", {"code": "AAAAAA"}, status=(422,))
    at = re.search(r"/till/([\w-]{36})", till.post(f"{FIRM}/till", {"code": shown}))[1]
    till.get(f"{FIRM}/till/{at}")
    till.post(f"{FIRM}/till/{at}", {"branch": "main"})
    owner.post(f"{SHOP}/password", {"password": PASSWORDS["owner"]})
    replacing = re.search(r'name="replacing" value="([\d.]+)"', owner.get(f"{SHOP}/password"))[1]
    owner.post(f"{SHOP}/password/change", {"redemption_password": NEXT, "replacing": replacing})
    owner.post(f"{SHOP}/password", {"password": PASSWORDS["owner"]})
    lin.post("/account/password", {"password": PASSWORDS["wrong"], "new_password": PASSWORDS["another"]}, status=(422,))
    lin.post("/account/password", {"password": PASSWORDS["lin"], "new_password": PASSWORDS["another"]})
    link = command(life.settings, life.clocked, "account", "link", "lin@example.org").stdout.strip().rpartition("/")[2]
    life.canaries["link"] = link
    lin.get(f"/sign-in/{link}")
    lin.post(f"/sign-in/{link}", {"password": "short"}, status=(422,))


def look_around(life: Life, people: tuple[Person, ...]) -> None:
    """Every page there is, as everybody, and every unsafe one with secrets in the wrong fields."""
    for person in people:
        for path in paths(life, "GET"):
            person.get(path, status=())
            person.get(path, kind="application/json", status=())
    nobody = Person(life, "nobody")
    for path in unsafe(life):
        nobody.post(path, FIELDS, status=())


def paths(life: Life, method: str) -> Iterator[str]:
    values = {
        "merchant": "lotus-tea",
        "campaign": "oolong",
        "code": life.voucher,
        "number": 1,
        "branch": "main",
        "attempt_id": ATTEMPTS[200],
        "digest": "0" * 32,
        "token": "x" * 22,
    }
    with life.app.test_request_context():
        for rule in life.app.url_map.iter_rules():
            if method in rule.methods and rule.endpoint != "assets.static_file":
                yield url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})


def unsafe(life: Life) -> list[str]:
    return [path for path in paths(life, "POST") if not path.endswith(LEFT_OUT)]


def log(site: Site) -> str:
    return (site.folder / "log").read_text(errors="replace")
