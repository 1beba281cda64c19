"""What `restore` prints satisfies AWS's own policies for its CSI drivers: they are evaluated.

The documents are AWS's managed policies, as moto has them.
"""

import json
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.iam.aws_managed_policies import aws_managed_policies_data

from shared.model import Snapshot
from shared.restore.request import RestoreRequest
from tests.emulators.gate import GatedEC2, Policy
from tests.functions.aws.cloud import REGION
from tests.shared.builders import NOW, disk, rule
from tests.shared.restore.builders import GOOGLE_DISK, LABELS, ON_GOOGLE, made, of_data

EBS, AUTO = "ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"
#: Of each policy: the driver that has it, the tags of its role, and the tags that the driver sets
#: on volumes (aws-ebs-csi-driver, "tagging.md"; those of Auto Mode as its policy wants them).
POLICIES: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "AmazonEBSCSIDriverPolicy": (EBS, {}, {"ebs.csi.aws.com/cluster": "true"}),
    "AmazonEBSCSIDriverPolicyV2": (EBS, {}, {"ebs.csi.aws.com/cluster": "true"}),
    "AmazonEBSCSIDriverEKSClusterScopedPolicy": (
        EBS, {"eks-cluster-name": "new"}, {"ebs.csi.aws.com/cluster-name": "new"}
    ),
    "AmazonEKSBlockStoragePolicy": (
        AUTO, {"eks:eks-cluster-name": "new"}, {"eks:eks-cluster-name": "new"}
    ),
    "AmazonEKSBlockStoragePolicyV2": (
        AUTO, {"eks:eks-cluster-name": "new"}, {"eks:eks-cluster-name": "new"}
    ),
}  # fmt: skip
#: Those of 2026, which look at the snapshot.
STRICT = [name for name in POLICIES if name not in (
    "AmazonEBSCSIDriverPolicy", "AmazonEKSBlockStoragePolicy")]  # fmt: skip


@cache
def policy(name: str) -> Policy:
    return Policy.of(json.loads(aws_managed_policies_data)[name]["Document"], sids=False)


@pytest.fixture
def cloud() -> Iterator[GatedEC2]:
    with GatedEC2() as found:
        yield found


@pytest.fixture
def snapshot(cloud: GatedEC2) -> Snapshot:
    on = disk(cloud.add_volume(REGION))
    name = cloud.add_snapshot(REGION, on.name, started=NOW, tags={"created-by": "k8s-snapshots"})
    return of_data(name, on=on)


def client(cloud: GatedEC2) -> Any:
    return boto3.client(
        "ec2", region_name=REGION, endpoint_url=cloud.url, aws_access_key_id="a",
        aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


def act(cloud: GatedEC2, name: str, call: str, **params: Any) -> bool:
    """Do what the driver does under a policy; tell whether it may."""
    _, cloud.principal, _ = POLICIES[name]
    cloud.policy = policy(name)
    try:
        getattr(client(cloud), call)(**params)
    except ClientError as error:
        if error.response["Error"]["Code"] != "UnauthorizedOperation":
            raise
        return False
    finally:
        cloud.policy = None
    return True


def may_restore(cloud: GatedEC2, name: str, snapshot: Snapshot) -> bool:
    tags = [{"Key": key, "Value": value} for key, value in POLICIES[name][2].items()]
    return act(cloud, name, "create_volume", AvailabilityZone=f"{REGION}a", SnapshotId=snapshot.id,
               TagSpecifications=[{"ResourceType": "volume", "Tags": tags}])  # fmt: skip


def run(cloud: GatedEC2, line: str) -> None:
    """Run a printed command as the AWS CLI would."""
    words = shlex.split(line)
    assert words[:2] == ["aws", "ec2"]
    action, resource = words[2], words[words.index("--resources") + 1]
    tags = [dict(part.split("=", 1) for part in word.split(","))
            for word in words[words.index("--tags") + 1 :]]  # fmt: skip
    getattr(client(cloud), action.replace("-", "_"))(Resources=[resource], Tags=tags)


def printed(snapshot: Snapshot, driver: str, cluster: str = "new") -> list[str]:
    """Give the commands about the driver's tags that `restore` prints."""
    request = RestoreRequest(namespace="shop", claim="data", driver=driver)
    found = made(request, snapshot, [], LABELS, cluster=cluster)
    return [line for _, line in found.commands if "-tags" in line and LABELS.keep_key not in line]


@pytest.mark.parametrize("name", POLICIES)
def test_the_tags_let_the_driver_restore(cloud: GatedEC2, snapshot: Snapshot, name: str) -> None:
    """Without them the policies of 2026 refuse it; the older ones do not look."""
    assert may_restore(cloud, name, snapshot) == (name not in STRICT)
    setting, removing = printed(snapshot, POLICIES[name][0])
    run(cloud, setting)
    assert may_restore(cloud, name, snapshot)
    run(cloud, removing)
    assert may_restore(cloud, name, snapshot) == (name not in STRICT)


@pytest.mark.parametrize("name", [n for n in POLICIES if POLICIES[n][0] == EBS])
def test_with_the_tags_the_driver_could_delete_the_backup(
    cloud: GatedEC2, snapshot: Snapshot, name: str
) -> None:
    """Why they are set for a restore, and removed again, and never at creation."""
    assert not act(cloud, name, "delete_snapshot", SnapshotId=snapshot.id)
    run(cloud, printed(snapshot, EBS)[0])
    assert act(cloud, name, "delete_snapshot", SnapshotId=snapshot.id)


@pytest.mark.parametrize("name", STRICT)
def test_another_clusters_driver_gets_nothing_by_its_name(
    cloud: GatedEC2, snapshot: Snapshot, name: str
) -> None:
    """Where the policy is one cluster's, the tag has to name that cluster."""
    run(cloud, printed(snapshot, POLICIES[name][0], "other")[0])
    assert may_restore(cloud, name, snapshot) == (name == "AmazonEBSCSIDriverPolicyV2")


def test_new_snapshots_have_no_tag_that_a_driver_looks_for() -> None:
    """Or the driver could delete the backup."""
    wanted = {"CSIVolumeSnapshotName"}.union(*(tags for _, _, tags in POLICIES.values()))
    assert not wanted & LABELS.for_snapshot("name", [rule()]).keys()


def test_the_clusters_name_is_asked_for_where_it_is_not_known(snapshot: Snapshot) -> None:
    """`CLUSTER` stands for it, and the comment says so; on Google no tags are needed."""
    request = RestoreRequest(namespace="shop", claim="data", driver=AUTO)
    for cluster in ("", "new; reboot"):
        found = made(request, snapshot, [], LABELS, cluster=cluster)
        ((what, line),) = [one for one in found.commands if "create-tags" in one[1]][1:]
        assert line.endswith("Key=eks:eks-cluster-name,Value=CLUSTER")
        assert "CLUSTER is the name of the cluster that restores" in what
    google = made(known=[], found=of_data("s-1", on=GOOGLE_DISK), labels=ON_GOOGLE)
    assert not [line for _, line in google.commands if "tags" in line]
