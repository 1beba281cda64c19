"""The gate that a policy is tried by: what it lets through, and what it cannot evaluate."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulators.gate import GatedEC2, Policy, UnknownConstruct

SNAPSHOTS = "arn:aws:ec2:*::snapshot/*"
ONE = "arn:aws:ec2:eu-west-1::snapshot/snap-1"


def statement(effect: str = "Allow", condition: Any = None, **more: Any) -> dict[str, Any]:
    found = {"Sid": "Test", "Effect": effect, "Action": "ec2:DeleteSnapshot", "Resource": SNAPSHOTS}
    return found | ({"Condition": condition} if condition else {}) | more


def policy(*statements: dict[str, Any]) -> Policy:
    return Policy.of(json.dumps({"Version": "2012-10-17", "Statement": statements}))


def test_denies_what_nothing_allows() -> None:
    """IAM's default; another action or another resource is not allowed with it."""
    assert not policy().allows("ec2:DeleteSnapshot", ONE, {})
    assert policy(statement()).allows("ec2:DeleteSnapshot", ONE, {})
    assert not policy(statement()).allows("ec2:CreateSnapshot", ONE, {})
    assert not policy(statement()).allows("ec2:DeleteSnapshot", "arn:aws:ec2:x:1:volume/v", {})


def test_a_denial_wins() -> None:
    """In whatever order statements stand."""
    denial = statement("Deny", Resource="*")
    assert not policy(statement(), denial).allows("ec2:DeleteSnapshot", ONE, {})
    assert not policy(denial, statement()).allows("ec2:DeleteSnapshot", ONE, {})


@pytest.mark.parametrize(
    ("action", "asked", "allowed"),
    [
        ("ec2:*", "ec2:DeleteSnapshot", True),
        ("ec2:Describe*", "ec2:DescribeSnapshots", True),
        ("ec2:Describe*", "ec2:DeleteSnapshot", False),
        ("EC2:deletesnapshot", "ec2:DeleteSnapshot", True),  # actions know no case
        ("ec2:DeleteSnapsho?", "ec2:DeleteSnapshot", True),
        ("ec2:DeleteSnapsho[t]", "ec2:DeleteSnapshot", False),
    ],
)
def test_actions_match_as_in_iam(action: str, asked: str, allowed: bool) -> None:
    """`*` and `?`, and nothing else, are wild."""
    assert allowed == policy(statement(Action=action)).allows(asked, ONE, {})


KEY, KEYS, TEAM = "aws:ResourceTag/created-by", "aws:TagKeys", "aws:PrincipalTag/t"


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"StringEquals": {KEY: "us"}}, {KEY: "us"}, True),
        ({"StringEquals": {KEY: "us"}}, {KEY: "Us"}, False),
        ({"StringEquals": {KEY: "us"}}, {}, False),
        ({"StringEquals": {KEY: ["we", "us"]}}, {KEY: "us"}, True),
        ({"StringEquals": {KEY: "u*"}}, {KEY: "us"}, False),
        ({"StringLike": {KEY: "u*"}}, {KEY: "us"}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "true"}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "false"}, False),
        ({"StringEqualsIfExists": {KEY: "us"}}, {KEY: "us"}, True),
        ({"StringEqualsIfExists": {KEY: "us"}}, {KEY: "them"}, False),
        ({"StringEqualsIfExists": {KEY: "us"}}, {}, True),
        ({"StringNotEquals": {KEY: "us"}}, {KEY: "us"}, False),
        ({"StringNotEquals": {KEY: "us"}}, {KEY: "them"}, True),
        ({"StringNotEquals": {KEY: "us"}}, {}, True),
        ({"Null": {KEY: "true"}}, {}, True),
        ({"Null": {KEY: "true"}}, {KEY: ""}, False),
        ({"Null": {KEY: False}}, {KEY: ""}, True),
        ({"Null": {KEY: "false"}}, {}, False),
        ({"StringEquals": {KEY: "${aws:PrincipalTag/t}"}}, {KEY: "a", TEAM: "a"}, True),
        ({"StringEquals": {KEY: "${aws:PrincipalTag/t}"}}, {KEY: "a", TEAM: "b"}, False),
        ({"StringEquals": {KEY: "${aws:PrincipalTag/t}"}}, {KEY: "${aws:PrincipalTag/t}"}, False),
        ({"StringEquals": {KEY: "${aws:PrincipalTag/t}"}}, {KEY: ""}, False),
        ({"ForAllValues:StringLike": {"aws:TagKeys": ["a", "b/*"]}}, {KEYS: ("a", "b/c")}, True),
        ({"ForAllValues:StringLike": {"aws:TagKeys": ["a", "b/*"]}}, {KEYS: ("a", "c")}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {}, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": "a"}}, {KEYS: ("b", "c")}, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": "a"}}, {KEYS: ("b", "a")}, False),
        (
            {"StringEquals": {KEY: "us", "aws:RequestedRegion": "r"}},
            {KEY: "us", "aws:RequestedRegion": "other"},
            False,
        ),
    ],
)
def test_conditions_are_evaluated(condition: Any, context: Any, allowed: bool) -> None:
    """All must be met; of several values one; a key that is not there is not met, mostly."""
    found = policy(statement(condition=condition))
    assert allowed == found.allows("ec2:DeleteSnapshot", ONE, context)


@pytest.mark.parametrize(
    "strange",
    [
        statement(NotAction="ec2:*"),
        statement(NotResource="*"),
        statement(Principal="*"),
        {k: v for k, v in statement().items() if k != "Sid"},
        statement(condition={"StringNotLike": {KEY: "x"}}),
        statement(condition={"ForAnyValue:StringEquals": {"aws:TagKeys": ["x"]}}),
        statement(condition={"StringLikeIfExists": {KEY: "x"}}),
        statement(condition={"StringEquals": {"aws:TagKeys": "x"}}),
        statement(condition={"StringEquals": {"aws:PrincipalArn": "x"}}),
        statement(condition={"StringEquals": {KEY: "${aws:username}"}}),
        statement("Perhaps"),
    ],
)
def test_what_it_does_not_know_is_an_error(strange: dict[str, Any]) -> None:
    """Nothing is passed over in silence."""
    with pytest.raises(UnknownConstruct):
        policy(strange)


def test_a_policy_of_another_version_is_an_error() -> None:
    """Its variables and wildcards would mean something else."""
    with pytest.raises(UnknownConstruct):
        Policy.of({"Version": "2008-10-17", "Statement": []})


def test_statements_of_aws_need_no_sid() -> None:
    """Its managed policies have some without; ours must name each."""
    entry = {k: v for k, v in statement().items() if k != "Sid"}
    document = {"Version": "2012-10-17", "Statement": [entry]}
    assert Policy.of(document, sids=False).allows("ec2:DeleteSnapshot", ONE, {})


def test_takes_one_action_away() -> None:
    """And leaves the others, and tells which there are."""
    found = policy(statement(Action=["ec2:DeleteSnapshot", "ec2:CreateTags", "s3:GetObject"]))
    less = found.without("ec2:CreateTags")
    assert {"ec2:DeleteSnapshot"} == less.actions("ec2")
    assert {"ec2:DeleteSnapshot", "ec2:CreateTags"} == found.actions("ec2")


@pytest.fixture
def cloud() -> Iterator[GatedEC2]:
    with GatedEC2() as found:
        yield found


def ec2(cloud: GatedEC2) -> Any:
    return boto3.client(
        "ec2", region_name="eu-west-1", endpoint_url=cloud.url, aws_access_key_id="a",
        aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


TAGS = [{"ResourceType": "snapshot", "Tags": [{"Key": "created-by", "Value": "us"}]}]
MAKE = statement(
    Action="ec2:CreateSnapshot", Resource=["arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*::snapshot/*"]
)
TAG = statement(
    Action="ec2:CreateTags", condition={"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}
)


def refused(cloud: GatedEC2, act: Any) -> set[str]:
    """Do it, and tell which actions were refused."""
    cloud.refused.clear()
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        act()
    return {action for action, _ in cloud.refused}


def test_creating_asks_for_the_volume_the_snapshot_and_the_tags(cloud: GatedEC2) -> None:
    """As the Service Authorization Reference says of CreateSnapshot and CreateTags."""
    volume = ec2(cloud).create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]

    def create() -> Any:
        return ec2(cloud).create_snapshot(VolumeId=volume, TagSpecifications=TAGS)

    for given in ([], [MAKE | {"Resource": SNAPSHOTS}], [MAKE | {"Resource": "*volume/*"}]):
        cloud.policy = policy(*given, TAG)
        assert {"ec2:CreateSnapshot"} == refused(cloud, create)
    cloud.policy = policy(MAKE)
    assert {"ec2:CreateTags"} == refused(cloud, create)
    cloud.policy = policy(MAKE, TAG)
    found = create()["SnapshotId"]
    assert {"ec2:CreateTags"} == refused(
        cloud, lambda: ec2(cloud).create_tags(Resources=[found], Tags=TAGS[0]["Tags"])
    )


def test_deleting_asks_for_the_tags_that_the_snapshot_bears(cloud: GatedEC2) -> None:
    """Not for those that the request names: it names none."""
    client = ec2(cloud)
    volumes = [client.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
               for _ in range(2)]  # fmt: skip
    ours = client.create_snapshot(VolumeId=volumes[0], TagSpecifications=TAGS)["SnapshotId"]
    theirs = client.create_snapshot(VolumeId=volumes[1])["SnapshotId"]
    cloud.policy = policy(statement(condition={"StringEquals": {KEY: "us"}}))
    client.delete_snapshot(SnapshotId=ours)
    assert {"ec2:DeleteSnapshot"} == refused(
        cloud, lambda: client.delete_snapshot(SnapshotId=theirs)
    )


def test_making_a_volume_asks_for_the_snapshot_too(cloud: GatedEC2) -> None:
    """By the tags that the snapshot has, since 2025 (aws-ebs-csi-driver, issue 2190)."""
    client = ec2(cloud)
    volume = client.create_volume(AvailabilityZone="eu-west-1a", Size=1)["VolumeId"]
    source = client.create_snapshot(VolumeId=volume)["SnapshotId"]
    make = statement(Action="ec2:CreateVolume", Resource="arn:aws:ec2:*:*:volume/*")
    cloud.policy = policy(make)

    def create() -> Any:
        return client.create_volume(AvailabilityZone="eu-west-1a", SnapshotId=source)

    assert {"ec2:CreateVolume"} == refused(cloud, create)
    wanted = {"StringEquals": {"ec2:ResourceTag/k": "v"}}
    use = statement(Action="ec2:CreateVolume", Resource=SNAPSHOTS, condition=wanted)
    cloud.policy = policy(make, use)
    assert {"ec2:CreateVolume"} == refused(cloud, create)
    cloud.policy = None
    client.create_tags(Resources=[source], Tags=[{"Key": "k", "Value": "v"}])
    cloud.policy = policy(make, use)
    create()


def test_a_region_may_be_asked_for(cloud: GatedEC2) -> None:
    """Conditions on `aws:RequestedRegion` see the region that the request was signed for."""
    for region, through in (("eu-west-1", True), ("us-east-1", False)):
        cloud.policy = policy(
            statement(Action="ec2:DescribeSnapshots", Resource="*",
                      condition={"StringEquals": {"aws:RequestedRegion": region}})
        )  # fmt: skip
        if through:
            ec2(cloud).describe_snapshots(OwnerIds=["self"])
        else:
            assert {"ec2:DescribeSnapshots"} == refused(cloud, ec2(cloud).describe_snapshots)
