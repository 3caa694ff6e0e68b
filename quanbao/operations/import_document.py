"""The document of `quanbao load`: read whole, every fault named with its path, before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models import Account, Merchant, PasswordKind, Poster, Role
from quanbao.campaigns import rules
from quanbao.lib import currencies
from quanbao.lib.names import folded
from quanbao.lib.validation import MISSING, Reader, is_slug, is_text
from quanbao.passwords import changing, shop_passwords
from quanbao.people import accounts
from quanbao.vouchers import posters
from zones import ZoneInfo, available_timezones

LANGUAGES = ["en", "zh"]
TIME_ZONES = frozenset(available_timezones() - {"Factory", "localtime"})


@dataclass
class Plan:
    """A document that was read: accounts by address with their passwords, and rows to be."""

    people: dict[str, str | None] = field(default_factory=dict)
    merchants: list[dict[str, Any]] = field(default_factory=list)
    groups: list[tuple[str, str, list[str]]] = field(default_factory=list)  # address, merchant, names


def read(document: Any) -> tuple[Plan, list[str]]:
    """What the document says to make, and its faults; only without any may the plan be written."""
    plan = Plan()
    faults: list[str] = []
    reader = Reader(document, "", faults)
    for merchant in reader.readers("merchants"):
        plan.merchants.append(_merchant(merchant, plan))
    slugs = [merchant["slug"] for merchant in plan.merchants]
    for consumer in reader.readers("consumers"):
        _consumer(consumer, plan, slugs)
    reader.done()
    _check_publications(plan, faults)
    _check_twice(plan, faults)
    _check_posters(plan, faults)
    return plan, faults


def _merchant(reader: Reader, plan: Plan) -> dict[str, Any]:
    zone = reader.one_of_many("time_zone", TIME_ZONES, "a time zone like Asia/Shanghai")
    values = {
        "slug": reader.slug(),
        "name": reader.text("name", 200),
        "time_zone": zone,
        "currency": reader.one_of_many("currency", currencies.DIGITS, currencies.wanted(reader.get("currency"))),
        "language": reader.one_of("language", LANGUAGES, "en"),
        "path": reader.path,
    }
    values["currency_digits"] = currencies.DIGITS.get(values["currency"])
    values["branches"] = [_branch(branch) for branch in reader.readers("branches")]
    slugs = {branch["slug"] for branch in values["branches"]}
    values["members"] = [_member(member, plan, slugs) for member in reader.readers("members")]
    emails = {member["email"] for member in values["members"]}
    values["passwords"] = [_password(password, slugs, emails) for password in reader.readers("passwords")]
    names = {password["name"] for password in values["passwords"]}
    values["campaigns"] = [_campaign(c, ZoneInfo(zone or "UTC"), slugs, names) for c in reader.readers("campaigns")]
    _unique(reader, values, "branches", "slug")
    _unique(reader, values, "branches", "name", folded)
    _unique(reader, values, "members", "email")
    _unique(reader, values, "passwords", "name", folded)
    _unique(reader, values, "passwords", "digits")
    _unique(reader, values, "campaigns", "slug")
    reader.done()
    return values


def _unique(reader: Reader, values: dict, key: str, of: str, as_meant: Callable[[str], str] = str) -> None:
    seen = set()
    for number, value in enumerate(values[key]):
        meant = None if value[of] is None else as_meant(value[of])
        if meant is not None and meant in seen:
            reader.fault(f"{key}[{number}].{of}", f"{value[of]} is there twice")
        seen.add(meant)


def _branch(reader: Reader) -> dict[str, Any]:
    values = {"slug": reader.slug(), "name": reader.text("name", 200), "address": reader.text("address", 500, "")}
    reader.done()
    return values


def _member(reader: Reader, plan: Plan, branches: set[str]) -> dict[str, Any]:
    email = _person(reader, plan)
    values = {
        "email": email,
        "role": reader.one_of("role", [role.value for role in Role]),
        "branches": sorted(
            set(
                reader.items(
                    "branches", "the slug of one of the merchant's branches", lambda v: is_slug(v) and v in branches
                )
            )
        ),
    }
    if email and not plan.people[email] and Account.select().where((Account.email == email) & ~Account.proved).exists():
        reader.fault("password", "is needed: who signed up with this address has not proved that it is theirs")
    if values["branches"] and values["role"] not in (Role.CASHIER, None):
        reader.fault("branches", "must be left out: only a cashier is bound to branches")
    reader.done()
    return values


def _person(reader: Reader, plan: Plan) -> str | None:
    """The address of an account that this document makes or names."""
    text = reader.take("email", MISSING, "an e-mail address", _is_address)
    password = reader.take(
        "password",
        None,
        "text of 8 to 200 characters",
        lambda v: is_text(v, accounts.LONGEST_PASSWORD) and len(v) >= accounts.SHORTEST_PASSWORD,
    )
    if not isinstance(text, str) or not _is_address(text):
        return None
    email = accounts.email_address(text)
    if password and plan.people.get(email, password) not in (password, None):
        reader.fault("password", f"another one than the password that {email} has above")
    plan.people[email] = password or plan.people.get(email)
    _check_known(reader, email, password)
    return email


def _is_address(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(accounts.email_address(value))
    except accounts.Refused:
        return False


def _check_known(reader: Reader, email: str, password: str | None) -> None:
    """A document never resets the password of an account that is already there."""
    known = Account.get_or_none(Account.email == email) if password else None
    if known and password and not accounts.password_is(known, password):
        reader.fault("password", "must be left out: this address has an account with another password")


def _password(reader: Reader, branches: set[str], members: set[str | None]) -> dict[str, Any]:
    """A password of the shop; digits are of fixed ones, a secret of those that an app or this site computes."""
    kinds = [kind.value for kind in PasswordKind]
    values = {
        "name": reader.take("name", MISSING, "text of 1 to 100 characters on one line", shop_passwords.is_name),
        "kind": reader.one_of("kind", kinds, PasswordKind.FIXED.value),
        "digits": rules.password(reader, "digits"),
        "secret": reader.take(
            "secret", None, "base32 of 20 to 64 bytes", lambda v: isinstance(v, str) and _is_secret(v)
        ),
        "branch_slug": reader.one_of("branch", sorted(slug for slug in branches if slug), None),
        "member": reader.take(
            "member",
            None,
            "the e-mail of one of the merchant's members",
            lambda v: _is_address(v) and accounts.email_address(v) in members,
        ),
    }
    if values["digits"] and values["kind"] != PasswordKind.FIXED:
        reader.fault("digits", f"must be left out: {values['kind']} digits change by themselves")
    if values["secret"] and values["kind"] not in (PasswordKind.DAILY, PasswordKind.AUTHENTICATOR):
        reader.fault("secret", "must be left out: only a daily password and an authenticator have one")
    reader.done()
    return values


def _is_secret(text: str) -> bool:
    return changing.is_secret(text) and text.isascii()


def _campaign(reader: Reader, zone: ZoneInfo, branches: set[str], passwords: set[str | None]) -> dict[str, Any]:
    values = rules.read(reader, zone, branches)
    values["passwords"] = reader.items(
        "passwords", "the name of one of the merchant's passwords", lambda v: isinstance(v, str) and v in passwords
    )
    reader.items("publish_to", "an e-mail address", _is_address)
    listed = reader.get("publish_to")
    addresses = listed if isinstance(listed, list) else []
    values["publish_to"] = [accounts.email_address(text) if _is_address(text) else None for text in addresses]
    values["posters"] = [_poster(poster) for poster in reader.readers("posters")]
    values["path"] = reader.path
    reader.done()
    return values


def _poster(reader: Reader) -> dict[str, Any]:
    """A poster of a campaign; without a limit it gives out what remains of the quantity."""
    values = {
        "name": reader.take("name", MISSING, "text of 1 to 100 characters on one line", shop_passwords.is_name),
        "quantity": reader.integer("limit", 1, rules.MOST_VOUCHERS, None),
        "per_day": reader.integer("per_day", 1, rules.MOST_VOUCHERS, None),
        "at_counter": reader.flag("at_counter"),
        "token": reader.take("token", None, "10 to 32 of 0-9a-z", _is_poster_token),
    }
    reader.done()
    return values


def _is_poster_token(value: Any) -> bool:
    return isinstance(value, str) and posters.TYPED.fullmatch(value) is not None


def _consumer(reader: Reader, plan: Plan, merchants: list[str | None]) -> None:
    email = _person(reader, plan)
    groups = reader.inner("groups")
    for slug in groups.value:
        names = groups.items(slug, "text of 1 to 100 characters", lambda v: is_text(v, 100))
        if slug not in merchants and not _merchant_exists(slug):
            groups.fault(slug, "is no merchant of this document or this site")
        elif email:
            plan.groups.append((email, slug, names))
    reader.done()


def _merchant_exists(slug: str | None) -> bool:
    return is_slug(slug) and Merchant.select().where(Merchant.slug == slug).exists()


def _check_publications(plan: Plan, faults: list[str]) -> None:
    known: dict[str, bool] = {}
    for campaign in (c for merchant in plan.merchants for c in merchant["campaigns"]):
        for number, email in enumerate(campaign["publish_to"]):
            if email and email not in plan.people and not known.setdefault(email, bool(accounts.by_email(email))):
                faults.append(f"{campaign['path']}.publish_to[{number}]: {email} has no account: add it to consumers")


def _check_twice(plan: Plan, faults: list[str]) -> None:
    seen = set()
    for merchant in plan.merchants:
        if merchant["slug"] and merchant["slug"] in seen or _merchant_exists(merchant["slug"]):
            faults.append(f"{merchant['path']}.slug: {merchant['slug']} exists already")
        seen.add(merchant["slug"])


def _check_posters(plan: Plan, faults: list[str]) -> None:
    """Their tokens are the site's: one stands once."""
    seen = set()
    for campaign in (c for merchant in plan.merchants for c in merchant["campaigns"]):
        for number, token in enumerate(poster["token"] for poster in campaign["posters"]):
            if token and (token in seen or Poster.select().where(Poster.token == token).exists()):
                faults.append(f"{campaign['path']}.posters[{number}].token: {token} exists already")
            seen.add(token)
