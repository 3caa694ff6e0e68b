"""Made-up releases of the time zone data: compiled zone files (RFC 9636), as a folder and as a `tzdata` package."""

import struct
from pathlib import Path


def compiled(rule: str) -> bytes:
    """A zone that has always followed one POSIX rule, like `CET-1CEST,M3.5.0,M10.5.0/3`."""
    name = rule[:3].encode() + b"\0"

    def block(version: bytes) -> bytes:
        head = struct.pack(">4s c 15x 6l", b"TZif", version, 0, 0, 0, 0, 1, len(name))
        return head + struct.pack(">lBB", 0, 0, 0) + name

    return block(b"2") + block(b"2") + f"\n{rule}\n".encode()


def write_folder(folder: Path, zones: dict[str, str]) -> Path:
    """A folder like /usr/share/zoneinfo."""
    for name, rule in zones.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(compiled(rule))
    return folder


def write_package(folder: Path, release: str, zones: dict[str, str]) -> Path:
    """A folder for PYTHONPATH with a package `tzdata` of this release, which knows only these zones and UTC."""
    write_folder(folder / "tzdata/zoneinfo", zones | {"UTC": "UTC0"})
    (folder / "tzdata/__init__.py").write_text(f'IANA_VERSION = "{release}"\n')
    (folder / "tzdata/zones").write_text("".join(f"{name}\n" for name in [*zones, "UTC"]))
    for place in (folder / "tzdata/zoneinfo", *(folder / "tzdata/zoneinfo").rglob("*/")):
        (place / "__init__.py").touch()
    return folder
