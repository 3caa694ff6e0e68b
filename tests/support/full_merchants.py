"""Merchants with one of everything that an address or a form may name, and a word of their own in every field."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import Any

from flask import Flask, url_for
from peewee import TextField
from PIL import Image

from database import db, on_sqlite
from models import (
    TABLES,
    Account,
    Audience,
    Branch,
    Campaign,
    Customer,
    CustomerGroup,
    Member,
    Merchant,
    Mute,
    PasswordKind,
    Poster,
    Redemption,
    RedemptionPassword,
    Role,
    Row,
    Session,
    Voucher,
)
from quanbao.campaigns import pictures
from quanbao.merchants import members
from quanbao.passwords import changing
from quanbao.people import accounts, one_time_links
from quanbao.redemption import revocations, rollbacks
from quanbao.vouchers import claims as claiming
from quanbao.vouchers import posters, publications, wallet_transfer
from tests.support.factories import PASSWORD, WRONG, World
from tests.support.rights import Who
from web.assets import digest

# Columns of text with words of people's in them; a new column of text needs a place here, or below.
OF_PEOPLE = {
    "Account.email",
    "Attempt.worth",
    "Branch.address",
    "Branch.name",
    "CampaignVersion.described",
    "Campaign.groups",
    "Campaign.place",
    "Campaign.product",
    "Campaign.terms",
    "Claim.address",
    "Customer.address",
    "CustomerGroup.name",
    "Member.address",
    "Merchant.name",
    "RedemptionPassword.name",
    "Poster.name",
    "Publication.failures",
    "Publication.groups",
    "PublicationPart.entries",
    "Redemption.product",
    "Revocation.note",
    "Rollback.note",
    "Session.browser",
}
# Columns of text that we made, or of which only what we know of is taken.
OURS = {
    "Campaign.ends_entered",
    "Campaign.starts_entered",
    "ZoneData.release",
    "Account.password_hash",
    "Attempt.attempt_id",
    "Attempt.branch_slug",
    "Attempt.door",
    "Attempt.reason",
    "Attempt.state",
    "Attempt.trace",
    "Branch.sign",
    "Branch.slug",
    "Campaign.branch_slugs",
    "Campaign.hours",
    "Campaign.kind",
    "Campaign.picture",
    "Campaign.slug",
    "Campaign.weekdays",
    "CounterCode.attempt_id",
    "DayNumber.branch_slug",
    "DayNumber.day",
    "Delivery.event",
    "Figure.heading",
    "Figure.name",
    "Link.purpose",
    "Member.role",
    "Merchant.currency",
    "Merchant.language",
    "Merchant.slug",
    "Merchant.time_zone",
    "Mute.what",
    "News.event",
    "Picture.digest",
    "Poster.claimed_by",
    "Poster.day",
    "Poster.token",
    "Publication.audience",
    "Redemption.attempt_id",
    "RedemptionPassword.branch_slug",
    "RedemptionPassword.kind",
    "Redemption.branch_slug",
    "Redemption.day",
    "Redemption.words",
    "Revocation.reason",
    "Revocation.role",
    "Rollback.reason",
    "Rollback.role",
    "Subscription.auth",
    "Subscription.endpoint",
    "Subscription.language",
    "Subscription.origin",
    "Subscription.p256dh",
    "Subscription.service",
    "Subscription.vapid_key",
    "Voucher.code",
}

Say = Callable[[str], str]  # what stands in a field, by its name: "Branch.address"
SET_UP = "s" * 22  # a link's token that is none


def said_by(mark: str) -> Say:
    """Of each field another word, in small letters, as it may stand in an address too: mark-branch-address."""
    return lambda name: f"{mark}-{name.lower().replace('.', '-')}"


@dataclass
class Firm:
    """`values` stand in addresses; those of a blueprint under its name, `members.number`, and of whoever asks in `of`.

    `names` are what identifies anything here, by the names of the fields that may hold it.
    """

    merchant: Merchant
    campaign: Campaign
    people: dict[Who, Account]
    values: dict[str, Any]
    of: dict[Who, dict[str, Any]]
    names: dict[str, list]
    secrets: list[str]  # and names that no other house ever learns

    def address(self, rule, who: Who, **other: Any) -> str:
        """The address of a route in this house, as this person asks for it."""
        return address(rule, self.values | self.of[who] | other)


def address(rule, values: dict[str, Any]) -> str:
    noun = rule.endpoint.partition(".")[0]
    return url_for(rule.endpoint, **{name: values.get(f"{noun}.{name}", values.get(name)) for name in rule.arguments})


@dataclass
class Maker:
    """Makes a firm, a part at a time."""

    world: World
    merchant: Merchant
    say: Say
    digits: str
    people: dict[Who, Account] = field(default_factory=dict)

    def make(self) -> Firm:
        world, merchant, now = self.world, self.merchant, self.world.clock()
        Merchant.update(name=self.say("Merchant.name")).where(Merchant.id == merchant.id).execute()
        self.branch = self._branches()
        self.people = {Who(role.value): self._member(role) for role in Role}
        self.people |= {Who.STRANGER: world.account(), Who.CONSUMER: self._account("Account.email")}
        self.people |= {Who.WALLET: world.wallet()}
        self.members = {
            who: Member.get((Member.merchant == merchant) & (Member.account == person))
            for who, person in self.people.items()
            if who in set(Role)
        }
        self.campaign = self._campaign()
        self.customer = self._customer()
        holder = self.people[Who.CONSUMER]
        self.voucher, revoked = (world.voucher(campaign=self.campaign, holder=holder) for _ in range(2))
        tries = [
            world.attempt(self.voucher, typed=typed, branch=self.branch.slug)
            for typed in (self.digits, self.digits, WRONG)
        ]
        first, second = Redemption.select().where(Redemption.voucher == self.voucher).order_by(Redemption.id)
        owner = self.members[Who.OWNER]
        rollbacks.roll_back(second, owner, "other", self.say("Rollback.note"), now)
        revocations.revoke(revoked, owner, "other", self.say("Revocation.note"), now)
        self.wallets = world.voucher(campaign=self.campaign, holder=self.people[Who.WALLET])
        self.wallets_attempt = world.attempt(self.wallets, typed=WRONG, branch=self.branch.slug).attempt_id
        self.attempts, self.redemption = [verdict.attempt_id for verdict in tries], first
        self._spend()
        self._publish()
        return self._firm()

    def _spend(self) -> None:
        """A voucher that was redeemed for a product of another name, and is tried once more."""
        spent = self.world.voucher(campaign=self.campaign, holder=self.people[Who.CONSUMER])
        Voucher.update(uses=1, uses_left=1).where(Voucher.id == spent.id).execute()
        for name in ("Attempt.worth", "Campaign.product"):
            renamed = Campaign.update(product=self.say(name), version=Campaign.version + 1)
            renamed.where(Campaign.id == self.campaign.id).execute()
            self.world.attempt(spent, typed=self.digits, branch=self.branch.slug)

    def mail(self, name: str) -> str:
        """An address with these words in it."""
        words = "".join(c for c in self.say(name).casefold() if c.isprintable() and c not in " @")
        return accounts.email_address(f"{words[:100]}.{name.lower()}@{self.merchant.slug}.example")

    def _account(self, name: str) -> Account:
        return self.world.account(email=self.mail(name))

    def _member(self, role: Role) -> Account:
        person = self._account(f"{role}.email")
        row = Member.create(merchant=self.merchant, account=person, address=self.mail(f"{role}.address"), role=role)
        if role == Role.CASHIER:
            members.change(row, role, [self.branch.slug])
        return person

    def _branches(self) -> Branch:
        for row in Branch.select().where(Branch.merchant == self.merchant).order_by(Branch.id):
            row.slug = f"{row.slug}-{self.merchant.slug}"
            row.name, row.address = (self.say(name) for name in ("Branch.name", "Branch.address"))
            row.save()
        return Branch.get(Branch.slug == f"main-{self.merchant.slug}")

    def _campaign(self) -> Campaign:
        picture = BytesIO()
        hue = sha256(self.merchant.slug.encode()).digest()
        Image.new("RGB", (8, 8), tuple(hue[:3])).save(picture, "PNG")
        self.digest = pictures.keep(self.merchant, picture.getvalue())
        self.password = self.world.make_password(merchant=self.merchant, digits=self.digits)
        RedemptionPassword.update(name=self.say("RedemptionPassword.name")).where(
            RedemptionPassword.id == self.password.id
        ).execute()
        self.one_time = self.world.make_password(
            merchant=self.merchant, digits=changing.new_secret(), kind=PasswordKind.ONE_TIME
        )
        return self.world.campaign(
            merchant=self.merchant,
            password=self.password,
            picture=self.digest,
            uses_per_voucher=1000,
            quantity=10**6,
            slug=f"tea-{self.merchant.slug}",
            groups=[self.say("Campaign.groups"), f"of-{self.merchant.slug}"],
            **{name: self.say(f"Campaign.{name}") for name in ("product", "place", "terms")},
        )

    def _customer(self) -> Customer:
        row = Customer.create(
            merchant=self.merchant,
            consumer=self.people[Who.CONSUMER],
            address=self.mail("Customer.address"),
            first_seen_at=self.world.clock(),
        )
        for name in (self.say("CustomerGroup.name"), f"of-{self.merchant.slug}"):
            CustomerGroup.create(customer=row, name=name)
        Mute.create(account=self.people[Who.CONSUMER], what="ended")
        return row

    def _publish(self) -> None:
        """One publication that came to its end, and one that has all before it."""
        now, key = self.world.clock(), self.world.keys.receipts
        claims, to_come = ([self.mail(name)] for name in ("Claim.address", "PublicationPart.entries"))
        self.publication = publications.start(
            self.campaign,
            Audience.ADDRESSES,
            claims,
            now=now,
            failures=[("typed", 1, self.say("Publication.failures"), "missing")],
        )
        publications.step(self.publication.id, now=now, key=key)
        publications.start(self.campaign, Audience.ADDRESSES, to_come, now=now)
        publications.start(self.campaign, Audience.GROUPS, [self.say("CustomerGroup.name")], now=now)
        limits = {"quantity": 1000, "per_day": None, "per_minute": 1000, "claimed_by": "anybody"}
        self.poster = posters.make(self.campaign, {"name": "Window"} | limits, now)
        Poster.update(name=self.say("Poster.name")).where(Poster.id == self.poster.id).execute()
        self.at_counter = posters.make(self.campaign, {"name": "Counter", "at_counter": True} | limits, now)
        Poster.update(name=self.say("Poster.name")).where(Poster.id == self.at_counter.id).execute()
        self.claim_number, _, self.claim = claiming.open_links(self.campaign, now, key)[0]
        _, self.join = members.invite(self.merchant, self.mail("Member.address"), "manager", [], now)

    def _taken(self) -> dict[Who, dict[str, Any]]:
        """For each who asks: a session of theirs, and for members a counter code that they took."""
        of: dict[Who, dict[str, Any]] = {Who.SIGNED_OUT: {"account.number": 1}}
        for who, person in self.people.items():
            token = accounts.start_session(person, self.world.clock(), self.say("Session.browser"))
            session = Session.get(Session.token_hash == accounts.token_hash(token))
            of[who] = {"account.number": session.id}
            if who in self.members:
                code = self.world.counter_code(self._another()).code
                of[who]["till.attempt_id"] = self.world.take(code, self.members[who]).attempt_id
        for who in (Who.SIGNED_OUT, Who.STRANGER, Who.CONSUMER, Who.WALLET):
            of[who]["till.attempt_id"] = of[Who.CASHIER]["till.attempt_id"]
        of[Who.WALLET] |= {"code": self.wallets.code, "attempt_id": self.wallets_attempt}
        return of

    def _another(self) -> Voucher:
        return self.world.voucher(campaign=self.campaign, holder=self.people[Who.CONSUMER])

    def _firm(self) -> Firm:
        now, consumer, of = self.world.clock(), self.people[Who.CONSUMER], self._taken()
        sign_in, code = one_time_links.make("sign-in", now, consumer), self.world.counter_code(self._another()).code
        mine = Voucher.select(Voucher.code).where(Voucher.campaign == self.campaign)
        mine = mine.where(Voucher.consumer == consumer)
        codes = [code for (code,) in mine.order_by(Voucher.id).tuples()]
        taken = sorted({one["till.attempt_id"] for one in of.values()})
        ids = {
            "members": self.members[Who.CASHIER].id,
            "customers": self.customer.id,
            "rollbacks": self.redemption.id,
            "publications": self.publication.id,
            "claims": self.claim_number,
            "shop_passwords": self.password.id,
            "till": self.one_time.id,
            "posters": self.poster.id,
            "till_vouchers": self.at_counter.id,
        }
        values = {f"{noun}.number": number for noun, number in ids.items()} | {
            "merchant": self.merchant.slug,
            "campaign": self.campaign.slug,
            "branch": self.branch.slug,
            "code": self.voucher.code,
            "attempt_id": self.attempts[0],
            "digest": self.digest,
            "name": "app.css",
            "version": digest("app.css"),
            "claims.token": self.claim,
            "members.token": self.join,
            "sign_in.token": sign_in,
            "poster_offer.token": self.poster.token,
            "counter_signs.token": Branch.get(Branch.merchant == self.merchant).sign,
            "set_up.token": SET_UP,
        }
        sessions = [one["account.number"] for one in of.values()]
        group, branches = f"of-{self.merchant.slug}", [f"{name}-{self.merchant.slug}" for name in ("main", "river")]
        names = (
            {f"{noun}.number": [number] for noun, number in ids.items()}
            | {
                "account.number": sessions,
                "merchant": [self.merchant.slug],
                "campaign": [self.campaign.slug],
                "attempt_id": [self.attempts[0], taken[0]],
                "number": [*ids.values(), *sessions],
                "customer": [self.customer.id],
                "token": [self.claim, self.join, sign_in, self.poster.token],
                "digest": [self.digest],
                "kept_picture": [self.digest],
                "kept": [self.digest],
                "password_in_use": [self.password.id],
                "code": [code, *codes[:2]],
                "merchants": [f"merchant:{self.merchant.slug}"],
                "after": [self.customer.id],
                "before": [10**6],
                "next": [f"/vouchers/{self.voucher.code}", f"/merchants/{self.merchant.slug}/campaigns"],
            }
            | dict.fromkeys(("branch", "branches", "at"), branches)
            | dict.fromkeys(("group", "groups", "among", "more_groups"), [group])
        )
        grouped = ["-".join(one[at : at + 4] for at in range(0, 16, 4)) for one in codes[2:]]
        secrets = [
            *codes[2:],
            *grouped,
            *self.attempts[1:],
            *taken[1:],
            self.digits,
            wallet_transfer.new_code(consumer, now),
        ]
        return Firm(self.merchant, self.campaign, self.people, values, of, names, secrets)


def firm(world: World, slug: str = "", mark: str = "", digits: str = PASSWORD, say: Say | None = None) -> Firm:
    """The world's own merchant, or a new one of this slug; `mark` is in all its words, unless `say` says others."""
    merchant = world.make_merchant(slug=slug) if slug else world.merchant
    return Maker(world, merchant, say or said_by(mark or merchant.slug), digits).make()


def in_no_fear_of_a_power_cut() -> None:
    """Thousands of requests that only ask who gets what need not wait for the disk."""
    if on_sqlite():
        db.execute_sql("PRAGMA synchronous = OFF")


def rules(app: Flask) -> Iterator[tuple[Any, str]]:
    """Every route and each method that it takes."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.endpoint):
        yield from ((rule, method) for method in sorted(rule.methods - {"HEAD", "OPTIONS"}))


def rows_of(*roots: Row) -> dict[tuple, tuple]:
    """All rows that are theirs, by table and key: themselves, what points to them, and what points to that."""
    rows = {(table, *_key(row)): row for table in TABLES for row in table.select()}
    found = {(type(root), *_key(root)) for root in roots}
    while more := {key for key, row in rows.items() if key not in found and _points_to(row, found)}:
        found |= more
    return {(key[0].__name__, *key[1:]): _columns(row) for key, row in rows.items() if key in found}


def _key(row: Row) -> tuple:
    return (
        tuple(row.__data__[column] for column in row._meta.primary_key.field_names)
        if row._meta.composite_key
        else (row.id,)
    )


def _points_to(row: Row, found: set[tuple]) -> bool:
    return any((to.rel_model, row.__data__[to.name]) in found for to in row._meta.refs)


def _columns(row: Row) -> tuple:
    return tuple(bytes(value) if isinstance(value, memoryview) else repr(value) for value in row.__data__.values())


def columns_of_text() -> set[str]:
    """Of all tables, by the names above."""
    return {
        f"{table.__name__}.{name}"
        for table in TABLES
        for name, column in table._meta.fields.items()
        if isinstance(column, TextField)
    }


def columns_with(mark: str) -> set[str]:
    """The columns of text in which this stands anywhere."""
    return {
        name
        for name in columns_of_text()
        for table in TABLES
        if name.startswith(f"{table.__name__}.")
        for (value,) in table.select(getattr(table, name.partition(".")[2])).tuples()
        if mark in str(value)
    }
