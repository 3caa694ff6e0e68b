"""The negative control of hostile endpoints: it believes them all. `python -m tests.controls.any_endpoint serve …`."""

from collections.abc import Collection
from urllib.parse import urlsplit

from quanbao.messages.push import http_client, sender, subscriptions
from tests.controls import recorded_connections, runner
from web.server.gateway import Front


def service_of(endpoint: str, hosts: Collection[str]) -> str:
    """The origin of whatever it is."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def believe() -> None:
    subscriptions.service_of = sender.service_of = service_of
    http_client.is_public = lambda address: True


def front() -> Front:
    believe()
    return recorded_connections.front()


if __name__ == "__main__":
    runner.main("tests.controls.any_endpoint:front")
