"""Windows, told independently of the core: by a look at the clock on the wall, minute by minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

STEP = timedelta(minutes=5)
WEEK = timedelta(days=9)
KEY = "backup.kubernetes.io/window"
#: Kinds that have a window as fields; others have an annotation.
WITH_FIELDS = ("SnapshotRule", "SnapshotPolicy")
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Cannot be read, as text and as fields.
MANGLED = "1 to 5"


class Hours(NamedTuple):
    """A window of one entry, and the greatest distance from one opening to the next."""

    begin: str
    end: str
    days: tuple[int, ...]
    zone: str
    excluded: bool
    gap: timedelta

    @property
    def text(self) -> str:
        days = ",".join(NAMES[day] for day in self.days)
        return f"{'not ' * self.excluded}{self.begin}-{self.end} {days} {self.zone}"

    @property
    def fields(self) -> list[dict[str, Any]]:
        days = [NAMES[day] for day in self.days]
        return [{"start": self.begin, "end": self.end, "days": days, "timeZone": self.zone,
                 "exclude": self.excluded}]  # fmt: skip

    def is_open(self, at: datetime) -> bool:
        """Look at the clock: none of these hours are those in which clocks are set."""
        wall = at.astimezone(ZoneInfo(self.zone))
        time, day = f"{wall:%H:%M}", wall.weekday()
        if self.begin < self.end:
            inside = self.begin <= time < self.end and day in self.days
        else:
            before = (day - 1) % 7
            inside = (time >= self.begin and day in self.days) or (
                time < self.end and before in self.days
            )
        return inside != self.excluded


DAILY = tuple(range(7))
#: What rules of the simulation have.
SOME = (
    Hours("20:00", "06:00", DAILY, "Europe/Berlin", False, timedelta(hours=25)),
    Hours("08:00", "20:00", (0, 1, 2, 3, 4), "America/New_York", True, timedelta(hours=73)),
    Hours("04:00", "10:00", (5, 6), "UTC", False, timedelta(days=6)),
    Hours("10:00", "12:00", DAILY, "Asia/Kathmandu", False, timedelta(days=1)),
)
_BY_TEXT = {hours.text: hours for hours in SOME}

#: A rule of a disk: its deltas and its window, None where it is always open.
Timed = tuple[str, Hours | None]


def of(item: dict[str, Any]) -> tuple[Hours | None, bool]:
    """Read the window of an object; tell whether it is one that cannot be read."""
    if item["kind"] in WITH_FIELDS:
        fields = item["spec"].get("window")
        found = next((hours for hours in SOME if hours.fields == fields), None)
        return found, fields is not None and found is None
    text = (item["metadata"].get("annotations") or {}).get(KEY)
    return _BY_TEXT.get(text or ""), text is not None and text not in _BY_TEXT


def write(item: dict[str, Any], hours: Hours | None, mangled: bool = False) -> None:
    """Give an object a window, or take it away."""
    value: Any = hours and (hours.fields if item["kind"] in WITH_FIELDS else hours.text)
    if item["kind"] in WITH_FIELDS:
        item["spec"]["window"] = MANGLED if mangled else value
        return
    annotations = item["metadata"].setdefault("annotations", {})
    annotations.pop(KEY, None)
    if value or mangled:
        annotations[KEY] = MANGLED if mangled else value


def open_throughout(hours: Hours | None, since: datetime, until: datetime) -> bool:
    """Tell whether a window is open all the time."""
    return hours is None or all(hours.is_open(at) for at in _steps(since, until))


def open_sometime(hours: Hours | None, since: datetime, until: datetime) -> bool:
    """Tell whether a window is open at some time."""
    return hours is None or any(hours.is_open(at) for at in _steps(since, until))


def opens(hours: Hours | None, at: datetime) -> datetime:
    """Tell when a window is open next, to five minutes."""
    if hours is None:
        return at
    return next((when for when in _steps(at, at + WEEK) if hours.is_open(when)), at)


def late_after(hours: Hours | None, due: datetime, every: timedelta, period: timedelta) -> datetime:
    """Tell until when what is due may be missing: till its window has passed."""
    if hours is None:
        return due + 2 * period
    if hours.is_open(due):
        closed = _closes(hours, due)
        if closed - due >= 2 * period + STEP:
            return due + 2 * period + STEP
        due = closed
    begin = opens(hours, due)
    return min(_closes(hours, begin), begin + every + 2 * period) + STEP


def _closes(hours: Hours, at: datetime) -> datetime:
    return next((when for when in _steps(at, at + WEEK) if not hours.is_open(when)), at + WEEK)


def _steps(since: datetime, until: datetime) -> Iterator[datetime]:
    while since < until:
        yield since
        since += STEP
    yield until


def longest(timed: Iterable[Timed]) -> timedelta:
    """Give the greatest distance between openings of several rules."""
    return max((hours.gap for _, hours in timed if hours), default=timedelta(0))
