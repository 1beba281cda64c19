"""Times as people type them: `yesterday 06:00`, `2 hours ago`, `06:00 Europe/Berlin`. Pure."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from shared.errors import RequestError
from shared.text import shorten, utc

_UNITS = {"minute": 1, "hour": 60, "day": 1440, "week": 10080}
_AGO = re.compile(r"(\d{1,5}) (minute|hour|day|week)s? ago")
_WHEN = re.compile(
    r"(?:(?P<day>today|yesterday|\d{4}-\d\d-\d\d)(?:[ T]|$))?(?P<clock>\d\d:\d\d(?::\d\d)?)?"
    r" ?(?P<zone>Z|UTC|[+-]\d\d:?\d\d|[A-Za-z_]+/[A-Za-z_/+-]+)?"
)
_EXAMPLES = "'yesterday 06:00', '2 hours ago' or '2026-06-14T18:00Z'"


def read_time(text: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """Read a time of the past.

    Args:
        text: `N minutes|hours|days|weeks ago`, or `[today|yesterday|YYYY-MM-DD] [HH:MM[:SS]]
            [ZONE]`, or ISO 8601. A day alone is its end; a time of day alone is of today.
        now: aware.
        zone: where nothing names one.

    Raises:
        RequestError: where it is no time, lies ahead, or does not exist there, with what would be
            right. A time that the clocks show twice is the first.
    """
    found = _iso(text, zone) or _ago(text, now) or _when(text, now, zone)
    if found is None:
        raise RequestError(f"{shorten(text)}: is no time; write such as {_EXAMPLES}")
    if found > now:
        raise RequestError(f"{utc(found)} is in the future; it is {utc(now)}")
    return found


def _iso(text: str, zone: tzinfo) -> datetime | None:
    words = text.strip().upper()
    if len(words) <= 10:  # a day alone
        return None
    try:
        found = datetime.fromisoformat(words)
        return (found if found.tzinfo else _local(found, zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _ago(text: str, now: datetime) -> datetime | None:
    match = _AGO.fullmatch(" ".join(text.lower().split()))
    return now - timedelta(minutes=int(match[1]) * _UNITS[match[2]]) if match else None


def _when(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    match = _WHEN.fullmatch(" ".join(text.split()))
    if not match or not (match["day"] or match["clock"]):
        return None
    if match["zone"]:
        zone = _zone(match["zone"])
    today = now.astimezone(zone).date()
    names = {None: today, "today": today, "yesterday": today - timedelta(days=1)}
    try:
        day = names.get(match["day"]) or datetime.fromisoformat(match["day"]).date()
        if not match["clock"]:
            end = _local(datetime.combine(day + timedelta(days=1), time()), zone).astimezone(UTC)
            return min(end - timedelta(seconds=1), now)
        return _local(datetime.combine(day, time.fromisoformat(match["clock"])), zone).astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> tzinfo:
    if text in ("Z", "UTC"):
        return UTC
    if text[0] in "+-":
        return datetime.fromisoformat(f"2026-01-01T00:00{text[:3]}:{text[-2:]}").tzinfo or UTC
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise RequestError(
            f"{shorten(text)}: is no time zone; write such as Europe/Berlin"
        ) from None


def _local(found: datetime, zone: tzinfo) -> datetime:
    """Put a time of the clock into a zone; one that the clocks pass over is an error."""
    local = found.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
        raise RequestError(
            f"{found:%F %R} does not exist in {zone}: the clocks are put forward then"
        )
    return local
