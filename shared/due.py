"""When a disk is due for its next snapshot. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.actions import WaitCause
from shared.deltas import Deltas
from shared.model import Snapshot
from shared.policy import CLOCK_SKEW

#: After so many failed snapshots in a row a disk is tried once per interval only.
FAILURES = 3
#: A snapshot pending for longer is taken to be stuck, and no longer keeps the next one waiting.
STUCK = timedelta(hours=24)
#: A disk counts as overdue when it is late by more than so many periods.
LATE_PERIODS = 2


class Due(NamedTuple):
    """Whether a disk is due, with the figures that decided it.

    `newest` is the start of the newest snapshot that has not failed; `wait` says why a due disk
    is not to be snapshotted now; `late` tells that it should have been by an earlier pass.
    """

    interval: timedelta
    newest: datetime | None
    overdue: float | None
    due: bool
    late: bool
    reason: str
    wait: tuple[WaitCause, str] | None = None


def is_due(
    snapshots: Iterable[Snapshot], deltas: Sequence[Deltas], now: datetime, period: timedelta
) -> Due:
    """Decide from all snapshots of a disk with our author label, whatever their cluster."""
    interval = min(d.interval(now) for d in deltas)
    known = [s for s in snapshots if s.started <= now + CLOCK_SKEW]
    newest = max((s.started for s in known if s.state != "failed"), default=None)
    if newest is None:
        return Due(interval, None, None, True, True, "no snapshot yet", _wait(known, None, interval,
                                                                            now))  # fmt: skip
    age = max(now - newest, timedelta(0))
    slack = min(period / 2, interval / 4)
    due = age >= interval - slack
    return Due(
        interval=interval,
        newest=newest,
        overdue=round(age / interval - 1, 4),
        due=due,
        late=age > interval + LATE_PERIODS * period,
        reason=f"the last one began {words(age)} ago; interval {words(interval)}",
        wait=_wait(known, newest, interval, now) if due else None,
    )


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


def words(span: timedelta) -> str:
    """Print a time span in its largest unit and the next: `2 d 3 h`."""
    seconds = max(int(span.total_seconds()), 0)
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    counts = []
    for unit, size in units:
        count, seconds = divmod(seconds, size)
        counts.append((count, unit))
    first = next((n for n, (count, _) in enumerate(counts) if count), len(counts) - 1)
    shown = [f"{count} {unit}" for count, unit in counts[first : first + 2] if count]
    return " ".join(shown) or "0 s"
