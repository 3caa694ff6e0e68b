"""Who signs in, and who fails to, stands in the log: when in UTC, and which account, but nothing that was typed."""

import re
from datetime import UTC, datetime, timedelta

from tests.support.concurrent_requests import Ask
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.servers import Site

WRONG = "canary-wrong-secret"


def test_sign_ins_good_and_bad_are_logged(small_world, sqlite):
    lin = small_world.account(email="lin@example.org", password=ACCOUNT_PASSWORD)
    with Site(sqlite, small_world, processes=1) as site:
        for email in ("lin@example.org", "nobody@example.org"):
            Ask("/sign-in", {"email": email, "password": WRONG}).to(site)
        cookie = Ask("/sign-in", {"email": "lin@example.org", "password": ACCOUNT_PASSWORD}).to(site).cookie
        Ask("/account/password", {"password": WRONG, "new_password": "a-long-secret"}, cookie).to(site)
        Ask("/sign-out", {}, cookie).to(site)
        log = (site.folder / "log").read_text()
    lines = re.findall(r"^(\S+)Z (\w+) (.*account.*)$", log, re.MULTILINE)
    assert [(weight, said) for _, weight, said in lines] == [
        ("WARNING", f"wrong password: account {lin.id}"),
        ("WARNING", "wrong password: account None"),
        ("INFO", f"signed in: account {lin.id}"),
        ("WARNING", f"wrong password: account {lin.id}"),
        ("INFO", f"signed out: account {lin.id}"),
    ]
    for at, _, _ in lines:
        assert abs(datetime.fromisoformat(at).replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=5)
    assert not [typed for typed in (WRONG, ACCOUNT_PASSWORD, lin.email, "nobody@") if typed in log]
