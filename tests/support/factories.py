"""A fixed cast for the tests, and keyword-only makers of what they need."""

import uuid
from datetime import UTC, datetime
from itertools import count
from typing import Any

from peewee import fn

from database import write_transaction
from models import (
    Account,
    Attempt,
    Branch,
    Campaign,
    CounterCode,
    Customer,
    CustomerGroup,
    Guess,
    Member,
    Merchant,
    Redemption,
    RedemptionPassword,
    Role,
    Voucher,
)
from quanbao.lib import currencies
from quanbao.passwords import guess_limits, redemption_passwords
from quanbao.people import accounts, wallets
from quanbao.redemption import counter_codes
from quanbao.redemption import redeem as redemption
from quanbao.redemption.checks import TillEntry
from quanbao.redemption.redeem import AttemptRequest, Keys, Verdict
from quanbao.vouchers import issuing
from tests.support.clock import Clock

PASSWORD = "482913"  # the merchant's redemption password
WRONG = "602417"
ACCOUNT_PASSWORD = "a-long-secret"
# The cast, by the addresses that they sign in with: Lin is a consumer, and a stranger has an account and nothing else.
OWNER, CASHIER, LIN, STRANGER = "owner@example.org", "till@example.org", "lin@example.org", "new@example.org"


def money_of(currency: str) -> dict[str, Any]:
    """The columns of a merchant that charges in this currency."""
    return {"currency": currency, "currency_digits": currencies.digits(currency)}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


class World:
    """One merchant in Shanghai with two branches and its password, and Mei, a consumer."""

    def __init__(self, clock: Clock, keys: Keys):
        self.clock, self.keys = clock, keys
        self.numbers = count(1)
        self.merchant = self.make_merchant(slug="lotus")
        self.password = self.make_password()
        self.mei = self.account(email="mei@example.org")

    def make_merchant(self, *, slug: str, **more: Any) -> Merchant:
        columns = {"name": "Lotus Tea", "time_zone": "Asia/Shanghai", "currency": "CNY", "language": "en"} | more
        columns = money_of(columns["currency"]) | columns
        merchant = Merchant.create(slug=slug, created_at=self.clock(), **columns)
        Branch.create(merchant=merchant, slug="main", name="Main Street", address="1 Main St")
        Branch.create(merchant=merchant, slug="river", name="Riverside", address="")
        return merchant

    def one_branch(self) -> None:
        """Main Street alone is open, so no phone asks for a branch."""
        Branch.update(closed_at=self.clock()).where(Branch.slug != "main").execute()

    def make_password(
        self, *, merchant: Merchant | None = None, digits: str = PASSWORD, **columns: Any
    ) -> RedemptionPassword:
        merchant, key = merchant or self.merchant, self.keys.password
        return redemption_passwords.create(merchant, digits, key=key, now=self.clock(), **columns)

    def account(self, *, email: str | None = None, password: str | None = None, proved: bool = True) -> Account:
        return Account.create(
            email=email or f"consumer{next(self.numbers)}@example.org",
            created_at=self.clock(),
            proved=proved,
            password_hash=accounts.hash_password(password) if password else None,
        )

    def wallet(self) -> Account:
        """A wallet without an address."""
        return wallets.new(self.clock())

    def member(self, *, role: Role, merchant: Merchant | None = None, **account: Any) -> Account:
        person = self.account(**account)
        Member.create(merchant=merchant or self.merchant, account=person, address=person.email, role=role)
        return person

    def campaign(self, **columns: Any) -> Campaign:
        """A discount on tea, all December, good everywhere, unless said otherwise."""
        merchant = columns.pop("merchant", self.merchant)
        kind = columns.get("kind", "discount")
        prices = {"original_price": 3000, "offer_price": 1800} if kind == "discount" else {}
        defaults = {
            "slug": f"campaign-{next(self.numbers)}",
            "kind": kind,
            "product": "Oolong, 500 ml",
            "quantity": 100,
            "starts_at": utc("2026-12-01T00:00:00+08:00"),
            "ends_at": utc("2027-01-01T00:00:00+08:00"),
            "password": self.password,
            "created_at": self.clock(),
            "published_at": self.clock(),
        }
        return Campaign.create(merchant=merchant, **{**defaults, **prices, **columns})

    def voucher(self, *, campaign: Campaign | None = None, holder: Account | None = None, **columns: Any) -> Voucher:
        """A voucher in Mei's wallet, or another holder's; `columns` of the voucher are set afterwards."""
        campaign, holder = campaign or self.campaign(), holder or self.mei
        held = Voucher.select().where((Voucher.campaign == campaign) & (Voucher.consumer == holder)).count()
        write_transaction(lambda: issuing.issue(campaign, [holder], self.clock(), already=held))
        voucher = Voucher.select().order_by(Voucher.id.desc()).get()
        if columns:
            Voucher.update(**columns).where(Voucher.id == voucher.id).execute()
        return Voucher.get_by_id(voucher.id)

    def group(self, name: str, holder: Account | None = None) -> None:
        """Put a customer into a group of the merchant's."""
        holder = holder or self.mei
        Customer.insert(
            merchant=self.merchant, consumer=holder, address=holder.email or "", first_seen_at=self.clock()
        ).on_conflict_ignore().execute()
        customer = Customer.get((Customer.merchant == self.merchant) & (Customer.consumer == holder))
        CustomerGroup.create(customer=customer, name=name)

    def attempt(
        self,
        voucher: Voucher,
        *,
        typed: str | None = PASSWORD,
        attempt_id: str | None = None,
        by: Account | None = None,
        **till: Any,
    ) -> Verdict:
        """One try at the till by the voucher's holder, under a new id unless one is given."""
        what = AttemptRequest(
            by or voucher.consumer, voucher.code, attempt_id or str(uuid.uuid4()), typed, TillEntry(**till)
        )
        return redemption.attempt(what, clock=self.clock, keys=self.keys)

    def counter_code(self, voucher: Voucher) -> counter_codes.Shown:
        """A code that the voucher's holder shows, in a session of theirs."""
        token = accounts.start_session(voucher.consumer, self.clock())
        session = accounts.session_of(token, self.clock())
        return counter_codes.new_code(voucher, session, token, now=self.clock(), key=self.keys.receipts)

    def take_again(self, taken: CounterCode) -> CounterCode | None:
        """What a member took, as it is now."""
        return counter_codes.taken(taken.taken_by, taken.attempt_id)

    def take(self, code: str, member: Member) -> CounterCode | counter_codes.Stopped | None:
        return counter_codes.take(code, member, clock=self.clock, key=self.keys.receipts)

    def redeem(self, taken: CounterCode, **till: Any) -> Verdict:
        """What a member took is redeemed."""
        voucher = taken.voucher
        what = AttemptRequest(voucher.consumer, voucher.code, taken.attempt_id, None, TillEntry(**till), taken=taken)
        return redemption.attempt(what, clock=self.clock, keys=self.keys)

    def spend_password(self, password: RedemptionPassword | None = None, wrong: int = 100) -> None:
        """As many wrong guesses as close a password for the day, by other consumers; nobody is told by a message."""
        password, chance = password or self.password, guess_limits.CERTAIN // 10**6
        this = (Guess.password == password) & (Guess.version == password.version)
        guesser, before = self.account(), Guess.select(fn.MAX(Guess.total)).where(this).scalar()
        Guess.insert_many(
            [
                {
                    "password": password.id,
                    "version": password.version,
                    "consumer": guesser.id,
                    "made_at": self.clock(),
                    "counted": True,
                    "tag": b"%d" % n,
                    "total": (before or 0) + chance * (n + 1),
                }
                for n in range(wrong)
            ]
        ).execute()
        if wrong >= guess_limits.PASSWORD_A_DAY:
            RedemptionPassword.update(spent_at=self.clock()).where(RedemptionPassword.id == password.id).execute()


def stored() -> tuple[int, int]:
    """How many attempts and redemptions there are."""
    return Attempt.select().count(), Redemption.select().count()
