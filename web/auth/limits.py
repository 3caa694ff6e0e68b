"""Flood limits on signing in and up. The redemption password has budgets of its own."""

import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from ipaddress import ip_address, ip_network
from threading import Lock

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_login import current_user
from limits import parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from werkzeug.exceptions import HTTPException

from quanbao.people.accounts import Refused, email_address

log = logging.getLogger("quanbao")

LONGEST = 3600  # seconds: no limit below has a longer window
WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([0-9a-f:.]+)\])(?::\d+)?", re.ASCII | re.IGNORECASE)
IPV6_HOME = 64  # bits: what one customer of a provider has to himself
ALL_SIGN_UPS = "600 per hour"  # the good ones too: each makes an account
NEW_WALLETS = "new wallets"
PATIENCE = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "wrap_exceptions": True}  # with Redis


def neighbour() -> str:
    """Who asks, as far as limits go: an IPv4 address, or the network of an IPv6 one.

    What a proxy wrote that is no address counts as it stands, but for a port: each connection has another.
    """
    text = request.remote_addr or "127.0.0.1"
    if found := WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if address.version == 4:
        return text
    return str(address.ipv4_mapped or ip_network(f"{text.partition('%')[0]}/{IPV6_HOME}", strict=False))


class Memory(MemoryStorage):
    """Counts of this process. A clock that is set back keeps no visitor out for longer than a window."""

    STORAGE_SCHEME = ["memory-of-process"]

    def get(self, key: str) -> int:
        latest = time.time() + LONGEST
        if self.expirations.get(key, 0) > latest:
            self.expirations[key] = latest
        return super().get(key)


class FloodLimiter(Limiter):
    """Flask-Limiter, which counts for its own process while Redis is away; that it went and came is a line each."""

    shared = False  # by Redis

    def __init__(self, *what, **how):
        self._lock, self._is_away = Lock(), False
        super().__init__(*what, **how)

    def begin(self, *, shared: bool) -> None:
        self._is_away, self.shared = False, shared

    @property
    def _storage_dead(self) -> bool:
        return self._is_away

    @_storage_dead.setter
    def _storage_dead(self, is_away: bool) -> None:
        with self._lock:  # several requests may notice at once
            changed, self._is_away = is_away != self._is_away, is_away
        if changed and self.shared and is_away:
            log.warning("Redis does not answer: until it does, each process counts its own flood limits")
        elif changed and self.shared:
            log.warning("Redis answers again: all processes share their flood limits")

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        """Of several requests that notice at once Flask-Limiter 4.1 lets but one go on, and fails the others.

        Each of our limits stands at a route, which asks for itself: there is nothing to look up for all the others.
        """
        if in_middleware:
            return
        try:
            super()._check_request_limit(callable_name, in_middleware)
        except StorageError:
            self.context.seen_limits.clear()
            super()._check_request_limit(callable_name, in_middleware)


limiter = FloodLimiter(neighbour, default_limits=[], headers_enabled=False)


class Unusable(Exception):
    """What stands in QUANBAO_REDIS_URL will not do, also when Redis answers; the text says why."""


def redis_answers(redis_url: str) -> bool:
    """Whether Redis answers now, which it may later; raises Unusable where no waiting helps."""
    try:
        storage = storage_from_string(redis_url, **PATIENCE)
    except ConfigurationError:
        raise Unusable("needs Redis' driver: pip install 'quanbao[redis]'") from None
    except ValueError as error:
        raise Unusable(f"cannot be used: {error}") from None
    errors = storage.dependency.exceptions  # type: ignore[union-attr]  # a redis URL makes the storage that has it
    try:
        return storage.get_connection().ping()  # type: ignore[union-attr]  # the same
    except TypeError:
        raise Unusable("has a parameter behind its ? that does not belong there") from None
    except (errors.AuthenticationError, errors.ResponseError) as error:
        raise Unusable(f"is refused by Redis: {error}") from None
    except (errors.RedisError, OSError):
        return False


def init_app(app: Flask) -> None:
    redis_url = app.extensions["quanbao"].redis_url
    limiter.begin(shared=bool(redis_url))
    app.config.update(
        RATELIMIT_STORAGE_URI=redis_url or "memory-of-process://",
        RATELIMIT_STORAGE_OPTIONS=PATIENCE if redis_url else {},
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,  # without Redis every process counts for itself
        RATELIMIT_KEY_PREFIX="quanbao",
    )
    limiter.init_app(app)
    app.after_request(give_back)


def give_back(response: Response) -> Response:
    """Only what failed counts: no visitor is kept out for signing in often, nor for what was not even looked at.

    Of sign-ups the good ones count too, and of claims those alone: what a poster or link refuses makes no wallet.

    A try is counted before it is looked at, and given back afterwards: any other order lets through what comes at once.
    """
    unseen, good = response.status_code == 429, response.status_code < 400
    for each in limiter.current_limits:
        refused = not good and each.request_args[-1] == NEW_WALLETS  # it made none
        if unseen or refused or good and each.limit != parse(ALL_SIGN_UPS):
            with suppress(StorageError):
                limiter.limiter.hit(each.limit, *each.request_args, cost=-1)
    return response


def typed(field: str) -> str:
    """What a field of the form holds; nothing where the form cannot be read, which the route will say.

    What is asked here must not fail: the limiter takes any failure for one of its storage, and counts from nothing.
    """
    try:
        return request.form.get(field, "")
    except HTTPException:
        return ""


def signed_in() -> str:
    """Whose own password is typed, whatever page asks for it; behind `login_required`, so no session is looked for."""
    return f"account {current_user.account.id}" if current_user.is_authenticated else neighbour()


def address_typed() -> str:
    """The account that a visitor tries to sign in to, from where."""
    try:
        email = email_address(typed("email"))
    except Refused:
        email = ""
    return f"{email} {neighbour()}"


sign_in_limits = [
    limiter.limit("10 per 15 minutes", key_func=address_typed, methods=["POST"]),
    limiter.limit("100 per 15 minutes", methods=["POST"]),
]
own_password_limit = limiter.shared_limit(
    "10 per 15 minutes",
    scope="own password",
    key_func=signed_in,
    methods=["POST"],
    exempt_when=lambda: not typed("password"),
)
recovery_limit = limiter.limit("10 per 15 minutes", methods=["POST"])
code_limit = limiter.limit("20 per 15 minutes", methods=["POST"])
# Behind one address may be a shop's whole network: who tries out addresses is stopped long before those who sign up.
# So are those who ask by another e-mail for their own account: the refusals at both places are counted together.
address_limit = limiter.shared_limit("60 per hour", scope="addresses tried out", methods=["POST"])
_new_wallets = limiter.shared_limit(ALL_SIGN_UPS, scope=NEW_WALLETS, methods=["POST"])
sign_up_limits = [address_limit, limiter.limit(ALL_SIGN_UPS, methods=["POST"])]


def new_wallet_limit(route: Callable) -> Callable:
    """The limit for visitors whose claim makes a wallet; who is signed in has one, and is not counted."""
    limited = _new_wallets(route)

    @wraps(route)
    def asked(**what):
        return (route if current_user.is_authenticated else limited)(**what)

    return asked
