"""Passwords that change by themselves, against published values and OpenSSL's, and the moments at which they change."""

from base64 import b32encode
from datetime import date, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from quanbao.campaigns import opening_hours
from quanbao.passwords import changing
from tests.support.factories import utc
from zones import ZoneInfo

RFC = b32encode(b"12345678901234567890").decode()  # the secret of RFC 6238, appendix B
NIGHTS = [["18:00", "05:30"]]


def wall(text: str, zone: str = "Asia/Shanghai") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


# Of the eight digits in RFC 6238, appendix B (SHA-1), the last six.
@pytest.mark.parametrize(
    ("second", "digits"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_an_authenticators_digits_are_those_of_the_rfc(second, digits):
    now = datetime.fromtimestamp(second, ZoneInfo("UTC"))
    assert changing.at_step(RFC, changing.good_steps(now)[0]) == digits


def test_a_days_digits_are_those_that_openssl_computes():
    """`openssl dgst -sha256 -mac HMAC` of the date; bytes 5 to 8 of the first, 4 to 7 of the second, unsigned."""
    assert changing.of_day(RFC, date(2026, 12, 1)) == "085749"  # b9f0d9f5
    assert changing.of_day(RFC, date(2026, 12, 2)) == "137776"  # 1cf9dfb0


@pytest.mark.parametrize(
    ("moment", "steps"),
    [
        ("1970-01-01T00:00:29.999Z", {-1, 0, 1}),
        ("1970-01-01T00:00:30Z", {0, 1, 2}),
        ("1970-01-01T00:00:59.999Z", {0, 1, 2}),
        ("1970-01-01T00:01:00Z", {1, 2, 3}),
    ],
)
def test_one_step_either_way_is_good(moment, steps):
    assert set(changing.good_steps(utc(moment))) == steps


@pytest.mark.parametrize(
    ("moment", "weekdays", "hours", "yesterday"),
    [
        ("2026-12-01T00:00", [], [], True),
        ("2026-12-01T03:59:59", [], [], True),
        ("2026-12-01T04:00", [], [], False),
        ("2026-12-01T05:29", [], NIGHTS, True),  # the night of Monday is not over
        ("2026-12-01T05:30", [], NIGHTS, False),
        ("2026-12-01T05:29", [1], NIGHTS, True),
        ("2026-12-01T05:29", [2], NIGHTS, False),  # Tuesday's night has not begun
        ("2026-12-01T05:29", [], [["10:00", "22:00"], ["18:00", "06:00"]], True),
        ("2026-12-01T23:59", [], NIGHTS, False),
    ],
)
def test_yesterdays_digits_are_good_until_four_or_the_end_of_the_night(moment, weekdays, hours, yesterday):
    days = changing.good_days(wall(moment), opening_hours.began_yesterday(wall(moment), weekdays, hours))
    assert days == [date(2026, 12, 1), date(2026, 11, 30)][: 1 + yesterday]


@pytest.mark.parametrize(
    ("after", "before", "change"),
    [("2026-03-29", "2026-03-28", "spring"), ("2026-10-25", "2026-10-24", "autumn")],
)
def test_on_days_with_an_hour_more_or_less_four_is_what_the_clock_on_the_wall_says(after, before, change):
    begin = wall(f"{after}T00:00", "Europe/Berlin")
    good = [
        moment
        for moment in (begin.astimezone(ZoneInfo("UTC")) + timedelta(minutes=n) for n in range(0, 360, 15))
        if date.fromisoformat(before) in changing.good_days(moment.astimezone(ZoneInfo("Europe/Berlin")), night=False)
    ]
    assert len(good) == {"spring": 3, "autumn": 5}[change] * 4


def test_every_app_reads_the_address_of_a_secret():
    parts = urlsplit(changing.address(RFC, "Lotus & Söhne", "Till 1"))
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Lotus & Söhne:Till 1")
    assert parse_qs(parts.query) == {"secret": [RFC], "issuer": ["Lotus & Söhne"]}


def test_secrets_have_160_bits_and_differ():
    made = {changing.new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(len(secret) * 5 == 160 for secret in made)
