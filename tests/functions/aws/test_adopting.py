"""Adopting on AWS: the contract, and whose snapshots are left."""

import pytest

from shared.model import Disk
from tests.contract.adopt import AdoptContract
from tests.contract.passes import HOUR
from tests.functions.aws.cloud import BACKUP, REGION, EC2Cloud


class TestAdopting(AdoptContract):
    """And that of all adopters; AWS has services that make snapshots and delete them."""

    @pytest.mark.parametrize(
        ("tags", "description", "manager"),
        [
            ({"aws:backup:source-resource": "arn"}, BACKUP, "AWS Backup"),
            ({"aws:dlm:lifecycle-policy-id": "policy-1"}, "", "Data Lifecycle Manager"),
            ({"dlm:managed": "true"}, "", "Data Lifecycle Manager"),
            ({"aws:cloudformation:stack-id": "x"}, "", "a service of AWS"),
            ({"CSIVolumeSnapshotName": "snapshot-1"}, "", "a VolumeSnapshot"),
            ({"velero.io/backup": "nightly"}, "", "Velero"),
            ({}, "Created by CreateImage(i-1) for ami-1", "an AMI"),
            ({"Name": "before the upgrade"}, "by hand", ""),
        ],
    )
    def test_names_who_manages_a_snapshot(
        self, cloud: EC2Cloud, disk: Disk, tags: dict[str, str], description: str, manager: str
    ) -> None:
        """By the tags that they write on it (AWS Backup and DLM would delete it)."""
        cloud.seed(disk, cloud.clock.now() - HOUR, tags, description)
        (found,) = cloud.provider.strangers([disk])
        assert (manager, description) == (found.manager.partition(" (")[0], found.description)

    def test_asks_for_two_hundred_volumes_at_a_time(self, cloud: EC2Cloud) -> None:
        """A filter takes no more values."""
        disks = [Disk("aws", REGION, f"vol-{n:017x}") for n in range(401)]
        assert [] == list(cloud.provider.strangers(disks))
        assert len(cloud.ec2.calls) == 3
