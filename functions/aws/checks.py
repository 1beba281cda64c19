"""What `check` tries on AWS: the credentials, and each permission by a dry run."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from functions.aws.calls import NO_ANSWER, EC2Clients, order
from functions.aws.errors import NOT_EC2, text_of
from shared.model import Snapshot
from shared.planning.actions import Create
from shared.ports import Check


def credentials(identity: Callable[[], str]) -> Check:
    """Tell the account and identity; needs no permission."""
    try:
        caller = identity()
    except (ClientError, *NO_ANSWER) as error:
        return Check("AWS credentials", False, text_of(error), "see docs/aws.md")
    return Check("AWS credentials", True, caller)


def check(
    clients: EC2Clients,
    region: str,
    create: Create | None,
    snapshot: Snapshot | None,
    extra: Mapping[str, str],
) -> Iterable[Check]:
    """Try each permission with DryRun."""
    client = clients.of(region, once=True)
    yield _dry(
        f"ec2:DescribeSnapshots in {region}",
        lambda: client.describe_snapshots(OwnerIds=["self"], DryRun=True),
    )
    yield _dry(
        f"ec2:DescribeVolumes in {region}, for volumes that do not say their region",
        lambda: client.describe_volumes(DryRun=True),
    )
    if create:
        yield _dry(
            f"ec2:CreateSnapshot and ec2:CreateTags of {create.disk.name}",
            lambda: client.create_snapshot(**order(create, extra), DryRun=True),
        )
    if snapshot:
        yield _dry(
            f"ec2:DeleteSnapshot of {snapshot.id}",
            lambda: client.delete_snapshot(SnapshotId=snapshot.id, DryRun=True),
        )


def _dry(name: str, call: Callable[[], Any]) -> Check:
    """Run a dry call; one that would have succeeded answers DryRunOperation."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] == "DryRunOperation":
            return Check(name, True)
        return Check(name, False, text_of(error), "see docs/aws.md for the policy that is needed")
    except (BotoCoreError, ResponseParserError) as error:
        return Check(name, False, text_of(error), "check region, network and credentials")
    # EC2 answers a dry call with an error, always.
    return Check(name, False, NOT_EC2, "check network and AWS_ENDPOINT_URL")
