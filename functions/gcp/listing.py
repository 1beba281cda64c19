"""What Compute Engine lists, as the core has it. Pure."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.errors import UnknownDisk
from shared.model import Disk, Snapshot, State
from shared.text import shorten

_STATES: dict[str, State] = {"READY": "completed", "FAILED": "failed"}


#: What stands in the descriptions of those who manage snapshots by themselves.
_MANAGERS = {"velero.io/": "Velero", "csi.storage.gke.io": "a VolumeSnapshot"}


class _Description(msgspec.Struct):
    """What the description of a snapshot of ours says exactly."""

    deltas: str = ""


def place(disk: Disk, scopes: Collection[str], why: str) -> Disk | UnknownDisk:
    """Place a disk where the only one of its name is; `why` says what kept from looking."""
    name = disk.name.removeprefix("disks/")
    if len(scopes) == 1:
        return Disk(disk.provider, disk.scope, f"{next(iter(scopes))}/{disk.name}")
    if scopes:
        said = f"the project has several disks of this name: {', '.join(sorted(scopes))}"
        return UnknownDisk("zone", name, said)
    return UnknownDisk("zone", name, why or f"project {disk.scope} has no disk of this name")


def disk_of(project: str, url: str) -> Disk:
    """Read a disk's URL, …/projects/P/zones/Z/disks/N, as a snapshot in a project bears it.

    A snapshot is deleted in its own project. One that somebody made of another project's disk
    must not count as that project's, where its name is perhaps another's.
    """
    path = "projects/" + url.rpartition("projects/")[2]
    return Disk("google", project, path.removeprefix(f"projects/{project}/"))


def warned(warning: Any) -> Iterator[str]:
    """Tell what a warning says is missing from a list; that a page is empty is none."""
    if warning.code not in ("", "NO_RESULTS_ON_PAGE"):
        yield shorten(warning.message) or f"a page has the warning {warning.code}"


def time_of(text: str) -> datetime:
    """Read a time as Google prints it."""
    return datetime.fromisoformat(text).astimezone(UTC)


def snapshot_of(project: str, item: Any) -> tuple[Snapshot, int]:
    """Read a listed snapshot, with the numeric id of its disk."""
    snapshot = Snapshot(
        id=item.name,
        disk=disk_of(project, item.source_disk),
        started=time_of(item.creation_timestamp),
        state=_STATES.get(item.status, "pending"),
        labels=dict(item.labels),
        deltas=deltas_of(item.description),
        size=item.disk_size_gb,
    )
    return snapshot, item.source_disk_id


def manager_of(item: Any) -> str:
    """Tell who else made a snapshot and deletes it.

    Google names resource policies; the CSI driver and Velero name themselves in the description.
    """
    policy = item.source_snapshot_schedule_policy.rpartition("/")[2]
    if policy or item.auto_created:
        return f"the snapshot schedule {policy or '(unnamed)'}"
    for word, name in _MANAGERS.items():
        if word in item.description:
            return name
    return ""


def by_generation(found: Iterable[tuple[Snapshot, Any]]) -> Iterable[Snapshot]:
    """Tell a disk from an earlier one of the same name, which its numeric id does.

    The newest snapshot's is the disk that rules mean; older ones of other ids are snapshots of
    another disk, which no rule covers any more.
    """
    ordered = sorted(found, key=lambda pair: (pair[0].started, pair[0].id), reverse=True)
    current: dict[Disk, Any] = {}
    for snapshot, number in ordered:
        if current.setdefault(snapshot.disk, number) == number:
            yield snapshot
        else:
            earlier = msgspec.structs.replace(snapshot.disk, name=f"{snapshot.disk.name}#{number}")
            yield msgspec.structs.replace(snapshot, disk=earlier)


def deltas_of(description: str) -> str:
    """Read the deltas of a description of ours; the daemon's says nothing of the kind."""
    try:
        return msgspec.json.decode(description, type=_Description).deltas
    except (ValueError, RecursionError):
        return ""
