"""Time zones as the installed `tzdata` package has them, never as the system's files do: those may be years older.

Every module that needs a zone imports `ZoneInfo` from here; a test forbids `zoneinfo` elsewhere. So the package
decides in every process before any zone is made, whatever `PYTHONTZPATH` says. Babel only formats with the zones that
it is given.
"""

import zoneinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import tzdata

__all__ = ["RELEASE", "ZoneInfo", "ZoneInfoNotFoundError", "available_timezones", "of_the_system"]

RELEASE: str = tzdata.IANA_VERSION  # like 2026f; a later one sorts after an earlier one
_SYSTEM = zoneinfo.TZPATH  # with PYTHONTZPATH; the first place that zones were taken from before migration 0008

zoneinfo.reset_tzpath(to=())
ZoneInfo.clear_cache()


def of_the_system(name: str) -> ZoneInfo:
    """The zone of the system's files, or of the package where the system has none."""
    for folder in _SYSTEM:
        try:
            with (Path(folder) / name).open("rb") as file:
                return ZoneInfo.from_file(file, key=name)
        except (OSError, ValueError):
            continue
    return ZoneInfo(name)
