"""A trial on Google Cloud: one persistent disk and its snapshots."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import compute_v1

from functions.gcp.settings import GCPSettings
from functions.gcp.wiring import login_of
from shared.environment import load
from tools.smoke.account import Found, Seen

#: Marks the disk, so that one that is left behind can be found.
LABEL = "k8s-snapshots-smoke"
#: Seconds between two looks at an operation, and how many looks there are: three minutes.
LOOK, LOOKS = 1, 180


class OperationFailed(Exception):
    """An operation that was begun did not end well."""


class Google:
    """A project and zone of Google Cloud; implements `account.Account`.

    Args:
        run: the trial's name.
    """

    module = "functions.gcp"

    def __init__(self, run: str) -> None:
        settings = load(GCPSettings, os.environ)
        self._login = login_of(settings, settings.google_compute_custom_endpoint)
        self._project = settings.gcloud_project or self._login.project()
        self._zone = os.environ.get("ZONE", "")
        if not (self._project and self._zone):
            raise SystemExit("set GCLOUD_PROJECT and ZONE, such as ZONE=europe-west1-b")
        self._run, self._name, self._made = run, run, False
        self._disks = self._login.client("DisksClient")
        self._snapshots = self._login.client("SnapshotsClient")
        self.environment = {"GCLOUD_PROJECT": self._project}

    def describe(self) -> str:
        """Name the project and zone."""
        return f"project {self._project}, zone {self._zone}, by {self._login.identity()}"

    def make_disk(self) -> str:
        """Make a disk, and wait until its operation is done."""
        disk = compute_v1.Disk(name=self._name, size_gb=1, labels={LABEL: self._run})
        self._made = True
        self._end(
            self._disks.insert_unary(project=self._project, zone=self._zone, disk_resource=disk)
        )
        return f"zones/{self._zone}/disks/{self._name} in {self._project}"

    def volume(self) -> dict[str, object]:
        """Describe the disk as the persistent disk CSI driver does."""
        handle = f"projects/{self._project}/zones/{self._zone}/disks/{self._name}"
        return {"csi": {"driver": "pd.csi.storage.gke.io", "volumeHandle": handle}}

    def snapshots(self) -> Sequence[Found]:
        """List by the disk's name: Compute filters no snapshots by their disk."""
        found = [
            Found(s.name, datetime.fromisoformat(s.creation_timestamp), s.status == "READY")
            for s in self._list()
        ]
        return sorted(found, key=lambda one: one.started)

    def observe(self) -> Sequence[Seen]:
        """Look at times, ids, sizes and labels."""
        listed = self._list()
        times = [datetime.fromisoformat(s.creation_timestamp) for s in listed]
        newest, now = max(times).astimezone(UTC), datetime.now(UTC)
        ids = sum(bool(s.source_disk_id) for s in listed)
        labelled = sum(bool(s.labels) for s in listed)
        sizes = [int(s.storage_bytes) for s in listed]
        return [
            Seen("google-creation-time", f"the newest began at {newest:%H:%M:%S} by "
                 f"Google's clock; it is {now:%H:%M:%S} by ours", newest <= now),
            Seen("google-source-disk-id", f"{ids} of {len(listed)} snapshots tell sourceDiskId",
                 ids == len(listed)),
            Seen("google-labels-at-creation", f"{labelled} of {len(listed)} snapshots have labels",
                 labelled == len(listed)),
            Seen("google-storage-bytes", f"storageBytes: {sizes}", bool(sizes)),
            self._twice(listed[0].name),
        ]  # fmt: skip

    def remove(self) -> Sequence[str]:
        """Delete the snapshots, then the disk."""
        if not self._made:
            return []
        left: list[str] = []
        for snapshot in self._list():
            left += self._gone(snapshot.name, self._snapshots.delete_unary, snapshot=snapshot.name)
        left += self._gone(self._name, self._disks.delete_unary, zone=self._zone, disk=self._name)
        self._made = bool(left)
        return left

    def _gone(self, name: str, delete: Any, **what: str) -> list[str]:
        try:
            self._end(delete(project=self._project, **what))
        except NotFound:
            return []
        except (GoogleAPICallError, OperationFailed) as error:
            return [f"{name}: {getattr(error, 'message', error)}"]
        return []

    def _end(self, operation: Any) -> None:
        """Wait until an operation has ended."""
        place = {"zone": self._zone} if operation.zone else {}
        kind = "ZoneOperationsClient" if place else "GlobalOperationsClient"
        client, name = self._login.client(kind), operation.name
        for _ in range(LOOKS):
            found = client.get(project=self._project, operation=name, **place)
            if found.status == compute_v1.Operation.Status.DONE:
                if found.error.errors:
                    raise OperationFailed(found.error.errors[0].message)
                return
            time.sleep(LOOK)
        raise OperationFailed(f"the operation {name} has no end after {LOOK * LOOKS} s")

    def _list(self) -> list[Any]:
        ending = f"/zones/{self._zone}/disks/{self._name}"
        listed = self._snapshots.list(project=self._project)
        return [s for s in listed if s.source_disk.endswith(ending)]

    def _twice(self, name: str) -> Seen:
        """Insert a snapshot under a name that is taken; nothing is made."""
        snapshot = compute_v1.Snapshot(
            name=name, source_disk=f"projects/{self._project}/zones/{self._zone}/disks/{self._name}"
        )
        try:
            self._end(
                self._snapshots.insert_unary(project=self._project, snapshot_resource=snapshot)
            )
        except GoogleAPICallError as error:
            said = f"an insert of a name that is taken answers {error.code}"
            return Seen("google-conflict", said, error.code == 409)
        return Seen("google-conflict", "an insert of a name that is taken succeeds", False)
