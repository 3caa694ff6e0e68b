"""The browsers in which an account is signed in: named, listed, ended, and out at their next request."""

from http.client import HTTPConnection

import pytest

from models import Session
from quanbao.people import accounts
from tests.support.factories import ACCOUNT_PASSWORD
from tests.support.page_client import PageClient
from tests.support.racing import sign_in
from tests.support.servers import Site
from tests.support.two_browsers import is_signed_in
from web.auth.sessions import browser_name


@pytest.fixture
def person(world):
    return world.account(email="mei.w@example.org", password=ACCOUNT_PASSWORD)


def start(world, account) -> str:
    return accounts.start_session(account, world.clock())


def test_a_session_is_ended_by_its_own_account_alone(world, person):
    mine, theirs = start(world, person), start(world, world.mei)
    row = accounts.session_of(theirs, world.clock())
    assert not accounts.end_session_of(person, row.id)
    assert accounts.end_session_of(world.mei, row.id)
    assert not accounts.end_session_of(world.mei, row.id)
    assert accounts.session_of(theirs, world.clock()) is None
    assert [session.id for session in accounts.sessions_of(person, world.clock())] == [
        accounts.session_of(mine, world.clock()).id
    ]


def test_sessions_are_listed_by_their_last_use_without_those_that_are_over(world, person):
    over, early, late = (accounts.start_session(person, world.clock(), name) for name in ("over", "early", "late"))
    Session.update(expires_at=world.clock()).where(Session.browser == "over").execute()
    world.clock.forward(minutes=10)
    assert accounts.session_of(early, world.clock())
    assert [row.browser for row in accounts.sessions_of(person, world.clock())] == ["early", "late"]
    assert [row.seen_at == world.clock() for row in accounts.sessions_of(person, world.clock())] == [True, False]


def statuses(site: Site, cookie: str) -> set[int]:
    """Of twenty requests, each in a connection of its own, so that both processes are asked."""
    seen = set()
    for _ in range(20):
        connection = HTTPConnection("127.0.0.1", site.port, timeout=30)
        connection.request("GET", "/account", headers={"Cookie": cookie})
        seen.add(connection.getresponse().status)
        connection.close()
    return seen


@pytest.mark.race
def test_an_ended_session_is_refused_at_once_by_every_process(world, database, person):
    [cookie] = sign_in(database, world, [person])
    with Site(database, world, processes=2) as site:
        assert statuses(site, cookie) == {200}
        assert accounts.end_session_of(person, Session.get().id)
        assert statuses(site, cookie) == {303}


def test_one_browser_is_ended_and_is_out_at_its_next_request(here, there, mei):
    third = PageClient(here.app).sign_in(mei)
    assert len(here.get("/account").all("button", **{"class": "quiet", "aria-describedby": "browser-2"})) == 1
    assert here.post("/account/sessions/2/end").location == "/account?done=session"
    assert [is_signed_in(one) for one in (here, there, third)] == [True, False, True]
    assert here.post("/account/sessions/end").location == "/account?done=others"
    assert [is_signed_in(one) for one in (here, there, third)] == [True, False, False]
    assert there.get("/account", status=303).location == "/sign-in?next=/account"
    assert "Sign out all others" not in here.get("/account").text


def test_other_peoples_sessions_are_not_there(here, app, small_world):
    stranger = PageClient(app).sign_in(small_world.account())
    for number in ("2", "999", str(2**63), str(2**70), "9" * 5000, "-1", "x"):
        here.post(f"/account/sessions/{number}/end", status=404)
    assert is_signed_in(stranger)


AGENTS = {
    "WeChat · Android": (
        "Mozilla/5.0 (Linux; Android 13; V2148A Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like "
        "Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160065 MMWEBSDK/20231202 MMWEBID/2247 "
        "MicroMessenger/8.0.47.2560(0x28002F30) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN"
    ),
    "WeChat · iPhone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Mobile/15E148 MicroMessenger/8.0.48(0x18003030) NetType/4G Language/zh_CN"
    ),
    "Safari · iPhone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.1 Mobile/15E148 Safari/604.1"
    ),
    "Chrome · iPhone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "CriOS/126.0.6478.153 Mobile/15E148 Safari/604.1"
    ),
    "Firefox · iPad": (
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/118.0 "
        "Mobile/15E148 Safari/605.1.15"
    ),
    "Safari · Mac": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 "
        "Safari/605.1.15"
    ),
    "Chrome · Android": (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile "
        "Safari/537.36"
    ),
    "Samsung Internet · Android": (
        "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 "
        "Chrome/121.0.0.0 Mobile Safari/537.36"
    ),
    "Firefox · Android": "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0",
    "Firefox · Windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Edge · Windows": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
        "Safari/537.36 Edg/131.0.0.0"
    ),
    "Edge · Android": (
        "Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.6723.107 "
        "Mobile Safari/537.36 EdgA/130.0.2849.68"
    ),
    "Opera · Linux": (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 "
        "OPR/115.0.0.0"
    ),
    "Chrome · ChromeOS": (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
    ),
    "Chrome · HarmonyOS": (
        "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 "
        "Safari/537.36 ArkWeb/4.1.6.1 Mobile"
    ),
    "Mi Browser · Android": (
        "Mozilla/5.0 (Linux; U; Android 13; zh-cn; 2201123C) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
        "Chrome/100.0.4896.127 Mobile Safari/537.36 XiaoMi/MiuiBrowser/17.6.110513"
    ),
    "QQ Browser · Android": (
        "Mozilla/5.0 (Linux; U; Android 12; zh-cn; M2011K2C) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
        "Chrome/98.0.4758.102 MQQBrowser/13.6 Mobile Safari/537.36"
    ),
    "": "curl/8.10.1",
}


@pytest.mark.parametrize(("name", "agent"), AGENTS.items())
def test_a_browser_has_the_name_that_people_know_it_by(app, name, agent):
    with app.test_request_context(headers={"User-Agent": agent}):
        assert browser_name() == name


def test_each_browser_stands_on_the_page_under_the_name_it_signed_in_with(client, app, mei):
    form = {"email": mei.email, "password": ACCOUNT_PASSWORD}
    for browser, name in ((client, "Firefox · Android"), (PageClient(app), "WeChat · iPhone"), (PageClient(app), "")):
        browser.post("/sign-in", form, headers={"User-Agent": AGENTS[name]})
    page = client.get("/account")
    for name in ("Firefox · Android", "WeChat · iPhone", "A browser"):
        assert page.text.count(name) == 1
    assert page.text.index("This one") > page.text.index("Firefox · Android")
