"""Snapshots that others made: which there are, who manages them, and how one becomes ours."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from functions.aws.calls import FILTERED, EC2Clients, sorted_errors
from functions.aws.listing import pages, snapshot_of
from shared.model import Disk, Snapshot
from shared.planning.adopt import Stranger, scopes
from shared.planning.labels import Labels

#: What the tags begin with that services of AWS, the CSI driver and Velero put on snapshots.
_MANAGERS = {
    "aws:backup:": "AWS Backup",
    "aws:dlm:": "Data Lifecycle Manager",
    "dlm:managed": "Data Lifecycle Manager",
    "CSIVolumeSnapshotName": "a VolumeSnapshot",
    "ebs.csi.aws.com/": "a VolumeSnapshot",
    "velero.io/": "Velero",
}


def strangers(clients: EC2Clients, labels: Labels, disks: Collection[Disk]) -> Iterable[Stranger]:
    """List the snapshots of some volumes that lack our author label."""
    for region, found in scopes(disks).items():
        for start in range(0, len(found), FILTERED):
            names = [disk.name for disk in found[start : start + FILTERED]]
            yield from _strangers(clients, labels, region, names)


def adopt(clients: EC2Clients, snapshot: Snapshot, labels: Mapping[str, str]) -> None:
    """Add tags to a snapshot."""
    tags: Any = [{"Key": key, "Value": value} for key, value in labels.items()]
    client: Any = clients.of(snapshot.disk.scope)
    with sorted_errors():
        answer = client.create_tags(Resources=[snapshot.id], Tags=tags)
        answer["ResponseMetadata"]["RequestId"]


def manager_of(tags: Mapping[str, str], description: str) -> str:
    """Tell which service made a snapshot and deletes it, by what it writes on it.

    AWS Backup, "Backup creation by resource type"; Amazon EBS User Guide, "How Amazon Data
    Lifecycle Manager works"; Amazon EC2 User Guide, "Create an Amazon EBS-backed AMI".
    """
    for prefix, name in _MANAGERS.items():
        if any(key.startswith(prefix) for key in tags):
            return name
    if any(key.startswith("aws:") for key in tags):
        return "a service of AWS"
    return "an AMI" if description.startswith("Created by CreateImage(") else ""


def _strangers(
    clients: EC2Clients, labels: Labels, region: str, volumes: Sequence[str]
) -> Iterable[Stranger]:
    with sorted_errors():
        items = [item for page in pages(clients.of(region), "volume-id", volumes) for item in page]
    for item in items:
        snapshot, text = snapshot_of(region, item), item.get("Description", "")
        if not labels.ours(snapshot):
            yield Stranger(snapshot, text, manager_of(snapshot.labels, text))
