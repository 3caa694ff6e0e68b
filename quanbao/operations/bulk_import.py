"""`quanbao load`: merchants, members, consumers, campaigns and publications from one document.

All or nothing: the whole document is checked first, every fault named with its path, and written
in one transaction.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from database import write_transaction
from models import (
    Account,
    Branch,
    Campaign,
    CampaignPassword,
    Customer,
    CustomerGroup,
    Member,
    MemberBranch,
    Merchant,
    PasswordKind,
    Poster,
    RedemptionPassword,
)
from quanbao.lib.names import Spellings, tidy
from quanbao.merchants import groups
from quanbao.operations import import_document
from quanbao.passwords import changing, redemption_passwords
from quanbao.people import accounts
from quanbao.vouchers import issuing, posters

NO_COLUMNS = ("redemption_password", "passwords", "publish_to", "posters", "path")  # of a campaign


class Refused(Exception):
    """The document is wrong; `faults` are lines like `merchants[0].slug: is missing`."""

    def __init__(self, faults: list[str]):
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Loaded:
    merchants: int
    consumers: int
    campaigns: int
    vouchers: int
    generated: dict[str, str]  # the generated redemption passwords, by "merchant/campaign"
    posters: dict[str, str]  # the generated tokens, by "merchant/campaign/name"


def parsed(path: Path) -> Any:
    """The JSON document in this file; raises Refused where it is none, and OSError where it cannot be read."""
    try:
        return json.loads(path.read_bytes(), object_pairs_hook=_once)
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except json.JSONDecodeError as error:
        reason = f"is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
    except ValueError:  # Python reads no integer of over 4,300 digits
        reason = "has a number that is far too long"
    except RecursionError:
        reason = "is nested too deeply"
    raise Refused([f"{path}: {reason}"])


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON lets a key stand twice and drops the first silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise Refused([f"the document has {twice[:60]!r} twice in one object"])
    return found


def load(
    document: Any,
    *,
    now: datetime,
    password_key: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    first: Callable[[], None] = lambda: None,
) -> Loaded:
    """Check the document, then write all of it; raises Refused with every fault and writes nothing then.

    `first` runs in the transaction before anything is written; what it raises stops the load.
    """
    plan, faults = import_document.read(document)
    if faults:
        raise Refused(faults)
    hashes = _hashes(plan, progress)

    def write() -> Loaded:
        first()
        return _Writer(hashes, now, password_key).write(plan)

    return write_transaction(write)


def _hashes(plan: import_document.Plan, progress: Callable[[int, int], None]) -> dict[str, str]:
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
        self.posters: dict[str, str] = {}
        self.digits: dict[tuple[int, str], RedemptionPassword] = {}  # of a merchant
        self.first: dict[int, RedemptionPassword] = {}  # of a merchant, by its id
        self.spellings: dict[int, Spellings] = {}  # of groups' names, by the merchants' ids

    def write(self, plan: import_document.Plan) -> Loaded:
        self._accounts(list(plan.people))
        merchants = {values["slug"]: self._merchant(values) for values in plan.merchants}
        self._groups(plan, merchants)
        entered = [(merchants[m["slug"]], m) for m in plan.merchants]
        vouchers = sum(self._campaigns(merchant, values) for merchant, values in entered)
        campaigns = sum(len(m["campaigns"]) for m in plan.merchants)
        return Loaded(len(merchants), len(plan.people), campaigns, vouchers, self.generated, self.posters)

    def _accounts(self, emails: list[str]) -> None:
        """Many at a time: while this transaction is open, every till waits."""
        for start in range(0, len(emails), issuing.BATCH):
            batch = emails[start : start + issuing.BATCH]
            Account.insert_many(
                [
                    {"email": email, "password_hash": self.hashes.get(email), "created_at": self.now, "proved": True}
                    for email in batch
                ]
            ).on_conflict_ignore().execute()
            rows = Account.select().where(Account.email.in_(batch))
            self.accounts |= {account.email: account for account in rows if account.email}

    def _account(self, email: str) -> Account:
        if email not in self.accounts:
            self.accounts[email] = Account.get(Account.email == email)
        return self.accounts[email]

    def _merchant(self, values: dict[str, Any]) -> Merchant:
        columns = ("slug", "name", "time_zone", "currency", "currency_digits", "language")
        merchant = Merchant.create(created_at=self.now, **{key: values[key] for key in columns})
        branches = {b["slug"]: Branch.create(merchant=merchant, **b) for b in values["branches"]}
        for entry in values["members"]:
            member = self._member(merchant, entry)
            for slug in entry["branches"]:
                MemberBranch.create(member=member, branch=branches[slug])
        return merchant

    def _member(self, merchant: Merchant, entry: dict[str, Any]) -> Member:
        account = self._account(entry["email"])
        accounts.shorten_sessions(account, self.now)
        return Member.create(merchant=merchant, account=account, address=account.email, role=entry["role"])

    def _groups(self, plan: import_document.Plan, merchants: dict[str, Merchant]) -> None:
        customers: dict[tuple[int, int], dict[str, Any]] = {}
        inside: dict[tuple[int, int, str], str] = {}
        for email, slug, names in plan.groups:
            if slug not in merchants:
                merchants[slug] = Merchant.get(Merchant.slug == slug)
            key = (merchants[slug].id, self._account(email).id)
            customers[key] = {"merchant": key[0], "consumer": key[1], "address": email, "first_seen_at": self.now}
            inside |= {(*key, name): name for name in self._spelled(merchants[slug], names)}
        _insert_new(Customer, list(customers.values()))
        known = (
            {
                (c.merchant_id, c.consumer_id): c.id
                for c in Customer.select().where(Customer.merchant.in_({merchant for merchant, _ in customers}))
            }
            if customers
            else {}
        )
        _insert_new(CustomerGroup, [{"customer": known[key[:2]], "name": name} for key, name in inside.items()])

    def _passwords(self, merchant: Merchant, entries: list[dict[str, Any]]) -> dict[str, RedemptionPassword]:
        """The merchant's passwords by their names; their digits are in `self.digits`."""
        rows: dict[str, RedemptionPassword] = {}
        for entry in entries:
            is_fixed = entry["kind"] == PasswordKind.FIXED
            content = entry["digits"] or entry["secret"]
            if content is None:
                content = self._generate(merchant, entry["name"]) if is_fixed else changing.new_secret()
            member = entry["member"] and Member.get(
                (Member.merchant == merchant)
                & (Member.account == self._account(accounts.email_address(entry["member"])))
            )
            row = self._password(
                merchant,
                content,
                name=entry["name"],
                kind=entry["kind"],
                branch_slug=entry["branch_slug"],
                member=member,
            )
            rows[entry["name"]] = row
            if is_fixed:
                self.digits[merchant.id, content] = row
        return rows

    def _password(self, merchant: Merchant, content: str, **columns: Any) -> RedemptionPassword:
        row = redemption_passwords.create(merchant, content, key=self.password_key, now=self.now, **columns)
        self.first.setdefault(merchant.id, row)
        return row

    def _campaigns(self, merchant: Merchant, values: dict[str, Any]) -> int:
        """Campaigns with the same password share its row, and with it the budget of a guesser."""
        named = self._passwords(merchant, values["passwords"])
        issued = 0
        for entry in values["campaigns"]:
            columns = {key: value for key, value in entry.items() if key not in NO_COLUMNS}
            columns["groups"] = self._spelled(merchant, columns["groups"])
            published = self.now if entry["publish_to"] or entry["posters"] else None
            own, *beside = self._accepted(merchant, entry, named)
            campaign = Campaign.create(
                merchant=merchant,
                password=own,
                accepts_all=not (entry["passwords"] or entry["redemption_password"]),
                created_at=self.now,
                published_at=published,
                **columns,
            )
            for password in beside:
                CampaignPassword.create(campaign=campaign, password=password)
            self._posters(campaign, entry["posters"])
            issued += issuing.issue(campaign, map(self._account, entry["publish_to"]), self.now)
        return issued

    def _posters(self, campaign: Campaign, entries: list[dict[str, Any]]) -> None:
        """Each gives out what its campaign has, unless it says less."""
        for number, entry in enumerate(entries):
            token = entry["token"] or posters.new_token()
            if entry["token"] is None:
                name = f"{campaign.merchant.slug}/{campaign.slug}/{entry['name']}"
                self.posters[name if name not in self.posters else f"{name} ({number + 1})"] = token
            columns = {"quantity": entry["quantity"] or campaign.quantity, "per_day": entry["per_day"]}
            columns["at_counter"] = entry["at_counter"]
            Poster.create(campaign=campaign, name=tidy(entry["name"]), token=token, created_at=self.now, **columns)

    def _accepted(
        self, merchant: Merchant, entry: dict[str, Any], named: dict[str, RedemptionPassword]
    ) -> list[RedemptionPassword]:
        """The passwords that a campaign lists; else the shop's first, beside which it accepts all others."""
        rows = [named[name] for name in dict.fromkeys(entry["passwords"])]
        if digits := entry["redemption_password"]:
            if (merchant.id, digits) not in self.digits:
                self.digits[merchant.id, digits] = self._password(merchant, digits)
            rows.append(self.digits[merchant.id, digits])
        if not rows and merchant.id not in self.first:
            made = self._generate(merchant, entry["slug"])
            self.digits[merchant.id, made] = self._password(merchant, made)
        return list(dict.fromkeys(rows)) or [self.first[merchant.id]]

    def _spelled(self, merchant: Merchant, names: list[str]) -> list[str]:
        """As the merchant, or this document before, spells these groups."""
        if names and merchant.id not in self.spellings:
            self.spellings[merchant.id] = groups.lock(merchant)
        return self.spellings[merchant.id].of_all(names) if names else []

    def _generate(self, merchant: Merchant, slug: str) -> str:
        return self.generated.setdefault(f"{merchant.slug}/{slug}", redemption_passwords.generate())


def _insert_new(table: type[Customer] | type[CustomerGroup], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), issuing.BATCH):
        table.insert_many(rows[start : start + issuing.BATCH]).on_conflict_ignore().execute()
