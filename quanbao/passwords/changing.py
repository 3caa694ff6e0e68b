"""Redemption passwords that change by themselves: a day's, and an authenticator's.

Their secret is in base32, as authenticator apps take it, and sealed at rest like the digits of a fixed one.
"""

import base64
import hmac
from datetime import date, datetime, timedelta

import pyotp

DIGITS = 6
SHORT = 40  # characters of a name in an authenticator app
STEP = 30  # seconds: RFC 6238, the default of every app
MOST_BYTES = 64  # of a secret: the block of the hash; what is longer is hashed first
EARLY = 4  # o'clock: until then the day before is not over


def new_secret() -> str:
    """160 bits, as RFC 4226 (section 4, R6) recommends."""
    return pyotp.random_base32(32)


def is_secret(text: str) -> bool:
    """Whether it is base32 of at least 160 bits, and of no more than an app takes."""
    try:
        return 20 <= len(base64.b32decode(text)) <= MOST_BYTES
    except ValueError:
        return False


def of_day(secret: str, day: date) -> str:
    """The digits of this day: HMAC-SHA-256 over its ISO date, truncated as in RFC 4226, section 5.3."""
    mac = hmac.digest(base64.b32decode(secret), day.isoformat().encode(), "sha256")
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at : at + 4]) & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}d}"


def good_days(wall: datetime, night: bool) -> list[date]:
    """The days whose digits are good at `wall`, a local time: today's, and yesterday's for the small hours.

    Yesterday's end at four, or with the opening hours that began yesterday, where those run longer: `night` while they
    do.
    """
    today, yesterday = wall.date(), wall.date() - timedelta(days=1)
    return [today, yesterday] if wall.hour < EARLY or night else [today]


def at_step(secret: str, step: int) -> str:
    """An authenticator's digits: RFC 6238, HMAC-SHA-1."""
    return pyotp.HOTP(secret, digits=DIGITS).at(step)


def good_steps(now: datetime) -> list[int]:
    """The steps of an authenticator that are good now, the likeliest first: one either way, for clocks that differ."""
    step = int(now.timestamp()) // STEP
    return [step, step - 1, step + 1]


def address(secret: str, shop: str, name: str) -> str:
    """What an authenticator app reads from a QR code: otpauth://totp/…"""
    of = pyotp.TOTP(secret, digits=DIGITS, interval=STEP)
    return of.provisioning_uri(name=name[:SHORT], issuer_name=shop[:SHORT])  # longer ones fit no QR code
