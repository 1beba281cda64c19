"""The CSI drivers that make disks of snapshots, and what each cloud calls things. Pure."""

import re
from dataclasses import dataclass

from shared.errors import RequestError
from shared.model import Snapshot
from shared.text import shorten


@dataclass(frozen=True, slots=True)
class Driver:
    """A cloud's CSI driver.

    Patterns of `id`, `scope` and, in `keep`, `key`: `handle` is what the driver calls a snapshot,
    `where` says in which places it may be restored, `keep` is the command that labels it.
    """

    name: str
    handle: str
    where: str
    keep: str

    def handle_of(self, snapshot: Snapshot) -> str:
        """Give the driver's name of a snapshot."""
        return self.handle.format(scope=snapshot.disk.scope, id=snapshot.id)

    def place_of(self, snapshot: Snapshot) -> str:
        """Say where a snapshot may be restored."""
        return self.where.format(scope=snapshot.disk.scope)

    def keep_command(self, snapshot: Snapshot, key: str) -> str:
        """Give the command that puts the keep label on; empty where a shell might obey a word."""
        words = {"scope": snapshot.disk.scope, "id": snapshot.id, "key": key}
        if all(re.fullmatch(r"[-\w.:/]+", word, re.ASCII) for word in words.values()):
            return self.keep.format(**words)
        return ""


_DRIVERS = {
    # docs/snapshot.md of aws-ebs-csi-driver, "snapshot-import".
    "aws": Driver(
        name="ebs.csi.aws.com",
        handle="{id}",
        where="The snapshot is of region {scope} and serves every zone of it; for another region "
        "or account copy or share it first.",
        keep="aws ec2 create-tags --region {scope} --resources {id} --tags Key={key},Value=true",
    ),
    # SnapshotIDToProjectKey of gcp-compute-persistent-disk-csi-driver.
    "google": Driver(
        name="pd.csi.storage.gke.io",
        handle="projects/{scope}/global/snapshots/{id}",
        where="The snapshot is global in project {scope} and serves every region; a cluster of "
        "another project needs compute.snapshots.useReadOnly of it.",
        keep="gcloud compute snapshots add-labels {id} --project={scope} --labels={key}=true",
    ),
}


def driver_of(snapshot: Snapshot) -> Driver:
    """Give the driver of a snapshot's cloud.

    Raises:
        RequestError: where there is none.
    """
    provider = snapshot.disk.provider
    if provider not in _DRIVERS:
        raise RequestError(f"no CSI driver is known for disks of {shorten(provider)}")
    return _DRIVERS[provider]
