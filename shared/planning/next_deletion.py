"""Which snapshot of a disk goes next, if one is taken every interval from now on. Pure."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.model import Snapshot
from shared.planning.explanation import Going
from shared.planning.labels import Labels
from shared.retention.deltas import Deltas
from shared.retention.kernel import retain

#: How many snapshots ahead the next deletion is looked for, and how many steps that may take.
AHEAD, STEPS = 500, 100_000


def next_deletion(
    history: Sequence[Snapshot],
    lists: Sequence[Deltas],
    due: datetime,
    now: datetime,
    labels: Labels,
    ahead: int = AHEAD,
) -> Going | None:
    """Find what goes next; None where nothing of what is there goes so soon.

    Args:
        history: the completed snapshots that stay in this pass, the oldest first.
        lists: what keeps them.
        due: when the next one is due.
        now: when that is asked.
        labels: tell which are kept by their label.
        ahead: how many snapshots ahead to look.
    """
    if not history or not lists:
        return None
    coming, real = [*history], {s.id for s in history}
    interval = min(deltas.interval(now) for deltas in lists)
    time = max(due, now)
    for _ in range(min(ahead, STEPS // len(coming))):
        coming.append(_virtual(coming[-1], time))
        kept = set().union(*(_kept(coming, deltas, time) for deltas in lists))
        for snapshot in coming:
            if snapshot.id not in kept and not labels.kept(snapshot, time):
                if snapshot.id not in real:
                    return None
                return Going(snapshot=snapshot.id, started=snapshot.started, at=time)
        time += interval
    return None


def _virtual(like: Snapshot, time: datetime) -> Snapshot:
    return msgspec.structs.replace(like, id=f"(the one of {time:%Y-%m-%d %H:%M} UTC)", started=time,
                                   labels={}, state="completed")  # fmt: skip


def _kept(history: Sequence[Snapshot], deltas: Deltas, anchor: datetime) -> set[str]:
    return retain(history, deltas.resolve(anchor)).kept_ids()
