"""Compressed copies of the static files: written by `make assets`, by setting up and by building a wheel (setup.py).

A copy is named by the hash of what it was made from, so that no old copy is served for a file that changed. Git does
not keep them; a file without a copy is served as it is. Runs by its path, where nothing is installed but brotli.
"""

import gzip
import hashlib
from pathlib import Path

STATIC = Path(__file__).parent / "static"
COPIES = Path(__file__).parent / "compressed"
COMPRESSED = {".css", ".js", ".svg"}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def compress(static: Path = STATIC, copies: Path = COPIES) -> None:
    """Write the copies that are missing, and remove those of files that changed or are gone."""
    copies.mkdir(exist_ok=True)
    contents = {digest(content): content for content in _contents(static)}
    for name in sorted(contents.keys() - {path.stem for path in copies.glob("*.br")}):
        _write(copies / f"{name}.gz", gzip.compress(contents[name], 9, mtime=0))
        _write(copies / f"{name}.br", _brotli(contents[name]))  # last: where it is, the other is
    for path in copies.iterdir():
        if path.stem not in contents:
            path.unlink()


def _contents(static: Path) -> list[bytes]:
    return [path.read_bytes() for path in static.rglob("*") if path.suffix in COMPRESSED]


def _brotli(content: bytes) -> bytes:
    import brotli  # serving needs only the copies

    return brotli.compress(content, quality=11)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also where the writer is killed."""
    unfinished = path.with_name("unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


if __name__ == "__main__":
    compress()
