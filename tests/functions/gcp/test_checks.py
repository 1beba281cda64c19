"""What `check` tries on Google Cloud."""

import pytest

from functions.gcp.permissions import PROJECT as PROJECT_ROLE
from functions.gcp.tags import Tag
from shared.errors import NotAllowed
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
            (f"permissions in {PROJECT}", True),
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

    @pytest.mark.parametrize("permission", sorted(PROJECT_ROLE))
    def test_each_permission_of_the_role_is_tried(
        self, cloud: GCECloud, snapshot: Snapshot, permission: str
    ) -> None:
        """Without any disk or snapshot at hand, and each is reported once."""
        cloud.gce.denied.add(permission)
        for create, delete in ((None, None), (order(cloud, snapshot.disk), snapshot)):
            missing = [c for c in cloud.provider.check(PROJECT, create, delete) if not c.ok]
            assert len(missing) == 1
            assert permission in missing[0].detail
            assert missing[0].hint

    def test_tells_only_what_passes_use(self, cloud: GCECloud) -> None:
        """What the check itself takes is nothing that a pass needs."""
        cloud.gce.disabled.add("cloudresourcemanager.googleapis.com")
        found = {c.name: c for c in cloud.provider.check(PROJECT, None, None)}
        told = found[f"permissions in {PROJECT}"]
        assert told.ok
        assert told.detail.startswith("not tried: enable cloudresourcemanager.googleapis.com")

    def test_another_project_is_told(self, cloud: GCECloud) -> None:
        """One that is not there, or that we may not see."""
        found = [c for c in cloud.provider.check("nowhere-1", None, None) if not c.ok]
        assert [c.name for c in found] == [
            "compute.snapshots.list in nowhere-1",
            "permissions in nowhere-1",
        ]

    @pytest.mark.parametrize("tagged", [True, False])
    def test_deletion_under_a_condition_is_tried_on_a_snapshot(
        self, cloud: GCECloud, snapshot: Snapshot, tagged: bool
    ) -> None:
        """A project has no tag; a snapshot that has none is told with what binds it."""
        tag = Tag("tagKeys/1", "tagValues/2")
        cloud.gce.conditions["compute.snapshots.delete"] = tag
        if tagged:
            number = cloud.gce.snapshots(PROJECT)[0].id
            cloud.gce.tags[number] = {tag.key: tag.value}
        provider = cloud.disks(tag=tag)
        assert all(check.ok for check in provider.check(PROJECT, None, None))
        missing = [check for check in provider.check(PROJECT, None, snapshot) if not check.ok]
        assert len(missing) == (0 if tagged else 1)
        for check in missing:
            assert check.detail == "missing: compute.snapshots.delete"
            assert "adopt --apply binds it" in check.hint

    def test_a_tag_takes_one_permission_more(self, cloud: GCECloud) -> None:
        """To bind it to what is being created."""
        cloud.gce.denied.add("compute.snapshots.createTagBinding")
        provider = cloud.disks(tag=Tag("tagKeys/1", "tagValues/2"))
        (missing,) = (check for check in provider.check(PROJECT, None, None) if not check.ok)
        assert missing.detail == "missing: compute.snapshots.createTagBinding"
