"""Who is signed in: Flask-Login over sessions that are rows of ours, so that they can be ended."""

import hashlib
import hmac
import logging
import secrets
from datetime import datetime

from flask import Flask, Request, Response, current_app, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from itsdangerous import BadSignature, URLSafeTimedSerializer

from models import Account, Session
from quanbao.lib import account_lock
from quanbao.people import accounts, recovery
from quanbao.vouchers import wallet_merge
from web.auth import wallet_cookie
from web.context import is_https, now
from web.present.answers import ANSWER, is_from_script, problem, wants_json

log = logging.getLogger("quanbao")


class SignedIn(UserMixin):
    """Flask-Login's user: an account by way of one session; its id is the session's random token."""

    def __init__(self, account: Account, token: str, row: Session | None = None):
        self.account, self.token, self.row = account, token, row

    def get_id(self) -> str:
        return self.token


SHARED = ("assets.static_file", "pictures.show")  # the same for all visitors: does not vary by cookie


class CookieInterface(SecureCookieSessionInterface):
    """Name and flags of the cookie follow the address: `__Host-` needs https (RFC 6265bis)."""

    digest_method = staticmethod(hashlib.sha256)
    _serializer: URLSafeTimedSerializer | None = None

    def get_cookie_name(self, app: Flask) -> str:
        return "__Host-quanbao" if is_https() else "quanbao"

    def get_cookie_secure(self, app: Flask) -> bool:
        return is_https()

    def get_cookie_samesite(self, app: Flask) -> str:
        return "Lax"

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
        """Made once: it holds nothing but the key and how to sign."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
            assert self._serializer is not None, "the application has a secret key"
        return self._serializer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """Whatever the cookie's age, which is below zero when the clock was set back: a session's row ends it."""
        signed = request.cookies.get(self.get_cookie_name(app))
        if not signed:
            return self.session_class()
        try:
            return self.session_class(self.get_signing_serializer(app).loads(signed))
        except BadSignature:
            return self.session_class()

    def save_session(self, app: Flask, session, response: Response) -> None:
        if request.endpoint not in SHARED:
            super().save_session(app, session, response)
            wallet_cookie.save(response)


# The first mark that is in it names the browser: all of them say that they are Safari too.
BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("Edg", "Edge"),
    ("SamsungBrowser", "Samsung Internet"),
    ("OPR", "Opera"),
    ("MQQBrowser", "QQ Browser"),
    ("UCBrowser", "UC Browser"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("MiuiBrowser", "Mi Browser"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)

login = LoginManager()
login.session_protection = None  # it binds to the address, and phones change theirs


def init_app(app: Flask) -> None:
    app.session_interface = CookieInterface()
    app.permanent_session_lifetime = accounts.CONSUMER_SESSION
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    login.init_app(app)


@login.request_loader
def load_wallet(request: Request) -> SignedIn | None:
    """An anonymous wallet, by its own cookie; once it has an address, the signed one alone counts."""
    token = wallet_cookie.token()
    found = load(token) if token else None
    return found if found and found.account.is_anonymous else None


@login.user_loader
def load(token: str) -> SignedIn | None:
    moment = now()
    from_htmx = bool(request.htmx)  # type: ignore[attr-defined]  # htmx-flask adds it to every request
    by_itself = from_htmx and "seen" in request.args  # an open page asks, maybe without a reader
    found = accounts.session_of(token, moment, used=not by_itself)
    if found is None:
        return None
    if found.seen_at == moment:
        session.modified = True  # a session that slides on takes its cookie with it
        if found.account.is_anonymous:
            wallet_cookie.keep(token)
    return SignedIn(found.account, token, found)


@login.unauthorized_handler
def ask_to_sign_in():
    if wants_json() or is_from_script():
        return problem(401, "signed_out")
    here = request.full_path.rstrip("?") if request.method == "GET" else _page_of_form()
    target = url_for("sign_in.show", next=here)
    if request.htmx:
        return current_app.response_class(status=401, headers={"HX-Redirect": target, ANSWER: "signed_out"})
    return redirect(target, 303)


def _page_of_form() -> str:
    """Where a form that came too late was sent from, as far as its address tells: itself, or what it is part of."""
    pages = current_app.url_map.bind("")
    for path in (request.path, request.path.rpartition("/")[0]):
        if path and pages.test(path, "GET"):
            return path
    return url_for("wallet.show")


def consumer() -> Account:
    """The signed-in account; for routes that require one."""
    return current_user.account


def holder() -> str | None:
    """The signed-in account as a phone's store knows it: an id that says nothing; empty for a signed-out visitor.

    None where the request did not ask: then the store stays as it is.
    """
    if g.get("unasked"):
        return None
    if not current_user.is_authenticated:
        return ""
    name = b"holder\0%d" % current_user.account.id
    key = current_app.secret_key
    assert isinstance(key, str), "it comes from the settings"
    return hmac.new(key.encode(), name, hashlib.sha256).hexdigest()[:24]


def ask_nobody() -> None:
    """This answer does not depend on who is signed in: no session is looked for, and none slides on."""
    if "_login_user" not in g:
        g._login_user, g.unasked = login.anonymous_user(), True


def browser_name() -> str:
    """What the owner of an account knows a browser by: "Firefox · Android"; empty where it does not say."""
    agent = request.user_agent.string
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return " · ".join(filter(None, (browser, system)))


def password_is(account: Account | None, password: str) -> bool:
    """Whether this is the account's password; the log says where it was not."""
    right = accounts.password_is(account, password)
    if not right:
        log.warning("wrong password: account %s", account and account.id)
    return right


def sign_in(account: Account, *, confirmed_at: datetime | None = None, alone: bool = False) -> bool:
    """Start a session under a new token; one that the browser had before is ended, and `alone` all of the account's.

    The vouchers of an anonymous wallet come along. False, and no sign-in, where the account was changed a moment ago:
    a wallet that could not come along stays signed in.
    """
    if current_user.is_authenticated and consumer().is_anonymous and consumer() != account:
        merged = wallet_merge.merge(consumer(), account, now())
        if not merged and Account.get_by_id(consumer().id).is_anonymous:
            return False
    sign_out()
    try:
        token = accounts.start_session(account, now(), browser_name(), confirmed_at=confirmed_at, alone=alone)
    except account_lock.Overtaken:
        return False
    return begin(account, token)


def begin(account: Account, token: str) -> bool:
    """This browser goes on in a session that was started for it."""
    session.permanent = True
    session.pop("claim", None)
    if account.is_anonymous:
        wallet_cookie.keep(token)
    log.info("signed in: account %d", account.id)
    return login_user(SignedIn(account, token))


def keep(token: str) -> None:
    """The wallet has an address now: its session goes on under this token, in the signed cookie alone."""
    session.permanent = True
    go_on(token)
    wallet_cookie.forget()


def first_claim() -> str:
    """What a browser sends with its first claim, when it has no wallet yet: noted in its cookie with the offer."""
    if "claim" not in session:
        session["claim"] = secrets.token_urlsafe(16)
    return session["claim"]


def go_on(token: str) -> None:
    """This browser's session, under this token from now on."""
    if consumer().is_anonymous:
        wallet_cookie.keep(token)
    login_user(SignedIn(consumer(), token, current_user.row))


def sign_out() -> None:
    """End the session; of what the cookie noted for a next page, the next visitor gets the language alone."""
    if current_user.is_authenticated:
        accounts.end_session(current_user.token)
        if consumer().is_anonymous:
            recovery.opened(consumer(), now())
        log.info("signed out: account %d", current_user.account.id)
        logout_user()
    wallet_cookie.forget()
    language = session.get("language")
    session.clear()
    if language:
        session["language"], session.permanent = language, True
