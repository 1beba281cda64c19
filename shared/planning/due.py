"""When a disk is due for its next snapshot. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.model import Snapshot
from shared.planning.actions import Attempt, WaitCause
from shared.planning.attempts import LAG, shown
from shared.planning.policy import CLOCK_SKEW
from shared.planning.timing import Rhythm, closed, is_late, next_due, turn
from shared.text import words

#: After so many failures in a row a disk is tried less often.
FAILURES = 3
#: Then it is tried once in so long, or once per interval where that is shorter.
PAUSE = timedelta(hours=1)
#: A snapshot pending for longer is taken to be stuck, and no longer keeps the next one waiting.
STUCK = timedelta(hours=24)
#: A snapshot that was forced counts as taken for so long, so that calling again carries on.
FORCED = timedelta(hours=1)


class Due(NamedTuple):
    """Whether a disk is due, with the figures that decided it.

    `spacing` is the interval less the slack; `newest` is the start of the newest snapshot that has
    not failed; `next` is when the next one is due, and `again` when it is if one is taken now.
    `wait` says why a due disk is not to be snapshotted now, and `until` when its window lets it be;
    `late` tells that it should have been by an earlier pass. `failures` counts attempts in a row
    that failed or vanished, and `failing` is what was said of the last.
    """

    interval: timedelta
    spacing: timedelta
    newest: datetime | None
    overdue: float | None
    due: bool
    late: bool
    reason: str
    next: datetime
    again: datetime
    wait: tuple[WaitCause, str] | None = None
    until: datetime | None = None
    failures: int = 0
    failing: str = ""


def is_due(
    snapshots: Iterable[Snapshot],
    rhythms: Sequence[Rhythm],
    now: datetime,
    period: timedelta,
    attempt: Attempt | None = None,
    by_hand: bool = False,
) -> Due:
    """Decide from the snapshots of a disk with our author label, other clusters' left out.

    Args:
        snapshots: the disk's.
        rhythms: of its rules, one at least.
        now: aware, UTC.
        period: the scheduler's.
        attempt: what is remembered of the disk's last one, for where the listing lies.
        by_hand: whether somebody asks for it now, whatever the windows.
    """
    interval = min(rhythm.interval for rhythm in rhythms)
    spacing = min(rhythm.spacing(period) for rhythm in rhythms)
    known = [s for s in snapshots if s.started <= now + CLOCK_SKEW]
    newest = max((s.started for s in known if s.state != "failed"), default=None)
    age = None if newest is None else max(now - newest, timedelta(0))
    failing = _failing(known, attempt)
    found = Due(
        interval=interval,
        spacing=spacing,
        newest=newest,
        overdue=None if age is None else round(age / interval - 1, 4),
        due=age is None or age >= spacing,
        late=_is_late(known, failing, now, rhythms, period) and not (attempt and attempt.gone),
        reason="no snapshot yet" if age is None else
        f"the last one began {words(age)} ago; interval {words(interval)}",
        next=next_due(rhythms, newest, now),
        again=next_due(rhythms, now, now),
        failures=failing.times,
        failing=failing.reason,
    )  # fmt: skip
    if by_hand:
        found = _by_hand(found, rhythms, now)
    elif found.due:
        found = _in_window(found, rhythms, now, period)
    if not found.due or found.wait:
        return found
    return found._replace(wait=_wait(known, found, failing, attempt, now))


def _by_hand(due: Due, rhythms: Sequence[Rhythm], now: datetime) -> Due:
    """Say that a snapshot is taken outside the window since somebody asks for it."""
    window = closed(rhythms, now)
    said = f"; outside its window ({window}), which a backfill does not wait for"
    return due._replace(reason=due.reason + said) if window else due


def _in_window(due: Due, rhythms: Sequence[Rhythm], now: datetime, period: timedelta) -> Due:
    """Let a disk that is due wait for its window, if it has not waited for too long."""
    found = turn(rhythms, due.newest, now, period)
    if found.waits:
        return due._replace(wait=("window", found.waits), until=found.until)
    return due._replace(reason=f"{due.reason}; {found.outside}") if found.outside else due


def _is_late(
    known: Sequence[Snapshot],
    failing: "_Failing",
    now: datetime,
    rhythms: Sequence[Rhythm],
    period: timedelta,
) -> bool:
    """Tell whether the newest that counts as taken is too old.

    A pending one counts while none has failed since the last completed one: where each ends in
    failure there is always one that is pending.
    """
    states = {"completed"} if failing.times else {"completed", "pending"}
    newest = max((s.started for s in known if s.state in states), default=None)
    if newest is None and failing.times:
        return True
    return is_late(rhythms, newest, now, period)


def forced(
    due: Due,
    snapshots: Iterable[Snapshot],
    before: Snapshot | None,
    now: datetime,
    attempt: Attempt | None,
) -> Due:
    """Make a disk due now; `before` was forced by an earlier call, and counts."""
    wait: tuple[WaitCause, str] | None = None
    if before:
        age = words(now - before.started)
        wait = "forced", f"{before.id} was taken {age} ago, and is kept as long; it counts"
    elif attempt:
        wait = _recorded(list(snapshots), attempt, FORCED, now)
    return due._replace(due=True, reason=f"forced; {due.reason}", wait=wait, until=None)


class _Failing(NamedTuple):
    """Attempts in a row that failed: how many, when the last was begun, what was said of it."""

    times: int
    last: datetime | None
    reason: str


def _failing(snapshots: Iterable[Snapshot], attempt: Attempt | None) -> _Failing:
    """Count failures since the newest completed snapshot, by the listing and by what is known.

    The cloud may have removed what failed, and without a bucket nothing is remembered.
    """
    found = list(snapshots)
    good = max((s.started for s in found if s.state == "completed"), default=None)
    bad = [s for s in found if s.state == "failed" and (good is None or s.started > good)]
    newest = max(bad, key=lambda s: s.started, default=None)
    listed = _Failing(
        len(bad),
        newest.started if newest else None,
        (newest.message or f"{newest.id} ended as failed") if newest else "",
    )
    if attempt is None or attempt.failures < listed.times:
        return listed
    reason = f"{attempt.code}: {attempt.reason}" if attempt.code else attempt.reason
    return _Failing(attempt.failures, attempt.at, reason or listed.reason)


def _wait(
    snapshots: list[Snapshot], due: Due, failing: _Failing, attempt: Attempt | None, now: datetime
) -> tuple[WaitCause, str] | None:
    pending = [s for s in snapshots if s.state == "pending" and now - s.started < STUCK]
    if pending:
        return "pending", f"{pending[0].id} is still pending; one at a time"
    pause = min(due.interval, PAUSE)
    if failing.times >= FAILURES and failing.last and now - failing.last < pause:
        return "failing", (
            f"the last {failing.times} attempts failed; tried once in {words(pause)}: "
            f"{failing.reason}"
        )
    return _recorded(snapshots, attempt, due.spacing, now) if attempt else None


def _recorded(
    snapshots: list[Snapshot], attempt: Attempt, spacing: timedelta, now: datetime
) -> tuple[WaitCause, str] | None:
    """Wait for a snapshot that was begun and that the listing does not show yet."""
    age = max(now - attempt.at, timedelta(0))
    if attempt.ended or age >= min(spacing, LAG) or shown(attempt, snapshots):
        return None
    what = attempt.snapshot or "a snapshot whose outcome is not known"
    return "recorded", f"{what} was begun {words(age)} ago; the listing does not show it"
