"""Snapshots that others made: which there are, who manages them, and how one becomes ours."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from functions.aws.calls import FILTERED, EC2Clients, sorted_errors
from functions.aws.listing import pages, snapshot_of
from shared.model import Disk, Snapshot
from shared.planning.adopt import Stranger, scopes
from shared.planning.labels import Labels
from shared.text import shorten

#: What the tags begin with that services and tools put on their snapshots. The driver's
#: `ebs.csi.aws.com/cluster` is not among them: whoever restores by the driver sets it too.
_MANAGERS = {
    "aws:backup:": "AWS Backup",
    "aws:dlm:": "Data Lifecycle Manager",
    "dlm:managed": "Data Lifecycle Manager",
    "CSIVolumeSnapshotName": "a VolumeSnapshot",
    "velero.io/": "Velero",
    "ark.heptio.com/": "Heptio Ark",
    "custodian_snapshot": "Cloud Custodian",
    "kasten.io/": "Kasten K10",
    "kanister.io/": "Kanister",
    "solutions:ebs-snapshot-scheduler": "the EBS Snapshot Scheduler",
    "scheduler:ebs-snapshot": "the EBS Snapshot Scheduler",
    "OpsAutomator": "the AWS Ops Automator",
    "shelvery:": "Shelvery",
    "DeleteOn": "a tool that deletes by this tag",
    "cpm backup": "N2WS",
    "cpm_": "N2WS",
    "veeam": "Veeam",
}
#: What descriptions hold, in small letters: tag policies may take the tags away.
_DESCRIPTIONS = {
    "created by aws ebs csi driver": "a VolumeSnapshot",
    "created by createimage(": "an AMI",
    "copied for destinationami": "an AMI",
    "created for policy: policy-": "Data Lifecycle Manager",
    "created by the aws backup service": "AWS Backup",
    "cloud custodian": "Cloud Custodian",
    "created by kanister": "Kanister",
    "ebs snapshot scheduler": "the EBS Snapshot Scheduler",
    "ebs_snapper": "ebs_snapper",
    "cpm backup": "N2WS",
    "veeam": "Veeam",
    "by lambda": "a Lambda function",
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
    Lifecycle Manager works"; Amazon EC2 User Guide, "Create an Amazon EBS-backed AMI". What decided
    is told with it. It is a list of what is known: look at what is left before `--apply`.
    """
    for prefix, name in _MANAGERS.items():
        if key := next((key for key in tags if key.lower().startswith(prefix.lower())), ""):
            return f"{name} (tag: {shorten(key, 60)})"
    if key := next((key for key in tags if key.startswith("aws:")), ""):
        return f"a service of AWS (tag: {shorten(key, 60)})"
    for text, name in _DESCRIPTIONS.items():
        if text in description.lower():
            return f"{name} (description: {shorten(description, 60)})"
    return ""


def _strangers(
    clients: EC2Clients, labels: Labels, region: str, volumes: Sequence[str]
) -> Iterable[Stranger]:
    with sorted_errors():
        items = [item for page in pages(clients.of(region), "volume-id", volumes) for item in page]
    for item in items:
        snapshot, text = snapshot_of(region, item), item.get("Description", "")
        if not labels.ours(snapshot):
            yield Stranger(snapshot, text, manager_of(snapshot.labels, text))
