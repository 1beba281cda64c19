"""Snapshots of other tools are left to them: what adopts them would delete them."""

from collections.abc import Mapping

import pytest

from functions.aws.adopting import manager_of

#: Tags and description as these tools write them.
OTHERS: list[tuple[dict[str, str], str]] = [
    (
        {"CSIVolumeSnapshotName": "snapshot-1", "ebs.csi.aws.com/cluster": "true"},
        "Created by AWS EBS CSI driver for volume vol-1",
    ),
    (
        {
            "CSIVolumeSnapshotName": "snapshot-1",
            "ebs.csi.eks.amazonaws.com/cluster": "true",
            "eks:eks-cluster-name": "x",
        },
        "Created by AWS EBS CSI driver for volume vol-1",
    ),
    ({}, "Created by AWS EBS CSI driver for volume vol-1"),
    ({"kubernetes.io/cluster/ocp-abc": "owned"}, "Created by AWS EBS CSI driver for volume vol-1"),
    (
        {"aws:dlm:lifecycle-policy-id": "policy-1", "dlm:managed": "true"},
        "Created for policy: policy-1 schedule: Default Schedule",
    ),
    ({"aws:dlm:lifecycle-policy-id": "policy-1"}, "Created for policy: policy-1 schedule: copy"),
    ({"aws:backup:source-resource": "x"}, "This snapshot is created by the AWS Backup service."),
    ({}, "Created by CreateImage(i-1) for ami-1"),
    (
        {},
        "Copied for DestinationAmi ami-1 from SourceAmi ami-2",
    ),
    ({"velero.io/backup": "b", "velero.io/pv": "pv", "velero.io/storage-location": "default"}, ""),
    ({"ark.heptio.com/backup": "b", "ark.heptio.com/pv": "pv"}, ""),
    ({"custodian_snapshot": ""}, "Automated snapshot created by Cloud Custodian"),
    ({"kanister.io/blockstore-id": "x", "kasten.io/appname": "shop"}, "Created by Kanister"),
    (
        {"solutions:ebs-snapshot-scheduler:snapshot-source": "x", "scheduler:ebs-snapshot": "d"},
        "Created by 'EBS Snapshot Scheduler'",
    ),
    ({"OpsAutomatorTask": "x"}, "Snapshot created by task backup for instance"),
    ({"shelvery:name": "x", "shelvery:is_shelvery_backup": "true"}, ""),
    ({"DeleteOn": "2026-12-01"}, "Created by Lambda backup function ebs-backups"),
    ({"DeleteOn": "2026-12-01"}, "Created from instance by ebs_snapper"),
    ({"cpm backup:1": "x"}, "CPM backup"),
    ({"veeam:policy": "x"}, "Veeam snapshot"),
]


@pytest.mark.parametrize(("tags", "description"), OTHERS)
def test_other_tools_are_known(tags: Mapping[str, str], description: str) -> None:
    """And it is told by which tag or text."""
    found = manager_of(tags, description)
    assert "(tag: " in found or "(description: " in found


@pytest.mark.parametrize(
    "tags", [{}, {"Name": "before upgrade"}, {"ebs.csi.aws.com/cluster": "true"}]
)
def test_what_people_made_is_nobodys(tags: Mapping[str, str]) -> None:
    """The driver's cluster tag alone is no sign: whoever restores sets it too."""
    assert manager_of(tags, "before the upgrade") == ""
