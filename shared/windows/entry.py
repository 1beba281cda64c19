"""One entry of a window: hours on some days of the week, on the clock of one place. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice

from shared.windows.zones import instants, zone

#: The days of the week as they are written, Monday first.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Minutes of a day.
DAY = 24 * 60

#: From when to when, in UTC; the end does not belong to it.
Span = tuple[datetime, datetime]


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """Hours in which snapshots may be taken or, where `excluded`, may not.

    `begin` and `end` are minutes of the day. An end that is not after the beginning is one of the
    next day; the hours belong to the day on which they begin. `days` are numbers, Monday is 0.
    """

    excluded: bool
    zone: str
    days: tuple[int, ...]
    begin: int
    end: int

    def spans(self, since: datetime, until: datetime) -> Iterator[Span]:
        """List when these hours are, as far as they touch a time; in order."""
        place = zone(self.zone)
        # Hours that began the day before may go on, and a zone may have left out a day.
        day = since.astimezone(place).date() - timedelta(days=3)
        last = until.astimezone(place).date() + timedelta(days=1)
        length = timedelta(minutes=(self.end - self.begin - 1) % DAY + 1)
        while day <= last:
            if day.weekday() in self.days:
                begin = datetime.combine(day, time()) + timedelta(minutes=self.begin)
                first, end = instants(begin, begin + length, place)
                if end > since and first < until:
                    yield first, end
            day += timedelta(days=1)

    def __str__(self) -> str:
        words = [f"{_clock(self.begin)}-{_clock(self.end)}", _days(self.days), self.zone]
        return " ".join(["not"] * self.excluded + [word for word in words if word])


def merged(spans: list[Span]) -> list[Span]:
    """Put together what overlaps or meets."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def without(spans: list[Span], holes: list[Span]) -> list[Span]:
    """Take some times out of others; both in order and apart, and so is what is left."""
    found: list[Span] = []
    first = 0
    for begin, end in spans:
        while first < len(holes) and holes[first][1] <= begin:
            first += 1
        for hole in islice(holes, first, None):
            if hole[0] >= end:
                break
            found += [(begin, hole[0])] if begin < hole[0] else []
            begin = hole[1]
        found += [(begin, end)] if begin < end else []
    return found


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _days(days: tuple[int, ...]) -> str:
    if len(days) == len(DAYS):
        return ""
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
    return ",".join(DAYS[day] for day in days)
