"""In browsers inside other apps nothing is offered that cannot work there; known by user agents, not by the apps."""

import pytest

from quanbao.people import accounts
from tests.support.page_client import PageClient

SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "Mozilla/5.0 (Linux; Android 15; Pixel 9; wv) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile"
INSIDE = {
    "WeChat": f"{SAFARI} Mobile/22A3354 MicroMessenger/8.0.60(0x1800402a) NetType/WIFI Language/zh_CN",
    "Alipay": f"{CHROME} Safari/537.36 NebulaSDK/1.8.100112 Nebula AlipayClient/10.7.16",
    "LINE": f"{SAFARI} Mobile/22A3354 Safari Line/15.2.0",
    "Instagram": f"{SAFARI} Mobile/22A3354 Instagram 380.0.0.28.85 (iPhone17,1; iOS 19_0; zh_CN; zh; scale=3.00)",
}
OWN = [
    f"{SAFARI} Version/19.0 Mobile/22A3354 Safari/604.1",
    f"{CHROME} Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) Offline/1.0",
]


@pytest.fixture
def wallet(app, small_world):
    client, holder = PageClient(app), small_world.wallet()
    small_world.voucher(holder=holder)
    client.http.set_cookie("quanbao-wallet", accounts.start_session(holder, small_world.clock()))

    def ask(agent: str, path: str = "/wallet"):
        client.http.environ_base["HTTP_USER_AGENT"] = agent
        return client.get(path)

    return ask


@pytest.mark.parametrize("name", INSIDE)
def test_neither_home_screen_nor_notifications(wallet, name):
    page = wallet(INSIDE[name])
    assert "Oolong, 500 ml" in page.text
    assert f"in the browser of {name}" in page.text
    assert page.all("a", href="/move")
    assert not page.all("section", id="push")
    assert not page.all("p", id="install")
    assert not page.all("link", rel="manifest")
    assert not wallet(INSIDE[name], "/account").all("a", href="/notifications")


@pytest.mark.parametrize("agent", OWN)
def test_a_browser_of_its_own_is_offered_both(wallet, agent):
    page = wallet(agent)
    assert page.all("section", id="push")
    assert page.all("p", id="install")
    assert page.all("link", rel="manifest")
    assert "in the browser of" not in page.text
