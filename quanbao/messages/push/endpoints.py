"""Where push messages may go. An endpoint is what a visitor's browser said: it must not lead into our own network."""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LONGEST = 2048
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = rf"(?:{LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"  # the last label of an IPv4 address is a number
REST = r"/[!$-;=?-\[\]_a-z{}|~]*"  # printable ASCII without what starts a fragment or is read in two ways
PUBLIC = re.compile(rf"https://(?P<host>{HOST})(?::443)?(?P<rest>{REST})", re.ASCII | re.IGNORECASE)
PLAIN = re.compile(REST, re.ASCII | re.IGNORECASE)
UNICAST = ip_network("2000::/3")  # all of IPv6 that IANA has given out
SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))  # not to every Python's knowledge
TRANSLATED = ip_network("64:ff9b::/96")  # the last 32 bits are an IPv4 address (RFC 6052)
ISATAP = (0x00005EFE, 0x02005EFE)  # and here, behind these (RFC 5214, section 6.1)


def service_of(endpoint: str, hosts: Collection[str]) -> str | None:
    """The origin of the push service that an endpoint is at, if messages may go there; none if not.

    `hosts` are names, which allow what is below them too, or whole origins, which are the operator's word.
    """
    if len(endpoint) > LONGEST:
        return None
    for origin in operators(hosts):
        for written in (origin, origin + _default_port(origin)):
            if endpoint.startswith(f"{written}/") and PLAIN.fullmatch(endpoint[len(written) :]):
                return origin
    found = PUBLIC.fullmatch(endpoint)
    if found is None or len(found["host"]) > 253:
        return None
    host = found["host"].lower()
    known = any(host == entry or host.endswith(f".{entry}") for entry in hosts if ":" not in entry)
    return f"https://{host}" if known else None


def operators(hosts: Collection[str]) -> list[str]:
    """The entries that are origins, as browsers write them; a host with a port is one of https."""
    whole = [entry if "//" in entry else f"https://{entry}" for entry in hosts if ":" in entry]
    return [origin.removesuffix(_default_port(origin)) for origin in whole]


def _default_port(origin: str) -> str:
    return ":443" if origin.startswith("https:") else ":80"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet at large, also where it carries another one."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_public(part) for part in _carried(ip))


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if ip.is_multicast or ip.is_reserved or any(ip in network for network in SPECIAL):
        return False
    return ip.is_global and (ip.version == 4 or ip in UNICAST)


def _carried(ip: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The addresses that count: an IPv6 one that stands for IPv4 ones is as good as they are."""
    if ip.version == 4:
        return [ip]
    last = IPv4Address(int(ip) & 0xFFFFFFFF)
    if int(ip) >> 32 & 0xFFFFFFFF in ISATAP:
        return [ip, last]
    inner = last if ip in TRANSLATED else ip.ipv4_mapped or ip.sixtofour
    return [inner] if inner else list(ip.teredo or [ip])
