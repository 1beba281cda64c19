"""Time zones: which there are, and which instant a clock on the wall means. Pure.

The names and the rules are those of the pinned package `tzdata` where the system has none: what is
read of it is data that comes with the code.
"""

import difflib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from shared.errors import WindowError
from shared.text import shorten

_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Give a time zone by its name.

    Raises:
        WindowError: where there is none of this name; the text says which was probably meant.
    """
    if name not in names():
        raise WindowError(f"'{shorten(name, 40)}' is not a time zone; {_meant(name)}")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """List all names of zones; a host's own additions (`right/UTC`, `localtime`) are none."""
    return frozenset((resources.files("tzdata") / "zones").read_text("utf-8").split())


def instants(begin: datetime, end: datetime, place: ZoneInfo) -> tuple[datetime, datetime]:
    """Tell from when to when it is between two times on a place's clock, in UTC.

    A time that does not exist is the first instant after the gap. Of one that exists twice the
    first is meant as a beginning and the last as an end. What lies in the gap as a whole begins
    after it, and lasts as long as it is written.
    """
    first, last = _instant(begin, place, 0), _instant(end, place, 1)
    return first, last if last > first else first + (end - begin)


def _instant(time: datetime, place: ZoneInfo, fold: int) -> datetime:
    early, late = (_with_fold(time, place, which) for which in (0, 1))
    if early > late:
        return _end_of_gap(late, early, place)
    return late if fold else early


def _with_fold(time: datetime, place: ZoneInfo, fold: int) -> datetime:
    return time.replace(tzinfo=place, fold=fold).astimezone(UTC)


def _end_of_gap(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    """Find the instant at which clocks are set forward: after `before`, at `after` the latest."""
    offset = after.astimezone(place).utcoffset()
    low, high = 0, int((after - before) / _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        same = (before + middle * _SECOND).astimezone(place).utcoffset() == offset
        low, high = (low, middle) if same else (middle, high)
    return before + high * _SECOND


def _meant(name: str) -> str:
    """Say which zone was probably meant."""
    small = {known.lower(): known for known in names()}
    cities = {known.rsplit("/", 1)[-1].lower(): known for known in sorted(names())}
    wanted = name.lower().replace(" ", "_")[:64]
    near = difflib.get_close_matches(wanted, small, 1, 0.8)
    found = small.get(wanted) or cities.get(wanted) or (small[near[0]] if near else "")
    return f"write '{found}'" if found else "write one such as Europe/Berlin or UTC"
