"""What whoever applies the manifests should know of the snapshot, and look at twice. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from shared.model import Snapshot
from shared.planning.labels import Labels, taken
from shared.restore.request import RestoreRequest, is_asked, is_current
from shared.restore.volumes import ClusterVolume
from shared.text import shorten, utc, words


def dated(snapshot: Snapshot, now: datetime) -> str:
    """Say of which disk a snapshot is, and of when."""
    age = (
        f"{words(now - snapshot.started)} ago" if snapshot.started <= now else "dated ahead of now"
    )
    if not snapshot.copy:
        return (
            f"Snapshot of disk {shorten(snapshot.disk.id)}, begun {utc(snapshot.started)}, {age}."
        )
    if taken(snapshot):
        return f"Copy of a snapshot that was begun {utc(snapshot.started)}, {age}, by its label."
    return f"Copy of a snapshot, copied {utc(snapshot.started)}, {age}."


def doubts(
    request: RestoreRequest,
    snapshot: Snapshot,
    volumes: Sequence[ClusterVolume],
    labels: Labels,
    *,
    missing: str,
    newer: Sequence[Snapshot],
) -> Iterable[str]:
    """Say what to look at twice.

    Args:
        request: what was asked for.
        snapshot: what was chosen.
        volumes: what the cluster has.
        labels: what labels mean.
        missing: why snapshots may be missing from the listing; empty where none are.
        newer: what has newer data and was passed over.
    """
    yield from _of_copy(snapshot) if snapshot.copy else _of_disk(request, snapshot, volumes, labels)
    if snapshot.tier == "archive":
        yield "Check: it is archived, and cannot be used before it is taken out of the archive."
    for other in newer:
        why = "archived" if other.tier == "archive" else "a copy"
        yield (
            f"Check: {shorten(other.id)} has newer data, of {utc(other.started)}, but is {why}; "
            "--snapshot chooses it."
        )
    if missing:
        yield f"Check: snapshots may be missing here, newer ones too: {shorten(missing, 300)}"


def _of_copy(snapshot: Snapshot) -> Iterable[str]:
    yield "Found by its labels: a copy does not name its disk."
    if not taken(snapshot):
        yield "Check: the date of its data is not known; it is older than the copy."


def _of_disk(
    request: RestoreRequest,
    snapshot: Snapshot,
    volumes: Sequence[ClusterVolume],
    labels: Labels,
) -> Iterable[str]:
    asked = [v for v in volumes if v.disk and is_asked(request, v)]
    current = [v.disk for v in asked if v.disk and is_current(request, v)]
    known = snapshot.disk in [v.disk for v in asked]
    if not known and not request.disk:
        yield "Found by its labels: no object says that the disk was this claim's."
        if not labels.encoding.exact:
            yield "Check: labels are not exact here; other names may be written alike."
    if current and snapshot.disk not in current:
        yield f"Check: this is an earlier disk; now it is {', '.join(d.id for d in current)}."
    elif known and not current:
        yield "Check: the disk is that of an earlier claim of the same name."
