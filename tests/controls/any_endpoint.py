"""The negative control of hostile endpoints: it believes them all."""

from collections.abc import Collection
from urllib.parse import urlsplit

from quanbao.messages.push import http_client, sender, subscriptions
from tests.controls import recorded_connections
from web.server.gateway import Gateway


def service_of(endpoint: str, hosts: Collection[str]) -> str:
    """The origin of whatever it is."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def believe() -> None:
    subscriptions.service_of = sender.service_of = service_of
    http_client.is_public = lambda address: True


def gateway() -> Gateway:
    believe()
    return recorded_connections.gateway()
