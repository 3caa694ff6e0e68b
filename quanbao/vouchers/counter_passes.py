"""Counter passes: what the code on a shop's own screen says, for posters that give vouchers at the counter alone.

A pass changes every 30 seconds, is good for 60, and lets ten claims through: a photograph of it is soon worth nothing.
"""

import hashlib
import hmac
from datetime import datetime

from models import Poster

EVERY = 30  # seconds
GOOD_FOR = 2  # steps
CLAIMS = 10  # by one pass
LENGTH = 16  # hexadecimal digits: 64 bits, for a minute


def step_at(now: datetime) -> int:
    """How many times 30 seconds since 1970."""
    return int(now.timestamp()) // EVERY


def shown(poster: Poster, key: str, now: datetime) -> str:
    """The pass to show now. Without the server's key no one makes it."""
    return _pass(poster, key, step_at(now))


def step_of(poster: Poster, sent: str, key: str, now: datetime) -> int | None:
    """When a pass began, where it is this poster's and still good."""
    for step in range(step_at(now), step_at(now) - GOOD_FOR, -1):
        if hmac.compare_digest(_pass(poster, key, step).encode(), sent.encode("utf-8", "replace")):
            return step
    return None


def is_spent(poster: Poster, step: int) -> bool:
    """Whether ten came by it already."""
    return claimed_by(poster, step) >= CLAIMS


def claimed_by(poster: Poster, step: int) -> int:
    """How many came by the pass of this step, as the poster's row says."""
    return {poster.step: poster.claimed_this_step, poster.step - 1: poster.claimed_last_step}.get(step, 0)


def one_more(poster: Poster, step: int) -> dict[str, int]:
    """The poster's columns after one more claim by this pass; a pass is good while at most one is newer."""
    count = claimed_by(poster, step) + 1
    if step == poster.step - 1:
        return {"claimed_last_step": count}
    last = claimed_by(poster, step - 1)
    return {"step": step, "claimed_this_step": count, "claimed_last_step": last}


def _pass(poster: Poster, key: str, step: int) -> str:
    text = f"counter pass\0{poster.id}\0{step}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:LENGTH]
