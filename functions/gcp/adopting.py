"""Snapshots that others made: which there are, who manages them, and how one becomes ours.

Sources: `gce-compute.go` and `controller.go` of Google's CSI driver for persistent disks; the
sidecar csi-snapshotter, flag `--snapshot-name-prefix`, whose default is `snapshot`.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from google.api_core.exceptions import PreconditionFailed

from functions.gcp.calls import ComputeClients, raise_failed, sorted_errors
from functions.gcp.listing import GOING, PAGE, by_generation, get, pages, snapshot_of
from functions.gcp.resource_manager import ResourceManager
from functions.gcp.tags import Tag
from shared.errors import NextPass
from shared.model import Disk, Snapshot
from shared.planning.adopt import Stranger, scopes
from shared.planning.labels import Labels
from shared.text import shorten

_CSI = "a VolumeSnapshot"
#: What stands in the descriptions of those who manage snapshots by themselves. The CSI driver's
#: own text is there where its sidecar runs without `--extra-create-metadata`.
_MANAGERS = {
    "velero.io/": "Velero",
    "kubernetes.io/created-for/volumesnapshot": _CSI,
    "csi.storage.gke.io": _CSI,
    "napshot created by GCE-PD CSI Driver": _CSI,
}
#: The names that the sidecar gives, `snapshot-` and a UID.
_SIDECAR = re.compile(r"snapshot-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def strangers(
    clients: ComputeClients, labels: Labels, disks: Collection[Disk], tag: Tag | None = None
) -> Iterable[Stranger]:
    """List the snapshots of some disks that lack our author label; with a tag, ours too."""
    for project in scopes(disks):
        missing: list[str] = []
        query = {"project": project, "max_results": PAGE}
        found: list[tuple[Snapshot, Any]] = []
        texts: dict[str, tuple[str, str]] = {}
        with sorted_errors():
            for raw in pages(clients, query, missing):
                for item in raw.items:
                    if item.status != GOING:
                        found.append(snapshot_of(project, item))
                        texts[item.name] = item.description, manager_of(item)
        if missing:
            raise NextPass(f"the list of {project} is incomplete: {'; '.join(missing[:3])}")
        for snapshot in by_generation(found):
            if snapshot.disk in disks and (tag or not labels.ours(snapshot)):
                yield Stranger(snapshot, *texts[snapshot.id])


def adopt(
    clients: ComputeClients,
    snapshot: Snapshot,
    labels: Mapping[str, str],
    manager: ResourceManager,
    tag: Tag | None,
) -> None:
    """Add labels to a snapshot, once more where they changed meanwhile, and bind the tag.

    Raises:
        ProviderError: where the labels or the tag are missing afterwards.
    """
    with sorted_errors():
        try:
            number = _add_labels(clients, snapshot, labels)
        except PreconditionFailed:
            number = _add_labels(clients, snapshot, labels)
    if tag:
        manager.bind(tag.value, snapshot.disk.scope, number)


def manager_of(item: Any) -> str:
    """Tell who else made a snapshot and deletes it, and by which text.

    Google names resource policies; the CSI driver and Velero name themselves in the description,
    and the driver's sidecar by the snapshot's name.
    """
    policy = item.source_snapshot_schedule_policy.rpartition("/")[2]
    if policy or item.auto_created:
        return f"the snapshot schedule {policy or '(unnamed)'}"
    for word, name in _MANAGERS.items():
        if word in item.description:
            return f"{name} (description: {shorten(item.description, 60)})"
    if _SIDECAR.fullmatch(item.name):
        return f"{_CSI} (name: {item.name})"
    return ""


def _add_labels(clients: ComputeClients, snapshot: Snapshot, labels: Mapping[str, str]) -> int:
    """Add the labels that a snapshot lacks; give its numeric id."""
    project = snapshot.disk.scope
    found = get(clients, project, snapshot.id)
    if labels.items() <= dict(found.labels).items():
        return int(found.id)
    body = {"labels": {**found.labels, **labels}, "label_fingerprint": found.label_fingerprint}
    operation = clients.snapshots.set_labels_unary(
        request={
            "project": project,
            "resource": snapshot.id,
            "global_set_labels_request_resource": body,
        },
        **clients.how,
    )
    raise_failed(operation)
    return int(found.id)
