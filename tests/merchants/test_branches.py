"""Branches: opened, renamed, closed, opened again; the ledger keeps naming one that was closed."""

import threading

import pytest

from database import db
from models import Branch, Campaign, Redemption
from quanbao.campaigns import figures
from quanbao.lib.validation import is_slug
from quanbao.merchants import branches
from quanbao.operations import unguarded
from quanbao.redemption import redeem
from quanbao.redemption.reasons import Reason
from quanbao.vouchers import wallet
from tests.conftest import POSTGRESQL
from tests.passwords.test_redemption_passwords import meanwhile
from tests.support.factories import World, utc

NO_TEXT = ["", "   ", "x" * 201, "\0", "a\0b", "\ud800", "\u202e"]


def branch(world: World, slug: str) -> Branch:
    return Branch.get((Branch.merchant == world.merchant) & (Branch.slug == slug))


def refusal(act, *what) -> tuple[str, str, str]:
    with pytest.raises(branches.Refused) as caught:
        act(*what)
    return caught.value.field, caught.value.code, caught.value.about


def versions() -> dict[str, int]:
    return dict(Campaign.select(Campaign.slug, Campaign.version).tuples())


# Opening and changing


def test_a_branch_is_called_in_addresses_what_it_is_called(world):
    made = branches.open_(world.merchant, " Harbour  Café ", " 3 Quay ")
    assert (made.slug, made.name, made.address, made.closed_at) == ("harbour-caf", "Harbour  Café", "3 Quay", None)
    assert branches.of_merchant(world.merchant)[-1] == made


@pytest.mark.parametrize("name", ["Main", "南京西路店", "!", "Ö" * 200, "long " * 40])
def test_every_name_gives_an_address_of_its_own(world, name):
    """Also one that is taken, and one without a letter that may stand there; another merchant's takes nothing."""
    slugs = [branches.open_(world.merchant, name.strip()[:197] + more, "").slug for more in ("", "!", "?")]
    assert len(set(slugs)) == 3
    assert all(is_slug(slug) for slug in slugs)
    assert branches.open_(world.make_merchant(slug="other"), "Harbour", "").slug == "harbour"
    assert branches.open_(world.merchant, "Harbour", "").slug == "harbour"


@pytest.mark.parametrize("text", NO_TEXT)
def test_a_name_is_text_of_some_length(world, text):
    before = Branch.select().count()
    assert refusal(branches.open_, world.merchant, text, "") == ("name", "name", "")
    assert refusal(branches.change, branch(world, "main"), text, "") == ("name", "name", "")
    assert (Branch.select().count(), branch(world, "main").name) == (before, "Main Street")


@pytest.mark.parametrize("text", ["x" * 501, "\0", "\ud800"])
def test_an_address_is_text_or_nothing(world, text):
    assert refusal(branches.open_, world.merchant, "Harbour", text) == ("address", "address", "")
    assert refusal(branches.change, branch(world, "main"), "Main", text) == ("address", "address", "")


def test_another_name_leaves_its_slug_and_the_ledger(world):
    world.attempt(world.voucher(), branch="main")
    branches.change(branch(world, "main"), "High Street", "")
    assert (branch(world, "main").name, branch(world, "main").address) == ("High Street", "")
    assert Redemption.get().branch_slug == "main"
    assert world.attempt(world.voucher(), branch="main").redeemed


# Closing


def test_nothing_is_redeemed_at_a_closed_branch_until_it_opens_again(world):
    river, everywhere = branch(world, "river"), world.campaign()
    assert world.attempt(world.voucher(campaign=everywhere), branch="river").redeemed
    branches.close(river, world.clock())
    assert [place.slug for place in wallet.branches(everywhere)] == ["main"]
    assert world.attempt(world.voucher(campaign=everywhere), branch="river").reason is Reason.WRONG_BRANCH
    here = world.campaign(branch_slugs=["river", "main"])
    assert world.attempt(world.voucher(campaign=here), branch="river").reason is Reason.WRONG_BRANCH
    assert figures.of_campaign(Campaign.get_by_id(everywhere.id)).by_branch == {"river": 1}, "what was stays"
    branches.reopen(river)
    assert world.attempt(world.voucher(campaign=everywhere), branch="river").redeemed
    assert list(figures.differences()) == []


def test_the_last_open_branch_stays_open(world):
    branches.close(branch(world, "main"), world.clock())
    other = Branch.get((Branch.merchant == world.make_merchant(slug="other")) & (Branch.slug == "main"))
    assert refusal(branches.close, branch(world, "river"), world.clock()) == ("close", "last", "")
    assert branch(world, "river").closed_at is None
    branches.close(other, world.clock())


def test_the_only_place_of_a_campaign_stays_open_while_it_runs(world):
    river, december = branch(world, "river"), world.clock()
    world.campaign(branch_slugs=["river", "main"])
    campaign = world.campaign(product="Dumplings", branch_slugs=["river"])
    assert refusal(branches.close, river, december) == ("close", "only_place", "Dumplings")
    draft = world.campaign(product="Buns", branch_slugs=["river"], published_at=None)
    Campaign.update(ended_at=december).where(Campaign.id == campaign.id).execute()
    assert refusal(branches.close, river, december) == ("close", "only_place", "Buns")
    Campaign.update(branch_slugs=["river", "main"]).where(Campaign.id == draft.id).execute()
    branches.close(river, december)
    assert refusal(branches.close, branch(world, "main"), december)[1] == "last"


def test_what_is_over_needs_no_place(world):
    world.campaign(branch_slugs=["river"], starts_at=utc("2026-10-01T00:00Z"), ends_at=world.clock())
    branches.close(branch(world, "river"), world.clock())
    assert branch(world, "river").closed_at == world.clock()


def test_closing_and_opening_again_raise_the_versions_of_ones_own_campaigns(world):
    other = world.make_merchant(slug="other")
    world.campaign(slug="a")
    world.campaign(slug="b", published_at=None)
    world.campaign(slug="theirs", merchant=other, password=world.make_password(merchant=other))
    branches.close(branch(world, "river"), world.clock())
    assert versions() == {"a": 2, "b": 2, "theirs": 1}
    branches.reopen(branch(world, "river"))
    assert versions() == {"a": 3, "b": 3, "theirs": 1}


# At once


def close_aside(world: World):
    return lambda: branches.close(branch(world, "river"), world.clock())


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_what_was_judged_with_the_branch_open_does_not_commit_after(world, monkeypatch):
    """A file has one writer: there closing waits for the redemption, or the redemption for closing."""
    voucher = world.voucher()
    meanwhile(monkeypatch, redeem, "_take_use", close_aside(world), aside=True)
    assert world.attempt(voucher, branch="river").reason is Reason.WRONG_BRANCH
    assert Redemption.select().count() == 0


@pytest.mark.parametrize("database", [POSTGRESQL], indirect=True)
def test_control_without_the_version_it_would_commit(world, monkeypatch):
    voucher = world.voucher()
    monkeypatch.setattr(redeem, "_count", unguarded.count)
    meanwhile(monkeypatch, redeem, "_take_use", close_aside(world), aside=True)
    assert world.attempt(voucher, branch="river").redeemed


@pytest.mark.parametrize("round", range(3))
def test_of_the_last_two_branches_closed_at_once_one_stays_open(world, round):
    barrier, refused = threading.Barrier(2), []

    def close(slug: str) -> None:
        row = branch(world, slug)
        barrier.wait()
        try:
            branches.close(row, world.clock())
        except branches.Refused as refusal:
            refused.append(refusal.code)
        db.close()

    threads = [threading.Thread(target=close, args=(slug,)) for slug in ("main", "river")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last"]
    assert Branch.select().where(Branch.closed_at.is_null()).count() == 1


# The page

AT = "/merchants/lotus/branches"


@pytest.fixture
def owner(client, small_world):
    return client.sign_in(small_world.member(role="owner"))


def test_the_page_says_what_is_wrong_where_and_keeps_what_was_typed(owner, small_world):
    page = owner.post(AT, {"name": "", "address": "3 Quay"}, status=422)
    assert page.all("input", id="new-name")[0]["aria-invalid"] == "true"
    assert page.all("input", id="new-address")[0]["value"] == "3 Quay"
    main, river = branch(small_world, "main").id, branch(small_world, "river").id
    page = owner.fill(AT, f"{AT}/main", {"name": "Main 2", "address": "x" * 501}, status=422)
    assert "aria-invalid" not in page.all("input", id="new-address")[0]
    assert page.all("input", id=f"branch-{main}-address")[0]["aria-invalid"] == "true"
    assert page.all("input", id=f"branch-{main}-name")[0]["value"] == "Main 2"
    assert page.all("input", id=f"branch-{river}-name")[0]["value"] == "Riverside"


def test_a_branch_that_is_called_new_is_not_the_new_one(owner):
    owner.post(AT, {"name": "New", "address": ""})
    page = owner.fill(AT, f"{AT}/new", {"name": "", "address": "9 Nine"}, status=422)
    assert "9 Nine" not in [page.all("input", id="new-address")[0]["value"]]


def test_the_page_names_the_campaign_that_stands_against_closing(owner, small_world):
    small_world.campaign(product="Dumplings", branch_slugs=["river"])
    page = owner.post(f"{AT}/river", {"do": "close"}, status=422)
    assert "“Dumplings” can be redeemed here only" in page.text
    owner.post(f"{AT}/main", {"do": "close"})
    assert "Closed" in owner.get(AT).text
    assert "last open branch" in owner.post(f"{AT}/river", {"do": "close"}, status=422).text
    owner.post(f"{AT}/main", {"do": "reopen"})
    assert "Closed" not in owner.get(AT).text


def test_figures_name_a_branch_that_was_closed(owner, small_world):
    voucher = small_world.voucher()
    small_world.attempt(voucher, branch="river")
    owner.post(f"{AT}/river", {"do": "close"})
    assert "Riverside" in owner.get(f"/merchants/lotus/campaigns/{voucher.campaign.slug}/figures").text


@pytest.mark.parametrize("slug", ["none", "x" * 300, "1"])
def test_a_branch_that_is_not_there(owner, slug):
    owner.post(f"{AT}/{slug}", {"do": "close"}, status=404)
