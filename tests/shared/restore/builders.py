"""A claim with its volume and its snapshots, in few words, and what is made of them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from functions.aws.volumes import EBSVolumes
from shared.model import Disk, Snapshot, State
from shared.planning.labels import AWS, CLAIM, GOOGLE, NAMESPACE, Labels
from shared.restore.manifests import Restore, restore
from shared.restore.request import RestoreRequest
from shared.restore.volumes import ClusterVolume, read_cluster_volumes
from tests.shared import objects_builders as objects
from tests.shared.builders import HOUR, NOW, OURS, snapshot

LABELS = Labels(AWS, cluster="demo")
ON_GOOGLE = Labels(GOOGLE, cluster="demo")
GOOGLE_DISK = Disk("google", "acme-data", "zones/europe-west1-b/disks/pvc-1")
SHOP_DATA = {NAMESPACE: "shop", CLAIM: "data"}
ID = "snap-0b7c2d9e4f61a8350"
DATA = RestoreRequest(namespace="shop", claim="data")
SPEC = {
    "accessModes": ["ReadWriteOncePod"],
    "capacity": {"storage": "200Gi"},
    "storageClassName": "gp3",
    "volumeMode": "Block",
    "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": objects.VOL},
}


def origins(*items: objects.Json) -> list[ClusterVolume]:
    return read_cluster_volumes(objects.decode(*items), EBSVolumes())


#: The claim shop/data, bound to a volume of 200Gi.
BOUND = origins(objects.volume(spec=SPEC), objects.claim())


def of_data(
    id: str = ID,  # noqa: A002
    age: timedelta = HOUR,
    *,
    on: Disk = objects.DISK,
    state: State = "completed",
    labels: Mapping[str, str] = SHOP_DATA,
) -> Snapshot:
    """Make a snapshot that says it is of the claim shop/data."""
    return snapshot(id, NOW - age, disk=on, state=state, labels={**OURS, **labels})


def made(
    request: RestoreRequest = DATA,
    found: Snapshot | None = None,
    known: list[ClusterVolume] = BOUND,
    labels: Labels = LABELS,
    **more: Any,
) -> Restore:
    return restore(request, found or of_data(), known, labels, NOW, **{"size": "200Gi"} | more)


def claim_of(found: Restore) -> dict[str, Any]:
    assert [m["kind"] for m in found.manifests] == [
        "VolumeSnapshotContent",
        "VolumeSnapshot",
        "PersistentVolumeClaim",
    ]
    return found.manifests[2]


def storage(found: Restore) -> str:
    size: str = claim_of(found)["spec"]["resources"]["requests"]["storage"]
    return size


def said(found: Restore, word: str) -> list[str]:
    return [note for note in found.notes if word in note]
