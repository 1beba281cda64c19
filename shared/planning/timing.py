"""When the rules of a disk let it be snapshotted: intervals and windows together. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.text import utc, words
from shared.windows.window import Window, is_open, opens, union

#: A disk counts as late when it is so many periods over its time.
LATE_PERIODS = 2
#: A snapshot is taken outside its window after so many times the longest regular pause.
OVERRUN = 2


class Rhythm(NamedTuple):
    """How often one rule wants a snapshot, and in which window; none is always open."""

    interval: timedelta
    window: Window | None = None

    def spacing(self, period: timedelta) -> timedelta:
        """Give the interval less the slack, without which each snapshot comes a pass later."""
        return self.interval - min(period / 2, self.interval / 4)

    def is_due(self, newest: datetime | None, now: datetime, period: timedelta) -> bool:
        """Tell whether it is time, whatever the window."""
        return newest is None or now - newest >= self.spacing(period)

    def patience(self, newest: datetime) -> timedelta:
        """Tell after how long a snapshot is taken though the window is closed."""
        gap = self.window.longest_gap(newest) if self.window else timedelta(0)
        return OVERRUN * max(self.interval, gap)

    def overrun(self, newest: datetime) -> datetime:
        """Tell when a snapshot is taken though the window is closed."""
        return newest + self.patience(newest)

    def next(self, newest: datetime) -> datetime:
        """Tell when the next snapshot is due: after an interval, or when the window opens then."""
        return opens(self.window, newest + self.interval) or self.overrun(newest)

    def late_after(self, newest: datetime, period: timedelta) -> datetime:
        """Tell how long the next snapshot may be missing.

        What is due while the window is open has two periods. What had to wait has until the window
        closes, or, where it stays open for long, an interval and two periods.
        """
        grace, due = LATE_PERIODS * period, newest + self.interval
        if self.window is None:
            return due + grace
        first = self.window.opening(due)
        if first and first[0] == due:
            if first[1] - due >= grace:
                return due + grace
            first = self.window.opening(first[1])  # it closed before two passes could come
        if first is None:
            return self.overrun(newest) + grace
        return min(first[1], first[0] + self.interval + grace)


class Turn(NamedTuple):
    """Whether a disk that is due may be snapshotted now.

    `outside` says why it is snapshotted though no window is open. `until` is when it may be where
    it may not now, and `waits` says so.
    """

    outside: str = ""
    waits: str = ""
    until: datetime | None = None


def turn(
    rhythms: Sequence[Rhythm], newest: datetime | None, now: datetime, period: timedelta
) -> Turn:
    """Decide by the rules that make a disk due: one whose window is open is enough."""
    due = [r for r in rhythms if r.is_due(newest, now, period)]
    windows = union(r.window for r in due)
    if windows is None or windows.is_open(now):
        return Turn()
    if newest is None and any(_may_be_missed(r, now, period) for r in due):
        return Turn(f"outside its window ({windows}), which passes may miss, since there is none")
    if newest and any(now >= r.overrun(newest) for r in due):
        pause = min(r.patience(newest) for r in due)
        return Turn(
            f"outside its window ({windows}): {words(pause)} have passed, twice the longer of its "
            "interval and the distance between openings"
        )
    opening = windows.next_opening(now)
    waits = f"waits for its window ({windows})"
    waits += f", which opens {utc(opening)}" if opening else ", which does not open within a year"
    until = min((_from(r, newest, now, period) for r in rhythms), default=now)
    if until != opening:
        waits += f"; it is taken {utc(until)} whether that is open or not"
    return Turn(waits=waits, until=until)


def _may_be_missed(rhythm: Rhythm, now: datetime, period: timedelta) -> bool:
    return rhythm.window is not None and rhythm.window.shortest_opening(now) < 2 * period


def closed(rhythms: Iterable[Rhythm], now: datetime) -> Window | None:
    """Give the window that all rules of a disk have together where it is closed; None if open."""
    windows = union(r.window for r in rhythms)
    return None if is_open(windows, now) else windows


def next_due(rhythms: Iterable[Rhythm], newest: datetime | None, now: datetime) -> datetime:
    """Tell when a disk is to be snapshotted next, by the rule that asks for it first."""
    if newest is None:
        return min((opens(r.window, now) or now for r in rhythms), default=now)
    return min((r.next(newest) for r in rhythms), default=now)


def is_late(
    rhythms: Iterable[Rhythm], newest: datetime | None, now: datetime, period: timedelta
) -> bool:
    """Tell whether an earlier pass should have taken the snapshot that is missing.

    Without any snapshot nothing tells since when: it is missing while a window is open.
    """
    if newest is None:
        return any(is_open(r.window, now) for r in rhythms)
    return any(now > r.late_after(newest, period) for r in rhythms)


def _from(rhythm: Rhythm, newest: datetime | None, now: datetime, period: timedelta) -> datetime:
    """Tell when a rule lets a disk be snapshotted."""
    if newest is None:
        return opens(rhythm.window, now) or now
    first, last = max(now, newest + rhythm.spacing(period)), rhythm.overrun(newest)
    return min(opens(rhythm.window, first) or last, max(last, now))
