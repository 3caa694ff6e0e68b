"""`quanbao load`: merchants, members, consumers, campaigns and publications from one document.

All or nothing: the whole document is checked first, every fault named with its path, and written
in one transaction.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
)
from quanbao import accounts, documents, issuing, passwords


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


def load(
    document: Any, *, now: datetime, password_key: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
    first: Callable[[], None] = lambda: None,
) -> Loaded:
    """Check the document, then write all of it; raises Refused with every fault and writes nothing then.

    `first` runs in the transaction before anything is written; what it raises stops the load.
    """
    plan, faults = documents.read(document)
    if faults:
        raise Refused(faults)
    hashes = _hashes(plan, progress)

    def write() -> Loaded:
        first()
        return _Writer(hashes, now, password_key).write(plan)

    return write_transaction(write)


def _hashes(plan: documents.Plan, progress: Callable[[int, int], None]) -> dict[str, str]:
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

    def write(self, plan: documents.Plan) -> Loaded:
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
