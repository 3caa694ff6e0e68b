"""The rules of a campaign [0019]: one judge for every way to enter one."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from models import Kind
from quanbao.campaigns.opening_hours import minutes
from quanbao.lib.validation import MISSING, Reader, is_slug, is_text
from quanbao.passwords import redemption_passwords
from zones import ZoneInfo

MOST_MONEY = 10**12  # minor units
MOST_VOUCHERS = 10**9
MOST_USES = 10_000
MOST_ITEMS = 200  # groups, hours, branches: every redemption reads them


def read(reader: Reader, zone: ZoneInfo, branches: set[str]) -> dict[str, Any]:
    """The columns of a campaign from what was entered; faults are in the reader.

    The redemption password is under `redemption_password`, none to have one generated.
    """
    values = {
        "slug": reader.slug(),
        "kind": reader.one_of("kind", [kind.value for kind in Kind]),
        "product": reader.text("product", 200),
        "quantity": reader.integer("quantity", 1, MOST_VOUCHERS),
        "place": reader.text("place", 500, ""),
        "terms": reader.text("terms", 5000, ""),
        "uses_per_voucher": reader.integer("uses_per_voucher", 1, MOST_USES, 1),
        "rollback_gives_back": reader.flag("rollback_gives_back", True),
        "redemption_password": password(reader),
    }
    values |= _prices(reader, values["kind"]) | _period(reader, zone)
    if values["kind"] != Kind.DISCOUNT and values["uses_per_voucher"] != 1:
        reader.fault("uses_per_voucher", "must be 1: prizes, gifts and giveaways are exchanged once")
    values |= _conditions(reader.inner("conditions"), branches)
    return values


def password(reader: Reader, key: str = "redemption_password") -> str | None:
    """The digits of a password, none where they were left out."""
    text = reader.take(
        key, None, "6 to 12 digits", lambda v: isinstance(v, str) and redemption_passwords.digits(v) is not None
    )
    digits = redemption_passwords.digits(text) if text else None
    if digits and redemption_passwords.is_trivial(digits):
        reader.fault(key, "is too easy to guess: use other digits than one run or two of a kind")
    return digits


def _prices(reader: Reader, kind: str | None) -> dict[str, int | None]:
    """A discount has both prices, the offer not above the original; exchange vouchers have none [0023]."""
    if kind != Kind.DISCOUNT:
        for key in ("original_price", "offer_price"):
            if reader.get(key) is not None and kind is not None:
                reader.fault(key, f"must be left out: a {kind} has no prices")
        return {"original_price": None, "offer_price": None}
    original = reader.integer("original_price", 1, MOST_MONEY)
    offer = reader.integer("offer_price", 0, MOST_MONEY)
    if original is not None and offer is not None and offer > original:
        reader.fault("offer_price", "above original_price")
    return {"original_price": original, "offer_price": offer}


def _period(reader: Reader, zone: ZoneInfo) -> dict[str, datetime | str | None]:
    """The two instants, and the two entries that they come from."""
    starts_entered, ends_entered = (_entry(reader, key) for key in ("starts_at", "ends_at"))
    starts = instant(starts_entered, zone) if starts_entered else None
    ends = instant(ends_entered, zone, is_end=True) if ends_entered else None
    if starts and ends and ends <= starts:
        reader.fault("ends_at", "before starts_at" if ends < starts else "equals starts_at")
    return {"starts_at": starts, "ends_at": ends, "starts_entered": starts_entered, "ends_entered": ends_entered}


def _entry(reader: Reader, key: str) -> str | None:
    """One end of the period as it was entered, in the one spelling of ISO 8601 that is kept."""
    text = reader.take(
        key,
        MISSING,
        "a date like 2026-12-31 or a time like 2026-12-31T18:00",
        lambda v: isinstance(v, str) and _parsed(v) is not None,
    )
    parsed = _parsed(text) if isinstance(text, str) else None
    return parsed.isoformat() if parsed else None


def instant(entered: str, zone: ZoneInfo, *, is_end: bool = False) -> datetime:
    """What an entry means, in UTC: a date is its first moment, or its end where it ends a period; a time is the
    merchant's unless it has an offset."""
    parsed = _parsed(entered)
    assert parsed is not None, "an entry is checked before it is kept"
    return _utc(parsed, zone, is_end=is_end)


def _utc(parsed: date | datetime, zone: ZoneInfo, *, is_end: bool) -> datetime:
    if not isinstance(parsed, datetime):
        parsed = datetime.combine(parsed + timedelta(days=1) if is_end else parsed, time())
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)


def as_entered(moment: datetime, zone: ZoneInfo, *, is_end: bool = False) -> str:
    """What is read as this moment: a date where one does, else a time of the merchant's."""
    day = (moment - timedelta(microseconds=1 if is_end else 0)).astimezone(zone).date()
    if _utc(day, zone, is_end=is_end) == moment:
        return day.isoformat()
    wall = moment.astimezone(zone)
    plain = wall.replace(tzinfo=None, fold=0)
    return (plain if _utc(plain, zone, is_end=is_end) == moment else wall).isoformat()  # an hour may come twice


def as_kept(entered: str | None, moment: datetime, zone: ZoneInfo, *, is_end: bool = False) -> str:
    """An entry as the merchant reads it: as it is, but a time with an offset by the merchant's own wall clock."""
    if entered is None:
        return as_entered(moment, zone, is_end=is_end)
    parsed = _parsed(entered)
    is_fixed = isinstance(parsed, datetime) and parsed.tzinfo is not None
    return moment.astimezone(zone).isoformat() if is_fixed else entered


def _parsed(text: str) -> date | datetime | None:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            parsed = parse(text)
        except ValueError:
            continue
        return parsed if 2000 <= parsed.year <= 9000 else None
    return None


def is_day(text: str) -> bool:
    """Whether it is read as a day, not as a time nor as nothing."""
    return type(_parsed(text)) is date


def _conditions(reader: Reader, branches: set[str]) -> dict[str, Any]:
    values = {
        "per_consumer": reader.integer("per_consumer", 1, MOST_USES, None),
        "new_customers_only": reader.flag("new_customers_only"),
        "groups": reader.items("groups", "text of 1 to 100 characters", lambda v: is_text(v, 100), MOST_ITEMS),
        "minimum_spend": reader.integer("minimum_spend", 1, MOST_MONEY, None),
        "weekdays": sorted(
            set(reader.items("weekdays", "from 1 (Monday) to 7", lambda v: type(v) is int and 1 <= v <= 7))
        ),
        "hours": reader.items("hours", 'two different times like ["10:00", "22:00"]', is_span, MOST_ITEMS),
        "branch_slugs": reader.items(
            "branches", "the slug of one of the merchant's branches", lambda v: is_slug(v) and v in branches, MOST_ITEMS
        ),
    }
    reader.done()
    return values


def is_span(value: Any) -> bool:
    """Whether these are hours: from a time until another, `24:00` at the latest."""
    if not isinstance(value, list):
        return False
    try:
        start, end = (minutes(text) for text in value)
    except (TypeError, ValueError, AttributeError):
        return False
    return start != end and start < 24 * 60
