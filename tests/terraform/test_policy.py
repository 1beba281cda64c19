"""The function's policy on AWS is what it takes, and no more: it is tried, not read."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from functions.aws.wiring import build
from shared.errors import PassError
from shared.passes.run import run
from shared.planning.labels import CLUSTER, KEEP
from shared.reports.schema import Report
from shared.request import Request
from shared.sources.file import RulesFile
from tests.clock import VirtualClock
from tests.contract.provider import ProviderContract
from tests.emulators.gate import GatedEC2, Policy
from tests.emulators.kube import Kube
from tests.functions.aws.cloud import EC2Cloud
from tests.shared.demo_aws import CLUSTER_FILE, DUE, EXPIRED, LEDGER, seed
from tests.terraform.plans import environment, need_terraform, plan

need_terraform()

REGIONS = ("eu-west-1", "us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2")
GIVEN = {"regions": json.dumps(REGIONS), "cluster_id": "demo"}
#: A static volume that does not tell its region, beside the demo's.
LOST = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: static, annotations: {backup.kubernetes.io/deltas: P1D P7D}}
spec:
  capacity: {storage: 6Gi}
  csi: {driver: ebs.csi.aws.com, volumeHandle: vol-0afe9f6b6b07bc3b1}
"""
CREATED = DUE + 1


@cache
def document(**variables: str) -> str:
    """Render the policy of the function."""
    found: str = plan("aws", **GIVEN, **variables)["aws_iam_role_policy.pass"]["policy"]
    return found


def policy(**variables: str) -> Policy:
    return Policy.of(document(**variables))


class TestBehindThePolicy(ProviderContract):
    """EBS keeps the contract of all providers with just these permissions."""

    @pytest.fixture
    def cloud(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[EC2Cloud]:
        clock = VirtualClock()
        monkeypatch.setattr("botocore.endpoint.time", clock)
        for limit in ("bucket.TokenBucket", "quota.RetryQuota"):
            monkeypatch.setattr(f"botocore.retries.{limit}.acquire", lambda *_, **__: True)
        with GatedEC2() as ec2:
            ec2.policy = policy()
            yield EC2Cloud(ec2, clock)
            assert ec2.refused == []


@dataclass
class World:
    """The demo's cluster and cloud, behind a policy, with the environment that Terraform gives."""

    ec2: GatedEC2
    kube: Kube

    def one_pass(self, **environ: str) -> Report:
        settings, ports = build({**os.environ, **environ})
        return run(Request(), settings, ports, 600).report

    def clean(self, report: Report) -> bool:
        """Tell whether nothing was refused, and nothing said."""
        said = [p for p in report.problems if p.source.kind in ("Rules", "Scope", "Bucket")]
        return not (self.ec2.refused or said or report.failures or report.deferred)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with GatedEC2() as ec2, Kube() as kube:
        (static := tmp_path / "static.yaml").write_text(LOST)
        kube.load(CLUSTER_FILE)
        kube.load(static)
        seed(ec2)
        ec2.add_volume("us-west-2", volume_id="vol-0afe9f6b6b07bc3b1")
        names = ec2.environment() | environment("aws", **GIVEN)
        del names["CLUSTER_NAME"]  # the kubeconfig in place of EKS
        names["KUBE_CONFIG_FILE"] = str(kube.kubeconfig(tmp_path / "kubeconfig"))
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        bucket = names["MIRROR_URL"].split("/")[2]
        location: Any = {"LocationConstraint": "eu-west-1"}
        boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
        ec2.policy = policy()
        yield World(ec2, kube)


def test_the_demos_passes_succeed(world: World) -> None:
    """Creating, expiring, mirror, lease and reports; and again with the cluster gone."""
    first = world.one_pass()
    assert (CREATED, EXPIRED) == (first.summary.created, first.summary.deleted)
    world.kube.stop()
    second = world.one_pass()
    assert second.mirror_in_use
    assert [] == world.ec2.refused
    assert [] == [p for p in second.problems if p.source.kind in ("Scope", "Bucket")]


def test_a_mirror_that_others_write_is_read(world: World) -> None:
    """`rules_from = "mirror"` writes nothing there, and cannot."""
    world.one_pass()
    world.ec2.policy = policy(rules_from="mirror")
    report = world.one_pass(RULES_FROM="mirror")
    assert [] == world.ec2.refused
    assert report.rules_from.startswith("the mirror")
    key = environment("aws", **GIVEN)["MIRROR_URL"].split("/", 3)
    with pytest.raises(ClientError, match="AccessDenied"):
        boto3.client("s3").put_object(Bucket=key[2], Key=key[3], Body=b"{}")


#: What is allowed of EC2 and S3, statement by statement.
GRANTS = [
    ("ListSnapshots", "ec2:DescribeSnapshots"),
    ("FindVolumes", "ec2:DescribeVolumes"),
    ("SnapshotVolumes", "ec2:CreateSnapshot"),
    ("SnapshotWithOurLabel", "ec2:CreateSnapshot"),
    ("LabelWhileCreating", "ec2:CreateTags"),
    ("DeleteWithOurLabel", "ec2:DeleteSnapshot"),
    ("SeeWhatIsMissing", "s3:ListBucket"),
    ("Mirror", "s3:GetObject"),
    ("Mirror", "s3:PutObject"),
    ("Remember", "s3:GetObject"),
    ("Remember", "s3:PutObject"),
    ("Report", "s3:PutObject"),
]
ELSEWHERE = {"FindCluster", "Log", "DeadLetters"}  # of services that no gate stands before


def test_nothing_else_is_allowed() -> None:
    """What is tried below, action by action, is all that there is."""
    found = [s for s in policy().statements if s.effect == "Allow" and s.sid not in ELSEWHERE]
    assert set(GRANTS) == {(s.sid, action) for s in found for action in s.actions}
    others = policy().actions("eks", "logs", "sqs", "iam", "sts", "kms", "secretsmanager")
    writing = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
    assert {"eks:DescribeCluster", *writing} == others


def broken(world: World) -> bool:
    """Tell whether passes miss something, of three: the second without the cluster."""
    try:
        reports = [world.one_pass()]
        # Lost rules have a pass note its doubts.
        world.kube.crd = False
        reports.append(world.one_pass())
        world.kube.stop()
        reports.append(world.one_pass())
    except PassError:
        return True
    made = reports[0].summary
    return bool(world.ec2.refused) or (CREATED, EXPIRED) != (made.created, made.deleted)


def test_nothing_is_missing(world: World) -> None:
    """The same passes find all that they need."""
    assert not broken(world)


@pytest.mark.parametrize(("sid", "action"), GRANTS)
def test_each_grant_is_needed(world: World, sid: str, action: str) -> None:
    """Without any one of them something fails: the action is refused."""
    found = policy()
    less = [
        replace(s, actions=tuple(a for a in s.actions if (s.sid, a) != (sid, action)))
        for s in found.statements
    ]
    world.ec2.policy = replace(found, statements=tuple(less), used=set())
    assert broken(world)
    assert action in {refused for refused, _ in world.ec2.refused} or action == "s3:ListBucket"


def client() -> Any:
    return boto3.client("ec2", config=Config(retries={"total_max_attempts": 1}))


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"created-by": "somebody"},
        {"Created-By": "k8s-snapshots"},
        {CLUSTER: "demo"},
        {"created-by": "k8s-snapshots", KEEP: "true"},
        {"created-by": "k8s-snapshots", CLUSTER: "another"},
    ],
)
def test_others_snapshots_cannot_be_deleted(world: World, tags: dict[str, str]) -> None:
    """Not even by a defect of ours: the policy refuses it (P1)."""
    found = world.ec2.add_snapshot(
        "eu-west-1", LEDGER, started=VirtualClock().now() - timedelta(days=3), tags=tags
    )
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        client().delete_snapshot(SnapshotId=found)


@pytest.mark.parametrize("tags", [{}, {CLUSTER: "demo"}])
def test_our_own_can_be_deleted(world: World, tags: dict[str, str]) -> None:
    """The daemon's too, which name no cluster."""
    tags = {"created-by": "k8s-snapshots", **tags}
    started = VirtualClock().now() - timedelta(days=3)
    found = world.ec2.add_snapshot("eu-west-1", LEDGER, started=started, tags=tags)
    client().delete_snapshot(SnapshotId=found)


def test_the_functions_own_code_has_no_hand_on_the_network() -> None:
    """In a VPC Lambda itself needs these permissions, by the same role."""
    role = policy(subnet_ids='["subnet-1"]', security_group_ids='["sg-1"]')
    where = "arn:aws:ec2:us-east-1:123456789012:network-interface/*"
    own = {
        "lambda:SourceFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:k8s-snapshots"
    }
    sids = {"SeeNetwork", "JoinNetwork"}
    actions = {a for s in role.statements if s.sid in sids for a in s.actions}
    assert len(actions) == 6
    for action in actions:
        assert role.allows(action, where, {})
        assert not role.allows(action, where, own)
    assert role.allows("ec2:DescribeSnapshots", "*", {**own, "aws:RequestedRegion": "us-east-1"})


def test_no_label_can_be_put_on_anothers_snapshot(world: World) -> None:
    """Labels go on while creating only, or one could make a snapshot ours, and delete it."""
    found = world.ec2.add_snapshot("eu-west-1", LEDGER, started=VirtualClock().now(), tags={})
    tags: Any = [{"Key": "created-by", "Value": "k8s-snapshots"}]
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        client().create_tags(Resources=[found], Tags=tags)


def test_no_snapshot_can_be_made_without_our_label(world: World) -> None:
    """Nobody would find it again."""
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        client().create_snapshot(VolumeId=LEDGER)


def test_no_other_region_can_be_worked_in(world: World) -> None:
    """`regions` bounds the role as well."""
    other = boto3.client("ec2", region_name="eu-north-1")
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        other.describe_snapshots(OwnerIds=["self"])


@pytest.mark.parametrize("key", ["other/rules.json.gz", "k8s-snapshots/other.json"])
def test_no_other_object_can_be_read_or_written(world: World, key: str) -> None:
    """Another cluster's mirror in the same bucket is out of reach."""
    bucket = environment("aws", **GIVEN)["MIRROR_URL"].split("/")[2]
    s3 = boto3.client("s3")
    for act in (lambda: s3.get_object(Bucket=bucket, Key=key),
                lambda: s3.put_object(Bucket=bucket, Key=key, Body=b"")):  # fmt: skip
        with pytest.raises(ClientError, match="AccessDenied"):
            act()


def test_the_demos_rules_name_these_regions() -> None:
    """Or the tests above would prove less than they say."""
    disks = [r.spec["disk"] for r in RulesFile(str(CLUSTER_FILE)).read().rules if "disk" in r.spec]
    assert {d["region"] for d in disks if "region" in d} <= set(REGIONS)


def test_each_way_into_the_cluster_has_its_permission() -> None:
    """One cluster by its ARN, or one secret, and its key only where there is one."""
    resources = {s.sid: s.resources for s in policy().statements}
    assert ("arn:aws:eks:us-east-1:123456789012:cluster/production",) == resources["FindCluster"]
    secret = policy(kube_config_secret="kops", cluster_name="")
    found = {s.sid: (s.actions, s.resources) for s in secret.statements}
    assert "FindCluster" not in found
    actions, where = found["ReadKubeconfig"]
    assert ("secretsmanager:GetSecretValue",) == actions
    assert all(":secret:kops" in resource for resource in where)
    assert "DecryptKubeconfig" not in found
    mirror = policy(rules_from="mirror")
    assert not {"FindCluster", "ReadKubeconfig"} & {s.sid for s in mirror.statements}


def test_nothing_but_describes_is_allowed_on_everything() -> None:
    """In a VPC too."""
    more = {"subnet_ids": '["subnet-1"]', "security_group_ids": '["sg-1"]'}
    for statement in json.loads(document(**more))["Statement"]:
        if statement["Effect"] == "Deny":
            continue
        resources = statement["Resource"]
        if "*" in ([resources] if isinstance(resources, str) else resources):
            actions = statement["Action"]
            listed = [actions] if isinstance(actions, str) else actions
            assert all(action.startswith("ec2:Describe") for action in listed)
