"""From a snapshot back to a claim: the manifests by which the CSI driver makes a new disk. Pure.

Nothing that lives is touched: what is made has names of its own, and lets the cloud's snapshot be
when it is deleted.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.model import Snapshot
from shared.planning.labels import Labels
from shared.restore.claim import new_name, new_spec, old_volume
from shared.restore.drivers import driver_of
from shared.restore.names import MAX_SUBDOMAIN, cut
from shared.restore.request import RestoreRequest, is_asked, is_current, utc
from shared.restore.volumes import ClusterVolume
from shared.text import shorten, words

_SNAPSHOT_GROUP = "snapshot.storage.k8s.io"


class Restore(NamedTuple):
    """The manifests, in the order of their making, and what is to be said of them.

    `notes` says what was found and what was assumed; `commands` what to do next, each as what it
    does and its line.
    """

    snapshot: Snapshot
    notes: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
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

    Raises:
        RequestError: where name, namespace or size would not do.
    """
    cloud = driver_of(snapshot)
    old = old_volume(request, snapshot, volumes)
    namespace, name = new_name(request, snapshot, old, volumes)
    spec, assumed = new_spec(request, old, size, cloud)
    # A namespace has no dot, so that no two claims share the cluster-wide name.
    content = cut(f"{namespace}.{name}", MAX_SUBDOMAIN)
    driver = old.driver or cloud.name
    mode = old.volume_mode if old.disk == snapshot.disk else ""
    notes = (
        f"Restores {request} from {shorten(snapshot.id)}, beside what lives, which is not touched.",
        _dated(snapshot, now),
        *_doubts(request, snapshot, volumes, labels, missing),
        *assumed,
        f"Needs the driver {driver}, and the CRDs and controller of snapshots.",
        cloud.place_of(snapshot),
    )
    keep = cloud.keep_command(snapshot, labels.keep_key)
    first = (("Keep the snapshot from expiring meanwhile:", keep),) if keep else ()
    manifests = (
        _content(
            namespace, name, content, driver=driver, handle=cloud.handle_of(snapshot), mode=mode
        ),
        _volume_snapshot(namespace, name, content),
        _claim(namespace, name, spec),
    )
    return Restore(snapshot, notes, (*first, *_commands(namespace, name, content)), manifests)


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


def _commands(namespace: str, name: str, content: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Apply, by piping this into:", "kubectl apply -f -"),
        ("Look; most classes make the disk once a pod uses the claim:",
         f"kubectl -n {namespace} get volumesnapshot,pvc"),
        ("Clean up; the cloud's snapshot stays (Retain), the new disk goes if its class says so:",
         f"kubectl -n {namespace} delete pvc/{name} volumesnapshot/{name} && "
         f"kubectl delete volumesnapshotcontent/{content}"),
    )  # fmt: skip


def _dated(snapshot: Snapshot, now: datetime) -> str:
    age = (
        f"{words(now - snapshot.started)} ago" if snapshot.started <= now else "dated ahead of now"
    )
    return f"Snapshot of disk {shorten(snapshot.disk.id)}, begun {utc(snapshot.started)}, {age}."


def _doubts(
    request: RestoreRequest,
    snapshot: Snapshot,
    volumes: Sequence[ClusterVolume],
    labels: Labels,
    missing: str,
) -> Iterable[str]:
    """Say what whoever applies this should look at twice."""
    asked = [v for v in volumes if v.disk and is_asked(request, v)]
    current = [v.disk for v in asked if v.disk and is_current(request, v)]
    known = snapshot.disk in [v.disk for v in asked]
    if not known and not request.disk:
        yield "Found by its labels: no object tells that the disk was this one's."
        if not labels.encoding.exact:
            yield "Check: labels are not exact here; other names may be written alike."
    if current and snapshot.disk not in current:
        yield f"Check: this is an earlier disk; now it is {', '.join(d.id for d in current)}."
    elif known and not current:
        yield "Check: the disk is that of an earlier claim of the same name."
    if missing:
        yield f"Check: snapshots may be missing here, newer ones too: {shorten(missing, 300)}"
