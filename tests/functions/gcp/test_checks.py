"""What `check` tries on Google Cloud."""

import pytest

from shared.errors import (
    NotAllowed,
)
from shared.model import Snapshot
from tests.contract.cloud import order
from tests.functions.gcp.cloud import PROJECT, REGION, GCECloud


class TestCheck:
    def test_asks_of_a_regional_disk_too(self, cloud: GCECloud) -> None:
        """A disk of a region is another client's."""
        disk = cloud.add_disk(PROJECT, "data", REGION)
        found = list(cloud.provider.check(PROJECT, order(cloud, disk), None))
        assert [(check.name, check.ok) for check in found] == [
            (f"compute.snapshots.list in {PROJECT}", True),
            ("compute.disks.createSnapshot of data", True),
        ]

    def test_labels_need_a_permission_of_their_own(
        self, cloud: GCECloud, snapshot: Snapshot
    ) -> None:
        """Insertion with labels needs compute.snapshots.setLabels as well."""
        cloud.gce.denied.add("compute.snapshots.setLabels")
        found = cloud.provider.check(PROJECT, order(cloud, snapshot.disk), snapshot)
        (missing,) = (check for check in found if not check.ok)
        assert "setLabels" in missing.detail
        with pytest.raises(NotAllowed):
            cloud.provider.create(order(cloud, snapshot.disk))

    def test_a_disk_that_is_gone_is_told(self, cloud: GCECloud) -> None:
        """What is asked for on a disk that does not exist is not granted."""
        asked = order(cloud, cloud.missing_disk(PROJECT))
        missing = [c for c in cloud.provider.check(PROJECT, asked, None) if not c.ok]
        assert len(missing) == 1
        assert "notFound" in missing[0].detail
