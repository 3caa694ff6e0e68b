"""Every route of the URL map: a working address, who may call it, and what they would send that does something.

For attacks that leave no route out: one that has no line here fails `test_every_route_has_a_line`.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, url_for
from PIL import Image

from config import PUSH_HOSTS
from models import TABLES, Account, Branch, Campaign, Member, PasswordKind, Session, Subscription
from quanbao.campaigns import entered_values
from quanbao.merchants import branches
from quanbao.messages.push import subscriptions
from quanbao.messages.push.subscriptions import Circumstances, base64url
from quanbao.passwords import changing, enrolments, redemption_passwords
from quanbao.passwords.shop_passwords import Entered
from quanbao.people import accounts, recovery
from quanbao.vouchers import wallet_transfer
from tests.support.factories import ACCOUNT_PASSWORD, CASHIER, LIN, OWNER, PASSWORD, STRANGER, World
from tests.support.page_client import PageClient
from tests.support.sites import fill
from web.assets import digest
from web.present import shown

NOBODY = ""
WALLET = "a wallet without an address"
MINE = {"password": ACCOUNT_PASSWORD}
EVIL = "evil@evil.example"
SET_UP = {"email": EVIL, "name": "Evil", "time_zone": "Asia/Shanghai", "currency": "CNY", "branch": "Evil", **MINE}
ATTEMPT = "0b0e7f2e-52a5-4d47-9f6b-0f3d1c9c6a11"
CAMPAIGN = {
    "kind": "discount",
    "product": "Evil",
    "original_price": "30",
    "offer_price": "18",
    "quantity": "9",
    "starts_at": "2026-12-01",
    "ends_at": "2026-12-31",
    "uses_per_voucher": "1",
    "redemption_password": "739164",
    "password": ACCOUNT_PASSWORD,
}
POSTER = {"name": "Evil", "quantity": "9", "per_day": "3", "per_minute": "30", "claimed_by": "anybody"}
# Each route that may change something: by whom, and with what.
UNSAFE: dict[str, tuple[str, dict[str, str]]] = {
    "account.change_email": (LIN, MINE | {"email": EVIL, "shown": "{shown_address}"}),
    "account.change_password": (LIN, MINE | {"new_password": "another-secret"}),
    "account.delete": (LIN, MINE | {"sure": "y"}),
    "account.end_others": (LIN, {}),
    "account.end_session": (LIN, {}),
    "branches.add": (OWNER, {"name": "Evil"}),
    "branches.change": (OWNER, {"name": "Changed", "shown": "{shown_branch}"}),
    "campaigns.change": (OWNER, CAMPAIGN | {"quantity": "77", "shown": "{shown_draft}"}),
    "campaigns.create": (OWNER, CAMPAIGN),
    "campaigns.delete": (OWNER, {}),
    "campaigns.duplicate": (OWNER, {}),
    "campaigns.end": (OWNER, {}),
    "campaigns.preview": (OWNER, CAMPAIGN),
    "claims.change": (OWNER, {"do": "withdraw"}),
    "claims.claim": (NOBODY, {}),
    "counter.make": (LIN, {}),
    "customers.put": (OWNER, {"customer": "{customer}", "name": "evil"}),
    "customers.regroup": (OWNER, {"name": "evil"}),
    "customers.separate": (OWNER, {}),
    "keeping.keep": (WALLET, MINE | {"email": EVIL}),
    "keeping.recover": (NOBODY, {"words": "{words}"}),
    "home.switch": (LIN, {"language": "zh"}),
    "members.change": (OWNER, {"do": "disable"}),
    "members.invite": (OWNER, MINE | {"email": EVIL, "role": "owner"}),
    "members.join": (STRANGER, {}),
    "wallet_transfer.make": (LIN, {}),
    "wallet_transfer.use": (NOBODY, {"code": "{move}"}),
    "passwords.accept": (OWNER, {"accepted": "{password}"}),
    "passwords.change": (OWNER, MINE | {"redemption_password": "739164", "replacing": "{replacing}"}),
    "passwords.reveal": (OWNER, MINE),
    "passwords.renew": (OWNER, {"replacing": "{replacing}"}),
    "pictures.keep": (OWNER, {"picture": "a picture"}),
    "poster_offer.claim": (NOBODY, {}),
    "posters.change": (OWNER, {"do": "pause"}),
    "posters.make": (OWNER, POSTER),
    "practice.attempt": (NOBODY, {"password": "123456"}),
    "practice.redeem": (CASHIER, {"branch": "main", "amount": "200"}),
    "practice.show_code": (NOBODY, {}),
    "publications.publish": (OWNER, {"audience": "all"}),
    "publications.search": (OWNER, {"q": "lin"}),
    "push.choose": (LIN, {"shown": "{shown_choices}"}),
    "push.subscribe": (LIN, {}),
    "push.unsubscribe": (LIN, {}),
    "redemptions.attempt": (LIN, {"password": PASSWORD, "attempt_id": ATTEMPT}),
    "revoking.revoke": (OWNER, {"reason": "other", "note": "evil"}),
    "rollbacks.roll_back": (OWNER, {"reason": "other", "note": "evil"}),
    "set_up.set_up": (NOBODY, SET_UP),
    "shop_passwords.add": (OWNER, MINE | {"name": "Evil", "kind": "fixed", "redemption_password": "739164"}),
    "shop_passwords.change": (OWNER, {"name": "Evil"}),
    "shop_passwords.enrol": (OWNER, {"enrolment": "{enrolment}", "code": "{enrolled}"}),
    "shop_passwords.reveal": (OWNER, MINE),
    "sign_in.sign_in": (NOBODY, MINE | {"email": LIN}),
    "sign_in.sign_out": (LIN, {}),
    "sign_in.sign_up": (NOBODY, MINE | {"email": EVIL}),
    "sign_in.use_link": (NOBODY, {}),
    "till.new_digits": (CASHIER, {}),
    "till.redeem": (CASHIER, {"branch": "main", "amount": "200"}),
    "till.take": (CASHIER, {"code": "{shown}"}),
    "wallet.archive": (LIN, {"archived": "yes"}),
}
# They write nothing; the first start's needs a site without a merchant.
HARMLESS = {
    "campaigns.preview",
    "practice.attempt",
    "practice.redeem",
    "practice.show_code",
    "publications.search",
    "set_up.set_up",
}
MEANT_TO_MOVE = {"voucher.opened_at", "campaign.opened"}  # by GET: the first look of its holder, which is counted
PUSH = "https://fcm.googleapis.com/fcm/send/"


@dataclass(frozen=True)
class Call:
    """One route, called."""

    endpoint: str
    method: str
    path: str
    who: str = NOBODY
    form: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As a browser's form, with a file where one is asked for, or as JSON."""
        if self.endpoint.startswith("push.") and self.endpoint != "push.choose":
            return {"data": json.dumps(subscription(PUSH + self.endpoint))}
        data = {
            name: (io.BytesIO(picture()), "p.png") if name == "picture" else value for name, value in self.form.items()
        }
        return {"data": data}


def picture() -> bytes:
    drawn = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(drawn, "PNG")
    return drawn.getvalue()


def subscription(endpoint: str) -> dict[str, Any]:
    """What a browser says of itself."""
    point = (
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    return {"endpoint": endpoint, "keys": {"p256dh": base64url(point), "auth": base64url(bytes(16))}}


class Everywhere:
    """A town in the world's database, and all that one may ask of it."""

    def __init__(self, app: Flask, world: World):
        self.app, self.world = app, world
        self.places = {name: str(value) for name, value in fill(world).items()}
        lin = self.account(LIN)
        self.unnamed = world.wallet().id
        token = accounts.start_session(lin, world.clock(), "Another")
        other = accounts.session_of(token, world.clock())
        said = subscriptions.read(subscription(PUSH + "push.unsubscribe"), PUSH_HOSTS)
        subscriptions.keep(said, other, token, Circumstances("key", "http://localhost", "en"), world.clock())
        voucher = world.voucher(campaign=world.campaign(uses_per_voucher=9), holder=lin)
        self.places |= {
            "move": wallet_transfer.new_code(lin, world.clock()),
            "words": self._recovery_words(),
            "session": str(other.id),
            "fresh": voucher.code,
            "shown": world.counter_code(voucher).code,
            "replacing": redemption_passwords.mark(Campaign.get(Campaign.slug == "oolong").password),
            "password": str(world.password.id),
            "one_time": str(world.make_password(digits=changing.new_secret(), kind=PasswordKind.ONE_TIME).id),
            **self._enrolment(),
            **self._shown(lin),
            "member": str(Member.get(Member.address == CASHIER).id),
        }

    def _enrolment(self) -> dict[str, str]:
        """An authenticator that waits for its code, and the code."""
        secret, now, key = changing.new_secret(), self.world.clock(), self.world.keys.password
        enrolment = enrolments.sealed(self.world.merchant, Entered("Evil"), secret, key=key, now=now)
        return {"enrolment": enrolment, "enrolled": changing.at_step(secret, changing.good_steps(now)[0])}

    def _recovery_words(self) -> str:
        """Those of a wallet without an address."""
        wallet, now = self.world.wallet(), self.world.clock()
        return " ".join(recovery.make(wallet, "en", accounts.start_session(wallet, now), now))

    def _shown(self, lin: Account) -> dict[str, str]:
        """What the forms were filled with that are sent here."""
        branch, draft = Branch.get(Branch.slug == "main"), Campaign.get(Campaign.slug == "draft")
        with self.app.app_context():
            return {
                "shown_branch": shown.signed(f"branch {branch.id}", branches.values_of(branch)),
                "shown_draft": shown.signed(f"campaign {draft.id}", entered_values.values_of(draft)),
                "shown_address": shown.signed(f"e-mail of {lin.id}", {"email": lin.email}),
                "shown_choices": shown.signed(
                    f"notifications of {lin.id}", {"heard": sorted(subscriptions.heard(lin))}
                ),
            }

    def account(self, email: str) -> Account:
        if email == WALLET:
            return Account.get_by_id(self.unnamed)
        return Account.get(Account.email == email)

    def client(self, who: str) -> PageClient:
        client = PageClient(self.app)
        if who:
            client.sign_in(self.account(who))
            Session.update(confirmed_at=wallet_transfer.LONG_AGO).where(Session.account == self.account(who)).execute()
        if who == LIN:
            self._subscribe()
        return client

    def _subscribe(self) -> None:
        """The browser that signed in last hears messages, in the language that was chosen there."""
        session = Session.select().order_by(Session.id.desc()).get()
        Subscription.create(
            session=session,
            account=session.account,
            created_at=self.world.clock(),
            endpoint=f"{PUSH}{session.id}",
            service="s",
            p256dh="p",
            auth="a",
            vapid_key="v",
            origin="o",
            language="en",
        )

    def unsafe(self) -> Iterator[Call]:
        """All that may change something, one call a method."""
        for rule in self.app.url_map.iter_rules():
            for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
                who, form = UNSAFE[rule.endpoint]
                filled = {name: value.format(**self.places) for name, value in form.items()}
                yield Call(rule.endpoint, method, self.path(rule), who, filled)

    def safe(self) -> Iterator[Call]:
        for rule in self.app.url_map.iter_rules():
            if "GET" in rule.methods:
                yield Call(rule.endpoint, "GET", self.path(rule))

    def path(self, rule) -> str:
        places, endpoint = self.places, rule.endpoint
        noun = endpoint.partition(".")[0]
        values = {
            "merchant": "lotus",
            "branch": "main",
            "digest": "0" * 32,
            "name": "app.css",
            "version": digest("app.css"),
            "campaign": "draft" if endpoint in ("campaigns.delete", "campaigns.change") else "oolong",
            "code": places["discount"] if noun == "revoking" else places["fresh"],
            "attempt_id": places["taken"] if noun == "till" else places["redeemed"],
            "token": {
                "claims": places["claim"],
                "members": places["join"],
                "sign_in": places["link"],
                "poster_offer": places["poster"],
                "counter_signs": Branch.get(Branch.slug == "main").sign,
            }.get(noun, "x" * 22),
            "number": {
                "account": places["session"],
                "members": places["member"],
                "customers": places["customer"],
                "rollbacks": places["redemption"],
                "claims": places["claim_number"],
                "shop_passwords": places["password"],
                "till": places["one_time"],
                "posters": places["poster_number"],
                "till_vouchers": places["counter_poster"],
            }.get(noun, places["publication"]),
        }
        with self.app.test_request_context():
            return url_for(endpoint, **{name: values[name] for name in rule.arguments})


def columns() -> dict[str, list]:
    """All that the database holds, column by column, in the order of the rows' keys."""
    found = {}
    for table in TABLES:
        rows = sorted(table.select().tuples(), key=repr)
        for number, column in enumerate(table._meta.sorted_fields):
            found[f"{table._meta.table_name}.{column.name}"] = [repr(row[number]) for row in rows]
    return found


def changed(before: dict[str, list]) -> set[str]:
    """The columns that are not what they were."""
    now = columns()
    return {name for name in now if now[name] != before[name]}
