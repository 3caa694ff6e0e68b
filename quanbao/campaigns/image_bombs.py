"""Pictures that are made to take their reader hours: small in bytes and in pixels, endless in parts."""

import re

MOST_SEGMENTS = 1000  # of a JPEG; cameras write some dozens
MOST_SCANS = 50  # of a JPEG; a reader goes over the whole picture for each, however short that is
JUNK = 1000  # bytes between two segments, before the first scan
MOST_CHUNKS = 10_000  # of a PNG
# A marker with a length behind it, and the end (ITU-T T.81, B.1.1.3): not what is stuffed, or stands for itself.
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
SCAN, END = b"\xff\xda", b"\xff\xd9"


def is_endless(sent: bytes) -> bool:
    """Whether it has more parts than anything that takes or saves pictures writes."""
    if sent.startswith(b"\xff\xd8"):
        return _is_endless_jpeg(sent)
    return sent.startswith(b"\x89PNG") and _is_endless_png(sent)


def _is_endless_jpeg(sent: bytes) -> bool:
    at, scans = 2, 0
    for _ in range(MOST_SEGMENTS):
        found = MARKER.search(sent, at)
        if found is None or found[0] == END:
            return not scans
        if not scans and found.start() - at > JUNK:
            return True
        scans += found[0] == SCAN
        if scans > MOST_SCANS:
            return True
        at = found.end() + int.from_bytes(sent[found.end() : found.end() + 2])
    return True


def _is_endless_png(sent: bytes) -> bool:
    at = 8
    for _ in range(MOST_CHUNKS):
        if at >= len(sent):
            return False
        at += 12 + int.from_bytes(sent[at : at + 4])
    return True
