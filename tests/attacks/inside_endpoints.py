"""Endpoints that lead inside, or nearly to a push service: what somebody would try who wants our server to ask for it.

All are wrong by the way they are made, whatever the code under test says.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

V4 = ("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "198.18.0.1")
V6 = ("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1")
CARRIERS = (  # of an IPv4 address: mapped, compatible, translated, 6to4, NAT64, a network's own, Teredo, ISATAP
    "::ffff:{0:x}:{1:x}",
    "::{0:x}:{1:x}",
    "::ffff:0:{0:x}:{1:x}",
    "2002:{0:x}:{1:x}::1",
    "64:ff9b::{0:x}:{1:x}",
    "64:ff9b:1::{0:x}:{1:x}",
    "2001:0:808:808:0:0:{2:x}:{3:x}",
    "2600::5efe:{0:x}:{1:x}",
    "fe80::5efe:{0:x}:{1:x}",
)
SERVICES = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "push.services.mozilla.com",
    "web.push.apple.com",
    "notify.windows.com",
)
SCHEMES = (
    "http",
    "ftp",
    "ftps",
    "gopher",
    "ws",
    "wss",
    "dict",
    "ldap",
    "tftp",
    "sftp",
    "jar:https",
    "blob:https",
    "view-source:https",
    "httpss",
    "https\u200b",
    "h\tttps",
    " https",
    "\nhttps",
    "url:https",
    "unix",
)
WHOLE = (
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "file:/etc/passwd",
    "data:text/plain,x",
    "data:,",
    "javascript:fetch('/')",
    "about:blank",
    "mailto:a@b.example",
    "urn:x:y",
    "https:",
    "https://",
    "https:///",
    "https:////",
    "https://?",
    "https://#",
    "https://@/",
    "https://:443/",
    "//",
    "/",
    "\\\\127.0.0.1\\x",
    "*",
)
FULLWIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
LOOKALIKES = str.maketrans("aceiopsxyjhmgwtn", "асеіорѕхујһｍɡｗｔո")  # Cyrillic, mostly
DOTS = ("。", "．", "｡", "․", "%2e", "%2E", "..", ",", " .", ".\u200b")


def addresses() -> list[str]:
    """Addresses that are not of the internet at large, in the form that a resolver gives."""
    carried = [carrier.format(*_halves(address)) for address in V4 for carrier in CARRIERS]
    return [
        *V4,
        "172.31.255.254",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        *V6,
        "fe80::1%eth0",
        "fe80::1%1",
        *carried,
    ]


def endpoints(service: str, port: int) -> list[str]:
    """More than a thousand, each once. At `service` the operator has a push service; at `port` nobody may knock."""
    hosts = [host for address in V4 for host in (*_spelled(address), *_named(address))]
    hosts += [host for address in addresses() if ":" in address for host in _in_brackets(address)]
    inside = [f"https://{host}/x" for host in hosts]
    inside += [f"http://{host}:{port}/x" for host in hosts if "127.0.0.1" in host or "[" in host]
    near = [endpoint for host in SERVICES for endpoint in _near(host, port)]
    return list(dict.fromkeys([*inside, *near, *_near_operators(service, port), *WHOLE]))


def _halves(address: str) -> tuple[int, int, int, int]:
    number = int(IPv4Address(address))
    return number >> 16, number & 0xFFFF, number >> 16 ^ 0xFFFF, number & 0xFFFF ^ 0xFFFF  # Teredo turns the bits over


def _spelled(address: str) -> Iterator[str]:
    """An IPv4 address as it can be written, and is read by one library or another."""
    a, b, c, d = parts = [int(part) for part in address.split(".")]
    number = int(IPv4Address(address))
    yield from (address, f"{address}.", str(number), f"{number:#x}", f"{number:#X}", f"0{number:o}", f"{number:#o}")
    yield from (".".join(f"{part:#x}" for part in parts), ".".join(f"0{part:o}" for part in parts))
    yield from (".".join(f"{part:03}" for part in parts), ".".join(f"{part + 256}" for part in parts))
    yield from (f"{a}.{(b << 16) + (c << 8) + d}", f"{a}.{b}.{(c << 8) + d}", f"{a:#x}.{b}.0{c:o}.{d}")
    yield from (str(number + 2**32), f"{number - 2**32}", address.translate(FULLWIDTH), address.translate(CIRCLED))
    yield from (address.replace(".", dot) for dot in DOTS)
    yield from ("".join(f"%{ord(character):02x}" for character in address), f"{address}%00", f"{address}%20")


def _named(address: str) -> Iterator[str]:
    """Names that a public service of names leads to this address."""
    dashed = address.replace(".", "-")
    yield from (f"{address}.nip.io", f"{dashed}.sslip.io", f"fcm.googleapis.com.{address}.nip.io")
    yield from (f"fcm-googleapis-com.{dashed}.nip.io", f"{int(IPv4Address(address)):08x}.nip.io")


def _in_brackets(address: str) -> Iterator[str]:
    bare, _, zone = address.partition("%")
    ip = IPv6Address(bare)
    last = int(ip) & 0xFFFFFFFF
    tail = f"%25{zone}" if zone else ""
    yield from (f"[{ip.compressed}{tail}]", f"[{ip.exploded}{tail}]", f"[{ip.exploded.upper()}{tail}]")
    yield from (f"[{':'.join(ip.exploded.split(':')[:6])}:{IPv4Address(last)}{tail}]", f"[{ip.compressed}%25lo]")


def _near(host: str, port: int) -> Iterator[str]:
    """Nearly at a known push service, or there only for a careless reader."""
    first, rest = host.split(".", 1)
    yield from (f"{scheme}://{host}/x" for scheme in SCHEMES)
    for trap in (f"127.0.0.1:{port}", f"[::1]:{port}", "evil.example"):
        yield from (f"https://{host}@{trap}/x", f"https://{host}:443@{trap}/x", f"https://{host}%40{trap}/x")
        yield from (f"https://{trap}\\@{host}/x", f"https://{trap}#@{host}/x", f"https://{trap}?@{host}/x")
        yield from (f"https://{trap}/{host}/x", f"https://{trap}/?{host}", f"https://{host}\\.{trap}/x")
        yield from (f"https://{host}\t.{trap}/x", f"https://{host}\r\n.{trap}/x", f"https://{host}\u2044.{trap}/x")
    yield from (f"https://{user}@{host}/x" for user in ("", ":", "user", "user:word", "%00", "user@more"))
    yield from (
        f"https://{host}:{wrong}/x"
        for wrong in (
            "",
            0,
            1,
            22,
            80,
            444,
            8443,
            port,
            65535,
            65536,
            443443,
            "0443",
            "+443",
            "443x",
            "４４３",
            " 443",
            "0x1bb",
        )
    )
    yield from (
        f"https://{host}{tail}/x"
        for tail in (
            ".",
            "..",
            ".evil.example",
            "-evil.example",
            ".127.0.0.1",
            ".localhost",
            "evil",
            "%00",
            "%20",
            "\x7f",
        )
    )
    yield from (f"https://{head}{host}/x" for head in (".", "..", "-", "*.", "evil.example/", "%2e", "[", "\u200b"))
    yield from (
        f"https://{wrong}/x"
        for wrong in (
            f"evil{host}",
            rest.split(".", 1)[-1],
            f"{first}.{rest}".replace(".", "-"),
            f"[{host}]",
            f"{host}]",
            f"{first}..{rest}",
            f"{first}.-{rest}",
            f"{first}.{rest[:-1]}",
            f"{first}_.{rest}",
            f"{'a' * 64}.{host}",
            f"{'a.' * 127}{host}",
            host.translate(FULLWIDTH),
            host.translate(LOOKALIKES),
            f"xn--{host}.evil.example",
        )
    )
    yield from (f"https://{host.replace('.', dot, 1)}/x" for dot in DOTS)
    yield from (f"https:{slashes}{host}/x" for slashes in ("", "/", "\\\\", "\\/", "/\\"))
    yield from (
        f"https://{host}{path}"
        for path in (
            "",
            "?x",
            "#x",
            "\\x",
            "/\\x",
            "/x#y",
            "/x y",
            "/x\r\nHost: evil.example",
            "/\t",
            "/\n",
            "/\u202e",
            "/é",
            "/\x00",
            "/" + "x" * 4096,
            "/\x85",
            "/\x1f",
            "/<x>",
            '/"',
            "/^",
            "/`",
        )
    )


def _near_operators(service: str, port: int) -> Iterator[str]:
    """What begins like the operator's own origin and is another."""
    scheme, _, netloc = service.partition("://")
    host, own = netloc.rsplit(":", 1)
    yield from (service, f"{service}?x", f"{service}#x", f"{service}\\x", f"{service}0/x", f"{service} /x")
    yield from (f"{service}@127.0.0.1:{port}/x", f"{service}.evil.example/x", f"{service}:{port}/x", f"{service}\n/x")
    yield from (f"{scheme}://user@{netloc}/x", f"{scheme}://@{netloc}/x", f"https://{netloc}/x", f"ws://{netloc}/x")
    yield from (f"{scheme}://localhost:{own}/x", f"{scheme}://localhost.:{own}/x", f"{scheme}://{host}.:{own}/x")
    yield from (f"{scheme}://{host}:0{own}/x", f"{scheme}://{host}/x", f"{scheme}://{host}:{port}/x", f"{service}/x y")
    yield from (f"{scheme}://{spelled}:{own}/x" for spelled in _spelled("127.0.0.1") if spelled != host)
    yield from (f"{scheme}://[::1]:{own}/x", f"{scheme}://[::ffff:127.0.0.1]:{own}/x", f"{service.upper()}/x")
    yield from (f"{service}/x#y", f"{service}/x\r\nHost: x", f"{service}/\u202e", f"{service}/é", f"\u200b{service}/x")
