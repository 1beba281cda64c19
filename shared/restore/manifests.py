"""From a snapshot back to a claim: the manifests by which the CSI driver makes a new disk. Pure.

Nothing that lives is touched: what is made has names of its own, and lets the cloud's snapshot be
when it is deleted.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.model import Snapshot
from shared.planning.labels import Labels
from shared.restore.claim import new_name, new_spec, old_volume
from shared.restore.commands import Command, commands
from shared.restore.doubts import dated, doubts
from shared.restore.drivers import cloud_of
from shared.restore.names import MAX_SUBDOMAIN, cut
from shared.restore.request import RestoreRequest
from shared.restore.volumes import ClusterVolume
from shared.text import shorten

_SNAPSHOT_GROUP = "snapshot.storage.k8s.io"


class Restore(NamedTuple):
    """The manifests, in the order of their making, and what is to be said of them.

    `notes` says what was found and what was assumed; `commands` what to do next, each as what it
    does and its line.
    """

    snapshot: Snapshot
    notes: tuple[str, ...]
    commands: tuple[Command, ...]
    manifests: tuple[dict[str, Any], ...]


def restore(
    request: RestoreRequest,
    snapshot: Snapshot,
    volumes: Sequence[ClusterVolume],
    labels: Labels,
    now: datetime,
    *,
    size: str | None = None,
    missing: str = "",
    newer: Sequence[Snapshot] = (),
    cluster: str = "",
) -> Restore:
    """Make the manifests that bring a snapshot back beside what lives.

    Args:
        request: what was asked for.
        snapshot: what `find` chose.
        volumes: what `read_cluster_volumes` read.
        labels: what labels mean.
        now: the time of day.
        size: of the snapshotted disk, such as `200Gi`, where the cloud tells it.
        missing: why snapshots may be missing from the listing; empty where none are.
        newer: what has newer data and was passed over.
        cluster: the name of the cluster that restores; empty where it is not known.

    Raises:
        RequestError: where driver, name, namespace or size would not do.
    """
    cloud = cloud_of(snapshot)
    old = old_volume(request, snapshot, volumes)
    namespace, name = new_name(request, snapshot, old, volumes)
    driver = cloud.driver(request.driver, old.driver)
    spec, assumed = new_spec(request, old, size, driver)
    # A namespace has no dot, so that no two claims share the cluster-wide name.
    content = cut(f"{namespace}.{name}", MAX_SUBDOMAIN)
    mode = old.volume_mode if old.disk == snapshot.disk else ""
    notes = (
        f"Restores {request} from {shorten(snapshot.id)}, beside what lives, which is not touched.",
        dated(snapshot, now),
        *doubts(request, snapshot, volumes, labels, missing=missing, newer=newer),
        *assumed,
        f"Needs the driver {driver}, and the CRDs and controller of snapshots.",
        cloud.place_of(snapshot),
    )
    lines = commands(cloud, snapshot, (namespace, name, content), driver=driver, cluster=cluster,
                     keep_key=labels.keep_key)  # fmt: skip
    manifests = (
        _content(
            namespace, name, content, driver=driver, handle=cloud.handle_of(snapshot), mode=mode
        ),
        _volume_snapshot(namespace, name, content),
        _claim(namespace, name, spec),
    )
    return Restore(snapshot, notes, lines, manifests)


def _content(
    namespace: str, name: str, content: str, *, driver: str, handle: str, mode: str
) -> dict[str, Any]:
    """Make what stands for the cloud's snapshot, for the VolumeSnapshot of that namespace and name.

    `content` is its own name, `handle` the driver's name of the snapshot. `mode` is that of the old
    volume; left out it is unknown, which the driver's provisioner takes for any.
    """
    return {
        "apiVersion": f"{_SNAPSHOT_GROUP}/v1",
        "kind": "VolumeSnapshotContent",
        "metadata": {"name": content},
        "spec": {
            "deletionPolicy": "Retain",  # our backup outlives every object that stands for it
            "driver": driver,
            "source": {"snapshotHandle": handle},
            **({"sourceVolumeMode": mode} if mode else {}),
            "volumeSnapshotRef": {
                "apiVersion": f"{_SNAPSHOT_GROUP}/v1",
                "kind": "VolumeSnapshot",
                "namespace": namespace,
                "name": name,
            },
        },
    }


def _volume_snapshot(namespace: str, name: str, content: str) -> dict[str, Any]:
    """Make what the claim names as its source; `content` is the name of what it is bound to."""
    return {
        "apiVersion": f"{_SNAPSHOT_GROUP}/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"source": {"volumeSnapshotContentName": content}},
    }


def _claim(namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Make the claim, whose source is the VolumeSnapshot of the same name."""
    source = {"apiGroup": _SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": name}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec | {"dataSource": source},
    }
