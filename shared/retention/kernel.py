"""Retention: which snapshots are kept and why. Pure.

The result equals tarsnapper's `expire.expire`. Where that one sorts all backups at every step,
this one bisects; where that one walks through a gap step by step, this one jumps over it: the
cost is O(n log n) in the snapshots, whatever the deltas.

For each generation (one snapshot every *step*, for a *span*) a pointer starts at newest - span and
goes forward in time. The snapshot nearest to it is kept (of two equally near, the newer), and the
pointer goes on to that snapshot's time + step, or by one step where the nearest is still the last
one kept. The newest is always kept.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from shared.model import Snapshot

#: tarsnapper's steps x snapshots beyond which the kernel stands alone (about a second).
CONFIRM_LIMIT = 1_000_000


class Reason(NamedTuple):
    """Why a snapshot is kept: the generation (0 is the finest, -1 the newest) and its point."""

    generation: int
    point: datetime


class Retention(NamedTuple):
    """What a list of deltas keeps of one history.

    `history` is ordered by time, of equal times the greater id first; `kept` maps indexes of it
    to reasons, that of the coarsest generation where several apply. `steps` is how many steps
    tarsnapper would take.
    """

    history: Sequence[Snapshot]
    kept: dict[int, Reason]
    steps: int

    def kept_ids(self) -> set[str]:
        """Give the ids of what is kept."""
        return {self.history[i].id for i in self.kept}


def retain(snapshots: Sequence[Snapshot], deltas: Sequence[timedelta]) -> Retention:
    """Decide what the resolved `deltas` (ascending, at least two) keep of the snapshots."""
    history = sorted(snapshots, key=attrgetter("id"), reverse=True)
    history.sort(key=attrgetter("started"))
    kept, steps = keep([s.started for s in history], deltas)
    return Retention(history, kept, steps)


def keep(times: list[datetime], deltas: Sequence[timedelta]) -> tuple[dict[int, Reason], int]:
    """Run the algorithm over ascending `times`: the indexes kept, with reasons; and the steps.

    Of equal times only the last index is ever chosen.
    """
    if not times:
        return {}, 0
    newest = times[-1]
    kept = {len(times) - 1: Reason(-1, newest)}
    steps = 0
    for generation in range(len(deltas) - 2, -1, -1):
        steps += _walk(times, newest - deltas[generation + 1], generation, deltas, kept)
    return kept, steps


def walk_alone(times: list[datetime], deltas: Sequence[timedelta], generation: int) -> list[int]:
    """Walk one generation over ascending `times`: the indexes that stand for its points.

    Those that a coarser generation keeps as well are among them.
    """
    if not times:
        return []
    found: dict[int, Reason] = {}
    _walk(times, times[-1] - deltas[generation + 1], generation, deltas, found)
    return sorted(found)


def _walk(
    times: list[datetime],
    point: datetime,
    generation: int,
    deltas: Sequence[timedelta],
    kept: dict[int, Reason],
) -> int:
    """Walk one generation forward from `point`, adding to `kept`; return tarsnapper's steps."""
    step = deltas[generation]
    newest = times[-1]
    last = -1
    steps = 0
    newer = bisect_right(times, point)  # the first index later than the point
    while point < newest:
        steps += 1
        nearest = newer - 1
        time = times[newer]
        if nearest < 0 or time - point <= point - times[nearest]:
            nearest = bisect_right(times, time, newer) - 1
        if nearest != last:
            last = nearest
            if nearest not in kept:
                kept[nearest] = Reason(generation, point)
            point = times[nearest] + step
        else:
            # Still nearest to the last one kept: jump to the first step past the midpoint to the
            # next, or to the end, as tarsnapper's single steps would arrive there.
            beyond = (times[nearest + 1] - point) - (point - times[nearest])
            jump = -(-beyond // (2 * step))
            steps += jump - 1
            point += jump * step
        newer = bisect_right(times, point, newer)
    return steps


def confirm(retention: Retention, deltas: Sequence[timedelta]) -> set[str] | None:
    """Ask tarsnapper what it keeps of the same history: the second key.

    Returns:
        The ids it keeps, or None where asking would take too long (`CONFIRM_LIMIT`).
    """
    if retention.steps * len(retention.history) > CONFIRM_LIMIT:
        return None
    from tarsnapper.expire import expire

    # tarsnapper empties the list it is handed, and of equal times takes the first in the dict.
    backups = {s.id: s.started for s in reversed(retention.history)}
    return set(expire(backups, list(deltas)))
