"""What anybody is told about their account, and about a page, followed."""

import re
from unittest.mock import patch

from models import Account, Member, Role
from quanbao.merchants import members
from quanbao.people import one_time_links
from tests.advice.stage import CAMPAIGNS, OWNER, SHOP, follows
from tests.support.factories import ACCOUNT_PASSWORD, PASSWORD
from web.present import messages


@follows("problem", "malformed", "signed_out")
def _(stage):
    told = stage.browser().json("/wallet", status=401)
    assert told["reason"] == "signed_out"
    assert stage.holder.json("/wallet")["vouchers"] == []


@follows("problem", "forbidden")
def _(stage):
    """Nobody who is an owner is told to ask one; who is told gets the right from an owner, and sees the page."""
    person = stage.world.member(role=Role.CASHIER)
    cashier = stage.browser(person)
    for role, path in ((Role.MANAGER, "customers"), (Role.OWNER, "members")):
        stage.says(cashier.get(f"{SHOP}/{path}", status=403), "problem", "forbidden")
        members.change(Member.get(Member.account == person), role, [], by=stage.boss)
        cashier.get(f"{SHOP}/{path}")


@follows("problem", "too_often")
def _(stage):
    wrong, visitor = {"email": OWNER, "password": "not-this-one"}, stage.browser()
    for _n in range(100):
        answer = visitor._send("POST", "/sign-in", {}, {"data": wrong})
        if answer.status_code == 429:
            break
    assert str(messages.PROBLEMS["too_often"][0]) in answer.text
    assert int(answer.headers["Retry-After"]) > 0, "how long a little is"


# Accounts


@follows("account", "not_an_address", "too_short", "too_long", "too_common")
def _(stage):
    right = {"email": "new@example.org", "password": "a-good-secret-3"}
    for code, bad in (
        ("not_an_address", {"email": "new"}),
        ("too_short", {"password": "seven77"}),
        ("too_common", {"password": "password1"}),
    ):
        stage.says(stage.browser().post("/sign-up", right | bad, status=422), "account", code)
    stage.browser().post("/sign-up", right)


@follows("account", "needed")
def _(stage):
    person = stage.world.account(email="typed@example.org", password=ACCOUNT_PASSWORD, proved=False)
    path, visitor = f"/sign-in/{one_time_links.make('sign-in', stage.clock(), account=person)}", stage.browser()
    stage.says(visitor.post(path, {"password": ""}, status=422), "account", "needed")
    visitor.post(path, {"password": "a-good-secret-3"})


@follows("alone", "required")
def _(stage):
    stage.says(stage.browser().post("/sign-up", {"email": "new@example.org"}, status=422), "alone", "required")


@follows("page", "not together")
def _(stage):
    wrong = {"email": OWNER, "password": "not-this-one"}
    stage.says(stage.browser().post("/sign-in", wrong, status=422), "page", "not together")
    stage.browser().post("/sign-in", wrong | {"password": ACCOUNT_PASSWORD})


@follows("page", "unused characters", "move code")
def _(stage):
    """Where the person is signed in there is a new one."""
    visitor, path = stage.browser(), "/move/code"
    for code, typed in (("unused characters", "ABCD1-EFGH2"), ("move code", "ABCDE-FGHJ2")):
        stage.says(visitor.post(path, {"code": typed}, status=422), "page", code)
    [shown] = re.findall(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}\b", stage.owner.post("/move", status=200).text)[:1]
    visitor.post(path, {"code": shown})


@follows("problem", "unknown")
def _(stage):
    """What was done before the answer failed is there to be seen."""
    with patch("web.routes.branches.redirect", side_effect=RuntimeError):
        page = stage.owner.post(f"{SHOP}/branches", {"name": "Harbour"}, status=500)
    stage.says(page, "problem", "unknown")
    assert f"{SHOP}/branches" in {link["href"] for link in page.all("a")}
    assert "Harbour" in stage.owner.get(f"{SHOP}/branches").text


@follows("alone", "wrong password")
def _(stage):
    path = f"{CAMPAIGNS}/{stage.world.campaign().slug}/password"
    stage.clock.forward(minutes=11)
    stage.says(stage.owner.post(path, {"password": "no"}, status=422), "alone", "wrong password")
    assert PASSWORD in stage.owner.post(path, {"password": ACCOUNT_PASSWORD}, status=200).text


@follows("alone", "no password")
def _(stage):
    """Also where an owner invites an owner: who has no password is not told to type it."""
    Account.update(password_hash=None).where(Account.email == OWNER).execute()
    stage.clock.forward(minutes=11)
    path = f"{CAMPAIGNS}/{stage.world.campaign().slug}/password"
    another = {"email": "boss@example.org", "role": "owner"}
    stage.says(stage.owner.post(path, {"password": "x"}, status=422), "alone", "no password")
    stage.says(stage.owner.post("/move", {"password": "x"}, status=422), "alone", "no password")
    stage.says(stage.owner.post(f"{SHOP}/members", another, status=422), "alone", "no password")
    stage.owner.post(f"/sign-in/{one_time_links.make('sign-in', stage.clock(), account=stage.boss.account)}")
    assert PASSWORD in stage.owner.post(path, status=200).text
    stage.owner.post(f"{SHOP}/members", another)


@follows("page", "wrong words")
def _(stage):
    visitor, path = stage.browser(), "/wallet/recover"
    page = stage.browser(stage.world.wallet()).post("/wallet/keep", {"words": "yes"}, status=200)
    words = re.findall(r"<li>(\w+)</li>", page.html)
    assert len(words) == 8
    stage.says(visitor.post(path, {"words": " ".join(words[1:] + words[:1])}, status=422), "page", "wrong words")
    visitor.post(path, {"words": " ".join(words)})
    visitor.get("/wallet")
