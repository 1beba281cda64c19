"""The CSI drivers that make disks of snapshots, and what each cloud calls things. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import RequestError
from shared.model import Snapshot
from shared.text import shorten

#: Stands for the name of the cluster that restores, where that is not known.
CLUSTER = "CLUSTER"
#: Words that no shell takes for anything else.
_SAFE = re.compile(r"[-\w.:/]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cloud:
    """What a cloud's CSI drivers need to make a disk of a snapshot.

    `drivers` are their names, the usual one first, each with the tags that its IAM policies ask for
    on a snapshot that it is to use; a value may hold `{cluster}`. The rest are patterns of `id` and
    `scope`: `handle` is what a driver calls a snapshot, `where` says in which places it may be
    restored. Commands: `keep` sets the label `{key}`, `tag` and `untag` set and remove `{tags}`,
    `unarchive` takes it out of the archive for a time, and `look` shows how far that is.
    """

    drivers: Mapping[str, Mapping[str, str]]
    handle: str
    where: str
    keep: str
    tag: str = ""
    untag: str = ""
    unarchive: str = ""
    look: str = ""

    def driver(self, asked: str, old: str) -> str:
        """Choose the driver: the one asked for, else that of the old volume, else the usual one.

        Raises:
            RequestError: where another cloud's is asked for.
        """
        if asked and asked not in self.drivers:
            known = " or ".join(self.drivers)
            raise RequestError(f"--driver {shorten(asked)}: this snapshot's cloud has {known}")
        return asked or old or next(iter(self.drivers))

    def handle_of(self, snapshot: Snapshot) -> str:
        """Give the driver's name of a snapshot."""
        return self.handle.format(scope=snapshot.disk.scope, id=snapshot.id)

    def place_of(self, snapshot: Snapshot) -> str:
        """Say where a snapshot may be restored."""
        return self.where.format(scope=snapshot.disk.scope)

    def keep_command(self, snapshot: Snapshot, key: str) -> str:
        """Give the command that puts the keep label on; empty where a shell might obey a word."""
        return self._filled(self.keep, snapshot, key=key) if _SAFE.fullmatch(key) else ""

    def unarchive_commands(self, snapshot: Snapshot) -> tuple[str, str]:
        """Give the commands that take a snapshot out of the archive, and that show how far it is.

        Empty where a shell might obey a word.
        """
        return self._filled(self.unarchive, snapshot), self._filled(self.look, snapshot)

    def tag_commands(self, snapshot: Snapshot, driver: str, cluster: str) -> tuple[str, str]:
        """Give the commands that let a driver use a snapshot, and that take this back.

        Empty where it asks for no tags, or a shell might obey a word.
        """
        name = cluster if _SAFE.fullmatch(cluster) else CLUSTER
        wanted = self.drivers.get(driver, {})
        if not wanted:
            return "", ""
        tags = [(key, value.format(cluster=name)) for key, value in wanted.items()]
        setting = " ".join(f"Key={key},Value={value}" for key, value in tags)
        keys = " ".join(f"Key={key}" for key, _ in tags)
        return (
            self._filled(self.tag, snapshot, tags=setting),
            self._filled(self.untag, snapshot, tags=keys),
        )

    def _filled(self, pattern: str, snapshot: Snapshot, **more: str) -> str:
        """Fill a command in; empty where a shell might obey a word of the snapshot's."""
        words = {"scope": snapshot.disk.scope, "id": snapshot.id}
        if all(_SAFE.fullmatch(word) for word in words.values()):
            return pattern.format(**words, **more)
        return ""


_CLOUDS = {
    # The policies: AWS Managed Policy Reference, AmazonEBSCSIDriverPolicyV2 (`cluster`),
    # AmazonEBSCSIDriverEKSClusterScopedPolicy (`cluster-name`), AmazonEKSBlockStoragePolicyV2
    # (`eks:eks-cluster-name`). The handle: docs/snapshot.md of aws-ebs-csi-driver,
    # "snapshot-import". The archive: Amazon EBS User Guide, "Restore an archived Amazon EBS
    # snapshot".
    "aws": Cloud(
        drivers={
            "ebs.csi.aws.com": {
                "ebs.csi.aws.com/cluster": "true",
                "ebs.csi.aws.com/cluster-name": "{cluster}",
            },
            "ebs.csi.eks.amazonaws.com": {"eks:eks-cluster-name": "{cluster}"},
        },
        handle="{id}",
        where="The snapshot is of region {scope} and serves every zone of it; for another region "
        "or account copy or share it first.",
        keep="aws ec2 create-tags --region {scope} --resources {id} --tags Key={key},Value=true",
        tag="aws ec2 create-tags --region {scope} --resources {id} --tags {tags}",
        untag="aws ec2 delete-tags --region {scope} --resources {id} --tags {tags}",
        unarchive="aws ec2 restore-snapshot-tier --region {scope} --snapshot-id {id} "
        "--temporary-restore-days 14",
        look="aws ec2 describe-snapshot-tier-status --region {scope} --filters "
        "Name=snapshot-id,Values={id}",
    ),
    # SnapshotIDToProjectKey of gcp-compute-persistent-disk-csi-driver.
    "google": Cloud(
        drivers={"pd.csi.storage.gke.io": {}, "gce-pd.csi.storage.gke.io": {}},
        handle="projects/{scope}/global/snapshots/{id}",
        where="The snapshot is global in project {scope} and serves every region; a cluster of "
        "another project needs compute.snapshots.useReadOnly of it.",
        keep="gcloud compute snapshots add-labels {id} --project={scope} --labels={key}=true",
    ),
}


def cloud_of(snapshot: Snapshot) -> Cloud:
    """Give what is known of a snapshot's cloud.

    Raises:
        RequestError: where no driver is known.
    """
    provider = snapshot.disk.provider
    if provider not in _CLOUDS:
        raise RequestError(f"no CSI driver is known for disks of {shorten(provider)}")
    return _CLOUDS[provider]
