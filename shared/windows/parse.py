"""The text of a window: `01:00-05:00 mon-fri Europe/Berlin; not 02:00-03:00`. Pure.

Entries are separated by `;`, at most 20 of them in at most 500 characters:

    [not] HH:MM-HH:MM [DAYS] [ZONE]

DAYS are `mon-fri`, `sat,sun`, `mon,wed-fri` or `daily`, which is meant without any; the zone is UTC
without one. `24:00` may be an end. An end that is not after the beginning is one of the next day,
and the hours belong to the day on which they begin. With `not` the hours are those in which no
snapshot is taken.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shared.errors import WindowError
from shared.text import shorten
from shared.windows.entry import DAY, DAYS, Entry
from shared.windows.window import Window
from shared.windows.zones import zone

MAX_TEXT = 500
MAX_ENTRIES = 20
_EXAMPLE = "'01:00-05:00 Europe/Berlin'"
_GRAMMAR = f"write [not] HH:MM-HH:MM [DAYS] [ZONE], for example {_EXAMPLE}"
_ENTRY = re.compile(
    r"(?P<no>not )?(?P<begin>\S+?)-(?P<end>[^\s-]+)(?P<rest>( \S+){0,2})", re.IGNORECASE
)
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})", re.ASCII)
_ALL = tuple(range(len(DAYS)))
_WEEK = timedelta(days=7)
#: The weeks of a year, in each of which it should be open: clocks of two zones change apart.
_WEEKS = tuple(datetime(2026, 1, 1, tzinfo=UTC) + n * _WEEK for n in range(53))


@lru_cache(maxsize=4096)
def parse(text: str) -> Window:
    """Parse a window.

    Raises:
        WindowError: with what is wrong and what would be right.
    """
    _check_length(text)
    words = re.sub(r"\s*([-,])\s*", r"\1", " ".join(text.split()))
    return window([_entry(part.strip()) for part in words.split(";") if part.strip()])


def window(entries: Iterable[Entry]) -> Window:
    """Make a window of entries.

    Raises:
        WindowError: where they are none, too many, or never open.
    """
    part = tuple(sorted(set(entries)))
    if not part:
        raise WindowError(f"has no hours; {_GRAMMAR}")
    if len(part) > MAX_ENTRIES:
        raise WindowError(f"has {len(part)} entries; at most {MAX_ENTRIES} are accepted")
    made = Window((part,))
    _check_length(str(made))
    weeks = _different_weeks(part) if any(entry.excluded for entry in part) else ()
    if not all(made.spans(week, week + _WEEK) for week in weeks):
        raise WindowError("is never open, or not in every week: what follows `not` leaves nothing")
    return made


def entry(excluded: bool, begin: str, end: str, days: tuple[int, ...], place: str) -> Entry:
    """Make an entry of its parts; no days are all.

    Raises:
        WindowError: with what is wrong and what would be right.
    """
    first, last = _minutes(begin), _minutes(end)
    if first == last:
        raise WindowError(f"'{begin}-{end}' has no length; write 00:00-24:00 for the whole day")
    if first == DAY:
        raise WindowError("begins at 24:00, which is an end only; write 00:00 and the next day")
    return Entry(excluded, str(zone(place)), days or _ALL, first, last or DAY)


def day(word: str) -> int:
    """Give the number of a day of the week, Monday is 0.

    Raises:
        WindowError: where it is none.
    """
    if word.lower() not in DAYS:
        raise WindowError(
            f"'{shorten(word, 40)}' is not a day of the week; write {', '.join(DAYS)}"
        )
    return DAYS.index(word.lower())


def _check_length(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise WindowError(f"is {len(text):,} characters long; at most {MAX_TEXT} are accepted")


def _different_weeks(part: Iterable[Entry]) -> Iterable[datetime]:
    """Give a week of each kind: by how far the clocks of the zones are apart in it."""
    places = [zone(name) for name in {entry.zone for entry in part}]
    return {
        tuple((at.astimezone(p).utcoffset()) for at in (week, week + _WEEK) for p in places): week
        for week in _WEEKS
    }.values()


def _entry(text: str) -> Entry:
    match = _ENTRY.fullmatch(text)
    if not match:
        raise WindowError(f"'{shorten(text, 60)}' is not a window; {_GRAMMAR}")
    rest = match["rest"].split()
    days: tuple[int, ...] = ()
    if rest and (len(rest) == 2 or _looks_like_days(rest[0])):
        days = _days(rest.pop(0))
    return entry(bool(match["no"]), match["begin"], match["end"], days, *(rest or ["UTC"]))


def _looks_like_days(word: str) -> bool:
    return word.lower() == "daily" or (word[:3].lower() in DAYS and "/" not in word)


def _days(text: str) -> tuple[int, ...]:
    if text.lower() == "daily":
        return _ALL
    found: set[int] = set()
    for word in text.split(","):
        first, _, last = word.partition("-")
        begin, end = day(first), day(last or first)
        found.update((begin + n) % 7 for n in range((end - begin) % 7 + 1))
    return tuple(sorted(found))


def _minutes(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match:
        minutes = int(match[1]) * 60 + int(match[2])
        if minutes <= DAY and int(match[2]) < 60:
            return minutes
    raise WindowError(
        f"'{shorten(text, 40)}' is not a time of day; write two digits each, from 00:00 to 24:00"
    )
