"""What somebody brings back from the Recycle Bin, by the runbook."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from shared.model import Disk, RuleSet
from shared.planning.plan import plan
from tests.contract.provider import listed
from tests.functions.aws.cloud import REGION, EC2Cloud
from tests.shared.builders import OURS, rule
from tests.shared.objects_builders import POLICY

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"
DELTAS = "P1D P7D"


@pytest.mark.parametrize("kept", [True, False])
def test_it_stays_where_it_was_labelled_in_the_bin(cloud: EC2Cloud, disk: Disk, kept: bool) -> None:
    """A listing does not tell where a snapshot was: without the label the next pass deletes it."""
    now, ec2, client = cloud.clock.now(), cloud.ec2, cloud.ec2.client(REGION)
    ec2.bin_rule = ("created-by", "k8s-snapshots")
    tags = OURS | {"k8s-snapshots-deltas": DELTAS}
    for days in range(1, 26):
        made = ec2.add_snapshot(REGION, disk.name, started=now - timedelta(days=days), tags=tags)
    (oldest,) = (s for s in listed(cloud, REGION) if s.id == made)
    cloud.provider.delete(oldest)

    (inside,) = client.list_snapshots_in_recycle_bin()["Snapshots"]
    if kept:
        label = {"Key": "k8s-snapshots-keep", "Value": "true"}
        client.create_tags(Resources=[made], Tags=[label])  # type: ignore[list-item]
    client.restore_snapshot_from_recycle_bin(SnapshotId=made)
    ec2.recovered()
    found = plan(RuleSet((rule(DELTAS, disk=disk),)), listed(cloud, REGION), now, POLICY)

    assert inside["SnapshotId"] == made
    assert kept == (made not in {delete.snapshot.id for delete in found.deletes})
    assert found.deletes


def test_the_runbook_labels_before_it_restores() -> None:
    text = RUNBOOK.read_text().partition("### Bringing back")[2].partition("\n### ")[0]
    calls = re.findall(r"^ {4}aws ec2 ([a-z-]+)", text, re.MULTILINE)
    assert [
        "list-snapshots-in-recycle-bin", "create-tags", "restore-snapshot-from-recycle-bin",
        "delete-tags",
    ] == calls  # fmt: skip
