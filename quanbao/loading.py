"""`quanbao load`: merchants, members, consumers, campaigns and publications from one document.

All or nothing: the whole document is checked first, every fault named with its path, and written
in one transaction.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from babel.numbers import list_currencies

from database import write_transaction
from models import (
    Account,
    Branch,
    Campaign,
    Customer,
    CustomerGroup,
    Member,
    MemberBranch,
    Merchant,
    RedemptionPassword,
    Role,
)
from quanbao import accounts, campaigns, issuing, passwords
from quanbao.reader import MISSING, Reader, is_slug, is_text

LANGUAGES = ["en", "zh"]


class Refused(Exception):
    """The document is wrong; `faults` are lines like `merchants[0].slug: is missing`."""

    def __init__(self, faults: list[str]):
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass
class Plan:
    """A document that was read: accounts by address with their passwords, and rows to be."""

    people: dict[str, str | None] = field(default_factory=dict)
    merchants: list[dict[str, Any]] = field(default_factory=list)
    groups: list[tuple[str, str, list[str]]] = field(default_factory=list)  # address, merchant, names


@dataclass(frozen=True)
class Loaded:
    merchants: int
    consumers: int
    campaigns: int
    vouchers: int
    generated: dict[str, str]  # the generated redemption passwords, by "merchant/campaign"


def load(
    document: Any, *, now: datetime, password_key: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    first: Callable[[], None] = lambda: None,
) -> Loaded:
    """Check the document, then write all of it; raises Refused with every fault and writes nothing then.

    `first` runs in the transaction before anything is written; what it raises stops the load.
    """
    plan, faults = read(document)
    if faults:
        raise Refused(faults)
    hashes = _hashes(plan, progress)

    def write() -> Loaded:
        first()
        return _Writer(hashes, now, password_key).write(plan)

    return write_transaction(write)


# Reading


def read(document: Any) -> tuple[Plan, list[str]]:
    plan, faults = Plan(), []
    reader = Reader(document, "", faults)
    for merchant in reader.readers("merchants"):
        plan.merchants.append(_merchant(merchant, plan))
    slugs = [merchant["slug"] for merchant in plan.merchants]
    for consumer in reader.readers("consumers"):
        _consumer(consumer, plan, slugs)
    reader.done()
    _check_publications(plan, faults)
    _check_twice(plan, faults)
    return plan, faults


def _merchant(reader: Reader, plan: Plan) -> dict[str, Any]:
    zone = reader.one_of_many("time_zone", available_timezones(), "a time zone like Asia/Shanghai")
    values = {
        "slug": reader.slug(),
        "name": reader.text("name", 200),
        "time_zone": zone,
        "currency": reader.one_of_many("currency", list_currencies(), "a currency like CNY"),
        "language": reader.one_of("language", LANGUAGES, "en"),
        "path": reader.path,
    }
    values["branches"] = [_branch(branch) for branch in reader.readers("branches")]
    slugs = {branch["slug"] for branch in values["branches"]}
    values["members"] = [_member(member, plan, slugs) for member in reader.readers("members")]
    values["campaigns"] = [_campaign(c, ZoneInfo(zone or "UTC"), slugs) for c in reader.readers("campaigns")]
    _unique(reader, values, "branches", "slug")
    _unique(reader, values, "members", "email")
    _unique(reader, values, "campaigns", "slug")
    reader.done()
    return values


def _unique(reader: Reader, values: dict, key: str, of: str) -> None:
    seen = set()
    for number, value in enumerate(values[key]):
        if value[of] is not None and value[of] in seen:
            reader.fault(f"{key}[{number}].{of}", f"{value[of]} is there twice")
        seen.add(value[of])


def _branch(reader: Reader) -> dict[str, Any]:
    values = {"slug": reader.slug(), "name": reader.text("name", 200), "address": reader.text("address", 500, "")}
    reader.done()
    return values


def _member(reader: Reader, plan: Plan, branches: set[str]) -> dict[str, Any]:
    values = {
        "email": _person(reader, plan),
        "role": reader.one_of("role", [role.value for role in Role]),
        "branches": reader.items("branches", "the slug of one of the merchant's branches",
                                 lambda v: is_slug(v) and v in branches),
    }
    if values["branches"] and values["role"] not in (Role.CASHIER, None):
        reader.fault("branches", "must be left out: only a cashier is bound to branches")
    reader.done()
    return values


def _person(reader: Reader, plan: Plan) -> str | None:
    """The address of an account that this document makes or names."""
    text = reader.take("email", MISSING, "an e-mail address", _is_address)
    password = reader.take("password", None, "text of 8 to 200 characters",
                           lambda v: is_text(v, accounts.LONGEST_PASSWORD) and len(v) >= accounts.SHORTEST_PASSWORD)
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
    if known and not accounts.password_is(known, password):
        reader.fault("password", "must be left out: this address has an account with another password")


def _campaign(reader: Reader, zone: ZoneInfo, branches: set[str]) -> dict[str, Any]:
    values = campaigns.read(reader, zone, branches)
    addresses = reader.items("publish_to", "an e-mail address", _is_address)
    values |= {"publish_to": [accounts.email_address(text) for text in addresses], "path": reader.path}
    reader.done()
    return values


def _consumer(reader: Reader, plan: Plan, merchants: list[str | None]) -> None:
    email = _person(reader, plan)
    groups = Reader(reader.get("groups") or {}, reader.at("groups"), reader.faults)
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
            if email not in plan.people and not known.setdefault(email, bool(accounts.by_email(email))):
                faults.append(f"{campaign['path']}.publish_to[{number}]: {email} has no account: "
                              "add it to consumers")


def _check_twice(plan: Plan, faults: list[str]) -> None:
    seen = set()
    for merchant in plan.merchants:
        if merchant["slug"] in seen or _merchant_exists(merchant["slug"]):
            faults.append(f"{merchant['path']}.slug: {merchant['slug']} exists already")
        seen.add(merchant["slug"])


# Writing


def _hashes(plan: Plan, progress: Callable[[int, int], None]) -> dict[str, str]:
    """Argon2id is slow by design and lets go of the interpreter: hash on every core, before the transaction."""
    people = [(email, password) for email, password in plan.people.items() if password]
    hashes: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        hashed = pool.map(accounts.hash_password, (password for _, password in people))
        for (email, _), value in zip(people, hashed, strict=True):
            hashes[email] = value
            progress(len(hashes), len(people))
    return hashes


class _Writer:
    """Writes a plan inside one transaction."""

    def __init__(self, hashes: dict[str, str], now: datetime, password_key: str):
        self.hashes, self.now, self.password_key = hashes, now, password_key
        self.accounts: dict[str, Account] = {}
        self.generated: dict[str, str] = {}

    def write(self, plan: Plan) -> Loaded:
        for email in plan.people:
            self._account(email)
        merchants = {values["slug"]: self._merchant(values) for values in plan.merchants}
        for email, slug, names in plan.groups:
            self._groups(email, merchants.get(slug) or Merchant.get(Merchant.slug == slug), names)
        entered = [(merchants[m["slug"]], m) for m in plan.merchants]
        vouchers = sum(self._campaigns(merchant, values["campaigns"]) for merchant, values in entered)
        return Loaded(len(merchants), len(plan.people), sum(len(m["campaigns"]) for m in plan.merchants),
                      vouchers, self.generated)

    def _account(self, email: str) -> Account:
        if email not in self.accounts:
            self.accounts[email] = Account.get_or_none(Account.email == email) or Account.create(
                email=email, password_hash=self.hashes.get(email), created_at=self.now
            )
        return self.accounts[email]

    def _merchant(self, values: dict[str, Any]) -> Merchant:
        columns = ("slug", "name", "time_zone", "currency", "language")
        merchant = Merchant.create(created_at=self.now, **{key: values[key] for key in columns})
        branches = {b["slug"]: Branch.create(merchant=merchant, **b) for b in values["branches"]}
        for entry in values["members"]:
            member = Member.create(merchant=merchant, account=self._account(entry["email"]), role=entry["role"])
            for slug in entry["branches"]:
                MemberBranch.create(member=member, branch=branches[slug])
        return merchant

    def _groups(self, email: str, merchant: Merchant, names: list[str]) -> None:
        account = self._account(email)
        Customer.insert(merchant=merchant, consumer=account, first_seen_at=self.now).on_conflict_ignore().execute()
        customer = Customer.get((Customer.merchant == merchant) & (Customer.consumer == account))
        for name in set(names):
            CustomerGroup.insert(customer=customer, name=name).on_conflict_ignore().execute()

    def _campaigns(self, merchant: Merchant, entries: list[dict[str, Any]]) -> int:
        """Campaigns with the same password share its row, and with it the budget of a guesser."""
        rows: dict[str, RedemptionPassword] = {}
        issued = 0
        for entry in entries:
            columns = {key: value for key, value in entry.items()
                       if key not in ("redemption_password", "publish_to", "path")}
            password = entry["redemption_password"] or self._generate(merchant, entry["slug"])
            if password not in rows:
                rows[password] = passwords.create(merchant, password, key=self.password_key, now=self.now)
            campaign = Campaign.create(merchant=merchant, password=rows[password], created_at=self.now, **columns)
            issued += issuing.issue(campaign, map(self._account, entry["publish_to"]), self.now)
        return issued

    def _generate(self, merchant: Merchant, slug: str) -> str:
        return self.generated.setdefault(f"{merchant.slug}/{slug}", passwords.generate())
