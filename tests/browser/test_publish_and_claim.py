"""How vouchers come to people: the owner publishes, an addressee takes one from a link, and no restart loses any."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from models import Campaign, Claim, Role, Voucher
from tests.browser.test_accessibility import wider_than
from tests.operations.test_worker import until
from tests.support.chromium import Visitor, desktop, phone
from tests.support.crowds import counts, holders, make_customers, of, put
from tests.support.factories import ACCOUNT_PASSWORD, LIN, OWNER
from tests.support.servers import Site

pytestmark = pytest.mark.browser

# While no server is there.
GONE = (
    "ERR_CONNECTION",
    "ERR_FAILED",
    "ERR_EMPTY_RESPONSE",
    "ERR_INCOMPLETE",
    "Failed to fetch",
    "htmx:afterRequest",
    "htmx:sendError",
)

LIST = """\
姓名;邮箱;备注
"Lin, the tall
one";Lin@Example.org;"two lines"
Wu Mei;{customer};
王五;没有;缺邮箱
"""


def owner_at_campaign(world, site: Site, visit, **look) -> Visitor:
    world.member(role=Role.OWNER, email=OWNER, password=ACCOUNT_PASSWORD)
    owner = visit(site, **look).sign_in_by_form(OWNER)
    owner.page.goto("/merchants/lotus/campaigns")
    owner.page.get_by_role("link", name="Oolong, 500 ml").click()
    return owner


def tiles(owner: Visitor) -> dict[str, str]:
    expect(owner.page.get_by_role("term").first).to_be_visible()
    names, values = (owner.page.get_by_role(role).all_inner_texts() for role in ("term", "definition"))
    return dict(zip(names, values, strict=True))


def test_an_owner_publishes_and_an_addressee_claims(small_world, small_site, visit, tmp_path: Path):
    regulars, others = make_customers(small_world, 3), make_customers(small_world, 2)
    put(regulars, "常客")
    campaign = small_world.campaign(published_at=None)
    owner = owner_at_campaign(small_world, small_site, visit, **phone())
    page = owner.page

    # To a group: its three customers have their vouchers at once.
    owner.press("Publish")
    page.get_by_label("Groups").check()
    page.get_by_label("常客").check()
    assert wider_than(page, 360) == []
    owner.press("Publish")
    assert tiles(owner) == {"Vouchers issued": "3"}
    assert holders(campaign) == of(regulars)

    # To addresses from a file: a customer has a voucher, somebody new gets a link, and a bad line is named.
    page.get_by_role("link", name="Oolong, 500 ml").click()
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    owner.press("Publish")
    page.get_by_label("E-mail addresses").check()
    sent = tmp_path / "customers.csv"
    sent.write_bytes(LIST.format(customer=others[0].address).encode("gb18030"))
    page.get_by_label("Or a file").set_input_files(sent)
    owner.press("Publish")
    assert tiles(owner) == {"Vouchers issued": "1", "New links": "1"}
    expect(page.get_by_role("row", name="File, 5 王五, 没有, 缺邮箱 There is no @ in it.")).to_be_visible()
    assert wider_than(page, 360) == []
    assert holders(campaign) == of([*regulars, others[0]])

    # The link is there to be sent.
    owner.press("Hand out the links")
    address, link = page.get_by_label("Addresses and links").input_value().split()
    assert address == LIN
    assert wider_than(page, 360) == []
    owner.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=f"Copy the link for {LIN}").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    owner.press("Print QR codes")
    expect(page.get_by_role("img", name=f"Claim link for {LIN}")).to_be_visible()

    # Lin opens it, signs up, and has the voucher in her wallet.
    lin = visit(small_site, **phone())
    lin.page.goto(link)
    expect(lin.page.get_by_text("Lotus Tea has a voucher for you.")).to_be_visible()
    lin.page.get_by_role("main").get_by_role("link", name="Sign up").click()
    lin.page.get_by_label("E-mail").fill("lin.private@example.org")
    lin.page.get_by_label("Password").fill(ACCOUNT_PASSWORD)
    lin.press("Sign up")
    lin.press("Put it into my wallet")
    expect(lin.named("Redeem")).to_be_visible()
    lin.page.goto("/wallet")
    expect(lin.page.get_by_role("article")).to_contain_text("Oolong, 500 ml")

    # The link works once, also for her; the owner sees that it was used, and hands it out no more.
    for somebody, says in ((lin, "You used this link"), (visit(small_site, **phone()), "This link was used")):
        somebody.expect("status of 404")
        somebody.page.goto(link)
        expect(somebody.page.get_by_role("heading", level=1)).to_have_text(says)
    assert (Voucher.select().count(), Claim.get().claimed_at is not None) == (5, True)
    page.goto(f"/merchants/lotus/campaigns/{campaign.slug}/links")
    expect(page.get_by_text("0 open, 1 used")).to_be_visible()
    expect(page.get_by_text("No link is waiting.")).to_be_visible()
    expect(page.get_by_text("lin.private@example.org")).to_have_count(0)


def test_five_thousand_get_one_each_though_the_server_is_started_again(world, database, visit):
    people, campaign = make_customers(world, 5000), world.campaign(published_at=None)
    with Site(database, QUANBAO_WORKER="external") as first:  # it does what is done in the request, and no more
        owner = owner_at_campaign(world, first, visit, **desktop())
        page = owner.page
        owner.press("Publish")
        page.get_by_label("All customers").check()
        owner.press("Publish")
        bar = page.get_by_role("progressbar", name="Publishing")
        for look in (lambda: None, page.reload):
            look()
            expect(bar).to_have_attribute("max", "5000")
            expect(bar).to_have_attribute("value", "1000")
            expect(page.get_by_text("1,000 of 5,000")).to_be_visible()
        publication = Campaign.get_by_id(campaign.id).publications.get()
        owner.expect(*GONE)
    assert counts(publication) == (1000, 0, 1000, 5000)

    # The page stays open while there is no server, and goes on by itself when there is one again.
    with Site(database, port=first.port):
        expect(page.get_by_role("definition")).to_have_text("5,000")
        expect(bar).to_have_count(0)
        until(lambda: counts(publication) == (5000, 0, 5000, 5000), "all of them")
        assert holders(campaign) == of(people)
        page.reload()
        assert tiles(owner) == {"Vouchers issued": "5,000"}
