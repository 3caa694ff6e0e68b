"""A merchant with one of everything that an address may name, people who are signed in, and forms as they should be."""

from models import Audience, Branch, Claim, Customer, Member, MemberBranch, Picture, Redemption, Role, Session
from quanbao.merchants import members
from quanbao.people import one_time_links
from quanbao.vouchers import claims, publications
from tests.attacks.malformed_requests import House
from tests.support.factories import PASSWORD, World
from tests.support.racing import sign_in
from web.assets import url as asset

CAMPAIGN = {
    "kind": "discount",
    "product": "Tea",
    "original_price": "30",
    "offer_price": "18",
    "quantity": "100",
    "starts_at": "2026-12-01",
    "ends_at": "2026-12-31",
    "uses_per_voucher": "1",
    "rollback_gives_back": "y",
    "weekdays": ["1", "2"],
    "hours": ["10:00", "22:00"],
    "redemption_password": "735190",
    "more_groups": "a, b",
    "place": "here",
    "terms": "None.\nAt all.",
}
FORMS = {
    "campaigns.create": CAMPAIGN,
    "campaigns.change": CAMPAIGN,
    "campaigns.preview": CAMPAIGN,
    "publications.publish": {"audience": "addresses", "addresses": "a@example.org, b@example.org\nc@example.org"},
    "publications.search": {"q": "a"},
    "claims.change": {"do": "correct", "address": "d@example.org"},
    "branches.add": {"name": "New", "address": "1"},
    "branches.change": {"name": "New", "address": "1"},
    "members.invite": {"email": "n@example.org", "role": "manager"},
    "members.change": {"role": "cashier", "branches": ["main"]},
    "customers.put": {"name": "a", "customer": ["1", "2"]},
    "customers.regroup": {"name": "b", "do": "in"},
    "redemptions.attempt": {"password": PASSWORD, "attempt_id": "{fresh}"},
    "till.take": {"code": "ABC234"},
    "till.redeem": {"branch": "main", "offer_price": "1800", "amount": "200"},
    "revoking.revoke": {"reason": "other", "note": "Tea."},
    "rollbacks.roll_back": {"reason": "other", "note": "Tea."},
    "sign_in.sign_in": {"email": "mei@example.org", "password": "not-hers-at-all"},
    "sign_in.sign_up": {"email": "s@example.org", "password": "a-long-secret"},
    "sign_in.use_link": {"password": "a-long-secret"},
    "wallet_transfer.use": {"code": "ABCDE-FGHIJ"},
    "account.change_email": {"email": "t@example.org", "password": "not-mine"},
    "account.change_password": {"password": "not-mine", "new_password": "a-long-secret"},
    "account.delete": {"password": "not-mine", "sure": "y"},
    "passwords.reveal": {"password": "not-mine"},
    "passwords.change": {"redemption_password": "735190"},
    "push.choose": {"events": ["issued"], "merchants": ["x"]},
    "home.switch": {"language": "zh", "next": "/wallet"},
    "wallet.archive": {"archived": "yes"},
}


def house(settings, world: World, slug: str) -> House:
    """A merchant with one of everything that an address may name; what may be done once has its own."""
    merchant, now = world.make_merchant(slug=slug), world.clock()
    campaign = world.campaign(
        merchant=merchant, uses_per_voucher=100, quantity=10**6, password=world.make_password(merchant=merchant)
    )
    people = {role.value: world.member(role=role, merchant=merchant) for role in Role}
    consumer, somebody = world.account(), world.account()
    voucher, other = (world.voucher(campaign=campaign, holder=consumer) for _ in range(2))
    cashier = Member.get((Member.merchant == merchant) & (Member.role == Role.CASHIER))
    MemberBranch.create(member=cashier, branch=Branch.get(Branch.merchant == merchant))
    owner = Member.get((Member.merchant == merchant) & (Member.role == Role.OWNER))
    customer = Customer.create(merchant=merchant, consumer=world.account(), address="c@example.org", first_seen_at=now)
    world.attempt(other)
    world.counter_code(voucher)
    taken = world.take(world.counter_code(voucher).code, owner)
    publication = publications.start(campaign, Audience.ADDRESSES, [f"{n}@{slug}.example" for n in range(9)], now=now)
    publications.step(publication.id, now=now, key=world.keys.receipts)
    invited, join = members.invite(merchant, "invited@example.org", "cashier", ["main"], now)
    spare = world.campaign(merchant=merchant, password=campaign.password)
    draft = world.campaign(merchant=merchant, password=campaign.password, published_at=None)
    picture = Picture.create(merchant=merchant, digest=f"{next(world.numbers):032x}", content=b"jpeg")
    people |= {"consumer": consumer, "somebody": somebody, "other": world.account(), "guest": world.account()}
    cookies = sign_in(settings, world, list(people.values()))
    sign_in(settings, world, [people["guest"]])
    values = {
        "merchant": merchant.slug,
        "branch": cashier.merchant.branches.get().slug,
        "account number": Session.select().order_by(Session.id.desc()).get().id,
        "campaign": campaign.slug,
        "code": voucher.code,
        "attempt_id": taken.attempt_id,
        "revoking code": other.code,
        "campaigns.end campaign": spare.slug,
        "campaigns.delete campaign": draft.slug,
        "publications number": publication.id,
        "members number": invited.id,
        "customers number": customer.id,
        "members token": join,
        "rollbacks number": Redemption.get(Redemption.voucher == other).id,
        "claims number": Claim.select().where(Claim.campaign == campaign).order_by(Claim.id.desc()).get().id,
        "claims token": claims.open_links(campaign, now, world.keys.receipts)[0][2],
        "sign_in token": one_time_links.make("sign-in", now, world.account()),
        "digest": picture.digest,
        "version": asset("app.css").split("/")[2],
        "name": "app.css",
    }
    return House(
        dict(zip(map(str, people), cookies, strict=True)) | {"nobody": "a=b"},
        values | {f"form of {endpoint}": form for endpoint, form in FORMS.items()},
    )
