"""The tables, what the database itself refuses, and questions about one row.

The words are those of docs/words.md. Money is in minor units of the merchant's currency,
times are aware UTC, days are days of the merchant's time zone.
"""

import secrets
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import peewee
from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    Check,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    ModelSelect,
    NodeList,
    TextField,
    fn,
)

from database import JsonField, UtcField, UuidField, db, on_sqlite
from zones import ZoneInfo


class Kind(StrEnum):
    """What a campaign's vouchers are good for. All but a discount are exchange vouchers [0023]."""

    DISCOUNT = "discount"
    PRIZE = "prize"
    GIFT = "gift"
    GIVEAWAY = "giveaway"


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    CASHIER = "cashier"


STAFF = (Role.OWNER, Role.MANAGER)  # who may open a merchant's pages, and change its passwords


class Audience(StrEnum):
    """Whom a publication designates."""

    ALL = "all"
    GROUPS = "groups"
    CUSTOMERS = "customers"
    ADDRESSES = "addresses"


class Event(StrEnum):
    """What people are told about by web push: a voucher's holder, and of an attack a merchant's own people."""

    ISSUED = "issued"
    REDEEMED = "redeemed"
    PRICE_CHANGED = "price_changed"
    PERIOD_CHANGED = "period_changed"
    TERMS_CHANGED = "terms_changed"
    ENDED = "ended"
    ENDS_SOON = "ends_soon"
    ROLLED_BACK = "rolled_back"
    REVOKED = "revoked"
    UNDER_ATTACK = "under_attack"


class State(StrEnum):
    """What a voucher shows its holder; docs/contract.md says which one holds."""

    REVOKED = "revoked"
    USED = "used"
    EXCHANGED = "exchanged"
    USED_UP = "used_up"
    EXPIRED = "expired"
    PARTLY_USED = "partly_used"
    UNUSED = "unused"


def one_of(column: str, values: type[StrEnum]) -> SQL | NodeList:
    return Check(f"{column} IN ({', '.join(repr(v.value) for v in values)})")


if TYPE_CHECKING:
    M = TypeVar("M", bound=Model)

    class Rows(ModelSelect[M]):
        """A query, as peewee's types have it but for two methods."""

        def tuples(self, as_tuple: bool = True) -> ModelSelect[Any]: ...  # type: ignore[override]  # not models
        def for_update(  # the lock may be named: FOR NO KEY UPDATE
            self, for_update: bool | str = True, of=None, nowait: bool | None = None, skip_locked: bool | None = None
        ) -> Self: ...


class Row(Model):
    """Every table. The annotations without a value are what peewee, or who reads a row, sets at run time."""

    if TYPE_CHECKING:
        DoesNotExist: type[peewee.DoesNotExist]

        @classmethod
        def select(cls, *fields) -> Rows[Self]: ...

    class Meta:
        database = db
        legacy_table_names = False


class Table(Row):
    id = BigAutoField()


class Account(Table):
    """One for each case-folded e-mail: a wallet, and any memberships. Without an address it is an anonymous wallet.

    `proved` once the operator vouched for the address or a link that was sent there was used: who signs
    up may have typed another person's. The ledger keeps the ids of accounts that were deleted, and of anonymous
    wallets that were merged into another account: what such a wallet held is `merged_into`'s.
    """

    email = TextField(unique=True, null=True)
    password_hash = TextField(null=True)
    proved = BooleanField(default=False)
    created_at = UtcField(index=True)  # migration 0017: of those without an address alone
    deleted_at = UtcField(null=True)
    merged_into = ForeignKeyField("self", null=True)
    merged_into_id: int | None
    claim_hash = BlobField(null=True, unique=True)  # of what the browser sends with its first claim, and again
    recovery_hash = BlobField(null=True, unique=True)  # of an anonymous wallet's recovery words
    opened_at = UtcField(null=True)  # when a wallet with recovery words was opened by them, or left

    @property
    def is_anonymous(self) -> bool:
        """A wallet without an address; an account that was deleted has none either."""
        return self.email is None and self.deleted_at is None and self.merged_into_id is None

    @classmethod
    def is_living(cls):
        """As a condition: neither deleted nor merged into another."""
        return cls.deleted_at.is_null() & cls.merged_into.is_null()

    @classmethod
    def of_wallet(cls, column, account):
        """As a condition: the column is the account, or a wallet that was merged into it.

        An array for PostgreSQL, which reads along no index of the column where it may join as it likes.
        """
        ids = cls.select(cls.id).where((cls.id == account) | (cls.merged_into == account))
        return column.in_(ids) if on_sqlite() else column == peewee.fn.ANY(peewee.fn.ARRAY(ids))


class Session(Table):
    """A browser that is signed in. Only the hash of its token is kept.

    `confirmed_at` is when the account's password was last typed, or a link used: what only its owner may
    see is shown for a few minutes after that.
    """

    token_hash = BlobField(unique=True)
    account = ForeignKeyField(Account, on_delete="CASCADE")
    account_id: int
    browser = TextField(default="")
    created_at = UtcField()
    confirmed_at = UtcField()
    seen_at = UtcField()
    expires_at = UtcField()


class Merchant(Table):
    """The business: branches, campaigns, customers, members.

    `currency_digits` are how many its currency's minor unit has: what every amount here means. They never change.
    """

    slug = TextField(unique=True)
    name = TextField()
    time_zone = TextField()
    currency = TextField()
    currency_digits = IntegerField()
    language = TextField()
    created_at = UtcField()
    members: "ModelSelect[Member]"

    class Meta:
        constraints = [Check("currency_digits BETWEEN 0 AND 4")]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def day(self, moment: datetime) -> date:
        """The merchant's calendar day at this moment."""
        return moment.astimezone(self.zone).date()


class Branch(Table):
    """One place of a merchant where vouchers are redeemed; the ledger keeps naming one that was closed."""

    merchant = ForeignKeyField(Merchant, backref="branches")
    merchant_id: int
    slug = TextField()
    name = TextField()
    address = TextField(default="")
    closed_at = UtcField(null=True)
    sign = TextField(unique=True, default=partial(secrets.token_hex, 7))  # in the address of its counter sign: 56 bits

    class Meta:
        indexes = ((("merchant", "slug"), True),)


class Member(Table):
    """An account with a role at a merchant. Without one it is invited, at `address`, and has not joined."""

    merchant = ForeignKeyField(Merchant, backref="members")
    merchant_id: int
    account = ForeignKeyField(Account, backref="memberships", null=True)
    account_id: int | None
    address = TextField()
    role = TextField()
    disabled_at = UtcField(null=True)
    places: "list[Branch]"

    class Meta:
        indexes = ((("merchant", "account"), True),)
        constraints = [one_of("role", Role)]


class MemberBranch(Row):
    """A branch whose till page a cashier may use."""

    member = ForeignKeyField(Member, on_delete="CASCADE")
    member_id: int
    branch = ForeignKeyField(Branch)
    branch_id: int

    class Meta:
        primary_key = CompositeKey("member", "branch")


class Link(Table):
    """A one-time link: GET shows it, POST uses it up. Only the hash of its token is kept."""

    token_hash = BlobField(unique=True)
    purpose = TextField()
    account = ForeignKeyField(Account, null=True, on_delete="CASCADE")
    account_id: int | None
    member = ForeignKeyField(Member, null=True, on_delete="CASCADE")
    member_id: int | None
    expires_at = UtcField()
    used_at = UtcField(null=True)

    class Meta:
        constraints = [Check("purpose IN ('sign-in', 'set-up', 'join', 'move')")]


NOBODYS = ""  # the address of a customer whose account is gone, or who was separated from it


class Customer(Table):
    """A consumer as one merchant knows them; its row is what redemptions of theirs queue for.

    `address` is the one that the merchant typed, or the operator loaded: what the account is called
    now, and whether there is one for another address, is nothing that a merchant learns. The account that used the
    link that was sent there goes for the one whose it is, until a member separates them.
    """

    merchant = ForeignKeyField(Merchant, index=False)
    merchant_id: int
    consumer = ForeignKeyField(Account)
    consumer_id: int
    address = TextField()
    first_seen_at = UtcField()
    groups: "ModelSelect[CustomerGroup]"
    group_names: list[str]

    class Meta:
        indexes = ((("merchant", "consumer"), True), (("merchant", "address"), False), (("merchant", "id"), False))


class CustomerGroup(Row):
    """A customer is in the merchant's group of this name."""

    customer = ForeignKeyField(Customer, on_delete="CASCADE", backref="groups", index=False)
    customer_id: int
    name = TextField()

    class Meta:
        primary_key = CompositeKey("customer", "name")


class PasswordKind(StrEnum):
    """How the digits of a redemption password come about."""

    FIXED = "fixed"  # they are the same until a member changes them
    DAILY = "daily"  # the merchant's day has its own
    AUTHENTICATOR = "authenticator"  # RFC 6238, of half a minute, each good once
    ONE_TIME = "one-time"  # made by a tap on the till page, good once, for a minute


class RedemptionPassword(Table):
    """What the merchant types (消费密码). `sealed` opens only with the key outside the database.

    It holds the digits of a fixed one, the secret of the others in base32. What passes by it is redeemed at
    `branch_slug` and by `member`, where it has them. From `ends_at` on it opens nothing.

    Changing it raises `version`, and the version of every campaign that accepts it, so that no
    redemption judged under the old one can commit. `spent_at` is when guessers last used up its budget and its
    merchant was told; a change forgets it. Migration 0005 has an index of those where it is set.
    """

    merchant = ForeignKeyField(Merchant)
    merchant_id: int
    name = TextField(default="")
    kind = TextField(default=PasswordKind.FIXED)
    branch_slug = TextField(null=True)
    member = ForeignKeyField(Member, null=True, index=False)
    member_id: int | None
    ends_at = UtcField(null=True)
    sealed = BlobField()
    version = IntegerField(default=1)
    valid_from = UtcField()
    spent_at = UtcField(null=True)

    class Meta:
        constraints = [one_of("kind", PasswordKind)]


class OneTimeValue(Table):
    """Digits of a one-time password that a till page shows: one for each session, for a minute.

    They follow from the password's secret and `step`, a random number.
    """

    password = ForeignKeyField(RedemptionPassword)
    password_id: int
    session = ForeignKeyField(Session, on_delete="CASCADE")
    session_id: int
    step = BigIntegerField()
    made_at = UtcField()

    class Meta:
        indexes = ((("password", "session"), True),)


class Guess(Table):
    """A wrong value that was typed, in the budgets of one of the passwords that it was compared with.

    `chance` is how likely it was to be right, in units of 10^-12, by all the values that it was compared with. `tag`
    tells a repeated wrong value without keeping it, and such a repetition is not `counted` for the password. `total` is
    the chance of all that are counted of this version so far, this one included.
    """

    password = ForeignKeyField(RedemptionPassword, index=False)
    password_id: int
    version = IntegerField()
    consumer = ForeignKeyField(Account)
    consumer_id: int
    made_at = UtcField()
    counted = BooleanField(default=True)
    tag = BlobField(null=True)
    chance = BigIntegerField(default=10**6)
    total = BigIntegerField(default=0)

    class Meta:
        indexes = ((("password", "version", "made_at", "total"), False),)


class Picture(Table):
    """A product's picture, made anew by us from what was sent: the bytes of others are never served."""

    merchant = ForeignKeyField(Merchant, index=False)
    merchant_id: int
    digest = TextField()
    content = BlobField()

    class Meta:
        indexes = ((("merchant", "digest"), True),)


class Campaign(Table):
    """One activity: product, prices, quantity, period, place, conditions, password [0019].

    Of the shop's passwords it accepts its own `password` and those of `CampaignPassword`, or all.
    A draft until its first publication. The columns from `issued` on are its figures, kept in the
    transactions that change them. `forfeited` are redemptions that were rolled back and did not come back.

    `starts_entered` and `ends_entered` are the period as people entered it: a date, a time of the merchant's wall
    clock, or a time with its offset. `starts_at` and `ends_at` are what that means by the time zone data of
    `ZoneData`; without an entry they are only that.
    """

    merchant = ForeignKeyField(Merchant, backref="campaigns", index=False)
    merchant_id: int
    slug = TextField()
    kind = TextField()
    product = TextField()
    picture = TextField(default="")  # the digest of one, or nothing
    original_price = BigIntegerField(null=True)
    offer_price = BigIntegerField(null=True)
    quantity = BigIntegerField()
    starts_at = UtcField()
    ends_at = UtcField()
    starts_entered = TextField(null=True)
    ends_entered = TextField(null=True)
    place = TextField(default="")
    terms = TextField(default="")
    uses_per_voucher = IntegerField(default=1)
    per_consumer = IntegerField(null=True)
    new_customers_only = BooleanField(default=False)
    groups = JsonField(default=list)
    minimum_spend = BigIntegerField(null=True)
    weekdays = JsonField(default=list)
    hours = JsonField(default=list)
    branch_slugs = JsonField(default=list)
    rollback_gives_back = BooleanField(default=True)
    password = ForeignKeyField(RedemptionPassword)
    password_id: int
    accepts_all = BooleanField(default=False)
    version = IntegerField(default=1)
    created_at = UtcField()
    published_at = UtcField(null=True)
    ended_at = UtcField(null=True)
    reminded_at = UtcField(null=True)
    issued = BigIntegerField(default=0)
    opened = BigIntegerField(default=0)
    redeemed = BigIntegerField(default=0)
    consumers = BigIntegerField(default=0)
    discount_given = BigIntegerField(default=0)
    rolled_back = BigIntegerField(default=0)
    forfeited = BigIntegerField(default=0)

    class Meta:
        indexes = ((("merchant", "slug"), True),)
        constraints = [
            one_of("kind", Kind),
            Check("redeemed BETWEEN 0 AND quantity"),
            Check("forfeited >= 0 AND redeemed + forfeited <= quantity"),
            Check("starts_at < ends_at"),
            Check("uses_per_voucher BETWEEN 1 AND 10000"),
            Check("kind = 'discount' OR uses_per_voucher = 1"),
            Check("(kind = 'discount') = (original_price IS NOT NULL)"),
            Check("(kind = 'discount') = (offer_price IS NOT NULL)"),
            Check("offer_price IS NULL OR 0 <= offer_price AND offer_price <= original_price"),
        ]

    @property
    def is_exchange(self) -> bool:
        """Prize, gift, giveaway: no price check, one use [0023]."""
        return self.kind != Kind.DISCOUNT

    @property
    def remaining(self) -> int:
        return self.quantity - self.redeemed - self.forfeited

    def is_over(self, now: datetime) -> bool:
        return self.ended_at is not None or now >= self.ends_at

    @classmethod
    def is_on(cls, now: datetime):
        """As a condition: published, and not over."""
        return cls.published_at.is_null(False) & cls.ended_at.is_null() & (cls.ends_at > now)


class CampaignPassword(Row):
    """A redemption password that the campaign accepts beside its own."""

    campaign = ForeignKeyField(Campaign, on_delete="CASCADE", index=False)
    campaign_id: int
    password = ForeignKeyField(RedemptionPassword)
    password_id: int

    class Meta:
        primary_key = CompositeKey("campaign", "password")


class ClaimedBy(StrEnum):
    """Who may claim a voucher from a poster."""

    ANYBODY = "anybody"
    PROVED = "proved"  # who has an account with a proved address


class Poster(Table):
    """A campaign's vouchers for all who scan a code on the wall: the token is public, each voucher is a claim.

    `quantity` is how many it gives out in all, `per_day` on a day of the merchant, `per_minute` at most. `seen` and
    `claimed` are its figures; `day` and `minute` are what `claimed_today` and `claimed_this_minute` were counted in,
    the minute since 1970.
    """

    campaign = ForeignKeyField(Campaign, backref="posters")
    campaign_id: int
    name = TextField()
    token = TextField(unique=True)
    claimed_by = TextField(default=ClaimedBy.ANYBODY)
    quantity = BigIntegerField()
    per_day = BigIntegerField(null=True)
    per_minute = BigIntegerField(default=30)
    created_at = UtcField()
    paused_at = UtcField(null=True)
    ended_at = UtcField(null=True)
    seen = BigIntegerField(default=0)
    claimed = BigIntegerField(default=0)
    day = TextField(default="")
    claimed_today = BigIntegerField(default=0)
    minute = BigIntegerField(default=0)
    claimed_this_minute = BigIntegerField(default=0)
    at_counter = BooleanField(default=False)  # claimed by a counter pass alone
    step = BigIntegerField(default=0)  # of the newest pass that was used; see `counter_passes`
    claimed_this_step = BigIntegerField(default=0)
    claimed_last_step = BigIntegerField(default=0)

    class Meta:
        constraints = [
            one_of("claimed_by", ClaimedBy),
            Check("claimed BETWEEN 0 AND quantity"),
            Check("claimed_today BETWEEN 0 AND COALESCE(per_day, claimed_today)"),
            Check("claimed_this_minute BETWEEN 0 AND per_minute"),
        ]

    @property
    def left(self) -> int:
        """How many it has still to give, as far as its campaign lasts."""
        return max(0, min(self.quantity - self.claimed, self.campaign.remaining))


class Voucher(Table):
    """One consumer's right from one campaign. `consumer` is its holder, and changes when it changes hands.

    `issued_to` is who got it first: what is given out once a person looks at that. `nth` tells apart several of theirs.
    `returned` counts the uses that came back by a rollback: no use is ever numbered like one before. `revoked_after`
    is the newest publication of that moment: one that was made later gives its holder another voucher.
    """

    code = TextField(unique=True)
    campaign = ForeignKeyField(Campaign, index=False)
    campaign_id: int
    consumer = ForeignKeyField(Account)
    consumer_id: int
    issued_to = ForeignKeyField(Account, index=False)
    issued_to_id: int
    poster = ForeignKeyField(Poster, null=True, index=False)
    poster_id: int | None
    nth = IntegerField(default=1)
    uses = IntegerField()
    uses_left = IntegerField()
    returned = IntegerField(default=0)
    issued_at = UtcField()
    opened_at = UtcField(null=True)
    revoked_at = UtcField(null=True)
    revoked_after = BigIntegerField(null=True)
    ended_at = UtcField(null=True)
    archived_at = UtcField(null=True)
    redemptions: "list[Redemption]"

    class Meta:
        indexes = (
            (("campaign", "issued_to", "nth"), True),
            (("campaign", "consumer"), False),
            (("poster", "issued_to"), True),
        )
        constraints = [Check("uses_left BETWEEN 0 AND uses"), Check("returned >= 0")]

    @property
    def use_number(self) -> int:
        """The number of the latest use."""
        return self.uses - self.uses_left + self.returned

    def state(self, campaign: Campaign, now: datetime) -> State:
        if self.revoked_at is not None:
            return State.REVOKED
        if self.uses_left == 0:
            if campaign.is_exchange:
                return State.EXCHANGED
            return State.USED if self.uses == 1 else State.USED_UP
        if campaign.is_over(now):
            return State.EXPIRED
        return State.UNUSED if self.uses_left == self.uses else State.PARTLY_USED


class CampaignVersion(Table):
    """What a voucher of the campaign said under one of its versions, but for what is the voucher's own; never changed.

    The first try that is judged under a version writes its row. Those of tries from before migration 0012 have no
    number: it is not known.
    """

    campaign = ForeignKeyField(Campaign, index=False)
    campaign_id: int
    version = IntegerField(null=True)
    described = JsonField()

    class Meta:
        indexes = ((("campaign", "version"), True),)


class Door(StrEnum):
    """How an attempt came in. The last two are for what is still to be built."""

    PASSWORD = "password"
    COUNTER_CODE = "counter_code"
    SCAN = "scan"
    PROGRAM = "program"


class Attempt(Table):
    """One try at the till that got a verdict: kept, and given again to the same id.

    What its verdict said follows from this row, its campaign version, its voucher's code and number of uses, and its
    redemption (`quanbao/redemption/attempts.py`). `state`, `uses_left` and `ended_at` are the voucher's after the try;
    where the try took the last use, it ended the voucher. `worth` is what the voucher showed in place of the
    campaign's product and prices, where that differed. `trace` has the checks of a refusal; what was redeemed passed
    all. `password`, with its version and step, is the one that was right, where one was typed: an attempt from before
    migration 0012 does not know it. `member` redeemed by a counter code, or has that password. `branch_slug` is where
    it was booked, or was to be, and `amount` is as entered.

    The migrations have indexes that cannot be said here: of the refused ones alone, and of what has a step.
    """

    consumer = ForeignKeyField(Account, index=False)
    consumer_id: int
    voucher = ForeignKeyField(Voucher, index=False)
    voucher_id: int
    campaign = ForeignKeyField(Campaign, index=False)
    campaign_id: int
    merchant = ForeignKeyField(Merchant, index=False)
    merchant_id: int
    at = UtcField()
    campaign_version = ForeignKeyField(CampaignVersion, index=False)
    campaign_version_id: int
    member = ForeignKeyField(Member, null=True)
    member_id: int | None
    password = ForeignKeyField(RedemptionPassword, null=True, index=False)
    password_id: int | None
    password_step = BigIntegerField(null=True)
    ended_at = UtcField(null=True)
    amount = BigIntegerField(null=True)
    password_version = IntegerField(null=True)
    uses_left = IntegerField()
    attempt_id = UuidField()
    door = TextField()
    state = TextField()
    reason = TextField(null=True)
    branch_slug = TextField(null=True)
    worth = JsonField(null=True)
    trace = JsonField(null=True)

    class Meta:
        indexes = (
            (("consumer", "attempt_id"), True),
            (("campaign", "reason", "id"), False),
            (("campaign", "id"), False),
            (("merchant", "id"), False),
            (("password", "password_step"), True),
        )
        constraints = [one_of("door", Door), one_of("state", State), Check("(reason IS NULL) = (trace IS NULL)")]


class CounterCode(Table):
    """What a voucher's holder shows a till of its merchant: six characters, of which only a hash is kept.

    One a voucher; worth nothing without the session that it was made in. The right to redeem under `attempt_id`
    is `taken_by`'s, the member's who typed it first.
    """

    voucher = ForeignKeyField(Voucher, unique=True)
    voucher_id: int
    session = ForeignKeyField(Session, null=True, on_delete="SET NULL")
    session_id: int | None
    code_hash = BlobField(unique=True)
    attempt_id = TextField(unique=True)
    expires_at = UtcField()
    taken_by = ForeignKeyField(Member, null=True)
    taken_by_id: int | None
    taken_at = UtcField(null=True)


class CounterTry(Table):
    """A counter code that a member typed, reserved before it is looked at; a good one is taken away again."""

    member = ForeignKeyField(Member, index=False)
    member_id: int
    made_at = UtcField()

    class Meta:
        indexes = ((("member", "made_at"), False),)


class Redemption(Table):
    """One use of a voucher that passed (核销): the ledger, only ever added to.

    `branch_slug` is empty where no branch was named, here and in the tables below. `product`, `original_price` and
    `charged` are what it was made at, whatever the campaign says later; none of them is known of some from before
    migration 0007. What is exchanged has no original price, and nothing is charged for it. `line` tells apart what one
    attempt redeemed, `uses` is how many uses it took, of which `use_number` is the latest. `campaign_version` is what
    it was judged under, none where no attempt from before migration 0012 says so.
    """

    consumer = ForeignKeyField(Account, index=False)
    consumer_id: int
    attempt_id = UuidField()
    voucher = ForeignKeyField(Voucher, index=False)
    voucher_id: int
    use_number = IntegerField()
    campaign = ForeignKeyField(Campaign)
    campaign_id: int
    merchant = ForeignKeyField(Merchant, index=False)
    merchant_id: int
    branch_slug = TextField()
    day = TextField()
    number = IntegerField()
    words = TextField()
    amount = BigIntegerField(null=True)
    discount = BigIntegerField()
    redeemed_at = UtcField()
    product = TextField(null=True)
    original_price = BigIntegerField(null=True)
    charged = BigIntegerField(null=True)
    campaign_version = ForeignKeyField(CampaignVersion, null=True, index=False)
    campaign_version_id: int | None
    line = IntegerField(default=1)
    uses = IntegerField(default=1)
    rollback: "Rollback | None"

    class Meta:
        indexes = (
            (("consumer", "attempt_id", "line"), True),
            (("voucher", "use_number"), True),
            (("merchant", "branch_slug", "day", "number"), True),
        )
        constraints = [
            Check("discount >= 0"),
            Check("use_number >= 1"),
            Check("number >= 1"),
            Check("original_price >= 0"),
            Check("charged >= 0"),
            Check("line >= 1"),
            Check("uses >= 1"),
        ]


class Rollback(Table):
    """A redemption taken back: a new row, never a delete. By a member, in the role of that moment.

    `gave_back` is what the campaign said then: whether the use may be redeemed again, and counts for the quantity.
    """

    redemption = ForeignKeyField(Redemption, unique=True)
    redemption_id: int
    member = ForeignKeyField(Member)
    member_id: int
    role = TextField()
    reason = TextField()
    note = TextField(default="")
    gave_back = BooleanField()
    rolled_back_at = UtcField()

    class Meta:
        constraints = [one_of("role", Role)]


STANDING = ~fn.EXISTS(Rollback.select(Rollback.id).where(Rollback.redemption == Redemption.id))  # of redemptions


class Revocation(Table):
    """A voucher taken back before it was used up; `Voucher.revoked_at` says so to every till."""

    voucher = ForeignKeyField(Voucher, unique=True)
    voucher_id: int
    member = ForeignKeyField(Member)
    member_id: int
    role = TextField()
    reason = TextField()
    note = TextField(default="")
    revoked_at = UtcField()

    class Meta:
        constraints = [one_of("role", Role)]


class DayNumber(Row):
    """The last receipt number given at a branch on one of its days."""

    merchant = ForeignKeyField(Merchant, index=False)
    merchant_id: int
    branch_slug = TextField()
    day = TextField()
    last = IntegerField()

    class Meta:
        primary_key = CompositeKey("merchant", "branch_slug", "day")


class Heading(StrEnum):
    """What a campaign's standing redemptions, and its refusals, are counted by."""

    DAY = "day"
    HOUR = "hour"
    BRANCH = "branch"
    REFUSED = "refused"


class Figure(Row):
    """A campaign's count of one day, one hour of the day, one branch, or one reason of refusal."""

    campaign = ForeignKeyField(Campaign, index=False)
    campaign_id: int
    heading = TextField()
    name = TextField()
    count = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("campaign", "heading", "name")
        constraints = [one_of("heading", Heading)]


class Publication(Table):
    """Issuing a campaign's vouchers to designated consumers [0019], some at a time.

    `cursor` is the customer, or the part, that the last committed step came to; `last_customer` the newest
    customer at the start. `total` is how many were designated then, and at its end how many had their turn.
    `failures` are lines that could not be read: where, number, text and fault.
    """

    campaign = ForeignKeyField(Campaign, backref="publications")
    campaign_id: int
    audience = TextField()
    groups = JsonField(default=list)
    failures = JsonField(default=list)
    total = IntegerField()
    done = IntegerField(default=0)
    cursor = BigIntegerField(default=0)
    last_customer = BigIntegerField(default=0)
    issued = IntegerField(default=0)
    linked = IntegerField(default=0)
    created_at = UtcField()
    finished_at = UtcField(null=True, index=True)

    class Meta:
        constraints = [one_of("audience", Audience)]

    @classmethod
    def newest(cls) -> int:
        """The id of the newest publication of all: it tells which were made before something was taken back."""
        return cls.select(fn.MAX(cls.id)).scalar() or 0

    @property
    def is_stopped(self) -> bool:
        """The campaign was over before all had their turn."""
        return self.finished_at is not None and self.done < self.total


class PublicationPart(Row):
    """Customers by id, or addresses, that a publication has still to come to."""

    publication = ForeignKeyField(Publication, index=False, on_delete="CASCADE")
    publication_id: int
    nth = IntegerField()
    entries = JsonField()

    class Meta:
        primary_key = CompositeKey("publication", "nth")


class Claim(Table):
    """A voucher for an address that is no customer's: the visitor who has its one-time link takes it, once.

    The token is made from `seed` with the server's key, so that its owner can copy the link again; the
    hash lets it be found. `publication` made it, or was the last to make it good for another thirty days; `nth` tells
    apart several of one address. `released_after` is the newest publication of the moment when the link was withdrawn,
    or the address separated from the customer who used it: one that was made later makes another link.
    """

    token_hash = BlobField(unique=True)
    seed = BlobField()
    campaign = ForeignKeyField(Campaign, index=False)
    campaign_id: int
    address = TextField()
    nth = IntegerField(default=1)
    publication = ForeignKeyField(Publication, null=True, index=False)
    publication_id: int | None
    made_at = UtcField()
    expires_at = UtcField()
    claimed_at = UtcField(null=True)
    customer = ForeignKeyField(Customer, null=True)
    customer_id: int | None
    withdrawn_at = UtcField(null=True)
    withdrawn_by = ForeignKeyField(Member, null=True, index=False)
    withdrawn_by_id: int | None
    released_after = BigIntegerField(null=True)
    token: str | None

    class Meta:
        indexes = ((("campaign", "address", "nth"), True), (("campaign", "id"), False))


class Subscription(Table):
    """A signed-in browser's way to be told something (RFC 8030); gone with its session.

    `service` is the endpoint's origin, `vapid_key` the public key that it was made under, `origin` the address of
    this site that it was made at.
    """

    session = ForeignKeyField(Session, on_delete="CASCADE")
    session_id: int
    account = ForeignKeyField(Account, on_delete="CASCADE")
    account_id: int
    endpoint = TextField(unique=True)
    service = TextField()
    p256dh = TextField()
    auth = TextField()
    vapid_key = TextField()
    origin = TextField()
    language = TextField()
    created_at = UtcField()


class Delivery(Table):
    """The outbox: one message that a browser is still to get; deleted when it is sent.

    Of a voucher, for its holder; of an attack on its password a `campaign`, for its merchant's members. `about` tells
    apart two of the same event: the number of the use, the version of the campaign. The sender moves `due_at`
    forward first, so that no other worker does, and that it comes back if the sender dies.
    """

    subscription = ForeignKeyField(Subscription, on_delete="CASCADE", index=False)
    subscription_id: int
    voucher = ForeignKeyField(Voucher, null=True, index=False)
    voucher_id: int | None
    campaign = ForeignKeyField(Campaign, null=True, index=False)
    campaign_id: int | None
    event = TextField()
    about = BigIntegerField(default=0)
    due_at = UtcField(index=True)
    tries = IntegerField(default=0)
    made_at = UtcField()

    class Meta:
        indexes = ((("subscription", "voucher", "event", "about"), True),)
        constraints = [one_of("event", Event), Check("(campaign_id IS NULL) = (voucher_id IS NOT NULL)")]


class News(Row):
    """What all holders of a campaign's vouchers are to be told; `cursor` is the last of them who was seen to."""

    campaign = ForeignKeyField(Campaign, index=False)
    campaign_id: int
    event = TextField()
    about = BigIntegerField(default=0)
    cursor = BigIntegerField(default=0)
    made_at = UtcField()

    class Meta:
        primary_key = CompositeKey("campaign", "event")
        constraints = [one_of("event", Event)]


class ZoneData(Table):
    """The release of the time zone data that periods were last computed with: at most one row."""

    release = TextField()


class Mute(Row):
    """A person's choice to be told nothing: of an event, or of `merchant:<slug>`."""

    account = ForeignKeyField(Account, on_delete="CASCADE", index=False)
    account_id: int
    what = TextField()

    class Meta:
        primary_key = CompositeKey("account", "what")


TABLES = (
    Account,
    Session,
    Merchant,
    Branch,
    Member,
    MemberBranch,
    Link,
    Customer,
    CustomerGroup,
    RedemptionPassword,
    OneTimeValue,
    Guess,
    Picture,
    Campaign,
    CampaignPassword,
    Poster,
    Voucher,
    CampaignVersion,
    Attempt,
    CounterCode,
    CounterTry,
    Redemption,
    Rollback,
    Revocation,
    DayNumber,
    Figure,
    Publication,
    PublicationPart,
    Claim,
    Subscription,
    Delivery,
    News,
    Mute,
    ZoneData,
)
