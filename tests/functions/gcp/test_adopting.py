"""Adopting on Google Cloud: the contract, schedules, and labels by their fingerprint."""

from types import SimpleNamespace

import pytest

from functions.gcp.adopting import manager_of
from shared.errors import DiskFailed
from shared.model import Disk, Snapshot
from shared.planning.adopt import adoptions
from tests.contract.adopt import AdoptContract
from tests.contract.cloud import rule
from tests.contract.passes import HOUR
from tests.functions.gcp.cloud import GCECloud, remake


class TestAdopting(AdoptContract):
    """And that of all adopters; Google has schedules that make snapshots and delete them."""

    def test_names_the_schedule_that_manages_a_snapshot(self) -> None:
        """By what Google writes on it (a resource policy would delete it)."""
        policy = "projects/p/regions/r/resourcePolicies/nightly"
        item = SimpleNamespace(source_snapshot_schedule_policy=policy, auto_created=True)
        assert manager_of(item) == "the snapshot schedule nightly"
        item = SimpleNamespace(source_snapshot_schedule_policy="", auto_created=True)
        assert manager_of(item) == "the snapshot schedule (unnamed)"

    @pytest.mark.parametrize(
        ("text", "name", "manager"),
        [
            ("", "before-upgrade", ""),
            ("", "snapshot-4000000000000009974", ""),
            ("of snapshot-0f6b1c7e", "mine", ""),
            ('{"velero.io/backup": "b"}', "b", 'Velero (description: {"velero.io/backup": "b"})'),
            (
                "Snapshot created by GCE-PD CSI Driver",
                "x",
                "a VolumeSnapshot (description: Snapshot created by GCE-PD CSI Driver)",
            ),
            (
                "Regional Snapshot created by GCE-PD CSI Driver",
                "x",
                "a VolumeSnapshot (description: Regional Snapshot created by GCE-PD CSI Driver)",
            ),
            (
                '{"kubernetes.io/created-for/volumesnapshot/name":"a"}',
                "x",
                "a VolumeSnapshot "
                '(description: {"kubernetes.io/created-for/volumesnapshot/name":"a"})',
            ),
            (
                "",
                "snapshot-0f6b1c7e-aaaa-4bbb-8ccc-000000000001",
                "a VolumeSnapshot (name: snapshot-0f6b1c7e-aaaa-4bbb-8ccc-000000000001)",
            ),
        ],
    )
    def test_names_who_manages_a_snapshot_and_by_which_text(
        self, text: str, name: str, manager: str
    ) -> None:
        """The driver says little where the sidecar runs without --extra-create-metadata."""
        item = SimpleNamespace(
            source_snapshot_schedule_policy="", auto_created=False, description=text, name=name
        )
        assert manager_of(item) == manager

    def test_leaves_what_the_driver_made(self, cloud: GCECloud, disk: Disk) -> None:
        """A VolumeSnapshot deletes its snapshot, and is broken where we do."""
        described = "Snapshot created by GCE-PD CSI Driver"
        cloud.seed(disk, cloud.clock.now() - HOUR, {}, described)
        (found,) = adoptions(cloud.provider.strangers([disk]), {disk: [rule(disk)]}, cloud.labels)
        assert found.labels == {}
        assert found.why == f"left: a VolumeSnapshot (description: {described}) manages it"

    def test_an_earlier_disk_of_the_name_is_another(self, cloud: GCECloud, disk: Disk) -> None:
        """Its snapshots are not those of the disk that rules mean."""
        cloud.seed(disk, cloud.clock.now() - 2 * HOUR, {})
        remake(cloud, disk)
        now = cloud.seed(disk, cloud.clock.now() - HOUR, {})
        assert [now] == [s.snapshot.id for s in cloud.provider.strangers([disk])]


class TestLabels:
    def test_adds_labels_by_their_fingerprint(self, cloud: GCECloud, snapshot: Snapshot) -> None:
        """What is there stays; the labels are written in a request that knows the last ones."""
        cloud.provider.adopt(snapshot, {"a": "b"})
        assert cloud.snapshots()[0].labels == {**snapshot.labels, "a": "b"}
        assert [call.method for call in cloud.gce.calls] == ["snapshots.get", "snapshots.setLabels"]

    def test_asks_once_more_where_labels_changed_meanwhile(
        self, cloud: GCECloud, snapshot: Snapshot
    ) -> None:
        """412 is answered by a second look, and a second 412 is an error."""
        cloud.gce.fault("snapshots.setLabels", "conditionNotMet")
        cloud.provider.adopt(snapshot, {"a": "b"})
        assert cloud.snapshots()[0].labels["a"] == "b"
        cloud.gce.fault("snapshots.setLabels", "conditionNotMet", times=2)
        with pytest.raises(DiskFailed):
            cloud.provider.adopt(snapshot, {"a": "c"})
        assert cloud.snapshots()[0].labels["a"] == "b"

    def test_reads_the_error_of_its_operation(self, cloud: GCECloud, snapshot: Snapshot) -> None:
        """An operation that is done and failed is no success (trap)."""
        cloud.gce.fault("snapshots.setLabels", operation_error="INTERNAL_ERROR", at_once=True)
        with pytest.raises(DiskFailed):
            cloud.provider.adopt(snapshot, {"a": "b"})
