"""Restore points: the snapshots of what is asked for, why each is kept and until when. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import NamedTuple

from shared.model import Disk, Snapshot
from shared.planning.labels import Labels, read_uncut
from shared.planning.names import Names, names_of
from shared.planning.policy import CLOCK_SKEW
from shared.restore.volumes import ClusterVolume
from shared.retention.kernel import retain


class Point(NamedTuple):
    """A snapshot: what it is of, why it is kept, and until about when, if that is known.

    Why and until are told by the deltas that the disk's newest snapshot says, so that neither rules
    nor cluster are needed.
    """

    snapshot: Snapshot
    names: Names
    why: str
    until: datetime | None


def points(
    snapshots: Iterable[Snapshot], volumes: Sequence[ClusterVolume], labels: Labels, now: datetime
) -> list[Point]:
    """Tell of each snapshot, by claim and disk, the newest first."""
    by_disk: dict[Disk, list[Snapshot]] = {}
    for snapshot in snapshots:
        by_disk.setdefault(snapshot.disk, []).append(snapshot)
    known = {v.disk: v for v in volumes if v.disk and (v.claim or v.volume)}
    found = []
    for disk, history in by_disk.items():
        reasons = _reasons(history, labels, now)
        volume = known.get(disk)
        for snapshot in history:
            why, until = reasons.get(snapshot.id, (_beside(snapshot, labels), None))
            names = _names(volume) if volume else names_of((), snapshot)
            found.append(Point(snapshot, names, why, _later(until, snapshot, labels)))
    found.sort(key=lambda p: (p.snapshot.started, p.snapshot.id), reverse=True)
    return sorted(found, key=lambda p: (p.names.claim or "~", p.snapshot.disk))


def _names(volume: ClusterVolume) -> Names:
    claim = f"{volume.namespace}/{volume.claim}" if volume.claim else ""
    return Names(claim, volume.volume)


def _reasons(
    history: Sequence[Snapshot], labels: Labels, now: datetime
) -> Mapping[str, tuple[str, datetime | None]]:
    """Tell by the deltas that the newest says what keeps each completed one."""
    counted = [
        s
        for s in history
        if s.state == "completed" and not s.copy and s.started <= now + CLOCK_SKEW
    ]
    if not counted:
        return {}
    newest = max(counted, key=lambda s: (s.started, s.id))
    found: dict[str, tuple[str, datetime | None]] = {newest.id: ("the newest", None)}
    for deltas in read_uncut(newest.deltas):
        lengths, names = deltas.resolve(newest.started), deltas.generations()
        retention = retain(counted, lengths)
        for index, reason in retention.kept.items():
            snapshot = retention.history[index]
            if reason.generation >= 0:
                until = snapshot.started + lengths[reason.generation + 1]
                found.setdefault(snapshot.id, (names[reason.generation], until))
    return found


def _beside(snapshot: Snapshot, labels: Labels) -> str:
    if snapshot.state != "completed":
        return "no backup yet" if snapshot.state == "pending" else "no backup"
    if snapshot.copy:
        return "a copy"
    return "the keep label" if labels.keep_key in snapshot.labels else "its deltas would let it go"


def _later(until: datetime | None, snapshot: Snapshot, labels: Labels) -> datetime | None:
    """Take the date of the keep label where it is later."""
    kept = labels.kept_until(snapshot)
    try:
        date = datetime.combine(datetime.fromisoformat(kept), time.max, UTC) if kept else None
    except ValueError:
        date = None
    return max(filter(None, [until, date]), default=None)
