"""When a disk is due for its next snapshot. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.model import Snapshot
from shared.planning.actions import Began, WaitCause
from shared.planning.policy import CLOCK_SKEW
from shared.retention.deltas import Deltas
from shared.text import words

#: After so many failed snapshots in a row a disk is tried once per interval only.
FAILURES = 3
#: A snapshot pending for longer is taken to be stuck, and no longer keeps the next one waiting.
STUCK = timedelta(hours=24)
#: How long a listing may hide a snapshot whose creation was never answered.
LAG = timedelta(hours=1)
#: A snapshot that was forced counts as taken for so long, so that calling again carries on.
FORCED = timedelta(hours=1)
#: A disk counts as overdue when it is late by more than so many periods.
LATE_PERIODS = 2


class Due(NamedTuple):
    """Whether a disk is due, with the figures that decided it.

    `spacing` is the interval less the slack; `newest` is the start of the newest snapshot that has
    not failed; `wait` says why a due disk is not to be snapshotted now; `late` tells that it
    should have been by an earlier pass.
    """

    interval: timedelta
    spacing: timedelta
    newest: datetime | None
    overdue: float | None
    due: bool
    late: bool
    reason: str
    wait: tuple[WaitCause, str] | None = None


def is_due(
    snapshots: Iterable[Snapshot],
    deltas: Sequence[Deltas],
    now: datetime,
    period: timedelta,
    began: Began | None = None,
) -> Due:
    """Decide from all snapshots of a disk with our author label, whatever their cluster.

    `began` is what is remembered of the disk's last creation, for where the listing lies.
    """
    interval = min(d.interval(now) for d in deltas)
    spacing = interval - min(period / 2, interval / 4)
    known = [s for s in snapshots if s.started <= now + CLOCK_SKEW]
    newest = max((s.started for s in known if s.state != "failed"), default=None)
    age = None if newest is None else max(now - newest, timedelta(0))
    due = age is None or age >= spacing
    wait = _wait(known, newest, interval, now) if due else None
    if due and not wait and began:
        wait = _recorded(known, began, spacing, now)
    return Due(
        interval=interval,
        spacing=spacing,
        newest=newest,
        overdue=None if age is None else round(age / interval - 1, 4),
        due=due,
        late=age is None or age > interval + LATE_PERIODS * period,
        reason="no snapshot yet" if age is None else
        f"the last one began {words(age)} ago; interval {words(interval)}",
        wait=wait,
    )  # fmt: skip


def forced(
    due: Due,
    snapshots: Iterable[Snapshot],
    before: Snapshot | None,
    now: datetime,
    began: Began | None,
) -> Due:
    """Make a disk due now; `before` was forced by an earlier call, and counts."""
    wait: tuple[WaitCause, str] | None = None
    if before:
        age = words(now - before.started)
        wait = "forced", f"{before.id} was taken {age} ago, and is kept as long; it counts"
    elif began:
        wait = _recorded(list(snapshots), began, FORCED, now)
    return due._replace(due=True, reason=f"forced; {due.reason}", wait=wait)


def _wait(
    snapshots: list[Snapshot], newest: datetime | None, interval: timedelta, now: datetime
) -> tuple[WaitCause, str] | None:
    pending = [s for s in snapshots if s.state == "pending" and now - s.started < STUCK]
    if pending:
        return "pending", f"{pending[0].id} is still pending; one at a time"
    failed = [
        s.started for s in snapshots if s.state == "failed" and (not newest or s.started > newest)
    ]
    if len(failed) >= FAILURES and now - max(failed) < interval:
        return "failing", f"the last {len(failed)} snapshots failed; tried once per interval"
    return None


def _recorded(
    snapshots: list[Snapshot], began: Began, spacing: timedelta, now: datetime
) -> tuple[WaitCause, str] | None:
    """Wait for a snapshot that was begun and that the listing does not show.

    One that was answered is believed for the whole interval. Of one that never was, nobody knows
    whether it exists: it is waited for as long as a listing may lag, and tried again once.
    """
    if began.snapshot:
        shown = any(s.id == began.snapshot for s in snapshots)
    else:
        since = began.at - min(CLOCK_SKEW, spacing / 2)
        # One that failed may be another's, of a pass that could not write down what it began.
        shown = any(s.started >= since and s.state != "failed" for s in snapshots)
    unknown = not began.snapshot and began.tries == 1
    age = max(now - began.at, timedelta(0))
    if shown or age >= (min(spacing, LAG) if unknown else spacing):
        return None
    what = began.snapshot or "a snapshot whose outcome is not known"
    return "recorded", f"{what} was begun {words(age)} ago; the listing does not show it"
