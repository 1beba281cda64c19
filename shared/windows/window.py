"""A window: when snapshots may be taken, and when it opens next. Pure.

No question costs more than a look through a year, day by day, of its few entries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from shared.windows.entry import Entry, Span, merged, without

#: How far is looked at once.
_STEP = timedelta(weeks=1)
#: How often, until a window is taken never to open again: for more than a year.
_STEPS = 50
_YEAR = timedelta(weeks=53)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """When snapshots may be taken; equal windows have the same text.

    `parts` are lists of entries. A part is open while one of its entries is and none of those that
    are excluded is; if all are excluded, while none is. The window is open while a part is: one
    that was parsed has one part, a union of several has more. `str()` gives the text, which `parse`
    accepts if there is one part.
    """

    parts: tuple[tuple[Entry, ...], ...]

    def is_open(self, at: datetime) -> bool:
        """Tell whether it is open."""
        return bool(self.spans(at, at + timedelta(seconds=1)))

    def next_opening(self, at: datetime) -> datetime | None:
        """Tell when it is open next: `at` itself where it is open; None if not within a year."""
        return next((begin for begin, _ in self._from(at)), None)

    def opening(self, at: datetime) -> Span | None:
        """Give the time of being open that has `at` in it, or that comes next.

        It begins at `at` at the earliest, and ends after a week at the latest.
        """
        begin = self.next_opening(at)
        return self.spans(begin, begin + _STEP)[0] if begin else None

    def longest_gap(self, at: datetime) -> timedelta:
        """Give the greatest distance from one opening to the next, in the year of `at`.

        Zero where it never closes.
        """
        return _distances(self, at.astimezone(UTC).year)[0]

    def shortest_opening(self, at: datetime) -> timedelta:
        """Give the shortest time of being open in the year of `at`."""
        return _distances(self, at.astimezone(UTC).year)[1]

    def spans(self, since: datetime, until: datetime) -> list[Span]:
        """List when it is open, cut to a stretch of time, in order."""
        weeks = range((since - _EPOCH) // _STEP, -((_EPOCH - until) // _STEP))
        found = merged([span for number in weeks for span in _week(self, number)])
        return [(max(begin, since), min(end, until)) for begin, end in found
                if begin < until and end > since]  # fmt: skip

    def _from(self, at: datetime) -> Iterator[Span]:
        for step in range(_STEPS):
            yield from self.spans(at + step * _STEP, at + (step + 1) * _STEP)

    def __str__(self) -> str:
        return " or ".join("; ".join(map(str, part)) for part in self.parts)


def union(windows: Iterable[Window | None]) -> Window | None:
    """Give the window that is open while one of several is; None is always open, and so is none."""
    parts: set[tuple[Entry, ...]] = set()
    for window in windows:
        if window is None:
            return None
        parts.update(window.parts)
    return Window(tuple(sorted(parts))) if parts else None


def is_open(window: Window | None, at: datetime) -> bool:
    """Tell whether a window is open; no window always is."""
    return window is None or window.is_open(at)


def opens(window: Window | None, at: datetime) -> datetime | None:
    """Tell when a window is open next, `at` itself included; no window always is."""
    return at if window is None else window.next_opening(at)


@lru_cache(maxsize=512)
def _week(window: Window, number: int) -> list[Span]:
    """Give a week's hours: a pass asks for the same ones again and again."""
    since = _EPOCH + number * _STEP
    return _hours(window, since, since + _STEP)


def _hours(window: Window, since: datetime, until: datetime) -> list[Span]:
    found = merged([span for part in window.parts for span in _open(part, since, until)])
    return [(max(begin, since), min(end, until)) for begin, end in found]


def _open(part: tuple[Entry, ...], since: datetime, until: datetime) -> list[Span]:
    hours: list[Span] = []
    holes: list[Span] = []
    for entry in part:
        (holes if entry.excluded else hours).extend(entry.spans(since, until))
    if all(entry.excluded for entry in part):
        hours = [(since, until)]
    return [
        span
        for span in without(merged(hours), merged(holes))
        if span[0] < until and span[1] > since
    ]


@lru_cache(maxsize=1024)
def _distances(window: Window, year: int) -> tuple[timedelta, timedelta]:
    """Measure the greatest distance between openings, and the shortest, in a year."""
    since = datetime(year, 1, 1, tzinfo=UTC)
    found = _hours(window, since, since + _YEAR)  # at once: a week's days before are a half more
    # What the year's ends cut short says nothing.
    whole = [s for s in found if s[0] > since and s[1] < since + _YEAR]
    begins = [begin for begin, _ in found if begin > since]
    gap = max((after - before for before, after in pairwise(begins)), default=timedelta(0))
    return gap, min((end - begin for begin, end in whole), default=_YEAR)
