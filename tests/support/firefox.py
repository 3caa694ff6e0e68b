"""Stock Firefox, driven over WebDriver BiDi as it speaks it by itself, and a push service in the place of Mozilla's."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.support.push_service import Bad, PushService, encoded

PATIENCE = 30  # seconds; only what fails takes so long
TAB, ENTER = "\ue004", "\ue007"  # as WebDriver names these keys
QUIET = {  # nothing of its own to be asked, fetched or reported
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.server": "",
}
ALLOWED = {  # the question that Firefox would put to the person is answered with yes
    "permissions.default.desktop-notification": 1,
    "alerts.useSystemBackend": False,
    "dom.push.connection.enabled": True,  # a driven Firefox would not ask for pushes
    "dom.push.testing.allowInsecureServerURL": True,
}


class Firefox:
    """One window with a profile of its own. A context manager that closes it."""

    def __init__(self, program: str, push_server: str):
        self.profile = Path(tempfile.mkdtemp(prefix="quanbao-test-"))
        settings = QUIET | ALLOWED | {"dom.push.serverURL": push_server}
        (self.profile / "user.js").write_text(
            "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items())
        )
        command = [program, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", self.profile]
        self.process = subprocess.Popen(
            command, env=os.environ | {"HOME": str(self.profile)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.leaving = ExitStack()
        self.wire = self.leaving.enter_context(connect(f"{self._address()}/session", max_size=None))
        self.calls = 0
        self.call("session.new", capabilities={})
        self.window = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def _address(self) -> str:
        """Where it listens, once it does."""
        said = self.profile / "WebDriverBiDiServer.json"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                found = json.loads(said.read_text())
                return f"ws://{found['ws_host']}:{found['ws_port']}"
            except (OSError, ValueError):
                time.sleep(0.05)
        self.process.kill()
        raise RuntimeError("Firefox did not listen")

    def __enter__(self) -> "Firefox":
        return self

    def __exit__(self, *_) -> None:
        self.leaving.close()
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.calls += 1
        self.wire.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while True:
            answer = json.loads(self.wire.recv(timeout=PATIENCE))
            if answer.get("id") == self.calls:
                assert answer["type"] == "success", answer
                return answer["result"]

    def go(self, address: str) -> None:
        self.call("browsingContext.navigate", context=self.window, url=address, wait="complete")

    def run(self, function: str) -> Any:
        """What an async function of the page's comes to."""
        answer = self.call(
            "script.evaluate",
            expression=f"({function})().then(JSON.stringify)",
            awaitPromise=True,
            target={"context": self.window},
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))

    def press(self, role: str, name: str) -> None:
        """With the pointer, where the thing of this accessible name is once it is there."""
        target = {"type": "accessibility", "value": {"role": role, "name": name}}
        nodes = self.until(
            lambda: self.call("browsingContext.locateNodes", context=self.window, locator=target)["nodes"], name
        )
        origin = {"type": "element", "element": {"sharedId": nodes[0]["sharedId"]}}
        self.call(
            "input.performActions",
            context=self.window,
            actions=[
                {
                    "type": "pointer",
                    "id": "hand",
                    "actions": [
                        {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
                        {"type": "pointerDown", "button": 0},
                        {"type": "pointerUp", "button": 0},
                    ],
                }
            ],
        )

    def type(self, text: str) -> None:
        keys = [{"type": kind, "value": letter} for letter in text for kind in ("keyDown", "keyUp")]
        self.call("input.performActions", context=self.window, actions=[{"type": "key", "id": "keys", "actions": keys}])

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := holds()):
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s"
            time.sleep(0.05)
        return found


class FirefoxPushService(PushService):
    """Gives Firefox its subscriptions over a websocket, and hands on what comes for it, which only Firefox can read."""

    def __enter__(self) -> "FirefoxPushService":
        super().__enter__()
        self.channels: dict[str, tuple[str, ServerConnection]] = {}  # by the token of an endpoint
        self.wires = serve(self._talk, "127.0.0.1", 0)
        self.address = f"ws://127.0.0.1:{self.wires.socket.getsockname()[1]}/"
        threading.Thread(target=self.wires.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *details) -> None:
        self.wires.shutdown()
        super().__exit__(*details)

    def _talk(self, wire: ServerConnection) -> None:
        """Mozilla's protocol, as far as Firefox uses it here."""
        for said in self._heard(wire):
            kind, channel = said.get("messageType"), said.get("channelID")
            if kind == "hello":
                name = said.get("uaid") or uuid.uuid4().hex
                self._say(wire, messageType=kind, uaid=name, status=200, use_webpush=True, broadcasts={})
            elif kind == "register":
                token = os.urandom(12).hex()
                self.channels[token] = channel, wire
                self._say(
                    wire, messageType=kind, channelID=channel, status=200, pushEndpoint=f"{self.origin}/send/{token}"
                )
            elif kind == "unregister":
                self.channels = {token: kept for token, kept in self.channels.items() if kept[0] != channel}
                self._say(wire, messageType=kind, channelID=channel, status=200)

    def _heard(self, wire: ServerConnection) -> Iterator[dict[str, Any]]:
        with suppress(ConnectionClosed):  # a browser that is closed does not say goodbye
            yield from map(json.loads, wire)

    def _say(self, wire: ServerConnection, **what: Any) -> None:
        wire.send(json.dumps(what))

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        token = path.rsplit("/", 1)[-1]
        if token not in self.channels:
            return 410, {}
        try:
            self.check_sender(headers.get("authorization", ""))
        except Bad as bad:
            self.refused.append(str(bad))
            return bad.status, {}
        channel, wire = self.channels[token]
        self._say(
            wire,
            messageType="notification",
            channelID=channel,
            version=uuid.uuid4().hex,
            data=encoded(body),
            ttl=int(headers["ttl"]),
            headers={"encoding": headers["content-encoding"]},
        )
        return 201, {}
