"""Windows minute by minute: what a window means, without any arithmetic on time zones."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.windows.entry import Entry

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
#: Days at which something happens to clocks, and one at which nothing does.
TURNS = {
    "Europe/Berlin": (datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2026, 6, 3)),
    "America/New_York": (datetime(2026, 3, 8), datetime(2026, 11, 1)),
    "Australia/Lord_Howe": (datetime(2026, 4, 5), datetime(2026, 10, 4)),
    "Asia/Kathmandu": (datetime(1986, 1, 1), datetime(2026, 1, 1)),
    "Pacific/Apia": (datetime(2011, 12, 30), datetime(2011, 9, 24), datetime(2012, 4, 1)),
    "Africa/Casablanca": (datetime(2026, 2, 15), datetime(2026, 3, 22)),
    "UTC": (datetime(2026, 12, 31),),
}
#: Minutes of this many days before and after are looked at.
AROUND = 12


class Clock(NamedTuple):
    """What a clock on the wall shows, minute by minute: the first and last time of each reading."""

    walls: list[datetime]
    first: dict[datetime, int]
    last: dict[datetime, int]


@lru_cache(maxsize=64)
def clock(zone: str, begin: datetime) -> Clock:
    """Read a clock at each minute from an instant on."""
    place = ZoneInfo(zone)
    instants = (begin + n * MINUTE for n in range(2 * AROUND * 24 * 60))
    walls = [at.astimezone(place).replace(tzinfo=None, fold=0) for at in instants]
    first: dict[datetime, int] = {}
    for i, wall in enumerate(walls):
        first.setdefault(wall, i)
    return Clock(walls, first, {wall: i for i, wall in enumerate(walls)})


def begin_of(turn: datetime) -> datetime:
    """Give the first minute that is looked at around a day."""
    return turn.replace(tzinfo=UTC) - AROUND * DAY


def open_minutes(entries: list[Entry], begin: datetime) -> list[bool]:
    """Tell of each minute whether a window is open; the first and last days are not to be used."""
    hours = [_minutes(entry, begin) for entry in entries if not entry.excluded]
    holes = [_minutes(entry, begin) for entry in entries if entry.excluded]
    inside = set().union(*hours) if hours else set(range(2 * AROUND * 24 * 60))
    inside -= set().union(*holes)
    return [n in inside for n in range(2 * AROUND * 24 * 60)]


def _minutes(entry: Entry, begin: datetime) -> set[int]:
    seen = clock(entry.zone, begin)
    days = sorted({wall.date() for wall in seen.walls})
    found: set[int] = set()
    day = days[0]
    while day <= days[-1]:  # a day that was left out, as by Samoa, has its hours too
        if day.weekday() in entry.days:
            midnight = datetime.combine(day, datetime.min.time())
            found.update(_of_day(entry, midnight, seen))
        day += DAY
    return found


def _of_day(entry: Entry, midnight: datetime, seen: Clock) -> range:
    first = midnight + entry.begin * MINUTE
    last = midnight + entry.end * MINUTE + (DAY if entry.end <= entry.begin else 0 * DAY)
    length = (last - first) // MINUTE
    shown = [first + n * MINUTE for n in range(length) if first + n * MINUTE in seen.first]
    if not shown:  # the clock jumped over all of it, or it is not looked at
        after = next((i for i, wall in enumerate(seen.walls) if wall >= last), 0)
        return range(after, after + length) if after else range(0)
    end = max(seen.last[wall] for wall in shown) + 1
    return range(min(seen.first[w] for w in shown), max(end, seen.last.get(last, 0)))
